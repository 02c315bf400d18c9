"""Regridding: areal weighting to the last digit, and nothing lost unseen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from demandgeo.density import count, regrid, surface
from demandgeo.domain import Balance, Demand, Events, Grid
from demandgeo.errors import GeometryError, ModelError

CRS = "EPSG:27700"


def framed(corner, cell, shape, seed):
    inside = np.random.default_rng(seed).random(shape) < 0.8
    inside[0, 0] = True
    return Grid(*corner, *cell, inside, np.full(int(inside.sum()), cell[0] * cell[1]), CRS)


grids = st.builds(
    framed,
    st.tuples(st.integers(-200, 200).map(float), st.integers(200, 500).map(float)),
    st.tuples(st.sampled_from([50.0, 70.0, 33.3]), st.sampled_from([50.0, 40.0, 91.7])),
    st.tuples(st.integers(3, 8), st.integers(3, 8)),
    st.integers(0, 99),
)


@given(grids, grids)
def test_each_cell_gives_by_its_overlap(old, new):
    values = np.random.default_rng(1).gamma(1.0, 30.0, old.n)
    demand = Demand(old, values, "residents", Balance(np.zeros(4, int), np.array([values.sum(), 0, 0, 0])), "count", "")
    if not shapely.box(*old.bounds).intersection(shapely.box(*new.bounds)).area > 0:
        with pytest.raises(GeometryError, match="do not meet"):
            regrid(demand, new)
        return
    made = regrid(demand, new)
    overlap = shapely.area(shapely.intersection(new.geometry()[:, None], old.geometry()[None]))
    np.testing.assert_allclose(made.values, overlap @ (values / (old.dx * old.dy)), rtol=1e-9, atol=1e-9)
    assert made.balance.total_weight == pytest.approx(values.sum())
    assert made.balance.weight[0] == pytest.approx(made.values.sum(), abs=1e-9)


def test_a_density_stays_a_density_and_layers_stay_apart():
    old = Grid.covering((0, 0, 1000, 1000), cell=100, crs=CRS)
    events = Events.at([450.0, 610.0, 20.0], [550.0, 380.0, 10.0], crs=CRS, category=["a", "b", "b"])
    demand = surface(events, old, bandwidth=300.0, per="period", by="category")
    same = regrid(demand, old)
    np.testing.assert_allclose(same.values, demand.values, rtol=1e-12)
    coarse = regrid(demand, Grid.covering((0, 0, 1000, 1000), cell=200, crs=CRS))
    assert coarse.measure == demand.measure
    assert (coarse.values * 0.04).sum(axis=1) == pytest.approx((demand.values * 0.01).sum(axis=1))


def test_only_grids_of_one_crs_are_regridded(west_yorkshire):
    new = Grid.covering((0, 0, 1000, 1000), cell=100, crs=CRS)
    events = Events.at([450.0], [550.0], crs=CRS)
    with pytest.raises(ModelError, match="stands on"):
        regrid(count(events, west_yorkshire), new)
    with pytest.raises(GeometryError, match="EPSG:32630"):
        regrid(count(events, new), replace(new, crs="EPSG:32630"))
