"""What no plan can beat: the yardstick of every plan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from demandgeo.domain.record import Floats
from demandgeo.kernels.moats import most_value
from demandgeo.kernels.regions import choose_parts
from demandgeo.priority.problem import Problem
from demandgeo.priority.values import FOREST_PARTS, even_price, unit_values

CHERRY_PICK = "cherry-pick"
MOAT = "moat-lagrangian"

_SAFETY = 1e-9
"""A bound gives way by this share of what it is the difference of: far more than its rounding."""

_STEP, _STRIDES = 1.012, (9, 3, 1)
"""The pattern search moves price and toll by powers of a factor, the toll twice as far, from coarse to fine."""
_WAYS = ((1, 1), (-1, -1), (0, 1), (0, -1), (1, 0), (-1, 0))
_MOST_STEPS = 60
_FEWER_FROM = 25_000
"""Units from which on the search for price and toll takes fewer steps: 100,000 cells take 0.1 s a step."""


@dataclass(frozen=True)
class Bound:
    """A bound on the objective of any plan, and how it was proved.

    Parameters
    ----------
    value
        No plan has less cost, or more demand.
    method
        What proved it.
    price, toll
        Where the Lagrangian is tightest.
    left
        float64, along the graph: what is left of the cost of entering each unit; empty for a cherry-pick.
    """

    value: float
    method: str
    price: float = 0.0
    toll: float = 0.0
    left: Floats | None = None


def best_bound(problem: Problem, near: float = 0.0, toll: float = 0.0) -> Bound:
    """Return the better of two bounds, the search for the second starting from a price and a toll (0: anywhere)."""
    picked, moats = cherry_pick(problem), moat_lagrangian(problem, near, toll)
    sign = -1.0 if problem.most_demand else 1.0
    return (
        moats
        if sign * moats.value >= sign * picked
        else Bound(picked, CHERRY_PICK, moats.price, moats.toll, moats.left)
    )


def cherry_pick(problem: Problem) -> float:
    """Return the bound if any units may be picked, the last one in part (the fractional knapsack of Dantzig 1957).

    It ignores contiguity, the number of areas, and what a border costs.
    """
    order, limit = problem.by_density, problem.rules.limit
    demand, extent = problem.demand[order], problem.extent[order]
    asked, counted = (extent, demand) if problem.most_demand else (demand, extent)
    reached = np.cumsum(asked)
    # Rounding may leave a limit of all there is a hair above the sum: then the last unit reaches it.
    last = min(int(np.searchsorted(reached, limit)), problem.n - 1)
    rest = min(max(limit - (reached[last] - asked[last]), 0.0) / asked[last], 1.0) if asked[last] > 0 else 0.0
    value = float(counted[:last].sum() + rest * counted[last])
    return value * (1.0 + _SAFETY if problem.most_demand else 1.0 - _SAFETY)


def moat_lagrangian(problem: Problem, near: float = 0.0, toll: float = 0.0) -> Bound:
    """Return a bound that knows the number of areas, and what a border costs.

    Write U for a bound on the value, price x demand - cost, of any choice of so few parts (`kernels.moats.most_value`
    of `unit_values`). A choice that holds the demand T costs at least price x T - U; one that uses at most the extent B
    holds at most (U + B) / price. Both are valid for any price and toll; the best of a pattern search is returned. The
    other rules (least extent, quotas) only narrow the choice, so the bound stands.
    """
    start = near or 1.5 * even_price(problem)
    best = _at(problem, start, toll or _first_toll(problem, start))
    seen = {(0, 0)}
    allowed = max(16, _MOST_STEPS * _FEWER_FROM // max(problem.n, _FEWER_FROM))
    at, origin = (0, 0), best
    for stride in _STRIDES:
        moved = True
        while moved and len(seen) < allowed:
            moved = False
            for way in _WAYS:
                point = (at[0] + stride * way[0], at[1] + stride * way[1])
                if point in seen or len(seen) >= allowed:
                    continue
                seen.add(point)
                other = _at(problem, origin.price * _STEP ** point[0], origin.toll * _STEP ** (2 * point[1]))
                if _tighter(problem, other, best):
                    at, best, moved = point, other, True
    return best


def _tighter(problem: Problem, one: Bound, other: Bound) -> bool:
    return one.value < other.value if problem.most_demand else one.value > other.value


def _first_toll(problem: Problem, price: float) -> float:
    """Return what the last part adds to the value of a good choice: what a further part would be worth paying."""
    value, most = unit_values(problem, price), problem.rules.most
    worth = []
    for parts in {max(most - 1, 1), most}:
        chosen = np.zeros(problem.n, bool)
        choose_parts(problem.indptr, problem.indices, value, min(parts, FOREST_PARTS), chosen)
        worth.append(float(value[chosen].sum()))
    return max(abs(worth[0] - worth[-1]), 0.01 * float(problem.extent.min()))


def _at(problem: Problem, price: float, toll: float) -> Bound:
    left = np.empty(problem.indices.size)
    value, rules = unit_values(problem, price), problem.rules
    most = float(most_value(problem.indptr, problem.indices, value, rules.most, toll, left))
    if problem.most_demand:
        return Bound(float((most + rules.limit) * (1.0 + _SAFETY) / price), MOAT, price, toll, left)
    return Bound(float(price * rules.limit * (1.0 - _SAFETY) - most * (1.0 + _SAFETY)), MOAT, price, toll, left)
