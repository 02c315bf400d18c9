"""The places that collisions are counted on: junctions with the street around them, and what lies between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import shapely

from demandgeo.domain import Labels, Network
from demandgeo.domain.record import Floats, Geometries, Integers, Mask

SEGMENT, JUNCTION = "segment", "junction"
CROSSING = 3
"""Street ends that make a junction; two are one street that goes on."""

NAMES = 3

EMPTY = 1e-9
"""Metres: a place shorter than this is none."""


@dataclass(frozen=True, slots=True, eq=False)
class Facilities:
    """Segments between junctions, then junctions; together they hold every metre of street once.

    Attributes
    ----------
    network
        The streets, whole segments.
    segment, node
        int64 [n]: the segment or the junction of each; -1 for the other.
    length
        float64 [n], metres.
    head, tail
        float64 [segments]: metres at the start and at the end of each segment that belong to its junctions.
    """

    network: Network
    segment: Integers
    node: Integers
    length: Floats
    head: Floats
    tail: Floats

    @classmethod
    def of(cls, network: Network, radius: float) -> Facilities:
        """Cut the streets `radius` metres from every junction; 0 leaves whole segments and no junction.

        Examples
        --------
        >>> lines = shapely.linestrings([[[0, 0], [100, 0]], [[100, 0], [100, 50]], [[100, 0], [130, 0]]])
        >>> places = Facilities.of(Network.from_lines(lines, crs="EPSG:27700"), 20.0)
        >>> places.length.tolist(), places.node.tolist()
        ([80.0, 30.0, 10.0, 60.0], [-1, -1, -1, 1])
        """
        network = network.segments()
        crossing = np.diff(network.arms().indptr) >= CROSSING
        starts, ends = crossing[network.start], crossing[network.end]
        # A street shorter than two radii belongs half to each of its junctions.
        both = np.where(starts & ends, network.length / 2, network.length)
        head = np.where(starts & (radius > 0), np.minimum(radius, both), 0.0)
        tail = np.where(ends & (radius > 0), np.minimum(radius, both), 0.0)
        between = network.length - head - tail
        segments = np.flatnonzero(between > EMPTY)
        nodes = np.flatnonzero(crossing) if radius > 0 else np.empty(0, np.int64)
        around = np.bincount(network.start, head, minlength=crossing.size)
        around = around + np.bincount(network.end, tail, minlength=crossing.size)
        return cls(
            network,
            np.concatenate([segments, np.full(nodes.size, -1)]),
            np.concatenate([np.full(segments.size, -1), nodes]),
            np.concatenate([between[segments], around[nodes]]),
            head,
            tail,
        )

    def __len__(self) -> int:
        return int(self.length.size)

    @property
    def is_junction(self) -> Mask:
        """Bool [n]."""
        return self.node >= 0

    def at(self, segment: Integers, position: Floats) -> Integers:
        """Return the place of positions (metres from the start) on segments; -1 where the segment is -1."""
        of_segment = _rows(self.segment, len(self.network.start))
        of_node = _rows(self.node, len(self.network.node_x))
        head, tail, length = self.head[segment], self.tail[segment], self.network.length[segment]
        first, last = of_node[self.network.start[segment]], of_node[self.network.end[segment]]
        # Where two junctions share a whole street, its middle is the start's.
        row = np.where(position > length - tail, last, of_segment[segment])
        row = np.where((position <= head) & (head > 0), first, row)
        return np.where(segment < 0, -1, row)

    def per_junction(self, value: Floats, how: np.ufunc, empty: float) -> Floats:
        """Return `how` (`np.add`, `np.maximum`) of the values of the street ends of each junction, [n]."""
        found = np.full(len(self.network.node_x), empty)
        for end in (self.network.start, self.network.end):
            how.at(found, end, value)
        return found[self.node]

    def classes(self) -> Labels:
        """Return the class of road of each; of a junction, that of the most important street that meets there."""
        own = class_names(self.network)
        # The class with the least length in the network is taken as the most important: main roads are few.
        extent = np.bincount(own.codes, self.network.length, minlength=len(own.names))
        order = np.argsort(-extent, kind="stable")
        rank = np.argsort(order)[own.codes]
        top = self.per_junction(rank.astype(np.float64), np.maximum, 0.0).astype(np.int64)
        code = np.where(self.is_junction, order[top], own.codes[self.segment])
        return Labels(code.astype(np.int32), own.names)

    def ids(self) -> list[str]:
        """Return the name of each in its source: of junctions, their number."""
        segments = self.network.segment_ids[self.segment[~self.is_junction]].tolist()
        return [*segments, *(f"junction {node}" for node in self.node[self.is_junction].tolist())]

    def names(self) -> list[str]:
        """Return what people call each: the street, or the streets that meet."""
        streets = street_names(self.network)
        arms = self.network.arms()
        names = [streets[s] for s in self.segment[~self.is_junction].tolist()]
        for node in self.node[self.is_junction].tolist():
            meeting = (arms.arm[arms.indptr[node] : arms.indptr[node + 1]] // 2).tolist()
            names.append(" / ".join(list(dict.fromkeys(streets[s] for s in sorted(meeting)))[:NAMES]))
        return names

    def geometry(self) -> Geometries:
        """Return the line of each segment between its junctions; of a junction, the street ends that belong to it."""
        net, between = self.network, self.segment[~self.is_junction]
        made = np.empty(len(self), object)
        made[~self.is_junction] = pieces(net, between, self.head[between], (net.length - self.tail)[between])
        arms = net.arms()
        node = np.repeat(np.arange(len(arms.indptr) - 1), np.diff(arms.indptr))
        ours = np.isin(node, self.node[self.is_junction])
        segment, at_end = np.divmod(arms.arm[ours], 2)
        start = np.where(at_end, (net.length - self.tail)[segment], 0.0)
        stop = np.where(at_end, net.length[segment], self.head[segment])
        # Both are in ascending order of the junctions.
        turn = np.unique(node[ours], return_inverse=True)[1]
        ends = shapely.multilinestrings(pieces(net, segment, start, stop), indices=turn)
        made[self.is_junction] = ends
        return cast(Geometries, made)


def pieces(network: Network, segment: Integers, start: Floats, stop: Floats) -> Geometries:
    """Return the part of each segment between two positions, metres from its start.

    Examples
    --------
    >>> net = Network.from_lines(shapely.linestrings([[[0, 0], [50, 0], [50, 40]]]), crs="EPSG:27700")
    >>> pieces(net, np.array([0, 0]), np.array([10.0, 60.0]), np.array([70.0, 90.0])).tolist()
    [<LINESTRING (10 0, 50 0, 50 20)>, <LINESTRING (50 10, 50 40)>]
    """
    if not segment.size:
        return np.empty(0, object)
    first, last = network.first_vertex[:-1][segment], network.first_vertex[1:][segment]
    piece = np.repeat(np.arange(segment.size), last - first)
    vertex = np.arange(piece.size) + np.repeat(
        first - np.concatenate([[0], np.cumsum(last - first)[:-1]]), last - first
    )
    at = _positions(network)[vertex]
    inside = (at > start[piece] + EMPTY) & (at < stop[piece] - EMPTY)
    places = [np.column_stack(network.place(segment, position)) for position in (start, stop)]
    coordinates = np.concatenate([places[0], network.vertex[vertex[inside]], places[1]])
    owner = np.concatenate([np.arange(segment.size), piece[inside], np.arange(segment.size)])
    order = np.lexsort((np.concatenate([start, at[inside], np.maximum(stop, start + EMPTY)]), owner))
    return cast(Geometries, shapely.linestrings(coordinates[order], indices=owner[order]))


def _positions(network: Network) -> Floats:
    """Return the position of every vertex on its segment: metres of its length, not of its line."""
    owner = np.repeat(np.arange(len(network.start)), np.diff(network.first_vertex))
    step = np.hypot(*np.diff(network.vertex, axis=0, prepend=network.vertex[:1]).T)
    step[network.first_vertex[:-1]] = 0.0
    along = np.cumsum(step)
    along -= along[network.first_vertex[:-1]][owner]
    drawn = along[network.first_vertex[1:] - 1]
    return np.asarray(along * (network.length / np.maximum(drawn, EMPTY))[owner], np.float64)


def street_names(network: Network) -> list[str]:
    """Return the name of each segment for people: its name, its number, or its class."""
    columns = [column.to_array() for column in (network.name, network.ref, network.highway)]
    return [
        name or ref or (f"unnamed {highway}" if highway else "unnamed street")
        for name, ref, highway in zip(*columns, strict=True)
    ]


def class_names(network: Network) -> Labels:
    """Return the class of each segment, links with the class they link to."""
    classes = ["" if name is None else name.removesuffix("_link") for name in network.highway]
    return Labels.of([name or "not stated" for name in classes])


def _rows(owner: Integers, n: int) -> Integers:
    found = np.full(n, -1)
    rows = np.flatnonzero(owner >= 0)
    found[owner[rows]] = rows
    return found
