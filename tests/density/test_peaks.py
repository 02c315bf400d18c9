"""Significant peaks: a level that holds under chance, peaks that are found, and regions that hold their share."""

from __future__ import annotations

from dataclasses import replace

import numba
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from demandgeo.density import count, highest_density_regions, significant_peaks, surface
from demandgeo.density.nulls import Exposure, Relabelling, Scene
from demandgeo.domain import Events, Grid
from demandgeo.errors import GeometryError, ModelError
from demandgeo.kernels.shapes import Shape

CRS = "EPSG:27700"
GRID = Grid.covering((0, 0, 2000, 2000), cell=100, crs=CRS)
X, Y = np.random.default_rng(0).uniform(0, 2000, (2, 60)).round()


def some(rng, n, weighted=False):
    at = rng.integers(X.size, size=n)
    weight = {"weight": rng.choice([1.0, 5.0, 40.0], n), "weight_name": "days"} if weighted else {}
    return Events.at(X[at], Y[at], crs=CRS, **weight)


def uniform_exposure(grid=GRID):
    x, y = grid.centres()
    return count(Events.at(x, y, crs=CRS, kind="population"), grid)


def scattered(rng, n):
    return Events.at(*rng.uniform(0, 2000, (2, n)), crs=CRS)


@pytest.fixture
def one_thread():
    """Thousands of surfaces of 400 cells: two threads would wait for each other most of the time."""
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    yield
    numba.set_num_threads(before)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("null", ["labels", "exposure"])
def test_the_level_holds_if_all_is_chance(null):
    rng = np.random.default_rng(1)
    sets, any_peak, low = 150, 0, []
    exposure = uniform_exposure()
    for number in range(sets):
        if null == "labels":
            pair = some(rng, 120), some(rng, 180)
        else:
            # The null drops events at the centres of cells: so does this scene.
            pair = (
                Events.at(*(np.floor(part / 100) * 100 + 50 for part in rng.uniform(0, 2000, (2, 150))), crs=CRS),
                exposure,
            )
        peaks = significant_peaks(pair[0], GRID, pair[1], replicates=19, alpha=0.1, bandwidth=500.0, seed=number)
        any_peak += peaks.provenance["units_above_threshold"] > 0
        low.append(np.mean(peaks.p[peaks.tested] <= 0.05))
    # 0.999 limits of a binomial of 150 with 0.1; and the mean share of cells at p <= 0.05 by its own spread.
    assert stats.binom.ppf(0.0005, sets, 0.1) <= any_peak <= stats.binom.ppf(0.9995, sets, 0.1)
    assert np.mean(low) == pytest.approx(0.05, abs=3.5 * np.std(low) / np.sqrt(sets))


@pytest.mark.parametrize("null", ["labels", "exposure"])
def test_a_planted_peak_is_found_where_it_is(null):
    rng = np.random.default_rng(2)
    before, now = scattered(rng, 600), scattered(rng, 600)
    x, y = now.x.copy(), now.y.copy()
    x[:80], y[:80] = rng.normal([[1500], [600]], 80, (2, 80))
    planted = Events.at(x, y, crs=CRS)
    against = before if null == "labels" else uniform_exposure()
    peaks = significant_peaks(planted, GRID, against, bandwidth=300.0, replicates=499)
    near = np.hypot(*(np.array(GRID.centres()) - [[1500], [600]])) < 450
    above = peaks.z > peaks.provenance["family_wise_threshold"]
    assert above[near].any()
    assert not above[~near].any()
    assert peaks.significant(0.05)[near].any()
    assert np.nanmin(peaks.p) == 1 / 500
    assert (peaks.q[peaks.tested] >= peaks.p[peaks.tested]).all()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("shape", [Shape.UNIFORM, Shape.QUARTIC])
