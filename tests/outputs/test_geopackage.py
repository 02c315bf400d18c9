from __future__ import annotations

import sqlite3
import warnings
from contextlib import closing
from dataclasses import dataclass

import defusedxml.ElementTree as ET
import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely

from demandgeo.domain import Demand, Events, Record
from demandgeo.errors import OutputError
from demandgeo.outputs import layers


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Rates(Record):
    """A record that the room knows nothing of."""

    frame: gpd.GeoDataFrame

    map_column = "rate"
    map_unit = "crimes per 1,000 residents"

    def to_frame(self) -> gpd.GeoDataFrame:
        return self.frame


def rates(**columns: object) -> Rates:
    geometry = shapely.box([0, 1000], 0, [1000, 2000], 1000)
    data = {"district": ["West", "East"], "rate": [1.5, np.nan], **columns}
    return Rates(gpd.GeoDataFrame(data, geometry=geometry, crs="EPSG:27700", index=[7, 9]))


@pytest.fixture(scope="module")
def path(artifacts, about, tmp_path_factory):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return layers(artifacts, tmp_path_factory.mktemp("layers"), about=about)[0]


def query(path, sql):
    with closing(sqlite3.connect(path)) as database:
        return database.execute(sql).fetchall()


def style(path, layer):
    rows = query(path, "SELECT f_table_name, styleQML FROM layer_styles")
    return ET.fromstring(dict(rows)[layer].partition("\n")[2])


def test_every_artifact_with_geometry_is_a_layer(path):
    found = [name for name, _ in pyogrio.list_layers(path)]
    assert found == ["zones", "grid", "demand", "surface", "layered", "areas", "events", "headline", "layer_styles"]


@pytest.mark.parametrize("name", ["zones", "grid", "demand", "surface", "areas", "events", "headline"])
def test_a_layer_reads_back_as_the_frame_it_was(path, artifacts, name):
    found, expected = gpd.read_file(path, layer=name), artifacts[name].to_frame()
    assert found.crs.to_epsg() == 27700
    assert [*found.columns.drop("geometry")] == [*expected.columns.drop("geometry")]
    assert len(found) == len(expected)
    for column in expected.columns.drop("geometry"):
        if expected[column].dtype.kind == "f":
            np.testing.assert_array_equal(found[column], expected[column])
        elif expected[column].dtype.kind != "M":
            assert found[column].fillna("").tolist() == expected[column].fillna("").tolist()
    drawn = ~expected.geometry.is_empty
    assert shapely.equals(found.geometry[drawn], expected.geometry[drawn]).all()
    assert found.geometry[~drawn].isna().all()


def test_the_file_is_geopackage_1_2(path):
    header = path.read_bytes()[:72]
    assert header[68:72] == b"GPKG"
    assert int.from_bytes(header[60:64], "big") == 10200


def test_each_layer_has_one_default_style_that_qgis_finds(path):
    rows = query(
        path,
        "SELECT f_table_name, f_table_catalog, f_table_schema, f_geometry_column, useAsDefault FROM layer_styles",
    )
    assert [row[0] for row in rows] == ["zones", "grid", "demand", "surface", "layered", "areas", "events", "headline"]
    assert {row[1:] for row in rows} == {("", "", "geom", 1)}
    assert query(path, "SELECT data_type FROM gpkg_contents WHERE table_name = 'layer_styles'") == [("attributes",)]


def test_zero_is_a_class_of_its_own_and_comes_first(path):
    ranges = style(path, "demand").findall(".//range")
    assert (ranges[0].get("lower"), ranges[0].get("upper")) == ("0.0", "0.0")
    assert ranges[0].get("label") == "0 incidents per zone (not drawn)"
    assert [r.get("lower") for r in ranges[2:]] == [r.get("upper") for r in ranges[1:-1]]
    first = style(path, "demand").find(".//symbol[@name='0']/layer/Option/Option[@name='style']")
    assert first.get("value") == "no"


def test_columns_have_names_for_people(path):
    aliases = {item.get("field"): item.get("name") for item in style(path, "layered").findall(".//alias")}
    assert aliases["value"] == "Harm per 250 m cell"
    assert aliases["value_2"] == "robbery 2018-07 (harm per 250 m cell)"
    assert aliases["area_km2"] == "Area (km²)"


def test_the_file_says_where_it_comes_from(path):
    ((identifier, text),) = query(
        path, "SELECT identifier, description FROM gpkg_contents WHERE table_name = 'surface'"
    )
    assert identifier == "surface: crime"
    for part in ("Harm per km² per year", "method: quartic", "run id: 3fa9c2d1", "6.0% lies outside", "© nobody & all"):
        assert part in text
    metadata = pyogrio.read_info(path, layer="surface")["layer_metadata"]
    assert metadata["weight"] == "ONS CSS 2018"
    assert metadata["attribution"] == "Contains <made> data © nobody & all"


def test_times_of_writing_are_the_same_for_ever(path):
    assert query(path, "SELECT DISTINCT last_change FROM gpkg_contents") == [("1970-01-01T00:00:00.000Z",)]
    assert query(path, "SELECT DISTINCT update_time FROM layer_styles") == [("1970-01-01T00:00:00.000Z",)]
    assert {row[0] for row in query(path, "SELECT timestamp FROM gpkg_metadata_reference")} == {
        "1970-01-01T00:00:00.000Z"
    }
    assert pyogrio.get_gdal_config_option("OGR_CURRENT_DATE") is None


def test_any_record_with_a_frame_of_geometry_is_a_layer_and_may_name_its_column(tmp_path):
    (path,) = layers({"rates": rates()}, tmp_path, about={})
    assert gpd.read_file(path, layer="rates")["rate"].isna().tolist() == [False, True]
    root = style(path, "rates")
    assert root.find("renderer-v2").get("attr") == "rate"
    assert root.find(".//range").get("label") == "up to 1.5 crimes per 1,000 residents"


def test_columns_that_a_database_takes_for_one_are_refused_all_at_once(tmp_path):
    with pytest.raises(OutputError) as caught:
        layers({"rates": rates(RATE=[1, 2], fid=[1, 2])}, tmp_path, about={})
    assert [problem.found for problem in caught.value.problems] == [
        "layer rates has a column 'rate' too many",
        "layer rates has a column 'fid' too many",
    ]
    assert not [*tmp_path.iterdir()]


def test_events_without_any_location_are_a_layer(tmp_path):
    events = Events.at([np.nan, np.nan], [np.nan, np.nan], crs="EPSG:27700")
    (path,) = layers({"events": events}, tmp_path, about={})
    assert len(gpd.read_file(path, layer="events")) == 2


def test_artifacts_without_geometry_make_no_file(artifacts, tmp_path):
    assert layers({"numbers": artifacts["numbers"]}, tmp_path / "none", about={}) == []
    assert not (tmp_path / "none").exists()


def test_the_real_zones_of_west_yorkshire(residents: Demand, tmp_path, about):
    (path,) = layers({"residents": residents}, tmp_path, about=about)
    found = gpd.read_file(path, layer="residents")
    assert len(found) == 1388
    assert found["value"].sum() == residents.total.sum()
    labels = [item.get("label") for item in style(path, "residents").findall(".//range")]
    assert labels[0].endswith("residents per zone")
    assert len(labels) == 6
