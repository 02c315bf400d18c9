"""From the outside world to domain types: every line of a file is used, or refused, or counted with its reason."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from demandgeo.sources.boundaries import read_boundaries as read_boundaries
    from demandgeo.sources.fetch import fetch_streets as fetch_streets
    from demandgeo.sources.incidents import read_incidents as read_incidents
    from demandgeo.sources.police_uk import read_police_uk as read_police_uk
    from demandgeo.sources.rasters import read_raster as read_raster
    from demandgeo.sources.stats19 import read_stats19 as read_stats19
    from demandgeo.sources.streets import read_streets as read_streets

_HOMES = {
    "fetch_streets": "fetch",
    "read_boundaries": "boundaries",
    "read_incidents": "incidents",
    "read_police_uk": "police_uk",
    "read_raster": "rasters",
    "read_stats19": "stats19",
    "read_streets": "streets",
}

__all__ = [
    "fetch_streets",
    "read_boundaries",
    "read_incidents",
    "read_police_uk",
    "read_raster",
    "read_stats19",
    "read_streets",
]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(importlib.import_module(f"demandgeo.sources.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'demandgeo.sources' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
