from __future__ import annotations

from dataclasses import replace

import defusedxml.ElementTree as ET
import numpy as np
import pytest
import rasterio

from demandgeo.domain import Grid
from demandgeo.outputs import rasters
from demandgeo.outputs.geotiff import OUTSIDE


@pytest.fixture(scope="module")
def written(artifacts, about, tmp_path_factory):
    folder = tmp_path_factory.mktemp("rasters")
    return folder, rasters(artifacts, folder, about=about)


def test_only_demand_on_a_grid_becomes_a_raster(written):
    assert [path.name for path in written[1]] == ["surface.tif", "surface.qml", "layered.tif", "layered.qml"]


def test_the_raster_holds_the_values_where_they_belong(written, surface):
    with rasterio.open(written[0] / "surface.tif") as file:
        assert file.crs.to_epsg() == 27700
        assert file.nodata == OUTSIDE
        band = file.read(1, masked=True).filled(np.nan)
        x, y = surface.support.centres()
        sampled = np.array([value[0] for value in file.sample(zip(x, y, strict=True), masked=True)], dtype=object)
    np.testing.assert_allclose(band, surface.support.to_raster(surface.values), rtol=6e-8)
    known = ~np.isnan(surface.values)
    np.testing.assert_allclose(sampled[known].astype(float), surface.values[known], rtol=6e-8)


def test_cells_outside_the_study_area_and_without_data_are_nodata(grid, surface, tmp_path):
    inside = grid.inside.copy()
    inside[0, 0] = False
    holed = Grid(grid.x0, grid.y0, grid.dx, grid.dy, inside, grid.extent[1:], grid.crs)
    rasters({"holed": replace(surface, support=holed, values=surface.values[1:])}, tmp_path, about={})
    with rasterio.open(tmp_path / "holed.tif") as file:
        assert np.flatnonzero(file.read(1) == OUTSIDE).tolist() == [0, 1, 2]


def test_tags_say_what_the_numbers_are(written):
    with rasterio.open(written[0] / "surface.tif") as file:
        tags = file.tags()
        assert file.descriptions == ("Crime, harm per km² per year",)
        assert file.units == ("harm per km² per year",)
    expected = {
        "measure": "weight/km2/yr",
        "weight": "ONS CSS 2018",
        "period": "2018-07",
        "method": "quartic",
        "error_bound": "1e-14",
        "run_id": "3fa9c2d1",
        "attribution": "Contains <made> data © nobody & all",
    }
    assert {key: tags[key] for key in expected} == expected
    assert not [key for key in tags if "DATE" in key.upper() or "SOFTWARE" in key.upper()]


def test_provenance_may_use_any_word(surface, tmp_path):
    named = replace(surface, provenance={"unit": "furlong", "period": "never", "nested": {"a": 1}})
    rasters({"named": named}, tmp_path, about={"run_id": "3f", "period": "other"})
    with rasterio.open(tmp_path / "named.tif") as file:
        tags = file.tags()
    assert (tags["unit"], tags["period"], tags["run_id"]) == ("harm per km² per year", "2018-07", "3f")


def test_layers_are_bands_with_names(written, artifacts):
    with rasterio.open(written[0] / "layered.tif") as file:
        assert file.descriptions == tuple(f"{c} 2018-07, harm per 250 m cell" for c in ("burglary", "robbery"))
        second = file.read(2)
    assert (second[second != OUTSIDE] == 1).all()


def test_a_large_raster_is_cloud_optimised(surface, tmp_path):
    large = Grid.covering((0, 0, 120_000, 70_000), cell=100, crs="EPSG:27700")
    rasters({"large": replace(surface, support=large, values=np.linspace(0, 9, large.n))}, tmp_path, about={})
    with rasterio.open(tmp_path / "large.tif") as file:
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert file.overviews(1) == [2, 4]
        assert file.profile["compress"] == "deflate"
        assert file.profile["tiled"]


def test_the_style_has_a_transparent_zero_and_no_upper_end(written):
    items = ET.parse(written[0] / "surface.qml").findall(".//colorrampshader/item")
    assert (items[0].get("value"), items[0].get("alpha")) == ("0", "0")
    assert items[0].get("label") == "0 harm per km² per year (not drawn)"
    values = [float(item.get("value")) for item in items]
    assert values == sorted(values)
    assert values[-1] == np.inf
    assert {item.get("alpha") for item in items[1:]} == {"255"}


def test_demand_that_is_zero_everywhere_is_a_raster_all_the_same(surface, tmp_path):
    rasters({"none": replace(surface, values=np.zeros(surface.support.n))}, tmp_path, about={})
    assert len(ET.parse(tmp_path / "none.qml").findall(".//item")) == 1
