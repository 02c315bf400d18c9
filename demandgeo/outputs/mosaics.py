"""One GeoTIFF out of many parts of a grid, written as they come."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import rasterio
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.transform import Affine
from rasterio.windows import Window

from demandgeo.domain import Demand, Grid
from demandgeo.errors import GeometryError, ModelError
from demandgeo.outputs.files import replacing
from demandgeo.outputs.geotiff import OUTSIDE
from demandgeo.outputs.maplayers import demand_facts, layer_names
from demandgeo.outputs.wording import unit, words

_FORMAT = {
    "driver": "GTiff",
    "dtype": "float32",
    "compress": "DEFLATE",
    "predictor": 3,
    "tiled": True,
    "blockxsize": 512,
    "blockysize": 512,
    "bigtiff": "IF_SAFER",
    "sparse_ok": True,
    "nodata": OUTSIDE,
}
OVERVIEWS = (2, 4, 8, 16, 32)


def mosaic(
    parts: Iterable[Demand],
    path: Path | str,
    *,
    bounds: tuple[float, float, float, float],
    about: Mapping[str, str] | None = None,
) -> Path:
    """Write parts of one grid, such as `density.surface_tiles` yields, to one tiled GeoTIFF with overviews.

    Parameters
    ----------
    parts
        Demands on grids of equal cells and one alignment. Each is written and let go before the next is taken.
    path
        The file; it appears under its name when all is written.
    bounds
        (west, south, east, north) of the whole, metres; it is widened to whole cells.
    about
        Tags of the file: title, run, attribution.

    Returns
    -------
    Path
        The file. Cells of no part, and those outside the study area, are nodata.

    Raises
    ------
    ModelError
        If there is no part, or one has other layers or another measure than the first.
    GeometryError
        If a part has other cells, another alignment or another CRS than the first, or leaves the bounds.
    OutputError
        If the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from demandgeo.domain import Balance
    >>> grids = Grid.tiles((0, 0, 1000, 500), cell=250, side=2, crs="EPSG:27700")
    >>> balance = Balance(np.zeros(4, int), np.zeros(4))
    >>> parts = (Demand(grid, np.ones(grid.n), "incidents", balance, "count", "2018-07") for grid in grids)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = mosaic(parts, f"{folder}/all.tif", bounds=(0, 0, 1000, 500))
    ...     with rasterio.open(made) as file:
    ...         print(file.shape, float(file.read(1).sum()))
    (2, 4) 8.0
    """
    path, coming = Path(path), iter(parts)
    first = next(coming, None)
    if first is None:
        raise ModelError("there is no part to write", "at least one was needed", "is the study area empty?")
    grid = _grid(first)
    columns, rows = _cells(grid, bounds)
    west, north = np.floor(bounds[0] / grid.dx) * grid.dx, np.ceil(bounds[3] / grid.dy) * grid.dy
    place = {"crs": CRS.from_string(grid.crs), "transform": Affine(grid.dx, 0, west, 0, -grid.dy, north)}
    names = layer_names(first) if first.values.ndim == 2 else [words(first.name)]
    with (
        replacing(path, RasterioError) as made,
        rasterio.open(made, "w", **_FORMAT, **place, count=len(names), height=rows, width=columns) as file,
    ):
        for band, name in enumerate(names, start=1):
            file.set_band_description(band, f"{name}, {unit(first)}")
            file.set_band_unit(band, unit(first))
        units, bound = 0, 0.0
        for part in itertools.chain([first], coming):
            _write(file, part, first, west, north)
            units, bound = units + part.support.n, max(bound, float(part.provenance.get("error_bound", 0.0)))
        facts = demand_facts(first) | {"places": f"{units} {grid.unit_name}", "error_bound": str(bound)}
        file.update_tags(**{**(about or {}), **facts, "unit": unit(first)})
        file.build_overviews([step for step in OVERVIEWS if step < min(rows, columns)], Resampling.average)
    return path


def _grid(part: Demand) -> Grid:
    if not isinstance(part.support, Grid):
        raise GeometryError(f"a part stands on {part.support.unit_name}", "cells of a grid were needed")
    return part.support


def _cells(grid: Grid, bounds: tuple[float, float, float, float]) -> tuple[int, int]:
    west, south, east, north = bounds
    columns = np.ceil(east / grid.dx) - np.floor(west / grid.dx)
    rows = np.ceil(north / grid.dy) - np.floor(south / grid.dy)
    return int(columns), int(rows)


def _write(file: rasterio.io.DatasetWriter, part: Demand, first: Demand, west: float, north: float) -> None:
    grid, model = _grid(part), _grid(first)
    if part.measure != first.measure or not part.layers.equals(first.layers):
        raise ModelError(
            f"a part is in {part.measure} with {len(part.layers)} layers, the first in {first.measure} with "
            f"{len(first.layers)}",
            "parts of one surface were needed",
        )
    left, top = (grid.x0 - west) / grid.dx, (north - grid.y0) / grid.dy
    rows, columns = grid.shape
    same = (grid.dx, grid.dy, grid.crs) == (model.dx, model.dy, model.crs)
    on_cells = abs(left - round(left)) + abs(top - round(top)) < 1e-6
    within = left > -0.5 and top > -0.5 and left + columns < file.width + 0.5 and top + rows < file.height + 0.5
    if not (same and on_cells and within):
        raise GeometryError(
            f"a part of {grid.unit_name} at {grid.x0:,.0f}, {grid.y0:,.0f} does not fit the whole",
            f"{model.unit_name} in {model.crs}, aligned with the first and within the bounds, were needed",
        )
    window = Window(round(left), round(top), columns, rows)
    for band, layer in enumerate(np.atleast_2d(part.values), start=1):
        raster = grid.to_raster(layer, OUTSIDE).astype(np.float32)
        file.write(np.where(np.isnan(raster), np.float32(OUTSIDE), raster), band, window=window)
