"""Real street networks, as counted when they were obtained."""

from __future__ import annotations

import numpy as np
import pytest

from demandgeo.sources import read_streets

# file: settings, CRS, segments, junctions, km, parts
FILES = {
    "streets/helsinki_drive.graphml": ({}, "EPSG:32635", 222, 161, 18.5, 1),
    "streets/cambridge_uk_drive.graphml": ({}, "EPSG:32631", 5_496, 4_708, 602.9, 1),
    "streets/bubenec.gpkg": ({"layer": "streets"}, "EPSG:32633", 35, 29, 3.8, 1),
    "streets/geodanet/streets.shp": ({}, "EPSG:32612", 293, 220, 31.8, 1),
    "collisions/montreal/mtl_network.gpkg": ({"highway": "ClsRte"}, "EPSG:3797", 2_945, 1_846, 318.7, 3),
    "collisions/montreal/mtl_main_network.gpkg": ({"highway": "TYPE"}, "EPSG:3797", 16_125, 14_021, 2_049.2, 31),
}


@pytest.mark.parametrize("name", FILES)
def test_streets(shared_data, name):
    settings, crs, segments, junctions, km, parts = FILES[name]
    net = read_streets(shared_data / name, **settings)
    assert (net.crs, len(net.start), len(net.node_x)) == (crs, segments, junctions)
    assert net.length.sum() / 1e3 == pytest.approx(km, abs=0.1)
    assert net.summary()["parts"] == parts
    assert net.lixels(10.0).extent.sum() == pytest.approx(net.length.sum())


def test_a_directed_city(shared_data):
    net = read_streets(shared_data / "streets" / "cambridge_uk_drive.graphml")
    assert net.ledger.total("lines") == 10_194
    assert net.ledger.files[0].repaired == {"two_way_merged": 4_698}
    assert (net.forward ^ net.backward).sum() == 798
    assert (net.start == net.end).sum() == 31
    assert np.isfinite(net.speed_forward).mean() == pytest.approx(0.48, abs=0.05)
    assert "residential" in net.highway.names


def test_repeated_lines_are_counted(shared_data):
    net = read_streets(shared_data / "collisions" / "montreal" / "mtl_main_network.gpkg")
    assert net.ledger.excluded() == {"repeats_another_line": 60}


def test_a_graph_of_an_older_osmnx(shared_data):
    net = read_streets(shared_data / "streets" / "nyc_graph.graphml")
    assert len(net.start) == 73
    assert net.length.sum() / 1e3 == pytest.approx(8.6, abs=0.1)
