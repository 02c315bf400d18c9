"""How fast each street is travelled, by profile."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, cast, get_args

import numpy as np

from demandgeo.domain import Network
from demandgeo.domain.record import Floats, Integers
from demandgeo.errors import ModelError, Problems, did_you_mean

Profile = Literal["day", "night", "blue light", "foot"]

LIMITS: Mapping[str, float] = MappingProxyType(
    {
        "motorway": 112.0,
        "trunk": 96.0,
        "primary": 64.0,
        "secondary": 56.0,
        "tertiary": 48.0,
        "residential": 48.0,
        "living_street": 32.0,
        "service": 24.0,
    }
)
"""km/h by class where a street states no limit, after British ones; a link road is of the class that it leads to."""

OTHER = 48.0
FACTORS: Mapping[str, float] = MappingProxyType({"day": 0.6, "night": 0.8, "blue light": 0.9})
"""Mean speed as a share of the limit. Assumptions, not measurements: give `factor` where you know better."""

WALKING = 4.8
NOT_ON_FOOT = ("motorway", "motorway_link")


def street_seconds(
    net: Network, profile: str, factor: float | None, limits: Mapping[str, float] | None
) -> tuple[Integers, Integers, Floats]:
    """Return tail and head junction and seconds of every directed street that the profile may use.

    Raises
    ------
    ModelError
        If the profile is not known, or a speed is not above 0.
    """
    problems, known = Problems(), get_args(Profile)
    problems.check(
        profile in known, f"profile is {profile!r}", f"one of {', '.join(known)}", did_you_mean(profile, known)
    )
    problems.check(factor is None or 0 < factor < np.inf, f"factor is {factor}", "a number above 0 was needed")
    for name, stated in (limits or {}).items():
        problems.check(0 < stated < np.inf, f"the limit of {name!r} is {stated}", "km/h above 0 were needed")
    problems.raise_as(ModelError)
    if profile == "foot":
        return _on_foot(net, factor or 1.0)
    travel = net.travel()
    limit = np.where(np.isnan(travel.speed), _class_limit(net, limits)[travel.segment], travel.speed)
    speed = limit * (FACTORS[profile] if factor is None else factor)
    return travel.tail, travel.head, net.length[travel.segment] / (speed / 3.6)


def _class_limit(net: Network, limits: Mapping[str, float] | None) -> Floats:
    known = {**LIMITS, **(limits or {})}
    per_class = np.array([known.get(name.removesuffix("_link"), OTHER) for name in (*net.highway.names, "")])
    return cast(Floats, per_class[net.highway.codes])


def _on_foot(net: Network, factor: float) -> tuple[Integers, Integers, Floats]:
    """Both directions of every street but motorways."""
    barred = np.array([name in NOT_ON_FOOT for name in (*net.highway.names, "")])[net.highway.codes]
    open_to = np.flatnonzero(~barred)
    seconds = net.length[open_to] / (WALKING * factor / 3.6)
    start, end = net.start[open_to], net.end[open_to]
    return np.concatenate([start, end]), np.concatenate([end, start]), np.concatenate([seconds, seconds])
