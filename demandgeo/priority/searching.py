"""The search for a good plan: choices at prices of demand, each brought to the rules and improved by trades."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from demandgeo.domain.record import Mask
from demandgeo.kernels.regions import choose_parts
from demandgeo.kernels.trading import trade
from demandgeo.priority.problem import Problem
from demandgeo.priority.values import FOREST_PARTS, even_price, unit_values

PRICES = 14
"""Prices of demand that are tried: each halves the range, on a log scale, that brackets what is asked for."""
WORTH_TRADING = 0.4
"""Choices that miss what is asked for by more than this share are not traded to it: it took half the time and never
gave the best plan."""
SPARE_ROUNDS = 12
"""Times that parts left over are set to the densest units that stand alone."""
RESTARTS = 64
"""Seeds that are tried one by one where nothing else keeps the rules."""


@dataclass(frozen=True)
class Found:
    """What a search found.

    Parameters
    ----------
    chosen
        The best choice that keeps the rules; None if no choice found does.
    price
        The price of demand at which choices reach what is asked for.
    """

    chosen: Mask | None
    price: float


def search(problem: Problem, plans: Iterable[Mask] = ()) -> Found:
    """Return the best plan found, the given ones among them."""
    best = np.zeros(problem.n, bool)
    for plan in plans:
        best = problem.better(best, plan)
    low, high = 0.5 * even_price(problem), 8.0 * even_price(problem)
    for _ in range(PRICES):
        price = float(np.sqrt(low * high))
        chosen = at_price(problem, price)
        amount = (problem.extent if problem.most_demand else problem.demand)[chosen].sum()
        low, high = (low, price) if amount >= problem.rules.limit else (price, high)
        if abs(amount / problem.rules.limit - 1.0) <= WORTH_TRADING:
            best = problem.better(best, spread(problem, chosen))
    for start in _starts(problem):
        if problem.keeps_rules(best):
            return Found(_set_anew(problem, best), high)
        best = problem.better(best, spread(problem, start))
    return Found(best if problem.keeps_rules(best) else None, high)


def spread(problem: Problem, chosen: Mask) -> Mask:
    """Return a choice improved by trades, and by setting the parts left over to the densest units that stand apart."""
    chosen = traded(problem, chosen)
    for _ in range(SPARE_ROUNDS):
        spare = problem.rules.most - int(problem.parts(chosen).max(initial=-1)) - 1
        seeds = _apart(problem, chosen)[: max(spare, 0)]
        if not seeds.size:
            break
        wider = chosen.copy()
        wider[seeds] = True
        wider = traded(problem, wider)
        if problem.better(chosen, wider) is chosen:
            break
        chosen = wider
    return chosen


def traded(problem: Problem, chosen: Mask, moves: int | None = None) -> Mask:
    """Return a choice brought to the rules and improved, as far as single units can, in so many moves at most."""
    better, rules = chosen.copy(), problem.rules
    graph = (problem.indptr, problem.indices, problem.border)
    amounts = (problem.demand, problem.extent, problem.rim, rules.price, problem.district)
    limits = (rules.floor, rules.quota, rules.least, int(rules.aim), rules.limit)
    trade(*graph, *amounts, *limits, 4 * problem.n + 16 if moves is None else moves, better)
    return better


def at_price(problem: Problem, price: float) -> Mask:
    """Return the choice of so many parts that is worth most at a price of demand; it need not keep the other rules."""
    chosen = np.zeros(problem.n, bool)
    most = min(problem.rules.most, FOREST_PARTS)
    choose_parts(problem.indptr, problem.indices, unit_values(problem, price), most, chosen)
    return chosen


def _apart(problem: Problem, chosen: Mask) -> np.ndarray:
    """Return the units that neither are nor touch a chosen one, from the densest on."""
    apart = ~chosen
    apart[problem.rows[chosen[problem.indices]]] = False
    return problem.by_density[apart[problem.by_density]]


def _set_anew(problem: Problem, best: Mask) -> Mask:
    """Give up each part in turn and set it where it serves best; keep what gains."""
    part = problem.parts(best)
    density = np.bincount(part[part >= 0], problem.demand[part >= 0]) / np.bincount(part[part >= 0])
    for which in np.argsort(density, kind="stable"):
        without = best & (part != which)
        if without.any():
            best = problem.better(best, spread(problem, without))
    return best


def _starts(problem: Problem) -> Iterable[Mask]:
    """Give choices to start from where the prices found none: whole pieces, seeds for the quotas, single seeds."""
    yield _whole_pieces(problem)
    yield _seeded(problem)
    for seed in problem.by_density[:RESTARTS]:
        start = np.zeros(problem.n, bool)
        start[seed] = True
        yield start
    yield np.zeros(problem.n, bool)


def _whole_pieces(problem: Problem) -> Mask:
    """Return the pieces of most demand: what each district needs, and the best of the rest up to so many parts."""
    piece = problem.pieces
    held, reach = np.bincount(piece, problem.demand), np.bincount(piece, problem.extent)
    district = np.zeros(held.size, np.int64)
    district[piece] = problem.district
    order = np.argsort(-held, kind="stable")
    order = order[reach[order] >= problem.rules.least]
    taken = np.zeros(held.size, bool)
    for where, needed in enumerate(pieces_needed(problem)):
        taken[order[district[order] == where][:needed]] = True
    for which in order[~taken[order]]:
        if taken.sum() >= problem.rules.most:
            break
        taken[which] = True
    return taken[piece]


def pieces_needed(problem: Problem) -> list[int]:
    """Return how many parts each district needs: for its quota, and for its floor if it takes whole pieces."""
    piece, rules = problem.pieces, problem.rules
    held, reach = np.bincount(piece, problem.demand), np.bincount(piece, problem.extent)
    district = np.zeros(held.size, np.int64)
    district[piece] = problem.district
    needed = []
    for where, quota in enumerate(rules.quota.tolist()):
        own = np.sort(held[(district == where) & (reach >= rules.least)])[::-1]
        for_floor = int(np.searchsorted(np.cumsum(own), rules.floor[where])) + 1 if rules.floor[where] > 0 else 0
        needed.append(max(quota, for_floor))
    return needed


def _seeded(problem: Problem) -> Mask:
    """Return as many dense units as each district must have parts, no two of them neighbours."""
    chosen, blocked = np.zeros(problem.n, bool), np.zeros(problem.n, bool)
    left = np.array(pieces_needed(problem))
    for unit in problem.by_density:
        if left[problem.district[unit]] > 0 and not blocked[unit]:
            left[problem.district[unit]] -= 1
            chosen[unit] = True
            blocked[problem.indices[problem.indptr[unit] : problem.indptr[unit + 1]]] = True
    return chosen
