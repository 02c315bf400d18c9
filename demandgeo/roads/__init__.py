"""Streets: where on them events gather, and which places stand out."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from demandgeo.roads.adaptive import adaptive_density as adaptive_density
    from demandgeo.roads.bandwidths import choose_bandwidth as choose_bandwidth
    from demandgeo.roads.clustering import k_function as k_function
    from demandgeo.roads.intensity import density as density
    from demandgeo.roads.scanning import scan_streets as scan_streets
    from demandgeo.roads.significance import significant_streets as significant_streets
    from demandgeo.roads.snapping import snap as snap
    from demandgeo.roads.spacetime import spacetime_density as spacetime_density

_HOME = {
    "adaptive_density": "adaptive",
    "choose_bandwidth": "bandwidths",
    "density": "intensity",
    "k_function": "clustering",
    "scan_streets": "scanning",
    "significant_streets": "significance",
    "snap": "snapping",
    "spacetime_density": "spacetime",
}

__all__ = [
    "adaptive_density",
    "choose_bandwidth",
    "density",
    "k_function",
    "scan_streets",
    "significant_streets",
    "snap",
    "spacetime_density",
]


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(importlib.import_module(f"demandgeo.roads.{_HOME[name]}"), name)
    raise AttributeError(f"module 'demandgeo.roads' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
