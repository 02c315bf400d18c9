"""Deployment: travel times, sites with a proof, grants, queues, and scored options."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from demandgeo.deployment.allocation import allocate as allocate
    from demandgeo.deployment.criteria import Performance as Performance
    from demandgeo.deployment.criteria import backup_coverage as backup_coverage
    from demandgeo.deployment.criteria import coverage as coverage
    from demandgeo.deployment.criteria import district_gap as district_gap
    from demandgeo.deployment.criteria import expected_coverage as expected_coverage
    from demandgeo.deployment.criteria import mean_time as mean_time
    from demandgeo.deployment.criteria import median_time as median_time
    from demandgeo.deployment.criteria import p90_time as p90_time
    from demandgeo.deployment.criteria import p95_time as p95_time
    from demandgeo.deployment.criteria import sites_cost as sites_cost
    from demandgeo.deployment.criteria import unreached as unreached
    from demandgeo.deployment.criteria import workload_gini as workload_gini
    from demandgeo.deployment.districting import patrol_areas as patrol_areas
    from demandgeo.deployment.drawn import read_options as read_options
    from demandgeo.deployment.grants import read_grant as read_grant
    from demandgeo.deployment.hypercubes import hypercube as hypercube
    from demandgeo.deployment.location import locate as locate
    from demandgeo.deployment.matrices import read_cost_matrix as read_cost_matrix
    from demandgeo.deployment.patrols import dosage as dosage
    from demandgeo.deployment.patrols import shift_plan as shift_plan
    from demandgeo.deployment.pointfiles import read_places as read_places
    from demandgeo.deployment.scores import demand_scenarios as demand_scenarios
    from demandgeo.deployment.scores import score as score
    from demandgeo.deployment.travel import straight_line_times as straight_line_times
    from demandgeo.deployment.travel import travel_times as travel_times
    from demandgeo.deployment.waits import erlang_c as erlang_c

_HOMES = {
    "Performance": "criteria",
    "allocate": "allocation",
    "backup_coverage": "criteria",
    "coverage": "criteria",
    "demand_scenarios": "scores",
    "district_gap": "criteria",
    "dosage": "patrols",
    "erlang_c": "waits",
    "expected_coverage": "criteria",
    "hypercube": "hypercubes",
    "locate": "location",
    "mean_time": "criteria",
    "median_time": "criteria",
    "p90_time": "criteria",
    "p95_time": "criteria",
    "patrol_areas": "districting",
    "read_cost_matrix": "matrices",
    "read_grant": "grants",
    "read_options": "drawn",
    "read_places": "pointfiles",
    "score": "scores",
    "shift_plan": "patrols",
    "sites_cost": "criteria",
    "straight_line_times": "travel",
    "travel_times": "travel",
    "unreached": "criteria",
    "workload_gini": "criteria",
}

__all__ = [
    "Performance",
    "allocate",
    "backup_coverage",
    "coverage",
    "demand_scenarios",
    "district_gap",
    "dosage",
    "erlang_c",
    "expected_coverage",
    "hypercube",
    "locate",
    "mean_time",
    "median_time",
    "p90_time",
    "p95_time",
    "patrol_areas",
    "read_cost_matrix",
    "read_grant",
    "read_options",
    "read_places",
    "score",
    "shift_plan",
    "sites_cost",
    "straight_line_times",
    "travel_times",
    "unreached",
    "workload_gini",
]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
