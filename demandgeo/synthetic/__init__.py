"""A made city whose truth is known: for documentation, tests, notebooks and benchmarks. Nothing in it is real."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from demandgeo.synthetic.city import City as City
    from demandgeo.synthetic.city import make_city as make_city
    from demandgeo.synthetic.collisions import Collisions as Collisions
    from demandgeo.synthetic.estate import Estate as Estate
    from demandgeo.synthetic.faults import Fault as Fault
    from demandgeo.synthetic.readers import read_casualties as read_casualties
    from demandgeo.synthetic.readers import read_crimes as read_crimes
    from demandgeo.synthetic.readers import read_residents as read_residents
    from demandgeo.synthetic.readers import read_sites as read_sites
    from demandgeo.synthetic.readers import read_streets as read_streets
    from demandgeo.synthetic.readers import read_zones as read_zones
    from demandgeo.synthetic.streets import perturbed_grid as perturbed_grid
    from demandgeo.synthetic.truth import CATEGORIES as CATEGORIES
    from demandgeo.synthetic.truth import PERIODS as PERIODS
    from demandgeo.synthetic.truth import ChangedArea as ChangedArea
    from demandgeo.synthetic.truth import NearRepeat as NearRepeat

_HOMES = {
    "CATEGORIES": "truth",
    "PERIODS": "truth",
    "ChangedArea": "truth",
    "City": "city",
    "Collisions": "collisions",
    "Estate": "estate",
    "Fault": "faults",
    "NearRepeat": "truth",
    "make_city": "city",
    "perturbed_grid": "streets",
    "read_casualties": "readers",
    "read_crimes": "readers",
    "read_residents": "readers",
    "read_sites": "readers",
    "read_streets": "readers",
    "read_zones": "readers",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
