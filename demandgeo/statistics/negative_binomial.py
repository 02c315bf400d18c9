"""Negative binomial regression of counts, and what a place's own count adds to it: empirical Bayes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, cast

import numpy as np
from scipy import linalg, optimize, special

from demandgeo.domain.record import Floats
from demandgeo.errors import ModelError, Problems

SHAPES = (1e-4, 1e6)
"""Bounds of the shape at size 1: beyond them counts are nothing but zeros and clumps, or Poisson."""

COEFFICIENT = 50.0
"""A log-linear coefficient beyond this is that of a level without any count."""


@dataclass(frozen=True, slots=True)
class Fit:
    """A negative binomial regression: mean = exp(offset + design coefficient), variance = mean + mean^2 / shape.

    Attributes
    ----------
    coefficient, error
        float64 [p]: estimates and standard errors.
    shape
        float64 [n]: of each place, `scale` times its size to the power `exponent`.
    scale, exponent
        See `shape`.
    mean
        float64 [n]: fitted.
    log_likelihood
        Of the counts.
    """

    coefficient: Floats
    error: Floats
    shape: Floats
    scale: float
    exponent: float
    mean: Floats
    log_likelihood: float


class Posterior(NamedTuple):
    """Gamma distributions of the true means: float64 [n] each."""

    shape: Floats
    rate: Floats

    @property
    def mean(self) -> Floats:
        """The expected count."""
        return self.shape / self.rate

    def interval(self, confidence: float) -> tuple[Floats, Floats]:
        """Return the central interval."""
        tail = (1.0 - confidence) / 2.0
        low, high = (special.gammaincinv(self.shape, share) / self.rate for share in (tail, 1.0 - tail))
        return low, high

    def above(self, level: Floats) -> Floats:
        """Return the probability that the true mean is above a level."""
        return cast(Floats, special.gammaincc(self.shape, np.maximum(level, 0.0) * self.rate))


def fit(count: Floats, design: Floats, offset: Floats, size: Floats, *, exponent: float = 0.0) -> Fit:
    """Fit by maximum likelihood.

    Parameters
    ----------
    count
        float64 [n], >= 0; sums of probabilities need not be whole (the likelihood is then a quasi-likelihood).
    design
        float64 [n, p] of full rank, the constant among its columns.
    offset
        float64 [n]: logarithm of exposure.
    size
        float64 [n], > 0: with `exponent` 1 the shape grows in proportion to it (Hauer 2001), with 0 it is the same.
    exponent
        Of the size in the shape.

    Raises
    ------
    ModelError
        If nothing was counted, or the design is not of full rank or does not fit.

    Notes
    -----
    NB2 (Cameron and Trivedi 2013, section 3.3) with the shape of Hauer (2001), Accident Analysis and Prevention 33:799:
    the longer a street, the more its own peculiarities average out. With exponent 1 true means are increments of a
    gamma process, so that parts of a street are negative binomial with the same scale.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> traffic = rng.normal(8, 1, 5000)
    >>> mean = np.exp(-6 + 0.75 * traffic)
    >>> count = rng.poisson(mean * rng.gamma(1.5, 1 / 1.5, 5000)).astype(float)
    >>> found = fit(count, np.column_stack([np.ones(5000), traffic]), np.zeros(5000), np.ones(5000))
    >>> found.coefficient.round(2).tolist(), round(found.scale, 2)
    ([-6.17, 0.77], 1.48)
    """
    _check(count, design, offset, size)
    centre = design.mean(axis=0) * (design.std(axis=0) > 0)
    spread = np.where(design.std(axis=0) > 0, design.std(axis=0), 1.0)
    scaled = (design - centre) / spread
    start = np.zeros(design.shape[1] + 1)
    constant = int(np.argmin(design.std(axis=0)))
    start[constant] = np.log(count.sum() / np.exp(offset).sum()) / design[0, constant]
    log_size = exponent * np.log(size)

    def loss(theta: Floats) -> tuple[float, Floats]:
        value, slope, by_shape = _log_likelihood(count, offset + _times(scaled, theta[:-1]), theta[-1] + log_size)
        return -value, -np.append(np.einsum("np,n->p", scaled, slope), by_shape.sum())

    bounds = [(-COEFFICIENT, COEFFICIENT)] * design.shape[1] + [tuple(np.log(SHAPES))]
    found = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=_PRECISE)
    theta = found.x
    mean = np.exp(offset + _times(scaled, theta[:-1]))
    shape = np.exp(theta[-1] + log_size)
    information = np.einsum("np,n,nq->pq", scaled, mean * shape / (mean + shape), scaled)
    back = np.diag(1.0 / spread)
    back[constant] -= centre / spread / design[0, constant]
    covariance = back @ linalg.pinvh(information) @ back.T
    return Fit(
        back @ theta[:-1],
        np.sqrt(np.maximum(np.diag(covariance), 0.0)),
        shape,
        float(np.exp(theta[-1])),
        exponent,
        mean,
        -float(found.fun),
    )


_PRECISE = {"maxiter": 500, "ftol": 1e-12, "gtol": 1e-8}


def _times(design: Floats, coefficient: Floats) -> Floats:
    # Not by BLAS: its sums depend on the number of threads.
    return cast(Floats, np.einsum("np,p->n", design, coefficient))


def posterior(count: Floats, mean: Floats, shape: Floats) -> Posterior:
    """Return what is known of the true means once places have been counted.

    Notes
    -----
    Gamma with shape `shape` and mean `mean` before, Poisson count: gamma again, with mean
    w mean + (1 - w) count, w = shape / (shape + mean) (Hauer 1997, Observational Before-After Studies, chapter 11).

    Examples
    --------
    >>> after = posterior(np.array([3.0]), np.array([1.0]), np.array([2.0]))
    >>> after.mean.round(4).tolist(), 2 / 3 * 1.0 + 1 / 3 * 3.0
    ([1.6667], 1.6666666666666665)
    """
    return Posterior(shape + count, shape / mean + 1.0)


def _log_likelihood(count: Floats, log_mean: Floats, log_shape: Floats) -> tuple[float, Floats, Floats]:
    """Return it with its derivatives by the logarithms of the mean and of the shape of each place."""
    mean, shape = np.exp(np.clip(log_mean, -COEFFICIENT, COEFFICIENT)), np.exp(log_shape)
    share = mean / (mean + shape)
    # log(shape / (mean + shape)) by log1p: exact where the shape is large, as it is near Poisson.
    none = -np.log1p(mean / shape)
    value = shape * none
    by_shape = shape * (none + share)
    some = count > 0
    y, k = count[some], shape[some]
    value[some] += special.gammaln(y + k) - special.gammaln(k) - special.gammaln(y + 1.0) + y * np.log(share[some])
    by_shape[some] += k * (special.digamma(y + k) - special.digamma(k)) - y * (1.0 - share[some])
    return float(value.sum()), (count - mean) * (1.0 - share), by_shape


def _check(count: Floats, design: Floats, offset: Floats, size: Floats) -> None:
    problems = Problems()
    finite = all(np.isfinite(part).all() for part in (count, design, offset, size))
    problems.check(finite, "a number of the model is not finite", "counts, covariates and exposure for every place")
    problems.check((size > 0).all() and (count >= 0).all(), "a size is not above 0 or a count is below 0")
    problems.check(count.sum() > 0, "nothing was counted", "events on the places were needed to fit a model")
    problems.raise_as(ModelError)
    rank = int(np.linalg.matrix_rank(design))
    if rank < design.shape[1]:
        raise ModelError(
            f"the {design.shape[1]} columns of the model have rank {rank}",
            "covariates that are not sums of each other were needed",
            "leave one out",
        )
