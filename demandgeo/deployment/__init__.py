"""Deployment: travel times, sites with a proof, grants, queues, and scored options."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from demandgeo.deployment.allocation import allocate as allocate
    from demandgeo.deployment.grants import read_grant as read_grant
    from demandgeo.deployment.hypercubes import hypercube as hypercube
    from demandgeo.deployment.patrols import dosage as dosage
    from demandgeo.deployment.patrols import shift_plan as shift_plan
    from demandgeo.deployment.waits import erlang_c as erlang_c

_HOMES = {
    "allocate": "allocation",
    "dosage": "patrols",
    "erlang_c": "waits",
    "hypercube": "hypercubes",
    "read_grant": "grants",
    "shift_plan": "patrols",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
