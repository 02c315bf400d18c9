"""Roads: where people are killed or seriously injured on streets, and whether that is more than such streets suffer."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from demandgeo.roads.adaptive import adaptive_density as adaptive_density
    from demandgeo.roads.backtests import backtest as backtest
    from demandgeo.roads.bandwidths import choose_bandwidth as choose_bandwidth
    from demandgeo.roads.clustering import k_function as k_function
    from demandgeo.roads.expected import empirical_bayes as empirical_bayes
    from demandgeo.roads.exposure import attach_traffic as attach_traffic
    from demandgeo.roads.intensity import density as density
    from demandgeo.roads.lengths import stretches as stretches
    from demandgeo.roads.merging import corridors as corridors
    from demandgeo.roads.periods import compare_periods as compare_periods
    from demandgeo.roads.scanning import scan_streets as scan_streets
    from demandgeo.roads.severities import weigh_ksi as weigh_ksi
    from demandgeo.roads.significance import significant_streets as significant_streets
    from demandgeo.roads.snapping import snap as snap
    from demandgeo.roads.spacetime import spacetime_density as spacetime_density
    from demandgeo.roads.spreading import on_network as on_network
    from demandgeo.roads.thresholds import clusters as clusters
    from demandgeo.roads.treatments import before_after as before_after

_HOME = {
    "adaptive_density": "adaptive",
    "attach_traffic": "exposure",
    "backtest": "backtests",
    "before_after": "treatments",
    "choose_bandwidth": "bandwidths",
    "clusters": "thresholds",
    "compare_periods": "periods",
    "corridors": "merging",
    "density": "intensity",
    "empirical_bayes": "expected",
    "k_function": "clustering",
    "on_network": "spreading",
    "scan_streets": "scanning",
    "significant_streets": "significance",
    "snap": "snapping",
    "spacetime_density": "spacetime",
    "stretches": "lengths",
    "weigh_ksi": "severities",
}

__all__ = [
    "adaptive_density",
    "attach_traffic",
    "backtest",
    "before_after",
    "choose_bandwidth",
    "clusters",
    "compare_periods",
    "corridors",
    "density",
    "empirical_bayes",
    "k_function",
    "on_network",
    "scan_streets",
    "significant_streets",
    "snap",
    "spacetime_density",
    "stretches",
    "weigh_ksi",
]


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(importlib.import_module(f"demandgeo.roads.{_HOME[name]}"), name)
    raise AttributeError(f"module 'demandgeo.roads' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
