"""Demand on small grids, drawn at random."""

from __future__ import annotations

import numpy as np
import pytest

from demandgeo.domain import Balance, Demand, Grid, Labels

CRS = "EPSG:27700"


def demand_on(values, extent=None, group=None, **fields):
    """Demand on a rows x columns grid of 100 m cells; NaN stays NaN."""
    values = np.asarray(values, float)
    rows = len(values)
    extent = np.full(values.size, 1e4) if extent is None else np.ravel(extent)
    grid = Grid(0.0, rows * 100.0, 100.0, 100.0, np.ones(values.shape, bool), extent, CRS, group)
    placed = float(np.nansum(values))
    balance = Balance(np.array([values.size, 0, 0, 0]), np.array([placed, 0, 0, 0]))
    given = {"measure": "incidents", "weight_name": "count", "period": "2018-07", **fields}
    return Demand(grid, values.ravel(), balance=balance, **given)


@pytest.fixture
def on_grid():
    return demand_on


@pytest.fixture
def districts():
    def make(names):
        return Labels.of(np.ravel(names).tolist())

    return make
