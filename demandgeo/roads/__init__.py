"""Roads: where people are killed or seriously injured on streets, and whether that is more than such streets suffer."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from demandgeo.roads.periods import compare_periods as compare_periods
    from demandgeo.roads.severities import weigh_ksi as weigh_ksi

_HOME = {
    "compare_periods": "periods",
    "weigh_ksi": "severities",
}

__all__ = ["compare_periods", "weigh_ksi"]


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(importlib.import_module(f"demandgeo.roads.{_HOME[name]}"), name)
    raise AttributeError(f"module 'demandgeo.roads' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
