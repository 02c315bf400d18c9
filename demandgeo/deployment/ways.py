"""Fastest ways on a graph of junctions: prepared once, timed for any speeds, asked for whole matrices."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from demandgeo.domain.record import Codes, Floats, Integers
from demandgeo.domain.travel import Seconds
from demandgeo.kernels.hierarchy import (
    arc_of,
    contract,
    customise,
    dissect,
    restrict,
    shortest_times,
    sweep,
)

SMALL = 3000
"""Below so many junctions Dijkstra's algorithm has answered before a hierarchy is built."""


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """The ranks and arcs of a graph: they hold for any speeds.

    Parameters
    ----------
    rank
        int64 [junctions].
    first_arc, up
        Arcs to higher junctions, numbered by rank, as compressed sparse rows.
    arc, is_up
        The arc on which each street runs (-1: none), and whether upwards.
    """

    rank: Integers
    first_arc: Integers
    up: Codes
    arc: Integers
    is_up: np.ndarray

    @classmethod
    def of(cls, x: Floats, y: Floats, tail: Integers, head: Integers) -> Hierarchy:
        """Prepare a graph of directed streets between junctions at x, y."""
        rank = np.empty(x.size, np.int64)
        dissect(x, y, *_joined(x.size, tail, head), rank)
        low, high = rank[tail], rank[head]
        indptr, indices = _joined(x.size, low, high)
        first_arc, room = np.empty(x.size + 1, np.int64), 8 * x.size + 8192
        while True:
            up = np.empty(room, np.int32)
            arcs = contract(indptr, indices, first_arc, up)
            if arcs >= 0:
                break
            room *= 2
        arc = np.empty(tail.size, np.int64)
        arc_of(first_arc, up[:arcs].copy(), low, high, arc)
        return cls(rank, first_arc, up[:arcs].copy(), arc, low < high)

    def timed(self, seconds: Floats) -> TimedHierarchy:
        """Give every street a time, float64 [streets], >= 0."""
        upwards, downwards = np.empty(self.up.size), np.empty(self.up.size)
        customise(self.first_arc, self.up, self.arc, self.is_up, seconds, upwards, downwards)
        return TimedHierarchy(self, upwards, downwards)


@dataclass(frozen=True, eq=False)
class TimedHierarchy:
    """A hierarchy with the times of one speed profile, seconds up and down each arc."""

    hierarchy: Hierarchy
    upwards: Floats
    downwards: Floats

    def matrix(self, sources: Integers, targets: Integers) -> Seconds:
        """Return the seconds from each source to each target, float32 [sources, targets]."""
        own = self.hierarchy
        index, first = np.empty(own.rank.size, np.int64), np.empty(own.rank.size + 1, np.int64)
        above, arc = np.empty(own.up.size, np.int64), np.empty(own.up.size, np.int64)
        places = restrict(own.first_arc, own.up, own.rank[targets], index, first, above, arc)
        first = first[: places + 1].copy()
        above, steps = above[: first[-1]].copy(), self.downwards[arc[: first[-1]]]
        # Sources near each other in rank climb the same arcs.
        order = np.argsort(own.rank[sources], kind="stable")
        out = np.empty((sources.size, targets.size), np.float32)
        sweep(
            own.first_arc, own.up, self.upwards, index, first, above, steps,
            own.rank[sources[order]], index[own.rank[targets]], out,
        )  # fmt: skip
        result = np.empty_like(out)
        result[order] = out
        return result


@dataclass(frozen=True, eq=False)
class Graph:
    """Directed streets between junctions; parallel streets, loops and times of 0 may occur."""

    x: Floats
    y: Floats
    tail: Integers
    head: Integers

    @cached_property
    def hierarchy(self) -> Hierarchy:
        """The graph prepared for many questions."""
        return Hierarchy.of(self.x, self.y, self.tail, self.head)

    def matrix(self, seconds: Floats, sources: Integers, targets: Integers) -> Seconds:
        """Return the seconds from each source to each target, float32, infinite where there is no way."""
        if self.x.size >= SMALL:
            return self.hierarchy.timed(seconds).matrix(sources, targets)
        order = np.argsort(self.tail, kind="stable")
        indptr = np.concatenate([[0], np.cumsum(np.bincount(self.tail, minlength=self.x.size))])
        out = np.empty((sources.size, targets.size), np.float32)
        shortest_times(indptr, self.head[order], seconds[order], sources, targets, out)
        return out


def _joined(n: int, tail: Integers, head: Integers) -> tuple[Integers, Integers]:
    """Return who is joined to whom, in both directions, as compressed sparse rows."""
    first, second = np.concatenate([tail, head]), np.concatenate([head, tail])
    order = np.lexsort((second, first))
    return np.concatenate([[0], np.cumsum(np.bincount(first, minlength=n))]), second[order]
