"""Erlang to twelve digits; the hypercube exact, simulated and approximated, beside its twin."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demandgeo.kernels import queueing
from tests.kernels import reference_queueing as twin
from tests.kernels.threads import assert_same_bytes

needs_jit = pytest.mark.skipif(numba.config.DISABLE_JIT, reason="NUMBA_DISABLE_JIT is set: nothing is compiled")


def erlang(kernel, teams, load) -> float:
    out = np.empty(1)
    kernel(np.array([teams]), np.array([load], np.float64), out)
    return out[0]


def random_scene(seed: int, most_teams: int):
    """Areas and teams at random; gamma calls; a load of 0.2 to 0.8; teams asked in order of distance."""
    rng = np.random.default_rng(seed)
    teams = int(rng.integers(2, most_teams + 1))
    areas = int(rng.integers(teams, 41))
    here, there = rng.uniform(0, 1, (areas, 2)), rng.uniform(0, 1, (teams, 2))
    arrivals = rng.gamma(1.0, 1.0, areas)
    arrivals *= rng.uniform(0.2, 0.8) * teams / arrivals.sum()
    apart = np.hypot(*(here[:, None] - there).transpose(2, 0, 1))
    return arrivals, np.argsort(apart, axis=1, kind="stable")


def exact(arrivals, preferences, service=1.0):
    teams = preferences.shape[1]
    rates, states, sent = np.empty((2**teams, teams)), np.empty(2**teams), np.empty(preferences.shape)
    queueing.fill_dispatch_rates(arrivals, preferences, rates)
    sweeps = queueing.solve_hypercube(rates, service, 100_000, 1e-13, states)
    assert sweeps < 1000
    queueing.fill_shares(states, preferences, sent)
    return states, sent


def workloads(states, teams):
    return states @ (np.arange(2**teams)[:, None] >> np.arange(teams) & 1)


def approximated(arrivals, preferences, queue, service=1.0):
    teams = preferences.shape[1]
    states, factors = np.empty(teams + 1), np.empty(teams)
    queueing.fill_busy_distribution(arrivals.sum() / service, teams, queue, states)
    queueing.fill_corrections(states, factors)
    mean = float(states @ np.arange(teams + 1)) / teams
    queued = arrivals.sum() * states[-1] / teams * queue
    busy, sent = np.empty(teams), np.empty(preferences.shape)
    given_to = (arrivals, preferences, factors, service, queued, mean)
    rounds = queueing.approximate_hypercube(*given_to, 10_000, 1e-13, busy, sent)
    assert rounds < 1000
    return given_to, busy, sent


def simulated(arrivals, preferences, queue, events):
    areas, teams = preferences.shape
    replicates, seed = 16, 7
    busy, sent = np.zeros((replicates, teams + 1)), np.zeros((replicates, areas * teams))
    running = np.cumsum(arrivals)
    queueing.simulate_hypercube(running, preferences, 1.0, queue, 2000, events, seed, busy, sent)
    return busy, sent.mean(axis=0).reshape(areas, teams)


@given(st.integers(1, 120), st.floats(1e-9, 1.2))
def test_erlang_equals_exact_fractions_to_twelve_digits(teams, busy):
    load = teams * busy
    assert erlang(queueing.fill_erlang_c, teams, load) == pytest.approx(twin.erlang_c(teams, load), rel=1e-12)
    assert erlang(queueing.fill_erlang_b, teams, load) == pytest.approx(twin.erlang_b(teams, load), rel=1e-12)


@pytest.mark.parametrize("teams", [200, 1000, 20_000])
@pytest.mark.parametrize("busy", [0.5, 0.9, 0.999, 1 - 1e-6, 1 - 1e-9])
def test_erlang_c_of_many_teams_and_near_saturation(teams, busy):
    load = teams * busy
    expected = twin.erlang_c_large(teams, load)
    assert erlang(queueing.fill_erlang_c, teams, load) == pytest.approx(expected, rel=1e-12, abs=1e-300)


def test_erlang_c_at_its_ends():
    assert erlang(queueing.fill_erlang_c, 1, 0.3) == pytest.approx(0.3, abs=1e-15)
    assert erlang(queueing.fill_erlang_c, 5, 0.0) == 0.0
    assert erlang(queueing.fill_erlang_c, 5, 5.0) == erlang(queueing.fill_erlang_c, 5, 7.0) == 1.0


@given(st.integers(1, 60), st.floats(0.01, 0.98), st.booleans())
def test_how_many_are_busy(teams, busy, queue):
    out = np.empty(teams + 1)
    queueing.fill_busy_distribution(teams * busy, teams, int(queue), out)
    np.testing.assert_allclose(out, twin.busy_distribution(teams * busy, teams, queue), rtol=1e-9, atol=1e-300)
    waits = erlang(queueing.fill_erlang_c if queue else queueing.fill_erlang_b, teams, teams * busy)
    assert out[-1] == pytest.approx(waits, rel=1e-12)
    factors = np.empty(teams)
    queueing.fill_corrections(out, factors)
    np.testing.assert_allclose(factors, twin.corrections(out), rtol=1e-9)


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 20.0))
@settings(max_examples=40)
def test_the_exact_hypercube_equals_its_twin(seed, service):
    arrivals, preferences = random_scene(seed, 6)
    states, sent = exact(arrivals * service, preferences, service)
    expected, expected_sent = twin.hypercube(arrivals * service, preferences, service)
    np.testing.assert_allclose(states, expected, atol=1e-11)
    np.testing.assert_allclose(sent, expected_sent, atol=1e-11)


@given(st.integers(0, 2**32 - 1), st.integers(0, 1))
@settings(max_examples=30)
def test_the_approximation_equals_its_twin_and_keeps_the_mean(seed, queue):
    arrivals, preferences = random_scene(seed, 9)
    given_to, busy, sent = approximated(arrivals, preferences, queue)
    expected, expected_sent = twin.approximate(*given_to)
    np.testing.assert_allclose(busy, expected, atol=1e-10)
    np.testing.assert_allclose(sent, expected_sent, atol=1e-10)
    assert busy.mean() == pytest.approx(given_to[-1], rel=1e-12)


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="millions of drawn events take minutes without the compiler")
def test_200_instances_beside_the_exact_model():
    """The simulation keeps within 0.02; Larson's approximation does where no neighbours are busy together."""
    larson, drawn = [], []
    for seed in range(200):
        queue = seed % 2
        arrivals, preferences = random_scene(seed, 12)
        teams = preferences.shape[1]
        states, sent = exact(arrivals, preferences)
        loss = states[-1]
        if queue:
            states[-1] *= teams / (teams - arrivals.sum())
            states /= states.sum()
        truth = workloads(states, teams)
        assert loss == pytest.approx(erlang(queueing.fill_erlang_b, teams, arrivals.sum()), abs=1e-11)
        busy, shares = simulated(arrivals, preferences, queue, events=20_000)
        drawn.append(np.abs(busy.mean(axis=0)[:teams] - truth).max())
        assert abs(busy[:, teams].mean() - states[-1]) < 0.03
        if not queue:
            assert np.abs(shares - sent * arrivals[:, None] / arrivals.sum()).max() < 0.004
        larson.append(np.abs(approximated(arrivals, preferences, queue)[1] - truth).max())
    assert max(drawn) < 0.02
    assert np.median(larson) < 0.012
    assert max(larson) < 0.045


