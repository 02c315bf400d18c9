"""Every criterion against a slow, obvious twin, on options with shifts, teams, assignments and patrols."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest

from demandgeo.density import count
from demandgeo.deployment import score, shift_demand, shift_plan, straight_line_times, time_changes
from demandgeo.domain import Events, Grid, Labels, Option, Options, Points, Table
from demandgeo.domain.options import BASE_COLUMNS
from demandgeo.errors import ModelError
from demandgeo.priority import select
from demandgeo.registry import CRITERIA

CRS = "EPSG:27700"
SHIFTS = {"early": ("07:00", "15:00"), "late": ("15:00", "23:00"), "night": ("23:00", "07:00")}
CENTRES = Grid.covering((0, 0, 1000, 800), cell=100, crs=CRS)
EAST = Labels.of(np.where(CENTRES.centres()[0] > 500, "East", "West").tolist())
GRID = dataclasses.replace(CENTRES, group=EAST)
SITES = Points(
    tuple("ABCDE"),
    np.array([100, 900, 500, 150, 450.0]),
    np.array([100, 700, 500, 650, 300.0]),
    CRS,
    pd.DataFrame({"cost_per_year": [10.0, 20.0, 30.0, 40.0, 50.0]}),
)
TIMES = straight_line_times(SITES, GRID, speed=10.0)
PEOPLE = Table(
    "people",
    pd.DataFrame(
        {
            "unit": GRID.ids.astype(str),
            "residents": np.random.default_rng(1).integers(0, 50, GRID.n).astype(float),
            "deprivation": np.random.default_rng(2).normal(size=GRID.n),
        }
    ),
)
OPTIONS = Options(
    (
        Option("now", ("A", "B", "C"), teams={"": {"early": 2, "late": 3, "night": 1}}, officers_per_team=2.0),
        Option(
            "fewer",
            ("A", "E"),
            teams={"A": {"": 4}, "E": {"early": 3, "late": 2}},
            assignment={"East": "E", "0": "E"},
            patrol={"officers": 1, "visits": 3},
        ),
        Option("whole", ("A", "B", "C", "D", "E"), patrol={"officers": 9, "visits": 2}),
    ),
    "now",
    SHIFTS,
    pd.DataFrame([("A", "candidate", 11.0)], columns=list(BASE_COLUMNS)),
)
HOW = {"within": 120.0, "fading_to": 200.0, "busy": 0.25, "calls_per_hour": 2.0, "minutes_per_call": 30.0}


def events(seed=1, n=600):
    rng = np.random.default_rng(seed)
    x, y = np.clip(rng.normal(400, 250, (2, n)), 1, [[999], [799]])
    minutes = np.clip(rng.normal(17 * 60, 240, n), 0, 1439).astype(int)
    time = np.datetime64("2024-01-01T00:00") + (rng.integers(0, 90, n) * 1440 + minutes).astype("timedelta64[m]")
    return Events.at(x, y, crs=CRS, time=time.astype("datetime64[s]"))


DEMAND = shift_demand(events(), GRID, OPTIONS)
AREAS = select(count(events(), GRID), demand_share=0.4, max_areas=3)


@pytest.fixture(scope="module")
def card():
    names = list(CRITERIA.entries("deployment"))
    return score(OPTIONS, DEMAND, TIMES, AREAS, None, PEOPLE, criteria=names, officer_cost=50_000.0, draws=500, **HOW)


@pytest.fixture(scope="module")
def value(card):
    found = card.rows.set_index(["option", "criterion"])["value"]
    return lambda option, criterion: float(found[(option, criterion)])


def duty(option, shift):
    return [base for base in option.open if option.teams_at(base, shift)]


def answer(option, shift, unit):
    """Return who answers a unit in a shift, and how soon."""
    bases = duty(option, shift)
    times = {base: float(TIMES.seconds[SITES.ids.index(base), unit]) for base in bases}
    east = GRID.group.to_array()[unit] == "East"
    own = option.assignment.get(str(GRID.ids[unit])) or (option.assignment.get("East") if east else None)
    base = own if own in times else min(bases, key=lambda name: (times[name], SITES.ids.index(name)))
    return base, times[base]


@pytest.fixture(scope="module", params=range(3), ids=OPTIONS.names)
def twin(request):
    """Every (weight, shift, unit, base, seconds, teams within) of an option."""
    option, rows = OPTIONS.options[request.param], []
    for number, shift in enumerate(SHIFTS):
        for unit in range(GRID.n):
            base, seconds = answer(option, shift, unit)
            near = sum(
                option.teams_at(name, shift)
                for name in duty(option, shift)
                if TIMES.seconds[SITES.ids.index(name), unit] <= HOW["within"]
            )
            rows.append((DEMAND.values[number, unit], shift, unit, base, seconds, near))
    return option, pd.DataFrame(rows, columns=["weight", "shift", "unit", "base", "seconds", "near"])


def test_every_registered_criterion_has_a_value_for_every_option(card):
    names = list(CRITERIA.entries("deployment"))
    assert len(card.rows) == 3 * len(names)
    assert set(card.rows["direction"]) <= {"higher", "lower"}
    assert card.to_frame()["option"].tolist() == list(OPTIONS.names)
    assert np.isfinite(card.rows["value"]).all()


def test_coverage_and_times(twin, value):
    option, rows = twin
    weight, seconds = rows["weight"], rows["seconds"]
    met = seconds <= HOW["within"]
    fading = np.clip((200.0 - seconds) / 80.0, 0.0, 1.0)
    expected = {
        "coverage": weight[met].sum() / weight.sum(),
        "gradual_coverage": (weight * fading).sum() / weight.sum(),
        "backup_coverage": weight[rows["near"] >= 2].sum() / weight.sum(),
        "expected_coverage": (weight * (1 - 0.25 ** rows["near"])).sum() / weight.sum(),
        "mean_time": (weight * seconds).sum() / weight.sum(),
        "unreached": 0.0,
    }
    inside = AREAS.selected[rows["unit"]]
    expected["priority_coverage"] = weight[met & inside].sum() / weight[inside].sum()
    ordered = rows.sort_values("seconds", kind="stable")
    held = ordered["weight"].cumsum() / weight.sum()
    for name, share in (("median_time", 0.5), ("p90_time", 0.9), ("p95_time", 0.95)):
        expected[name] = ordered["seconds"][held >= share - 1e-12].iloc[0]
    for name, right in expected.items():
        assert value(option.name, name) == pytest.approx(right, rel=1e-6, abs=1e-9), name


def test_workload(twin, value):
    option, rows = twin
    load = rows.groupby(["base", "shift"])["weight"].sum()
    each = [
        load.get((base, shift), 0.0) / (option.teams_at(base, shift) * option.officers_per_team)
        for shift in SHIFTS
        for base in duty(option, shift)
    ]
    each = np.array(each)
    gini = np.abs(each[:, None] - each).sum() / (2 * each.size * each.sum())
    assert value(option.name, "workload_gini") == pytest.approx(gini)
    assert value(option.name, "workload_cv") == pytest.approx(each.std() / each.mean())
    assert value(option.name, "workload_ratio") == pytest.approx(each.max() / each.mean())


def test_queues(twin, value):
    option, rows = twin
    waits, delay, calls, peak = 0.0, 0.0, 0.0, 0.0
    for (base, shift), weight in rows.groupby(["base", "shift"])["weight"].sum().items():
        per_hour = weight / rows["weight"].sum() * HOW["calls_per_hour"] * 24 / 8
        load, teams = per_hour * HOW["minutes_per_call"] / 60, option.teams_at(base, shift)
        busy = erlang(teams, load)
        waits, calls = waits + 8 * per_hour * busy, calls + 8 * per_hour
        delay += 8 * per_hour * (busy * HOW["minutes_per_call"] / (teams - load) if load < teams else math.inf)
        peak = max(peak, load / teams)
    assert value(option.name, "wait_share") == pytest.approx(waits / calls)
    assert value(option.name, "mean_wait") == pytest.approx(delay / calls)
    assert value(option.name, "peak_utilisation") == pytest.approx(peak)
    # Whoever is sent, no call is answered sooner than by the nearest team of all.
    assert value(option.name, "answered_time") >= rows_nearest(option, rows) - 1e-6
    assert 0 < value(option.name, "all_busy") < 1


def erlang(teams, load):
    if load >= teams:
        return 1.0
    terms = [load**k / math.factorial(k) for k in range(teams)]
    last = load**teams / math.factorial(teams) * teams / (teams - load)
    return last / (sum(terms) + last)


def rows_nearest(option, rows):
    nearest = [
        min(float(TIMES.seconds[SITES.ids.index(base), unit]) for base in duty(option, shift))
        for shift, unit in zip(rows["shift"], rows["unit"], strict=True)
    ]
    return (rows["weight"] * nearest).sum() / rows["weight"].sum()


def test_fairness(twin, value):
    option, rows = twin
    met = rows["weight"] * (rows["seconds"] <= HOW["within"])
    by_district = met.groupby(GRID.group.to_array()[rows["unit"]]).sum()
    held = rows["weight"].groupby(GRID.group.to_array()[rows["unit"]]).sum()
    district = by_district / held
    order = np.argsort(np.argsort(-PEOPLE.rows["deprivation"].to_numpy(), kind="stable"), kind="stable")
    fifth = (order * 5 // GRID.n)[rows["unit"]]
    of_fifth = met.groupby(fifth).sum() / rows["weight"].groupby(fifth).sum()
    assert value(option.name, "district_gap") == pytest.approx(district.max() - district.min())
    assert value(option.name, "worst_district") == pytest.approx(district.min())
    assert value(option.name, "deprivation_gap") == pytest.approx(of_fifth.max() - of_fifth.min())
    assert value(option.name, "worst_fifth") == pytest.approx(of_fifth.min())


def test_who_is_worse_off(twin, value, card):
    option, _ = twin
    share = DEMAND.values.sum(axis=1) / DEMAND.values.sum()

    def seconds(plan):
        return [sum(p * answer(plan, s, u)[1] for p, s in zip(share, SHIFTS, strict=True)) for u in range(GRID.n)]

    change = np.subtract(seconds(option), seconds(OPTIONS.options[0]))
    residents = PEOPLE.rows["residents"].to_numpy()
    worse = residents[change > 60].sum() / residents.sum()
    assert value(option.name, "people_worse_off") == pytest.approx(worse)
    changes = time_changes(card, DEMAND, TIMES, PEOPLE, option=option.name)
    np.testing.assert_allclose(changes.change, change, atol=1e-3)
    assert changes.to_frame()["change_min"].to_numpy() == pytest.approx(change / 60, abs=1e-4)
    assert residents[changes.worse].sum() / residents.sum() == pytest.approx(worse)


def test_resources(twin, value):
    option, rows = twin
    cost = sum({"A": 11.0, "B": 20.0, "C": 30.0, "D": 40.0, "E": 50.0}[base] for base in option.open)
    posts = sum(8 * option.teams_at(b, s) * option.officers_per_team for s in SHIFTS for b in option.open)
    officers = (posts + 7 * option.patrol.get("officers", 0)) * 365.25 / 1650
    assert value(option.name, "sites_cost") == cost
    assert value(option.name, "officers") == pytest.approx(officers)
    assert value(option.name, "total_cost") == pytest.approx(cost + 50_000 * officers)
    assert value(option.name, "bases_changed") == len(set(option.open) ^ set("ABC"))
    before = [answer(OPTIONS.options[0], s, u)[0] for s, u in zip(rows["shift"], rows["unit"], strict=True)]
    moved = rows["weight"][rows["base"] != np.array(before)].sum() / rows["weight"].sum()
    assert value(option.name, "demand_reassigned") == pytest.approx(moved)


def test_dosage(value):
    risk = AREAS.to_frame()["demand"].to_numpy(float)
    assert value("now", "dosage_delivered") == 0.0
    assert value("now", "dosage_mismatch") == 1.0
    plan = shift_plan(AREAS, officers=1, visits=3)
    delivered = plan.rows["delivered_visits"].to_numpy(float)
    assert value("fewer", "dosage_delivered") == pytest.approx(risk @ np.minimum(delivered / 3, 1) / risk.sum())
    # Two visits to each of the areas, where three are required.
    assert value("whole", "dosage_delivered") == pytest.approx(2 / 3)
    even = np.abs(1 / risk.size - risk / risk.sum()).sum() / 2
    assert value("whole", "dosage_mismatch") == pytest.approx(even)


def test_shifts_apart_add_up_to_all_of_them(card):
    """Shares of demand and of calls, and means over them, are those of the shifts, weighted by demand."""
    share = dict(zip(SHIFTS, DEMAND.values.sum(axis=1) / DEMAND.values.sum(), strict=True))
    averaged = ["coverage", "mean_time", "expected_coverage", "wait_share", "mean_wait", "all_busy"]
    apart = card.by_shift[card.by_shift["criterion"].isin(averaged)]
    summed = (apart["value"] * apart["shift"].map(share)).groupby([apart["option"], apart["criterion"]]).sum()
    whole = card.rows.set_index(["option", "criterion"])["value"]
    for key, total in summed.items():
        assert whole[key] == pytest.approx(total)
    assert not card.by_shift["criterion"].isin(["sites_cost", "officers", "people_worse_off"]).any()


def test_what_a_criterion_lacks_is_told():
    plain = Options.of({"now": ["A"]}, status_quo="now")
    sites = dataclasses.replace(SITES, table=pd.DataFrame())
    times = dataclasses.replace(TIMES, origins=sites)
    with pytest.raises(ModelError) as caught:
        score(plain, count(events(), CENTRES), times, criteria=list(CRITERIA.entries("deployment")))
    text = str(caught.value)
    for word in ("calls_per_hour", "residents", "deprivation", "priority areas", "district", "cost_per_year", "teams"):
        assert word in text


def test_shifts_of_options_and_demand_must_agree():
    with pytest.raises(ModelError, match=r"make it with deployment\.shift_demand"):
        score(OPTIONS, count(events(), GRID), TIMES)
    with pytest.raises(ModelError, match="the options have none"):
        score(Options.of({"now": ["A"]}, status_quo="now"), DEMAND, TIMES)


def test_what_options_name_must_be_there():
    def options(**fields):
        return Options((Option("now", ("A", "B"), **fields),), "now")

    plain = count(events(), GRID)
    with pytest.raises(ModelError, match=r"assigns 'Esat', which is no unit and no district; did you mean .East."):
        score(options(assignment={"Esat": "A"}), plain, TIMES)
    with pytest.raises(ModelError, match=r"visits 'nowhere'"):
        score(options(patrol={"officers": 1, "visits": {"nowhere": 1}}), plain, TIMES, AREAS)
    bases = pd.DataFrame([("Z", "candidate", 5.0)], columns=list(BASE_COLUMNS))
    with pytest.raises(ModelError, match="bases: the travel times have no site 'Z'"):
        score(Options((Option("now", ("A",)),), "now", bases=bases), plain, TIMES)
    with pytest.raises(ModelError, match="lacks 79 of 80 units"):
        score(options(), plain, TIMES, residents=Table("few", PEOPLE.rows.head(1)))


def test_a_search_keeps_what_is_fixed_and_closed():
    bases = pd.DataFrame([("D", "fixed", np.nan), ("C", "closed", np.nan)], columns=list(BASE_COLUMNS))
    searched = Options((Option("now", ("D", "A")), Option("best", search={"p": 2})), "now", bases=bases)
    card = score(searched, count(events(), GRID), TIMES, criteria=["mean_time"])
    assert "D" in card.options.options[1].open
    assert "C" not in card.options.options[1].open
    assert "gap" in card.provenance["searches"]["best"]
