"""The scan kernels against every window, one by one."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from demandgeo.kernels.exceedance import draw_places
from demandgeo.kernels.scan import LANES, fill_nearest_on_graph, scan_observed, scan_replicates, sum_expected
from tests.kernels import reference_significance as reference

JIT = not numba.config.DISABLE_JIT
REPLICATES = LANES + 3 if JIT else 3


def scene(seed, n=12, most_units=5):
    rng = np.random.default_rng(seed)
    exposure = rng.gamma(0.5, 1, n) + 1e-6
    count = rng.multinomial(40, rng.dirichlet(np.full(n, 0.4))).astype(float)
    expected = exposure * (count.sum() / exposure.sum())
    member = np.array([np.r_[i, rng.permutation(np.delete(np.arange(n), i))[: most_units - 1]] for i in range(n)])
    return rng, count, expected, member.astype(np.int32), rng.integers(1, most_units + 1, n)


def expectations(member, size, expected, most):
    out, kept = np.full(member.shape, np.nan), np.empty(len(member), np.int64)
    sum_expected(member, size, expected, most, out, kept)
    return out, kept


@given(st.integers(0, 2**32 - 1), st.floats(0.5, 40))
def test_every_centre_gets_its_best_window(seed, most):
    _, count, expected, member, size = scene(seed)
    level, kept = expectations(member, size, expected, most)
    ratio, window = np.empty(12), np.empty(12, np.int64)
    scan_observed(count, count.sum(), member, kept, level, ratio, window)
    for i, found in enumerate(reference.windows(count, expected, member, size, most)):
        assert kept[i] == len(found)
        assert ratio[i] == pytest.approx(max(found), abs=1e-10)
        assert found[window[i]] == pytest.approx(max(found), abs=1e-10)


@given(st.integers(0, 2**32 - 1))
def test_a_replicate_has_the_best_of_all_windows_of_its_own_draw(seed):
    _, _, expected, member, size = scene(seed)
    level, kept = expectations(member, size, expected, 20.0)
    unit, cumulative = np.arange(12)[expected > 0], np.cumsum(expected)
    out = np.zeros(REPLICATES)
    scan_replicates(seed, 40, cumulative, unit, member, kept, level, out)
    for replicate in range(REPLICATES):
        place = np.empty(40, np.int64)
        draw_places(seed, replicate, cumulative, place)
        drawn = np.bincount(place, minlength=12).astype(float)
        best = max(map(max, reference.windows(drawn, expected, member, size, 20.0)))
        assert out[replicate] == pytest.approx(best, abs=1e-9)
    again = out.copy()
    scan_replicates(seed, 40, cumulative, unit, member, kept, level, again)
    assert again.tolist() == out.tolist(), "a second look at the same windows raises nothing"


@given(st.integers(0, 2**32 - 1), st.integers(2, 25), st.integers(1, 12))
def test_nearest_along_the_graph(seed, n, most):
    rng = np.random.default_rng(seed)
    pairs = np.unique(np.sort(rng.integers(0, n, (2 * n, 2)), axis=1), axis=0)
    pairs = pairs[pairs[:, 0] < pairs[:, 1]]
    both, length = np.vstack([pairs, pairs[:, ::-1]]), np.tile(rng.integers(1, 4, len(pairs)).astype(float), 2)
    order = np.lexsort((both[:, 1], both[:, 0]))
    indptr = np.append(0, np.cumsum(np.bincount(both[:, 0], minlength=n)))
    indices, length = both[order, 1].astype(np.int64), length[order]
    found, size = np.zeros((n, most), np.int32), np.empty(n, np.int64)
    fill_nearest_on_graph(indptr.astype(np.int64), indices, length, np.arange(n), found, size)
    for centre in range(n):
        expected, distance = reference.nearest_on_graph(indptr, indices, length, centre, most)
        got = found[centre, : size[centre]]
        assert got[0] == centre
        assert size[centre] == len(expected)
        assert distance[got].tolist() == distance[expected].tolist()
        # Every window is one piece: each unit but the first touches one before it.
        for at in range(1, got.size):
            assert set(indices[indptr[got[at]] : indptr[got[at] + 1]]) & set(got[:at].tolist())


@pytest.mark.skipif(not JIT, reason="NUMBA_DISABLE_JIT is set: nothing is compiled")
def test_one_specialisation_serves_every_caller():
    for kernel in (sum_expected, scan_observed, scan_replicates, fill_nearest_on_graph):
        assert len(kernel.signatures) <= 1, kernel.__name__
