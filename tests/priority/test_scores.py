"""Scores: against worked values, slow twins and what must hold for any choice."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from demandgeo.domain import Grid
from demandgeo.priority import scores

seeds = st.integers(0, 2**32 - 1)
FOUR = np.array([6.0, 3.0, 1.0, 0.0])
EVEN = np.ones(4)


def drawn(seed, n=12):
    rng = np.random.default_rng(seed)
    demand = rng.integers(0, 5, n).astype(float)
    demand[0] += 1
    chosen = rng.random(n) < 0.4
    chosen[rng.integers(n)] = True
    return demand, rng.uniform(0.5, 3, n), chosen


def test_worked_values():
    chosen = np.array([False, True, False, False])
    assert scores.hit_rate(FOUR, chosen) == 0.3
    assert scores.accuracy(FOUR, EVEN, chosen) == pytest.approx(1.2)
    assert scores.accuracy(FOUR, EVEN, chosen, penalty=0.5) == pytest.approx(0.6)
    # The densest unit holds 6 in the same extent; half of it would hold as much.
    assert scores.capture_efficiency(FOUR, EVEN, chosen) == pytest.approx(0.5)
    assert scores.efficiency(FOUR, EVEN, chosen) == pytest.approx(0.5)
    assert scores.recapture(FOUR, np.array([2.0, 1.0, 1.0, 1.0]), chosen) == pytest.approx(0.2 / 0.3)


def test_gini_of_worked_values():
    # Mean absolute difference over twice the mean: pairs 3 5 6 2 3 1, each twice, over 16, over 2 x 2.5.
    assert scores.gini(FOUR) == pytest.approx(2 * 20 / 16 / 5)
    assert scores.gini(EVEN) == pytest.approx(0)
    # Two crimes on two of four places: as even as can be, though half of the places are empty.
    two = np.array([1.0, 1.0, 0.0, 0.0])
    assert scores.gini(two) == pytest.approx(0.5)
    assert scores.generalised_gini(two, 2) == pytest.approx(0)
    assert scores.generalised_gini(np.array([2.0, 0, 0, 0]), 2) == pytest.approx(0.5)
    assert scores.generalised_gini(FOUR, 10) == pytest.approx(scores.gini(FOUR))


@given(seeds)
def test_gini_is_the_mean_difference_of_any_two(seed):
    demand, extent, _ = drawn(seed)
    n = demand.size
    slow = sum(abs(a - b) for a in demand for b in demand) / (2 * n * demand.sum())
    assert scores.gini(demand) == pytest.approx(slow)
    density = demand / extent
    pairs = itertools.product(range(n), repeat=2)
    weighted = sum(extent[i] * extent[j] * abs(density[i] - density[j]) for i, j in pairs)
    assert scores.gini(demand, extent) == pytest.approx(weighted / (2 * extent.sum() * demand.sum()))


@given(seeds)
def test_the_lorenz_curve_rises_ever_steeper_from_0_to_1(seed):
    demand, extent, _ = drawn(seed)
    for curve in (scores.lorenz(demand), scores.lorenz(demand, extent)):
        assert curve.places[0] == curve.demand[0] == 0
        assert curve.places[-1] == pytest.approx(1)
        assert curve.demand[-1] == pytest.approx(1)
        assert (np.diff(np.diff(curve.demand) / np.diff(curve.places)) >= -1e-9).all()


@given(seeds)
def test_no_choice_beats_the_best(seed):
    demand, extent, chosen = drawn(seed)
    if not demand[chosen].any():
        return
    assert 0 < scores.efficiency(demand, extent, chosen) <= 1 + 1e-9
    assert 0 < scores.capture_efficiency(demand, extent, chosen) <= 1 + 1e-9
    # Among whole units, by trying them all: none holds more in as little.
    every = np.array(list(itertools.product([False, True], repeat=demand.size)))
    room = extent[chosen].sum()
    most = (every @ demand)[every @ extent <= room + 1e-9].max()
    assert scores.most_demand(demand, extent, room) >= most - 1e-9
    least = (every @ extent)[every @ demand >= demand[chosen].sum() - 1e-9].min()
    assert scores.least_extent(demand, extent, scores.hit_rate(demand, chosen)) <= least + 1e-9


@given(seeds, st.floats(0.1, 1))
def test_a_penalty_of_1_is_the_accuracy_and_less_rewards_smallness_less(seed, penalty):
    demand, extent, chosen = drawn(seed)
    share = extent[chosen].sum() / extent.sum()
    plain, softer = (scores.accuracy(demand, extent, chosen, penalty=p) for p in (1.0, penalty))
    assert softer == pytest.approx(plain * share ** (1 - penalty))


def test_clumpiness_of_worked_patterns():
    grid = Grid.covering((0, 0, 1000, 1000), cell=100, crs="EPSG:27700")
    touching = grid.neighbours()
    square, board = np.zeros((10, 10), bool), np.zeros((10, 10), bool)
    square[3:6, 3:6] = True
    board[1:9:2, 1:9:2] = True
    assert scores.clumpiness(grid, touching, square.ravel()) == pytest.approx(1)
    assert scores.clumpiness(grid, touching, board.ravel()) == pytest.approx(-1)
    # Two cells side by side: 2 like sides of 8, the least perimeter of two cells is 6; P = 2 / 100.
    pair = np.zeros((10, 10), bool)
    pair[4, 4:6] = True
    assert scores.clumpiness(grid, touching, pair.ravel()) == pytest.approx(1)
    # An L of three with one apart: 4 like of 16, least perimeter of four cells 8; G = 1/2, P = 4 / 100.
    bent = np.zeros((10, 10), bool)
    bent[[2, 2, 3, 7], [2, 3, 2, 7]] = True
    assert scores.clumpiness(grid, touching, bent.ravel()) == pytest.approx((0.5 - 0.04) / 0.96)
    assert np.isnan(scores.clumpiness(grid, touching, np.zeros(100, bool)))


def test_a_random_choice_has_a_clumpiness_of_about_0():
    grid, rng = Grid.covering((0, 0, 6000, 6000), cell=100, crs="EPSG:27700"), np.random.default_rng(1)
    touching = grid.neighbours()
    # The least perimeter that is taken off lifts it a little above 0, the less the more cells there are.
    scattered = [scores.clumpiness(grid, touching, rng.random(3600) < 0.3) for _ in range(50)]
    assert np.mean(scattered) == pytest.approx(0.01, abs=0.02)


def test_overlap_and_ranks():
    one, two = np.array([True, True, False, False]), np.array([True, False, True, False])
    assert scores.jaccard(one, two) == pytest.approx(1 / 3)
    assert scores.jaccard(one, two, np.array([4.0, 1.0, 1.0, 9.0])) == pytest.approx(4 / 6)
    assert scores.jaccard(one, one) == 1
    assert np.isnan(scores.jaccard(~one & one, one & ~one))
    assert scores.rank_stability(FOUR, FOUR[::-1].copy(), np.ones(4, bool)) == pytest.approx(-1)
    assert np.isnan(scores.rank_stability(FOUR, FOUR, one))
    assert np.isnan(scores.rank_stability(EVEN, FOUR, np.ones(4, bool)))
