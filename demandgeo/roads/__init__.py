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
    "snap",
    "stretches",
    "weigh_ksi",
]


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(importlib.import_module(f"demandgeo.roads.{_HOME[name]}"), name)
    raise AttributeError(f"module 'demandgeo.roads' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
