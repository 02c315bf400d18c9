"""Edge correction: how much of a kernel lies within the study area, which is all that is known of a border.

The study area is that of a grid, each cell's part of it (its extent) standing at the cell's centre. Sums over the
corrected surface are therefore exact on the grid itself. Against the true outline of the area, the share of a kernel
inside is off by what that quadrature leaves: with bandwidth h and a cell of side d, below 0.3 (d / h)**2 for the
Epanechnikov, quartic, triweight and Gaussian kernels (h their support, or the standard deviation), and 0.2 d / h
for the uniform one, whose edge is a step (measured on a slanted outline, against cells of d / 4 and smaller).
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from scipy import signal, sparse

from demandgeo.density.smoothing import Axis, Lattice, Smoother
from demandgeo.domain import Grid
from demandgeo.domain.record import Floats
from demandgeo.kernels.gaussian import REACH, probe
from demandgeo.kernels.planar import probe_kernel
from demandgeo.kernels.shapes import Shape, planar_scale

Edge = Literal["none", "uniform", "diggle"]


def share_at_locations(x: Floats, y: Floats, smoother: Smoother) -> Floats:
    """Return the share of the kernel around each location that lies within the study area, float64 [m]."""
    grid, out = smoother.grid, np.empty(x.size)
    if isinstance(smoother.on, Lattice):
        lattice = smoother.on
        nodes = _nodes(_Study(grid.content_hash(), grid), smoother.bandwidth)
        probe(x, y, *lattice.geometry, nodes, out)
        return out
    shape = smoother.shape
    assert shape is not None
    cells = grid.to_raster(grid.extent, 0.0) * planar_scale(shape, smoother.bandwidth)
    probe_kernel(x, y, grid.x0, grid.y0, grid.dx, grid.dy, smoother.bandwidth, int(shape), cells, out)
    return out


def share_at_cells(smoother: Smoother) -> Floats:
    """Return the share of the kernel around the centre of each unit that lies within the study area, float64 [n].

    The last few are kept, by content of the grid, kernel and bandwidth.
    """
    grid = smoother.grid
    shape = None if smoother.shape is None else int(smoother.shape)
    return _at_cells(_Study(grid.content_hash(), grid), shape, smoother.bandwidth)


@dataclass(frozen=True, slots=True)
class _Study:
    """A grid that equals another of the same content."""

    digest: str
    grid: Grid = field(compare=False)


@functools.lru_cache(maxsize=8)
def _at_cells(study: _Study, shape: int | None, bandwidth: float) -> Floats:
    grid = study.grid
    table = _table(grid, shape, bandwidth)
    # Over equal cells the sum of all pairs is a convolution: by FFT its cost hardly grows with the bandwidth.
    share: Floats = signal.fftconvolve(grid.to_raster(grid.extent, 0.0), table, mode="same")[grid.inside]
    share.flags.writeable = False
    return share


def _table(grid: Grid, shape: int | None, bandwidth: float) -> Floats:
    """Return the kernel per m2 at the offsets between cell centres, float64 [2 a + 1, 2 b + 1]."""
    reach = REACH * bandwidth if shape is None else bandwidth
    sides = []
    for cells, step in zip(grid.shape, (grid.dy, grid.dx), strict=True):
        most = min(int(reach / step) + 1, cells - 1)
        sides.append((np.arange(-most, most + 1) * step) ** 2)
    if shape is None:
        along, across = (np.exp(-0.5 * side / bandwidth**2) for side in sides)
        return np.outer(along, across) / (2.0 * math.pi * bandwidth**2)
    rest = bandwidth**2 - sides[0][:, None] - sides[1]
    return np.where(rest >= 0.0, np.maximum(rest, 0.0) ** shape, 0.0) * planar_scale(Shape(shape), bandwidth)


@functools.lru_cache(maxsize=8)
def _nodes(study: _Study, bandwidth: float) -> Floats:
    """Return the study area as the nodes of the Gaussian's lattice see it: the adjoint of the second step."""
    grid, lattice = study.grid, Lattice.of(study.grid, bandwidth)
    across, down = lattice.x, lattice.y
    cells = grid.to_raster(grid.extent, 0.0) * (across.peak * down.peak)
    return np.ascontiguousarray((_matrix(across).T @ (_matrix(down).T @ cells).T).T)


def _matrix(axis: Axis) -> sparse.csr_array:
    cells, width = axis.taps.shape
    columns = axis.first[:, None] + np.arange(width)
    pointers = np.arange(0, cells * width + 1, width)
    return sparse.csr_array((axis.taps.ravel(), columns.ravel(), pointers), shape=(cells, axis.nodes))
