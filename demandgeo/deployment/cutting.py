"""The least total cost of service under any linear rules on the sites, proven by Benders cuts.

What a point costs, at least, is a convex function of the sites that are open, and linear cuts describe it: the program
has a column per site and one per point, and the assignment of points to sites never enters it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from demandgeo.deployment.costs import Costs, Prices, first_choice
from demandgeo.deployment.floors import Floor
from demandgeo.deployment.moves import improved, rounded
from demandgeo.deployment.programs import INFEASIBLE, OPTIMAL, UNBOUNDED, Effort, Program, Solution
from demandgeo.deployment.proofs import Proof
from demandgeo.deployment.rules import Rules
from demandgeo.domain.record import Floats, Integers
from demandgeo.kernels.siting import FREE, critical_ranks, write_cuts

DUAL_STEPS = 1500
STEADY_ROUNDS = 4
"""The first rounds separate half-way to the best choice known: fewer cuts until the bound stands."""

BESIDE = (-2, -1, 1, 2)
"""Ranks next to the critical one: 40 sites x 324 points under a budget took 7 integer programs and 7.3 s without them,
one of 1.5 s with them."""

MOST_ROUNDS = 200
VIOLATION = 1e-7


def by_cuts(
    costs: Costs,
    rules: Rules,
    effort: Effort,
    *,
    changed: int = 1,
    floor: Floor | None = None,
    start: Integers | None = None,
) -> Iterator[Proof]:
    """Yield the cheapest choice, the next, and so on; each differs from the earlier ones by `changed` sites or more.

    Parameters
    ----------
    costs, rules, effort
        Of service; which choices are allowed; how long to look for a proof.
    changed
        Sites by which each choice differs from every earlier one.
    floor
        Coverage that every choice keeps.
    start
        A choice that keeps rules and floor.
    """
    search = _Search(costs, rules, effort, floor, start)
    search.solve_relaxation()
    while (proof := search.prove()) is not None:
        yield Proof(proof.open, proof.objective * costs.unit, proof.bound * costs.unit, proof.status)
        search.exclude(proof, changed)


class _Search:
    def __init__(self, costs: Costs, rules: Rules, effort: Effort, floor: Floor | None, start: Integers | None) -> None:
        self.costs, self.rules, self.effort, self.floor = costs, rules, effort, floor
        m, n = costs.shape
        groups = 0 if floor is None else floor.groups
        self.program = Program(
            np.r_[np.zeros(m), np.ones(n), np.zeros(groups)],
            np.r_[rules.lower(), costs.ordered[:, 0], np.zeros(groups)],
            np.r_[rules.upper(), np.full(n, UNBOUNDED), np.ones(groups)],
            seed=effort.seed,
        )
        self.kept_rows = rules.add_to(self.program) + self._add_reach()
        if floor is not None:
            self.kept_rows += floor.cover.add_to(self.program, 1, m + n) + floor.add_to(self.program, m + n)
        self.chosen, self.upper = np.empty(0, np.int64), float("inf")
        self.lower = float(costs.ordered[:, 0].sum())
        self.closed = np.zeros(m, np.bool_)
        if start is not None:
            self._take(improved(start, costs, rules, floor))
        self._cut_first()

    def proven(self) -> bool:
        """Whether the bound has met the best choice."""
        return self.chosen.size > 0 and self.upper - self.lower <= self.effort.gap * abs(self.upper)

    def solve_relaxation(self) -> None:
        """Cut off fractional sites until no cut is violated, then close the sites that the bound rules out."""
        best = np.zeros(self.costs.shape[0])
        best[self.chosen] = 1.0
        for turn in range(MOST_ROUNDS):
            solution = self.program.solve(self.effort)
            if solution.status != OPTIMAL:
                return
            self.lower = max(self.lower, min(solution.bound, self.upper))
            opened, served = self._split(solution)
            steady = turn < STEADY_ROUNDS and self.chosen.size > 0
            if self.proven() or (self._cut((opened + best) / 2 if steady else opened, served) == 0 and not steady):
                break
        self._round(opened)
        self._close(solution)
        self.program.drop_slack_rows(self.kept_rows)
        if not self.proven():
            self._cut_beside(opened)

    def prove(self) -> Proof | None:
        """Solve with whole sites, and cut, until the bound meets the best choice; None if no choice is left."""
        self.program.make_integer(np.arange(self.costs.shape[0]))
        status = OPTIMAL
        while not self.proven() and status == OPTIMAL:
            if self.chosen.size:
                self.program.suggest(self._as_solution(self.chosen))
            # Half the gap for the solver, half for what the next cuts add.
            solution = self.program.solve(self.effort, gap=self.effort.gap / 2)
            if solution.status == INFEASIBLE:
                break
            status = solution.status
            self.lower = max(self.lower, min(solution.bound, self.upper))
            if solution.values.size:
                opened, served = self._split(solution)
                chosen = np.flatnonzero(opened > 0.5)
                taken = self._take(chosen)
                if self._cut(np.round(opened), served) == 0:
                    if taken:
                        break
                    # Within the solver's tolerance of the floor, and below it: no choice.
                    self.rules.exclude(self.program, chosen, 1)
        if not self.chosen.size:
            return None
        return Proof(self.chosen, self.upper, min(self.lower, self.upper), status)

    def exclude(self, proof: Proof, changed: int) -> None:
        """Bar a choice, open again what was closed on its account, and start from what is proven of it."""
        self.rules.exclude(self.program, proof.open, changed)
        self.program.bound(np.flatnonzero(self.closed), 0.0, 1.0)
        self.closed[:] = False
        self.lower = proof.bound
        self.chosen, self.upper = np.empty(0, np.int64), float("inf")

    def _take(self, chosen: Integers) -> bool:
        """Keep a choice if it is the best so far; return whether it meets the floor."""
        if self.floor is not None and not self.floor.met_by(chosen):
            return False
        total = self.costs.total(chosen)
        if total < self.upper:
            self.chosen, self.upper = np.sort(chosen), total
        return True

    def _split(self, solution: Solution) -> tuple[Floats, Floats]:
        m = self.costs.shape[0]
        return np.clip(solution.values[:m], 0.0, 1.0), solution.values[m : m + self.costs.shape[1]]

    def _as_solution(self, chosen: Integers) -> Floats:
        opened = np.zeros(self.costs.shape[0])
        opened[chosen] = 1.0
        covered = np.empty(0) if self.floor is None else self.floor.reached(chosen)
        return np.concatenate([opened, self.costs.served(chosen), covered])

    def _close(self, solution: Solution) -> None:
        """Close the free sites whose reduced cost shows that no choice better than the best known opens them."""
        m = self.costs.shape[0]
        if np.isfinite(self.upper) and solution.reduced.size:
            closed = (self.rules.state == FREE) & (solution.values[:m] < 1e-6)
            closed &= solution.bound + solution.reduced[:m] > self.upper
            closed[self.chosen] = False
            self.closed |= closed
            self.program.bound(np.flatnonzero(closed), 0.0, 0.0)

    def _round(self, opened: Floats) -> None:
        """Take what moves make of the relaxation's most open sites: the nearer to it, the more sites can be closed."""
        chosen = rounded(opened, self.rules, self.floor)
        if chosen is not None:
            self._take(improved(chosen, self.costs, self.rules, self.floor))

    # --- cuts

    def _add_reach(self) -> int:
        """Add rows that every point which some sites cannot serve has an open site that can."""
        reach = np.isfinite(self.costs.matrix)
        sets = np.unique(reach[:, ~reach.all(axis=0)], axis=1).T
        for row in sets:
            self.program.add_row(1.0, UNBOUNDED, np.flatnonzero(row))
        return len(sets)

    def _cut_first(self) -> None:
        """Cut at the cost levels just below and above prices that nearly prove the bound of the plain rules."""
        sites, points = self.costs.shape
        if self.rules.size is None:
            self._cut(np.full(sites, 1.0 / sites), None)
            return
        chosen, target = first_choice(self.costs, self.rules, self.effort.seed)
        if self.rules.plain:
            self._take(chosen)
        start = self.costs.ordered[:, min(1, sites - 1)]
        start = np.where(np.isfinite(start), start, self.costs.ordered[:, 0])
        aim = target if np.isfinite(target) else 2.0 * float(start.sum())
        size, state = self.rules.size, self.rules.state
        found = Prices.raised(self.costs, state, size, start, upper=aim, enough=np.inf, steps=DUAL_STEPS)
        self.lower = max(self.lower, min(found.bound, self.upper))
        above = (self.costs.ordered < found.prices[:, None]).sum(axis=1)
        last = np.isfinite(self.costs.ordered).sum(axis=1) - 1
        for rank in (np.maximum(above - 1, 0), np.minimum(above, last)):
            self._add_cuts(np.arange(points), rank)

    def _cut(self, opened: Floats, served: Floats | None) -> int:
        """Add the cuts that are violated at given sites (all of them if `served` is None); return how many."""
        points = self.costs.shape[1]
        rank, value = np.empty(points, np.int64), np.empty(points)
        critical_ranks(self.costs.ordered, self.costs.site, opened, rank, value)
        least = -np.inf if served is None else served + VIOLATION * np.maximum(1.0, value)
        violated = np.flatnonzero(value > least)
        self._add_cuts(violated, rank[violated])
        return int(violated.size)

    def _cut_beside(self, opened: Floats) -> None:
        """Cut every point at the levels next to its critical one, where whole sites near the relaxation will stand."""
        points, rank = self.costs.shape[1], np.empty(self.costs.shape[1], np.int64)
        critical_ranks(self.costs.ordered, self.costs.site, opened, rank, np.empty(points))
        last = np.isfinite(self.costs.ordered).sum(axis=1) - 1
        for beside in BESIDE:
            there = (rank + beside >= 0) & (rank + beside <= last)
            self._add_cuts(np.flatnonzero(there), (rank + beside)[there])

    def _add_cuts(self, points: Integers, rank: Integers) -> None:
        if not points.size:
            return
        room = int(rank.sum()) + points.size
        start, level = np.empty(points.size, np.int32), np.empty(points.size)
        column, coefficient = np.empty(room, np.int32), np.empty(room)
        filled = write_cuts(self.costs.ordered, self.costs.site, points, rank, start, column, coefficient, level)
        self.program.add_rows(level, np.full(points.size, UNBOUNDED), start, column[:filled], coefficient[:filled])
