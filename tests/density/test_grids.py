"""Grids: on a template's cells, and a nation part by part."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from demandgeo.density import count, grid, surface, surface_tiles
from demandgeo.domain import Events, Grid, Zones
from demandgeo.errors import GeometryError, ModelError

CRS = "EPSG:27700"
BOUNDS = (430_000.0, 420_000.0, 433_000.0, 422_000.0)


def zones(*polygons, crs=CRS):
    frame = gpd.GeoDataFrame({"code": [f"z{i}" for i in range(len(polygons))], "la": "Leeds"}, geometry=[*polygons])
    return Zones.from_frame(frame.set_crs(crs), id="code", group="la")


AREA = zones(
    shapely.Polygon([(430_030, 420_010), (432_900, 420_400), (431_000, 421_950)]),
    shapely.box(432_950, 421_900, 433_000, 422_000),
)


def scene(seed, n=300):
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(429_800, 433_200, n), rng.uniform(419_800, 422_200, n)
    return Events.at(x, y, crs=CRS, weight=rng.gamma(0.5, 20, n), weight_name="days")


def test_a_template_gives_its_cells_and_the_zones_say_which_count():
    template = Grid.covering((429_930, 419_930, 433_130, 422_170), cell=(160, 70), crs=CRS)
    made = grid(AREA, template)
    assert (made.x0, made.y0, made.dx, made.dy, made.shape) == (
        template.x0, template.y0, template.dx, template.dy, template.shape,
    )  # fmt: skip
    assert made.extent.sum() == pytest.approx(AREA.extent.sum(), rel=1e-9)
    assert set(made.group) == {"Leeds"}
    assert grid(AREA, count(scene(1), template)).content_hash() == made.content_hash()


def test_a_template_that_misses_part_of_the_area_is_refused():
    template = Grid.covering((430_000, 420_000, 432_000, 422_000), cell=100, crs=CRS)
    with pytest.raises(GeometryError, match=r"km2 of the study area lie beyond the template.*larger one"):
        grid(AREA, template)
    with pytest.raises(GeometryError, match="EPSG:32630"):
        grid(AREA, Grid.covering(BOUNDS, cell=100, crs="EPSG:32630"))


def test_a_template_has_cells_and_leaves_no_cell_to_choose():
    with pytest.raises(ModelError, match=r"stands on .*zones"):
        grid(AREA, count(scene(1), AREA))
    with pytest.raises(ModelError, match="one of the two"):
        grid(AREA, Grid.covering(BOUNDS, cell=100, crs=CRS), cell=50.0)


def assembled(parts, whole):
    """The parts' values laid on the whole raster; NaN where none lies."""
    raster = np.full(whole.shape, np.nan)
    for values, part in parts:
        top, left = round((whole.y0 - part.y0) / whole.dy), round((part.x0 - whole.x0) / whole.dx)
        window = raster[top : top + part.shape[0], left : left + part.shape[1]]
        assert np.isnan(window[part.inside]).all()
        window[part.inside] = values
    return raster


@given(st.integers(3, 40), st.sampled_from([50.0, 90.0, (60.0, 40.0)]))
def test_parts_make_up_the_grid_whatever_their_size(side, cell):
    for area, whole in ((AREA, Grid.over(AREA, cell=cell)), (BOUNDS, Grid.covering(BOUNDS, cell=cell, crs=CRS))):
        parts = list(Grid.tiles(area, cell=cell, side=side, crs=CRS))
        extent = assembled(((part.extent, part) for part in parts), whole)
        np.testing.assert_allclose(extent, whole.to_raster(whole.extent), rtol=1e-9, atol=1e-6)
        if area is AREA:
            assert all(set(part.group) == {"Leeds"} for part in parts)


@pytest.mark.parametrize("settings", [{}, {"kernel": "gaussian", "bandwidth": 100.0}, {"precision": "float32"}])
def test_a_surface_in_parts_is_the_surface(settings):
    events, whole = scene(2), Grid.over(AREA, cell=50.0)
    settings = {"bandwidth": 300.0, "per": "period", **settings}
    parts = surface_tiles(events, AREA, cell=50.0, side=17, **settings)
    values = assembled(((part.values, part.support) for part in parts), whole)
    expected = whole.to_raster(surface(events, whole, **settings).values)
    np.testing.assert_allclose(values, expected, rtol=1e-9, atol=1e-12 * np.nanmax(expected))


def test_parts_have_no_corrected_edge():
    with pytest.raises(ModelError, match="one grid was needed"):
        next(surface_tiles(scene(3), AREA, cell=50.0, edge="diggle", per="period"))
