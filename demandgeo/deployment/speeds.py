"""How fast people and vehicles move along streets: assumptions, in one place, that a user can replace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from demandgeo.domain import Network
from demandgeo.domain.record import Floats
from demandgeo.errors import ModelError, Problems, did_you_mean

KM_H_OF_MPH = 1.609344
SECONDS_PER_METRE = 3.6
"""At 1 km/h."""

Profile = Literal["day", "night", "blue light", "foot"]

LIMITS_MPH: Mapping[str, float] = {
    "motorway": 70, "trunk": 60, "primary": 40, "secondary": 30, "tertiary": 30, "unclassified": 30, "residential": 30,
    "motorway_link": 50, "trunk_link": 40, "primary_link": 30, "secondary_link": 30, "tertiary_link": 30, "road": 30,
    "living_street": 20, "service": 15, "track": 15,
}  # fmt: skip
"""Limit where a street states none, by class of OpenStreetMap: the usual ones in built-up areas of Great Britain."""

OTHER_MPH = 30.0
"""Limit of a street of another class, or of none: that of a street with lamps."""

SHARE: Mapping[str, float] = {"day": 0.65, "night": 0.85, "blue light": 1.0}
"""Share of the limit that is driven from door to door, junctions and traffic included. Assumed, not measured."""

WALKING_KM_H = 4.8
NO_WALKING = ("motorway", "motorway_link")

STRAIGHT_KM_H: Mapping[str, float] = {"day": 30.0, "night": 40.0, "blue light": 50.0, "foot": WALKING_KM_H}
"""Mean speed along the way where there are no streets to say more. Assumed, not measured."""


def paces(net: Network, profile: str, speeds: Mapping[str, float] | None = None) -> Floats:
    """Return seconds per metre of each segment, from start to end and back, float64 [2, segments]; infinite: closed.

    Raises
    ------
    ModelError
        If the profile is not known, a speed is not positive, or a class of road is not known.
    """
    check_profile(profile)
    if profile == "foot":
        speed = np.full((2, len(net.start)), WALKING_KM_H)
        allowed = np.ones((2, len(net.start)), np.bool_)
        allowed[:, np.isin(net.highway.to_array().astype(str), NO_WALKING)] = False
    else:
        limit = np.stack([net.speed_forward, net.speed_backward])
        usual = _by_class(net, {name: mph * KM_H_OF_MPH for name, mph in LIMITS_MPH.items()}, OTHER_MPH * KM_H_OF_MPH)
        speed = SHARE[profile] * np.where(np.isnan(limit), usual, limit)
        allowed = np.stack([net.forward, net.backward])
    if speeds:
        _check_speeds(net, speeds)
        own = _by_class(net, speeds, np.nan)
        speed = np.where(np.isnan(own), speed, own)
    return np.where(allowed, SECONDS_PER_METRE / speed, np.inf)


def check_profile(profile: str) -> None:
    """Refuse a profile that is not known."""
    known = (*SHARE, "foot")
    if profile not in known:
        raise ModelError(f"the profile is {profile!r}", f"one of {', '.join(known)}", did_you_mean(profile, known))


def _by_class(net: Network, values: Mapping[str, float], other: float) -> Floats:
    of_name = np.array([*(values.get(name, other) for name in net.highway.names), other], np.float64)
    return of_name[net.highway.codes]  # a street without a class has the code -1: the last


def _check_speeds(net: Network, speeds: Mapping[str, float]) -> None:
    known, problems = {*LIMITS_MPH, *net.highway.names}, Problems()
    for name, speed in speeds.items():
        problems.check(name in known, f"speeds names the class {name!r}", "no street has it", did_you_mean(name, known))
        problems.check(
            0 < speed < np.inf,
            f"the speed of {name} is {speed}",
            "km/h > 0 were needed",
            "close a street with its data",
        )
    problems.raise_as(ModelError)
