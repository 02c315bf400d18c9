"""demandgeo: geospatial demand and priority areas for police and community-safety planning.

Rooms load when they are first touched, so that ``import demandgeo`` pulls in nothing heavy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from demandgeo import density, deployment, domain, errors, outputs, priority, roads, severity, sources, synthetic
    from demandgeo.runs import run

__version__ = "0.1.0"

_ROOMS = (
    "density",
    "deployment",
    "domain",
    "errors",
    "outputs",
    "priority",
    "roads",
    "severity",
    "sources",
    "synthetic",
)

__all__ = [
    "__version__",
    "density",
    "deployment",
    "domain",
    "errors",
    "outputs",
    "priority",
    "roads",
    "run",
    "severity",
    "sources",
    "synthetic",
]


def __getattr__(name: str) -> object:
    if name in _ROOMS:
        return importlib.import_module(f"demandgeo.{name}")
    if name == "run":
        from demandgeo.runs import run

        return run
    raise AttributeError(f"module 'demandgeo' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
