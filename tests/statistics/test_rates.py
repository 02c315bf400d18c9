"""Gamma-Poisson rates: the prior against a slow fit, posteriors against truth, totals kept."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, stats

from demandgeo.domain import Grid
from demandgeo.errors import ModelError
from demandgeo.statistics import rates
from demandgeo.statistics.rates import FACTORS, REACHES, SHAPE, GammaPoisson, poisson_counts

GRID = Grid.covering((0, 0, 4000, 3000), cell=100, crs="EPSG:27700")
TOUCHING = GRID.neighbours("rook")


def made(seed):
    """True rates around two centres, of which a third is 0, and counts of them."""
    rng = np.random.default_rng(seed)
    x, y = GRID.centres()
    smooth = 0.4 + 6 * np.exp(-((x - 1200) ** 2 + (y - 1500) ** 2) / 4e5) + 3 * np.exp(-((x - 3000) ** 2) / 1e5)
    true = smooth * rng.gamma(1.5, 1 / 1.5, GRID.n) * (rng.random(GRID.n) < 0.7)
    return true, rng.poisson(true).astype(float)


def steps_away(steps):
    """Every unit's neighbours within some steps of a walk, itself left out."""
    row, column = np.divmod(np.arange(GRID.n), GRID.shape[1])
    apart = np.abs(row[:, None] - row) + np.abs(column[:, None] - column)
    return (apart > 0) & (apart <= steps)


def test_neighbourhoods_are_those_of_a_walk():
    for steps, matrix in zip(REACHES, rates.neighbourhoods(TOUCHING), strict=True):
        assert (matrix.toarray() == steps_away(steps)).all()


def test_the_local_mean_is_that_of_a_slow_search():
    _, count = made(1)
    extent = GRID.extent
    overall = count.sum() / extent.sum()
    rate = [(steps_away(s) @ count + 1) / (steps_away(s) @ extent + 1 / overall) for s in REACHES]
    ratios = [rate[-1] / overall, *(rate[i] / rate[i + 1] for i in range(len(REACHES) - 1))]

    def mean_of(parameters):
        powers = zip(ratios, parameters[1:-1], strict=True)
        return extent * overall * np.exp(parameters[0]) * np.prod([r**p for r, p in powers], axis=0)

    def cost(parameters):
        mean, shape = mean_of(parameters), np.exp(parameters[-1])
        chance = stats.nbinom(shape, shape / (shape + mean)).logpmf(count).sum()
        return ((parameters[1:-1] - np.eye(len(REACHES))[0]) ** 2).sum() / 2 - chance

    slow = optimize.minimize(cost, np.array([0, 1, 0, 0, 0, 0.0]), method="BFGS")
    mean = rates._local_mean(count, extent, rates.neighbourhoods(TOUCHING))
    assert mean == pytest.approx(mean_of(slow.x), rel=2e-3)


def test_the_mixture_is_no_less_likely_than_any_other_shares():
    _, count = made(2)
    mean = rates._local_mean(count, GRID.extent, rates.neighbourhoods(TOUCHING))
    share = rates._shares(count, mean)
    own = mean[:, None] * FACTORS
    chance = stats.nbinom(SHAPE, SHAPE / (SHAPE + own)).pmf(count[:, None])
    assert share.sum() == pytest.approx(1)
    # At the maximum no share gains: the mean of chance over the mixture is 1 at most (Lindsay 1983).
    gain = (chance / (chance @ share)[:, None]).mean(axis=0)
    assert gain.max() < 1.005
    posterior = chance * share / (chance @ share)[:, None]
    assert rates._mixed(count, mean) == pytest.approx(posterior, abs=1e-9)


def test_draws_have_the_posterior_mean_and_rates_cover_the_truth():
    inside, together = [], []
    for seed in range(6):
        true, count = made(seed)
        model = GammaPoisson.fit(count[None], GRID.extent, TOUCHING)
        drawn = np.stack([model.rates(3, draw)[0] for draw in range(100)])
        assert drawn.mean(axis=0) == pytest.approx(model.posterior_mean()[0], rel=0.6, abs=0.3)
        assert drawn.sum(axis=1).mean() == pytest.approx(count.sum(), rel=0.02)
        low, high = np.quantile(drawn, [0.1, 0.9], axis=0)
        held = (true >= low) & (true <= high)
        inside.append(held[count > 0].mean())
        together.append((true[count >= 4].mean(), drawn[:, count >= 4].mean()))
    assert np.mean(inside) == pytest.approx(0.8, abs=0.03)
    truth, found = np.mean(together, axis=0)
    assert found == pytest.approx(truth, rel=0.05)


def test_an_empty_layer_stays_empty_and_changes_nothing():
    _, count = made(4)
    both = GammaPoisson.fit(np.stack([count, np.zeros(GRID.n)]), GRID.extent, TOUCHING)
    alone = GammaPoisson.fit(count[None], GRID.extent, TOUCHING)
    assert (both.mean[0] == alone.mean[0]).all()
    assert not both.rates(1, 0)[1].any()
    assert not both.posterior_mean()[1].any()


def test_a_draw_is_that_of_its_seed_and_number():
    _, count = made(5)
    model = GammaPoisson.fit(count[None], GRID.extent, TOUCHING)
    assert (model.rates(1, 7) == model.rates(1, 7)).all()
    assert (model.rates(1, 7) != model.rates(1, 8)).any()
    assert poisson_counts(np.full((2, 3), 4.0), 1, 2).shape == (2, 3)


@pytest.mark.parametrize("count", [[-1.0, 2.0], [0.5, 2.0], [np.nan, 1.0]])
def test_what_is_no_count_is_refused(count):
    line = Grid.covering((0, 0, 200, 100), cell=100, crs="EPSG:27700")
    with pytest.raises(ModelError, match="no whole number"):
        GammaPoisson.fit(np.array([count]), line.extent, line.neighbours())
