"""Real boundaries: zones, districts and people, as counted when they were obtained."""

from __future__ import annotations

import numpy as np
import pytest

from demandgeo.errors import GeometryError, SourceError
from demandgeo.sources import read_boundaries, read_incidents

# file: zones, districts
LSOAS = {
    "lsoa2011_bsc_west_midlands.gpkg": (1_680, 7),
    "lsoa2011_bsc_west_yorkshire.gpkg": (1_388, 5),
    "lsoa2011_bsc_greater_manchester.gpkg": (1_673, 10),
}


@pytest.mark.parametrize("name", LSOAS)
def test_lsoas(shared_data, name):
    zones = read_boundaries(shared_data / "boundaries" / name, id="LSOA11CD", population="persons", group="la")
    districts = np.unique(zones.group.codes)
    assert (zones.n, districts.size) == LSOAS[name]
    assert zones.crs == "EPSG:27700"
    assert zones.ledger.files[0].repaired == {}
    assert zones.population.sum() / zones.n == pytest.approx(1_600, rel=0.1)
    assert zones.ledger.transform["operation"] == "none"


def test_degrees(shared_data):
    zones = read_boundaries(shared_data / "boundaries" / "lsoa2021_birmingham.geojson", id="lsoa21cd")
    assert zones.n == 659
    assert zones.crs == "EPSG:27700"
    assert zones.extent.sum() / 1e6 == pytest.approx(268, rel=0.01)


def test_a_force_area_with_heights(shared_data):
    path = shared_data / "boundaries" / "west-midlands-force-area.gpkg"
    zones = read_boundaries(path, id="tessellate")
    assert zones.ledger.files[0].repaired == {"z_dropped": 1}
    assert zones.extent.sum() / 1e6 == pytest.approx(902, rel=0.01)


def test_web_mercator_becomes_metres_of_the_ground(shared_data):
    path = shared_data / "streets" / "bubenec.gpkg"
    with pytest.raises(SourceError, match="holds 4 layers"):
        read_boundaries(path, id="uID")
    zones = read_boundaries(path, id="uID", layer="buildings")
    assert zones.crs == "EPSG:32633"
    assert zones.n == 144


def test_feet_become_metres(shared_data):
    path = shared_data / "streets" / "geodanet" / "crimes.shp"
    events = read_incidents(path, {"reference": "POLYID"})
    assert len(events) == 287
    assert events.crs == "EPSG:32612"
    assert np.ptp(events.x) < 5_000
    with pytest.raises(GeometryError, match="the file states"):
        read_incidents(path, {}, crs="EPSG:27700")
