"""Demand on a support: counts, surfaces and headline measures."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from demandgeo.density.adaptive import adaptive_surface as adaptive_surface
    from demandgeo.density.bandwidths import choose_bandwidth as choose_bandwidth
    from demandgeo.density.bandwidths import predictive_bandwidth as predictive_bandwidth
    from demandgeo.density.counts import count as count
    from demandgeo.density.grids import grid as grid
    from demandgeo.density.headlines import headline as headline
    from demandgeo.density.peaks import highest_density_regions as highest_density_regions
    from demandgeo.density.peaks import significant_peaks as significant_peaks
    from demandgeo.density.regridding import regrid as regrid
    from demandgeo.density.risk import relative_risk as relative_risk
    from demandgeo.density.spacetime import spacetime_surface as spacetime_surface
    from demandgeo.density.surfaces import surface as surface
    from demandgeo.density.tiles import surface_tiles as surface_tiles

_HOME = {
    "adaptive_surface": "adaptive",
    "choose_bandwidth": "bandwidths",
    "count": "counts",
    "grid": "grids",
    "headline": "headlines",
    "highest_density_regions": "peaks",
    "predictive_bandwidth": "bandwidths",
    "regrid": "regridding",
    "relative_risk": "risk",
    "significant_peaks": "peaks",
    "spacetime_surface": "spacetime",
    "surface": "surfaces",
    "surface_tiles": "tiles",
}

__all__ = [
    "adaptive_surface",
    "choose_bandwidth",
    "count",
    "grid",
    "headline",
    "highest_density_regions",
    "predictive_bandwidth",
    "regrid",
    "relative_risk",
    "significant_peaks",
    "spacetime_surface",
    "surface",
    "surface_tiles",
]


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(importlib.import_module(f"demandgeo.density.{_HOME[name]}"), name)
    raise AttributeError(f"module 'demandgeo.density' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
