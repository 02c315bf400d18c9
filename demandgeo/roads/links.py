"""Links: streets from junction to junction, however many segments a file cuts them into."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from demandgeo.domain import Arms, Network
from demandgeo.domain.record import Floats, Integers, Mask
from demandgeo.kernels.chains import join


@dataclass(frozen=True, slots=True, eq=False)
class Links:
    """The segments of a network joined where exactly two meet: nothing happens there to what runs along streets.

    Attributes
    ----------
    start, end
        int64 [links]: their junctions, numbered from 0; equal on a loop.
    length
        float64 [links], metres.
    link, offset, turned
        int64, float64, bool [segments]: the link of each segment, metres from the link's start to the segment, and
        whether it runs against the link.
    first_unit, unit, middle
        int64 [links + 1], int64 [units], float64 [units]: the network's units in order along the links, and metres from
        the link's start to the middle of each.
    """

    start: Integers
    end: Integers
    length: Floats
    link: Integers
    offset: Floats
    turned: Mask
    first_unit: Integers
    unit: Integers
    middle: Floats

    @classmethod
    def of(cls, net: Network) -> Links:
        """Join the segments of a network."""
        m = len(net.start)
        link, offset, turned = np.empty(m, np.int64), np.empty(m), np.empty(m, np.bool_)
        arm = np.empty((m, 2), np.int64)
        count = join(_partners(net), net.length, link, offset, turned, arm)
        node = np.stack([net.start, net.end], axis=1).ravel()[arm[:count]]
        start, end = np.unique(node, return_inverse=True)[1].reshape(-1, 2).T.copy()
        bare = cls(
            start=start,
            end=end,
            length=np.bincount(link, net.length, minlength=count).astype(np.float64),
            link=link,
            offset=offset,
            turned=turned,
            first_unit=np.empty(0, np.int64),
            unit=np.empty(0, np.int64),
            middle=np.empty(0),
        )
        own, middle = bare.place(net, net.unit_segment, (net.unit_from + net.unit_to) / 2)
        order = np.lexsort((middle, own))
        first = np.concatenate([[0], np.cumsum(np.bincount(own, minlength=count))])
        return cls(start, end, bare.length, link, offset, turned, first, order, middle[order])

    @property
    def junctions(self) -> int:
        """Number of junctions."""
        return int(max(self.start.max(), self.end.max())) + 1

    def arms(self) -> Arms:
        """Return the link ends that meet at each junction: 2l at the start of link l, 2l + 1 at its end."""
        node = np.stack([self.start, self.end], axis=1).ravel()
        return Arms(np.concatenate([[0], np.cumsum(np.bincount(node))]), np.argsort(node, kind="stable"))

    def place(self, net: Network, segment: Integers, position: Floats) -> tuple[Integers, Floats]:
        """Return the link, and metres from its start, of places on segments."""
        along = np.where(self.turned[segment], net.length[segment] - position, position)
        return self.link[segment], self.offset[segment] + along

    def at(self, link: Integers, place: Floats) -> Links:
        """Return the same links with other units: places on them, whose rows are their numbers."""
        order = np.lexsort((place, link))
        first = np.searchsorted(link[order], np.arange(len(self.length) + 1))
        return replace(self, first_unit=first, unit=order, middle=place[order])

    def take(self, kept: Mask) -> tuple[Links, Integers]:
        """Return some of the links, and the new number of each of all (-1: left out); units keep their numbers."""
        rows = np.flatnonzero(kept)
        number = np.full(len(kept), -1)
        number[rows] = np.arange(len(rows))
        start, end = np.unique(np.stack([self.start[rows], self.end[rows]]), return_inverse=True)[1]
        units = np.flatnonzero(np.repeat(kept, np.diff(self.first_unit)))
        first = np.concatenate([[0], np.cumsum(np.diff(self.first_unit)[rows])])
        own = number[self.link]
        part = Links(
            start, end, self.length[rows], own, self.offset, self.turned, first, self.unit[units], self.middle[units]
        )
        return part, number


def _partners(net: Network) -> Integers:
    """Return the arm that continues beyond each arm's junction, -1 unless exactly two segments meet there."""
    indptr, arm = net.arms()
    pairs = np.flatnonzero(np.diff(indptr) == 2)
    one, other = arm[indptr[pairs]], arm[indptr[pairs] + 1]
    apart = one >> 1 != other >> 1
    partner = np.full(len(arm), -1)
    partner[one[apart]], partner[other[apart]] = other[apart], one[apart]
    return partner
