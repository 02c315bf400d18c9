"""Sums over the pairs of locations that lie near each other: densities at the locations, and whole curves of scores.

The locations are sorted by square cells, row by row from the south-west. Whatever lies within `reach` columns of a cell
is one run of each row of cells, so that narrow cells cost little and waste few distances.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from demandgeo.kernels import inner_kernel, kernel, parallel_kernel
from demandgeo.kernels.shapes import Shape

BLOCK_CELLS = 2
"""Rows of cells of one parallel task: fixed, so that the work does not depend on the number of threads."""

MOMENTS = 6
"""Powers 0 to 5 of the place within a bin of distance that `add_pairs` keeps."""


@kernel
def sort_by_cell(x, y, west, south, side, columns, out_order, out_start):
    """Sort locations by cell, stably.

    Parameters
    ----------
    x, y
        float64 [m], metres.
    west, south, side
        Corner and side of the cells, metres; every location lies in one.
    columns
        Number of cells in a row.
    out_order
        int64 [m]: the locations in order of cell.
    out_start
        int64 [cells + 1]: cell c holds ``order[start[c]:start[c + 1]]``.
    """
    cell = np.empty(x.size, np.int64)
    out_start[:] = 0
    for i in range(x.size):
        cell[i] = int((y[i] - south) / side) * columns + int((x[i] - west) / side)
        out_start[cell[i] + 1] += 1
    for c in range(1, out_start.size):
        out_start[c] += out_start[c - 1]
    place = out_start.copy()
    for i in range(x.size):
        out_order[place[cell[i]]] = i
        place[cell[i]] += 1


@inner_kernel
def _power(base, exponent):
    result = 1.0
    for _ in range(exponent):
        result *= base
    return result


@parallel_kernel
def add_density(x, y, weight, start, columns, reach, bandwidth, shape, out):
    """Add to each location the sum of weight * (1 - r2 / h2)**p over all within the bandwidth, itself included.

    Parameters
    ----------
    x, y, weight
        float64 [m], in the order of `sort_by_cell`.
    start, columns
        Of `sort_by_cell`.
    reach
        Cells that the bandwidth spans, rounded up.
    bandwidth
        h, metres.
    shape
        Code of `Shape`.
    out
        float64 [m], added to.
    """
    rows, inverse = (start.size - 1) // columns, 1.0 / (bandwidth * bandwidth)
    for row in prange(rows):
        for column in range(columns):
            first, last = start[row * columns + column], start[row * columns + column + 1]
            left, right = max(column - reach, 0), min(column + reach + 1, columns)
            for other in range(max(row - reach, 0), min(row + reach + 1, rows)) if last > first else range(0):
                for j in range(start[other * columns + left], start[other * columns + right]):
                    _add_near(x[first:last], y[first:last], x[j], y[j], weight[j], inverse, shape, out[first:last])


@inner_kernel
def _add_near(x, y, x_j, y_j, weight, inverse, shape, out):
    """Add what one location gives to those of a cell: LLVM vectorises this loop, but not one that sums over j."""
    if shape == Shape.QUARTIC:
        for i in range(x.size):
            dx, dy = x_j - x[i], y_j - y[i]
            rest = max(1.0 - (dx * dx + dy * dy) * inverse, 0.0)
            out[i] += weight * rest * rest
    else:
        for i in range(x.size):
            dx, dy = x_j - x[i], y_j - y[i]
            rest = 1.0 - (dx * dx + dy * dy) * inverse
            out[i] += weight * _power(rest, shape) if rest >= 0.0 else 0.0


@parallel_kernel
def left_out_scores(x, y, weight, kept, start, columns, reach, bandwidths, shape, scale, floor, first_bin, out):
    """Fill the log-likelihood of the locations under the densities that leave part of each location out.

    out[block, k] is the sum over the locations i of the block of weight_i log(scale_k S_ik + floor), where S_ik sums
    weight_j (1 - r2 / h_k2)**p over the other locations and adds kept_i. One pass over the pairs gives every h: with
    the sums of weight * r2**q over the pairs nearer than h_k, S_ik is a polynomial in 1 / h_k2.

    Parameters
    ----------
    x, y, weight, kept
        float64 [m], in the order of `sort_by_cell`.
    start, columns
        Of `sort_by_cell`.
    reach
        Cells that the greatest bandwidth spans, rounded up.
    bandwidths
        float64 [k], ascending, metres.
    shape
        Code of `Shape`.
    scale
        float64 [k].
    floor
        Density added to every one, > 0.
    first_bin
        int64 [b + 1]: of equal bins of squared distance up to the greatest bandwidth's, the first bandwidth that
        reaches beyond the lower edge.
    out
        float64 [blocks of `BLOCK_CELLS` rows of cells, k].
    """
    rows, count = (start.size - 1) // columns, bandwidths.size
    squares = bandwidths * bandwidths
    for block in prange(out.shape[0]):
        moments, sums = np.empty((count + 1, 4)), np.empty(4)
        for row in range(block * BLOCK_CELLS, min((block + 1) * BLOCK_CELLS, rows)):
            for column in range(columns):
                left, right = max(column - reach, 0), min(column + reach + 1, columns)
                for i in range(start[row * columns + column], start[row * columns + column + 1]):
                    moments[:] = 0.0
                    for other in range(max(row - reach, 0), min(row + reach + 1, rows)):
                        begin, end = start[other * columns + left], start[other * columns + right]
                        _add_moments(x, y, weight, i, begin, end, squares, shape, first_bin, moments)
                    sums[:] = 0.0
                    for k in range(count):
                        sums += moments[k]
                        density = _expanded(sums, 1.0 / squares[k], shape) + kept[i]
                        out[block, k] += weight[i] * math.log(scale[k] * max(density, 0.0) + floor)


@inner_kernel
def _add_moments(x, y, weight, i, begin, end, squares, shape, first_bin, moments):
    """Add weight * r2**q of the locations begin to end but i, each to the first bandwidth that reaches it."""
    farthest = squares[squares.size - 1]
    per_bin = (first_bin.size - 1) / farthest
    for j in range(begin, end):
        dx, dy = x[j] - x[i], y[j] - y[i]
        r2 = dx * dx + dy * dy
        if r2 < farthest and i != j:
            k = first_bin[int(r2 * per_bin)]
            while squares[k] < r2:
                k += 1
            term = weight[j]
            for power in range(shape + 1):
                moments[k, power] += term
                term *= r2


@inner_kernel
def _expanded(sums, inverse, shape):
    """Return the sum of weight * (1 - r2 / h2)**p from the sums of weight * r2**q, q = 0 to p <= 3."""
    total, choose, power = 0.0, 1.0, 1.0
    for q in range(shape + 1):
        total += choose * power * sums[q]
        choose *= (shape - q) / (q + 1.0)
        power *= -inverse
    return total


@parallel_kernel
def add_pairs(x, y, weight, start, columns, reach, edges, first_bin, out):
    """Add the products of weights of all pairs of locations, each pair once, to bins of distance.

    out[block, b, q] gains weight_i weight_j t**q, where t runs from -1 to 1 across bin b: any function of distance that
    is smooth within the bins is summed over all pairs from these moments.

    Parameters
    ----------
    x, y, weight
        float64 [m], in the order of `sort_by_cell`.
    start, columns
        Of `sort_by_cell`.
    reach
        Cells that the greatest distance spans, rounded up.
    edges
        float64 [bins + 1], metres, ascending from 0; pairs from the last one on are left out.
    first_bin
        int64 [b + 1]: the bin of the lower edge of each of b equal parts of the range.
    out
        float64 [blocks, bins, `MOMENTS`], added to; each block has as many rows of cells, but for the last.
    """
    rows = (start.size - 1) // columns
    size = (rows + out.shape[0] - 1) // out.shape[0]
    for block in prange(out.shape[0]):
        for row in range(block * size, min((block + 1) * size, rows)):
            for column in range(columns):
                cell = row * columns + column
                left, right = max(column - reach, 0), min(column + reach + 1, columns)
                for i in range(start[cell], start[cell + 1]):
                    for other in range(row, min(row + reach + 1, rows)):
                        begin, end = start[other * columns + left], start[other * columns + right]
                        _add_products(x, y, weight, i, max(begin, i + 1), end, edges, first_bin, out[block])


@inner_kernel
def _add_products(x, y, weight, i, begin, end, edges, first_bin, out):
    """Add the pairs of location i and those from begin to end to the bins of their distance."""
    bins = edges.size - 1
    farthest, parts = edges[bins] * edges[bins], (first_bin.size - 1) / edges[bins]
    for j in range(begin, end):
        dx, dy = x[j] - x[i], y[j] - y[i]
        r2 = dx * dx + dy * dy
        if r2 < farthest:
            r = math.sqrt(r2)
            b = first_bin[min(int(r * parts), first_bin.size - 1)]
            while b < bins - 1 and edges[b + 1] <= r:
                b += 1
            t = (2.0 * r - edges[b] - edges[b + 1]) / (edges[b + 1] - edges[b])
            term = weight[i] * weight[j]
            for q in range(MOMENTS):
                out[b, q] += term
                term *= t
