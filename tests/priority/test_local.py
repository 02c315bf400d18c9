"""Gi, Gi* and local Moran: exact against all permutations, draws against esda's, and what each kind can tell."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from typeguard import suppress_type_checks

from demandgeo.errors import ModelError, PrecisionWarning
from demandgeo.priority import getis_ord, local_moran
from tests.priority.conftest import demand_on

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from esda.getisord import G_Local
    from esda.moran import Moran_Local
    from libpysal.weights import lat2W


def esda_of(kind, *given, **settings):
    with warnings.catch_warnings():
        # Its default alternative changes, it says on every call; and setting a diagonal is slow, says scipy.
        warnings.simplefilter("ignore")
        return kind(*given, permutations=199, n_jobs=1, seed=12, keep_simulations=False, **settings)


def clustered(side, seed=3, mean=2.0):
    """Counts of a smooth random intensity with hot cores, on cells unlike each other."""
    rng = np.random.default_rng(seed)
    row, column = np.indices((side, side))
    field = 8.0 * gaussian_filter(rng.normal(size=(side, side)), 3)
    for r, c in rng.integers(0, side, (max(1, side * side // 372), 2)):
        field += 2.5 * np.exp(((row - r) ** 2 + (column - c) ** 2) / -8.0)
    cells = np.exp(field) * rng.gamma(2.0, 0.5, field.shape)
    return rng.poisson(cells / np.exp(field).mean() * mean).astype(float)


def enumerated(demand, star):
    """p of every alternative, from all choices of the others."""
    values, touching = demand.total, demand.support.neighbours("queen")
    greater, lesser = [], []
    for unit in range(values.size):
        around = touching.indices[touching.indptr[unit] : touching.indptr[unit + 1]]
        drawn = [sum(c) for c in itertools.combinations(np.delete(values, unit).tolist(), around.size)]
        own = values[unit] if star else 0.0
        greater.append(np.mean(np.array(drawn) + own >= values[around].sum() + own))
        lesser.append(np.mean(np.array(drawn) + own <= values[around].sum() + own))
    return np.array(greater), np.array(lesser)


@pytest.mark.parametrize("star", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_exact_p_is_that_of_all_permutations(seed, star):
    rng = np.random.default_rng(seed)
    demand = demand_on(rng.poisson(rng.gamma(0.6, 5, (3, 4))) + (np.indices((3, 4)).sum(axis=0) == 0))
    greater, lesser = enumerated(demand, star)
    found = {kind: getis_ord(demand, star=star, alternative=kind).p for kind in ("greater", "lesser", "two-sided")}
    assert np.abs(found["greater"] - greater).max() <= 1e-12
    assert np.abs(found["lesser"] - lesser).max() <= 1e-12
    assert np.abs(found["two-sided"] - np.minimum(1, 2 * np.minimum(greater, lesser))).max() <= 2e-12


@pytest.mark.parametrize("seed", range(3))
def test_exact_moran_is_that_of_all_permutations(seed):
    demand = demand_on(np.random.default_rng(seed).poisson(2.3, (3, 4)) + np.eye(3, 4))
    values, touching = demand.total, demand.support.neighbours("queen")
    z = (values - values.mean()) / values.std()
    found = local_moran(demand, alternative="greater")
    for unit in range(12):
        around = touching.indices[touching.indptr[unit] : touching.indptr[unit + 1]]
        others = np.delete(z, unit)
        drawn = np.array([z[unit] * sum(c) / around.size for c in itertools.combinations(others, around.size)])
        observed = z[unit] * z[around].mean()
        assert found.p[unit] == pytest.approx(np.mean(drawn >= observed - 1e-9), abs=1e-12)
        assert found.statistic[unit] == pytest.approx(observed * 11 / 12)
        if drawn.std() > 0:
            assert found.z[unit] == pytest.approx((observed - drawn.mean()) / drawn.std(), abs=1e-9)


# Each kind of esda's statistics takes some ten seconds to compile.
@pytest.mark.parametrize("star", [True, pytest.param(False, marks=pytest.mark.long)])
def test_draws_ties_and_scores_are_esdas_with_the_same_seed(star):
    settings = {"inference": "permutation", "generator": "esda", "seed": 12, "permutations": 199}
    for instance in (3, 4, 6):
        values = clustered(40, instance)
        peer = esda_of(G_Local, values.ravel(), lat2W(40, 40, rook=False), transform="B", star=star)
        ours = getis_ord(demand_on(values), star=star, alternative="directed", **settings)
        assert (ours.p.astype(np.float32) == peer.p_sim).all()
        assert np.abs(ours.z - peer.Zs).max() < 1e-11
        assert np.abs(ours.statistic - peer.Gs).max() < 1e-15
        assert ours.provenance["generator"].startswith("esda 2.")


def test_moran_is_esdas_where_no_rounding_breaks_ties():
    # esda compares sums of rounded scores, so that ties of counts fall at random: weights without ties do not.
    values = np.random.default_rng(4).gamma(0.5, 10, (30, 30))
    peer = esda_of(Moran_Local, values.ravel(), lat2W(30, 30, rook=False))
    ours = local_moran(
        demand_on(values, weight_name="days"),
        inference="permutation",
        generator="esda",
        seed=12,
        permutations=199,
        alternative="directed",
    )
    assert (ours.p.astype(np.float32) == peer.p_sim).all()
    assert ours.statistic == pytest.approx(peer.Is, abs=1e-12)
    ours_of_esdas = np.array([-1, 0, 2, 3, 1])  # there 1 high-high, 2 low-high, 3 low-low, 4 high-low
    assert (ours.kind.codes == ours_of_esdas[peer.q]).all()


def test_draws_of_the_counter_agree_with_the_exact_law():
    demand = demand_on(clustered(40))
    exact = getis_ord(demand).p
    drawn = getis_ord(demand, inference="permutation", permutations=4999, seed=3).p
    spread = np.sqrt(exact * (1 - exact) / 4999) + 1 / 4999
    # All units share the draws, as in esda: their errors move together.
    assert np.abs((drawn - exact) / spread).max() < 6
    assert np.mean(((drawn - exact) / spread) ** 2) < 3
    other = getis_ord(demand, inference="permutation", permutations=4999, seed=4).p
    assert (drawn != other).any()


def test_the_exact_law_finds_what_draws_cannot_and_the_normal_makes_up():
    demand = demand_on(clustered(122, seed=20150401))
    counts = {
        kind: int(getis_ord(demand, inference=kind).significant().sum()) for kind in ("exact", "permutation", "normal")
    }
    assert counts["permutation"] == 0
    assert 20 < counts["exact"] < counts["normal"] / 5
    by = getis_ord(demand, adjust="by").significant().sum()
    assert 0 < by < counts["exact"]


@pytest.mark.parametrize("kind", ["exact", "permutation", "normal"])
def test_where_all_is_chance_the_exact_p_keeps_its_level_and_the_normal_does_not(kind):
    rng = np.random.default_rng(5)
    low = [
        np.mean(getis_ord(demand_on(rng.poisson(rng.gamma(0.05, 20, (60, 60)))), inference=kind).p <= 0.001)
        for _ in range(20)
    ]
    if kind == "normal":
        assert np.mean(low) > 0.005
    else:
        assert np.mean(low) < 0.0015


def test_weights_are_rounded_on_a_stated_grid_and_the_rest_is_bounded():
    counts = clustered(40)
    demand = demand_on(counts * 12.34, measure="weight", weight_name="days")
    plain = getis_ord(demand_on(counts))
    scaled = getis_ord(demand)
    assert scaled.provenance["rounding"] == pytest.approx(12.34)
    assert np.abs(scaled.p - plain.p).max() < 1e-12
    assert "significant_at_least" not in scaled.provenance
    messy = demand_on(counts * 12.34 + np.sqrt(2) * (counts > 0), measure="weight", weight_name="days")
    rough = getis_ord(messy)  # a warning would be an error
    assert 0 < rough.provenance["rounding_residual"] <= rough.provenance["rounding"] / 2 * (1 + 1e-9)
    least, most = (rough.provenance[f"significant_at_{end}"] for end in ("least", "most"))
    assert least == rough.significant().sum() == most
    with pytest.warns(PrecisionWarning, match="Values were rounded: between"):
        coarse = getis_ord(messy, rounding=5.0)
    assert coarse.provenance["rounding"] == 5.0
    assert coarse.provenance["significant_at_least"] < most < coarse.provenance["significant_at_most"]
    with pytest.raises(ModelError, match="give at least"):
        getis_ord(messy, rounding=1e-9)


@given(st.integers(0, 2**32 - 1))
def test_bounds_hold_the_p_of_what_was_not_rounded(seed):
    from demandgeo.priority.inference import Lags, exact_tails

    rng = np.random.default_rng(seed)
    demand = demand_on(rng.gamma(0.5, 10, (3, 3)), weight_name="days")
    greater, lesser = enumerated(demand, star=False)
    tails = exact_tails(Lags.of(demand.total, demand.support.neighbours("queen")), 1.0)
    for side, true in enumerate((greater, lesser)):
        assert (tails.low[side] <= true + 1e-9).all()
        assert (tails.high[side] >= true - 1e-9).all()


def test_one_giant_leaves_the_rest_exact():
    values = clustered(40)
    values[3, 4] = 3_000_000.0
    with pytest.warns(PrecisionWarning, match="between 0 and 8 units"):
        found = getis_ord(demand_on(values))
    # Where less is held than the giant, it makes no difference how much more the giant is.
    tame = values.copy()
    tame[3, 4] = 10_000.0
    same = getis_ord(demand_on(tame))
    beside = np.zeros((40, 40), bool)
    beside[2:5, 3:6] = True
    beside[3, 4] = False
    assert found.provenance["rounding"] > 1
    assert found.provenance["units_rounded"] == 8
    assert np.abs(found.p - same.p)[~beside.ravel()].max() < 1e-9
    assert (found.p[beside.ravel()] < 0.006).all()


def test_units_without_value_or_neighbours_are_not_tested():
    values = clustered(12)
    values[:3, :3] = np.nan
    values[1, 1] = 50.0  # an island
    found = getis_ord(demand_on(values))
    assert found.provenance["islands"] == 1
    assert found.provenance["units_without_value"] == 8
    assert np.isnan(found.p.reshape(12, 12)[:3, :3]).all()
    assert np.isfinite(found.p.reshape(12, 12)[3:]).all()
    moran = local_moran(demand_on(values))
    assert (moran.kind.present == moran.tested).all()


def test_units_without_value_count_as_if_they_did_not_exist():
    values = clustered(12)
    whole = values.copy()
    whole[:4] = np.nan
    for test in (getis_ord, local_moran):
        cut, rest = test(demand_on(whole)), test(demand_on(values[4:]))
        for column in ("statistic", "z", "p", "q"):
            assert np.array_equal(getattr(cut, column)[48:], getattr(rest, column))


def test_twice_the_demand_gives_the_same_p():
    values = clustered(30)
    assert np.array_equal(getis_ord(demand_on(values)).p, getis_ord(demand_on(2 * values)).p)


def test_what_cannot_be_tested_is_refused_in_words():
    with pytest.raises(ModelError, match="all units hold the same"):
        getis_ord(demand_on(np.ones((4, 4))))
    with pytest.raises(ModelError, match="2 units have a value"):
        getis_ord(demand_on([[1.0, 2.0, np.nan]]))
    with pytest.raises(ModelError, match="no unit touches another"):
        getis_ord(demand_on([[1.0, np.nan, 2.0, np.nan, 0.0]]))
    values = demand_on(clustered(5))
    with suppress_type_checks(), pytest.raises(ModelError) as caught:
        getis_ord(values, inference="exakt", alternative="hot", adjust="bonferroni", permutations=0)
    assert len(caught.value.problems) == 4
