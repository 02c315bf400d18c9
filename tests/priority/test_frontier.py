"""Frontiers: a point per share, number and price, none of them better than one that asks for less."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from demandgeo.domain import Frontier
from demandgeo.errors import ModelError
from demandgeo.outputs.pictures import figures
from demandgeo.outputs.spreadsheets import tables
from demandgeo.priority import frontier, select
from tests.priority.conftest import demand_on

SHARES, AREAS, PRICES = (0.2, 0.5, 0.8), (1, 3, 6), (0.0, 0.02)


@pytest.fixture(scope="module")
def demand():
    return demand_on(np.random.default_rng(3).gamma(0.3, 5, (12, 12)))


@pytest.fixture(scope="module")
def points(demand):
    return frontier(demand, demand_shares=SHARES, max_areas=AREAS, compactness=PRICES)


def test_every_point_keeps_its_rules_and_its_bound(points):
    table = points.table
    assert len(table) == len(SHARES) * len(AREAS) * len(PRICES)
    assert (table["demand_share"] >= table["asked_share"] * (1 - 1e-9)).all()
    assert (table["areas"] <= table["max_areas"]).all()
    cost = table["extent"] + table["compactness"] * 1e3 * table["border_km"] * 1e3
    assert (table["bound"] <= cost * (1 + 1e-9)).all()
    assert np.allclose(table["gap"], cost / table["bound"] - 1)


def test_asking_for_more_never_takes_less(points):
    for one, other in itertools.permutations(points.table.itertuples(), 2):
        same_price = one.compactness == other.compactness
        if same_price and one.asked_share <= other.asked_share and one.max_areas >= other.max_areas:
            assert one.extent + one.compactness * 1e6 * one.border_km <= (
                other.extent + other.compactness * 1e6 * other.border_km
            ) * (1 + 1e-9)
            assert one.bound <= other.bound


def test_a_price_of_border_shortens_it(points):
    free, priced = (points.table[points.table["compactness"] == price] for price in PRICES)
    assert priced["border_km"].sum() < free["border_km"].sum()
    assert priced["extent"].sum() >= free["extent"].sum()


def test_a_point_is_no_worse_than_the_plan_selected_alone(demand, points):
    alone = select(demand, demand_share=0.5, max_areas=3)
    point = points.table.query("asked_share == 0.5 and max_areas == 3 and compactness == 0").iloc[0]
    assert point["extent"] <= 1.03 * alone.extent_share * demand.support.extent.sum()


def test_settings_are_checked_all_at_once(demand):
    with pytest.raises(ModelError, match="demand_share is 2"):
        frontier(demand, demand_shares=(0.5, 2.0))
    with pytest.raises(ModelError, match="empty"):
        frontier(demand, max_areas=())


def test_it_is_drawn_and_tabled_with_units_in_its_columns(points, tmp_path):
    assert isinstance(points, Frontier)
    assert {"extent_km2", "bound_km2"} < set(points.to_frame().columns)
    assert [path.name for path in figures({"frontier": points}, tmp_path, about={"run": "try"})] == ["frontier.png"]
    assert [path.name for path in tables({"frontier": points}, tmp_path, about={})] == ["frontier.csv", "frontier.txt"]
