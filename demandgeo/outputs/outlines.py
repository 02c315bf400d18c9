"""Outlines of the study area and its districts: what a reader finds their way by where there is no base map."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely
from rasterio.features import shapes
from rasterio.transform import Affine
from shapely.geometry import shape

from demandgeo.domain import Grid, Support


def districts(support: Support) -> gpd.GeoDataFrame:
    """Return one row (name, geometry) for each district; one nameless row where there are none.

    Supports without area (streets) have no outline: no row.
    """
    codes = np.zeros(support.n, np.int32) if support.group is None else support.group.codes
    names = [""] if support.group is None else [*support.group.names]
    dissolved = _dissolve_cells(support, codes) if isinstance(support, Grid) else _dissolve(support, codes)
    rows = {(names[code] if code >= 0 else ""): outline for code, outline in sorted(dissolved.items())}
    return gpd.GeoDataFrame({"name": list(rows)}, geometry=list(rows.values()), crs=support.crs)


def _dissolve(support: Support, codes: np.ndarray) -> dict[int, shapely.Geometry]:
    if support.extent_unit != "m2":
        return {}
    geometry = support.geometry()
    return {int(code): shapely.union_all(geometry[codes == code]) for code in np.unique(codes)}


def _dissolve_cells(grid: Grid, codes: np.ndarray) -> dict[int, shapely.Geometry]:
    # Tracing the raster takes milliseconds where a union of 33,000 squares takes seconds.
    raster = grid.to_raster(codes + 1, outside=-1).astype(np.int32)
    transform = Affine(grid.dx, 0, grid.x0, 0, -grid.dy, grid.y0)
    parts: dict[int, list[shapely.Geometry]] = {}
    for outline, code in shapes(raster, mask=grid.inside, transform=transform):
        parts.setdefault(int(code) - 1, []).append(shape(outline))
    return {code: shapely.union_all(outlines) for code, outlines in parts.items()}
