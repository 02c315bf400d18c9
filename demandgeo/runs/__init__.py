"""From a YAML file to a result folder: config, plan, runner, manifest."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from demandgeo.runs.batches import run_scenarios as run_scenarios
    from demandgeo.runs.config import read_config as read_config
    from demandgeo.runs.manifest import verify as verify
    from demandgeo.runs.plans import make_plan as make_plan
    from demandgeo.runs.results import Result as Result
    from demandgeo.runs.runner import run as run
    from demandgeo.runs.schemas import schema as schema

_HOME = {
    "Result": "results",
    "make_plan": "plans",
    "read_config": "config",
    "run": "runner",
    "run_scenarios": "batches",
    "schema": "schemas",
    "verify": "manifest",
}

__all__ = ["Result", "make_plan", "read_config", "run", "run_scenarios", "schema", "verify"]


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(f"demandgeo.runs.{_HOME[name]}"), name)
    raise AttributeError(f"module 'demandgeo.runs' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
