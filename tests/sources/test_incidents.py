"""Extracts by a map of columns: CSV, Parquet and GeoPackage give the same events."""

from __future__ import annotations

import re

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from demandgeo.errors import ConfigError, DataQualityWarning, GeometryError, SourceError
from demandgeo.sources import read_incidents

MAP = {
    "x": "east",
    "y": "north",
    "time": "when",
    "category": "type",
    "weight": "cost",
    "id": "ref",
    "zone_code": "lsoa",
    "beat": "beat",
}
GRID = "EPSG:27700"


def table(n=10) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "east": 430_000.25 + np.arange(n),
            "north": [434_000.5] * n,
            "when": [f"2018-07-0{1 + i % 9} 23:30" for i in range(n)],
            "type": ["injury", "fall"] * (n // 2),
            "cost": np.arange(n) / 4,
            "ref": [f"R{i}" for i in range(n)],
            "lsoa": "E01000001",
            "beat": "B1",
        }
    )


def write(frame: pd.DataFrame, path):
    suffix = "".join(path.suffixes)
    if suffix == ".parquet":
        frame.to_parquet(path)
    elif suffix == ".gpkg":
        points = gpd.points_from_xy(frame["east"], frame["north"])
        gpd.GeoDataFrame(frame, geometry=points, crs=GRID).to_file(path)
    else:
        frame.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz", "x.parquet", "x.gpkg"])
def test_every_format_gives_the_same(tmp_path, name):
    crs = None if name == "x.gpkg" else GRID
    events = read_incidents(write(table(), tmp_path / name), MAP, crs=crs, kind="injury")
    np.testing.assert_array_equal(events.x, 430_000.25 + np.arange(10))
    np.testing.assert_array_equal(events.weight, np.arange(10) / 4)
    assert events.time[0] == np.datetime64("2018-07-01T23:30")
    assert events.resolution == "minute"
    assert events.weight_name == "cost"
    assert events.category.counts() == {"fall": 5, "injury": 5}
    assert events.zone_code.names == ("E01000001",)
    assert events.attributes["beat"].names == ("B1",)
    assert list(events.ids) == [f"R{i}" for i in range(10)]
    assert events.ledger.transform["operation"] == "none"


def test_points_of_a_geopackage(tmp_path):
    frame = table()
    points = gpd.GeoSeries(gpd.points_from_xy(frame["east"], frame["north"]), crs=GRID)
    points.iloc[3] = None
    gpd.GeoDataFrame(frame, geometry=points).to_file(tmp_path / "x.gpkg")
    events = read_incidents(tmp_path / "x.gpkg", {"category": "type"})
    assert (~events.located).tolist() == [i == 3 for i in range(10)]
    assert events.x[4] == 430_004.25


