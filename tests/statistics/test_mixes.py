"""Dirichlet mixes: the concentration against a slow search, and shares that add up and go where counts pull them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from demandgeo.domain import Grid
from demandgeo.statistics.mixes import OVERALL, REACH, DirichletMix

GRID = Grid.covering((0, 0, 2000, 1500), cell=100, crs="EPSG:27700")
TOUCHING = GRID.neighbours("rook")


def made(seed, concentration):
    """Counts of three categories whose mix varies from west to east, and from unit to unit."""
    rng = np.random.default_rng(seed)
    east = GRID.centres()[0] / 2000
    expected = np.stack([0.6 - 0.4 * east, 0.3 * np.ones(GRID.n), 0.1 + 0.4 * east])
    shares = np.stack([rng.dirichlet(concentration * column) for column in expected.T]).T
    count = np.stack([rng.multinomial(n, share) for n, share in zip(rng.poisson(8, GRID.n), shares.T, strict=True)]).T
    return shares, count.astype(float)


def neighbours_mix(count):
    row, column = np.divmod(np.arange(GRID.n), GRID.shape[1])
    apart = np.abs(row[:, None] - row) + np.abs(column[:, None] - column)
    near = (apart > 0) & (apart <= REACH)
    around = count @ near.T + OVERALL * count.sum(axis=1, keepdims=True) / count.sum()
    return around / around.sum(axis=0)


def test_the_concentration_is_the_likeliest():
    _, count = made(1, 12.0)
    expected = neighbours_mix(count)
    mix = DirichletMix.fit(count, TOUCHING)
    found = (mix.weight - count).sum(axis=0)
    assert np.ptp(found) < 1e-6 * found[0]
    assert (mix.weight - count) / found == pytest.approx(expected)

    def likelihood(k):
        parts = zip(expected.T, count.T, strict=True)
        return sum(stats.dirichlet_multinomial(k * p, int(n.sum())).logpmf(n.astype(int)) for p, n in parts if n.sum())

    assert likelihood(found[0]) >= max(likelihood(found[0] * 1.05), likelihood(found[0] / 1.05))
    assert 6 < found[0] < 24


def test_shares_add_up_and_their_mean_is_the_posterior():
    _, count = made(2, 5.0)
    mix = DirichletMix.fit(count, TOUCHING)
    drawn = np.stack([mix.shares(3, draw) for draw in range(200)])
    assert drawn.sum(axis=1) == pytest.approx(1.0)
    assert drawn.mean(axis=0) == pytest.approx(mix.mean(), abs=0.07)
    assert (mix.shares(3, 7) == drawn[7]).all()


def test_intervals_hold_the_truth():
    inside = []
    for seed in range(4):
        shares, count = made(seed, 10.0)
        mix = DirichletMix.fit(count, TOUCHING)
        drawn = np.stack([mix.shares(1, draw) for draw in range(100)])
        low, high = np.quantile(drawn, [0.1, 0.9], axis=0)
        inside.append(((shares >= low) & (shares <= high)).mean())
    assert np.mean(inside) == pytest.approx(0.8, abs=0.04)


def test_one_category_is_all_there_is():
    mix = DirichletMix.fit(np.arange(float(GRID.n))[None], TOUCHING)
    assert (mix.shares(1, 1) == 1).all()
    assert (mix.mean() == 1).all()
