"""Close pairs, of true and of shuffled times, against all pairs."""

from __future__ import annotations

import itertools

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from demandgeo.kernels.chance import fill_uniform
from demandgeo.kernels.knox import count_close_pairs
from tests.kernels import reference_significance as reference

DISTANCES, TIMES = np.array([0.0, 2.0, 5.0]), np.array([1.0, 3.0])


@given(st.integers(0, 2**32 - 1), st.integers(2, 15))
def test_close_pairs_are_those_of_the_true_and_of_the_shuffled_times(seed, n):
    rng = np.random.default_rng(seed)
    place, time = rng.integers(0, 6, (n, 2)).astype(float), rng.integers(0, 8, n).astype(float)
    pairs = np.array(list(itertools.combinations(range(n), 2)))
    far = np.hypot(*(place[pairs[:, 0]] - place[pairs[:, 1]]).T)
    near = far <= DISTANCES[-1]
    first, second = np.ascontiguousarray(pairs[near].T, np.int32)
    band = np.searchsorted(DISTANCES, far[near]).astype(np.int32)
    out = np.full((4, 6), -1)
    count_close_pairs(seed, first, second, band, time, TIMES, out)
    numbers = np.empty((4, n))
    fill_uniform(seed, 0, numbers)
    for row, uniforms in enumerate(numbers):
        dealt = reference.shuffled(time, uniforms) if row else time
        assert sorted(dealt) == sorted(time)
        assert out[row].reshape(3, 2).tolist() == reference.close_pairs(place, dealt, DISTANCES, TIMES).tolist()


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="NUMBA_DISABLE_JIT is set: nothing is compiled")
def test_one_specialisation_serves_every_caller():
    assert len(count_close_pairs.signatures) <= 1
