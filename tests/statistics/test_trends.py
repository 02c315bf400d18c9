"""Mann and Kendall's test against scipy's Kendall, and all orders."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from demandgeo.statistics.trends import MOST_EXACT, mann_kendall


@given(st.integers(0, 2**32 - 1), st.integers(3, 14))
def test_without_ties_p_is_exact(seed, times):
    values = np.random.default_rng(seed).permuted(np.tile(np.arange(times * 1.0), (3, 1)), axis=1).T
    s, p = mann_kendall(values)
    for series in range(3):
        known = stats.kendalltau(np.arange(times), values[:, series], method="exact")
        assert s[series] == pytest.approx(known.statistic * times * (times - 1) / 2)
        assert p[series] == pytest.approx(known.pvalue, rel=1e-12)


def test_p_is_the_share_of_orders_as_extreme():
    orders = np.array(list(itertools.permutations(range(5))), float).T
    s, p = mann_kendall(orders)
    for value in np.unique(np.abs(s)):
        assert p[np.abs(s) == value][0] == pytest.approx(np.mean(np.abs(s) >= value), rel=1e-12)


@pytest.mark.parametrize("times", [8, 40, MOST_EXACT + 5])
def test_with_ties_the_variance_is_that_of_all_orders(times):
    values = np.random.default_rng(times).integers(0, 4, times).astype(float)
    drawn = np.random.default_rng(1).permuted(np.tile(values, (20_000, 1)), axis=1).T
    s, _ = mann_kendall(drawn)
    _, counts = np.unique(values, return_counts=True)
    known = (times * (times - 1) * (2 * times + 5) - (counts * (counts - 1) * (2 * counts + 5)).sum()) / 18
    assert s.var() == pytest.approx(known, rel=0.05)
    one, p = mann_kendall(values[:, None])
    score = max(abs(one[0]) - 1, 0) / np.sqrt(known)
    assert p[0] == pytest.approx(min(1.0, 2 * stats.norm.sf(score)))


def test_a_series_that_stands_still_has_no_trend():
    s, p = mann_kendall(np.ones((6, 2)))
    assert (s.tolist(), p.tolist()) == ([0, 0], [1, 1])
