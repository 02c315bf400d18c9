"""All measures of an option against a naive twin."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from demandgeo.kernels.scoring import MEASURES, Measure, score_options
from tests.kernels import reference_scoring as twin
from tests.kernels.threads import assert_same_bytes

needs_jit = pytest.mark.skipif(numba.config.DISABLE_JIT, reason="NUMBA_DISABLE_JIT is set: nothing is compiled")


def problem(seed):
    """Times with ties and pairs without a way, demand with zeros, whole numbers so that sums are exact."""
    rng = np.random.default_rng(seed)
    sites, points, draws, options = (int(rng.integers(1, top)) for top in (6, 30, 6, 5))
    seconds = rng.integers(0, 20, (sites, points)).astype(np.float32)
    seconds[rng.random(seconds.shape) < rng.choice([0.0, 0.3])] = np.inf
    demand = rng.integers(0, 4, (points, draws)).astype(float)
    demand[0] = 1.0
    district = rng.integers(0, 3, points)
    chosen = [rng.choice(sites, int(rng.integers(1, sites + 1)), replace=False) for _ in range(options)]
    return seconds, chosen, demand, district


def scored(seconds, chosen, demand, district, *, within=8.0, busy=0.3):
    first = np.concatenate([[0], np.cumsum([len(sites) for sites in chosen])])
    held = np.zeros((3, demand.shape[1]))
    np.add.at(held, district, demand)
    out = np.empty((len(chosen), MEASURES, demand.shape[1]))
    site = np.concatenate(chosen)
    score_options(seconds, first, site, demand, demand.sum(axis=0), district, held, within, busy, out)
    return out


@given(st.integers(0, 2**32))
def test_every_measure_is_that_of_its_twin(seed):
    seconds, chosen, demand, district = problem(seed)
    found = scored(seconds, chosen, demand, district)
    for o, sites in enumerate(chosen):
        for s in range(demand.shape[1]):
            right = twin.scores(seconds, sites, demand[:, s], district, within=8.0, busy=0.3)
            np.testing.assert_allclose(found[o, :, s], right, rtol=1e-12, atol=1e-12, err_msg=f"{list(Measure)}")
    assert not np.isnan(found).any()


THREADS = """
from tests.kernels.test_scoring import scored
rng = np.random.default_rng(1)
seconds = rng.uniform(0, 900, (30, 400)).astype(np.float32)
demand, district = rng.gamma(1.0, 1.0, (400, 20)), rng.integers(0, 3, 400)
chosen = [rng.choice(30, 5, replace=False) for _ in range(40)]

def made():
    return [scored(seconds, chosen, demand, district, within=300.0)]
"""


@needs_jit
@pytest.mark.threads
@pytest.mark.parametrize("layer", ["workqueue", "omp"])
def test_any_number_of_threads_gives_the_same_bytes(layer, tmp_path):
    assert_same_bytes(layer, tmp_path, THREADS)
