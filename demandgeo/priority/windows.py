"""The windows of a scan: round, elliptic, or along the neighbours, each a list of units that it takes in one by one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
from scipy.spatial import cKDTree

from demandgeo.domain.record import Codes, Floats, Integers
from demandgeo.domain.support import Neighbours
from demandgeo.kernels.scan import fill_nearest_on_graph

WindowName = Literal["circular", "elliptic", "graph"]

ELLIPSES = ((1.0, 1), (1.5, 4), (2.0, 6), (3.0, 9))
"""Long axis over short one, and how many directions it is turned to, evenly; the first is the circle."""

AT_ONCE = 8_000_000
"""Windows that are held together: 100 MB."""

PER_METRE = 1e4
"""Distances are equal if they round to the same tenth of a millimetre: then the lower unit comes first."""


@dataclass(frozen=True, slots=True)
class Windows:
    """Where windows are centred, on every unit, and which units lie around, nearest first.

    Parameters
    ----------
    points
        float64 [n, 2]: the units, metres.
    most
        Greatest number of units in a window.
    plane
        float64 [shapes, n, 2]: the points, pressed so that windows of each shape are round; none for windows along
        the neighbours.
    trees
        Their search trees.
    neighbours
        The units that touch, with metres between their centres.
    """

    points: Floats
    most: int
    plane: tuple[Floats, ...]
    trees: tuple[cKDTree, ...]
    neighbours: Neighbours

    @classmethod
    def of(cls, name: WindowName, points: Floats, neighbours: Neighbours, most: int) -> Windows:
        """Prepare the windows of a kind."""
        most = min(most, len(points))
        shapes = {"circular": ELLIPSES[:1], "elliptic": ELLIPSES, "graph": ()}[name]
        plane = tuple(
            _pressed(points, ratio, math.pi * turn / turns) for ratio, turns in shapes for turn in range(turns)
        )
        step = points[neighbours.rows] - points[neighbours.indices]
        linked = Neighbours(neighbours.indptr, neighbours.indices, np.hypot(*step.T))
        return cls(points, most, plane, tuple(map(cKDTree, plane)), linked)

    def blocks(self) -> Iterator[tuple[int, Integers]]:
        """Give each shape with the centres, in blocks that fit into memory."""
        step = max(1, AT_ONCE // self.most)
        for shape in range(max(1, len(self.plane))):
            for first in range(0, len(self.points), step):
                yield shape, np.arange(first, min(first + step, len(self.points)))

    def members(self, shape: int, centres: Integers) -> tuple[Codes, Integers]:
        """Return the units around each centre, nearest first, int32 [centres, most], and how many there are."""
        if self.plane:
            return self._nearest(shape, centres), np.full(centres.size, self.most)
        found, size = np.zeros((centres.size, self.most), np.int32), np.empty(centres.size, np.int64)
        graph = self.neighbours
        fill_nearest_on_graph(graph.indptr, graph.indices, graph.weight, centres, found, size)
        return found, size

    def _nearest(self, shape: int, centres: Integers) -> Codes:
        n = len(self.points)
        distance, unit = self.trees[shape].query(self.plane[shape][centres], k=[*range(1, self.most + 1)])
        # Distance and number in one integer: sorting it is eight times faster than by two keys.
        key = np.rint(distance * PER_METRE).astype(np.int64) * n + unit
        key.sort(axis=1)
        return cast(Codes, (key % n).astype(np.int32))


def _pressed(points: Floats, ratio: float, angle: float) -> Floats:
    """Turn the long axis to the east and press it, so that ellipses of one area become circles of it."""
    turned = points @ np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    return cast(Floats, turned * np.array([1.0 / math.sqrt(ratio), math.sqrt(ratio)]))
