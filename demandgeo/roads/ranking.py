"""Which sites are the worst, how surely, and which excesses to believe."""

from __future__ import annotations

from typing import Literal

import numpy as np

from demandgeo.domain.record import Floats, Integers
from demandgeo.statistics.negative_binomial import Posterior

RankBy = Literal["excess", "expected", "density"]

SURE = 1e-6
"""A place whose chance to be among the worst is below this is not drawn."""

STEPS = 40
AT_ONCE = 2_000_000
"""Numbers drawn at a time."""


def score(true: Floats, mean: Floats, length: Floats, by: RankBy) -> Floats:
    """Return what ranks places: excess over what such places suffer, expected count, or expected per metre."""
    if by == "excess":
        return true - mean
    return true if by == "expected" else true / np.maximum(length, 1.0)


def worst(after: Posterior, mean: Floats, length: Floats, *, by: RankBy, number: int, draws: int, seed: int) -> Floats:
    """Return the probability of each place to be among the `number` worst, by seeded draws of the true means.

    Parameters
    ----------
    after
        What is known of the true means, [n].
    mean, length
        float64 [n]: what such places suffer, and their metres.
    by, number, draws, seed
        See `roads.empirical_bayes`.

    Returns
    -------
    float64 [n]
        Standard error at most 0.5 / sqrt(draws); they sum to `number`.
    """
    n = mean.size
    if number >= n:
        return np.ones(n)
    near = _contenders(after, mean, length, by, number)
    rng = np.random.Generator(np.random.Philox(seed))
    hits = np.zeros(near.size, np.int64)
    chunk = max(1, AT_ONCE // near.size)
    for first in range(0, draws, chunk):
        size = (min(chunk, draws - first), near.size)
        true = rng.standard_gamma(after.shape[near], size) / after.rate[near]
        drawn = score(true, mean[near], length[near], by)
        top = np.argpartition(-drawn, number - 1, axis=1)[:, :number]
        hits += np.bincount(top.ravel(), minlength=near.size)
    found = np.zeros(n)
    found[near] = hits / draws
    return found


def _contenders(after: Posterior, mean: Floats, length: Floats, by: RankBy, number: int) -> Integers:
    """Return the places that may be among the worst in some draw, few as they are.

    Above a score that twice `number` places are expected to exceed, fewer than `number` do once in a million draws
    (Chernoff: exp(-number / 4) at 50); a place that hardly ever exceeds it is left out.
    """
    top = np.argsort(-score(after.interval(0.9)[1], mean, length, by), kind="stable")[: 40 * number]
    few = Posterior(after.shape[top], after.rate[top])
    low, high = 0.0, float(score(after.interval(1.0 - 2 * SURE)[1], mean, length, by)[top].max())
    for _ in range(STEPS):
        level = (low + high) / 2
        enough = few.above(true_at(level, mean[top], length[top], by)).sum() >= 2 * number
        low, high = (level, high) if enough else (low, level)
    return np.flatnonzero(after.above(true_at(low, mean, length, by)) > SURE)


def true_at(level: float, mean: Floats, length: Floats, by: RankBy) -> Floats:
    """Return the true mean at which a place has a score."""
    if by == "excess":
        return mean + level
    return np.full(mean.size, level) if by == "expected" else level * np.maximum(length, 1.0)


def false_discovery(p_excess: Floats) -> Floats:
    """Return the q-value of each place: the expected share of false ones among those at least as sure.

    Notes
    -----
    The mean of 1 - p over the places with p at least as great (Newton et al. 2004, Biostatistics 5:155).

    Examples
    --------
    >>> false_discovery(np.array([0.5, 0.99, 0.9])).round(4).tolist()
    [0.2033, 0.01, 0.055]
    """
    order: Integers = np.argsort(-p_excess, kind="stable")
    running = np.cumsum(1.0 - p_excess[order]) / np.arange(1, p_excess.size + 1)
    found = np.empty(p_excess.size)
    found[order] = running
    return found
