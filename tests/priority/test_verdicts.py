"""Metrics, stability and concentration as tables: what they hold, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from demandgeo.density import count
from demandgeo.domain import Events, Grid, Labels
from demandgeo.errors import GeometryError, ModelError
from demandgeo.priority import concentration, metrics, scores, select, stability

CRS = "EPSG:27700"
CELLS = Grid.covering((0, 0, 2000, 2000), cell=100, crs=CRS)


def events(seed=1, n=400, sd=300.0, **fields):
    rng = np.random.default_rng(seed)
    return Events.at(*rng.normal(1000, sd, (2, n)).clip(0, 1999), crs=CRS, **fields)


def plan(seed=1, **fields):
    return select(count(events(seed, **fields), CELLS), max_areas=4)


def values(table):
    return table.rows.set_index("measure")["value"]


def test_metrics_of_events_and_of_their_demand_are_the_same():
    areas, after = plan(1), events(2)
    by_events, by_demand = metrics(areas, after), metrics(areas, count(after, CELLS))
    assert by_events.rows.equals(by_demand.rows)
    found = values(by_events)
    assert found["PAI"] == pytest.approx(found["hit rate"] / areas.extent_share)
    assert found["PPAI"] == pytest.approx(found["hit rate"] / areas.extent_share**0.5)
    assert found["RRI"] == pytest.approx(found["hit rate"] / areas.demand_share)
    assert 0 < found["PEI*"] < 1
    assert not by_events.notes


def test_metrics_on_the_demand_itself_say_that_they_flatter():
    areas = plan(1)
    table = metrics(areas)
    assert values(table)["hit rate"] == pytest.approx(areas.demand_share)
    assert values(table)["RRI"] == pytest.approx(1)
    assert "flatters" in table.notes[0]


def test_what_metrics_cannot_compare_is_refused():
    areas = plan(1)
    with pytest.raises(ModelError, match="'harm'"):
        metrics(areas, events(2, weight=np.ones(400), weight_name="harm"))
    with pytest.raises(ModelError, match="other places"):
        metrics(areas, count(events(2), Grid.covering((0, 0, 2000, 2000), cell=200, crs=CRS)))
    with pytest.raises(GeometryError, match="EPSG:32630"):
        metrics(areas, Events.at([1.0], [1.0], crs="EPSG:32630"))
    with pytest.raises(ModelError, match="none of the demand"):
        metrics(areas, Events.at([9e5], [9e5], crs=CRS))
    with pytest.raises(ModelError, match="penalty is 0"):
        metrics(areas, penalty=0.0)


def test_a_plan_is_like_itself_and_less_like_another():
    one, two = plan(1), plan(2)
    itself, other = values(stability(one, one)), values(stability(one, two))
    assert itself[["Jaccard by unit", "Jaccard by extent", "areas met again"]].tolist() == [1, 1, 1]
    assert itself["rank stability"] == pytest.approx(1)
    assert 0 < other["Jaccard by extent"] < 1
    assert other["demand held by the first"] < other["demand held by the second"]
    with pytest.raises(ModelError, match="different supports"):
        stability(one, select(count(events(2), Grid.covering((0, 0, 2000, 2000), cell=200, crs=CRS))))


def test_concentration_is_that_of_a_loop_and_beside_it_stands_chance():
    demand = count(events(3), CELLS)
    rows = concentration(demand, shares=[0.1, 0.5], draws=60, seed=4).rows
    ordered = np.sort(demand.values)[::-1]
    needed = [next(k for k in range(400) if ordered[:k].sum() >= s * ordered.sum()) for s in (0.1, 0.5)]
    assert rows["unit_share"].tolist() == [k / 400 for k in needed]
    # The cells are alike, so both kinds of chance are one, but for the last unit.
    assert rows["unit_chance"].to_numpy() == pytest.approx(rows["extent_chance"].to_numpy(), abs=0.01)
    assert (rows["unit_low"] <= rows["unit_chance"]).all()
    assert (rows["unit_chance"] <= rows["unit_high"]).all()
    assert (rows["unit_ratio"] == rows["unit_share"] / rows["unit_chance"]).all()
    assert (rows["unit_ratio"] < 0.7).all()


def test_events_thrown_at_random_are_as_concentrated_as_chance():
    rng, inside, ratio = np.random.default_rng(8), [], []
    for _ in range(20):
        even = Events.at(*rng.uniform(0, 2000, (2, 500)), crs=CRS)
        rows = concentration(count(even, CELLS), draws=99).rows
        inside += ((rows["unit_share"] >= rows["unit_low"]) & (rows["unit_share"] <= rows["unit_high"])).tolist()
        ratio += rows[["unit_ratio", "extent_ratio"]].to_numpy().ravel().tolist()
    assert np.mean(inside) >= 0.8
    assert np.mean(ratio) == pytest.approx(1, abs=0.02)


def test_concentration_by_category_and_of_harm():
    category = Labels.of(np.where(np.arange(400) < 300, "theft", "arson").tolist())
    weight = np.where(np.arange(400) < 300, 1.0, 50.0)
    harm = events(5, category=category, weight=weight)
    layered = count(harm, CELLS, by="category")
    alone = concentration(layered, draws=19)
    assert alone.rows["category"].tolist() == ["all", "all", "arson", "arson", "theft", "theft"]
    assert alone.rows["unit_chance"].isna().all()
    assert "Chance is not given" in alone.notes[-1]
    known = concentration(layered, harm, draws=19)
    assert known.rows["events"].tolist() == [400, 400, 100, 100, 300, 300]
    assert known.rows["unit_chance"].notna().all()
    assert (known.rows["unit_share"] == alone.rows["unit_share"]).all()
    # A hundred arsons cannot be on more than a hundred places, whatever they weigh.
    assert known.rows.loc[3, "unit_high"] <= 50 / 400
    with pytest.raises(ModelError, match="the demand was counted from"):
        concentration(layered, harm.where(np.arange(300)))


@pytest.mark.parametrize("shares", [[0.0], [1.5], []])
def test_shares_out_of_range_are_refused(shares):
    with pytest.raises(ModelError, match="shares is"):
        concentration(count(events(1), CELLS), shares=shares)


def test_the_generalised_gini_counts_events_not_weight():
    areas = select(count(events(1, n=30), CELLS), max_areas=4)
    assert values(metrics(areas))["generalised Gini"] == pytest.approx(scores.generalised_gini(areas.demand.values, 30))
