"""Shift plans: they meet the dosage, nobody is at two places at once, and their bounds are bounds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demandgeo.deployment import dosage, shift_plan
from demandgeo.deployment.tours import EXACT, Beat, _built, find_rota, least_officers, most_served
from demandgeo.domain import Balance, Certificate, CostMatrix, Demand, Grid, Points, PriorityAreas, ShiftPlan, Table
from demandgeo.domain.areas import AREA_COLUMNS
from demandgeo.errors import ModelError
from tests.kernels import reference_touring as twin
from tests.kernels.test_touring import travel_between

CRS = "EPSG:27700"


def beat_of(seed: int, n: int, most_visits: int = 4) -> Beat:
    rng = np.random.default_rng(seed)
    risk = rng.gamma(1.0, 1.0, n)
    return Beat(travel_between(seed, n), 15.0, rng.integers(1, most_visits + 1, n), 240.0, risk / risk.sum())


def places(n: int, seed: int = 1, across: float = 6000.0) -> Points:
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0, across, (2, n))
    risk = pd.DataFrame({"risk": rng.gamma(1.0, 1.0, n)})
    return Points(tuple(f"area {i:02}" for i in range(n)), x, y, CRS, risk)


@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
@settings(max_examples=25)
def test_the_least_officers_are_those_of_every_partition(seed, n):
    beat = beat_of(seed, n)
    rota = find_rota(beat)
    assert rota.method == EXACT
    assert len(rota.tours) == rota.least == twin.fewest_tours(beat.travel, beat.visit, beat.visits, beat.shift)
    assert sorted(area for tour in rota.tours for area in tour) == list(range(n))
    assert all(beat.fits(tour) for tour in rota.tours)


@given(st.integers(0, 2**32 - 1), st.integers(2, 5))
@settings(max_examples=15)
def test_with_too_few_officers_the_most_risk_is_served(seed, n):
    beat = beat_of(seed, n)
    if find_rota(beat).least > 1:
        rota = find_rota(beat, 1)
        served = sum(beat.risk[list(tour)].sum() for tour in rota.tours)
        assert len(rota.tours) == 1
        assert served == pytest.approx(rota.most_served)
        assert served == pytest.approx(twin.most_risk(beat.travel, 15.0, beat.visits, beat.shift, beat.risk, 1))
        assert served <= most_served(beat, 1) + 1e-9


@given(st.integers(0, 2**32 - 1), st.integers(1, 11))
@settings(max_examples=25)
def test_bounds_lie_below_and_insertion_above_the_exact_answer(seed, n):
    beat = beat_of(seed, n)
    exact = find_rota(beat)
    built = _built(beat)
    assert least_officers(beat)[0] <= exact.least <= len(built)
    assert sorted(area for tour in built for area in tour) == list(range(n))
    assert all(beat.fits(tour) for tour in built)


def check_visits(plan: ShiftPlan, travel: np.ndarray, shift: float, minutes: float = 15.0):
    """Nobody is at two places at once or early, all is inside the shift, visits are evenly spaced."""
    at = {name: place for place, name in enumerate(plan.rows["area"])}
    for _, one in plan.visits.groupby("officer", sort=False):
        areas, arrive = one["area"].map(at).to_numpy(), one["arrive_minute"].to_numpy()
        assert (arrive[1:] - arrive[:-1] >= minutes + travel[areas[:-1], areas[1:]] - 1e-6).all()
        assert arrive[-1] + minutes + travel[areas[-1], areas[0]] <= shift + 1e-6
    for _, one in plan.visits.groupby("area"):
        apart = np.diff(one["arrive_minute"])
        assert len(apart) == 0 or np.ptp(apart) < 1e-6


@pytest.mark.parametrize("required", ["alike", "by risk"])
@pytest.mark.parametrize("n", [1, 5, 14, 31])
def test_a_plan_meets_the_dosage(n, required):
    areas = places(n)
    plan = shift_plan(areas, required=required)
    assert plan.is_met
    assert plan.delivered_share == pytest.approx(1.0)
    assert plan.rows["required_visits"].sum() == 3 * n
    assert plan.least_officers <= plan.officers
    if n <= 14:
        assert plan.is_proven
    apart = np.hypot(areas.x[:, None] - areas.x, areas.y[:, None] - areas.y) * 1.3 / (20_000 / 60)
    check_visits(plan, apart, 420.0)
    assert plan.content_hash() == shift_plan(areas, required=required).content_hash()


def test_thirty_one_areas_come_with_a_bound_near_the_plan():
    plan = shift_plan(places(31))
    assert plan.officers <= plan.least_officers + 1
    assert f"at least {plan.least_officers} are needed" in plan.sentence() or plan.is_proven


def test_visits_by_risk_follow_risk_more_closely():
    areas = places(12, seed=4)
    alike, by_risk = shift_plan(areas), shift_plan(areas, required="by risk")
    assert by_risk.mismatch < alike.mismatch
    assert by_risk.rows["required_visits"].min() >= 1


@pytest.mark.parametrize("n", [8, 20])
def test_too_few_officers_serve_what_they_can_and_say_what_is_left(n):
    areas = places(n, across=20_000.0)
    whole = shift_plan(areas)
    few = shift_plan(areas, officers=1)
    assert whole.officers > 1
    assert not few.is_met
    assert few.officers == 1 < few.least_officers <= whole.officers
    assert 0 < few.delivered_share <= few.delivered_bound < 1
    unserved = few.rows.loc[few.rows["delivered_visits"] == 0, "area"].tolist()
    assert any(", ".join(unserved) in note for note in few.notes)
    assert "deliver" in few.sentence()
    enough = shift_plan(areas, officers=50)
    assert enough.content_hash() == whole.content_hash()


def test_a_drawn_assignment_is_scored_against_what_is_required():
    areas = Points(("A", "B", "C", "D"), np.array([0.0, 1000, 2000, 30_000]), np.zeros(4), CRS)
    drawn = Table("drawn", pd.DataFrame({"officer": ["x", "x", "x", "x"], "area": ["A", "B", "C", "D"]}))
    plan = dosage(areas, drawn)
    # One round of all four takes four visits and 60 km x 1.3 at 20 km/h: 294 minutes, once in a shift of 420.
    assert plan.rows["delivered_visits"].tolist() == [1, 1, 1, 1]
    assert plan.delivered_share == pytest.approx(1 / 3)
    assert plan.least_officers == 2
    check_visits(plan, np.abs(areas.x[:, None] - areas.x) * 1.3 / (20_000 / 60), 420.0)
    better = dosage(areas, Table("two", pd.DataFrame({"officer": ["x", "x", "x", "y"], "area": list("ABCD")})))
    assert better.is_met
    assert better.is_proven
    short = dosage(areas, drawn, shift=("22:00", "23:30"), visits=1)
    assert short.rows["delivered_visits"].tolist() == [1, 1, 1, 0], "the area of least risk, named last, is left out"
    assert short.visits["arrive"].iloc[0] == "22:00"


def test_travel_times_are_taken_as_given_and_one_way():
    areas = Points(("A", "B"), np.full(2, np.nan), np.full(2, np.nan))
    times = CostMatrix.of([[0.0, 600.0], [1200.0, 0.0]], profile="night")
    plan = shift_plan(areas, times, shift=("22:00", "06:00"), visits=2)
    assert plan.visits["arrive"].tolist() == ["22:00", "22:25", "02:00", "02:25"]
    assert any("travel times: night" in note for note in plan.notes)
    assert isinstance(plan.to_frame(), pd.DataFrame)
    far = shift_plan(areas, times, visit_minutes=30.0, visits=6)
    # 2 x 30 + 30 minutes six times are more than 420: one officer each.
    assert far.officers == far.least_officers == 2
    assert any("Koper" in note for note in far.notes)


def test_priority_areas_bring_their_names_risk_and_outlines():
    grid = Grid.covering((0, 0, 2000, 500), cell=500, crs=CRS)
    values = np.array([6.0, 1.0, 0.0, 3.0])
    demand = Demand(
        grid, values, "incidents", Balance(np.array([10, 0, 0, 0]), np.array([10.0, 0, 0, 0])), "count", "2018-07"
    )
    rows = [(0, 1, "North", 1, 25e4, 0.25, 6.0, 0.6, 6.0), (1, 2, "South", 1, 25e4, 0.25, 3.0, 0.3, 3.0)]
    labels = np.array([0, -1, -1, 1])
    areas = PriorityAreas(demand, labels, pd.DataFrame(rows, columns=list(AREA_COLUMNS)), Certificate(5e5, 0.0, "all"))
    plan = shift_plan(areas)
    assert plan.rows["area"].tolist() == ["North", "South"]
    assert plan.rows["risk_share"].tolist() == pytest.approx([2 / 3, 1 / 3])
    assert plan.to_frame().geometry.area.tolist() == [25e4, 25e4]
    assert plan.summary()["proven"] is True
    assert any("straight line x 1.3" in note for note in plan.notes)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"visits": 30}, "area 00: 30 visits of 15 minutes are 30 minutes too many"),
        ({"visit_minutes": 0.0}, "visit_minutes is 0"),
        ({"visit_minutes": float("nan")}, "visit_minutes is nan"),
        ({"speed_kmh": -1.0}, "speed_kmh is -1"),
        ({"detour": 0.5}, "detour is 0.5"),
        ({"shift": ("15:00", "24:00")}, "as 15:00 and 22:00"),
        ({"shift": ["15:00"]}, "as 15:00 and 22:00"),
        ({"times": CostMatrix.of(np.zeros((3, 2)))}, r"have the shape \(3, 2\)"),
        ({"times": CostMatrix.of([[0, np.inf, 1], [1, 0, 1], [1, 1, 0]])}, "no way from area 00 to area 01"),
    ],
)
def test_what_cannot_be_planned_is_refused(settings, message):
    times = settings.pop("times", None)
    with pytest.raises(ModelError, match=message):
        shift_plan(places(3), times, **settings)


def test_places_without_location_risk_or_the_right_names_are_refused():
    nowhere = Points(("A", "B"), np.full(2, np.nan), np.full(2, np.nan))
    with pytest.raises(ModelError, match="an area has no location"):
        shift_plan(nowhere)
    with pytest.raises(ModelError, match="there is no area"):
        shift_plan(Points((), np.empty(0), np.empty(0)))
    flat = Points(("A",), np.zeros(1), np.zeros(1), CRS, pd.DataFrame({"risk": [0.0]}))
    with pytest.raises(ModelError, match="risk of the areas"):
        shift_plan(flat)
    other = Points(("B", "A"), np.full(2, np.nan), np.full(2, np.nan))
    with pytest.raises(ModelError, match="the origins of the travel times are B, A"):
        shift_plan(nowhere, CostMatrix(other, other, np.zeros((2, 2), np.float32), "day"))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"who": ["x"], "area": ["area 00"]}, "no column officer"),
        ({"officer": ["x"], "area": ["area 0l"]}, 'did you mean "area 0'),
        ({"officer": ["x", "y"], "area": ["area 00", "area 00"]}, "stands twice"),
    ],
)
def test_an_assignment_that_makes_no_sense_is_refused(rows, message):
    with pytest.raises(ModelError, match=message):
        dosage(places(3), Table("drawn", pd.DataFrame(rows)))


def test_a_plan_checks_itself():
    good = shift_plan(places(3))
    fields = {
        name: getattr(good, name) for name in ("officers", "least_officers", "delivered_share", "delivered_bound")
    }
    fields |= {name: getattr(good, name) for name in ("visits", "method", "outlines", "crs", "rows")} | {"title": ""}
    with pytest.raises(ModelError, match="with a bound of 9"):
        ShiftPlan(**fields | {"least_officers": 9})
    with pytest.raises(ModelError, match=r"its bound 0\.5"):
        ShiftPlan(**fields | {"delivered_bound": 0.5})
    with pytest.raises(ModelError, match="not those of the rows"):
        ShiftPlan(**fields | {"visits": good.visits.iloc[1:]})
    with pytest.raises(ModelError, match="before the last visit is over"):
        ShiftPlan(**fields | {"visits": good.visits.assign(arrive_minute=0.0)})
