"""All measures of an option against a naive twin."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from demandgeo.kernels.scoring import MEASURES, TILE, Measure, score_options
from tests.kernels import reference_scoring as twin
from tests.kernels.threads import assert_same_bytes

needs_jit = pytest.mark.skipif(numba.config.DISABLE_JIT, reason="NUMBA_DISABLE_JIT is set: nothing is compiled")
MANY = 3 * TILE + 5
STANDARDS = {"within": 8.0, "fading_to": 13.0, "busy": 0.3}


def scored(seconds, options, assigned, row, demand, group, part, *, within, fading_to, busy):
    """Scores [options, measures, draws]; an option is a list of (sites, teams, officers), one for each shift."""
    duty = [shift for option in options for shift in option]
    first = np.concatenate([[0], np.cumsum([len(sites) for sites, _, _ in duty])])
    site, teams, officers = (np.concatenate([shift[k] for shift in duty]) for k in range(3))
    parts, kept = int(part.max()) + 1, demand.reshape(len(options[0]), len(group), -1).sum(axis=0)
    held = np.zeros((2 * parts, demand.shape[1]))
    for division in range(2):
        np.add.at(held, division * parts + part[division][group], kept)
    out = np.full((len(options), MEASURES, demand.shape[1]), np.nan)
    score_options(
        seconds, first, site, teams, officers, assigned, row, demand, demand.sum(axis=0), group, part, held,
        within, fading_to, busy, out,
    )  # fmt: skip
    return out


def problem(seed, draws):
    """Times with ties and pairs without a way, empty shifts, assignments to closed sites, demand with zeros."""
    rng = np.random.default_rng(seed)
    sites, points, options, shifts, groups = (int(rng.integers(1, top)) for top in (6, 40, 5, 4, 5))
    seconds = rng.integers(0, 20, (sites, points)).astype(np.float32)
    seconds[rng.random(seconds.shape) < rng.choice([0.0, 0.3])] = np.inf
    demand = rng.integers(0, 4, (shifts * points, draws)).astype(float)
    demand[rng.random(len(demand)) < rng.choice([0.0, 0.5])] = 0.0
    demand[rng.integers(len(demand))] += 1.0
    chosen = [[duty(rng, sites) for _ in range(shifts)] for _ in range(options)]
    rows = int(rng.integers(0, 3))
    assigned = rng.integers(-1, sites, (rows, points)).astype(np.int32)
    row = rng.integers(-1, rows, options)
    group, part = rng.integers(0, groups, points), rng.integers(0, 3, (2, groups))
    return seconds, chosen, assigned, row, demand, group, part


def duty(rng, sites):
    open_sites = np.sort(rng.choice(sites, int(rng.integers(0, sites + 1)), replace=False))
    return open_sites, rng.integers(1, 4, open_sites.size).astype(float), rng.choice([1.0, 2.0, 2.5], open_sites.size)


def assert_as_the_twin(seed, draws, *, drawn, **standards):
    seconds, chosen, assigned, row, demand, group, part = problem(seed, draws)
    demand *= np.random.default_rng(seed).gamma(1.0, 1.0, demand.shape) if drawn else 1.0
    found = scored(seconds, chosen, assigned, row, demand, group, part, **standards)
    assert not np.isnan(found).any()
    for o, shifts in enumerate(chosen):
        own = assigned[row[o]] if row[o] >= 0 else None
        for s in {0, draws // 2, draws - 1}:
            right = twin.scores(seconds, shifts, own, demand[:, s], group, part, **standards)
            np.testing.assert_allclose(found[o, :, s], right, rtol=1e-12, atol=1e-12, err_msg=f"{list(Measure)}")


@given(seed=st.integers(0, 2**32), draws=st.sampled_from([1, 2, TILE, MANY]), drawn=st.booleans())
@example(seed=0, draws=MANY, drawn=True)
def test_every_measure_is_that_of_its_twin(seed, draws, drawn):
    assert_as_the_twin(seed, draws, drawn=drawn, **STANDARDS)


@given(st.integers(0, 2**32), st.sampled_from([(0.0, 0.0, 0.0), (8.0, 8.0, 0.5), (8.0, 30.0, 0.9), (30.0, 30.0, 0.0)]))
def test_standards_at_their_ends(seed, standards):
    within, fading_to, busy = standards
    assert_as_the_twin(seed, 2, drawn=False, within=within, fading_to=fading_to, busy=busy)
