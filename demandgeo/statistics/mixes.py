"""What kinds of events a unit has: shares of categories, known as well as its counts tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
from scipy import optimize, special

from demandgeo.domain import Neighbours
from demandgeo.domain.record import Floats
from demandgeo.kernels.draws import draw_gammas
from demandgeo.statistics.rates import neighbourhoods

REACH = 4
"""Steps to the neighbours whose mix a unit's own is expected to be near."""

OVERALL = 20.0
"""Events of the overall mix that are added to those of the neighbours."""

CONCENTRATIONS = (0.1, 1e5)
"""From a mix of which the neighbours say nothing to one that is theirs."""


@dataclass(frozen=True, slots=True, eq=False)
class DirichletMix:
    """Shares of categories: a priori Dirichlet around the neighbours' mix, a posteriori with the counts added.

    Parameters
    ----------
    weight
        float64 [categories, n]: the posterior's parameters, concentration x expected share + count.

    Notes
    -----
    The expected shares are those of the events up to 4 steps away, the unit's own left out, and of 20 events of the
    overall mix; the concentration maximises the likelihood, which is Dirichlet-multinomial (Mosimann 1962, Biometrika
    49:65). The number of events of a unit is not modelled here: a mix says what they are, a rate how many.

    Examples
    --------
    >>> import numpy as np
    >>> touching = Neighbours.from_pairs(3, np.array([0, 1]), np.array([1, 2]), np.ones(2))
    >>> mix = DirichletMix.fit(np.array([[9.0, 0.0, 2.0], [1.0, 0.0, 8.0]]), touching)
    >>> mix.mean().sum(axis=0).round(9).tolist(), bool(mix.mean()[0, 0] > mix.mean()[0, 2])
    ([1.0, 1.0, 1.0], True)
    """

    weight: Floats

    @classmethod
    def fit(cls, count: Floats, touching: Neighbours) -> DirichletMix:
        """Fit the concentration to counts [categories, n], each category with some event."""
        if len(count) == 1:
            return cls(np.ones(count.shape))
        (near,) = neighbourhoods(touching, (REACH,))
        overall = count.sum(axis=1, keepdims=True) / count.sum()
        around = np.stack([near @ own for own in count]) + OVERALL * overall
        expected = around / around.sum(axis=0)
        # Only categories that a unit has tell anything of the concentration.
        category, unit = np.nonzero(count)
        own, share, total = count[category, unit], expected[category, unit], count.sum(axis=0)

        def cost(log_concentration: float) -> float:
            k = np.exp(log_concentration)
            parts = special.gammaln(k * share + own) - special.gammaln(k * share)
            return float((special.gammaln(k + total) - special.gammaln(k)).sum() - parts.sum())

        best = optimize.minimize_scalar(cost, bounds=np.log(CONCENTRATIONS), method="bounded")
        return cls(np.exp(best.x) * expected + count)

    def mean(self) -> Floats:
        """float64 [categories, n]: the mean of what `shares` draws."""
        return cast(Floats, self.weight / self.weight.sum(axis=0))

    def shares(self, seed: int, draw: int) -> Floats:
        """Draw the shares, float64 [categories, n]: gammas over their sum (Devroye 1986, XI.4)."""
        if len(self.weight) == 1:
            return self.weight
        out = np.empty(self.weight.size)
        draw_gammas(seed, draw, self.weight.ravel(), np.ones(self.weight.size), out)
        drawn = out.reshape(self.weight.shape)
        return cast(Floats, drawn / drawn.sum(axis=0))
