"""Sums of a smoothing kernel over the cells of a grid.

Three steps: collapse events that share a coordinate (open crime data repeat each snap point 15 to 30 times), sort
the locations by grid row, add the kernel of each location to the rows that it reaches. Row 0 is in the north.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from demandgeo.kernels import inner_kernel, kernel, parallel_kernel
from demandgeo.kernels.chance import mix
from demandgeo.kernels.shapes import Shape

BLOCK_ROWS = 64
"""Rows of one parallel task: fixed, so that the work does not depend on the number of threads."""

LOCATIONS_PER_SUM = 8192
"""Locations that are summed apart before they join a block: 100,000 of them on one cell, added one by one, lost two
digits (2.1e-14 of the peak)."""

_EDGE = 1e-9  # cells: rounding must not lose a centre that lies on the edge of the support
_FIRST_TABLE = 4096
_BATCH = 256
_ONE, _HALF = np.uint64(1), np.uint64(32)


@inner_kernel
def _hash(x_bits, y_bits):
    # Rounded coordinates have zeros in the lower half: there goes the upper half of the other one.
    return mix(x_bits ^ ((y_bits << _HALF) | (y_bits >> _HALF)))


@inner_kernel
def _grown(size, x_seen, y_seen, count):
    """Return a hash table of a greater size that holds the first `count` coordinates."""
    table = np.full(size, -1, np.int32)
    mask = np.uint64(size - 1)
    for known in range(count):
        place = _hash(x_seen[known], y_seen[known]) & mask
        while table[place] >= 0:
            place = (place + _ONE) & mask
        table[place] = known
    return table


@kernel
def collapse(x, y, out_x, out_y, out_member):
    """Collapse coordinates to the distinct ones, in order of first sight; return how many there are.

    Parameters
    ----------
    x, y
        float64 [n], metres, finite.
    out_x, out_y
        float64 [n]: the first entries become the distinct coordinates.
    out_member
        int32 [n]: the location of each event.
    """
    x_bits, y_bits = x.view(np.uint64), y.view(np.uint64)
    x_seen, y_seen = out_x.view(np.uint64), out_y.view(np.uint64)
    # The table starts small and grows with the distinct coordinates: it stays in cache however many events repeat them.
    table = np.full(_FIRST_TABLE, -1, np.int32)
    places, missed = np.empty(_BATCH, np.uint64), np.empty(_BATCH, np.int64)
    count = 0
    # Most events repeat a coordinate that stands where its hash says. A batch is looked up without a branch, so that
    # many look-ups are under way at once, and only the misses probe on: 4.6 ms for a million events, one by one 16 ms.
    for first in range(0, x.size, _BATCH):
        size = min(_BATCH, x.size - first)
        while 4 * (count + size) >= table.size:
            table = _grown(4 * table.size, x_seen, y_seen, count)
        mask = np.uint64(table.size - 1)
        for k in range(size):
            places[k] = _hash(x_bits[first + k], y_bits[first + k]) & mask
        misses = 0
        for k in range(size):
            known = table[places[k]]
            out_member[first + k] = known
            at = max(known, 0)
            missed[misses] = k
            misses += (known < 0) | (x_seen[at] != x_bits[first + k]) | (y_seen[at] != y_bits[first + k])
        for k in missed[:misses]:
            event, place = first + k, places[k]
            known = table[place]
            while known >= 0 and (x_seen[known] != x_bits[event] or y_seen[known] != y_bits[event]):
                place = (place + _ONE) & mask
                known = table[place]
            if known < 0:
                x_seen[count], y_seen[count] = x_bits[event], y_bits[event]
                table[place] = known = count
                count += 1
            out_member[event] = known
    return count


@kernel
def sort_by_row(y, y0, dy, out_order, out_start):
    """Sort locations by grid row, stably.

    Parameters
    ----------
    y
        float64 [m], metres.
    y0, dy
        North edge and cell height, metres.
    out_order
        int64 [m]: the locations in order of row.
    out_start
        int64 [rows + 3]: row r holds ``order[start[r + 1]:start[r + 2]]``; the first and the last entry bound what
        lies north and south of the grid.
    """
    rows = out_start.size - 3
    key = np.empty(y.size, np.int64)
    out_start[:] = 0
    for i in range(y.size):
        key[i] = int(min(max(math.floor((y0 - y[i]) / dy), -1.0), float(rows))) + 1
        out_start[min(key[i] + 1, rows + 2)] += key[i] <= rows
    for r in range(1, rows + 2):
        out_start[r] += out_start[r - 1]
    out_start[rows + 2] = y.size
    place = out_start.copy()
    place[rows + 2] = out_start[rows + 1]
    for i in range(y.size):
        at = key[i]
        out_order[place[at]] = i
        place[at] += 1


@inner_kernel
def _reach(centre, bandwidth, low, step, first, last):
    """Return the range of cells of [first, last) whose centre lies within the bandwidth, its edge included."""
    begin = math.ceil((centre - bandwidth - low) / step - 0.5 - _EDGE)
    end = math.floor((centre + bandwidth - low) / step - 0.5 + _EDGE) + 1.0
    return int(min(max(begin, first), last)), int(min(max(end, first), last))


@inner_kernel
def _add_one(x, y, weight, x0, y0, dx, dy, bandwidth, shape, first_row, last_row, squares, above, out):
    """Add weight * (h2 - r2)**p of one location to its cells in rows [first_row, last_row); out starts `above` them."""
    top, bottom = _reach(-y, bandwidth, -y0, dy, first_row, last_row)
    left, right = _reach(x, bandwidth, x0, dx, 0, out.shape[1])
    # x0 - x is exact for near numbers: coordinates of 10^5 to 10^6 metres cost no digits of the distance.
    west, south, width = x0 - x, y - y0, right - left
    for k in range(width):
        d = west + (left + k + 0.5) * dx
        squares[k] = d * d
    for row in range(top, bottom):
        d = south + (row + 0.5) * dy
        rest = bandwidth * bandwidth - d * d
        cells = out[row - above, left:right]
        # One loop per shape, written out: a choice within the loop, a general polynomial, or a function that takes
        # `cells` cost 1.4 to 2 times as much. LLVM vectorises these without fastmath, which gains nothing here.
        if shape == Shape.QUARTIC:
            for k in range(width):
                t = rest - squares[k]
                cells[k] += weight * t * t if t > 0.0 else 0.0
        elif shape == Shape.EPANECHNIKOV:
            for k in range(width):
                t = rest - squares[k]
                cells[k] += weight * t if t > 0.0 else 0.0
        elif shape == Shape.TRIWEIGHT:
            for k in range(width):
                t = rest - squares[k]
                cells[k] += weight * t * t * t if t > 0.0 else 0.0
        else:
            for k in range(width):
                cells[k] += weight if rest >= squares[k] else 0.0


@parallel_kernel
def add_kernel(x, y, weight, start, x0, y0, dx, dy, bandwidth, shape, out):
    """Add weight * (h2 - r2)**p of each location at the centre of each cell within the bandwidth.

    Parameters
    ----------
    x, y, weight
        float64 [m], in the order of `sort_by_row`.
    start
        int64 [rows + 3], of `sort_by_row`.
    x0, y0, dx, dy
        West edge, north edge, cell width and height, metres.
    bandwidth
        h, the radius of the support, metres.
    shape
        Code of `Shape`.
    out
        float64 [rows, columns], added to.
    """
    rows, columns = out.shape
    reach = int(min(math.ceil(bandwidth / dy) + 1.0, float(rows + 1)))
    for block in prange((rows + BLOCK_ROWS - 1) // BLOCK_ROWS):
        first_row = block * BLOCK_ROWS
        last_row = min(first_row + BLOCK_ROWS, rows)
        squares = np.empty(columns)
        first, last = start[max(first_row - reach + 1, 0)], start[min(last_row + reach + 1, rows + 2)]
        if last - first <= LOCATIONS_PER_SUM:
            for i in range(first, last):
                _add_one(x[i], y[i], weight[i], x0, y0, dx, dy, bandwidth, shape, first_row, last_row, squares, 0, out)
        else:
            part = np.empty((last_row - first_row, columns))
            for begin in range(first, last, LOCATIONS_PER_SUM):
                part[:] = 0.0
                for i in range(begin, min(begin + LOCATIONS_PER_SUM, last)):
                    _add_one(
                        x[i],
                        y[i],
                        weight[i],
                        x0,
                        y0,
                        dx,
                        dy,
                        bandwidth,
                        shape,
                        first_row,
                        last_row,
                        squares,
                        first_row,
                        part,
                    )
                for row in range(first_row, last_row):
                    for column in range(columns):
                        out[row, column] += part[row - first_row, column]


@kernel
def split_layers(member, rank, layer, weight, layers, out_first, out_rank, out_weight):
    """Sum the weights of each layer's events by location; only the locations that a layer has are held.

    Parameters
    ----------
    member
        int32 [n]: the location of each event.
    rank
        int64 [m]: the place of each location in the order of rows.
    layer
        int64 [n], in [0, layers).
    weight
        float64 [n].
    layers
        Number of layers.
    out_first
        int64 [layers + 1]: layer l has the entries first[l]..first[l + 1] - 1 of the next two.
    out_rank
        int64 [n]: the places, ascending within a layer.
    out_weight
        float64 [n]: the sum of the weights there.
    """
    # Two stable counting sorts, by place and then by layer: a table of layers x locations would be 168 times as large
    # as the events where none shares its location.
    start = np.zeros(rank.size + 1, np.int64)
    for event in range(member.size):
        start[rank[member[event]] + 1] += 1
    for place in range(rank.size):
        start[place + 1] += start[place]
    order = np.empty(member.size, np.int64)
    for event in range(member.size):
        place = rank[member[event]]
        order[start[place]] = event
        start[place] += 1
    begin = np.zeros(layers + 1, np.int64)
    for event in range(member.size):
        begin[layer[event] + 1] += 1
    for one in range(layers):
        begin[one + 1] += begin[one]
    end = begin[:layers].copy()
    for event in order:
        one, place = layer[event], rank[member[event]]
        at = end[one] - 1
        if at >= begin[one] and out_rank[at] == place:
            out_weight[at] += weight[event]
        else:
            out_rank[at + 1], out_weight[at + 1] = place, weight[event]
            end[one] += 1
    out_first[0] = 0
    for one in range(layers):
        held = out_first[one]
        for at in range(begin[one], end[one]):
            out_rank[held], out_weight[held] = out_rank[at], out_weight[at]
            held += 1
        out_first[one + 1] = held


@parallel_kernel
def probe_kernel(x, y, x0, y0, dx, dy, bandwidth, shape, cells, out):
    """Sum cell * (h2 - r2)**p over the cells around each location: the adjoint of `add_kernel`.

    Parameters
    ----------
    x, y
        float64 [m], metres.
    x0, y0, dx, dy, bandwidth, shape
        As `add_kernel` takes them.
    cells
        float64 [rows, columns].
    out
        float64 [m].
    """
    rows, columns = cells.shape
    for block in prange((x.size + 255) // 256):
        squares, sums = np.empty(columns), np.empty(columns)
        for i in range(256 * block, min(256 * block + 256, x.size)):
            top, bottom = _reach(-y[i], bandwidth, -y0, dy, 0, rows)
            left, right = _reach(x[i], bandwidth, x0, dx, 0, columns)
            for k in range(right - left):
                d = x0 - x[i] + (left + k + 0.5) * dx
                squares[k], sums[k] = d * d, 0.0
            for row in range(top, bottom):
                d = y[i] - y0 + (row + 0.5) * dy
                rest = bandwidth * bandwidth - d * d
                own = cells[row, left:right]
                # Summed by column first: a single running sum does not vectorise.
                for k in range(right - left):
                    t = rest - squares[k]
                    power = 1.0 if shape == 0 else t if shape == 1 else t * t if shape == 2 else t * t * t
                    sums[k] += own[k] * power if t >= 0.0 else 0.0
            total = 0.0
            for k in range(right - left):
                total += sums[k]
            out[i] = total
