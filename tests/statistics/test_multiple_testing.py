"""False-discovery rates by their definition, and p-values of draws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from demandgeo.statistics.multiple_testing import false_discovery_rates, monte_carlo_p

P = st.one_of(st.just(float("nan")), st.floats(1e-12, 1))


@given(st.lists(P, min_size=1, max_size=30), st.sampled_from([("bh", "fdr_bh"), ("by", "fdr_by")]))
def test_rates_are_those_of_statsmodels_and_nan_is_no_test(p, names):
    p = np.array(p)
    q, tested = false_discovery_rates(p, names[0]), ~np.isnan(p)
    assert np.isnan(q).tolist() == (~tested).tolist()
    if tested.any():
        assert q[tested] == pytest.approx(multipletests(p[tested], method=names[1])[1], rel=1e-12)
        assert (q[tested] >= p[tested]).all()


def test_the_observed_is_a_draw_itself():
    assert monte_carlo_p(np.array([0, 9, 99]), 99).tolist() == [0.01, 0.1, 1.0]
