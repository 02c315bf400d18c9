"""Records that answer a planner's question: made by the rooms from drawn inputs, as their rules leave few others."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from demandgeo.density import count
from demandgeo.deployment import (
    allocate,
    demand_scenarios,
    hypercube,
    locate,
    pareto_front,
    patrol_areas,
    score,
    shift_plan,
    time_changes,
)
from demandgeo.domain import CostMatrix, Demand, Events, Grid, Option, Options, Points, Table
from demandgeo.domain.options import BASE_COLUMNS
from demandgeo.priority import frontier

seeds = st.integers(0, 2**32 - 1)
CRS = "EPSG:27700"
GRID = Grid.covering((0, 0, 400, 200), cell=100, crs=CRS)


def demand(seed: int) -> Demand:
    x, y = np.random.default_rng(seed).uniform(0, [[400], [200]], (2, 12))
    return count(Events.at(x, y, crs=CRS), GRID)


def points(seed: int) -> Points:
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0, 5000, (2, 3)).round(1)
    return Points(("a", "b é", "c"), x, y, CRS, pd.DataFrame({"district": ["x", "x", "y"]}))


def times(seed: int, shape: tuple[int, int] = (3, 8)) -> CostMatrix:
    return CostMatrix.of(np.random.default_rng(seed).uniform(0, 900, shape))


def grant(seed: int):
    need = pd.DataFrame({"district": ["x", "y"], "population": np.random.default_rng(seed).integers(1, 99, 2)})
    return allocate((Table("need", need),), weights={"population": 1.0}, total=1_000)


def teams(seed: int):
    calls = pd.DataFrame({"calls_per_hour": np.random.default_rng(seed).uniform(0.1, 1.0, 2)})
    return hypercube(times(seed, (2, 2)), Table("calls", calls), minutes_per_call=30.0)


def scorecard(seed: int):
    options = Options.of({"now": ["0"], "two": ["1", "2"]}, status_quo="now")
    scenarios = demand_scenarios(demand(seed), draws=3, seed=1)
    return score(options, demand(seed), times(seed), scenarios=scenarios, criteria=["mean_time"])


def drawn():
    shifts = {"day": ("07:00", "19:00"), "night": ("19:00", "07:00")}
    teams = {"a": {"day": 2, "night": 1}, "b": {"": 1}}
    options = (
        Option("now", ("a",)),
        Option("east", ("a", "b"), {}, teams, 2.0, {"x": "b"}, {"officers": 2, "visits": {"park": 3}}),
    )
    return Options(options, "now", shifts, pd.DataFrame([("a", "fixed", 5.0)], columns=list(BASE_COLUMNS)))


def changes(seed: int):
    return time_changes(scorecard(seed), demand(seed), times(seed))


def pareto(seed: int):
    options = Options.of({"now": ["0"], "two": ["1", "2"]}, status_quo="now") if seed % 3 else None
    return pareto_front(demand(seed), times(seed), options, points=3)


ANSWERS = {
    "Allocation": seeds.map(grant),
    "CostMatrix": seeds.map(times),
    "Dispatch": seeds.map(teams),
    "Frontier": seeds.map(lambda seed: frontier(demand(seed), demand_shares=(0.5,), max_areas=(1, 2))),
    "Location": seeds.map(lambda seed: locate(times(seed), demand(seed), p=2)),
    "Option": st.just(Option("searched", (), {"p": 2, "model": "p-median"}, {"": {"late": 2}}, 2.0)),
    "Options": st.just(drawn()),
    "ParetoFront": seeds.map(pareto),
    "PatrolAreas": seeds.map(lambda seed: patrol_areas(demand(seed), times(seed, (2, 8)), balance=1.0)),
    "Points": seeds.map(points),
    "Scenarios": seeds.map(lambda seed: demand_scenarios(demand(seed), demand(seed + 1), draws=3, seed=2)),
    "Scorecard": seeds.map(scorecard),
    "TimeChanges": seeds.map(changes),
    "ShiftPlan": seeds.map(lambda seed: shift_plan(points(seed))),
}
