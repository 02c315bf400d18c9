"""Parts of a grid become one raster, or an error that says which part does not fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import rasterio

from demandgeo.domain import Balance, Demand, Grid
from demandgeo.errors import GeometryError, ModelError, OutputError
from demandgeo.outputs import mosaic
from demandgeo.outputs.geotiff import OUTSIDE

CRS = "EPSG:27700"
BOUNDS = (430_000.0, 420_000.0, 432_000.0, 421_100.0)
NOTHING = Balance(np.zeros(4, int), np.zeros(4))


def demand(grid, values, **fields):
    table = pd.DataFrame({"category": ["a", "b"], "period": ["", ""]})
    layers = {"layers": table} if np.ndim(values) == 2 else {}
    return Demand(grid, values, "incidents", NOTHING, "count", "2018-07", "crime", **layers, **fields)


def parts(layers=1):
    rng = np.random.default_rng(3)
    for bound, grid in enumerate(Grid.tiles(BOUNDS, cell=100, side=7, crs=CRS)):
        values = rng.gamma(1.0, 1.0, (layers, grid.n))
        yield demand(grid, values if layers > 1 else values[0], provenance={"error_bound": bound / 10})


@pytest.mark.parametrize("layers", [1, 2])
def test_every_value_lies_where_its_cell_is(tmp_path, layers):
    path = mosaic(parts(layers), tmp_path / "all.tif", bounds=BOUNDS, about={"run": "try"})
    with rasterio.open(path) as file:
        assert (file.count, file.shape, file.nodata, file.crs.to_epsg()) == (layers, (11, 20), OUTSIDE, 27700)
        assert len(file.overviews(1)) == 3  # steps of 2, 4, and 8 to the next whole cell
        assert file.tags()["places"] == "220 100 m cells"
        assert file.tags()["error_bound"] == "0.5"
        assert file.tags()["run"] == "try"
        for part in parts(layers):
            x, y = part.support.centres()
            found = np.array(list(file.sample(zip(x, y, strict=True)))).T
            np.testing.assert_array_equal(found, np.atleast_2d(part.values).astype(np.float32))
    assert [path.name for path in tmp_path.iterdir()] == ["all.tif"]


def test_what_no_part_covers_is_nodata(tmp_path):
    first, *_ = parts()
    holed = replace(first, values=np.where(np.arange(first.support.n) == 0, np.nan, first.values))
    path = mosaic([holed], tmp_path / "one.tif", bounds=BOUNDS)
    with rasterio.open(path) as file:
        band = file.read(1)
    assert (band == OUTSIDE).sum() == 220 - 49 + 1
    assert band[0, 0] == OUTSIDE


def test_parts_that_do_not_fit_are_refused_and_leave_no_file(tmp_path):
    first, second, *_ = parts()
    other = Grid.covering((430_000, 420_000, 431_000, 421_000), cell=50, crs=CRS)
    shifted = replace(second.support, x0=second.support.x0 + 30)
    for wrong in (demand(other, np.ones(other.n)), replace(second, support=shifted)):
        with pytest.raises(GeometryError, match=r"aligned with the first and within the bounds"):
            mosaic([first, wrong], tmp_path / "all.tif", bounds=BOUNDS)
    with pytest.raises(ModelError, match="parts of one surface"):
        mosaic([first, replace(second, measure="weight")], tmp_path / "all.tif", bounds=BOUNDS)
    with pytest.raises(ModelError, match="no part"):
        mosaic([], tmp_path / "all.tif", bounds=BOUNDS)
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(OutputError, match="cannot be written"):
        mosaic([first], tmp_path / "file" / "all.tif", bounds=BOUNDS)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
