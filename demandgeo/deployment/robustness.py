"""Which option ranks where, how often, and which option beats which on everything."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from demandgeo.domain.record import Floats
from demandgeo.domain.scorecard import MOST_RANKS
from demandgeo.kernels.chance import fill_uniform

LEVEL = 1e-12
"""Two options whose worth differs by less are level: both are first in equal parts."""

BATCH = 4_000_000
"""Gains held at once while draws are ranked: 32 MB."""


def gains(values: Floats, directions: Sequence[str]) -> Floats:
    """Turn values [..., criteria] so that higher is better on every criterion."""
    return np.asarray(values * np.array([1.0 if direction == "higher" else -1.0 for direction in directions]))


def rank_probability(gain: Floats, *, draws: int, seed: int) -> tuple[Floats, Floats]:
    """Return how often each option takes each rank when scenario and criterion weights are drawn.

    Each draw takes one of the scenarios and weights uniform over all that are >= 0 and sum to 1; worth is the weighted
    mean of gains scaled from the worst (0) to the best option (1) of that scenario (SMAA; Lahdelma, Hokkanen and
    Salminen 1998). Options that are level share their ranks.

    Parameters
    ----------
    gain
        float64 [options, criteria, scenarios], higher is better.
    draws, seed
        Number of draws and their chance.

    Returns
    -------
    tuple of ndarray
        float64 [options, ranks], for at most `MOST_RANKS` ranks; float64 [options], the mean rank, from 1.
    """
    options, criteria, scenarios = gain.shape
    chance = np.empty((draws, criteria + 1))
    fill_uniform(seed, 0, chance)
    which = (chance[:, 0] * scenarios).astype(np.int64)
    exponential = -np.log1p(-chance[:, 1:])
    drawn = exponential / exponential.sum(axis=1, keepdims=True)
    scaled = _scaled(gain)
    ranks = min(options, MOST_RANKS)
    taken, total = np.zeros((options, ranks)), np.zeros(options)
    batch = max(1, BATCH // (options * criteria))
    for first in range(0, draws, batch):
        part = slice(first, first + batch)
        worth = np.einsum("dc,ocd->do", drawn[part], scaled[:, :, which[part]])
        for own in worth:
            _take(own, taken, total)
    return taken / draws, total / draws


def weighted_sum(gain: Floats, weights: Floats) -> Floats:
    """Return the weighted mean of gains [options, criteria] scaled from the worst (0) to the best option (1)."""
    return np.asarray(_scaled(gain[:, :, None])[:, :, 0] @ (weights / weights.sum()))


def topsis(gain: Floats, weights: Floats) -> Floats:
    """Return how near each option is to the ideal one, 0 to 1 (Hwang and Yoon 1981).

    Gains [options, criteria] over the length of their criterion, weighted; the distance from the worst over those from
    the worst and the best. An infinite time counts as the worst that is finite.
    """
    finite = np.isfinite(gain)
    low = np.where(finite.any(axis=0), gain.min(axis=0, where=finite, initial=np.inf), 0.0)
    known = np.where(finite, gain, low)
    length = np.sqrt((known**2).sum(axis=0))
    point = known / np.where(length > 0, length, 1.0) * (weights / weights.sum())
    best, worst = (np.sqrt(((point - end) ** 2).sum(axis=1)) for end in (point.max(axis=0), point.min(axis=0)))
    return np.asarray(np.divide(worst, best + worst, out=np.full(len(gain), 0.5), where=best + worst > 0))


def _scaled(gain: Floats) -> Floats:
    """Scale gains [options, criteria, scenarios] from the worst (0) to the best option (1) of each."""
    finite = np.isfinite(gain)
    low = gain.min(axis=0, where=finite, initial=np.inf)
    high = gain.max(axis=0, where=finite, initial=-np.inf)
    span = np.where(high > low, high - low, 1.0)
    # An option that misses a criterion without bound (an infinite time) scores as the worst does.
    return np.asarray(np.divide(gain - low, span, out=np.zeros(gain.shape), where=finite), np.float64)


def _take(worth: Floats, out_taken: Floats, out_total: Floats) -> None:
    """Add one draw: each option takes its rank; options that are level share theirs in equal parts."""
    order = np.argsort(-worth, kind="stable")
    begins = np.r_[True, np.diff(worth[order]) < -LEVEL]
    start, tie = np.flatnonzero(begins), np.cumsum(begins) - 1
    end = np.r_[start[1:], worth.size]
    out_total[order] += (start[tie] + 1 + end[tie]) / 2.0
    for rank in range(out_taken.shape[1]):
        level = order[start[tie[rank]] : end[tie[rank]]]
        out_taken[level, rank] += 1.0 / level.size


def dominators(gain: Floats) -> list[int | None]:
    """Return, for each option, an option that is as good on every criterion and better on one; None if there is none.

    Parameters
    ----------
    gain
        float64 [options, criteria], higher is better.
    """
    found: list[int | None] = []
    for own in gain:
        better = (gain >= own).all(axis=1) & (gain > own).any(axis=1)
        found.append(int(np.argmax(better)) if better.any() else None)
    return found
