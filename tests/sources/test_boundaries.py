"""The fate of every kind of bad polygon, column and file."""

from __future__ import annotations

import json
import sqlite3

import geopandas as gpd
import numpy as np
import pytest
import shapely

from demandgeo.errors import GeometryError, SourceError
from demandgeo.sources import read_boundaries

GRID = "EPSG:27700"


def squares(n=3, **columns):
    shapes = [shapely.box(430_000 + 1000 * i, 434_000, 431_000 + 1000 * i, 435_000) for i in range(n)]
    given = {"code": [f"Z{i}" for i in range(n)], "people": [100.0 + i for i in range(n)], **columns}
    return gpd.GeoDataFrame(given, geometry=shapes, crs=GRID)


def refusal(path, *parts, error=SourceError, **settings):
    with pytest.raises(error) as caught:
        read_boundaries(path, **{"id": "code", **settings})
    for part in parts:
        assert part in str(caught.value), str(caught.value)


@pytest.fixture
def save(tmp_path):
    def write(frame, name="z.gpkg", **settings):
        frame.to_file(tmp_path / name, **settings)
        return tmp_path / name

    return write


@pytest.mark.parametrize("name", ["z.gpkg", "z.shp", "z.geojson"])
def test_formats(save, name):
    frame = squares(name=["a", "b", "c"], la=["L1", "L1", "L2"])
    frame = frame.to_crs(4326) if name == "z.geojson" else frame
    zones = read_boundaries(save(frame, name), id="code", name="name", population="people", group="la")
    assert zones.crs == GRID
    assert zones.ids.tolist() == ["Z0", "Z1", "Z2"]
    assert zones.names.tolist() == ["a", "b", "c"]
    assert zones.population.tolist() == [100.0, 101.0, 102.0]
    assert list(zones.group) == ["L1", "L1", "L2"]
    np.testing.assert_allclose(zones.extent, 1e6, rtol=1e-3)
    (account,) = zones.ledger.files
    assert (account.lines, account.parsed, account.used) == (3, 3, 3)


@pytest.mark.filterwarnings("ignore:'crs' was not provided:UserWarning")
def test_b50_no_crs(save):
    path = save(squares().set_crs(None, allow_override=True), "z.shp")
    refusal(path, "give crs:", error=GeometryError)
    assert read_boundaries(path, id="code", crs=GRID).crs == GRID
    refusal(save(squares()), "the file states EPSG:27700", crs="EPSG:32630", error=GeometryError)


def test_b52_bow_tie(save):
    frame = squares()
    frame.loc[1, "geometry"] = shapely.Polygon([(431e3, 434e3), (432e3, 435e3), (432e3, 434e3), (431e3, 435e3)])
    zones = read_boundaries(save(frame), id="code")
    assert zones.ledger.files[0].repaired == {"make_valid": 1}
    assert zones.extent[1] == pytest.approx(500_000)
    assert "1 polygons were invalid: making them valid changed 500000" in zones.ledger.notes[0]


def test_b54_the_same_code_twice(save):
    refusal(save(squares(code=["A", "B", "A"])), "code 'A' stands 2 times")


def test_overlapping_zones(save):
    frame = squares()
    frame.loc[2, "geometry"] = frame.loc[1, "geometry"]
    refusal(save(frame), "Z1 and Z2 overlap", error=GeometryError)


def test_b59_empty_geometry(save):
    frame = squares()
    frame.loc[1, "geometry"] = None
    zones = read_boundaries(save(frame), id="code", population="people")
    assert zones.population.tolist() == [100.0, 102.0]
    assert zones.ledger.excluded_rows.to_dict("records") == [
        {"file": "z.gpkg", "line": 2, "reason": "empty_geometry", "value": "Z1"}
    ]
    assert dict(zones.ledger.files[0].excluded) == {"empty_geometry": 1}
    frame["geometry"] = None
    refusal(save(frame, "none.gpkg", layer="x"), "holds no zone")


def test_third_dimension_is_dropped(save):
    frame = squares()
    frame["geometry"] = shapely.force_3d(frame.geometry.to_numpy(), 7.0)
    zones = read_boundaries(save(frame), id="code")
    assert zones.ledger.files[0].repaired == {"z_dropped": 3}
    assert not shapely.has_z(zones.polygons).any()


