"""A wave in parts, where the memory of one would be too much: exact, because pulses end where their kernel does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from demandgeo.domain import Network
from demandgeo.domain.record import Floats, Integers, Mask
from demandgeo.roads.links import Links
from demandgeo.roads.waves import Pulses

MEMORY = 800_000_000
"""Bytes that the history of a wave may take."""


@dataclass(frozen=True, slots=True, eq=False)
class Boxes:
    """The bounding box of each link: float64 [links] west, south, east, north."""

    west: Floats
    south: Floats
    east: Floats
    north: Floats

    @classmethod
    def of(cls, net: Network, links: Links) -> Boxes:
        """Gather the boxes from the segments' vertices."""
        of_vertex = links.link[np.repeat(np.arange(len(net.start)), np.diff(net.first_vertex))]
        low, high = np.full((2, len(links.length)), np.inf), np.full((2, len(links.length)), -np.inf)
        for axis in range(2):
            np.minimum.at(low[axis], of_vertex, net.vertex[:, axis])
            np.maximum.at(high[axis], of_vertex, net.vertex[:, axis])
        return cls(low[0], low[1], high[0], high[1])

    def near(self, bounds: tuple[float, float, float, float], reach: float) -> Mask:
        """Return the links that come within `reach` of (west, south, east, north)."""
        west, south, east, north = bounds
        across = (self.west <= east + reach) & (self.east >= west - reach)
        return across & (self.south <= north + reach) & (self.north >= south - reach)


def parts(
    net: Network, links: Links, pulses: Pulses, *, reach: float, step: float, itemsize: int = 8
) -> Iterator[tuple[Links, Pulses]]:
    """Yield links and pulses whose waves, added up, are the wave of all.

    Events are halved along the longer side of their bounding box until what they can reach is small enough. A junction
    at the rim of a part lacks streets, but no pulse comes so far.
    """
    bytes_per_link = 2 * (int(np.ceil(reach / step)) + 1) * pulses.channels * itemsize
    if len(links.length) * bytes_per_link <= MEMORY or not len(pulses.link):
        yield links, pulses
        return
    boxes = Boxes.of(net, links)
    # The middle of its link stands for an event's place; the box of the part covers the whole link.
    x, y = (boxes.west + boxes.east)[pulses.link] / 2, (boxes.south + boxes.north)[pulses.link] / 2
    waiting = [np.arange(len(pulses.link))]
    while waiting:
        rows = waiting.pop()
        own = pulses.link[rows]
        bounds = (boxes.west[own].min(), boxes.south[own].min(), boxes.east[own].max(), boxes.north[own].max())
        near = boxes.near(bounds, reach)
        halves = _halves(x[rows], y[rows])
        if near.sum() * bytes_per_link <= MEMORY or halves is None:
            part, number = links.take(near)
            yield part, _renumbered(pulses, rows, number)
        else:
            waiting += [rows[half] for half in halves]


def _halves(x: Floats, y: Floats) -> tuple[Mask, Mask] | None:
    """Return the two halves of places along their longer side; None where all are at one place."""
    along = x if np.ptp(x) >= np.ptp(y) else y
    lower = along <= (along.min() + along.max()) / 2
    return None if lower.all() else (~lower, lower)


def _renumbered(pulses: Pulses, rows: Integers, number: Integers) -> Pulses:
    rows = np.sort(rows)
    return Pulses(
        number[pulses.link[rows]], pulses.place[rows], pulses.weight[rows], pulses.channel[rows], pulses.channels
    )
