"""Weights of the slices of a space-time surface, against a sum in extended precision."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from demandgeo.kernels.layers import weigh_slice
from tests.kernels import reference

JIT = not numba.config.DISABLE_JIT
EPS = np.finfo(np.float64).eps


@pytest.mark.parametrize("power", [0, 1, 2, 3])
@pytest.mark.parametrize("locations", [1, 7])
def test_a_slice_is_exact_however_many_events_share_a_location(power, locations):
    rng = np.random.default_rng(power)
    n = 200_000 if JIT else 500
    member = rng.integers(locations, size=n).astype(np.int32)
    time = 1.5e9 + rng.integers(-600_000, 600_000, n)
    weight = rng.gamma(0.5, 20, n)
    out = np.full(locations, np.nan)
    weigh_slice(member, time, weight, 1.5e9, 604_800.0, power, out)
    expected = reference.slice_weights(member, time, weight, locations, moment=1.5e9, radius=604_800.0, power=power)
    assert (np.abs(out - expected) <= (4 + 4 * power) * EPS * expected).all()


def test_a_slice_without_events_is_zero():
    out = np.full(3, np.nan)
    weigh_slice(np.empty(0, np.int32), np.empty(0), np.empty(0), 0.0, 1.0, 1, out)
    assert out.tolist() == [0, 0, 0]


@pytest.mark.skipif(not JIT, reason="NUMBA_DISABLE_JIT is set: nothing is compiled")
def test_one_specialisation_serves_every_shape():
    out = np.empty(1)
    for power in range(4):
        weigh_slice(np.zeros(2, np.int32), np.zeros(2), np.ones(2), 0.0, 1.0, power, out)
    assert len(weigh_slice.signatures) == 1
