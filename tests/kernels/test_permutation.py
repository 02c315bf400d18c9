"""Sums drawn without replacement, exactly and by draws, against every subset and every gather."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import fft, stats

from demandgeo.kernels.chance import fill_uniform
from demandgeo.kernels.permutation import (
    BLOCK_UNITS,
    count_extreme_draws,
    draw_ids,
    sum_neighbours,
    tails_without_own,
    transform_subset_sums,
)
from demandgeo.statistics.subset_sums import _coefficients
from tests.kernels import reference_significance as reference
from tests.kernels.threads import assert_same_bytes

JIT = not numba.config.DISABLE_JIT
needs_jit = pytest.mark.skipif(not JIT, reason="NUMBA_DISABLE_JIT is set: nothing is compiled")


def places_of(ids, n):
    order = np.argsort(ids, axis=None, kind="stable")
    return order, np.searchsorted(ids.ravel()[order], np.arange(n + 1))


def test_transforms_are_those_of_every_subset():
    values = np.random.default_rng(1).integers(0, 6, 9)
    length, most = 32, 4
    out = np.empty((most + 1, length // 2 + 1), complex)
    transform_subset_sums(fft.fft(np.bincount(values, minlength=length) / 9), _coefficients(9, most)[0], out)
    assert np.abs(out - reference.transforms(values, most, length)).max() < 1e-14


@given(st.integers(0, 2**32 - 1), st.integers(5, 10), st.integers(1, 3))
def test_tails_leave_the_unit_itself_out(seed, n, most):
    rng = np.random.default_rng(seed)
    own, drawn = rng.integers(0, 5, n), rng.integers(0, most + 1, n)
    level = rng.integers(-1, 15, n)
    whole = np.array([[reference.tails(np.append(own, 0), n, k, s)[0] for s in range(20)] for k in range(most + 1)])
    at_least, above = np.empty((2, n))
    tails_without_own(whole, _coefficients(n, most)[1], own, drawn, level, at_least, above)
    for unit in range(n):
        expected = reference.tails(own, unit, drawn[unit], level[unit])
        assert (at_least[unit], above[unit]) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("dtype", [np.int64, np.float64])
def test_neighbours_are_summed(dtype):
    indptr, indices = np.array([0, 2, 2, 3]), np.array([1, 2, 0])
    out = np.empty(3, dtype)
    sum_neighbours(indptr, indices, np.array([1, 20, 300], dtype), out)
    assert out.tolist() == [320, 0, 1]


@given(st.integers(0, 2**62), st.integers(1, 12), st.integers(0, 30))
def test_ids_are_distinct_and_those_of_the_numbers_of_their_row(seed, most, more):
    out = np.empty((5, most), np.int64)
    draw_ids(seed, most + more, out)
    numbers = np.empty((5, 400))
    fill_uniform(seed, 0, numbers)
    for row, uniforms in zip(out.tolist(), numbers, strict=True):
        assert row == reference.distinct_ids(uniforms, most + more, most)
        assert len(set(row)) == most


@needs_jit
def test_every_ordered_choice_is_as_likely():
    out = np.empty((60_000, 2), np.int64)
    draw_ids(3, 4, out)
    tally = np.bincount(out[:, 0] * 4 + out[:, 1], minlength=16)
    apart = tally[tally > 0]
    assert apart.size == 12
    assert stats.chisquare(apart).pvalue > 1e-3


@given(st.integers(0, 2**32 - 1), st.integers(4, 30), st.integers(1, 3))
def test_extreme_draws_are_counted_as_by_one_gather_per_unit(seed, n, most):
    rng = np.random.default_rng(seed)
    values, drawn = rng.integers(0, 4, n), rng.integers(0, most + 1, n)
    ids = np.array([rng.permutation(n - 1)[:most] for _ in range(7)])
    observed = rng.integers(0, 6, n)
    large, small = np.empty((2, n), np.int64)
    count_extreme_draws(values, drawn, observed, ids, *places_of(ids, n), large, small)
    assert (large.tolist(), small.tolist()) == reference.extreme_draws(values, drawn, observed, ids)


@needs_jit
def test_blocks_of_units_start_where_the_one_before_ends():
    rng = np.random.default_rng(2)
    n = 2 * BLOCK_UNITS + 5
    values, drawn, observed = rng.integers(0, 9, n), rng.integers(0, 5, n), rng.integers(0, 20, n)
    ids = np.array([rng.choice(n - 1, 4, replace=False) for _ in range(19)])
    large, small = np.empty((2, n), np.int64)
    count_extreme_draws(values, drawn, observed, ids, *places_of(ids, n), large, small)
    some = [0, 1, BLOCK_UNITS - 1, BLOCK_UNITS, BLOCK_UNITS + 1, 2 * BLOCK_UNITS, n - 1]
    for unit in some:
        sums = np.delete(values, unit)[ids[:, : drawn[unit]]].sum(axis=1)
        assert large[unit] == (sums >= observed[unit]).sum()
        assert small[unit] == (sums <= observed[unit]).sum()


@needs_jit
def test_one_specialisation_serves_every_caller():
    for kernel in (transform_subset_sums, tails_without_own, draw_ids, count_extreme_draws):
        assert len(kernel.signatures) <= 1, kernel.__name__
    assert len(sum_neighbours.signatures) <= 2, "counts and weights"


THREADS = """
from demandgeo.domain import Balance, Demand, Grid
from demandgeo.priority import getis_ord, near_repeat, scan
from demandgeo.domain import Events

rng = np.random.default_rng(5)
grid = Grid.covering((0, 0, 8000, 8000), cell=100, crs="EPSG:27700")
values = rng.poisson(rng.gamma(0.3, 10, grid.n)).astype(float)
balance = Balance(np.array([values.sum(), 0, 0, 0]), np.array([values.sum(), 0, 0, 0]))
demand = Demand(grid, values, "incidents", balance, "count", "2018-07")
x, y = rng.uniform(0, 8000, (2, 1500))
time = np.datetime64("2018-01-01", "s") + rng.integers(0, 86400 * 60, 1500)
events = Events.at(x, y, crs="EPSG:27700", time=time)

def made():
    yield getis_ord(demand).content_hash().encode()
    yield getis_ord(demand, inference="permutation", permutations=99).content_hash().encode()
    for window in ("circular", "graph"):
        yield scan(demand, window=window, max_units=40, replicates=70).content_hash().encode()
    yield near_repeat(events, replicates=29).content_hash().encode()
"""


@pytest.mark.threads
@needs_jit
@pytest.mark.parametrize("layer", ["workqueue", "omp"])
def test_one_and_two_threads_give_the_same_bytes(layer, tmp_path):
    assert_same_bytes(layer, tmp_path, THREADS)