def test_teams_that_are_alike_are_busy_alike():
    preferences = np.array([[0, 1], [1, 0]])
    states, sent = exact(np.array([0.7, 0.7]), preferences)
    assert states[1] == pytest.approx(states[2], rel=1e-12)
    np.testing.assert_allclose(sent, sent[::-1, ::-1])


def test_an_area_without_calls_is_no_trouble():
    arrivals, preferences = np.array([0.0, 0.8, 0.0]), np.array([[0, 1], [1, 0], [0, 1]])
    states, _ = exact(arrivals, preferences)
    busy, sent = simulated(arrivals, preferences, 0, events=20_000)
    assert np.abs(busy.mean(axis=0)[:2] - workloads(states, 2)).max() < 0.01
    assert sent[[0, 2]].sum() == 0


THREADS = """
from demandgeo.kernels.queueing import simulate_hypercube

def made():
    busy, sent = np.zeros((9, 4)), np.zeros((9, 6))
    preferences = np.array([[0, 1, 2], [2, 1, 0]])
    simulate_hypercube(np.array([1.0, 2.0]), preferences, 1.5, 1, 100, 3000, 5, busy, sent)
    return [busy, sent]
"""


@pytest.mark.threads
@needs_jit
@pytest.mark.parametrize("layer", ["workqueue", "omp"])
def test_any_number_of_threads_draws_the_same(layer, tmp_path):
    assert_same_bytes(layer, tmp_path, THREADS)
