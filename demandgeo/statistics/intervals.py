"""Exact intervals for counts, shares and ratios of counts: they hold their level however small the numbers are."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from demandgeo.domain.record import Floats
from demandgeo.errors import ModelError, Problems


class Interval(NamedTuple):
    """Lower and upper limit, each float64 in the shape of the input."""

    low: Floats
    high: Floats


class Ratio(NamedTuple):
    """Ratio of two rates, its interval and the two-sided p-value of "no change"; float64 in the shape of the input."""

    ratio: Floats
    low: Floats
    high: Floats
    p: Floats


def poisson_interval(count: ArrayLike, *, confidence: float = 0.95) -> Interval:
    """Return the exact interval for the mean of a Poisson count.

    Parameters
    ----------
    count
        Whole numbers >= 0, any shape.
    confidence
        Level in (0, 1). The interval covers at least so often, for any mean.

    Raises
    ------
    ModelError
        If a count is no whole number >= 0, or the level is outside (0, 1).

    Notes
    -----
    Garwood (1936), Biometrika 28:437-442: chi-squared quantiles with 2k and 2k + 2 degrees of freedom, halved.

    Examples
    --------
    >>> low, high = poisson_interval([0, 10])
    >>> low.round(3).tolist(), high.round(3).tolist()
    ([0.0, 4.795], [3.689, 18.39])
    """
    k, tail = _counts(count, name="count"), _tail(confidence)
    low = np.where(k > 0, special.gammaincinv(np.maximum(k, 1.0), tail), 0.0)
    return Interval(low, np.asarray(special.gammainccinv(k + 1.0, tail)))


def binomial_interval(successes: ArrayLike, trials: ArrayLike, *, confidence: float = 0.95) -> Interval:
    """Return the exact interval for a share.

    Parameters
    ----------
    successes, trials
        Whole numbers, 0 <= successes <= trials, shapes that broadcast. No trial at all gives (0, 1).
    confidence
        Level in (0, 1).

    Raises
    ------
    ModelError
        If the numbers are not so.

    Notes
    -----
    Clopper and Pearson (1934), Biometrika 26:404-413: beta quantiles.

    Examples
    --------
    >>> low, high = binomial_interval(5, 20)
    >>> round(low.item(), 4), round(high.item(), 4)
    (0.0866, 0.491)
    """
    k, n = np.broadcast_arrays(_counts(successes, name="successes"), _counts(trials, name="trials"))
    if (k > n).any():
        raise ModelError(f"{k[k > n][0]:g} successes in {n[k > n][0]:g} trials", "at most as many as trials")
    return _clopper_pearson(k, n, _tail(confidence))


def poisson_ratio(
    count: ArrayLike, before: ArrayLike, *, exposure_ratio: ArrayLike = 1.0, confidence: float = 0.95
) -> Ratio:
    """Return the ratio of two Poisson rates with its exact conditional interval and p-value.

    Parameters
    ----------
    count, before
        Whole numbers >= 0 of the two periods, shapes that broadcast.
    exposure_ratio
        Exposure of `count` over that of `before`, > 0: 0.5 for one month against two.
    confidence
        Level in (0, 1).

    Returns
    -------
    Ratio
        ``ratio`` is (count / before) / exposure_ratio: infinite where only `before` is 0, NaN (with the interval 0 to
        infinity and p = 1) where both are. ``p`` is below 1 - confidence exactly where the interval leaves out 1.

    Raises
    ------
    ModelError
        If a number is not so.

    Notes
    -----
    Given their sum, `count` is binomial with share r e / (1 + r e), r the ratio and e the exposures' (Przyborowski and
    Wilenski 1940, Biometrika 31:313-323); the Clopper-Pearson interval of the share is turned into one of r. The
    p-value is twice the smaller tail. Crimes come in series, so their counts vary more than Poisson's: an interval is
    the least uncertainty there is.

    Examples
    --------
    >>> change = poisson_ratio(30, 20)
    >>> [round(float(part), 3) for part in change]
    [1.5, 0.824, 2.787, 0.203]
    """
    a, b = np.broadcast_arrays(_counts(count, name="count"), _counts(before, name="before"))
    exposure = np.asarray(exposure_ratio, np.float64)
    if not (np.isfinite(exposure) & (exposure > 0)).all():
        raise ModelError(f"exposure_ratio is {exposure.tolist()}", "finite numbers > 0 were needed")
    share = _clopper_pearson(a, np.asarray(a + b), _tail(confidence))
    no_change = exposure / (1.0 + exposure)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = a / b / exposure
        low, high = (limit / (1.0 - limit) / exposure for limit in share)
    # The two tails of the binomial, each the other's with the counts and the shares exchanged.
    at_least = np.where(a > 0, special.betainc(np.maximum(a, 1.0), b + 1.0, no_change), 1.0)
    at_most = np.where(b > 0, special.betainc(np.maximum(b, 1.0), a + 1.0, 1.0 - no_change), 1.0)
    p = np.minimum(1.0, 2.0 * np.minimum(at_least, at_most))
    return Ratio(*(np.asarray(part) for part in (ratio, low, high, p)))


def _clopper_pearson(k: NDArray[np.float64], n: NDArray[np.float64], tail: float) -> Interval:
    misses = n - k
    low = np.where(k > 0, special.betaincinv(np.maximum(k, 1.0), misses + 1.0, tail), 0.0)
    high = np.where(misses > 0, special.betainccinv(k + 1.0, np.maximum(misses, 1.0), tail), 1.0)
    return Interval(low, high)


def _tail(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise ModelError(f"confidence is {confidence}", "a number between 0 and 1 was needed", "write 0.95")
    return (1.0 - confidence) / 2.0


def _counts(values: ArrayLike, *, name: str) -> NDArray[np.float64]:
    counts = np.asarray(values, np.float64)
    problems = Problems()
    bad = ~(np.isfinite(counts) & (counts >= 0) & (counts == np.floor(counts)))
    problems.check(not bad.any(), f"{name} is {counts[bad][:1].tolist()}", "whole numbers >= 0 were needed")
    problems.raise_as(ModelError)
    return counts
