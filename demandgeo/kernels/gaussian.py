"""Gaussian sums over the cells of a grid in two steps, each a sum of positive terms.

A Gaussian is the convolution of two narrower ones. So each location is spread, with the first, over the nodes of a
lattice that is coarse against the bandwidth, and the cells gather, with the second, what lies on the nodes. The cost
does not grow with the bandwidth, and as no term is negative the relative error stays small far out in the tails.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from demandgeo.kernels import inner_kernel, parallel_kernel
from demandgeo.kernels.planar import BLOCK_ROWS

REACH = 9.0
"""Standard deviations after which a Gaussian, then 3e-18 of its peak, is cut off."""

_COLUMNS = 256  # of one strip of `gather`: 16 rows of it stay in the first-level cache
_ROWS = 16


@inner_kernel
def _fill(position, sd, m, values):
    """Set values[:2 m + 1] to exp(-(k - position)**2 / (2 sd**2)) at the nodes around `position`; return the first."""
    centre = math.floor(position + 0.5)
    e = position - centre
    # Each value from its inner neighbour: four exponentials for 27 nodes took 28 ns, one for each node 105 ns.
    step = math.exp(-1.0 / (sd * sd))
    east = math.exp((2.0 * e - 1.0) / (2.0 * sd * sd))
    west = math.exp((-2.0 * e - 1.0) / (2.0 * sd * sd))
    values[m] = math.exp(-e * e / (2.0 * sd * sd))
    for k in range(1, m + 1):
        values[m + k] = values[m + k - 1] * east
        values[m - k] = values[m - k + 1] * west
        east *= step
        west *= step
    return centre - m


@parallel_kernel
def spread(x, y, weight, start, x0, y0, dx, dy, sd_x, sd_y, out):
    """Add weight * exp(-(east / sd_x)**2 / 2 - (north / sd_y)**2 / 2) of each location to the nodes around it.

    Parameters
    ----------
    x, y, weight
        float64 [m], in the order of `kernels.planar.sort_by_row` on the lattice.
    start
        int64 [rows + 3], of `sort_by_row`.
    x0, y0, dx, dy
        West edge, north edge, cell width and height of the lattice, whose nodes are its cell centres, metres.
    sd_x, sd_y
        Standard deviations, in cells.
    out
        float64 [rows, columns], added to.
    """
    rows, columns = out.shape
    m_x, m_y = math.ceil(REACH * sd_x - 0.5), math.ceil(REACH * sd_y - 0.5)
    reach = min(m_y + 1, rows + 1)
    for block in prange((rows + BLOCK_ROWS - 1) // BLOCK_ROWS):
        first_row = block * BLOCK_ROWS
        last_row = min(first_row + BLOCK_ROWS, rows)
        east, north = np.empty(2 * m_x + 1), np.empty(2 * m_y + 1)
        for i in range(start[max(first_row - reach + 1, 0)], start[min(last_row + reach + 1, rows + 2)]):
            left = _fill((x[i] - x0) / dx - 0.5, sd_x, m_x, east)
            top = _fill((y0 - y[i]) / dy - 0.5, sd_y, m_y, north)
            begin, end = max(left, 0), min(left + 2 * m_x + 1, columns)
            for row in range(max(top, first_row), min(top + 2 * m_y + 1, last_row)):
                height = weight[i] * north[row - top]
                nodes, factor = out[row, begin:end], east[begin - left :]
                for k in range(end - begin):
                    nodes[k] += height * factor[k]


@parallel_kernel
def gather(nodes, first, taps, out):
    """Sum the rows of nodes around each line of cells, and transpose: out[c, j] = taps[j] @ nodes[first[j]:, c].

    Parameters
    ----------
    nodes
        float64 [rows, columns].
    first
        int64 [lines]: the first row that a line sums.
    taps
        float64 [lines, width]: the factor of each row; the width is a multiple of 4.
    out
        float64 [columns, lines].
    """
    columns, lines = nodes.shape[1], first.size
    for block in prange((lines + _ROWS - 1) // _ROWS):
        first_line = block * _ROWS
        height = min(_ROWS, lines - first_line)
        strip = np.empty((_ROWS, _COLUMNS))
        for left in range(0, columns, _COLUMNS):
            width = min(_COLUMNS, columns - left)
            for j in range(height):
                sums, line = strip[j, :width], first_line + j
                sums[:] = 0.0
                # Four rows a turn: each sum is loaded and stored a quarter as often.
                for tap in range(0, taps.shape[1], 4):
                    row = first[line] + tap
                    a, b = nodes[row, left : left + width], nodes[row + 1, left : left + width]
                    c, d = nodes[row + 2, left : left + width], nodes[row + 3, left : left + width]
                    ta, tb, tc, td = taps[line, tap], taps[line, tap + 1], taps[line, tap + 2], taps[line, tap + 3]
                    for k in range(width):
                        sums[k] += (ta * a[k] + tb * b[k]) + (tc * c[k] + td * d[k])
            for k in range(width):
                for j in range(height):
                    out[left + k, first_line + j] = strip[j, k]


@parallel_kernel
def probe(x, y, x0, y0, dx, dy, sd_x, sd_y, nodes, out):
    """Sum exp(-(east / sd_x)**2 / 2 - (north / sd_y)**2 / 2) * node around each location: the adjoint of `spread`.

    Parameters
    ----------
    x, y
        float64 [m], metres.
    x0, y0, dx, dy, sd_x, sd_y
        As `spread` takes them.
    nodes
        float64 [rows, columns].
    out
        float64 [m].
    """
    rows, columns = nodes.shape
    m_x, m_y = math.ceil(REACH * sd_x - 0.5), math.ceil(REACH * sd_y - 0.5)
    for block in prange((x.size + 255) // 256):
        east, north = np.empty(2 * m_x + 1), np.empty(2 * m_y + 1)
        for i in range(256 * block, min(256 * block + 256, x.size)):
            left = _fill((x[i] - x0) / dx - 0.5, sd_x, m_x, east)
            top = _fill((y0 - y[i]) / dy - 0.5, sd_y, m_y, north)
            total = 0.0
            for row in range(max(top, 0), min(top + 2 * m_y + 1, rows)):
                along = 0.0
                for column in range(max(left, 0), min(left + 2 * m_x + 1, columns)):
                    along += east[column - left] * nodes[row, column]
                total += north[row - top] * along
            out[i] = total
