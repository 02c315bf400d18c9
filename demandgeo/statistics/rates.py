"""Rates behind counts: a gamma-Poisson model whose prior follows the neighbourhood of each unit."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, sparse, special

from demandgeo.domain import Neighbours
from demandgeo.domain.record import Floats
from demandgeo.errors import ModelError
from demandgeo.kernels.draws import draw_mixtures, draw_poissons

REACHES = (1, 2, 4, 8)
"""Steps to the neighbours whose rates a prior mean is made of."""

SHAPES = (1e-3, 1e3)
"""Bounds of the shape while the prior means are fitted."""

FACTORS = 2.0 ** np.arange(-8, 11)
"""Means of the gammas that a rate's factor over its prior mean is mixed of: none at all to a prison in a village."""

SHAPE = 4.0
"""Shape of each of these gammas: at ratios of 2 neighbours overlap, and their mixture is smooth."""

ROUNDS, STILL = 200, 1e-6
"""Rounds of the fit of the mixture at most; it stops when no share moves by more than this."""

GROUPS = 20.0
"""Units whose log mean is the same to 1 / 20 are one row in the fit of the mixture."""


@dataclass(frozen=True, slots=True, eq=False)
class GammaPoisson:
    """Rates of counts: a local mean times a factor drawn from a mixture of gammas, so that a posteriori they are one.

    Parameters
    ----------
    count
        float64 [layers, n].
    mean
        float64 [layers, n]: local mean of the rate of each unit, per period.
    chance
        float32 [layers, n, factors]: posterior probability of each gamma of the mixture.

    Notes
    -----
    Local mean. The rates around a unit of extent a, among the units up to s = 1, 2, 4, 8 steps away and *without its
    own events*, are ``r_s = (events + 1) / (extent + 1 / g)``, g the overall rate; the mean is
    a e^b r_8^b8 (r_4 / r_8)^b4 (r_2 / r_4)^b2 (r_1 / r_2)^b1. The powers maximise the negative-binomial likelihood of
    the counts, with a unit-normal penalty that keeps them near (1, 0, 0, 0) where events are few (empirical Bayes:
    Clayton and Kaldor 1987, Biometrics 43:671; local means: Marshall 1991, Applied Statistics 40:283).

    Factor. Its prior is a mixture of gammas of shape 4 and means 2^-8 .. 2^10, whose shares maximise the likelihood
    (EM; Laird 1978, JASA 73:805). The tail of a single gamma is too light: with it the made city's busiest cells seemed
    to hold a tenth less than they do.

    Examples
    --------
    >>> import numpy as np
    >>> touching = Neighbours.from_pairs(3, np.array([0, 1]), np.array([1, 2]), np.ones(2))
    >>> model = GammaPoisson.fit(np.array([[4.0, 5.0, 30.0]]), np.ones(3), touching)
    >>> model.rates(seed=1, draw=0).shape, bool(model.posterior_mean()[0, 2] < 30)
    ((1, 3), True)
    """

    count: Floats
    mean: Floats
    chance: NDArray[np.float32]

    @classmethod
    def fit(cls, count: Floats, extent: Floats, touching: Neighbours) -> GammaPoisson:
        """Fit the prior of each layer.

        Parameters
        ----------
        count
            float64 [layers, n], whole numbers; a layer without any event has rates of 0.
        extent
            float64 [n].
        touching
            Which units touch.

        Raises
        ------
        ModelError
            If a count is no whole number >= 0.
        """
        if not (np.isfinite(count).all() and (count >= 0).all() and (count == np.floor(count)).all()):
            raise ModelError("a count is no whole number >= 0", "counts of events were needed")
        around = neighbourhoods(touching)
        mean = np.zeros(count.shape)
        chance = np.zeros((*count.shape, FACTORS.size), np.float32)
        for layer, own in enumerate(count):
            if own.any():
                mean[layer] = _local_mean(own, extent, around)
                chance[layer] = _mixed(own, mean[layer])
        return cls(count, mean, chance)

    def posterior_mean(self) -> Floats:
        """float64 [layers, n]: the mean of what `rates` draws."""
        scale: Floats = np.einsum("lnj,lnj->ln", self.chance, self._scale())
        return scale * (SHAPE + self.count)

    def rates(self, seed: int, draw: int) -> Floats:
        """Draw the rates, float64 [layers, n]: a gamma of the mixture, then a rate from its posterior."""
        out = np.empty(self.count.size)
        draw_mixtures(
            seed,
            draw,
            self.chance.reshape(-1, FACTORS.size),
            SHAPE,
            FACTORS,
            self.count.ravel(),
            self.mean.ravel(),
            out,
        )
        return out.reshape(self.count.shape)

    def _scale(self) -> Floats:
        mean = self.mean[..., None] * FACTORS
        scale: Floats = mean / (SHAPE + mean)
        return scale


