"""Costs of service as the searches for sites need them, and a good first choice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from demandgeo.deployment.rules import Rules
from demandgeo.domain.record import Codes, Floats, Integers, Mask
from demandgeo.kernels.siting import FREE, MUST, add_greedily, raise_bound, swap_sites

STARTS, START_WORK = 20, 40_000_000
"""Random starts beside the greedy one: 20, fewer where sites x points x starts would pass the work (seconds)."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Costs of service.

    Parameters
    ----------
    matrix
        float64 [sites, points], >= 0, infinite where a site cannot serve a point; in units of the mean.
    ordered, site
        float64 and int32 [points, sites]: the costs of each point ascending, and whose they are.
    scale
        float64 [points] with mean 1: what the costs of a point are proportional to.
    unit
        What a cost of 1 stands for. The solver's tolerances are absolute, and this makes them relative.
    """

    matrix: Floats
    ordered: Floats
    site: Codes
    scale: Floats
    unit: float

    @classmethod
    def of(cls, cost: Floats, weight: Floats) -> Costs:
        """Prepare costs [sites, points] of weighted points; every point has a finite one."""
        unit = float(np.mean(cost, where=np.isfinite(cost))) or 1.0
        return cls._sorted(cost / unit, weight / weight.mean(), unit)

    @classmethod
    def _sorted(cls, matrix: Floats, scale: Floats, unit: float) -> Costs:
        by_point = np.ascontiguousarray(matrix.T)
        order = np.argsort(by_point, axis=1, kind="stable")
        return cls(matrix, np.take_along_axis(by_point, order, axis=1), order.astype(np.int32), scale, unit)

    def only(self, kept: Mask) -> Costs:
        """Return the costs of some of the sites, in the same unit."""
        return self._sorted(np.ascontiguousarray(self.matrix[kept]), self.scale, self.unit)

    @property
    def shape(self) -> tuple[int, int]:
        """Sites, points."""
        return self.matrix.shape[0], self.matrix.shape[1]

    def served(self, chosen: Integers) -> Floats:
        """float64 [points]: the least cost over the chosen sites."""
        return np.asarray(self.matrix[chosen].min(axis=0, initial=np.inf), np.float64)

    def total(self, chosen: Integers) -> float:
        """Cost of a choice."""
        return float(self.served(chosen).sum())


@dataclass(frozen=True, slots=True)
class Prices:
    """What prices of the points prove: a bound, and what each site would change of it.

    Parameters
    ----------
    bound
        No choice of `size` sites that keeps `state` costs less.
    prices
        float64 [points].
    reduced
        float64 [sites].
    openness
        float64 [sites] in [0, 1]: near 0 and 1 where it is plain whether a site is open.
    """

    bound: float
    prices: Floats
    reduced: Floats
    openness: Floats

    @classmethod
    def raised(
        cls, costs: Costs, state: Integers, size: int, start: Floats, *, upper: float, enough: float, steps: int
    ) -> Prices:
        """Raise the bound from given prices towards `upper` until it is `enough`, in at most so many steps."""
        sites, points = costs.shape
        prices, reduced, openness = np.empty(points), np.empty(sites), np.empty(sites)
        bound = raise_bound(
            costs.ordered, costs.site, state, size, costs.scale, start, upper, steps, enough, prices, reduced, openness
        )
        return cls(float(bound), prices, reduced, openness)

    def settled(self, state: Integers, size: int, enough: float) -> Integers:
        """Return the state with every site settled whose other state cannot cost less than `enough`."""
        state = state.copy()
        free = np.flatnonzero(state == FREE)
        left = size - int((state == MUST).sum())
        if left in (0, free.size):
            state[free] = MUST if left else -1
            return state
        reduced = self.reduced[free]
        ranked = np.partition(reduced, [left - 1, left])
        # A site that is opened takes the place of the dearest open one, a site that is closed that of the next.
        state[free[self.bound + reduced - ranked[left - 1] > enough]] = -1
        state[free[self.bound + ranked[left] - reduced > enough]] = MUST
        return state

    def cheapest(self, state: Integers, size: int) -> Integers:
        """Return the sites that these prices would open."""
        key = np.where(state == MUST, -np.inf, np.where(state == FREE, self.reduced, np.inf))
        return np.sort(np.argsort(key, kind="stable")[:size])


def first_choice(costs: Costs, rules: Rules, seed: int) -> tuple[Integers, float]:
    """Return the best choice that greedy addition, random starts and swaps find, and its cost (infinite at times).

    Budget and district minima are not looked at.
    """
    if rules.size is None:
        return np.empty(0, np.int64), float("inf")
    matrix = costs.matrix
    if not np.isfinite(matrix).all():
        # Swaps price differences, which infinities do not have: a stand-in above every real total serves.
        barred = np.where(np.isfinite(matrix), matrix, 0.0).max(axis=0).sum() + 1.0
        matrix = np.where(np.isfinite(matrix), matrix, barred)
    best, least = np.empty(0, np.int64), float("inf")
    for start in _starts(matrix, rules.state, rules.size, seed):
        chosen = start.copy()
        if rules.size > 1:  # greedy addition finds the best single site
            swap_sites(matrix, rules.state, start, chosen)
        total = costs.total(chosen)
        if total < least or not best.size:
            best, least = np.sort(chosen), total
    return best, least


def _starts(matrix: Floats, state: Integers, size: int, seed: int) -> Iterator[Integers]:
    greedy = np.empty(size, np.int64)
    add_greedily(matrix, state, greedy)
    yield greedy
    rng = np.random.default_rng(seed)
    must, free = np.flatnonzero(state == MUST), np.flatnonzero(state == FREE)
    for _ in range(min(STARTS, START_WORK // matrix.size) if size > 1 else 0):
        yield np.concatenate([must, rng.choice(free, size - must.size, replace=False)])
