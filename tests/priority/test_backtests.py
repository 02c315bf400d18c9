"""Back-tests: the share that the areas hold in another period, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from demandgeo.density import count
from demandgeo.domain import Events, Grid
from demandgeo.errors import GeometryError, ModelError
from demandgeo.priority import backtest, select

CRS = "EPSG:27700"
CELLS = Grid.covering((0, 0, 1000, 1000), cell=100, crs=CRS)


def events(seed, n=200, low=0.0, high=1000.0, month="2017-07", **fields):
    rng = np.random.default_rng(seed)
    time = np.full(n, month, "datetime64[s]")
    return Events.at(rng.uniform(low, high, n), rng.uniform(low, high, n), crs=CRS, time=time, **fields)


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_the_held_share_is_that_of_a_loop_over_the_events(first, second):
    areas = select(count(events(first), CELLS), demand_share=0.3, max_areas=4)
    weight = np.random.default_rng(second).gamma(1, 5, 120)
    after = events(second, 120, -200, 1200, "2018-07", weight=weight, weight_name="count")
    held = backtest(areas, after)
    unit = CELLS.locate(after.x, after.y)
    inside = [w for u, w in zip(unit, weight, strict=True) if u >= 0 and areas.labels[u] >= 0]
    placed = [w for u, w in zip(unit, weight, strict=True) if u >= 0]
    assert held.demand_share == pytest.approx(sum(inside) / sum(placed))
    assert held.pai == pytest.approx(held.demand_share / areas.extent_share)
    assert held.table["demand_share"].sum() == pytest.approx(held.demand_share)
    assert held.table["events"].sum() == len(inside)
    assert held.balance.total_events == 120
    assert (held.chosen_period, held.period) == ("2017-07", "2018-07")


def test_the_period_that_the_areas_were_chosen_on_gives_back_their_own_share():
    before = events(1)
    areas = select(count(before, CELLS), demand_share=0.3, max_areas=4)
    held = backtest(areas, before)
    assert held.demand_share == held.chosen_share == areas.demand_share
    assert held.table["demand_share"].tolist() == held.table["chosen_share"].tolist()


def test_another_weight_is_refused_naming_both():
    areas = select(count(events(1), CELLS))
    with pytest.raises(ModelError, match=r"'count'.*'ONS CSS 2021'"):
        backtest(areas, events(2, weight=np.ones(200), weight_name="ONS CSS 2021"))


def test_another_coordinate_system_is_refused_naming_both():
    areas = select(count(events(1), CELLS))
    with pytest.raises(GeometryError, match=r"EPSG:32630.*EPSG:27700"):
        backtest(areas, Events.at([1.0], [1.0], crs="EPSG:32630"))


def test_events_elsewhere_are_refused():
    areas = select(count(events(1), CELLS))
    with pytest.raises(ModelError, match="none of the 200 events"):
        backtest(areas, events(2, low=5000, high=6000))
