"""Counts that vary more than Poisson's: how much more, and what a change of such a count means."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, special
from statsmodels.genmod.families import Poisson
from statsmodels.genmod.generalized_linear_model import GLM

from demandgeo.domain.record import Floats, Integers
from demandgeo.errors import ModelError, Problems
from demandgeo.statistics.intervals import Ratio, poisson_ratio

POISSON = 1.0 + 1e-9
"""A dispersion below this is Poisson's: the beta-binomial is then the binomial to the last digit."""


class Dispersion(NamedTuple):
    """Variance over mean, and the degrees of freedom that it was estimated with."""

    factor: float
    freedom: int


def dispersion_of(count: ArrayLike, season: ArrayLike | None = None) -> Dispersion:
    """Return how much more a series of counts varies than Poisson's would.

    Parameters
    ----------
    count
        Counts of successive windows of equal length, float64 [n] >= 0.
    season
        The season of each window, integers [n]; None if there are none.

    Returns
    -------
    Dispersion
        Pearson's chi-squared over its degrees of freedom, of a log-linear Poisson model with a level per season and a
        trend: not below 1.

    Raises
    ------
    ModelError
        If fewer than three degrees of freedom are left.

    Notes
    -----
    McCullagh and Nelder (1989), Generalized Linear Models, section 6.2.3.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> steady = dispersion_of(rng.poisson(200, 40), np.arange(40) % 4)
    >>> clumped = dispersion_of(4 * rng.poisson(50, 40), np.arange(40) % 4)
    >>> bool(steady.factor < 1.6), bool(2.5 < clumped.factor < 6), steady.freedom
    (True, True, 35)
    """
    y = np.asarray(count, np.float64)
    seasons = np.zeros(y.size, np.int64) if season is None else np.asarray(season, np.int64)
    level = (seasons[:, None] == np.unique(seasons)).astype(np.float64)
    trend = np.arange(y.size) - (y.size - 1) / 2
    design = np.column_stack([level, trend / max(y.size, 1)])
    freedom = y.size - design.shape[1]
    if freedom < 3:
        raise ModelError(
            f"{y.size} windows in {level.shape[1]} seasons leave {freedom} degrees of freedom",
            "at least 3 were needed to see how counts vary",
            "give a longer history",
        )
    if not y.any():
        return Dispersion(1.0, freedom)
    # A season without any count has no finite level; it is as it was fitted: no surprise in either direction.
    lively = np.isin(seasons, np.unique(seasons[y > 0]))
    design = design[lively][:, design[lively].any(axis=0)]
    mean = GLM(y[lively], design, family=Poisson()).fit().fittedvalues
    pearson = float((np.square(y[lively] - mean) / mean).sum())
    left = int(lively.sum()) - design.shape[1]
    return Dispersion(max(1.0, pearson / max(left, 1)), left)


def clustering(size: ArrayLike) -> float:
    """Return variance over mean of a count whose events come in clusters of these sizes, clusters being Poisson.

    Examples
    --------
    >>> clustering([1, 1, 1]), clustering([1, 3])
    (1.0, 2.5)
    """
    sizes = np.asarray(size, np.float64)
    total = float(sizes.sum())
    return max(1.0, float(np.square(sizes).sum()) / total) if total > 0 else 1.0


