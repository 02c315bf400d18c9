"""Priority areas: the least extent that holds a share of demand, how near to the best it is, and how it held up."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from demandgeo.priority.backtests import backtest as backtest
    from demandgeo.priority.frontiers import frontier as frontier
    from demandgeo.priority.selection import select as select

_HOME = {"backtest": "backtests", "frontier": "frontiers", "select": "selection"}

__all__ = ["backtest", "frontier", "select"]


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(importlib.import_module(f"demandgeo.priority.{_HOME[name]}"), name)
    raise AttributeError(f"module 'demandgeo.priority' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
