"""Sites with a proof: every model against all choices there are, on hundreds of tiny instances."""

from __future__ import annotations

import itertools

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demandgeo.deployment import locate
from demandgeo.deployment.costs import Costs
from demandgeo.deployment.cutting import by_cuts
from demandgeo.deployment.pricing import by_prices
from demandgeo.deployment.programs import Effort
from demandgeo.deployment.rules import Rules
from demandgeo.domain import CostMatrix, Points
from demandgeo.errors import ModelError

WITHIN = 6.0


@st.composite
def instances(draw, *, most_points=12):
    """Seconds [sites, points] with ties, demand with zeros, fixed and forbidden sites, and a number of sites."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    sites, points = int(rng.integers(3, 8)), int(rng.integers(2, most_points))
    seconds = rng.integers(0, 12, (sites, points)).astype(float) + rng.choice([0.0, 0.5])
    demand = np.round(rng.gamma(1.0, 3.0, points) * (rng.random(points) < 0.85), 2)
    demand[0] = 1.0
    fixed = rng.choice(sites, int(rng.integers(0, 2)), replace=False).tolist()
    forbidden = [int(j) for j in rng.choice(sites, int(rng.integers(0, 2)), replace=False) if j not in fixed]
    p = int(rng.integers(max(1, len(fixed)), sites - len(forbidden) + 1))
    return seconds, demand, p, fixed, forbidden, rng


def choices(sites, p, fixed, forbidden):
    for chosen in itertools.combinations(range(sites), p):
        if set(fixed) <= set(chosen) and not set(forbidden) & set(chosen):
            yield list(chosen)


def worth(model, seconds, demand, chosen, **how):
    """What a choice reaches, written down as the model says it."""
    times = seconds[chosen]
    count = (times <= WITHIN).sum(axis=0)
    if model == "p-median":
        return (demand * times.min(axis=0)).sum()
    if model == "p-centre":
        return times.min(axis=0)[demand > 0].max()
    if model == "gradual":
        return (demand * np.clip(1 - (times.min(axis=0) - WITHIN) / 4.0, 0, 1)).sum()
    if model == "mclp":
        return demand[count > 0].sum()
    if model == "backup":
        b = how["backup_weight"]
        return (1 - b) * demand[count > 0].sum() + b * demand[count > 1].sum()
    return sum((demand * (1 - how["busy"] ** np.minimum(count, 6))).tolist())


MODELS = [
    ("p-median", {}),
    ("p-centre", {}),
    ("gradual", {"within": WITHIN, "fading_to": WITHIN + 4.0}),
    ("mclp", {"within": WITHIN}),
    ("backup", {"within": WITHIN, "backup_weight": 0.4}),
    ("backup", {"within": WITHIN, "backup_weight": 0.8}),
    ("expected", {"within": WITHIN, "busy": 0.4}),
]


@pytest.mark.parametrize(("model", "how"), MODELS, ids=lambda part: part if isinstance(part, str) else "")
@given(instance=instances())
def test_it_finds_what_trying_everything_finds(model, how, instance):
    seconds, demand, p, fixed, forbidden, _ = instance
    totals = [worth(model, seconds, demand, c, **how) for c in choices(len(seconds), p, fixed, forbidden)]
    best = locate(seconds, demand, p=p, model=model, fixed=fixed, forbidden=forbidden, **how)
    right = max(totals) if best.sense == "maximise" else min(totals)
    assert best.objective == pytest.approx(right, abs=1e-9)
    assert best.objective == pytest.approx(worth(model, seconds, demand, best.open.tolist(), **how), abs=1e-9)
    assert best.gap <= 1e-6
    assert best.status == "optimal"
    assert best.open.size == p
    assert set(fixed) <= set(best.open.tolist())
    assert not set(forbidden) & set(best.open.tolist())


@given(instance=instances())
def test_the_fewest_sites_that_leave_nobody_out(instance):
    seconds, demand, _, fixed, forbidden, _ = instance
    reached = (seconds[[j for j in range(len(seconds)) if j not in forbidden]] <= WITHIN).any(axis=0)
    if not reached[demand > 0].all():
        with pytest.raises(ModelError, match="no allowed site reaches"):
            locate(seconds, demand, model="lscp", within=WITHIN, fixed=fixed, forbidden=forbidden)
    wanted = (demand > 0) & reached
    if not wanted.any():
        return
    fewest = next(
        size
        for size in range(len(seconds) + 1)
        for c in choices(len(seconds), size, fixed, forbidden)
        if (seconds[c][:, wanted] <= WITHIN).any(axis=0).all()
    )
    how = {"model": "lscp", "within": WITHIN, "unreachable": "leave out"}
    best = locate(seconds, demand, fixed=fixed, forbidden=forbidden, **how)
    assert best.objective == best.bound == fewest
    assert best.settings["points_left_out"] == ((demand > 0) & ~reached).sum()


@given(instance=instances())
def test_the_next_best_choices_are_those_of_the_whole_list(instance):
    seconds, demand, p, _, _, _ = instance
    totals = sorted(worth("p-median", seconds, demand, c) for c in choices(len(seconds), p, [], []))
    best = locate(seconds, demand, p=p, alternatives=3)
    found = [best.objective, *best.alternatives["objective"]]
    assert found == pytest.approx(totals[: len(found)], abs=1e-9)
    assert len(found) == min(4, len(totals))
    assert best.alternatives["sites"].is_unique


@given(instance=instances(), changed=st.integers(2, 3))
def test_alternatives_differ_by_as_many_sites_as_asked(instance, changed):
    seconds, demand, p, _, _, _ = instance
    best = locate(seconds, demand, p=p, alternatives=2, changed=changed)
    sets = [set(best.open_ids), *(set(text.split("; ")) for text in best.alternatives["sites"])]
    assert all(len(one - other) >= changed for one, other in itertools.combinations(sets, 2))
    far = [c for c in choices(len(seconds), p, [], []) if len(sets[0] - set(map(str, c))) >= changed]
    assert bool(far) == (len(sets) > 1)
    if far:
        assert best.alternatives["objective"][0] == pytest.approx(
            min(worth("p-median", seconds, demand, c) for c in far), abs=1e-9
        )


def with_columns(seconds, rng):
    sites, points = seconds.shape
    table = pd.DataFrame(
        {"district": rng.choice(["North", "South"], sites), "cost_per_year": rng.integers(1, 9, sites).astype(float)}
    )
    origins = Points(tuple(f"s{j}" for j in range(sites)), np.full(sites, np.nan), np.full(sites, np.nan), "", table)
    return CostMatrix(origins, Points.numbered(points), seconds.astype(np.float32), "given"), table


@pytest.mark.parametrize("model", ["p-median", "mclp", "gradual"])
@given(instance=instances())
def test_budget_and_district_minima(model, instance):
    seconds, demand, _, _, _, rng = instance
    matrix, table = with_columns(seconds, rng)
    budget = float(rng.integers(3, 25))
    minima = {"North": int(rng.integers(0, 2))} if (table["district"] == "North").any() else {}
    allowed = [
        list(c)
        for size in range(1, len(seconds) + 1)
        for c in itertools.combinations(range(len(seconds)), size)
        if table["cost_per_year"].iloc[list(c)].sum() <= budget
        and all((table["district"].iloc[list(c)] == name).sum() >= least for name, least in minima.items())
    ]
    how = {"model": model, "budget": budget, "district_minima": minima}
    how |= {"within": WITHIN} if model != "p-median" else {}
    how |= {"fading_to": WITHIN + 4.0} if model == "gradual" else {}
    if not allowed:
        with pytest.raises(ModelError, match="no choice of sites"):
            locate(matrix, demand, **how)
        return
    totals = [worth(model, seconds, demand, c) for c in allowed]
    best = locate(matrix, demand, **how)
    assert best.objective == pytest.approx(max(totals) if best.sense == "maximise" else min(totals), abs=1e-7)
    assert best.open.tolist() in allowed
    assert best.gap <= 1e-6


@settings(max_examples=30)
@given(instance=instances(most_points=6))
def test_workload_bounds(instance):
    seconds, demand, p, _, _, rng = instance
    demand = np.maximum(np.round(demand), 1.0)
    least, most = sorted(rng.integers(0, int(demand.sum()) + 1, 2).astype(float).tolist())
    totals = []
    for chosen in choices(len(seconds), p, [], []):
        for sites in itertools.product(chosen, repeat=demand.size):
            load = np.bincount(sites, demand, minlength=len(seconds))[chosen]
            if ((load >= least) & (load <= most)).all():
                totals.append((demand * seconds[list(sites), np.arange(demand.size)]).sum())
    if not totals:
        with pytest.raises(ModelError, match="no choice of sites"):
            locate(seconds, demand, p=p, workload=(least, most))
        return
    best = locate(seconds, demand, p=p, workload=(least, most))
    assert best.objective == pytest.approx(min(totals), abs=1e-6)
    load = best.table["demand"].to_numpy()[best.open]
    assert ((load >= least) & (load <= most)).all()


@given(instance=instances())
def test_pairs_without_a_way(instance):
    seconds, demand, p, _, _, rng = instance
    seconds[rng.random(seconds.shape) < 0.3] = np.inf
    reached = np.isfinite(seconds).any(axis=0)
    wanted = (demand > 0) & reached
    if not wanted.any():
        return
    totals = [(demand[wanted] * seconds[c].min(axis=0)[wanted]).sum() for c in choices(len(seconds), p, [], [])]
    if not np.isfinite(totals).any():
        with pytest.raises(ModelError, match="no choice of sites"):
            locate(seconds, demand, p=p, unreachable="leave out")
        return
    best = locate(seconds, demand, p=p, unreachable="leave out")
    assert best.objective == pytest.approx(min(totals), abs=1e-9)
    assert best.settings["demand_left_out"] == pytest.approx(demand[~reached].sum())
    assert (best.assignment[~wanted] == -1).all()


def city(sites, points, seed=0):
    """Places on a plain, with grid distances that differ by chance: a harder question than streets make."""
    rng = np.random.default_rng(seed)
    here, there = rng.uniform(0, 100, (sites, 2)), rng.uniform(0, 100, (points, 2))
    seconds = np.abs(here[:, None] - there[None]).sum(axis=2) * rng.uniform(0.9, 1.2, (sites, points))
    return np.round(seconds, 3), rng.gamma(1.0, 1.0, points)


def test_the_two_proofs_of_a_median_agree():
    seconds, demand = city(30, 200)
    rules, effort = Rules(np.zeros(30, np.int64), 5, np.ones(30), None), Effort(1e-7, 10_000, None, 0, 0.0)
    costs = Costs.of(seconds * demand, demand)
    cuts, prices = by_cuts(costs, rules, effort), by_prices(costs, rules, effort)
    for _ in range(3):
        cut, priced = next(cuts), next(prices)
        assert cut.open.tolist() == priced.open.tolist()
        assert cut.objective == pytest.approx(priced.objective)
        assert max(cut.gap, priced.gap) <= 1e-7


def test_a_limit_leaves_a_bound_that_holds():
    seconds, demand = city(100, 300)
    proven, cut_short = locate(seconds, demand, p=30), locate(seconds, demand, p=30, nodes=1)
    assert cut_short.status == "node limit"
    assert not cut_short.time_limited
    assert cut_short.bound <= proven.objective <= cut_short.objective
    timed = locate(seconds, demand, p=30, seconds=0.0)
    assert timed.time_limited
    assert timed.bound <= proven.objective


def test_the_same_question_has_the_same_answer_and_doubling_demand_changes_nothing():
    seconds, demand = city(30, 150)
    first, second, double = (locate(seconds, d, p=4, alternatives=2) for d in (demand, demand, 2 * demand))
    assert first.content_hash() == second.content_hash()
    assert double.open.tolist() == first.open.tolist()
    assert double.objective == pytest.approx(2 * first.objective)


def test_every_mistake_is_named_at_once():
    with pytest.raises(ModelError) as caught:
        locate(np.ones((3, 4)), np.array([1.0, -1.0, 0.0, 0.0]), model="mclp", fixed=["7"], busy=1.0, gap=-1.0)
    text = str(caught.value)
    for part in (
        "a demand is negative",
        "within is None",
        "no site '7'",
        "busy is 1.0",
        "gap is -1.0",
        "p is not given",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"p": 9}, "3 sites may be open"),
        ({"p": 1, "fixed": [0, 1]}, "2 sites are fixed"),
        ({"p": 1, "fixed": [0], "forbidden": [0]}, "both fixed and forbidden"),
        ({"p": 1, "budget": 3.0}, "sites have no costs"),
        ({"p": 1, "district_minima": {"North": 1}}, "sites have no district"),
        ({"p": 2, "model": "mclp", "within": 1.0, "workload": (0.0, 1.0)}, "it bounds a p-median"),
        ({"p": 2, "model": "p-centre", "alternatives": 1}, "not given for p-centre"),
    ],
)
def test_rules_that_cannot_hold_are_refused(how, message):
    with pytest.raises(ModelError, match=message):
        locate(np.ones((3, 4)), np.ones(4), **how)


def test_a_demand_on_other_places_is_refused():
    from demandgeo.density import count
    from demandgeo.domain import Events, Grid

    grid = Grid.covering((0, 0, 400, 100), cell=100, crs="EPSG:27700")
    demand = count(Events.at([50.0], [50.0], crs="EPSG:27700"), grid)
    there = Points(("a", "b", "c", "d"), np.arange(4.0), np.zeros(4), "EPSG:27700")
    matrix = CostMatrix(Points.numbered(2), there, np.ones((2, 4)), "given")
    with pytest.raises(ModelError, match="lead to other places"):
        locate(matrix, demand, p=1)
    right = CostMatrix(Points.numbered(2), Points.of_units(grid), np.ones((2, 4)), "given")
    assert locate(right, demand, p=1).unit == "incidents x s"


def test_its_layer_and_sentence():
    frame = gpd.GeoDataFrame({"name": ["A", "B"]}, geometry=gpd.points_from_xy([0, 10], [0, 0]), crs="EPSG:27700")
    matrix = CostMatrix(Points.from_frame(frame), Points.numbered(3), [[1, 2, 9], [9, 9, 1]], "day")
    best = locate(matrix, np.ones(3), p=1)
    assert best.to_frame()["open"].tolist() == [False, True] if best.open_ids == ("B",) else [True, False]
    assert best.sentence().startswith("1 of 2 sites (p-median): 4 s on the mean to demand")
    assert "(gap 0.00%, optimal)" in best.sentence()
