"""A demand moved from one grid to another, such as a population raster to the cells of a surface."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import sparse

from demandgeo.domain import Balance, Demand, Grid, check_same_crs
from demandgeo.domain.record import Floats
from demandgeo.errors import GeometryError, ModelError
from demandgeo.registry import stage

M2_PER_KM2 = 1e6


@stage("density.regrid")
def regrid(demand: Demand, grid: Grid) -> Demand:
    """Return a demand on the cells of another grid, each amount spread evenly over its cell.

    Parameters
    ----------
    demand
        On a grid. Amounts per cell are shared out by area; of densities (``.../km2``) the amounts behind them are.
    grid
        In the same CRS; its cells may be of any size and alignment.

    Returns
    -------
    Demand
        In the measure of `demand`. What falls on no unit of the grid joins the balance as outside; the number of events
        behind a part of a cell is not known, so that the balance of events stays and `count` and `variance` are left
        out.

    Raises
    ------
    ModelError
        If the demand does not stand on a grid.
    GeometryError
        If the CRS differ, or the two grids do not meet.

    Notes
    -----
    Areal weighting (Goodchild and Lam 1980). Both grids have straight rows and columns, so that the shares are products
    of one along each axis: exact, and 1 in sum for a cell that the new grid covers.

    Examples
    --------
    >>> from demandgeo.domain import Events
    >>> from demandgeo.density import count
    >>> coarse = count(
    ...     Events.at([50, 150, 160], [50, 50, 60], crs="EPSG:27700"),
    ...     Grid.covering((0, 0, 200, 100), cell=100, crs="EPSG:27700"),
    ... )
    >>> regrid(coarse, Grid.covering((0, 0, 200, 100), cell=50, crs="EPSG:27700")).values.tolist()
    [0.25, 0.25, 0.5, 0.5, 0.25, 0.25, 0.5, 0.5]
    """
    old = demand.support
    if not isinstance(old, Grid):
        raise ModelError(f"the demand stands on {old.unit_name}", "cells of a grid were needed")
    check_same_crs(old.crs, grid.crs, first_name="the demand", second_name="the grid")
    down = _shares((-old.y0, old.dy, old.shape[0]), (-grid.y0, grid.dy, grid.shape[0]))
    across = _shares((old.x0, old.dx, old.shape[1]), (grid.x0, grid.dx, grid.shape[1]))
    if not (down.nnz and across.nnz):
        raise GeometryError("the two grids do not meet", "cells that overlap were needed", "look at their bounds")
    dense = "/km2" in demand.measure
    layers = []
    for layer in np.atleast_2d(demand.values):
        amount = np.nan_to_num(layer * (old.extent / M2_PER_KM2 if dense else 1.0))
        layers.append((down @ (across @ old.to_raster(amount, 0.0).T).T)[grid.inside])
    values = np.array(layers)
    before, after = float(np.nansum(demand.total * (old.extent / M2_PER_KM2 if dense else 1.0))), float(values.sum())
    if dense:
        values = values / (grid.extent / M2_PER_KM2)
    kept = after / before if before > 0 else 1.0
    return replace(
        demand,
        support=grid,
        values=values if demand.values.ndim == 2 else values[0],
        count=None,
        variance=None,
        balance=_balance(demand.balance, kept),
        provenance={**demand.provenance, "regridded_from": old.unit_name, "share_kept": kept},
    )


def _shares(old: tuple[float, float, int], new: tuple[float, float, int]) -> sparse.csr_array:
    """Return the share of each old cell of an axis (low edge, step, cells) that lies in each new one, [new, old]."""
    edges = [low + np.arange(cells + 1) * step for low, step, cells in (old, new)]
    cuts = np.unique(np.concatenate(edges))
    middle, width = (cuts[:-1] + cuts[1:]) / 2, np.diff(cuts)
    at = [np.floor((middle - low) / step).astype(int) for low, step, _ in (old, new)]
    on = (at[0] >= 0) & (at[0] < old[2]) & (at[1] >= 0) & (at[1] < new[2])
    return sparse.csr_array((width[on] / old[1], (at[1][on], at[0][on])), shape=(new[2], old[2]))


def _balance(balance: Balance, kept: float) -> Balance:
    """Move the weight that fell on no unit from placed to outside."""
    weight: Floats = balance.weight.copy()
    lost = weight[0] * max(0.0, 1.0 - kept)
    weight[:2] += -lost, lost
    return Balance(balance.events, weight)
