"""Over-dispersed counts: the binomial test as a limit, calibrated under the model it states."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from demandgeo.errors import ModelError
from demandgeo.statistics.dispersion import clustering, dispersed_ratio, dispersion_of, windows
from demandgeo.statistics.intervals import poisson_ratio

counts = st.integers(0, 300)


@given(a=counts, b=counts, exposure=st.floats(0.2, 5))
def test_without_dispersion_it_is_the_exact_binomial_test(a, b, exposure):
    for mine, plain in zip(
        dispersed_ratio(a, b, 1.0, exposure_ratio=exposure), poisson_ratio(a, b, exposure_ratio=exposure), strict=True
    ):
        np.testing.assert_array_equal(mine, plain)


@given(a=counts, b=counts, dispersion=st.floats(1.05, 8))
def test_it_widens_the_interval_and_agrees_with_its_p_value(a, b, dispersion):
    plain, wide = poisson_ratio(a, b), dispersed_ratio(a, b, dispersion)
    assert wide.low <= plain.low + 1e-6
    assert wide.high >= plain.high - 1e-6
    assert 0 < wide.p <= 1
    if abs(wide.p - 0.05) > 1e-6:
        assert (wide.p < 0.05) == bool(wide.low > 1 or wide.high < 1)


@given(a=counts, b=counts, dispersion=st.floats(1.0, 8))
def test_the_two_periods_may_be_exchanged(a, b, dispersion):
    one, other = dispersed_ratio(a, b, dispersion), dispersed_ratio(b, a, dispersion)
    assert one.p == pytest.approx(float(other.p), rel=1e-9)
    if a and b:
        assert float(one.low) == pytest.approx(1 / float(other.high), rel=1e-6)


@pytest.mark.parametrize("dispersion", [1.0, 2.0, 4.0])
def test_its_interval_covers_the_truth(dispersion):
    rng = np.random.default_rng(4)
    mean, ratio, hits = 150.0, 0.75, 0
    for _ in range(200):
        before, after = (
            rng.poisson(m if dispersion == 1 else rng.gamma(m / (dispersion - 1), dispersion - 1))
            for m in (mean, ratio * mean)
        )
        found = dispersed_ratio(after, before, dispersion, confidence=0.9)
        hits += bool(found.low <= ratio <= found.high)
    assert 0.85 <= hits / 200 <= 0.96


def test_the_dispersion_of_a_history_is_found():
    rng = np.random.default_rng(5)
    season = np.arange(200) % 4
    mean = 100 * np.array([1.0, 1.2, 0.9, 1.1])[season] * np.exp(-0.001 * np.arange(200))
    assert dispersion_of(rng.poisson(mean), season).factor == pytest.approx(1.0, abs=0.15)
    assert dispersion_of(rng.negative_binomial(mean / 2, 1 / 3), season).factor == pytest.approx(3.0, abs=0.5)
    assert dispersion_of(np.zeros(20), np.arange(20) % 4) == (1.0, 15)


def test_a_season_without_any_count_is_no_surprise():
    found = dispersion_of([0, 5, 0, 7, 0, 6, 0, 5, 0, 6], np.arange(10) % 2)
    assert found.factor == 1.0
    assert found.freedom == 3


def test_too_short_a_history_is_refused():
    with pytest.raises(ModelError, match="3 were needed"):
        dispersion_of([5, 6, 7], [0, 1, 2])
    with pytest.raises(ModelError, match=r"dispersion is 0\.5"):
        dispersed_ratio(3, 4, 0.5)


def test_clusters_are_told_by_their_sizes():
    assert clustering(np.array([1, 2, 3])) == pytest.approx(14 / 6)
    assert clustering(np.zeros(3)) == 1.0


def test_windows_are_whole_and_keep_their_season():
    month = np.array([9, 10, 11, 12, 15, 20, 23])
    sums, season = windows(month, np.ones(7), first=12, length=3)
    np.testing.assert_array_equal(sums, [3, 1, 1, 1, 1])
    np.testing.assert_array_equal(season, [0, 1, 2, 3, 0])