def test_mean_and_spread_are_those_of_the_draws(weighted, shape):
    rng = np.random.default_rng(3)
    scene = Scene(GRID, 500.0, shape)
    nulls = [Relabelling.of(some(rng, 80, weighted), some(rng, 150, weighted), GRID, subset=False)]
    if not weighted:
        nulls.append(Exposure.of(some(rng, 80), count(some(rng, 400), GRID), GRID))
    for null in nulls:
        mean, variance, effective = null.moments(scene)
        drawn = np.array([scene.fill(null.draw(5, r), np.empty(GRID.shape)).copy() for r in range(1000)])
        sd = np.sqrt(variance)
        assert np.abs(drawn.mean(axis=0) - mean).max() <= (5 * sd / np.sqrt(1000)).max()
        ratio = drawn.std(axis=0)[effective > 5] / sd[effective > 5]
        assert ratio.mean() == pytest.approx(1, abs=0.03)
        assert np.abs(ratio - 1).max() < 0.15


def test_pointwise_p_is_that_of_a_draw_by_draw_count():
    rng = np.random.default_rng(4)
    events, others = some(rng, 60, weighted=True), some(rng, 90, weighted=True)
    peaks = significant_peaks(events, GRID, others, bandwidth=450.0, replicates=59, seed=11)
    null, scene = Relabelling.of(events, others, GRID, subset=False), Scene(GRID, 450.0, Shape.QUARTIC)
    drawn = np.array([scene.fill(null.draw(11, r), np.empty(GRID.shape)).ravel() for r in range(59)])
    seen = surface(events, GRID, bandwidth=450.0, per="period").values
    assert peaks.statistic == pytest.approx(seen, rel=1e-12)
    expected = (1 + (drawn * 1e6 >= seen * (1 - 1e-12)).sum(axis=0)) / 60
    assert (peaks.p == expected)[peaks.tested].all()
    mean, variance, _ = null.moments(scene)
    scores = (drawn - mean.ravel()) / np.sqrt(variance.ravel())
    threshold = np.sort(scores[:, peaks.tested].max(axis=1))[-3]
    assert peaks.provenance["family_wise_threshold"] == pytest.approx(threshold, rel=1e-9)


def test_events_among_all_events_are_not_pooled_twice():
    rng = np.random.default_rng(5)
    everything = some(rng, 300)
    serious = everything.where(np.arange(300) < 80)
    rest = everything.where(np.arange(300) >= 80)
    settings = {"bandwidth": 400.0, "replicates": 39, "seed": 3}
    among = significant_peaks(serious, GRID, everything, subset=True, **settings)
    apart = significant_peaks(serious, GRID, rest, **settings)
    assert among.provenance["pooled_events"] == apart.provenance["pooled_events"] == 300
    assert np.allclose(among.z, apart.z, equal_nan=True, rtol=1e-9)
    with pytest.raises(ModelError, match="1 events are not among"):
        significant_peaks(Events.at([3.0], [4.0], crs=CRS), GRID, everything, subset=True, **settings)


def test_seeds_decide_the_draws_and_nothing_else_does():
    rng = np.random.default_rng(6)
    pair = some(rng, 100), some(rng, 100)
    first, again, other = (significant_peaks(pair[0], GRID, pair[1], replicates=19, seed=s) for s in (1, 1, 2))
    assert first.content_hash() == again.content_hash()
    assert (first.p != other.p)[first.tested].any()
    assert np.array_equal(first.z, other.z, equal_nan=True)


def test_cells_with_too_few_events_are_not_tested_and_counted():
    rng = np.random.default_rng(7)
    inside = np.ones(GRID.shape, bool)
    inside[:5] = False
    part = Grid(GRID.x0, GRID.y0, GRID.dx, GRID.dy, inside, np.full(int(inside.sum()), 1e4), CRS)
    peaks = significant_peaks(some(rng, 100), part, some(rng, 100), bandwidth=250.0, replicates=19, least_expected=3.0)
    assert 0 < peaks.tested.sum() < part.n
    assert peaks.provenance["units_not_tested"] == (~peaks.tested).sum()
    assert {"statistic", "z", "p", "q"} <= set(peaks.to_frame().columns)


