"""Choosing sites: swaps, prices and cuts against naive twins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from demandgeo.kernels.siting import add_greedily, critical_ranks, raise_bound, swap_sites, write_cuts
from tests.kernels import reference_siting as twin


@st.composite
def problems(draw, *, infinite=False):
    """Costs [sites, points] with ties and zeros, at times a pair without a way; states; a size."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    sites, points = int(rng.integers(2, 8)), int(rng.integers(1, 12))
    cost = rng.integers(0, 6, (sites, points)) * rng.choice([0.5, 1.0, 7.25])
    if infinite:
        lost = rng.random(cost.shape) < 0.2
        lost[0] = False
        cost[lost] = np.inf
    state = rng.choice([0, 0, 0, 1, -1], sites)
    state[0] = 0
    must, usable = int((state == 1).sum()), int((state >= 0).sum())
    return cost, state, int(rng.integers(max(1, must), usable + 1)), rng


def sorted_costs(cost):
    order = np.argsort(cost.T, axis=1, kind="stable")
    return np.take_along_axis(np.ascontiguousarray(cost.T), order, axis=1), order.astype(np.int32)


@given(problems())
def test_greedy_addition_is_that_of_its_twin(problem):
    cost, state, size, _ = problem
    chosen = np.empty(size, np.int64)
    add_greedily(cost, state, chosen)
    assert twin.total(cost, chosen) == pytest.approx(twin.total(cost, twin.greedy(cost, state, size)))
    assert sorted(set(chosen.tolist())) == sorted(chosen.tolist())


@given(problems())
def test_swaps_end_where_no_swap_helps(problem):
    cost, state, size, rng = problem
    if size == 1:
        return
    start = np.array(rng.permutation([c.tolist() for c in twin.choices(state, size)])[0])
    chosen = np.empty(size, np.int64)
    reached = swap_sites(cost, state, start, chosen)
    assert reached == pytest.approx(twin.total(cost, chosen))
    assert twin.best_swap(cost, state, chosen.tolist()) >= reached - 1e-9 * max(1.0, reached)
    assert set(np.flatnonzero(state == 1)) <= set(chosen.tolist())
    assert not set(np.flatnonzero(state == -1)) & set(chosen.tolist())


@given(problems(infinite=True))
def test_prices_prove_a_bound_that_no_choice_passes_and_that_anyone_can_add_up(problem):
    cost, state, size, rng = problem
    ordered, site = sorted_costs(cost)
    points, sites = ordered.shape
    prices, reduced, openness = np.empty(points), np.empty(sites), np.empty(sites)
    best = twin.ranked(cost, state, size)[0][0]
    upper = best if np.isfinite(best) else 100.0
    start = ordered[:, 0] + rng.integers(0, 3, points)
    scale = np.ones(points)
    bound = raise_bound(ordered, site, state, size, scale, start, upper, 60, np.inf, prices, reduced, openness)
    assert bound <= best + 1e-9 * (1 + abs(best) if np.isfinite(best) else 1)
    assert bound == pytest.approx(twin.dual_bound(cost, state, size, prices))
    assert bound >= twin.dual_bound(cost, state, size, start) - 1e-9
    np.testing.assert_allclose(reduced, np.minimum(cost - prices, 0).sum(axis=1), atol=1e-9)
    assert ((openness >= 0) & (openness <= 1)).all()


@given(problems(infinite=True))
def test_cuts_are_the_most_violated_and_never_pass_the_cost_of_a_choice(problem):
    cost, state, size, rng = problem
    ordered, site = sorted_costs(cost)
    points, sites = ordered.shape
    opened = rng.random(sites) * rng.choice([0.3, 1.0])
    rank, value = np.empty(points, np.int64), np.empty(points)
    critical_ranks(ordered, site, opened, rank, value)
    for i in range(points):
        levels = cost[:, i][np.isfinite(cost[:, i])]
        if opened[np.isfinite(cost[:, i])].sum() >= 1:
            assert value[i] == pytest.approx(max(twin.cut_value(cost[:, i], opened, level) for level in levels))
    which = np.flatnonzero(rng.random(points) < 0.7)
    start, level = np.empty(which.size, np.int32), np.empty(which.size)
    column, coefficient = np.empty(points * (sites + 1), np.int32), np.empty(points * (sites + 1))
    filled = write_cuts(ordered, site, which, rank[which], start, column, coefficient, level)
    ends = np.r_[start, filled]
    for chosen in twin.choices(state, size):
        served = cost[chosen].min(axis=0)
        values = np.r_[np.isin(np.arange(sites), chosen).astype(float), served]
        for k, i in enumerate(which):
            row = slice(ends[k], ends[k + 1])
            if np.isfinite(served[i]):
                assert coefficient[row] @ values[column[row]] >= level[k] - 1e-9
