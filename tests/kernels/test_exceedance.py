"""Draws under the null hypotheses and what is counted of them: against slow twins, and against their distributions."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from demandgeo.domain import Grid
from demandgeo.kernels.chance import fill_uniform
from demandgeo.kernels.exceedance import BLOCK_ROWS, count_exceedances, draw_places, draw_subset, sum_powers
from demandgeo.kernels.planar import sort_by_row
from tests.kernels import reference
from tests.kernels.threads import assert_same_bytes

JIT = not numba.config.DISABLE_JIT
LOCATIONS = 5
needs_jit = pytest.mark.skipif(not JIT, reason="NUMBA_DISABLE_JIT is set: nothing is compiled")


def uniforms(seed, unit, draws):
    out = np.empty((1, draws))
    fill_uniform(seed, unit, out)
    return out[0]


def subset(seed, replicate, taken, member, weight):
    out = np.full(LOCATIONS, np.nan)
    draw_subset(seed, replicate, taken, member, weight, out)
    return out


def places(seed, replicate, cumulative, draws):
    out = np.empty(draws, np.int64)
    draw_places(seed, replicate, cumulative, out)
    return out


@given(st.integers(0, 2**62), st.integers(0, 1000), st.integers(1, 60), st.data())
def test_a_subset_takes_exactly_as_many_and_those_of_its_numbers(seed, replicate, n, data):
    taken = data.draw(st.integers(0, n))
    member = np.sort(np.random.default_rng(n).integers(5, size=n)).astype(np.int32)
    weight = np.arange(1.0, n + 1)
    chosen = reference.random_subset(uniforms(seed, replicate, n), taken)
    assert len(chosen) == taken
    expected = np.bincount(member[chosen], weight[chosen], minlength=LOCATIONS)
    assert subset(seed, replicate, taken, member, weight).tolist() == expected.tolist()


@given(st.integers(0, 2**62), st.integers(0, 1000), st.integers(1, 40))
def test_places_are_those_of_the_sorted_numbers_and_each_has_exposure(seed, replicate, draws):
    exposure = np.random.default_rng(draws).gamma(0.3, 1, 20) + 1e-9
    got = places(seed, replicate, np.cumsum(exposure), draws)
    assert got.tolist() == reference.random_places(uniforms(seed, replicate, draws + 1), np.cumsum(exposure)).tolist()


@needs_jit
def test_subsets_are_hypergeometric():
    sizes = np.array([30, 10, 5, 55])
    member = np.repeat(np.arange(4), sizes).astype(np.int32)
    drawn = np.array([subset(7, r, 40, member, np.ones(100)) for r in range(20_000)])
    for location, size in enumerate(sizes):
        chance = stats.hypergeom(100, size, 40)
        assert drawn[:, location].mean() == pytest.approx(chance.mean(), abs=4 * chance.std() / np.sqrt(20_000))
        assert drawn[:, location].var() == pytest.approx(chance.var(), rel=0.05)
    tally = np.bincount(drawn[:, 2].astype(int), minlength=6)
    assert stats.chisquare(tally, 20_000 * stats.hypergeom(100, 5, 40).pmf(np.arange(6))).pvalue > 1e-3


@needs_jit
def test_places_are_multinomial():
    exposure = np.array([0.1, 2.0, 0.4, 5.0, 2.5])
    drawn = np.array([np.bincount(places(3, r, np.cumsum(exposure), 50), minlength=5) for r in range(10_000)])
    assert stats.chisquare(drawn.sum(axis=0), 500_000 * exposure / exposure.sum()).pvalue > 1e-3
    chance = stats.binom(50, 0.5)
    assert drawn[:, 3].var() == pytest.approx(chance.var(), rel=0.05)
    assert np.corrcoef(drawn[:-1, 3], drawn[1:, 3])[0, 1] == pytest.approx(0, abs=0.04)


@pytest.mark.parametrize("power", [0, 1, 2, 4, 6])
def test_powers_are_exact(power):
    grid = Grid.covering((430_000, 420_000, 432_000, 421_500), cell=(40, 30), crs="EPSG:27700")
    rng = np.random.default_rng(power)
    n = 30 if JIT else 8
    x, y, weight = rng.uniform(429_700, 432_300, n), rng.uniform(419_700, 421_800, n), rng.gamma(1, 5, n)
    order, start = np.empty(n, np.int64), np.empty(grid.shape[0] + 3, np.int64)
    sort_by_row(y, grid.y0, grid.dy, order, start)
    out = np.full(grid.shape, np.nan)
    geometry = (grid.x0, grid.y0, grid.dx, grid.dy)
    sum_powers(x[order], y[order], weight[order], start, *geometry, 400.0, power, out)
    expected, reached = reference.intensity(x, y, weight, grid, bandwidth=400.0, power=power)
    expected *= np.pi * 400.0**2 / (power + 1)
    assert np.abs(out - expected).max() <= 1e-13 * expected.max()
    assert (out[reached == 0] == 0).all()


@pytest.mark.parametrize("rows", [1, BLOCK_ROWS, 2 * BLOCK_ROWS + 3])
def test_exceedances_are_counted_where_the_surface_is_as_high_and_added_up(rows):
    rng = np.random.default_rng(rows)
    surface, lowest = rng.integers(0, 4, (2, rows, 9)).astype(float)
    mean, inverse_sd = rng.uniform(0, 3, (2, rows, 9))
    counts, highest = np.full((rows, 9), 5, np.int32), np.empty(-(-rows // BLOCK_ROWS))
    count_exceedances(surface, lowest, mean, inverse_sd, counts, highest)
    expected, scores = reference.exceedances(surface, lowest, mean, inverse_sd, BLOCK_ROWS)
    assert (counts == 5 + expected).all()
    assert highest.tolist() == scores


@needs_jit
def test_one_specialisation_serves_every_caller():
    for kernel in (draw_subset, draw_places, sum_powers, count_exceedances):
        assert len(kernel.signatures) <= 1, kernel.__name__


THREADS = """
from demandgeo.density import significant_peaks, spacetime_surface
from demandgeo.domain import Events, Grid

rng = np.random.default_rng(5)
grid = Grid.covering((0, 0, 8000, 8000), cell=40, crs="EPSG:27700")
x, y = rng.uniform(0, 8000, (2, 3000)).round(-1)
time = np.datetime64("2018-01-01", "s") + rng.integers(0, 86400 * 60, 3000)
events = Events.at(x, y, crs="EPSG:27700", time=time)
first = np.arange(3000) < 1200

def made():
    peaks = significant_peaks(events.where(first), grid, events.where(~first), bandwidth=900.0, replicates=39)
    weeks = spacetime_surface(events, grid, time_bandwidth_days=14, every_days=7)
    yield (peaks.content_hash() + weeks.content_hash()).encode()
"""


@pytest.mark.threads
@needs_jit
@pytest.mark.parametrize("layer", ["workqueue", "omp"])
def test_one_and_two_threads_give_the_same_bytes(layer, tmp_path):
    assert_same_bytes(layer, tmp_path, THREADS)