def dispersed_ratio(
    count: float, before: float, dispersion: float, *, exposure_ratio: float = 1.0, confidence: float = 0.95
) -> Ratio:
    """Return the ratio of two over-dispersed rates with its conditional interval and p-value.

    Parameters
    ----------
    count, before
        Whole numbers >= 0 of the two periods.
    dispersion
        Variance over mean of either count, >= 1; 1 gives `poisson_ratio`.
    exposure_ratio
        Exposure of `count` over that of `before`, > 0.
    confidence
        Level in (0, 1).

    Returns
    -------
    Ratio
        Each a 0-dimensional float64; ``p`` is below 1 - confidence exactly where the interval leaves out 1.

    Raises
    ------
    ModelError
        If a number is not so.

    Notes
    -----
    Counts with variance f times their mean are negative binomial with shape mean / (f - 1) (NB1: Cameron and Trivedi
    2013, Regression Analysis of Count Data, section 3.3). Both then have the same success probability, so given
    their sum n the first is beta-binomial with parameters s n / (f - 1) and (1 - s) n / (f - 1), s the share that
    ratio and exposures imply (Johnson, Kemp and Kotz 2005, Univariate Discrete Distributions, section 6.2; the
    expected sum is put at n). Its tails are inverted as those of the binomial are in `poisson_ratio`.

    Examples
    --------
    >>> plain, wide = dispersed_ratio(173, 233, 1.0), dispersed_ratio(173, 233, 2.0)
    >>> [round(float(part), 3) for part in plain], [round(float(part), 3) for part in wide]
    ([0.742, 0.606, 0.908, 0.003], [0.742, 0.558, 0.984, 0.038])
    """
    problems = Problems()
    problems.check(1 <= dispersion < np.inf, f"dispersion is {dispersion}", "a number >= 1 was needed")
    problems.raise_as(ModelError)
    exact = poisson_ratio(count, before, exposure_ratio=exposure_ratio, confidence=confidence)
    total = int(count + before)
    if dispersion < POISSON or total == 0:
        return exact
    strength, tail = total / (dispersion - 1.0), (1.0 - confidence) / 2.0

    def at_least(share: float) -> float:
        return _tail(int(count), total, share * strength, (1 - share) * strength)

    def at_most(share: float) -> float:
        return _tail(int(before), total, (1 - share) * strength, share * strength)

    low = _crossing(lambda share: at_least(share) - tail) if count > 0 else 0.0
    high = _crossing(lambda share: tail - at_most(share)) if before > 0 else 1.0
    same = exposure_ratio / (1.0 + exposure_ratio)
    with np.errstate(divide="ignore"):
        least, most = (np.asarray(np.divide(share, 1.0 - share) / exposure_ratio) for share in (low, high))
    p = min(1.0, 2.0 * min(at_least(same), at_most(same)))
    return Ratio(exact.ratio, least, most, np.asarray(p))


def _tail(least: int, total: int, a: float, b: float) -> float:
    """Return the probability of at least `least` of a beta-binomial count."""
    # Summed from the tail itself: one minus the rest loses what is far out.
    k = np.arange(least, total + 1, dtype=np.float64)
    log = special.betaln(k + a, total - k + b) - special.betaln(a, b)
    log -= special.betaln(k + 1.0, total - k + 1.0) + np.log(total + 1.0)
    return min(1.0, float(np.exp(special.logsumexp(log))))


def _crossing(rising: Callable[[float], float]) -> float:
    """Return the share at which a function that rises with it is 0: the end of (0, 1) where it never is."""
    least, most = 1e-9, 1.0 - 1e-9
    if rising(least) >= 0:
        return 0.0
    if rising(most) <= 0:
        return 1.0
    return float(optimize.brentq(rising, least, most, xtol=1e-12))


def windows(month: Integers, weight: Floats, *, first: int, length: int) -> tuple[Floats, Integers]:
    """Return the sums of whole windows of `length` months, one of which starts at month `first`, and their seasons.

    Parameters
    ----------
    month
        int64 [n]: month of each event, counted from any origin.
    weight
        float64 [n].
    first, length
        Months.

    Examples
    --------
    >>> windows(np.array([0, 2, 3, 5, 7]), np.ones(5), first=3, length=3)
    (array([2., 2.]), array([0, 1]))
    """
    start = int(np.ceil((month.min() - first) / length))
    stop = int(np.floor((month.max() + 1 - first) / length))
    number = np.floor_divide(month - first, length)
    whole = (number >= start) & (number < stop)
    sums = np.bincount(number[whole] - start, weight[whole], minlength=max(stop - start, 0))
    cycle = 12 // length if 12 % length == 0 else 1
    return sums.astype(np.float64), np.arange(sums.size) % cycle
