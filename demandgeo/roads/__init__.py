"""Roads: where people are killed or seriously injured on streets, and whether that is more than such streets suffer."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from demandgeo.roads.backtests import backtest as backtest
    from demandgeo.roads.expected import empirical_bayes as empirical_bayes
    from demandgeo.roads.exposure import attach_traffic as attach_traffic
    from demandgeo.roads.intensity import density as density
    from demandgeo.roads.lengths import stretches as stretches
    from demandgeo.roads.merging import corridors as corridors
    from demandgeo.roads.periods import compare_periods as compare_periods
    from demandgeo.roads.severities import weigh_ksi as weigh_ksi
    from demandgeo.roads.significance import significant_streets as significant_streets
    from demandgeo.roads.snapping import snap as snap
    from demandgeo.roads.spreading import on_network as on_network
    from demandgeo.roads.thresholds import clusters as clusters
    from demandgeo.roads.treatments import before_after as before_after

_HOME = {
    "attach_traffic": "exposure",
    "backtest": "backtests",
    "before_after": "treatments",
    "clusters": "thresholds",
    "compare_periods": "periods",
    "corridors": "merging",
    "density": "intensity",
    "empirical_bayes": "expected",
    "on_network": "spreading",
    "significant_streets": "significance",
    "snap": "snapping",
    "stretches": "lengths",
    "weigh_ksi": "severities",
}

__all__ = [
    "attach_traffic",
    "backtest",
    "before_after",
    "clusters",
    "compare_periods",
    "corridors",
    "density",
    "empirical_bayes",
    "on_network",
    "significant_streets",
    "snap",
    "stretches",
    "weigh_ksi",
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
