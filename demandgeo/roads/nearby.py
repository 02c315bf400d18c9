"""Which events lie within a distance of each other along the streets."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np

from demandgeo.domain import Network
from demandgeo.domain.record import Floats, Integers


@dataclass(frozen=True, slots=True, eq=False)
class _Walk:
    """Streets to walk on: the ends at each junction, the junctions and the length of each street."""

    at: list[list[int]]
    ends: list[tuple[int, int]]
    length: list[float]

    @classmethod
    def on(cls, network: Network) -> _Walk:
        arms = network.arms()
        at = np.split(arms.arm, arms.indptr[1:-1])
        ends = list(zip(network.start.tolist(), network.end.tolist(), strict=True))
        return cls([part.tolist() for part in at], ends, network.length.tolist())

    def reached(self, street: int, position: float, radius: float) -> dict[int, float]:
        """Return the junctions within a distance of a place, with their distances (Dijkstra 1959)."""
        first, last = self.ends[street]
        queue = [(position, first), (self.length[street] - position, last)]
        heapq.heapify(queue)
        done: dict[int, float] = {}
        while queue:
            distance, node = heapq.heappop(queue)
            if distance > radius or node in done:
                continue
            done[node] = distance
            for end in self.at[node]:
                other, is_end = divmod(end, 2)
                heapq.heappush(queue, (distance + self.length[other], self.ends[other][1 - is_end]))
        return done


def within_streets(network: Network, segment: Integers, position: Floats, radius: float) -> list[Integers]:
    """Return for each event the rows of those within a distance along the streets, itself among them.

    Parameters
    ----------
    network
        The streets, whole segments.
    segment, position
        int64 and float64 [events]: where they are, metres from the start of the segment.
    radius
        Metres.

    Examples
    --------
    >>> import shapely
    >>> net = Network.from_lines(shapely.linestrings([[[0, 0], [100, 0]], [[100, 0], [100, 50]]]), crs="EPSG:27700")
    >>> rows = within_streets(net, np.array([0, 1, 0]), np.array([90.0, 20.0, 10.0]), 30.0)
    >>> [row.tolist() for row in rows]
    [[0, 1], [0, 1], [2]]
    """
    walk = _Walk.on(network)
    order = np.argsort(segment, kind="stable")
    bounds = np.searchsorted(segment[order], np.arange(len(network.start) + 1))
    found = []
    for own, at in zip(segment.tolist(), position.tolist(), strict=True):
        distance = walk.reached(own, at, radius)
        rows: set[int] = set()
        for street in sorted({own} | {end // 2 for node in distance for end in walk.at[node]}):
            there = order[bounds[street] : bounds[street + 1]]
            along = position[there]
            first, last = (distance.get(node, np.inf) for node in walk.ends[street])
            near = np.minimum(first + along, last + walk.length[street] - along)
            if street == own:
                near = np.minimum(near, np.abs(along - at))
            rows.update(there[near <= radius].tolist())
        found.append(np.array(sorted(rows), np.int64))
    return found
