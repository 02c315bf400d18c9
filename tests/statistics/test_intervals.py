from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from demandgeo.errors import ModelError
from demandgeo.statistics.intervals import binomial_interval, poisson_interval, poisson_ratio

COUNTS = st.integers(0, 5000)
LEVELS = st.sampled_from([0.5, 0.8, 0.95, 0.99])


def test_poisson_interval_golden() -> None:
    # The worked example of R's poisson.test (137 in 24.19893): 4.753125 to 6.692709. None at all: -ln 0.025.
    low, high = poisson_interval([137, 0])
    np.testing.assert_allclose([low[0] / 24.19893, high[0] / 24.19893], [4.753125, 6.692709], rtol=1e-6)
    assert (low[1], high[1]) == (0, pytest.approx(-math.log(0.025)))


@given(st.integers(1, 5000), LEVELS)
def test_a_poisson_limit_leaves_its_tail(count: int, confidence: float) -> None:
    low, high = poisson_interval(count, confidence=confidence)
    tails = stats.poisson.sf(count - 1, low), stats.poisson.cdf(count, high)
    np.testing.assert_allclose(tails, (1 - confidence) / 2, rtol=1e-6)


def test_poisson_ratio_golden() -> None:
    # The worked example of R's poisson.test (11 in 800 against 21 in 3,011): ratio 1.971488, interval 0.8584264 to
    # 4.2772659. (Its p-value orders the outcomes by likelihood; ours doubles a tail and agrees with the interval.)
    ratio, low, high, p = poisson_ratio(11, 21, exposure_ratio=800 / 3011)
    np.testing.assert_allclose([ratio, low, high], [1.971488, 0.8584264, 4.2772659], rtol=1e-6)
    assert p > 0.05


def test_binomial_interval_golden() -> None:
    # 682 of 925: 0.7076683 to 0.7654066, the worked example of R's binom.test. None of 10: closed form.
    low, high = binomial_interval([682, 0, 0], [925, 10, 0])
    np.testing.assert_allclose(low, [0.7076683, 0, 0], atol=5e-8)
    np.testing.assert_allclose(high, [0.7654066, 1 - 0.025**0.1, 1], atol=5e-8)


def enumerated_coverage(intervals: tuple[np.ndarray, np.ndarray], mean: float) -> float:
    counts = np.arange(len(intervals[0]))
    inside = (intervals[0] <= mean) & (mean <= intervals[1])
    return float(stats.poisson.pmf(counts, mean)[inside].sum())


@given(st.floats(0.01, 60), LEVELS)
def test_poisson_interval_covers_at_least_its_level(mean: float, confidence: float) -> None:
    intervals = poisson_interval(np.arange(400), confidence=confidence)
    assert enumerated_coverage(intervals, mean) >= confidence - 1e-9


@given(st.integers(1, 60), st.floats(0.001, 0.999), LEVELS)
def test_binomial_interval_covers_at_least_its_level(trials: int, share: float, confidence: float) -> None:
    successes = np.arange(trials + 1)
    low, high = binomial_interval(successes, trials, confidence=confidence)
    inside = (low <= share) & (share <= high)
    assert stats.binom.pmf(successes, trials, share)[inside].sum() >= confidence - 1e-9


@given(st.floats(0.2, 12), st.floats(0.2, 12), st.floats(0.1, 4))
def test_ratio_interval_covers_at_least_its_level(mean: float, mean_before: float, exposure_ratio: float) -> None:
    a, b = np.meshgrid(np.arange(60), np.arange(60), indexing="ij")
    low, high = poisson_ratio(a, b, exposure_ratio=exposure_ratio)[1:3]
    true = mean / mean_before / exposure_ratio
    inside = (low <= true) & (true <= high)
    chance = stats.poisson.pmf(a, mean) * stats.poisson.pmf(b, mean_before)
    assert chance[inside].sum() >= 0.95 - 1e-9


@given(COUNTS, COUNTS, st.floats(0.05, 20))
def test_ratio_agrees_with_itself_and_with_scipy(count: int, before: int, exposure_ratio: float) -> None:
    ratio, low, high, p = poisson_ratio(count, before, exposure_ratio=exposure_ratio)
    assert 0 < p <= 1 or (p == 0 and count + before > 50)
    if abs(p - 0.05) > 1e-9:
        assert (p < 0.05) == (not low <= 1 <= high)
    if before:
        assert low <= ratio <= high
    if count + before:
        share = exposure_ratio / (1 + exposure_ratio)
        tails = [stats.binom.cdf(count, count + before, share), stats.binom.sf(count - 1, count + before, share)]
        np.testing.assert_allclose(p, min(1, 2 * min(tails)), rtol=1e-6, atol=1e-300)


@given(COUNTS, COUNTS)
def test_exchanging_the_periods_inverts_the_ratio(count: int, before: int) -> None:
    forward, backward = poisson_ratio(count, before), poisson_ratio(before, count)
    np.testing.assert_allclose(forward.p, backward.p, rtol=1e-9)
    if forward.low > 0:
        np.testing.assert_allclose(1 / forward.low, backward.high, rtol=1e-6)


def test_nothing_to_divide_by() -> None:
    ratio, low, high, p = poisson_ratio([0, 4], [0, 0])
    assert np.isnan(ratio[0])
    assert np.isinf(ratio[1])
    assert low[0] == 0
    assert np.isinf(high).all()
    np.testing.assert_allclose(p, [1, 2 * 0.5**4])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: poisson_interval(-1), "count is [-1.0]"),
        (lambda: poisson_interval(1.5), "count is [1.5]"),
        (lambda: poisson_interval(np.nan), "count is [nan]"),
        (lambda: poisson_interval(3, confidence=95), "confidence is 95"),
        (lambda: binomial_interval(3, 2), "3 successes in 2 trials"),
        (lambda: poisson_ratio(1, 1, exposure_ratio=0), "exposure_ratio is 0.0"),
    ],
)
def test_bad_input_is_refused(call: object, words: str) -> None:
    with pytest.raises(ModelError) as raised:
        call()  # type: ignore[operator]
    assert words in str(raised.value)
