"""The nearest street to each point: straight pieces filed in the cells of a square grid."""

from __future__ import annotations

import math

from numba import prange

from demandgeo.kernels import inner_kernel, kernel, parallel_kernel


@inner_kernel
def _cell(value, origin, cell, cells):
    return min(max(int((value - origin) / cell), 0), cells - 1)


@kernel
def count_pieces(ax, ay, bx, by, x0, y0, cell, columns, rows, out_count):
    """Count the pieces whose bounding box meets each cell; return their sum.

    Parameters
    ----------
    ax, ay, bx, by
        float64 [pieces]: ends, metres.
    x0, y0, cell
        South-west corner of the grid and side of a cell, metres.
    columns, rows
        Of the grid.
    out_count
        int64 [rows x columns].
    """
    total = 0
    for piece in range(ax.size):
        west, east = min(ax[piece], bx[piece]), max(ax[piece], bx[piece])
        south, north = min(ay[piece], by[piece]), max(ay[piece], by[piece])
        for row in range(_cell(south, y0, cell, rows), _cell(north, y0, cell, rows) + 1):
            for column in range(_cell(west, x0, cell, columns), _cell(east, x0, cell, columns) + 1):
                out_count[row * columns + column] += 1
                total += 1
    return total


@kernel
def file_pieces(ax, ay, bx, by, x0, y0, cell, columns, rows, out_next, out_piece):
    """List the pieces of each cell, in ascending order.

    Parameters
    ----------
    ax, ay, bx, by, x0, y0, cell, columns, rows
        As in `count_pieces`.
    out_next
        int64 [cells]: on entry where each cell's list starts, in the end where it stops.
    out_piece
        int32 [sum of the counts].
    """
    for piece in range(ax.size):
        west, east = min(ax[piece], bx[piece]), max(ax[piece], bx[piece])
        south, north = min(ay[piece], by[piece]), max(ay[piece], by[piece])
        for row in range(_cell(south, y0, cell, rows), _cell(north, y0, cell, rows) + 1):
            for column in range(_cell(west, x0, cell, columns), _cell(east, x0, cell, columns) + 1):
                at = row * columns + column
                out_piece[out_next[at]] = piece
                out_next[at] += 1


@parallel_kernel
def find_nearest(
    x, y, kind, ax, ay, bx, by, segment, street, sort, penalty, x0, y0, cell, columns, rows, first, piece, most,
    margin, out_piece, out_share, out_distance, out_cost, out_second,
):  # fmt: skip
    """Find the piece of least cost for each point, and the least cost on any other street.

    The cost is the distance plus a penalty for the kinds of point and piece. Rings of cells around the point's own are
    searched until nothing nearer can lie beyond. Of equal costs the lower segment, then the lower piece counts.

    Parameters
    ----------
    x, y
        float64 [points], metres, all finite.
    kind
        int64 [points]: row of `penalty`.
    ax, ay, bx, by
        float64 [pieces].
    segment, street, sort
        int64 [pieces]: segment and street that each is of, and its column of `penalty`.
    penalty
        float64 [kinds, sorts], metres >= 0.
    x0, y0, cell, columns, rows, first, piece
        The grid: pieces of cell c are piece[first[c]:first[c + 1]].
    most
        Distance beyond which nothing is looked for, metres.
    margin
        Another street that costs so much more than the best is not looked for, metres.
    out_piece, out_share, out_distance, out_cost
        int64, float64 x 3 [points]: -1 and infinite where there is none; how far along the piece, as a share.
    out_second
        float64 [points]: least cost on another street; infinite where there is none within the margin.
    """
    for i in prange(x.size):
        home_column, home_row = _cell(x[i], x0, cell, columns), _cell(y[i], y0, cell, rows)
        out_piece[i], out_share[i] = -1, 0.0
        out_distance[i] = out_cost[i] = out_second[i] = math.inf
        for ring in range(max(columns, rows)):
            low, high = home_column - ring, home_column + ring
            for row in range(max(home_row - ring, 0), min(home_row + ring, rows - 1) + 1):
                # Whole rows at the top and the bottom of the ring, the two cells at its sides between them.
                stride = 1 if ring == 0 or abs(row - home_row) == ring else 2 * ring
                for column in range(low, high + 1, stride):
                    if 0 <= column < columns:
                        at = row * columns + column
                        _look(
                            i, first[at], first[at + 1], x, y, kind, ax, ay, bx, by, segment, street, sort, penalty,
                            piece, most, out_piece, out_share, out_distance, out_cost, out_second,
                        )  # fmt: skip
            # Whatever lies beyond the rings searched is farther than the nearest side of their square.
            west, south = x0 + low * cell, y0 + (home_row - ring) * cell
            side = (2 * ring + 1) * cell
            safe = min(x[i] - west, west + side - x[i], y[i] - south, south + side - y[i])
            if safe >= min(most, out_second[i], out_cost[i] + margin):
                break


@inner_kernel
def _look(
    i, low, high, x, y, kind, ax, ay, bx, by, segment, street, sort, penalty, piece, most, out_piece, out_share,
    out_distance, out_cost, out_second,
):  # fmt: skip
    """Compare the pieces of one cell with the best so far."""
    for k in range(low, high):
        p, own = piece[k], out_piece[i]
        share, distance = _project(x[i], y[i], ax[p], ay[p], bx[p], by[p])
        if distance > most:
            continue
        cost = distance + penalty[kind[i], sort[p]]
        other = own >= 0 and street[p] != street[own]
        if own < 0 or _before(cost, segment[p], p, out_cost[i], segment[own], own):
            if other:
                out_second[i] = out_cost[i]
            out_piece[i], out_share[i], out_distance[i], out_cost[i] = p, share, distance, cost
        elif other:
            out_second[i] = min(out_second[i], cost)


@inner_kernel
def _before(cost, segment, piece, other_cost, other_segment, other_piece):
    if cost != other_cost:
        return cost < other_cost
    return segment < other_segment or (segment == other_segment and piece < other_piece)


@inner_kernel
def _project(x, y, ax, ay, bx, by):
    """Return how far along a piece the place nearest to a point lies, as a share, and its distance."""
    dx, dy = bx - ax, by - ay
    squared, share = dx * dx + dy * dy, 0.0
    if squared > 0.0:
        share = min(1.0, max(0.0, ((x - ax) * dx + (y - ay) * dy) / squared))
    east, north = ax + share * dx - x, ay + share * dy - y
    return share, math.sqrt(east * east + north * north)
