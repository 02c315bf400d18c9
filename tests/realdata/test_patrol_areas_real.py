"""Patrol areas on the LSOAs and recorded crimes of West Yorkshire, which ship with the project."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely

from demandgeo.density import count
from demandgeo.deployment import patrol_areas, straight_line_times
from demandgeo.domain.beats import broken_areas
from demandgeo.sources import read_police_uk

CRIMES = Path(__file__).parents[2] / "data" / "police" / "west_yorkshire"


@pytest.fixture(scope="module")
def crime(west_yorkshire):
    return count(read_police_uk(CRIMES), west_yorkshire)


@pytest.mark.long
def test_twelve_areas_round_chosen_centres(crime):
    plan = patrol_areas(crime, areas=12, balance=0.15)
    assert plan.balanced
    assert plan.reached <= 0.15
    assert plan.gap < 0.04  # 0.026 when written
    assert broken_areas(plan.labels, crime.support.neighbours()) == []
    assert "12 patrol areas, each in one piece, divide 1,388 zones" in plan.sentence()


def test_twelve_bases_almost_prove_the_best(crime):
    zones = crime.support
    at = shapely.point_on_surface(zones.geometry()[np.random.default_rng(1).choice(zones.n, 12, replace=False)])
    bases = gpd.GeoDataFrame({"id": [f"base {i}" for i in range(12)]}, geometry=at, crs=zones.crs)
    plan = patrol_areas(crime, straight_line_times(bases, crime), balance=0.15)
    assert plan.balanced
    assert plan.gap < 0.005  # 0.0021 when written
