"""The exact law of sums without replacement against all subsets, and its bound against extended precision."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from demandgeo.errors import ModelError
from demandgeo.statistics.subset_sums import MOST_ENTRIES, SubsetSums
from tests.kernels import reference_significance as reference


@given(st.lists(st.integers(0, 40), min_size=4, max_size=11), st.data())
def test_the_law_is_that_of_all_subsets(values, data):
    values = np.array(values)
    n = values.size
    drawn = np.array(data.draw(st.lists(st.integers(0, n - 1), min_size=n, max_size=n)))
    level = np.array(data.draw(st.lists(st.integers(-2, int(values.sum()) + 2), min_size=n, max_size=n)))
    law = SubsetSums.of(values, int(drawn.max()))
    at_least, above = law.tails_at(level, drawn)
    for unit in range(n):
        expected = reference.tails(values, unit, drawn[unit], level[unit])
        error = max(abs(at_least[unit] - expected[0]), abs(above[unit] - expected[1]))
        assert error <= min(1e-12, law.error)


def test_zeros_and_ones_are_hypergeometric_however_many_units():
    values = np.repeat([0, 1], [60_000, 40_000])
    law = SubsetSums.of(values, 8)
    level = np.arange(-1, 10)
    at = np.tile([0, 99_999], 6)[:11]
    at_least = np.empty(11)
    for place, (unit, s) in enumerate(zip(at, level, strict=True)):
        levels = np.zeros(values.size, np.int64)
        levels[unit] = s
        at_least[place] = law.tails_at(levels, np.full(values.size, 8))[0][unit]
    others = [stats.hypergeom(99_999, 40_000 - values[unit], 8).sf(s - 1) for unit, s in zip(at, level, strict=True)]
    assert np.abs(at_least - others).max() < 1e-13


def test_large_values_keep_to_the_bound():
    rng = np.random.default_rng(1)
    values = np.append(rng.integers(0, 5, 500), [100_000, 90_001, 70_000])
    law = SubsetSums.of(values, 4)
    drawn, level = np.full(503, 2), np.full(503, 100_000)
    at_least, _ = law.tails_at(level, drawn)
    # Without the largest value, two of the next must come together; with it, it alone does.
    hits = sum(a + b >= 100_000 for i, a in enumerate(values[1:]) for b in values[i + 2 :])
    assert at_least[0] == pytest.approx(hits / math.comb(502, 2), abs=law.error)
    assert law.error < 1e-9


def test_what_cannot_be_tabulated_is_refused():
    with pytest.raises(ModelError, match="round the values"):
        SubsetSums.of(np.array([0, 1, MOST_ENTRIES]), 1)
    with pytest.raises(ModelError, match="permutation"):
        SubsetSums.of(np.arange(80), 60)
