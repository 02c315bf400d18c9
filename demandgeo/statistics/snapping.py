"""The nearest place on a street network to each point, and how sure it is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from demandgeo.domain import Network
from demandgeo.domain.record import Floats, Integers
from demandgeo.kernels.nearest import count_pieces, file_pieces, find_nearest

SPREAD = 10.0
"""Metres by which a recorded place is typically off its street; what "as likely" means in the ambiguity."""

MOST_CELLS = 4_000_000
PIECES_A_CELL = 4.0


class Nearest(NamedTuple):
    """Where points come to lie on a network.

    Attributes
    ----------
    segment
        int64 [points]; -1 where no street is near enough.
    position
        float64 [points]: metres from the segment's start; NaN without a segment.
    distance
        float64 [points]: metres from the point to its place; infinite without a segment.
    ambiguity
        float64 [points]: how likely the next street is beside the chosen one, in [0, 1]: 1 if it is as near.
    """

    segment: Integers
    position: Floats
    distance: Floats
    ambiguity: Floats


def nearest(
    net: Network,
    x: Floats,
    y: Floats,
    *,
    max_distance: float = 50.0,
    kind: Integers | None = None,
    sort: Integers | None = None,
    penalty: Floats | None = None,
) -> Nearest:
    """Return the nearest place on a network for each point, exactly.

    Parameters
    ----------
    net
        The streets.
    x, y
        float64 [points], metres; NaN has no place.
    max_distance
        Metres beyond which a point has no place; infinite for none.
    kind, sort, penalty
        int64 [points], int64 [segments], float64 [kinds, sorts]: metres added to the distance for each kind of point on
        each sort of segment, so that a point of an A road takes the A road 8 m away rather than the lane 5 m away.

    Notes
    -----
    Streets are told apart by their name (without one, by segment). With distances (and penalties) d1 and d2 to the best
    and the next street the ambiguity is exp(-(d2^2 - d1^2) / (2 s^2)), the ratio of their likelihoods if records
    scatter about their street with standard deviation s = 10 m.

    Examples
    --------
    >>> import shapely
    >>> net = Network.from_lines(shapely.linestrings([[[0, 0], [100, 0]], [[0, 30], [100, 30]]]), crs="EPSG:27700")
    >>> found = nearest(net, np.array([40.0, 70.0, 500.0]), np.array([5.0, 15.0, 0.0]))
    >>> found.segment.tolist(), found.position[:2].tolist(), found.ambiguity.round(3).tolist()
    ([0, 0, -1], [40.0, 70.0], [0.05, 1.0, 0.0])
    """
    known = np.isfinite(x) & np.isfinite(y)
    n, points = len(known), int(known.sum())
    pieces = _Pieces.of(net)
    sort = np.zeros(len(net.start), np.int64) if sort is None else sort
    filed = _Filed.of(pieces)
    piece, share = np.empty(points, np.int64), np.empty(points)
    distance, cost, second = np.empty((3, points))
    find_nearest(
        x[known], y[known], np.zeros(points, np.int64) if kind is None else kind[known], *pieces.ends, pieces.segment,
        _streets(net)[pieces.segment], sort[pieces.segment], np.zeros((1, 1)) if penalty is None else penalty,
        *filed.grid, filed.first, filed.piece, float(max_distance), 6 * SPREAD, piece, share, distance, cost, second,
    )  # fmt: skip
    hit = piece >= 0
    found = Nearest(np.full(n, -1), np.full(n, np.nan), np.full(n, np.inf), np.zeros(n))
    rows = np.flatnonzero(known)[hit]
    found.segment[rows] = pieces.segment[piece[hit]]
    found.position[rows] = pieces.before[piece[hit]] + share[hit] * pieces.metres[piece[hit]]
    found.distance[rows] = distance[hit]
    found.ambiguity[rows] = np.exp(-(second[hit] ** 2 - cost[hit] ** 2) / (2 * SPREAD**2))
    return found


class _Pieces(NamedTuple):
    """Straight pieces of streets: ends, segment, metres of street before each and of each."""

    ends: tuple[Floats, Floats, Floats, Floats]
    segment: Integers
    before: Floats
    metres: Floats

    @classmethod
    def of(cls, net: Network) -> _Pieces:
        along, first = net.vertex_position, net.first_vertex
        inside = np.ones(len(along), np.bool_)
        inside[first[1:] - 1] = False
        a = np.flatnonzero(inside)
        ends = (*net.vertex[a].T.copy(), *net.vertex[a + 1].T.copy())
        segment = np.repeat(np.arange(len(net.start)), np.diff(first))[a]
        return cls(ends, segment, along[a], along[a + 1] - along[a])


class _Filed(NamedTuple):
    """Pieces by cell: corner, cell, columns and rows of the grid; the first of each cell's list; the lists."""

    grid: tuple[float, float, float, int, int]
    first: Integers
    piece: Integers

    @classmethod
    def of(cls, pieces: _Pieces) -> _Filed:
        ax, ay, bx, by = pieces.ends
        west, south = min(ax.min(), bx.min()), min(ay.min(), by.min())
        width, height = max(ax.max(), bx.max()) - west, max(ay.max(), by.max()) - south
        # Cells about as long as a piece hold a few: finer ones are searched empty, coarser ones hold too many.
        cell = max(
            float(np.mean(np.hypot(bx - ax, by - ay))),
            np.sqrt(width * height * PIECES_A_CELL / len(ax)) / 2,
            np.sqrt(width * height / MOST_CELLS),
            (width + height) / MOST_CELLS,
            1.0,
        )
        columns, rows = int(width / cell) + 1, int(height / cell) + 1
        grid = (float(west), float(south), float(cell), columns, rows)
        count = np.zeros(rows * columns, np.int64)
        total = count_pieces(*pieces.ends, *grid, count)
        first = np.concatenate([[0], np.cumsum(count)])
        piece = np.empty(total, np.int32)
        file_pieces(*pieces.ends, *grid, first[:-1].copy(), piece)
        return cls(grid, first, piece)


def _streets(net: Network) -> Integers:
    """Return the number of each segment's street: those of one name are one, those without a name one each."""
    code = net.name.codes.astype(np.int64)
    return np.where(code >= 0, code, len(net.name.names) + np.arange(len(code)))
