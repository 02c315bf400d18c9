"""The grid that surfaces and counts are made on."""

from __future__ import annotations

from typing import Annotated, cast

import numpy as np
from pydantic import Field

from demandgeo.domain import Demand, Grid, Zones
from demandgeo.errors import ModelError, Problems
from demandgeo.registry import stage

Metres = Annotated[float, Field(gt=0, allow_inf_nan=False)]


@stage("density.grid")
def grid(zones: Zones, template: Grid | Demand | None = None, *, cell: Metres | None = None) -> Grid:
    """Return the grid of the square cells that meet the study area.

    Parameters
    ----------
    zones
        The study area.
    template
        A grid, or a demand on one (such as a population raster), whose cells are taken: results then overlie it.
    cell
        Side of a cell, metres; 250 unless there is a template. Cell borders are multiples of it, so that two runs share
        their cells.

    Returns
    -------
    Grid
        Its extents, the areas of cell within the study area, sum to the area of the zones.

    Raises
    ------
    ModelError
        If the side is not above 0, the cells would be more than the house allows, the template stands on no grid, or
        both a template and a cell are given.
    GeometryError
        If the template has another CRS, or part of the study area lies beyond it.

    Examples
    --------
    >>> import geopandas as gpd, shapely
    >>> frame = gpd.GeoDataFrame({"code": ["A"]}, geometry=[shapely.box(100, 100, 600, 600)], crs="EPSG:27700")
    >>> area = Zones.from_frame(frame, id="code")
    >>> cells = grid(area, cell=250.0)
    >>> cells.n, float(cells.extent.sum())
    (9, 250000.0)
    """
    if template is None:
        return Grid.over(zones, cell=250.0 if cell is None else cell)
    like = template.support if isinstance(template, Demand) else template
    problems = Problems()
    problems.check(isinstance(like, Grid), f"the template stands on {like.unit_name}", "cells of a grid were needed")
    problems.check(cell is None, f"a template and a cell of {cell} m are given", "one of the two was needed")
    problems.raise_as(ModelError)
    return Grid.over(zones, like=cast(Grid, like))


def cell_reach(grid: Grid) -> float:
    """Return half the diagonal of a cell, metres: a narrower kernel reaches no cell centre from some places."""
    return float(np.hypot(grid.dx, grid.dy)) / 2
