"""The negative binomial fit against statsmodels, and the gamma posterior against simulation."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from demandgeo.errors import ModelError
from demandgeo.statistics.negative_binomial import fit, posterior


def drawn(n=4000, seed=1, exponent=0.0):
    rng = np.random.default_rng(seed)
    design = np.column_stack([np.ones(n), rng.normal(8, 1, n), (rng.random(n) < 0.2).astype(float)])
    size = rng.gamma(2, 0.08, n) + 0.02
    mean = size * np.exp(design @ [-4.5, 0.7, 0.4])
    shape = 1.5 * size**exponent
    true = mean * rng.gamma(shape, 1 / shape)
    return rng.poisson(true).astype(float), design, np.log(size), size, true


def test_it_agrees_with_statsmodels():
    count, design, offset, size, _ = drawn()
    mine = fit(count, design, offset, size)
    peer = sm.NegativeBinomial(count, design, offset=offset).fit(disp=0, maxiter=200, gtol=1e-8)
    np.testing.assert_allclose(mine.coefficient, peer.params[:-1], atol=2e-4)
    assert mine.scale == pytest.approx(1 / peer.params[-1], rel=1e-3)
    assert mine.log_likelihood == pytest.approx(peer.llf, abs=1e-3)
    np.testing.assert_allclose(mine.error, peer.bse[:-1], rtol=0.02)


@pytest.mark.parametrize("exponent", [0.0, 1.0])
def test_the_likelier_form_of_dispersion_is_the_true_one_and_intervals_cover(exponent):
    count, design, offset, size, true = drawn(20_000, 2, exponent)
    fits = {e: fit(count, design, offset, size, exponent=e) for e in (0.0, 1.0)}
    assert max(fits, key=lambda e: fits[e].log_likelihood) == exponent
    found = fits[exponent]
    assert found.scale == pytest.approx(1.5, rel=0.2)
    low, high = posterior(count, found.mean, found.shape).interval(0.9)
    assert 0.88 <= ((true >= low) & (true <= high)).mean() <= 0.92


def test_poisson_counts_have_a_great_shape():
    rng = np.random.default_rng(3)
    count = rng.poisson(2.0, 3000).astype(float)
    found = fit(count, np.ones((3000, 1)), np.zeros(3000), np.ones(3000))
    assert found.scale > 50
    assert found.mean[0] == pytest.approx(count.mean(), rel=1e-6)


@given(scale=st.floats(0.1, 10), shift=st.floats(-100, 100))
@settings(max_examples=10)
def test_units_of_a_covariate_do_not_matter(scale, shift):
    count, design, offset, size, _ = drawn(500, 4)
    other = design.copy()
    other[:, 1] = shift + scale * design[:, 1]
    one, two = (fit(count, part, offset, size) for part in (design, other))
    np.testing.assert_allclose(one.mean, two.mean, rtol=1e-4)
    assert two.coefficient[1] * scale == pytest.approx(one.coefficient[1], abs=1e-4)


@given(count=st.integers(0, 50), mean=st.floats(0.01, 50), shape=st.floats(0.05, 100))
def test_the_posterior_lies_between_the_model_and_the_count(count, mean, shape):
    found = posterior(np.array([float(count)]), np.array([mean]), np.array([shape]))
    weight = shape / (shape + mean)
    assert found.mean[0] == pytest.approx(weight * mean + (1 - weight) * count, rel=1e-9)
    low, high = found.interval(0.9)
    assert low[0] <= found.mean[0] <= high[0] or shape + count < 0.5
    assert found.above(np.array([0.0]))[0] == 1.0


def test_bad_input_is_refused():
    one = np.ones(10)
    with pytest.raises(ModelError, match="nothing was counted"):
        fit(np.zeros(10), one[:, None], one * 0, one)
    with pytest.raises(ModelError, match="rank 1"):
        fit(one, np.column_stack([one, 2 * one]), one * 0, one)
    with pytest.raises(ModelError, match="not finite"):
        fit(one, one[:, None], np.full(10, np.nan), one)
