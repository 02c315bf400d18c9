"""The hypercube by neighbourhoods: one round beside its twin, whatever the teams outside look like."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demandgeo.kernels import neighbourhoods
from tests.kernels import reference_queueing as twin
from tests.kernels.test_queueing import random_scene
from tests.kernels.threads import assert_same_bytes

needs_jit = pytest.mark.skipif(numba.config.DISABLE_JIT, reason="NUMBA_DISABLE_JIT is set: nothing is compiled")


def patterns_of(states):
    out = np.empty((len(states), 3 ** int(np.log2(states.shape[1]))))
    neighbourhoods.fill_patterns(states, out)
    return out


@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
@settings(max_examples=20)
def test_a_pattern_sums_the_states_that_fit_it(seed, members):
    states = np.random.default_rng(seed).dirichlet(np.ones(2**members), 2)
    for pattern, found in enumerate(patterns_of(states).T):
        digits = [pattern // 3**i % 3 for i in range(members)]
        fits = [all(d in {2, s >> i & 1} for i, d in enumerate(digits)) for s in range(2**members)]
        np.testing.assert_allclose(found, states[:, fits].sum(axis=1), atol=1e-14)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20)
def test_a_round_equals_its_twin(seed):
    rng = np.random.default_rng(seed)
    arrivals, preferences = random_scene(seed, 6)
    areas, teams = preferences.shape
    size = int(rng.integers(1, min(teams, 4) + 1))
    members = np.array([[n, *rng.permutation([m for m in range(teams) if m != n])[: size - 1]] for n in range(teams)])
    states = rng.dirichlet(np.ones(2**size), teams)
    log_odds, tilt, weight, service = rng.normal(0, 1, (teams, 2)), 0.3, 0.6, 1.7
    reach, solved, busy = np.full(areas, teams), states.copy(), np.empty(teams)
    fixed = preferences, reach, members, patterns_of(states), log_odds, tilt, weight
    neighbourhoods.solve_neighbourhoods(arrivals, *fixed, service, 10_000, 1e-13, solved, busy)
    shares = np.empty((teams, areas))
    neighbourhoods.share_neighbourhoods(*fixed, shares)
    for n in range(teams):
        expected, answered = twin.neighbourhood(
            n, arrivals, preferences, service, members, states, log_odds, tilt=tilt, weight=weight
        )
        np.testing.assert_allclose(solved[n], expected, atol=1e-10)
        assert busy[n] == pytest.approx(expected[1::2].sum(), abs=1e-10)
        np.testing.assert_allclose(shares[n], answered, atol=1e-12)


def test_teams_asked_one_after_the_other():
    asked, preferences = np.array([[5.0, 2.0, 1.0], [7.0, 3.0, 0.5]]), np.array([[0, 1, 2], [2, 1, 0]])
    out = np.empty((3, 3))
    neighbourhoods.fill_interactions(asked, preferences, np.array([3, 2]), out)
    np.testing.assert_array_equal(out, [[0.0, 2.0, 1.0], [2.0, 0.0, 4.0], [1.0, 4.0, 0.0]])


THREADS = """
from demandgeo.deployment.neighbourhoods import lost_calls

def made():
    rng = np.random.default_rng(4)
    preferences = np.argsort(rng.uniform(size=(30, 12)), axis=1)
    return list(lost_calls(rng.uniform(0.1, 0.4, 30), preferences, 1.0))
"""


@pytest.mark.threads
@needs_jit
@pytest.mark.parametrize("layer", ["workqueue", "omp"])
def test_any_number_of_threads_answers_the_same(layer, tmp_path):
    assert_same_bytes(layer, tmp_path, THREADS)
