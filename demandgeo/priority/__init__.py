"""Priority areas: the least extent that holds a share of demand, how near to the best it is, and how it held up."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from demandgeo.priority.backtests import backtest as backtest
    from demandgeo.priority.concentrations import concentration as concentration
    from demandgeo.priority.dossiers import profile as profile
    from demandgeo.priority.frontiers import frontier as frontier
    from demandgeo.priority.histories import emerging as emerging
    from demandgeo.priority.local import getis_ord as getis_ord
    from demandgeo.priority.local import local_moran as local_moran
    from demandgeo.priority.memberships import membership as membership
    from demandgeo.priority.repeats import near_repeat as near_repeat
    from demandgeo.priority.rolling import rolling_backtest as rolling_backtest
    from demandgeo.priority.scanning import scan as scan
    from demandgeo.priority.selection import select as select
    from demandgeo.priority.tessellations import sensitivity as sensitivity
    from demandgeo.priority.verdicts import metrics as metrics
    from demandgeo.priority.verdicts import stability as stability

_HOME = {
    "backtest": "backtests",
    "concentration": "concentrations",
    "emerging": "histories",
    "frontier": "frontiers",
    "getis_ord": "local",
    "local_moran": "local",
    "membership": "memberships",
    "metrics": "verdicts",
    "near_repeat": "repeats",
    "profile": "dossiers",
    "rolling_backtest": "rolling",
    "scan": "scanning",
    "select": "selection",
    "sensitivity": "tessellations",
    "stability": "verdicts",
}

__all__ = [
    "backtest",
    "concentration",
    "emerging",
    "frontier",
    "getis_ord",
    "local_moran",
    "membership",
    "metrics",
    "near_repeat",
    "profile",
    "rolling_backtest",
    "scan",
    "select",
    "sensitivity",
    "stability",
]


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(importlib.import_module(f"demandgeo.priority.{_HOME[name]}"), name)
    raise AttributeError(f"module 'demandgeo.priority' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
