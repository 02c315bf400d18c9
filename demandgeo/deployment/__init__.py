"""Deployment: travel times, sites with a proof, grants, queues, and scored options."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from demandgeo.deployment.allocation import allocate as allocate
    from demandgeo.deployment.burdens import all_busy as all_busy
    from demandgeo.deployment.burdens import answered_time as answered_time
    from demandgeo.deployment.burdens import mean_wait as mean_wait
    from demandgeo.deployment.burdens import peak_utilisation as peak_utilisation
    from demandgeo.deployment.burdens import wait_share as wait_share
    from demandgeo.deployment.burdens import workload_cv as workload_cv
    from demandgeo.deployment.burdens import workload_gini as workload_gini
    from demandgeo.deployment.burdens import workload_ratio as workload_ratio
    from demandgeo.deployment.comparisons import time_changes as time_changes
    from demandgeo.deployment.criteria import backup_coverage as backup_coverage
    from demandgeo.deployment.criteria import coverage as coverage
    from demandgeo.deployment.criteria import expected_coverage as expected_coverage
    from demandgeo.deployment.criteria import gradual_coverage as gradual_coverage
    from demandgeo.deployment.criteria import mean_time as mean_time
    from demandgeo.deployment.criteria import median_time as median_time
    from demandgeo.deployment.criteria import p90_time as p90_time
    from demandgeo.deployment.criteria import p95_time as p95_time
    from demandgeo.deployment.criteria import priority_coverage as priority_coverage
    from demandgeo.deployment.criteria import unreached as unreached
    from demandgeo.deployment.districting import patrol_areas as patrol_areas
    from demandgeo.deployment.dosages import dosage_delivered as dosage_delivered
    from demandgeo.deployment.dosages import dosage_mismatch as dosage_mismatch
    from demandgeo.deployment.drawn import read_options as read_options
    from demandgeo.deployment.fairness import deprivation_gap as deprivation_gap
    from demandgeo.deployment.fairness import district_gap as district_gap
    from demandgeo.deployment.fairness import people_worse_off as people_worse_off
    from demandgeo.deployment.fairness import worst_district as worst_district
    from demandgeo.deployment.fairness import worst_fifth as worst_fifth
    from demandgeo.deployment.fronts import pareto_front as pareto_front
    from demandgeo.deployment.grants import read_grant as read_grant
    from demandgeo.deployment.hypercubes import hypercube as hypercube
    from demandgeo.deployment.location import locate as locate
    from demandgeo.deployment.matrices import read_cost_matrix as read_cost_matrix
    from demandgeo.deployment.patrols import dosage as dosage
    from demandgeo.deployment.patrols import shift_plan as shift_plan
    from demandgeo.deployment.people import read_residents as read_residents
    from demandgeo.deployment.people import residents_demand as residents_demand
    from demandgeo.deployment.performance import Performance as Performance
    from demandgeo.deployment.pointfiles import read_places as read_places
    from demandgeo.deployment.resources import bases_changed as bases_changed
    from demandgeo.deployment.resources import demand_reassigned as demand_reassigned
    from demandgeo.deployment.resources import officers as officers
    from demandgeo.deployment.resources import sites_cost as sites_cost
    from demandgeo.deployment.resources import total_cost as total_cost
    from demandgeo.deployment.scenarios import demand_scenarios as demand_scenarios
    from demandgeo.deployment.scores import score as score
    from demandgeo.deployment.shifts import shift_demand as shift_demand
    from demandgeo.deployment.travel import straight_line_times as straight_line_times
    from demandgeo.deployment.travel import travel_times as travel_times
    from demandgeo.deployment.waits import erlang_c as erlang_c

_HOMES = {
    "Performance": "performance",
    "all_busy": "burdens",
    "allocate": "allocation",
    "answered_time": "burdens",
    "backup_coverage": "criteria",
    "bases_changed": "resources",
    "coverage": "criteria",
    "demand_reassigned": "resources",
    "demand_scenarios": "scenarios",
    "deprivation_gap": "fairness",
    "district_gap": "fairness",
    "dosage": "patrols",
    "dosage_delivered": "dosages",
    "dosage_mismatch": "dosages",
    "erlang_c": "waits",
    "expected_coverage": "criteria",
    "gradual_coverage": "criteria",
    "hypercube": "hypercubes",
    "locate": "location",
    "mean_time": "criteria",
    "mean_wait": "burdens",
    "median_time": "criteria",
    "officers": "resources",
    "p90_time": "criteria",
    "p95_time": "criteria",
    "pareto_front": "fronts",
    "patrol_areas": "districting",
    "peak_utilisation": "burdens",
    "people_worse_off": "fairness",
    "priority_coverage": "criteria",
    "read_cost_matrix": "matrices",
    "read_grant": "grants",
    "read_options": "drawn",
    "read_places": "pointfiles",
    "read_residents": "people",
    "residents_demand": "people",
    "score": "scores",
    "shift_demand": "shifts",
    "shift_plan": "patrols",
    "sites_cost": "resources",
    "straight_line_times": "travel",
    "time_changes": "comparisons",
    "total_cost": "resources",
    "travel_times": "travel",
    "unreached": "criteria",
    "wait_share": "burdens",
    "workload_cv": "burdens",
    "workload_gini": "burdens",
    "workload_ratio": "burdens",
    "worst_district": "fairness",
    "worst_fifth": "fairness",
}

__all__ = [
    "Performance",
    "all_busy",
    "allocate",
    "answered_time",
    "backup_coverage",
    "bases_changed",
    "coverage",
    "demand_reassigned",
    "demand_scenarios",
    "deprivation_gap",
    "district_gap",
    "dosage",
    "dosage_delivered",
    "dosage_mismatch",
    "erlang_c",
    "expected_coverage",
    "gradual_coverage",
    "hypercube",
    "locate",
    "mean_time",
    "mean_wait",
    "median_time",
    "officers",
    "p90_time",
    "p95_time",
    "pareto_front",
    "patrol_areas",
    "peak_utilisation",
    "people_worse_off",
    "priority_coverage",
    "read_cost_matrix",
    "read_grant",
    "read_options",
    "read_places",
    "read_residents",
    "residents_demand",
    "score",
    "shift_demand",
    "shift_plan",
    "sites_cost",
    "straight_line_times",
    "time_changes",
    "total_cost",
    "travel_times",
    "unreached",
    "wait_share",
    "workload_cv",
    "workload_gini",
    "workload_ratio",
    "worst_district",
    "worst_fifth",
]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
