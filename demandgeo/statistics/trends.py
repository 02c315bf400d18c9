"""Whether a series rises or falls: the test of Mann and Kendall."""

from __future__ import annotations

import itertools

import numpy as np
from scipy import stats

from demandgeo.domain.record import Floats

MOST_EXACT = 60
"""Series up to this length have an exact p where no two values are equal."""


def mann_kendall(values: Floats) -> tuple[Floats, Floats]:
    """Return Kendall's S of each series against time, and its two-sided p.

    Parameters
    ----------
    values
        float64 [times, n], in order of time.

    Returns
    -------
    tuple of float64 [n]
        S, rising pairs less falling ones; and p, exact where no two values are equal and the series has at most 60
        (all orders being equally likely), else normal with the variance for ties and the correction for continuity.

    Notes
    -----
    Mann (1945), Econometrica 13:245-259; Kendall (1975), Rank Correlation Methods, sections 4.9 and 5.8 (ties).

    Examples
    --------
    >>> s, p = mann_kendall(np.array([[1.0, 3.0], [2.0, 3.0], [4.0, 1.0], [7.0, 2.0], [9.0, 5.0]]))
    >>> s.tolist(), p.round(4).tolist()
    ([10.0, 1.0], [0.0167, 1.0])
    """
    times, n = values.shape
    s = np.zeros(n)
    for early, late in itertools.combinations(values, 2):
        s += np.sign(late - early)
    spread = times * (times - 1) * (2 * times + 5) - _ties(values)
    score = np.divide(np.abs(s) - 1.0, np.sqrt(spread / 18.0), out=np.zeros(n), where=spread > 0)
    p = np.minimum(2.0 * stats.norm.sf(np.maximum(score, 0.0)), 1.0)
    if times <= MOST_EXACT:
        full = times * (times - 1) * (2 * times + 5)
        p = np.where(spread == full, _exact(times)[np.abs(s).astype(np.int64)], p)
    return s, p


def _ties(values: Floats) -> Floats:
    """Return the sum of t (t - 1) (2 t + 5) over the groups of t equal values of each series."""
    ordered, total = np.sort(values, axis=0), np.zeros(values.shape[1])
    run = np.ones(values.shape[1])
    for before, after in itertools.pairwise([*ordered, np.full(values.shape[1], np.nan)]):
        ends = before != after
        total += np.where(ends, run * (run - 1) * (2 * run + 5), 0.0)
        run = np.where(ends, 1.0, run + 1.0)
    return total


def _exact(times: int) -> Floats:
    """Return the chance that |S| is at least s, float64 [pairs + 1], if all orders are equally likely."""
    pairs = times * (times - 1) // 2
    # A value stands below 0, 1, ... of those before it, each equally likely: falling pairs add up.
    falling = np.ones(1)
    for before in range(2, times + 1):
        falling = np.convolve(falling, np.full(before, 1.0 / before))
    chance = np.zeros(pairs + 1)
    np.add.at(chance, np.abs(pairs - 2 * np.arange(pairs + 1)), falling)
    return np.minimum(np.cumsum(chance[::-1])[::-1], 1.0)
