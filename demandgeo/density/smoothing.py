"""How the weight of locations becomes a surface: the exact sum of a polynomial kernel, or a Gaussian in two steps."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from demandgeo.domain import Grid
from demandgeo.domain.record import Floats, Integers
from demandgeo.kernels.gaussian import gather, spread
from demandgeo.kernels.planar import LOCATIONS_PER_SUM, add_kernel, sort_by_row, split_layers
from demandgeo.kernels.shapes import Shape, planar_scale, planar_support
from demandgeo.statistics.locations import Locations

KernelName = Literal["uniform", "epanechnikov", "quartic", "triweight", "gaussian"]
GAUSSIAN = "gaussian"

NODES_PER_BANDWIDTH = 2.5
SPREAD_NODES = 1.5
"""Standard deviation of the first step, in nodes; that of the second is 2, as 1.5**2 + 2**2 = 2.5**2."""

TAPS = 36
"""Nodes that a cell sums along one axis: 9 standard deviations of the second step to either side."""

ALIASING = 4.0 * math.exp(-2.0 * math.pi**2 * (1.5**2 * 2.0**2) / 2.5**2)
"""Relative error of replacing the two integrals of the convolution by sums over nodes (Poisson's summation formula)."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Locations in order of grid row, as `kernels.planar.add_kernel` takes them."""

    x: Floats
    y: Floats
    weight: Floats
    start: Integers

    @classmethod
    def of(cls, places: Locations, weight: Floats, grid: Grid | Lattice) -> Rows:
        """Sort the locations and their weights [m] by the rows of a grid."""
        order, start = rows_of(places, grid)
        return cls(places.x[order], places.y[order], weight[order], start)

    @classmethod
    def by_layer(
        cls, places: Locations, weight: Floats, layer: Integers, layers: int, grid: Grid | Lattice
    ) -> Iterator[Rows]:
        """Yield the rows of each layer, given the weight [n] and the layer [n] of each event.

        The locations are sorted once; a layer holds only those of its own events.
        """
        order, start = rows_of(places, grid)
        rank = np.empty(order.size, np.int64)
        rank[order] = np.arange(order.size)
        first, place, sums = np.empty(layers + 1, np.int64), np.empty(layer.size, np.int64), np.empty(layer.size)
        split_layers(places.member, rank, layer, weight, layers, first, place, sums)
        x, y = places.x[order], places.y[order]
        for begin, end in itertools.pairwise(first.tolist()):
            own = place[begin:end]
            yield cls(x[own], y[own], sums[begin:end], np.searchsorted(own, start))


def rows_of(places: Locations, grid: Grid | Lattice) -> tuple[Integers, Integers]:
    """Return the order of the locations by grid row, and where each row starts in it (`sort_by_row`)."""
    order, start = np.empty(len(places), np.int64), np.empty(grid.shape[0] + 3, np.int64)
    sort_by_row(places.y, grid.y0, grid.dy, order, start)
    return order, start


def smoothed(rows: Rows, grid: Grid, *, bandwidth: float, shape: Shape) -> Floats:
    """Return the smoothed weight per m2 at the centre of every cell, float64 [rows, columns]."""
    out = np.zeros(grid.shape)
    Smoother(grid, shape, bandwidth, grid).fill(rows, out)
    return out


def rounding_bound(rows: Rows, grid: Grid, *, bandwidth: float, shape: Shape) -> float:
    """Return a bound on the rounding error of any cell of `smoothed`, per m2.

    A cell sums at most the locations of the rows within the bandwidth. In units of half the machine precision and of
    its peak, a term is wrong by at most p (8 s / h + 8) + 8, where s is the span of the coordinate differences, and a
    sum of m terms, b at a time, by b + m / b more (Higham 2002, Accuracy and Stability of Numerical Algorithms,
    sections 4.2 and 4.3).
    """
    height, width = grid.shape[0] * grid.dy, grid.shape[1] * grid.dx
    reach = int(min(np.ceil(bandwidth / grid.dy) + 1, grid.shape[0] + 1))
    row = np.arange(grid.shape[0])
    first = rows.start[np.maximum(row - reach + 1, 0)]
    last = rows.start[np.minimum(row + reach + 2, grid.shape[0] + 2)]
    sums = np.concatenate([[0.0], np.cumsum(rows.weight)])
    peak = planar_scale(shape, bandwidth) * bandwidth ** (2 * shape)
    span = max(height, width) + bandwidth
    terms = float((last - first).max())
    if terms > LOCATIONS_PER_SUM:
        terms = LOCATIONS_PER_SUM + terms / LOCATIONS_PER_SUM + 1.0
    units = terms + shape * (8 * span / bandwidth + 8) + 8
    return float(units * np.finfo(np.float64).eps / 2 * peak * (sums[last] - sums[first]).max())


@dataclass(frozen=True, slots=True)
class Axis:
    """The nodes of one axis of a Gaussian in two steps, and how the cells gather from them.

    Parameters
    ----------
    low, step, nodes
        Edge before the first node, distance of the nodes (metres), number of them; node k is at
        ``low + (k + 0.5) * step``.
    sd
        Standard deviation of the first step, in nodes.
    first, taps
        int64 [cells] and float64 [cells, width], of `kernels.gaussian.gather`.
    """

    low: float
    step: float
    nodes: int
    sd: float
    first: Integers
    taps: Floats

    @classmethod
    def of(cls, low: float, step: float, cells: int, bandwidth: float) -> Axis:
        """Lay the nodes for the cells of an axis, so far beyond its ends that no location is missed there."""
        coarse = bandwidth / NODES_PER_BANDWIDTH
        if coarse < step:
            # Nodes finer than the cells would cost more than one wide step onto the cells themselves.
            alone = np.tile([1.0, 0.0, 0.0, 0.0], (cells, 1))
            return cls(low, step, cells + 3, bandwidth / step, np.arange(cells), alone)
        begin = low - TAPS / 2 * coarse
        position = (low + (np.arange(cells) + 0.5) * step - begin) / coarse - 0.5
        first = np.floor(position).astype(np.int64) - TAPS // 2 + 1
        residual = math.sqrt(NODES_PER_BANDWIDTH**2 - SPREAD_NODES**2)
        away = (first[:, None] + np.arange(TAPS) - position[:, None]) / residual
        taps = np.exp(-0.5 * away * away) / (residual * math.sqrt(2.0 * math.pi))
        return cls(begin, coarse, int(first[-1]) + TAPS, SPREAD_NODES, first, taps)

    @property
    def peak(self) -> float:
        """Greatest value of the first step's Gaussian, per metre."""
        return 1.0 / (self.sd * self.step * math.sqrt(2.0 * math.pi))


@dataclass(frozen=True, slots=True)
class Lattice:
    """The nodes of a Gaussian in two steps, along x and along -y."""

    x: Axis
    y: Axis

    @classmethod
    def of(cls, grid: Grid, bandwidth: float) -> Lattice:
        """Lay the nodes for a grid; the bandwidth is the standard deviation in metres."""
        rows, columns = grid.shape
        return cls(
            Axis.of(grid.x0, grid.dx, columns, bandwidth),
            Axis.of(-grid.y0, grid.dy, rows, bandwidth),
        )

    @property
    def y0(self) -> float:
        """North edge of the northernmost nodes' cells, metres."""
        return -self.y.low

    @property
    def dy(self) -> float:
        """Height of a node's cell, metres."""
        return self.y.step

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of nodes."""
        return self.y.nodes, self.x.nodes

    @property
    def geometry(self) -> tuple[float, float, float, float, float, float]:
        """West edge, north edge, width and height of a cell, and both standard deviations, as `spread` takes them."""
        return self.x.low, self.y0, self.x.step, self.dy, self.x.sd, self.y.sd


@dataclass(frozen=True, slots=True)
class Smoother:
    """A kernel of one bandwidth on one grid.

    Parameters
    ----------
    grid
        Whose cell centres the surface is for.
    shape
        Of a polynomial kernel; None for the Gaussian.
    bandwidth
        Metres: the radius of the support; the standard deviation of the Gaussian.
    on
        What locations are sorted by: the grid, or the Gaussian's lattice.
    """

    grid: Grid
    shape: Shape | None
    bandwidth: float
    on: Grid | Lattice

    @classmethod
    def of(cls, grid: Grid, kernel: str, bandwidth: float) -> Smoother:
        """Make it from the name of a kernel."""
        if kernel == GAUSSIAN:
            return cls(grid, None, bandwidth, Lattice.of(grid, bandwidth))
        return cls(grid, Shape[kernel.upper()], bandwidth, grid)

    @property
    def method(self) -> str:
        """How the sum is made, in words."""
        return "exact sum over collapsed locations" if self.shape is not None else "Gaussian in two steps over nodes"

    @property
    def sd(self) -> float:
        """Standard deviation of the kernel along each axis, metres."""
        return self.bandwidth if self.shape is None else self.bandwidth / planar_support(self.shape, 1.0)

    def fill(self, rows: Rows, out: Floats, scale: float = 1.0) -> None:
        """Fill out, zeros [rows, columns], with scale x weight per m2 at the centre of every cell."""
        if isinstance(self.on, Lattice):
            self._fill_gaussian(self.on, rows, out, scale)
            return
        grid, shape = self.grid, Shape(self.shape or 0)
        weight = rows.weight * (planar_scale(shape, self.bandwidth) * scale)
        geometry = (grid.x0, grid.y0, grid.dx, grid.dy)
        add_kernel(rows.x, rows.y, weight, rows.start, *geometry, float(self.bandwidth), int(shape), out)

    def _fill_gaussian(self, lattice: Lattice, rows: Rows, out: Floats, scale: float) -> None:
        across, down = lattice.x, lattice.y
        nodes = np.zeros(lattice.shape)
        weight = rows.weight * (across.peak * down.peak * scale)
        spread(rows.x, rows.y, weight, rows.start, *lattice.geometry, nodes)
        turned = np.empty((across.nodes, down.first.size))
        gather(nodes, down.first, down.taps, turned)
        gather(turned, across.first, across.taps, out)

    def error_bound(self, rows: Rows, highest: float) -> float:
        """Return a bound on the error of any cell of `fill`, per m2, where the highest cell has this value."""
        if self.shape is not None:
            return rounding_bound(rows, self.grid, bandwidth=self.bandwidth, shape=self.shape)
        # Relative to the cell: aliasing, and rounding of some 100 operations on each axis; relative to the sum of all
        # peaks: what is cut off beyond 9 standard deviations of either step.
        relative = ALIASING + 400 * float(np.finfo(np.float64).eps)
        return highest * relative + 1e-17 * float(rows.weight.sum()) / (2 * math.pi * self.bandwidth**2)
