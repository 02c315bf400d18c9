"""Sums over the cells of a grid of kernels that have a bandwidth each."""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from demandgeo.kernels import inner_kernel, parallel_kernel
from demandgeo.kernels.planar import BLOCK_ROWS
from demandgeo.kernels.shapes import Shape

_EDGE = 1e-9  # cells: rounding must not lose a centre that lies on the edge of the support


@inner_kernel
def _reach(offset, bandwidth, step, first, last):
    """Return the range of cells of [first, last) whose centre lies within the bandwidth of `offset` from their edge."""
    begin = math.ceil((offset - bandwidth) / step - 0.5 - _EDGE)
    end = math.floor((offset + bandwidth) / step - 0.5 + _EDGE) + 1.0
    return int(min(max(begin, first), last)), int(min(max(end, first), last))


@inner_kernel
def _fill_rests(left, width, dx, east, square, rests):
    """Fill what h2 leaves after the squared distance along x, for the columns from `left` on."""
    for k in range(width):
        d = (left + k + 0.5) * dx - east
        rests[k] = square - d * d


@inner_kernel
def _add_one(east, south, weight, dx, dy, bandwidth, shape, first_row, last_row, rests, out):
    top, bottom = _reach(south, bandwidth, dy, first_row, last_row)
    if top >= bottom:
        return
    left, right = _reach(east, bandwidth, dx, 0, out.shape[1])
    width = right - left
    _fill_rests(left, width, dx, east, bandwidth * bandwidth, rests)
    for row in range(top, bottom):
        d = (row + 0.5) * dy - south
        d2 = d * d
        cells = out[row, left:right]
        # One loop per shape, so that LLVM vectorises each.
        if shape == Shape.QUARTIC:
            for k in range(width):
                t = rests[k] - d2
                cells[k] += weight * t * t if t > 0.0 else 0.0
        elif shape == Shape.EPANECHNIKOV:
            for k in range(width):
                t = rests[k] - d2
                cells[k] += weight * t if t > 0.0 else 0.0
        elif shape == Shape.TRIWEIGHT:
            for k in range(width):
                t = rests[k] - d2
                cells[k] += weight * t * t * t if t > 0.0 else 0.0
        else:
            for k in range(width):
                cells[k] += weight if rests[k] >= d2 else 0.0


@parallel_kernel
def add_adaptive(x, y, weight, bandwidth, start, widest, x0, y0, dx, dy, shape, out):
    """Add weight * (h2 - r2)**p of each location, with its own h, at the centre of each cell within h.

    Parameters
    ----------
    x, y, weight, bandwidth
        float64 [m], in the order of `kernels.planar.sort_by_row`; h in metres.
    start
        int64 [rows + 3], of `kernels.planar.sort_by_row`.
    widest
        The greatest h, metres.
    x0, y0, dx, dy
        West edge, north edge, cell width and height, metres.
    shape
        Code of `Shape`.
    out
        float64 [rows, columns], added to.
    """
    rows, columns = out.shape
    reach = int(min(math.ceil(widest / dy) + 1.0, float(rows + 1)))
    for block in prange((rows + BLOCK_ROWS - 1) // BLOCK_ROWS):
        first = block * BLOCK_ROWS
        last = min(first + BLOCK_ROWS, rows)
        rests = np.empty(columns)
        for i in range(start[max(first - reach + 1, 0)], start[min(last + reach + 1, rows + 2)]):
            _add_one(x[i] - x0, y0 - y[i], weight[i], dx, dy, bandwidth[i], shape, first, last, rests, out)