def test_degrees_are_projected(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("lon,lat\n-1.54,53.80\n,\n")
    events = read_incidents(path, {"lon": "lon", "lat": "lat"})
    assert events.crs == GRID
    assert events.located.tolist() == [True, False]
    assert "1 of 2 records (50.0%) state no location" in events.ledger.notes[0]


@pytest.mark.parametrize(
    ("columns", "crs", "error", "part"),
    [
        ({"x": "east", "y": "north"}, None, GeometryError, "give crs:"),
        ({"x": "east"}, GRID, ConfigError, "both x and y"),
        ({"x": "east", "y": "north", "lon": "east", "lat": "north"}, GRID, ConfigError, "both x and y"),
        ({}, GRID, ConfigError, "both x and y"),
        ({"x": "eest", "y": "north"}, GRID, SourceError, 'did you mean "east"?'),
        ({"x": "east", "y": "north"}, "EPSG:4326", GeometryError, "out of range"),
        ({"x": "east", "y": "north"}, "nonsense", GeometryError, "nonsense"),
    ],
)
@pytest.mark.parametrize("name", ["x.csv", "x.parquet"])
def test_refused(tmp_path, *, name, columns, crs, error, part):
    path = write(table(), tmp_path / name)
    with pytest.raises(error) as caught:
        read_incidents(path, columns, crs=crs)
    assert part in str(caught.value)


def test_degrees_called_metres(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("a,b\n-1.54,53.80\n")
    with pytest.raises(GeometryError, match="look like degrees"):
        read_incidents(path, {"x": "a", "y": "b"}, crs=GRID)


def test_swapped(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("lon,lat\n53.80,-1.54\n")
    with pytest.raises(GeometryError, match="look swapped"):
        read_incidents(path, {"lon": "lon", "lat": "lat"})


def one_bad(tmp_path, column, value, name="x.csv", **settings):
    frame = table().astype(object)
    frame.loc[3, column] = value
    path = write(frame.astype(str), tmp_path / name)
    with pytest.warns(DataQualityWarning):
        events = read_incidents(path, MAP, crs=GRID, **settings)
    return events.ledger.excluded_rows.to_dict("records")


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("when", "05/07/2018", "bad_time"),
        ("when", "2018-02-30", "bad_time"),
        ("when", "20180705", "bad_time"),
        ("when", "0001-01-01T00:00:00+01:00", "bad_time"),
        ("cost", "-1", "bad_weight"),
        ("cost", "", "bad_weight"),
        ("cost", "£3", "bad_weight"),
        ("ref", "R2", "duplicate"),
        ("east", "x", "bad_coordinate"),
    ],
)
def test_excluded(tmp_path, column, value, reason):
    (row,) = one_bad(tmp_path, column, value)
    assert (row["line"], row["reason"]) == (5, reason)
    assert value in row["value"]
    (row,) = one_bad(tmp_path, column, value, name="x.parquet") if value else [{"line": 4}]
    assert row["line"] == 4


def test_too_many_bad_rows(tmp_path):
    path = write(table().assign(when="soon"), tmp_path / "x.csv")
    with pytest.raises(SourceError, match=r"x.csv: 100.0% of the rows cannot be used \(10 bad_time\)"):
        read_incidents(path, MAP, crs=GRID)


@pytest.mark.parametrize(
    ("times", "settings", "resolution", "first"),
    [
        (["2018-07", "2018-08-01"], {}, "month", "2018-07-01"),
        (["2018-07-02", "2018-08-01 10:00"], {}, "day", "2018-07-02"),
        (["2018-07-02T00:30:00+01:00"], {}, "minute", "2018-07-01T23:30"),
        (["02/07/2018 10:05"], {"time_format": "%d/%m/%Y %H:%M"}, "minute", "2018-07-02T10:05"),
        (["02/07/2018"], {"time_format": "%d/%m/%Y"}, "day", "2018-07-02"),
    ],
)
def test_times(tmp_path, times, settings, resolution, first):
    path = tmp_path / "x.csv"
    path.write_text("x,y,t\n" + "".join(f"430000,434000,{time}\n" for time in times) + "430000,434000,\n")
    events = read_incidents(path, {"x": "x", "y": "y", "time": "t"}, crs=GRID, **settings)
    assert events.resolution == resolution
    assert events.time[0] == np.datetime64(first)
    assert np.isnat(events.time[-1])
    assert "1 records state no time" in events.ledger.notes
    assert any("UTC" in note for note in events.ledger.notes) == ("+" in times[0])


def test_damaged_and_strange_files(tmp_path):
    path = write(table(), tmp_path / "x.parquet")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(SourceError, match="cannot be read"):
        read_incidents(path, MAP, crs=GRID)
    for name in ("x.xlsx", "none.csv", "none.parquet", "none.gpkg"):
        with pytest.raises(SourceError):
            read_incidents(tmp_path / name, MAP, crs=GRID)


def test_lines_are_no_points(tmp_path):
    shape = gpd.GeoSeries.from_wkt(["LINESTRING (0 0, 1 1)"], crs=GRID)
    gpd.GeoDataFrame({"a": [1]}, geometry=shape).to_file(tmp_path / "x.gpkg")
    with pytest.raises(SourceError, match="no points"):
        read_incidents(tmp_path / "x.gpkg", {"category": "a"})


@pytest.mark.parametrize(
    ("columns", "part"),
    [
        ({"x": "east", "y": "north", "wieght": "minutes"}, 'did you mean "weight"?'),
        ({"x": "east", "y": "east"}, "the column 'east' is given as x and y"),
    ],
)
def test_a_map_that_must_be_a_slip_is_refused(tmp_path, columns, part):
    path = write(table(), tmp_path / "x.csv")
    with pytest.raises(ConfigError, match=re.escape(part)):
        read_incidents(path, columns, crs=GRID)
