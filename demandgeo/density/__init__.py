"""Demand on a support: counts, surfaces and headline measures."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from demandgeo.density.counts import count as count
    from demandgeo.density.grids import grid as grid
    from demandgeo.density.headlines import headline as headline
    from demandgeo.density.surfaces import surface as surface

_HOME = {"count": "counts", "grid": "grids", "headline": "headlines", "surface": "surfaces"}

__all__ = ["count", "grid", "headline", "surface"]


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(importlib.import_module(f"demandgeo.density.{_HOME[name]}"), name)
    raise AttributeError(f"module 'demandgeo.density' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
