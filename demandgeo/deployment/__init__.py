"""Deployment: travel times, sites with a proof, grants, queues, and scored options."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from demandgeo.deployment.grants import allocate as allocate
    from demandgeo.deployment.grants import grant_2015_16 as grant_2015_16
    from demandgeo.deployment.location import locate as locate
    from demandgeo.deployment.matrices import read_cost_matrix as read_cost_matrix
    from demandgeo.deployment.pointfiles import read_places as read_places
    from demandgeo.deployment.travel import straight_line_times as straight_line_times
    from demandgeo.deployment.travel import travel_times as travel_times

_HOMES = {
    "allocate": "grants",
    "grant_2015_16": "grants",
    "locate": "location",
    "read_cost_matrix": "matrices",
    "read_places": "pointfiles",
    "straight_line_times": "travel",
    "travel_times": "travel",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
