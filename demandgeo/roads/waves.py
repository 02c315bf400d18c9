"""The wave on a network: junctions, delays and what they do to a pulse, ready for any events, kernel and layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components, reverse_cuthill_mckee

from demandgeo.domain import Network
from demandgeo.domain.record import Floats, Integers
from demandgeo.kernels.profiles import Profile
from demandgeo.kernels.waves import (
    add_lost,
    add_own,
    collect,
    collect_gaussian,
    collect_smoothed,
    delays,
    launch,
    settle,
    transport,
    transport_together,
)
from demandgeo.roads.links import Links

MOST_SLOTS = 192
"""Street ends in one group of junctions that exchange within a step; its map has the square of that many numbers."""

GAUSSIAN_REACH = 5.5
"""Standard deviations: 4e-8 of the Gaussian's mass lies beyond."""

FEW = 20_000
"""Slots x channels below which one thread is faster than waiting for several in every step."""


@dataclass(frozen=True, slots=True, eq=False)
class Wave:
    """How pulses run on a network, in steps of fixed length.

    Attributes
    ----------
    links
        The streets they run on.
    slot
        int64 [links, 2]: the slot of each link's start and end.
    step
        Metres per time step.
    first, source, lag, tap, onward, back, gain_at, gain
        See `kernels.waves.transport`.
    """

    links: Links
    slot: Integers
    step: float
    first: Integers
    source: Integers
    lag: Integers
    tap: NDArray[Any]
    onward: NDArray[Any]
    back: NDArray[Any]
    gain_at: Integers
    gain: NDArray[Any]

    @classmethod
    def on(
        cls,
        net: Network | Links,
        step: float,
        *,
        continuous: bool = True,
        dead_end: str = "reflect",
        dtype: Any = np.float64,
    ) -> Wave:
        """Prepare a network; the step is halved until no group of junctions is too large to solve at once."""
        links = net if isinstance(net, Links) else Links.of(net)
        while True:
            wave = cls._at(links, step, continuous=continuous, dead_end=dead_end, dtype=dtype)
            if wave is not None:
                return wave
            step /= 2.0

    @classmethod
    def _at(cls, links: Links, step: float, *, continuous: bool, dead_end: str, dtype: Any) -> Wave | None:
        node, group = _groups(links, step)
        # Slots in order of group, then junction: what a group reads and writes lies together.
        order = np.lexsort((np.arange(len(node)), node, group[node]))
        slot_of = np.empty(len(order), np.int64)
        slot_of[order] = np.arange(len(order))
        first = np.unique(np.concatenate([[0], np.cumsum(np.bincount(group[node]))]))
        if (np.diff(first).max() > MOST_SLOTS) and (links.length < step).any():
            return None
        lag, tap = np.empty(len(order), np.int64), np.empty((len(order), 3))
        delays(links.length[order // 2], step, lag, tap)
        degree = np.bincount(node)[node[order]]
        onward, back = _factors(degree, continuous=continuous, dead_end=dead_end)
        source = slot_of[order ^ 1]
        gain_at, gain = _solve(first, _Slots(node[order], source, lag, tap, onward, back))
        at_once = lag == 0
        lag[at_once] = 1
        tap[at_once] = np.column_stack([tap[at_once, 1:], np.zeros(at_once.sum())])
        return cls(
            links=links,
            slot=slot_of.reshape(-1, 2),
            step=step,
            first=first,
            source=source,
            lag=lag,
            tap=tap.astype(dtype),
            onward=onward[first[:-1]].astype(dtype),
            back=back[first[:-1]].astype(dtype),
            gain_at=gain_at,
            gain=gain.astype(dtype),
        )

    def steps(self, reach: float) -> int:
        """Return how many steps a pulse needs for a distance."""
        return int(np.ceil(reach / self.step)) + 2

    def run(self, pulses: Pulses, reach: float) -> NDArray[Any]:
        """Carry pulses as far as they reach; return the history [slots, steps x channels]."""
        steps, dtype = self.steps(reach), self.tap.dtype
        history = np.zeros((len(self.source), steps * pulses.channels), dtype)
        ends = np.column_stack([pulses.place, self.links.length[pulses.link] - pulses.place])
        launch(self.slot[pulses.link], ends, pulses.weight, pulses.channel, self.step, steps, pulses.channels, history)
        arrival = np.empty((len(self.source), pulses.channels), dtype)
        carry = transport if arrival.size < FEW else transport_together
        carry(
            self.first, self.source, self.lag, self.tap, self.onward, self.back, self.gain_at, self.gain, steps,
            pulses.channels, arrival, history,
        )  # fmt: skip
        return history

    def add_density(self, pulses: Pulses, history: NDArray[Any], profile: Profile, h: float, out: NDArray[Any]) -> None:
        """Add the density at the middle of each unit of the links to out [units, channels], per metre."""
        links, channels, reach = self.links, pulses.channels, reach_of(profile, h)
        steps = min(history.shape[1] // channels, self.steps(reach))
        places = self.slot, links.length, links.first_unit, links.unit, links.middle
        if profile == Profile.GAUSSIAN:
            collect_gaussian(*places, h, self.step, steps, channels, history, out)
        elif profile <= Profile.EPANECHNIKOV:
            collect_smoothed(*places, int(profile), h, reach, self.step, steps, channels, history, out)
        else:
            scratch = np.empty((len(links.length), 7 * channels + 7), history.dtype)
            collect(*places, int(profile), h, self.step, steps, channels, history, scratch, out)
        add_own(
            pulses.first_of(links), pulses.place, pulses.weight, pulses.channel, *places[2:], int(profile), h, reach,
            out,
        )  # fmt: skip

    def settle(self, pulses: Pulses, history: NDArray[Any], kernel: tuple[Profile, float], out: NDArray[Any]) -> Floats:
        """Add to out what its integral lacks, and return the mass on each link, [links, channels]."""
        profile, h = kernel
        links, channels = self.links, pulses.channels
        lost, mass = np.empty((2, len(links.length), channels))
        weight = np.empty(len(pulses.link))
        settle(
            self.slot, links.length, pulses.first_of(links), pulses.place, pulses.weight, pulses.channel,
            int(profile), h, reach_of(profile, h), self.step, history.shape[1] // channels, channels, history, lost,
            weight, mass,
        )  # fmt: skip
        add_own(
            pulses.first_of(links), pulses.place, weight, pulses.channel, links.first_unit, links.unit, links.middle,
            int(profile), h, reach_of(profile, h), out,
        )  # fmt: skip
        add_lost(links.first_unit, links.unit, links.length, lost, out)
        return mass


@dataclass(frozen=True, slots=True, eq=False)
class Pulses:
    """Events on links, sorted by link and place.

    Attributes
    ----------
    link, place, weight, channel
        int64, float64 (metres from the link's start), float64, int64 [events]: the layer.
    channels
        Number of layers.
    """

    link: Integers
    place: Floats
    weight: Floats
    channel: Integers
    channels: int

    @classmethod
    def of(
        cls, link: Integers, place: Floats, weight: Floats, channel: Integers | None = None, channels: int = 1
    ) -> Pulses:
        """Sort events; those of one place keep their order."""
        channel = np.zeros(len(link), np.int64) if channel is None else channel
        order = np.lexsort((place, link))
        return cls(link[order], place[order], weight[order], channel[order], channels)

    def layers(self, first: int, number: int) -> Pulses:
        """Return some of the layers, numbered from 0."""
        rows = (self.channel >= first) & (self.channel < first + number)
        return Pulses(self.link[rows], self.place[rows], self.weight[rows], self.channel[rows] - first, number)

    def first_of(self, links: Links) -> Integers:
        """int64 [links + 1]: the first event of each link."""
        return np.searchsorted(self.link, np.arange(len(links.length) + 1))


def reach_of(profile: Profile, h: float) -> float:
    """Return the distance beyond which a kernel counts nothing, metres."""
    return GAUSSIAN_REACH * h if profile == Profile.GAUSSIAN else h


def _groups(links: Links, step: float) -> tuple[Integers, Integers]:
    """Return the junction of each link end, and the group of each junction.

    Groups are numbered so that those joined by a street lie near each other in memory.
    """
    start, end, short = links.start, links.end, links.length < step
    group = connected_components(_symmetric(start[short], end[short], links.junctions), directed=False)[1]
    order = reverse_cuthill_mckee(_symmetric(group[start], group[end], int(group.max()) + 1), symmetric_mode=True)
    number = np.empty(len(order), np.int64)
    number[order] = np.arange(len(order))
    return np.stack([start, end], axis=1).ravel(), number[group]


def _symmetric(first: NDArray[Any], second: NDArray[Any], n: int) -> Any:
    rows, columns = np.concatenate([first, second]), np.concatenate([second, first])
    return coo_array((np.ones(len(rows), np.int8), (rows, columns)), shape=(n, n)).tocsr()


def _factors(degree: Integers, *, continuous: bool, dead_end: str) -> tuple[Floats, Floats]:
    """Return what a junction sends onward of all that arrives, and what it takes back of its own."""
    if continuous:
        return 2.0 / degree, np.ones(len(degree))
    onward = 1.0 / np.maximum(degree - 1, 1)
    return onward, np.where(degree == 1, 0.0 if dead_end == "reflect" else 1.0, onward)


class _Slots(NamedTuple):
    """Of each slot: junction, slot at the other end, first step of arrival, shares, factors of its junction."""

    node: Integers
    source: Integers
    lag: Integers
    tap: Floats
    onward: Floats
    back: Floats


def _solve(first: Integers, slots: _Slots) -> tuple[Integers, Floats]:
    """Work out what leaves each group that streets shorter than a step join, for what arrives there.

    With a what arrives at the slots within a step, S the junctions' factors and P the shares that short streets hand on
    at once, a = arrivals + P S a, and what leaves is S a.
    """
    groups = np.unique(np.searchsorted(first, np.flatnonzero(slots.lag == 0), side="right") - 1)
    gain_at, maps, total = np.full(len(first) - 1, -1), [np.empty(0)], 0
    for g in groups.tolist():
        own = np.arange(first[g], first[g + 1])
        same = slots.node[own][:, None] == slots.node[own][None, :]
        scatter = np.where(same, slots.onward[own][:, None], 0.0) - np.diag(slots.back[own])
        at_once = np.zeros((len(own), len(own)))
        short = own[slots.lag[own] == 0]
        at_once[short - own[0], slots.source[short] - own[0]] = slots.tap[short, 0]
        gain_at[g] = total
        maps.append((scatter @ np.linalg.inv(np.eye(len(own)) - at_once @ scatter)).ravel())
        total += len(own) ** 2
    return gain_at, np.concatenate(maps)
