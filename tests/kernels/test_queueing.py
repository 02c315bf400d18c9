"""Erlang to 12 digits; Larson's approximation beside the exact model."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from demandgeo.kernels.queueing import fill_erlang_c, hypercube
from tests.kernels import reference_queueing as twin


@given(st.integers(1, 60), st.floats(1e-6, 0.999))
def test_erlang_c_to_twelve_digits(servers, busy):
    load, waiting = servers * busy, np.empty(1)
    fill_erlang_c(np.array([servers]), np.array([load]), waiting)
    assert waiting[0] == pytest.approx(twin.erlang_c(servers, load), rel=1e-12, abs=1e-300)


def test_erlang_c_of_a_single_server_is_its_busy_share_and_of_too_few_is_1():
    waiting = np.empty(3)
    fill_erlang_c(np.array([1, 2, 3]), np.array([0.3, 2.0, 7.0]), waiting)
    assert waiting.tolist() == pytest.approx([0.3, 1.0, 1.0], abs=1e-15)


def instance(seed, *, most_units):
    """Places of atoms and units; units are preferred by distance."""
    rng = np.random.default_rng(seed)
    units, atoms = int(rng.integers(2, most_units + 1)), int(rng.integers(5, 40))
    here, there = rng.uniform(0, 1, (atoms, 2)), rng.uniform(0, 1, (units, 2))
    preference = np.argsort(((here[:, None] - there[None]) ** 2).sum(axis=2), axis=1, kind="stable")
    rate = rng.gamma(1.0, 1.0, atoms)
    service = rng.uniform(0.2, 0.8) * units / rate.sum()
    return rate, service, preference


def approximate(rate, service, preference):
    busy, sent = np.empty(preference.shape[1]), np.empty(preference.shape)
    rounds = hypercube(rate, service, preference, 1e-10, 1000, busy, sent)
    return busy, sent, rounds


def check(seed, *, most_units):
    rate, service, preference = instance(seed, most_units=most_units)
    busy, sent, rounds = approximate(rate, service, preference)
    exact, _ = twin.exact_hypercube(rate, service, preference)
    assert rounds < 1000
    assert busy.sum() == pytest.approx(exact.sum(), abs=1e-9), "the loss is Erlang's"
    assert (sent >= 0).all()
    # What units answer is what keeps them busy.
    assert service * (rate @ sent).sum() == pytest.approx(busy.sum(), abs=1e-8)
    return np.abs(busy - exact).max()


def test_busy_shares_are_near_those_of_the_exact_model():
    worst = [check(seed, most_units=7) for seed in range(60)]
    assert np.median(worst) < 0.01
    assert max(worst) < 0.02


@pytest.mark.long
def test_two_hundred_instances_of_up_to_twelve_units():
    assert max(check(seed, most_units=12) for seed in range(200)) < 0.02


def test_units_that_are_alike_are_busy_alike():
    preference = np.array([[0, 1], [1, 0]])
    busy, sent, _ = approximate(np.array([1.0, 1.0]), 0.5, preference)
    assert busy[0] == pytest.approx(busy[1])
    np.testing.assert_allclose(sent, sent[::-1, ::-1])
