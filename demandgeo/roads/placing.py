"""Events on the links of a network that is cut into lixels: what every density on streets starts from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from demandgeo.domain import Balance, Events, Network, Snapped, Zones, check_same_crs
from demandgeo.domain.record import Floats, Integers, Mask
from demandgeo.errors import ModelError, Problems, did_you_mean
from demandgeo.kernels.profiles import Profile, line_support
from demandgeo.roads.links import Links
from demandgeo.roads.snapping import snap
from demandgeo.roads.waves import Pulses

KernelName = Literal["uniform", "epanechnikov", "quartic", "triweight", "gaussian"]
BandwidthKind = Literal["support", "sd"]

STEP, FINE_STEP = 5.0, 1.0
"""Metres per time step: of smooth kernels, and of those that end with a jump or a kink, whose error falls with the step
alone where that of the others falls with its square."""

STEPS, FINE_STEPS, GAUSSIAN_STEPS = 60, 300, 15
"""Least number of steps in a bandwidth: 6e-5 of the peak is the greatest error of the quartic at 60."""


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """Snapped events, the lixels and the links.

    Attributes
    ----------
    snapped, network, links
        Events on segments, the network in lixels, its links.
    rows
        int64 [placed]: the events that lie on a street.
    link, place
        int64, float64 [placed]: the link of each, and metres from its start.
    """

    snapped: Snapped
    network: Network
    links: Links
    rows: Integers
    link: Integers
    place: Floats

    @classmethod
    def of(cls, events: Events | Snapped, network: Network, *, lixel: float, max_distance: float) -> Placed:
        """Snap events, unless they are snapped, and cut the network."""
        if isinstance(events, Snapped):
            check_same_streets(events.network, network)
            snapped = events
        else:
            snapped = snap(events, network, max_distance=max_distance)
        cut = network.lixels(lixel)
        links, rows = Links.of(cut), np.flatnonzero(snapped.placed)
        link, place = links.place(cut, snapped.segment[rows], snapped.position[rows])
        return cls(snapped, cut, links, rows, link, place)

    @property
    def events(self) -> Events:
        """All events."""
        return self.snapped.events

    def pulses(self, layer: Integers | None = None, layers: int = 1, weight: Floats | None = None) -> Pulses:
        """Return the placed events as pulses; layer and weight are given for all events."""
        weight = self.events.weight if weight is None else weight
        return Pulses.of(self.link, self.place, weight[self.rows], None if layer is None else layer[self.rows], layers)

    def units(self, within: Mask | None = None) -> Integers:
        """Return the unit of each event, -1 where it has none (or lies outside the study area)."""
        unit = self.snapped.units(self.network)
        return unit if within is None else np.where((unit >= 0) & within[unit], unit, -1)

    def balance(self, unit: Integers) -> Balance:
        """Draw the balance of events on these units."""
        lost = np.flatnonzero(~self.snapped.placed & self.events.located)
        return Balance.of(self.events, unit, lost)


def check_same_streets(first: Network, second: Network) -> None:
    """Refuse events that were snapped to other streets."""
    check_same_crs(first.crs, second.crs, first_name="the snapped events", second_name="the street network")
    if not (np.array_equal(first.segment_ids, second.segment_ids) and np.array_equal(first.length, second.length)):
        raise ModelError(
            "the events were snapped to other streets", "the same network was needed", "snap them to this one"
        )


def units_within(network: Network, zones: Zones | None) -> Mask | None:
    """Return the units whose middle lies in the study area, bool [n]; None where there is none."""
    if zones is None:
        return None
    check_same_crs(zones.crs, network.crs, first_name="the study area", second_name="the street network")
    x, y = network.place(network.unit_segment, (network.unit_from + network.unit_to) / 2)
    inside = zones.locate(x, y) >= 0
    if not inside.any():
        raise ModelError("no street lies in the study area", "some were needed", "do both cover the same place?")
    return inside


def kernel_of(kernel: str, bandwidth: float, kind: str | None) -> tuple[Profile, float]:
    """Return the profile of a kernel, and its support in metres (of the Gaussian its standard deviation)."""
    profile = Profile[kernel.upper()]
    return profile, line_support(profile, bandwidth) if kind == "sd" else bandwidth


def step_of(profile: Profile, h: float, step: float | None) -> float:
    """Return the time step in metres: the given one, or the largest that is exact enough."""
    if step is not None:
        return float(step)
    if profile == Profile.GAUSSIAN:
        return min(STEP, h / GAUSSIAN_STEPS)
    return min(FINE_STEP, h / FINE_STEPS) if profile <= Profile.EPANECHNIKOV else min(STEP, h / STEPS)


def check_kernel(
    problems: Problems, *, kernel: str, bandwidth: float, bandwidth_kind: str | None, lixel: float, step: float | None
) -> None:
    """Note what is wrong with a kernel, its bandwidth, the lixels and the step."""
    for name, value in (("bandwidth", bandwidth), ("lixel", lixel), *((("step", step),) if step is not None else ())):
        problems.check(np.isfinite(value) and value > 0, f"the {name} is {value}", "a number of metres > 0 was needed")
    known = get_args(KernelName)
    problems.check(kernel in known, f"kernel is {kernel!r}", f"one of {', '.join(known)}", did_you_mean(kernel, known))
    kinds = (*get_args(BandwidthKind), None)
    problems.check(bandwidth_kind in kinds, f"bandwidth_kind is {bandwidth_kind!r}", '"support" or "sd" was needed')
    problems.check(
        kernel != "gaussian" or bandwidth_kind != "support",
        "the Gaussian has no support that ends",
        "its standard deviation was needed",
        'give bandwidth_kind="sd"',
    )
    problems.check(
        not 0 < bandwidth < lixel < np.inf,
        f"the bandwidth is {bandwidth:g} m, a lixel {lixel:g} m",
        "a bandwidth of at least a lixel was needed",
        "it is in metres: 300 m is usual",
    )
    problems.check(
        step is None or not 0 < bandwidth / 4 < step < np.inf,
        f"the step is {step} m, the bandwidth {bandwidth:g} m",
        "a step of at most a quarter of it was needed",
    )
