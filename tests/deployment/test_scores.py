"""Options scored: values, changes, robustness, dominance, and the period that no search sees."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from demandgeo.density import count
from demandgeo.deployment import demand_scenarios, locate, score, straight_line_times
from demandgeo.deployment.robustness import dominators, rank_probability
from demandgeo.domain import CostMatrix, Events, Grid, Labels, Option, Options, Points, Scenarios
from demandgeo.errors import ModelError

CRS = "EPSG:27700"
GRID = Grid.covering((0, 0, 1000, 1000), cell=100, crs=CRS)


def events(seed, n=300):
    rng = np.random.default_rng(seed)
    x, y = np.clip(rng.normal(400, 250, (2, n)), 1, 999)
    return Events.at(x, y, crs=CRS)


DEMAND, LATER = count(events(1), GRID), count(events(2), GRID)
SITES = Points(
    tuple("ABCDEF"), np.array([100, 900, 500, 100, 900, 450.0]), np.array([100, 900, 500, 900, 100, 400.0]), CRS
)
TIMES = straight_line_times(SITES, GRID, speed=10.0)
OPTIONS = Options.of({"now": ["A", "B"], "corners": ["D", "E"], "middle": ["C", "F"]}, status_quo="now")


def test_values_and_changes_are_what_they_say():
    card = score(OPTIONS, DEMAND, TIMES, criteria=["mean_time", "coverage"], within=120.0)
    rows = card.rows.set_index(["option", "criterion"])
    weight = DEMAND.total
    for name, sites in (("now", [0, 1]), ("corners", [3, 4]), ("middle", [2, 5])):
        nearest = np.asarray(TIMES)[sites].min(axis=0).astype(float)
        mean, share = (weight * nearest).sum() / weight.sum(), weight[nearest <= 120].sum() / weight.sum()
        assert rows.loc[(name, "mean_time"), "value"] == pytest.approx(mean)
        assert rows.loc[(name, "coverage"), "value"] == pytest.approx(share)
        change = rows.loc[(name, "mean_time"), "value"] - rows.loc[("now", "mean_time"), "value"]
        assert rows.loc[(name, "mean_time"), "change"] == pytest.approx(change)
    assert rows.loc[("now", "mean_time"), "change"] == 0.0
    assert rows["p10"].isna().all()
    assert rows["held_out"].isna().all()


def test_a_dominated_option_names_what_dominates_it_and_never_ranks_first():
    options = Options.of({"two": ["C", "F"], "one": ["C"]}, status_quo="one")
    card = score(options, DEMAND, TIMES, criteria=["mean_time", "coverage", "p95_time"], within=120.0)
    assert card.ranking["dominated_by"].tolist() == ["", "two"]
    assert card.ranking["probability_first"].tolist() == [1.0, 0.0]


def test_scenarios_give_robustness_and_the_same_seed_the_same_card():
    scenarios = demand_scenarios(DEMAND, LATER, draws=50, seed=3)
    first, second = (score(OPTIONS, DEMAND, TIMES, scenarios=scenarios, within=120.0, seed=1) for _ in range(2))
    assert first.content_hash() == second.content_hash()
    rows = first.rows
    assert (rows["max_regret"] >= 0).all()
    higher = rows["direction"] == "higher"
    assert (rows["p10"][higher] <= rows["value"][higher] + 0.1).all()
    best = rows[rows["criterion"] == "mean_time"]
    assert best["max_regret"].min() < best["max_regret"].max()
    later = score(OPTIONS, LATER, TIMES, within=120.0).rows["value"]
    np.testing.assert_allclose(rows["held_out"], later)


def test_poisson_scenarios_have_the_mean_and_spread_of_the_counts():
    values = demand_scenarios(DEMAND, draws=400, seed=1).values
    assert values.sum(axis=0).mean() == pytest.approx(DEMAND.total.sum(), rel=0.01)
    assert values.sum(axis=0).var() == pytest.approx(DEMAND.total.sum(), rel=0.25)
    assert (values[DEMAND.count == 0] == 0).all()


def test_a_search_never_sees_the_held_out_period():
    options = Options((Option("now", ("A", "B")), Option("best", search={"p": 2})), "now")
    cards = [
        score(options, DEMAND, TIMES, scenarios=demand_scenarios(DEMAND, held_out, draws=20), within=120.0)
        for held_out in (None, LATER, dataclasses.replace(LATER, values=LATER.total[::-1].copy()))
    ]
    assert len({card.options.options[1].open for card in cards}) == 1
    assert len({tuple(card.rows["value"]) for card in cards}) == 1
    assert cards[1].rows["held_out"].tolist() != cards[2].rows["held_out"].tolist()
    best = locate(TIMES, DEMAND, p=2)
    assert cards[0].options.options[1].open == best.open_ids
    assert cards[0].provenance["searches"]["best"] == best.sentence()


def test_only_demand_inside_priority_areas_counts_where_they_are_given():
    from demandgeo.priority import select

    areas = select(DEMAND, demand_share=0.4, max_areas=3)
    card = score(OPTIONS, DEMAND, TIMES, areas, criteria=["mean_time"], inside_areas=True)
    inside = np.where(areas.selected, DEMAND.total, 0.0)
    nearest = np.asarray(TIMES)[[0, 1]].min(axis=0).astype(float)
    assert card.rows["value"][0] == pytest.approx((inside * nearest).sum() / inside.sum())


def test_costs_and_districts():
    sites = dataclasses.replace(SITES, table=SITES.table.assign(cost_per_year=np.arange(6.0)))
    matrix = dataclasses.replace(TIMES, origins=sites)
    card = score(OPTIONS, DEMAND, matrix, criteria=["sites_cost"])
    assert card.rows["value"].tolist() == [1.0, 7.0, 7.0]
    with pytest.raises(ModelError, match="lacks what every open base costs"):
        score(OPTIONS, DEMAND, TIMES, criteria=["sites_cost"])
    east = Labels.of(np.where(GRID.centres()[0] > 500, "East", "West").tolist())
    demand = count(events(1), dataclasses.replace(GRID, group=east))
    assert score(OPTIONS, demand, TIMES, criteria=["district_gap"], within=60.0).rows["value"].max() > 0


def test_pairs_without_a_way_are_infinite_or_counted_and_never_nan():
    seconds = np.asarray(TIMES).copy()
    seconds[0, :] = np.inf
    matrix = dataclasses.replace(TIMES, seconds=seconds)
    options = Options.of({"cut off": ["A"], "now": ["B"]}, status_quo="now")
    card = score(options, DEMAND, matrix, scenarios=demand_scenarios(DEMAND, draws=10))
    cut = card.rows[card.rows["option"] == "cut off"].set_index("criterion")
    assert cut.loc["unreached", "value"] == 1.0
    assert cut.loc["mean_time", "value"] == np.inf
    assert not card.rows[["value", "change", "p10", "max_regret"]].isna().any(axis=None)
    assert card.ranking["dominated_by"].tolist()[1] == ""


@given(st.integers(0, 2**32))
def test_an_option_without_a_better_one_is_on_the_front(seed):
    rng = np.random.default_rng(seed)
    gain = rng.integers(0, 4, (int(rng.integers(1, 8)), int(rng.integers(1, 4)))).astype(float)
    for own, by in enumerate(dominators(gain)):
        beaten = [k for k in range(len(gain)) if (gain[k] >= gain[own]).all() and (gain[k] > gain[own]).any()]
        assert by == (beaten[0] if beaten else None)


def test_options_that_are_alike_share_the_first_rank():
    gain = np.ones((4, 3, 2))
    assert rank_probability(gain, draws=100, seed=1)[0][:, 0].tolist() == [0.25] * 4
    # Each best on one of two criteria, the rest alike: by symmetry each is first half the time.
    gain = np.array([[[1.0], [0.0]], [[0.0], [1.0]]])
    assert rank_probability(gain, draws=20_000, seed=1)[0][:, 0] == pytest.approx([0.5, 0.5], abs=0.02)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"criteria": ["covrage"]}, 'did you mean "coverage"'),
        ({"criteria": []}, "no criteria"),
        ({"busy": 1.0}, "busy is 1"),
        ({"scenarios": Scenarios(np.ones((3, 2)))}, "the scenarios have 3 rows"),
    ],
)
def test_what_is_refused(how, message):
    with pytest.raises(ModelError, match=message):
        score(OPTIONS, DEMAND, TIMES, **how)
    with pytest.raises(ModelError, match="the travel times have no site 'Z'"):
        score(Options.of({"now": ["Z"]}, status_quo="now"), DEMAND, TIMES)
    with pytest.raises(ModelError, match="6 destinations"):
        score(OPTIONS, DEMAND, CostMatrix(SITES, SITES, np.zeros((6, 6)), "day"))
