"""The field's usual methods: they hold the share in few areas, and do what their names say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demandgeo.errors import ModelError
from demandgeo.priority import rivals, select
from tests.priority.conftest import demand_on

BOUNDED = ("kde_contour", "gi_clumps", "dbscan")
PEAKS = [(4, 5), (12, 14)]


def hills(seed, side=18):
    """Two hills in a field of noise."""
    rng = np.random.default_rng(seed)
    rows, columns = np.indices((side, side))
    height = sum(30 * np.exp(-((rows - r) ** 2 + (columns - c) ** 2) / 6) for r, c in PEAKS)
    return demand_on(rng.poisson(height + 0.5).astype(float))


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 0.5), st.integers(2, 5), st.sampled_from(BOUNDED))
def test_each_holds_the_share_in_no_more_areas_than_asked_for(seed, share, most, name):
    demand = hills(seed)
    labels = rivals.RIVALS[name](demand, demand_share=share, max_areas=most)
    assert demand.values[labels >= 0].sum() >= share * demand.values.sum() * (1 - 1e-9)
    assert set(np.unique(labels)) <= set(range(-1, most))
    held = np.bincount(labels[labels >= 0], demand.values[labels >= 0])
    assert (np.diff(held) <= 1e-9).all(), "numbered from the area that holds most"


@pytest.mark.parametrize("name", BOUNDED)
def test_each_finds_the_hills(name):
    labels = rivals.RIVALS[name](hills(1), demand_share=0.5, max_areas=2).reshape(18, 18)
    assert {labels[peak] for peak in PEAKS} == {0, 1}


@pytest.mark.parametrize("name", BOUNDED)
def test_a_threshold_a_step_higher_would_hold_less_than_the_share(name):
    demand = hills(2)
    asked = [rivals.RIVALS[name](demand, demand_share=share, max_areas=3) for share in (0.2, 0.3, 0.4)]
    held = [demand.values[labels >= 0].sum() / demand.values.sum() for labels in asked]
    assert held == sorted(held)
    # What held 0.3 at the first threshold is no larger than what a higher share needed.
    assert [int((labels >= 0).sum()) for labels in asked] == sorted(int((labels >= 0).sum()) for labels in asked)


def test_top_cells_are_the_densest():
    demand = hills(3)
    chosen = rivals.top_cells(demand, demand_share=0.3, max_areas=1) >= 0
    assert demand.values[chosen].min() >= demand.values[~chosen].max()
    fewer = np.sort(demand.values)[::-1][: chosen.sum() - 1].sum()
    assert fewer < 0.3 * demand.values.sum() <= demand.values[chosen].sum()


def test_gi_scores_are_those_of_the_formula():
    demand = hills(4, side=6)
    values, touching = demand.values, demand.support.neighbours("queen")
    n = values.size
    score = np.empty(n)
    for unit in range(n):
        near = [unit, *touching.indices[touching.indptr[unit] : touching.indptr[unit + 1]]]
        w = len(near)
        spread = values.std() * np.sqrt((n * w - w**2) / (n - 1))
        score[unit] = (values[near].sum() - values.mean() * w) / spread
    labels = rivals.gi_clumps(demand, demand_share=0.3, max_areas=36)
    assert score[labels >= 0].min() >= score[labels < 0].max() - 1e-12


def test_our_selection_needs_no_more_than_any_of_them():
    for seed in range(5):
        demand = hills(seed)
        ours = select(demand, demand_share=0.4, max_areas=3).selected.sum()
        for name in BOUNDED:
            theirs = (rivals.RIVALS[name](demand, demand_share=0.4, max_areas=3) >= 0).sum()
            assert ours <= theirs, name


def test_a_share_out_of_reach_is_refused():
    values = np.zeros((9, 9))
    values[::4, ::4] = 5.0
    with pytest.raises(ModelError, match="dbscan cannot hold 90%"):
        rivals.dbscan(demand_on(values), demand_share=0.9, max_areas=2)
