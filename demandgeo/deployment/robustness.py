"""Which option ranks first, how often, and which option beats which on everything."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from demandgeo.domain.record import Floats
from demandgeo.kernels.chance import fill_uniform

LEVEL = 1e-12
"""Two options whose worth differs by less are level: both are first in equal parts."""


def gains(values: Floats, directions: Sequence[str]) -> Floats:
    """Turn values [..., criteria] so that higher is better on every criterion."""
    return np.asarray(values * np.array([1.0 if direction == "higher" else -1.0 for direction in directions]))


def probability_first(gain: Floats, *, draws: int, seed: int) -> Floats:
    """Return how often each option ranks first when scenario and criterion weights are drawn, float64 [options].

    Each draw takes one of the scenarios and weights uniform over all that are >= 0 and sum to 1; worth is the weighted
    mean of gains scaled from the worst (0) to the best option (1) of that scenario (SMAA; Lahdelma, Hokkanen and
    Salminen 1998).

    Parameters
    ----------
    gain
        float64 [options, criteria, scenarios], higher is better.
    draws, seed
        Number of draws and their chance.
    """
    _, criteria, scenarios = gain.shape
    chance = np.empty((draws, criteria + 1))
    fill_uniform(seed, 0, chance)
    which = (chance[:, 0] * scenarios).astype(np.int64)
    exponential = -np.log1p(-chance[:, 1:])
    weights = exponential / exponential.sum(axis=1, keepdims=True)
    finite = np.isfinite(gain)
    low = gain.min(axis=0, where=finite, initial=np.inf)
    high = gain.max(axis=0, where=finite, initial=-np.inf)
    span = np.where(high > low, high - low, 1.0)
    # An option that misses a criterion without bound (an infinite time) scores as the worst does.
    scaled = np.divide(gain - low, span, out=np.zeros(gain.shape), where=finite)
    worth = np.einsum("dc,ocd->do", weights, scaled[:, :, which])
    first = worth >= worth.max(axis=1, keepdims=True) - LEVEL
    return np.asarray((first / first.sum(axis=1, keepdims=True)).mean(axis=0), np.float64)


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
