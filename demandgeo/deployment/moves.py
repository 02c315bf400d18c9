"""A choice of sites made better by one move at a time, under any rules: swap two sites, open one, or close one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from demandgeo.deployment.costs import Costs
from demandgeo.deployment.floors import Floor
from demandgeo.deployment.rules import Rules
from demandgeo.domain.record import Floats, Integers
from demandgeo.kernels.siting import FREE, MUST, NEVER


def keeps(chosen: Integers, rules: Rules, floor: Floor | None) -> bool:
    """Whether a choice keeps the rules and the floor."""
    return rules.kept_by(chosen) and (floor is None or floor.met_by(chosen))


def improved(chosen: Integers, costs: Costs, rules: Rules, floor: Floor | None) -> Integers:
    """Move while a move lowers the cost: the site to close in turn, the best site in its place that the rules allow."""
    total, better = costs.total(chosen), True
    while better:
        better = False
        for candidate, cost in _moves(chosen, costs, rules):
            if cost < total and keeps(candidate, rules, floor):
                chosen, total, better = candidate, cost, True
                break
    return chosen


def rounded(opened: Floats, rules: Rules, floor: Floor | None) -> Integers | None:
    """Open sites from the most open one on, as many as the rules allow; None if they or the floor are not kept."""
    order = np.lexsort((np.arange(opened.size), -opened, rules.state != MUST))
    order = order[(rules.state[order] != NEVER) & (opened[order] > 0)]
    if rules.size is not None:
        order = order[: rules.size]
    if rules.budget is not None:
        spent, taken = 0.0, []
        for site in order:
            if spent + rules.cost[site] <= rules.budget:
                spent += float(rules.cost[site])
                taken.append(int(site))
        order = np.array(taken, np.int64)
    chosen = np.sort(order)
    return chosen if chosen.size and keeps(chosen, rules, floor) else None


def _moves(chosen: Integers, costs: Costs, rules: Rules) -> Iterator[tuple[Integers, float]]:
    """Yield what each move leads to and costs; for each site that closes, from the cheapest move on."""
    closed = np.setdiff1d(np.flatnonzero(rules.state == FREE), chosen)
    leave = [None] if rules.size is None else []
    for site in [*leave, *chosen[rules.state[chosen] == FREE]]:
        rest = chosen if site is None else chosen[chosen != site]
        totals = np.minimum(costs.matrix[closed], costs.served(rest)).sum(axis=1)
        for at in np.argsort(totals, kind="stable"):
            yield np.sort(np.r_[rest, closed[at]]), float(totals[at])
