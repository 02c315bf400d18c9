"""Amounts of an exposure on a support."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import shapely

from demandgeo.domain import Balance, Demand, Grid, Zones
from demandgeo.errors import ModelError
from demandgeo.statistics.exposures import amounts_of

CRS = "EPSG:27700"
GRID = Grid.covering((0, 0, 2000, 1000), cell=500, crs=CRS)
NOTHING = Balance(np.zeros(4), np.zeros(4))


def test_amounts_add_up_whatever_the_measure():
    counts = Demand(GRID, np.arange(8.0), "residents", NOTHING, "count", "2021")
    assert amounts_of(counts, GRID).tolist() == list(range(8))
    density = Demand(GRID, np.arange(8.0) * 4, "residents/km2", NOTHING, "count", "2021")
    assert amounts_of(density, GRID).tolist() == list(range(8))


def test_residents_are_spread_evenly_over_their_zone():
    zones = Zones(shapely.box([0, 1000], [0, 0], [1000, 2000], [1000, 1000]), np.array(["a", "b"]), CRS)
    with pytest.raises(ModelError, match="no population"):
        amounts_of(zones, GRID)
    peopled = replace(zones, population=np.array([400.0, 80.0]))
    assert amounts_of(peopled, GRID).tolist() == [100, 100, 20, 20] * 2
    assert amounts_of(peopled, peopled).tolist() == [400, 80]


def test_another_support_is_refused():
    other = Grid.covering((0, 0, 2000, 1000), cell=250, crs=CRS)
    with pytest.raises(ModelError, match="different supports"):
        amounts_of(Demand(other, np.zeros(other.n), "residents", NOTHING, "count", "2021"), GRID)
