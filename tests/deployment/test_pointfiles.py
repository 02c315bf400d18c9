"""Places from files."""

from __future__ import annotations

import geopandas as gpd
import pytest
import shapely

from demandgeo.deployment import read_places
from demandgeo.errors import GeometryError, SourceError

CRS = "EPSG:27700"


def test_places_of_a_table_and_of_a_layer_are_the_same(tmp_path):
    (tmp_path / "bases.csv").write_text("\ufeffname,x,y,cost\n01,430000.5,434000,5\nB,431000,434500,7\n")
    made = read_places(tmp_path / "bases.csv", crs=CRS)
    places = gpd.points_from_xy([430_000.5, 431_000], [434_000, 434_500])
    frame = gpd.GeoDataFrame({"name": ["01", "B"], "cost": [5, 7]}, geometry=places, crs=CRS)
    frame.to_file(tmp_path / "bases.gpkg", layer="bases")
    layer = read_places(tmp_path / "bases.gpkg", layer="bases")
    assert made.ids == layer.ids == ("01", "B")
    assert made.x.tolist() == layer.x.tolist() == [430_000.5, 431_000.0]
    assert made.table["cost"].tolist() == layer.table["cost"].tolist() == [5, 7]
    frame.to_crs(4326).to_file(tmp_path / "lonlat.geojson")
    back = read_places(tmp_path / "lonlat.geojson", to_crs=CRS, id="cost")
    assert back.ids == ("5", "7")
    assert back.y.tolist() == pytest.approx([434_000, 434_500], abs=0.01)


@pytest.mark.parametrize(
    ("text", "settings", "error", "message"),
    [
        ("id,x,y\nA,1,2\n", {}, GeometryError, "no CRS"),
        ("id,x,y\nA,1,2\n", {"crs": "EPSG:4326"}, GeometryError, "not projected"),
        ("id,x,y\nA,1,2\nA,3,4\n", {"crs": CRS}, ValueError, "stands twice"),
        ("id,east,y\nA,1,2\n", {"crs": CRS}, SourceError, "no column 'x'"),
        ("id,x,y\nA,one,2\nB,1,\n", {"crs": CRS}, SourceError, r"csv:2: x: a coordinate is 'one'.*\n.*csv:3: y"),
        ("id,x,y\nA,1,2\n", {"crs": CRS, "id": "named"}, GeometryError, "no column 'named'"),
        ("", {"crs": CRS}, SourceError, "cannot be read"),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path, text, settings, error, message):
    (tmp_path / "bases.csv").write_text(text)
    with pytest.raises(error, match=message):
        read_places(tmp_path / "bases.csv", **settings)


def test_other_files_are_refused(tmp_path):
    with pytest.raises(SourceError, match="no such file"):
        read_places(tmp_path / "bases.csv")
    (tmp_path / "bases.gpkg").write_text("no database")
    with pytest.raises(SourceError, match="cannot be read"):
        read_places(tmp_path / "bases.gpkg")
    lines = gpd.GeoDataFrame(geometry=[shapely.LineString([(0, 0), (1, 1)])], crs=CRS)
    lines.to_file(tmp_path / "lines.gpkg")
    with pytest.raises(GeometryError, match="no point"):
        read_places(tmp_path / "lines.gpkg")
