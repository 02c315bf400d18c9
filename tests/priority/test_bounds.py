"""No bound is ever violated and there always is a plan: against every choice of a small grid."""

from __future__ import annotations

import numpy as np
import pytest

from demandgeo.priority import select
from demandgeo.priority.bounds import cherry_pick, moat_lagrangian
from demandgeo.priority.problem import Problem
from tests.kernels.reference import every_choice

INSTANCES = 300


def instance(rng):
    """Clustered, even or heavy-tailed demand on cells of equal or unequal extent."""
    values = (
        rng.poisson(rng.gamma(0.5, 6, (4, 4))) + np.eye(4),
        rng.poisson(5, (4, 4)) + 1,
        rng.gamma(0.2, 5, (4, 4)),
    )[rng.integers(3)]
    extent = np.full((4, 4), 1e4) if rng.random() < 0.5 else rng.uniform(1e3, 1e4, (4, 4))
    return values, extent, float(rng.choice([0.1, 0.25, 0.5, 0.75, 1.0])), int(rng.integers(1, 4))


def test_bounds_lie_below_the_optimum_and_plans_keep_the_rules(on_grid):
    chosen, number = every_choice(4, 4)
    rng = np.random.default_rng(20150401)
    over = []
    for _ in range(INSTANCES):
        values, extent, share, most = instance(rng)
        demand = on_grid(values, extent)
        held = chosen @ values.ravel() >= share * values.sum() * (1 - 1e-12)
        optimum = (chosen @ extent.ravel())[held & (number <= most)].min()
        problem = Problem.of(demand, demand_share=share, max_areas=most, contiguity="rook", within=None)
        assert cherry_pick(problem) <= optimum
        assert moat_lagrangian(problem) <= optimum
        plan = select(demand, demand_share=share, max_areas=most)
        used = extent.ravel()[plan.selected].sum()
        assert plan.demand_share >= share * (1 - 1e-9)
        assert len(plan.table) <= most
        assert plan.certificate.bound <= optimum <= used * (1 + 1e-12)
        assert plan.certificate.gap == pytest.approx(used / plan.certificate.bound - 1)
        over.append(used / optimum)
    # What the search reaches today; it may only get better.
    assert np.mean(np.array(over) < 1 + 1e-9) >= 0.8
    assert np.mean(over) <= 1.05


def test_where_the_densest_units_form_few_areas_the_plan_is_proved_to_be_near_the_best(on_grid):
    values = np.random.default_rng(2).integers(0, 3, (20, 20)).astype(float)
    for row, column in ((1, 2), (8, 12), (15, 4)):
        values[row : row + 4, column : column + 4] = 50
    plan = select(on_grid(values), demand_share=0.7, max_areas=3)
    assert plan.certificate.gap < 0.03


def test_the_moats_beat_the_cherry_pick_where_demand_is_scattered(on_grid):
    values = np.zeros((15, 15))
    values[::3, ::3] = 10
    problem = Problem.of(on_grid(values), demand_share=0.5, max_areas=2, contiguity="rook", within=None)
    assert cherry_pick(problem) == pytest.approx(12.5e4)
    assert moat_lagrangian(problem) > 15e4
