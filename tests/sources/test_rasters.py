"""Rasters: every amount arrives, on the raster's own cells or moved, and what cannot be read is refused."""

from __future__ import annotations

import numpy as np
import pyproj
import pytest
import rasterio

from demandgeo.density import grid
from demandgeo.errors import GeometryError, SourceError
from demandgeo.sources import read_raster

BRITISH = rasterio.Affine(100, 0, 430_000, 0, -100, 420_000)
DEGREES = rasterio.Affine(0.002, 0, -1.6, 0, -0.001, 53.8)


def write(path, values, *, crs="EPSG:27700", transform=BRITISH, nodata=-1.0, **settings):
    values = np.atleast_3d(values).transpose(2, 0, 1) if np.ndim(values) == 2 else np.asarray(values)
    shape = {"count": values.shape[0], "height": values.shape[1], "width": values.shape[2]}
    with rasterio.open(
        path, "w", driver="GTiff", dtype="float64", crs=crs, transform=transform, nodata=nodata, **shape, **settings
    ) as file:
        file.write(values)
    return path


def test_a_metric_raster_keeps_its_cells_and_what_has_no_data_is_no_unit(tmp_path):
    values = np.arange(12.0).reshape(3, 4)
    values[1, 2] = -1.0
    people = read_raster(write(tmp_path / "people.tif", values))
    assert people.support.shape == (3, 4)
    assert people.support.n == 11
    np.testing.assert_array_equal(people.support.to_raster(people.values, -1.0), values)
    assert people.balance.weight[0] == values.sum() + 1
    assert people.support.bounds == (430_000, 419_700, 430_400, 420_000)


def test_the_second_band_and_a_density(tmp_path):
    bands = np.stack([np.ones((2, 2)), np.full((2, 2), 50.0)])
    people = read_raster(write(tmp_path / "people.tif", bands), band=2, measure="residents/km2")
    assert people.values.tolist() == [50.0] * 4
    assert people.balance.weight[0] == pytest.approx(2.0)


def test_amounts_in_degrees_are_moved_and_none_is_lost(tmp_path):
    rng = np.random.default_rng(1)
    values = rng.gamma(1.0, 30.0, (40, 30))
    values[rng.random((40, 30)) < 0.2] = -1.0
    people = read_raster(write(tmp_path / "people.tif", values, crs="EPSG:4326", transform=DEGREES))
    assert people.support.crs == "EPSG:27700"
    assert people.support.dx == people.support.dy == 111.0
    assert people.values.sum() == pytest.approx(values[values >= 0].sum())
    assert "16 points" in people.provenance["notes"][0]
    x, y = people.support.centres()
    middle = np.average(x, weights=people.values), np.average(y, weights=people.values)
    row, column = np.nonzero(values >= 0)
    lon, lat = -1.6 + (column + 0.5) * 0.002, 53.8 - (row + 0.5) * 0.001
    east, north = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:27700", always_xy=True).transform(lon, lat)
    weight = values[row, column]
    assert middle == pytest.approx((np.average(east, weights=weight), np.average(north, weights=weight)), abs=10)


def test_a_raster_is_a_template(tmp_path, west_yorkshire):
    west, south, east, north = west_yorkshire.outline().bounds
    transform = rasterio.Affine(1000, 0, west - 700, 0, -1000, north + 300)
    shape = int((north - south) / 1000) + 2, int((east - west) / 1000) + 2
    people = read_raster(write(tmp_path / "people.tif", np.ones(shape), transform=transform))
    cells = grid(west_yorkshire, people)
    assert (cells.x0, cells.y0, cells.shape) == (west - 700, north + 300, shape)
    assert cells.extent.sum() == pytest.approx(west_yorkshire.extent.sum(), rel=1e-9)


def refused(error, match, path, **settings):
    with pytest.raises(error, match=match):
        read_raster(path, **settings)


def test_what_cannot_be_read_is_refused_in_words(tmp_path):
    good = write(tmp_path / "good.tif", np.ones((2, 2)))
    refused(SourceError, "does not exist", tmp_path / "none.tif")
    refused(SourceError, "is a folder", tmp_path)
    refused(SourceError, r"no band 2.*from 1 to 1", good, band=2)
    refused(GeometryError, "states EPSG:27700, crs is EPSG:4326", good, crs="EPSG:4326")
    (tmp_path / "text.tif").write_text("west,east")
    refused(SourceError, r"text\.tif.*cannot be read", tmp_path / "text.tif")
    cut = tmp_path / "cut.tif"
    cut.write_bytes(write(tmp_path / "long.tif", np.ones((300, 300))).read_bytes()[:900])
    refused(SourceError, r"cut\.tif.*cannot be read", cut)
    negative = write(tmp_path / "negative.tif", np.array([[1.0, -9.0]]))
    refused(SourceError, r"1 values are below 0 or infinite, the first of them -9.*nodata", negative)
    refused(SourceError, "no cell holds data", write(tmp_path / "empty.tif", np.full((2, 2), -1.0)))
    turned = write(tmp_path / "turned.tif", np.ones((2, 2)), transform=rasterio.Affine(9, 3, 0, 3, -9, 0))
    refused(SourceError, r"turned\.tif.*not north up", turned)
    density = write(tmp_path / "density.tif", np.ones((2, 2)), crs="EPSG:4326", transform=DEGREES)
    refused(GeometryError, r"holds a density \(residents/km2\).*gdalwarp", density, measure="residents/km2")
    bare = write(tmp_path / "bare.tif", np.ones((2, 2)), crs=None)
    refused(GeometryError, "states no CRS", bare)
    assert read_raster(bare, crs="EPSG:27700").support.crs == "EPSG:27700"
