"""Strokes: streets as people follow them, through junctions, by name and by the least turn."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from demandgeo.domain import Network
from demandgeo.domain.record import Floats, Integers, Mask

MOST_TURN = np.deg2rad(60.0)
"""A street of another name does not go on round a sharper turn."""


class Strokes(NamedTuple):
    """Segments in the order of the strokes they make.

    Attributes
    ----------
    segment
        int64 [m]: every segment once.
    forward
        bool [m]: whether the stroke runs along it from its start to its end.
    indptr
        int64 [strokes + 1].
    """

    segment: Integers
    forward: Mask
    indptr: Integers


def strokes(network: Network) -> Strokes:
    """Join segments to strokes.

    At each junction, street ends are paired: those of one name first, then by the least turn (Thomson and Richardson
    1999); where only two ends meet the street goes on however it turns.

    Examples
    --------
    >>> import shapely
    >>> lines = shapely.linestrings([[[0, 0], [50, 0]], [[50, 0], [50, 40]], [[90, 5], [50, 0]]])
    >>> found = strokes(Network.from_lines(lines, crs="EPSG:27700"))
    >>> found.segment.tolist(), found.forward.tolist(), found.indptr.tolist()
    ([0, 2, 1], [True, False, True], [0, 2, 3])
    """
    mate = _mates(network)
    m = len(network.start)
    done = np.zeros(m, bool)
    order: list[int] = []
    forward: list[bool] = []
    starts = [0]
    # Open strokes from the street ends that go on nowhere; what is left are rings.
    lone = np.flatnonzero(mate < 0).tolist()
    for arm in [*lone, *range(0, 2 * m, 2)]:
        if done[arm // 2]:
            continue
        while arm >= 0 and not done[arm // 2]:
            done[arm // 2] = True
            order.append(arm // 2)
            forward.append(arm % 2 == 0)
            arm = int(mate[arm ^ 1])  # noqa: PLW2901  the walk goes on from the other end
        starts.append(len(order))
    return Strokes(np.array(order), np.array(forward, bool), np.array(starts))


def _mates(network: Network) -> Integers:
    """Return the street end that each goes on as at its junction (-1: none), int64 [2 m], ends as in `Network.arms`."""
    arms, bearing = network.arms(), _bearings(network)
    name = network.name.codes
    mate = np.full(2 * len(network.start), -1)
    for node in range(len(arms.indptr) - 1):
        ends = arms.arm[arms.indptr[node] : arms.indptr[node + 1]].tolist()
        if len(ends) < 2:
            continue
        pairs = []
        for i, a in enumerate(ends):
            for b in ends[i + 1 :]:
                turn = abs(np.pi - abs((bearing[a] - bearing[b] + np.pi) % (2 * np.pi) - np.pi))
                same = bool(name[a // 2] >= 0 and name[a // 2] == name[b // 2])
                if same or turn <= MOST_TURN or len(ends) == 2:
                    pairs.append((not same, turn, a, b))
        for _, _, a, b in sorted(pairs):
            if mate[a] < 0 and mate[b] < 0:
                mate[a], mate[b] = b, a
    return mate


def _bearings(network: Network) -> Floats:
    """Return the direction in which each street end leaves its junction, radians."""
    first, last = network.first_vertex[:-1], network.first_vertex[1:] - 1
    out = network.vertex[first + 1] - network.vertex[first]
    back = network.vertex[last - 1] - network.vertex[last]
    found = np.empty(2 * len(network.start))
    found[0::2] = np.arctan2(out[:, 1], out[:, 0])
    found[1::2] = np.arctan2(back[:, 1], back[:, 0])
    return found
