"""The places that collisions are counted on: junctions with the street around them, and what lies between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import shapely
from shapely.ops import substring

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
        lines, made = self.network.geometry(), np.empty(len(self), object)
        head, tail = self.head / self.network.length, 1.0 - self.tail / self.network.length
        for row, segment in enumerate(self.segment[~self.is_junction].tolist()):
            made[row] = _part(lines[segment], head[segment], tail[segment])
        arms = self.network.arms()
        for row, node in zip(
            np.flatnonzero(self.is_junction).tolist(), self.node[self.is_junction].tolist(), strict=True
        ):
            ends = []
            for arm in arms.arm[arms.indptr[node] : arms.indptr[node + 1]].tolist():
                segment, at_end = divmod(arm, 2)
                ends.append(_part(lines[segment], *((tail[segment], 1.0) if at_end else (0.0, head[segment]))))
            made[row] = shapely.multilinestrings(ends)
        return cast(Geometries, made)


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


def _part(line: shapely.LineString, start: float, stop: float) -> shapely.LineString:
    """Return the part between two shares of a line."""
    if start <= 0 and stop >= 1:
        return line
    part = substring(line, start, stop, normalized=True)
    return part if part.geom_type == "LineString" else shapely.LineString([part, part])
