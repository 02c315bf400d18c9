"""Lower bounds on the extent of any choice: what a plan is measured against."""

from __future__ import annotations

import numpy as np

from demandgeo.domain import Certificate
from demandgeo.domain.record import Integers
from demandgeo.kernels.regions import most_value
from demandgeo.priority.problem import Problem

CHERRY_PICK = "cherry-pick"
MOAT = "moat-lagrangian"

_SAFETY = 1.0 - 1e-9
"""A bound is lowered by more than its own rounding, so that it stays a bound."""


def certify(problem: Problem, extent: float) -> Certificate:
    """Return the better of the two bounds, and how far above it the plan is."""
    picked, moats = cherry_pick(problem), moat_lagrangian(problem)
    bound, method = max((picked, CHERRY_PICK), (moats, MOAT))
    return Certificate(bound=bound, gap=extent / bound - 1.0, method=method)


def cherry_pick(problem: Problem) -> float:
    """Return the least extent that holds the target if any units may be picked, the last one in part.

    It ignores contiguity and the number of areas (the fractional knapsack of Dantzig 1957).
    """
    order, last = _margin(problem)
    full, unit = order[:last], order[last]
    rest = problem.target - problem.demand[full].sum()
    return float(problem.extent[full].sum() + rest / problem.demand[unit] * problem.extent[unit]) * _SAFETY


def even_price(problem: Problem) -> float:
    """Return the price of demand at which the last unit of the cherry-pick is worth its extent."""
    order, last = _margin(problem)
    return float(problem.extent[order[last]] / problem.demand[order[last]])


def moat_lagrangian(problem: Problem) -> float:
    """Return a lower bound that knows the number of areas.

    For any price mu of demand, a choice that holds the target has extent = mu demand - value >= mu target - U, where
    value sums mu demand - extent over its units, and U bounds the value of any choice of so few parts
    (`kernels.regions.most_value`). The best of a range of prices is taken.
    """

    def bound(price: float) -> float:
        value = price * problem.demand - problem.extent
        return price * problem.target - float(most_value(problem.indptr, problem.indices, value, problem.most))

    prices = even_price(problem) * np.geomspace(0.8, 8.0, 24)
    bounds = [bound(price) for price in prices]
    best = int(np.argmax(bounds))
    finer = np.geomspace(prices[max(best - 1, 0)], prices[min(best + 1, len(prices) - 1)], 12)[1:-1]
    return max(*bounds, *(bound(price) for price in finer), 0.0) * _SAFETY


def _margin(problem: Problem) -> tuple[Integers, int]:
    """Return the units from the densest on, and the place of the one that reaches the target."""
    order = np.argsort(-problem.demand / problem.extent, kind="stable")
    held = np.cumsum(problem.demand[order])
    # Rounding may leave a target of all demand a hair above the sum: then the last unit with demand reaches it.
    return order, int(min(np.searchsorted(held, problem.target), np.flatnonzero(problem.demand[order])[-1]))
