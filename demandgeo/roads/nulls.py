"""What chance alone makes of events on streets: random labels, or places in proportion to an exposure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from demandgeo.domain import Demand, Events, Network, Snapped
from demandgeo.domain.record import Floats, Integers
from demandgeo.errors import ModelError, Problems
from demandgeo.kernels.street_draws import draw_subsets, draw_units
from demandgeo.roads.placing import Placed, check_same_streets
from demandgeo.roads.waves import Pulses


@dataclass(frozen=True, slots=True, eq=False)
class Relabelling:
    """Chance takes a random subset of the pooled events.

    Attributes
    ----------
    observed
        The events that are tested.
    link, place
        int64, float64 [pool]: where the pooled events lie, by link.
    about
        What to tell of it.
    """

    observed: Pulses
    link: Integers
    place: Floats
    about: dict[str, Any]

    @classmethod
    def of(cls, placed: Placed, others: Events | Snapped, *, subset: bool, max_distance: float) -> Relabelling:
        """Pool the placed events with the others, unless they are among them."""
        pool = Placed.of(others, placed.network, lixel=placed.network.lixel, max_distance=max_distance)
        link, place = pool.link, pool.place
        if subset:
            _check_among(placed, pool)
        else:
            link, place = np.concatenate([placed.link, link]), np.concatenate([placed.place, place])
        order = np.lexsort((place, link))
        about = {"null": "random labels", "events": len(placed.rows), "pooled_events": len(link)}
        return cls(placed.pulses(weight=np.ones(len(placed.events))), link[order], place[order], about)

    @property
    def share(self) -> float:
        """Share of the pool that is taken."""
        return len(self.observed.link) / len(self.link)

    def mean(self) -> Pulses:
        """Return what the mean over all draws is the density of."""
        return Pulses.of(self.link, self.place, np.full(len(self.link), self.share))

    def draw(self, seed: int, first: int, replicates: int) -> Pulses:
        """Draw as many of the pooled events, one layer for each replicate."""
        drawn = np.empty((replicates, len(self.observed.link)), np.int64)
        draw_subsets(seed, first, len(self.link), drawn)
        event = drawn.ravel()
        return _layered(self.link[event], self.place[event], replicates)


@dataclass(frozen=True, slots=True, eq=False)
class Scatter:
    """Chance drops each event anew, in proportion to an exposure.

    Attributes
    ----------
    observed
        The events that are tested.
    unit_link, unit_from, extent
        int64, float64, float64 [units]: the link of each unit, metres from its start to the unit, and its length.
    mass
        float64 [units]: the exposure on each.
    about
        What to tell of it.
    """

    observed: Pulses
    unit_link: Integers
    unit_from: Floats
    extent: Floats
    mass: Floats
    about: dict[str, Any]

    @classmethod
    def of(cls, placed: Placed, exposure: Demand | None) -> Scatter:
        """Take the exposure on each unit; None is one that goes by length."""
        net, links = placed.network, placed.links
        mass = net.extent.copy() if exposure is None else _on_units(exposure, net)
        if not mass.sum() > 0:
            raise ModelError("the exposure is 0 everywhere", "some exposure was needed")
        link, middle = np.empty(net.n, np.int64), np.empty(net.n)
        link[links.unit] = np.repeat(np.arange(len(links.length)), np.diff(links.first_unit))
        middle[links.unit] = links.middle
        unit = placed.units()[placed.rows]
        name = "length of street" if exposure is None else f"{exposure.name} ({exposure.measure})"
        about = {
            "null": f"chance in proportion to {name}",
            "events": len(placed.rows),
            "events_without_exposure": int((mass[unit] <= 0).sum()),
        }
        observed = placed.pulses(weight=np.ones(len(placed.events)))
        return cls(observed, link, middle - net.extent / 2, net.extent, mass, about)

    @property
    def share(self) -> float:
        """An event more takes nothing away from others."""
        return 0.0

    def mean(self) -> Pulses:
        """Return what the mean over all draws is the density of."""
        some = np.flatnonzero(self.mass > 0)
        weight = self.mass[some] * (len(self.observed.link) / self.mass.sum())
        return Pulses.of(self.unit_link[some], self.unit_from[some] + self.extent[some] / 2, weight)

    def draw(self, seed: int, first: int, replicates: int) -> Pulses:
        """Drop as many events anew, one layer for each replicate."""
        shape = (replicates, len(self.observed.link))
        on, along = np.empty(shape, np.int64), np.empty(shape)
        draw_units(seed, first, np.cumsum(self.mass), on, along)
        unit, share = on.ravel(), along.ravel()
        return _layered(self.unit_link[unit], self.unit_from[unit] + share * self.extent[unit], replicates)


def _layered(link: Integers, place: Floats, replicates: int) -> Pulses:
    layer = np.repeat(np.arange(replicates), len(link) // replicates)
    return Pulses.of(link, place, np.ones(len(link)), layer, replicates)


def _on_units(exposure: Demand, network: Network) -> Floats:
    """Return the exposure on each unit of the network, whose streets it is on, cut alike or not at all."""
    problems, support = Problems(), exposure.support
    problems.check(exposure.values.ndim == 1, "the exposure has layers", "a single one was needed")
    problems.check(isinstance(support, Network), f"the exposure is on {support.unit_name}", "streets were needed")
    problems.raise_as(ModelError)
    assert isinstance(support, Network)
    check_same_streets(support, network)
    problems.check(
        support.lixel in (0.0, network.lixel),
        f"the exposure is on {support.unit_name}, the events on {network.unit_name}",
        "lixels of one length, or whole segments, were needed",
    )
    problems.raise_as(ModelError)
    per_metre: Floats = np.nan_to_num(exposure.total) / (1.0 if "/km" in exposure.measure else support.extent)
    return network.extent * (per_metre if support.lixel == network.lixel else per_metre[network.unit_segment])


def _check_among(placed: Placed, pool: Placed) -> None:
    both = np.concatenate([np.column_stack([part.link, part.place]) for part in (placed, pool)])
    place = np.unique(both, axis=0, return_inverse=True)[1].ravel()
    mine, others = (np.bincount(part, minlength=len(both)) for part in np.split(place, [len(placed.link)]))
    lone = int(np.maximum(mine - others, 0).sum())
    if lone:
        raise ModelError(
            f"{lone} events are not among those they are tested against",
            "with subset, every event must stand there too, at the same place",
            "leave subset out if the two are apart",
        )
