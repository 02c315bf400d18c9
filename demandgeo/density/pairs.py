"""Sums over pairs of locations: densities at the locations, and what every candidate bandwidth scores, in one pass."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
from numpy.polynomial import chebyshev

from demandgeo.domain.record import Floats, Integers
from demandgeo.kernels.pairs import (
    BLOCK_CELLS,
    MOMENTS,
    add_density,
    add_pairs,
    left_out_scores,
    sort_by_cell,
)
from demandgeo.kernels.shapes import Shape, planar_scale

PolynomialName = Literal["uniform", "epanechnikov", "quartic", "triweight"]
"""The kernels of bounded support: sums of them over pairs are polynomials in 1 / h2."""

CELLS_PER_RADIUS = 4
"""One to two cells per radius cost 10 to 30 % more, six cells gain nothing (25k and 35k locations of a force)."""

BLOCKS = 16
"""Parallel tasks of a pass over the pairs: each keeps moments of its own."""

BINS = 4096
"""Bins of distance in which the first bandwidth that matters is looked up."""

BINS_PER_BANDWIDTH = 64
"""Bins of distance per least bandwidth: with the moments 0 to 5 of each, sums of kernels are exact to 1e-13."""


@dataclass(frozen=True, slots=True)
class Cells:
    """Locations sorted by square cells, as the kernels of `kernels.pairs` take them."""

    x: Floats
    y: Floats
    order: Integers
    start: Integers
    columns: int
    reach: int

    @classmethod
    def of(cls, x: Floats, y: Floats, radius: float, per_radius: int = CELLS_PER_RADIUS) -> Cells:
        """Sort locations [m] for sums over the pairs within a radius, metres, that spans so many cells."""
        west, south, width, height = float(x.min()), float(y.min()), float(np.ptp(x)), float(np.ptp(y))
        # At most some four cells per location, however small the radius and however long and thin the area.
        least = max(math.sqrt(width * height / (4 * x.size)), max(width, height) / (2 * x.size))
        side = max(radius / per_radius, least)
        columns, rows = int(width / side) + 1, int(height / side) + 1
        order, start = np.empty(x.size, np.int64), np.empty(columns * rows + 1, np.int64)
        sort_by_cell(x, y, west, south, side, columns, order, start)
        return cls(x[order], y[order], order, start, columns, math.ceil(radius / side))

    @property
    def rows(self) -> int:
        """Number of rows of cells."""
        return (self.start.size - 1) // self.columns


def kernel_sums(x: Floats, y: Floats, weight: Floats, *, bandwidth: float, shape: Shape) -> Floats:
    """Return, for each location, the sum of weight (1 - r2 / h2)^p over all within the bandwidth, itself included."""
    # Wide cells here: the kernel runs over the locations of a cell at once, and is three times as fast as with four.
    cells, out = Cells.of(x, y, bandwidth, per_radius=1), np.zeros(x.size)
    at = (cells.x, cells.y, weight[cells.order], cells.start, cells.columns, cells.reach)
    add_density(*at, float(bandwidth), int(shape), out)
    sums = np.empty(x.size)
    sums[cells.order] = out
    return sums


def log_likelihoods(
    x: Floats, y: Floats, weight: Floats, kept: Floats, *, bandwidths: Floats, shape: Shape, background: float
) -> Floats:
    """Return the mean log density at the locations, for each bandwidth (ascending), with part of each left out.

    Parameters
    ----------
    x, y, weight
        float64 [m]: the locations.
    kept
        float64 [m]: what is left of the own weight of each; 0 leaves out the location.
    bandwidths
        float64 [k], metres, ascending.
    shape
        The kernel.
    background
        Share of a uniform density over the bounding box (wider by the least bandwidth) in the mixture.
    """
    cells, total = Cells.of(x, y, bandwidths[-1]), weight.sum()
    area = float((np.ptp(x) + 2 * bandwidths[0]) * (np.ptp(y) + 2 * bandwidths[0]))
    scale = (1 - background) / total * peaks(bandwidths, shape)
    edges = np.arange(BINS + 1) * (bandwidths[-1] ** 2 / BINS)
    first = np.minimum(np.searchsorted(bandwidths**2, edges), bandwidths.size - 1).astype(np.int64)
    out = np.zeros((-(-cells.rows // BLOCK_CELLS), bandwidths.size))
    at = (cells.x, cells.y, weight[cells.order], kept[cells.order], cells.start, cells.columns, cells.reach)
    left_out_scores(*at, bandwidths, int(shape), scale, background / area, first, out)
    return cast(Floats, out.sum(axis=0) / total)


def squared_error_terms(
    x: Floats, y: Floats, weight: Floats, *, bandwidths: Floats, shape: Shape
) -> tuple[Floats, Floats]:
    """Return the two sums that least-squares cross-validation needs, for each bandwidth (ascending), per m2.

    The first is the integral of the squared surface over the plane: sum_ij w_i w_j (K * K)(r_ij). The second is
    sum_{i != j} w_i w_j K(r_ij).
    """
    edges, moments = _pair_moments(x, y, weight, bandwidths)
    peak, own = peaks(bandwidths, shape), float((weight**2).sum())
    square, cross = np.empty(bandwidths.size), np.empty(bandwidths.size)
    for k, h in enumerate(bandwidths.tolist()):
        first = _pair_sum(edges, moments, 2 * h, lambda r, h=h: self_convolution(r / h, shape))  # type: ignore[misc]
        second = _pair_sum(edges, moments, h, lambda r, h=h: (1 - (r / h) ** 2) ** int(shape))  # type: ignore[misc]
        own_part = own * float(self_convolution(np.zeros(1), shape)[0])
        square[k] = (peak[k] * h) ** 2 * (2 * first + own_part)
        cross[k] = peak[k] * 2 * second
    return square, cross


def peaks(bandwidths: Floats, shape: Shape) -> Floats:
    """Return the value at distance 0 of the kernel of each bandwidth, per m2."""
    return np.array([planar_scale(shape, h) * h ** (2 * shape) for h in bandwidths.tolist()])


def self_convolution(distance: Floats, shape: Shape) -> Floats:
    """Return the integral of (1 - |u|2)^p (1 - |u - d|2)^p over the plane, for distances d in bandwidths.

    With d = 2 cos a it is an entire function of a: interpolated in 32 points, it is wrong by less than 1e-14.
    """
    angle = np.arccos(np.clip(distance / 2, 0.0, 1.0))
    return cast(Floats, chebyshev.chebval(angle * (4 / np.pi) - 1, _lens_series(shape)))


@functools.cache
def _lens_series(shape: Shape) -> Floats:
    """Return the Chebyshev coefficients of the self-convolution as a function of a in [0, pi / 2]."""
    return cast(Floats, chebyshev.chebinterpolate(lambda t: _lens((t + 1) * (np.pi / 4), shape), 31))


def _lens(angle: Floats, shape: Shape) -> Floats:
    # Over the half of the lens nearer to d, with u = (cos b, s sin b): a polynomial in s, which Gauss's rule integrates
    # exactly, and a trigonometric polynomial in b, for which 24 points leave less than 1e-14.
    point, share = np.polynomial.legendre.leggauss(24)
    across, part = np.polynomial.legendre.leggauss(2 * shape + 1)
    half = angle[:, None] / 2
    cosine, sine = np.cos(half * (1 + point)), np.sin(half * (1 + point))
    s2 = (sine[..., None] * across) ** 2
    near = 1 - (cosine[..., None] - 2 * np.cos(angle)[:, None, None]) ** 2 - s2
    far = 1 - cosine[..., None] ** 2 - s2
    product = np.maximum(near, 0.0) ** int(shape) * np.maximum(far, 0.0) ** int(shape)
    return cast(Floats, 2 * np.einsum("dn,dnm,m->d", half * share * sine**2, product, part))


def _pair_moments(x: Floats, y: Floats, weight: Floats, bandwidths: Floats) -> tuple[Floats, Floats]:
    """Return edges of bins of distance, every h and 2 h among them, and the moments of the pairs in each."""
    farthest = 2 * float(bandwidths[-1])
    even = np.arange(0.0, farthest, bandwidths[0] / BINS_PER_BANDWIDTH)
    edges = np.unique(np.concatenate([even, bandwidths, 2 * bandwidths]))
    steps = np.arange(BINS + 1) * (farthest / BINS)
    first = np.clip(np.searchsorted(edges, steps, side="right") - 1, 0, edges.size - 2).astype(np.int64)
    cells = Cells.of(x, y, farthest)
    out = np.zeros((min(BLOCKS, cells.rows), edges.size - 1, MOMENTS))
    at = (cells.x, cells.y, weight[cells.order], cells.start, cells.columns, cells.reach)
    add_pairs(*at, edges, first, out)
    return edges, out.sum(axis=0)


def _pair_sum(edges: Floats, moments: Floats, end: float, value: Callable[[Floats], Floats]) -> float:
    """Sum a function of distance over the pairs nearer than `end` (an edge), smooth within the bins."""
    bins = int(np.searchsorted(edges, end))
    place = np.cos((2 * np.arange(MOMENTS) + 1) * np.pi / (2 * MOMENTS))
    middle, half = (edges[1 : bins + 1] + edges[:bins]) / 2, np.diff(edges[: bins + 1]) / 2
    values = value((middle[:, None] + half[:, None] * place).ravel()).reshape(bins, MOMENTS)
    powers = np.linalg.inv(np.vander(place, MOMENTS, increasing=True))
    return float(np.einsum("bn,qn,bq->", values, powers, moments[:bins], optimize=True))
