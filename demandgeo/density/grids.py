"""The grid that surfaces and counts are made on."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from demandgeo.domain import Grid, Zones
from demandgeo.registry import stage

Metres = Annotated[float, Field(gt=0, allow_inf_nan=False)]


@stage("density.grid")
def grid(zones: Zones, *, cell: Metres = 250.0) -> Grid:
    """Return the grid of the square cells that meet the study area.

    Parameters
    ----------
    zones
        The study area.
    cell
        Side of a cell, metres. Cell borders are multiples of it, so that two runs share their cells.

    Returns
    -------
    Grid
        Its extents, the areas of cell within the study area, sum to the area of the zones.

    Raises
    ------
    ModelError
        If the side is not above 0, or the cells would be more than the house allows.

    Examples
    --------
    >>> import geopandas as gpd, shapely
    >>> frame = gpd.GeoDataFrame({"code": ["A"]}, geometry=[shapely.box(100, 100, 600, 600)], crs="EPSG:27700")
    >>> area = Zones.from_frame(frame, id="code")
    >>> cells = grid(area, cell=250.0)
    >>> cells.n, float(cells.extent.sum())
    (9, 250000.0)
    """
    return Grid.over(zones, cell=cell)


def cell_reach(grid: Grid) -> float:
    """Return half the diagonal of a cell, metres: a narrower kernel reaches no cell centre from some places."""
    return float(np.hypot(grid.dx, grid.dy)) / 2