def poisson_counts(mean: Floats, seed: int, draw: int) -> Floats:
    """Draw a Poisson count for each mean, float64 in the shape of `mean`; the same (seed, draw) gives the same."""
    out = np.empty(mean.size)
    draw_poissons(seed, draw, np.ascontiguousarray(mean.ravel()), out)
    return out.reshape(mean.shape)


def neighbourhoods(touching: Neighbours, reaches: tuple[int, ...] = REACHES) -> list[sparse.csr_array]:
    """Return, for each reach (ascending), which units are from 1 to so many steps away, as a matrix of ones."""
    n = len(touching)
    self_only = sparse.eye_array(n, format="csr")
    ones = np.ones(touching.indices.size)
    step = (sparse.csr_array((ones, touching.indices, touching.indptr), shape=(n, n)) + self_only).tocsr()
    found, near = [], step
    for steps in range(1, reaches[-1] + 1):
        if steps > 1:
            near = near @ step
            near.data[:] = 1.0
        if steps in reaches:
            found.append((near - self_only).tocsr())
    return found


def _local_mean(count: Floats, extent: Floats, around: list[sparse.csr_array]) -> Floats:
    """Return the local means of one layer."""
    overall = count.sum() / extent.sum()
    rates = [np.log((near @ count + 1.0) / (near @ extent + 1.0 / overall) / overall) for near in around]
    # Each rate but the widest against the next wider one: rates alike would make the search a long valley.
    terms = np.stack([np.ones(count.size), rates[-1], *(a - b for a, b in pairwise(rates))])
    even = np.log(extent * overall)
    # Few distinct counts: the slow functions of a count and the shape are looked up.
    values, which = np.unique(count, return_inverse=True)
    often = np.bincount(which)
    start = np.eye(len(terms))[1]

    def cost(parameters: Floats) -> tuple[float, Floats]:
        powers, log_shape = parameters[:-1], parameters[-1]
        shape, log_mean = np.exp(log_shape), even + _combined(terms, powers)
        mean, away = np.exp(log_mean), np.append(0.0, (powers - start)[1:])
        rising = often * (special.gammaln(values + shape) - special.gammaln(shape))
        log_odds = np.logaddexp(log_mean, log_shape)
        log_chance = rising.sum() + (count * log_mean + shape * log_shape - (count + shape) * log_odds).sum()
        by_shape = (often * (special.digamma(values + shape) - special.digamma(shape))).sum()
        by_shape += (1.0 + log_shape - log_odds - (count + shape) / (shape + mean)).sum()
        # Sums by einsum, not by BLAS, whose order depends on the threads.
        slope = np.einsum("kn,n->k", terms, shape * (count - mean) / (shape + mean)) - away
        return float((away**2).sum() / 2 - log_chance), -np.append(slope, shape * by_shape)

    bounds = [(-9.0, 9.0)] * len(terms) + [(float(np.log(SHAPES[0])), float(np.log(SHAPES[1])))]
    best = optimize.minimize(cost, np.append(start, 0.0), jac=True, method="L-BFGS-B", bounds=bounds)
    return cast(Floats, np.exp(even + _combined(terms, best.x[:-1])))


def _mixed(count: Floats, mean: Floats) -> Floats:
    """Return the posterior probability of each gamma of the mixture, float64 [n, factors]."""
    share = _shares(count, mean)
    chance = _likelihood(count, np.log(mean)) * share
    return cast(Floats, chance / chance.sum(axis=1, keepdims=True))


def _shares(count: Floats, mean: Floats) -> Floats:
    """Return the shares of the gammas, float64 [factors], that make the counts likeliest."""
    # On units grouped by count and mean: a tenth of the rows, and shares that agree to three digits.
    step = np.round(np.log(mean) * GROUPS).astype(np.int64)
    base = int(count.max()) + 1
    kinds, often = np.unique((step - step.min()) * base + count.astype(np.int64), return_counts=True)
    chance = _likelihood((kinds % base).astype(np.float64), (kinds // base + step.min()) / GROUPS)
    share = np.full(FACTORS.size, 1.0 / FACTORS.size)
    for _ in range(ROUNDS):
        before = share
        share = before * np.einsum("nj,n->j", chance, often / np.einsum("nj,j->n", chance, before)) / count.size
        if np.abs(share - before).max() < STILL:
            break
    return share


def _likelihood(count: Floats, log_mean: Floats) -> Floats:
    """Return how likely each count is under each gamma, float64 [n, factors], over the greatest of its row."""
    log_own = log_mean[:, None] + np.log(FACTORS)
    log_chance = count[:, None] * log_own - (count[:, None] + SHAPE) * np.logaddexp(log_own, np.log(SHAPE))
    return cast(Floats, np.exp(log_chance - log_chance.max(axis=1, keepdims=True)))


def _combined(terms: Floats, powers: Floats) -> Floats:
    return cast(Floats, np.einsum("kn,k->n", terms, powers))