def test_what_cannot_be_tested_is_refused_in_words():
    rng = np.random.default_rng(8)
    events, others = some(rng, 50), some(rng, 50)
    with pytest.raises(ModelError, match=r"cannot tell a level of 0\.01"):
        significant_peaks(events, GRID, others, replicates=19, alpha=0.01)
    with pytest.raises(ModelError, match="larger bandwidth"):
        significant_peaks(events, GRID, others, bandwidth=10.0)
    with pytest.raises(ModelError, match="weighted by 'count', the others by 'days'"):
        significant_peaks(events, GRID, some(rng, 50, weighted=True))
    with pytest.raises(ModelError, match="must count once"):
        significant_peaks(some(rng, 50, weighted=True), GRID, uniform_exposure())
    with pytest.raises(ModelError, match="different supports"):
        significant_peaks(events, GRID, uniform_exposure(Grid.covering((0, 0, 2000, 2000), cell=200, crs=CRS)))
    with pytest.raises(ModelError, match="0 everywhere"):
        significant_peaks(events, GRID, replace(uniform_exposure(), values=np.zeros(GRID.n)))
    with pytest.raises(GeometryError, match="EPSG:32630"):
        significant_peaks(events, GRID, Events.at([1.0], [1.0], crs="EPSG:32630"))


@given(st.integers(0, 2**32 - 1), st.lists(st.floats(0.01, 1), min_size=1, max_size=4, unique=True))
def test_regions_are_nested_hold_their_share_and_no_smaller_choice_does(seed, shares):
    rng = np.random.default_rng(seed)
    inside = rng.random(GRID.shape) < 0.7
    grid = Grid(0, 2000, 100, 100, inside, rng.uniform(1, 1e4, int(inside.sum())), CRS)
    demand = count(some(rng, 50), grid)
    if not demand.values.any():
        return
    regions = highest_density_regions(demand, shares=shares)
    density = demand.values / grid.extent
    for row, share in enumerate(sorted(shares)):
        chosen = (regions.labels >= 0) & (regions.labels <= row)
        held = demand.values[chosen].sum() / demand.values.sum()
        assert held >= share - 1e-9
        assert regions.table["demand_share"][row] == pytest.approx(held)
        assert regions.table["extent"][row] == pytest.approx(grid.extent[chosen].sum())
        assert regions.table["units"][row] == chosen.sum()
        assert density[chosen].min() >= density[~chosen].max(initial=0)
        least = chosen & (density == density[chosen].min())
        assert held - demand.values[least].max() / demand.values.sum() < share + 1e-9


def test_regions_of_a_surface_weigh_cells_by_their_extent():
    rng = np.random.default_rng(9)
    demand = surface(scattered(rng, 200), GRID, bandwidth=400.0, per="period")
    regions = highest_density_regions(demand)
    frame = regions.to_frame()
    assert frame["share"].tolist() == [0.25, 0.5]
    assert frame["area_km2"].tolist() == pytest.approx((frame.area / 1e6).tolist())
    assert frame.geometry[1].covers(frame.geometry[0])
    assert list(regions.summary()) == ["25% of demand", "50% of demand"]


@pytest.mark.parametrize("shares", [[], [0.0], [0.5, 0.5], [1.5], [float("nan")]])
def test_shares_that_mean_nothing_are_refused(shares):
    with pytest.raises(ModelError, match="distinct numbers"):
        highest_density_regions(count(some(np.random.default_rng(1), 9), GRID), shares=shares)


def test_no_demand_has_no_regions():
    nothing = replace(count(some(np.random.default_rng(1), 9), GRID), values=np.zeros(GRID.n))
    with pytest.raises(ModelError, match="no demand"):
        highest_density_regions(nothing)


def test_records_refuse_what_they_cannot_be():
    from demandgeo.domain import DensityRegions, LocalStatistic

    good = np.full(GRID.n, 0.5)
    with pytest.raises(ModelError, match=r"outside \(0, 1\]"):
        LocalStatistic(GRID, good, good, good * 0, good)
    with pytest.raises(ModelError, match="shape"):
        LocalStatistic(GRID, good[1:], good, good, good)
    with pytest.raises(ModelError, match="not known of the same units"):
        LocalStatistic(GRID, good, np.where(np.arange(GRID.n) == 3, np.nan, good), good, good)
    with pytest.raises(ModelError, match="columns"):
        DensityRegions(GRID, np.full(GRID.n, -1), pd.DataFrame({"share": [0.5]}))
