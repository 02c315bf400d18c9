"""The p-median, proven by prices: a Lagrangian bound at every node of a small branch-and-bound.

Prices of the points prove a bound within some 0.05 % of the best on street travel times, settle two thirds of the
sites at once, and leave a handful of nodes. It needs no solver and no tolerance: a bound is a sum that anyone can add.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from demandgeo.deployment.costs import Costs, Prices, first_choice
from demandgeo.deployment.programs import NODE_LIMIT, OPTIMAL, TIME_LIMIT, Effort
from demandgeo.deployment.proofs import Proof
from demandgeo.deployment.rules import Rules
from demandgeo.domain.record import Floats, Integers
from demandgeo.kernels.siting import FREE, MUST, NEVER, swap_sites

ROOT_STEPS, NODE_STEPS = 1500, 120


def by_prices(costs: Costs, rules: Rules, effort: Effort, *, changed: int = 1) -> Iterator[Proof]:
    """Yield the cheapest choice, the next, and so on; each differs from every earlier one by `changed` sites or more.

    The rules are plain: a number of sites, and which must or must not be open.
    """
    search = _Search(costs, rules, effort, changed)
    while (proof := search.next_best()) is not None:
        yield Proof(proof.open, proof.objective * costs.unit, proof.bound * costs.unit, proof.status)


@dataclass(slots=True)
class _Search:
    costs: Costs
    rules: Rules
    effort: Effort
    changed: int
    size: int = field(init=False)
    barred: list[Integers] = field(default_factory=list)
    best: Integers = field(init=False)
    upper: float = field(init=False)
    start: Floats = field(init=False)

    def __post_init__(self) -> None:
        self.size = int(self.rules.size or 0)
        self.best, self.upper = first_choice(self.costs, self.rules, self.effort.seed)
        nearest = np.sort(self.costs.matrix[self.best], axis=0)
        second = nearest[min(1, self.size - 1)]
        self.start = np.where(np.isfinite(second), second, self.costs.ordered[:, 0])

    @property
    def enough(self) -> float:
        return self.upper * (1.0 - 0.9 * self.effort.gap)  # room for the rounding of the gap that is reported

    def next_best(self) -> Proof | None:
        """Find the cheapest choice that no earlier one bars, and prove it; None if there is none."""
        if self.barred:
            self._choose_near(self.barred[-1])
        root = self._bound(self.costs, self.rules.state, self.start, ROOT_STEPS)
        self.start = root.prices
        if root.bound >= self.enough:
            proof = Proof(self.best, self.upper, min(root.bound, self.upper), OPTIMAL)
        else:
            proof = self._branch(root)
        if not proof.open.size:
            return None
        self.barred.append(proof.open)
        return proof

    def _bound(self, costs: Costs, state: Integers, start: Floats, steps: int) -> Prices:
        # Without a choice to aim at, a tenth above the prices' own sum is aimed at.
        upper = self.upper if np.isfinite(self.upper) else 1.1 * float(start.sum())
        return Prices.raised(costs, state, self.size, start, upper=upper, enough=self.enough, steps=steps)

    def _branch(self, root: Prices) -> Proof:
        """Settle sites one by one, the node of least bound first, until none can hold a better choice."""
        state = root.settled(self.rules.state, self.size, self.enough)
        kept = np.flatnonzero(state != NEVER)
        costs, state = self.costs.only(state != NEVER), state[kept]
        ticket, nodes = itertools.count(), 0
        heap = [(root.bound, next(ticket), state, root.prices, root.openness[kept])]
        while heap and heap[0][0] < self.enough:
            if nodes >= self.effort.nodes or self.effort.left <= 0:
                status = TIME_LIMIT if self.effort.left <= 0 else NODE_LIMIT
                return Proof(self.best, self.upper, min(heap[0][0], self.upper), status)
            bound, _, state, prices, openness = heapq.heappop(heap)
            for child in self._children(state, openness, kept):
                nodes += 1
                found = self._bound(costs, child, prices, NODE_STEPS)
                self._offer(kept[found.cheapest(child, self.size)])
                if found.bound < self.enough:
                    settled = found.settled(child, self.size, self.enough)
                    if (settled == FREE).any():
                        item = (max(bound, found.bound), next(ticket), settled, found.prices, found.openness)
                        heapq.heappush(heap, item)
                    else:
                        self._offer(kept[settled == MUST])
        return Proof(self.best, self.upper, self.enough if self.best.size else self.upper, OPTIMAL)

    def _children(self, state: Integers, openness: Floats, kept: Integers) -> Iterator[Integers]:
        """Open, and close, the site of which the prices say least whether it belongs in."""
        free = np.flatnonzero(state == FREE)
        site = free[np.argmin(np.abs(openness[free] - 0.5))] if free.size else None
        for choice in (MUST, NEVER) if site is not None else ():
            child = state.copy()
            child[site] = choice
            musts = int((child == MUST).sum())
            possible = musts <= self.size <= musts + int((child == FREE).sum())
            if possible and self._allows(kept[child == MUST]):
                yield child

    def _allows(self, chosen: Integers) -> bool:
        """Whether sites, however they are added to, can differ enough from every earlier choice."""
        most = self.size - self.changed
        return all(np.isin(chosen, before).sum() <= most for before in self.barred)

    def _offer(self, chosen: Integers) -> None:
        if chosen.size == self.size and self._allows(chosen):
            total = self.costs.total(chosen)
            if total < self.upper:
                self.best, self.upper = chosen, total

    def _choose_near(self, before: Integers) -> None:
        """Take the best choice that swaps find once some sites of an earlier one are closed."""
        self.best, self.upper = np.empty(0, np.int64), float("inf")
        movable = before[self.rules.state[before] == FREE]
        for first in range(movable.size):
            closed = np.roll(movable, -first)[: self.changed]
            state = self.rules.state.copy()
            state[closed] = NEVER
            spare = np.flatnonzero((state == FREE) & ~np.isin(np.arange(state.size), before))[: self.changed]
            if min(closed.size, spare.size) < self.changed:
                return
            start = np.concatenate([before[~np.isin(before, closed)], spare])
            chosen = start.copy()
            if self.size > 1:
                swap_sites(self.costs.matrix, state, start, chosen)
            self._offer(np.sort(chosen))