def test_columns(save):
    path = save(squares())
    refusal(path, "'kode'", 'did you mean "code"?', "'persons'", id="kode", population="persons")
    refusal(save(squares(code=["A", "", "C"])), "feature 2 has no code")
    refusal(save(squares(people=["1", "1,200", "3"])), "feature 2: people is '1,200'", population="people")
    refusal(save(squares(people=[1, -2, 3])), "feature 2: people is '-2'", population="people")
    zones = read_boundaries(
        save(squares(code=[3.0, 1.0, 2.0], people=[1.0, np.nan, 3.0])), id="code", population="people"
    )
    assert zones.ids.tolist() == ["1", "2", "3"]
    assert np.isnan(zones.population[0])


def test_layers(save):
    path = save(squares(), layer="a")
    save(squares(2), layer="b")
    refusal(path, "holds 2 layers: a, b", "layer=")
    refusal(path, "no layer 'c'", layer="c")
    assert read_boundaries(path, id="code", layer="b").n == 2


def test_the_styles_of_a_geopackage_are_no_second_layer(save):
    path = save(squares(), layer="a")
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE layer_styles (id INTEGER PRIMARY KEY, styleQML TEXT)")
        database.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier) VALUES ('layer_styles', 'attributes', 's')"
        )
    database.close()
    assert read_boundaries(path, id="code").n == 3
    refusal(path, "layer 'layer_styles' has no geometry", layer="layer_styles")


def test_points_are_no_zones(save):
    frame = squares()
    frame["geometry"] = frame.centroid
    refusal(save(frame), "feature 1 is no polygon")


@pytest.mark.parametrize("name", ["z.gpkg", "z.shp", "z.geojson"])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.9])
def test_truncated_files(save, name, share):
    frame = squares(400) if name == "z.shp" else squares(400).to_crs(4326)
    path = save(frame, name)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    refusal(path, path.name)


def test_lost_rows_are_found(save, tmp_path):
    path = save(squares(400))
    damaged = bytearray(path.read_bytes())
    damaged[60_000:64_000] = bytes(4_000)
    path.write_bytes(damaged)
    refusal(path, path.name)
    table = save(squares(40), "z.shp").with_suffix(".dbf")
    table.write_bytes(table.read_bytes()[:-900])
    refusal(tmp_path / "z.shp", "cut short of its 40 records")
    table.unlink()
    refusal(tmp_path / "z.shp", ".dbf file is missing")


def test_only_three_formats(tmp_path, save):
    path = tmp_path / "z.gpkg"
    path.write_text("<OGRVRTDataSource><OGRVRTLayer name='x'/></OGRVRTDataSource>")
    refusal(path, "no GPKG")
    refusal(tmp_path / "z.kml", "does not exist")
    (tmp_path / "z.kml").write_text("<kml/>")
    refusal(tmp_path / "z.kml", "files .kml are not read")
    refusal("/vsicurl/http://example.org/z.gpkg", "does not exist")
    other = tmp_path / "z.geojson"
    other.write_text(json.dumps({"type": "Topology", "objects": {}, "arcs": []}))
    refusal(other, "z.geojson")
    other.write_text('{"a":' * 100_000)
    refusal(other, "z.geojson")
    other.write_text('{"type": "FeatureCollection", "features": 3}')
    refusal(other, "z.geojson")
    with sqlite3.connect(tmp_path / "plain.gpkg") as database:
        database.execute("CREATE TABLE x (a)")
    refusal(tmp_path / "plain.gpkg", "plain.gpkg")


def test_numbers_that_are_not_of_the_crs(save):
    refusal(save(squares().set_crs(4326, allow_override=True)), "not degrees", error=GeometryError)
    refusal(save(squares().to_crs(4326).set_crs(GRID, allow_override=True)), "are degrees", error=GeometryError)


def test_feet_and_web_mercator_become_metres(save):
    zones = read_boundaries(save(squares().to_crs(3857)), id="code")
    assert zones.crs == GRID
    np.testing.assert_allclose(zones.extent, 1e6, rtol=1e-3)
    feet = read_boundaries(
        save(squares().to_crs("+proj=utm +zone=30 +datum=WGS84 +units=us-ft"), "feet.gpkg"), id="code"
    )
    np.testing.assert_allclose(feet.extent, 1e6, rtol=1e-3)


def test_swapped_degrees(save):
    frame = squares().to_crs(4326)
    frame["geometry"] = shapely.transform(frame.geometry.to_numpy(), lambda xy: xy[:, ::-1])
    refusal(save(frame), "look swapped", error=GeometryError)
