"""Draws: against slow twins on the same numbers, and against the distributions they stand for."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from demandgeo.kernels.chance import fill_uniform
from demandgeo.kernels.draws import draw_gammas, draw_mixtures, draw_poissons, throw_events
from tests.kernels import reference_draws as reference
from tests.kernels.threads import assert_same_bytes

JIT = not numba.config.DISABLE_JIT
MANY = 100_000
needs_jit = pytest.mark.skipif(not JIT, reason="NUMBA_DISABLE_JIT is set: nothing is compiled")
seeds = st.integers(-(2**62), 2**62)
draws = st.integers(0, 1000)


def numbers(seed, draw, n):
    out = np.empty((1, n))
    fill_uniform(seed, draw, out)
    return out[0]


def gammas(seed, draw, shape, scale=1.0):
    shape = np.atleast_1d(np.asarray(shape, float))
    out = np.full(shape.size, np.nan)
    draw_gammas(seed, draw, shape, np.full(shape.size, scale), out)
    return out


def poissons(seed, draw, mean):
    mean = np.atleast_1d(np.asarray(mean, float))
    out = np.full(mean.size, np.nan)
    draw_poissons(seed, draw, mean, out)
    return out


@given(seeds, draws, st.lists(st.floats(0.05, 500), min_size=1, max_size=5))
def test_gammas_are_those_of_their_numbers(seed, draw, shape):
    row = numbers(seed, draw, 64 * len(shape))
    expected = [reference.gamma(row[64 * i : 64 * i + 64], a) for i, a in enumerate(shape)]
    assert gammas(seed, draw, shape) == pytest.approx(expected, rel=1e-12, abs=1e-300)


@given(seeds, draws, st.lists(st.floats(0, 9.9), min_size=1, max_size=5))
def test_small_poisson_counts_are_those_of_their_numbers(seed, draw, mean):
    row = numbers(seed, draw, 64 * len(mean))
    assert poissons(seed, draw, mean).tolist() == [reference.small_poisson(row[64 * i], m) for i, m in enumerate(mean)]


@given(seeds, draws, st.integers(0, 30), st.floats(0.1, 20), st.integers(0, 2**32 - 1))
def test_mixtures_are_those_of_their_numbers(seed, draw, count, mean, choice):
    factor = np.array([0.25, 1.0, 4.0])
    chance = np.random.default_rng(choice).dirichlet(np.ones(3), 2).astype(np.float32)
    out = np.full(2, np.nan)
    draw_mixtures(seed, draw, chance, 4.0, factor, np.full(2, float(count)), np.full(2, mean), out)
    row = numbers(seed, draw, 128)
    expected = [
        reference.mixture(row[64 * i : 64 * i + 64], chance[i], factor, shape=4.0, count=count, mean=mean)
        for i in range(2)
    ]
    assert out == pytest.approx(expected, rel=1e-12)


@given(seeds, draws, st.integers(1, 40), st.integers(1, 9))
def test_events_are_thrown_where_their_numbers_fall(seed, draw, events, places):
    rng = np.random.default_rng(events)
    size, weight = rng.gamma(0.5, 1, places) + 1e-9, rng.integers(1, 5, events).astype(float)
    out = np.full(places, np.nan)
    throw_events(seed, draw, np.cumsum(size), weight, out)
    assert out.tolist() == reference.thrown(numbers(seed, draw, events), size, weight).tolist()


def test_nothing_comes_of_nothing():
    assert gammas(1, 1, [0.0, 2.0], scale=0.0).tolist() == [0.0, 0.0]
    assert poissons(1, 1, [0.0, 0.0]).tolist() == [0.0, 0.0]
    out = np.full(1, np.nan)
    draw_mixtures(1, 1, np.zeros((1, 2), np.float32), 4.0, np.ones(2), np.zeros(1), np.zeros(1), out)
    assert out.tolist() == [0.0]


@needs_jit
@pytest.mark.parametrize("shape", [0.05, 0.9, 1.0, 3.7, 300.0])
def test_gammas_are_gamma(shape):
    assert stats.kstest(gammas(5, 1, np.full(MANY, shape), 2.0), stats.gamma(shape, scale=2.0).cdf).pvalue > 1e-3


@needs_jit
@pytest.mark.parametrize("mean", [0.7, 9.99, 10.0, 31.4, 1e4])
def test_counts_are_poisson(mean):
    drawn = poissons(5, 1, np.full(MANY, mean))
    chance = stats.poisson(mean)
    edges = np.unique(chance.ppf(np.linspace(0.002, 0.998, 30)))
    expected = MANY * np.diff([0, *chance.cdf(edges), 1])
    seen = np.bincount(np.searchsorted(edges, drawn), minlength=expected.size)
    assert stats.chisquare(seen, expected).pvalue > 1e-3


@needs_jit
def test_units_and_draws_are_independent():
    first, second = gammas(5, 1, np.full(MANY, 2.0)), gammas(5, 2, np.full(MANY, 2.0))
    for a, b in ((first, second), (first[1:], first[:-1]), (first, gammas(6, 1, np.full(MANY, 2.0)))):
        assert abs(np.corrcoef(a, b)[0, 1]) < 5 / np.sqrt(MANY)


@needs_jit
def test_one_specialisation_serves_every_caller():
    gammas(1, 1, [2.0])
    poissons(1, 1, [2.0])
    for kernel in (draw_gammas, draw_mixtures, draw_poissons, throw_events):
        assert len(kernel.signatures) <= 1, kernel.__name__


THREADS = """
from demandgeo.domain import Events, Grid
from demandgeo.density import count
from demandgeo.priority import membership, select

rng = np.random.default_rng(5)
grid = Grid.covering((0, 0, 4000, 4000), cell=100, crs="EPSG:27700")
place = rng.normal(2000, 600, (2, 3000)).clip(0, 3999)
weight = rng.choice([2.0, 30.0], 3000)
events = Events.at(*place, crs="EPSG:27700", category=weight.astype(str), weight=weight, weight_sd=weight / 2)

def made():
    sure = membership(select(count(events, grid), max_areas=5), events, draws=6)
    yield sure.content_hash().encode()
"""


@pytest.mark.threads
@needs_jit
@pytest.mark.parametrize("layer", ["workqueue", "omp"])
def test_one_and_two_threads_give_the_same_bytes(layer, tmp_path):
    assert_same_bytes(layer, tmp_path, THREADS)
