"""Coverage within a standard, proven: points that the same sites cover are one row of a small integer program.

One program serves several questions. Cover by one more site is worth `levels[k]` of a point's demand:

- maximal coverage (Church and ReVelle 1974): (1,)
- backup coverage (Hogan and ReVelle 1986): (1 - b, b), b the weight of a second site
- expected coverage (Daskin 1983), sites busy a share r of the time: (1 - r) r^k
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from demandgeo.deployment.costs import Costs, first_choice
from demandgeo.deployment.programs import INFEASIBLE, OPTIMAL, UNBOUNDED, Effort, Program, Solution
from demandgeo.deployment.proofs import Proof
from demandgeo.deployment.rules import Rules
from demandgeo.domain.record import Floats, Integers, Mask
from demandgeo.kernels.siting import FREE

SLACK = 1e-6
"""The solver's tolerance on a value."""


@dataclass(frozen=True, slots=True)
class Cover:
    """Which sites cover which groups of points.

    Parameters
    ----------
    covers
        Boolean [sites, groups]; no two groups are covered by the same sites, and each by one at least.
    weight
        float64 [groups].
    """

    covers: Mask
    weight: Floats

    @classmethod
    def of(cls, covers: Mask, weight: Floats) -> Cover:
        """Merge points [sites, points] that the same sites cover; points that none covers are left out."""
        some = covers.any(axis=0)
        packed = np.packbits(covers[:, some], axis=0)
        _, first, group = np.unique(packed, axis=1, return_index=True, return_inverse=True)
        return cls(
            covers[:, some][:, first], np.bincount(group.ravel(), weight[some], minlength=first.size).astype(np.float64)
        )

    def add_to(self, program: Program, levels: int, first: int | None = None) -> int:
        """Add a row per group: its levels of cover are at most its open sites; return how many.

        The columns of the groups begin at `first`, that is after the sites if it is None.
        """
        sites, groups = self.covers.shape
        begin = sites if first is None else first
        for group in range(groups):
            open_sites = np.flatnonzero(self.covers[:, group])
            own = begin + group + groups * np.arange(levels)
            coefficient = np.r_[-np.ones(open_sites.size), np.ones(levels)]
            program.add_row(-UNBOUNDED, 0.0, np.r_[open_sites, own], coefficient)
        return int(groups)


def by_coverage(
    covers: Mask, weight: Floats, levels: Floats, rules: Rules, effort: Effort, *, changed: int = 1
) -> Iterator[Proof]:
    """Yield the choice that covers most, the next, and so on; objectives are covered weight.

    Parameters
    ----------
    covers
        Boolean [sites, points].
    weight
        float64 [points].
    levels
        float64 [k], what each further site that covers a point adds.
    rules, effort
        Which choices are allowed; how long to look for a proof.
    changed
        Sites by which each choice differs from every earlier one.
    """
    cover = Cover.of(covers, weight)
    sites, groups = cover.covers.shape
    unit = float(cover.weight.mean()) if groups else 1.0
    worth = np.concatenate([-level * cover.weight / unit for level in levels]) if groups else np.empty(0)
    program = Program(
        np.r_[np.zeros(sites), worth],
        np.r_[rules.lower(), np.zeros(worth.size)],
        np.r_[rules.upper(), np.ones(worth.size)],
        seed=effort.seed,
        presolve=False,  # 200 sites x 5,000 points: 3-6 s without, 8-9 s with, of which the search itself is 1 s
    )
    rules.add_to(program)
    cover.add_to(program, len(levels))
    start = _start(cover, levels, rules, effort)
    settled = _settle(program, start, rules, effort)
    whole = sites
    if (np.diff(levels) > 0).any():
        # Levels that fall fill in their order by themselves; where they rise, the dearer would be taken first.
        whole = sites + worth.size
        for lower in sites + np.arange(worth.size - groups):
            program.add_row(0.0, UNBOUNDED, np.array([lower, lower + groups]), np.array([1.0, -1.0]))
    program.make_integer(np.arange(whole))
    while True:
        if start is not None:
            program.suggest(start)
        solution = program.solve(effort)
        if solution.status == INFEASIBLE or not solution.values.size:
            return
        chosen = np.flatnonzero(solution.values[:sites] > 0.5)
        reached = covered(covers[chosen], weight, levels)
        yield Proof(chosen, reached, max(reached, -solution.bound * unit), solution.status)
        rules.exclude(program, chosen, changed)
        program.bound(settled, rules.lower()[settled], rules.upper()[settled])
        start = None


def _settle(program: Program, start: Floats | None, rules: Rules, effort: Effort) -> Integers:
    """Settle the sites whose reduced cost shows that no choice better than the start has them otherwise."""
    if start is None:
        return np.empty(0, np.int64)
    relaxed = program.solve(effort)
    if relaxed.status != OPTIMAL:
        return np.empty(0, np.int64)
    least = program.value(start) + SLACK
    sites = rules.state.size
    value, reduced = relaxed.values[:sites], relaxed.reduced[:sites]
    out = np.flatnonzero((rules.state == FREE) & (value < SLACK) & (relaxed.bound + reduced > least))
    kept = np.flatnonzero((rules.state == FREE) & (value > 1 - SLACK) & (relaxed.bound - reduced > least))
    program.bound(out, 0.0, 0.0)
    program.bound(kept, 1.0, 1.0)
    return np.concatenate([out, kept])


def covered(covers: Mask, weight: Floats, levels: Floats) -> float:
    """Weight that open sites cover, by levels: boolean [open sites, points]."""
    worth = np.r_[0.0, np.cumsum(levels)]
    return float(worth[np.minimum(covers.sum(axis=0), len(levels))] @ weight)


def _start(cover: Cover, levels: Floats, rules: Rules, effort: Effort) -> Floats | None:
    """Offer what swaps find for a single level of cover."""
    if not rules.plain or not cover.weight.size:
        return None
    costs = Costs.of(np.where(cover.covers, 0.0, cover.weight), cover.weight)
    chosen, _ = first_choice(costs, rules, effort.seed)
    opened = np.zeros(cover.covers.shape[0])
    opened[chosen] = 1.0
    count = cover.covers[chosen].sum(axis=0)
    return np.concatenate([opened, *(np.clip(count - k, 0.0, 1.0) for k in range(len(levels)))])


def by_fewest(covers: Mask, rules: Rules, effort: Effort, *, changed: int = 1) -> Iterator[Proof]:
    """Yield the cheapest set of sites that covers every point, the next, and so on (LSCP; Toregas et al. 1971)."""
    sites = covers.shape[0]
    program = Program(rules.cost, rules.lower(), rules.upper(), seed=effort.seed)
    rules.add_to(program)
    for row in np.unique(covers, axis=1).T:
        program.add_row(1.0, UNBOUNDED, np.flatnonzero(row))
    program.make_integer(np.arange(sites))
    while True:
        solution = program.solve(effort)
        if solution.status == INFEASIBLE or not solution.values.size:
            return
        chosen = np.flatnonzero(solution.values > 0.5)
        cost = float(rules.cost[chosen].sum())
        yield Proof(chosen, cost, min(cost, _rounded(solution, rules.cost)), solution.status)
        rules.exclude(program, chosen, changed)


def _rounded(solution: Solution, cost: Floats) -> float:
    """Raise a bound to the next whole number where every cost is one."""
    whole = bool((cost == np.round(cost)).all())
    return float(np.ceil(solution.bound - 1e-6)) if whole else solution.bound


def by_radius(seconds: Floats, rules: Rules, effort: Effort) -> Proof | None:
    """Return the choice whose farthest point is nearest (p-centre): bisection over coverings; None if there is none.

    Each step proves that a radius can, or cannot, be kept, so that the bound is a radius below which none can.
    """
    radii = np.unique(seconds[np.isfinite(seconds)])
    low, high = int(np.searchsorted(radii, seconds.min(axis=0).max())), radii.size
    best, status = np.empty(0, np.int64), OPTIMAL
    if rules.plain:
        high, best = _first_radius(seconds, radii, rules, effort)
    while low < high:
        middle = (low + high) // 2 if best.size else min((low + high) // 2, radii.size - 1)
        solution = _keeps(seconds <= radii[middle], rules, effort)
        if solution.status == INFEASIBLE:
            low = middle + 1
        elif solution.values.size:
            best = np.flatnonzero(solution.values > 0.5)
            high = int(np.searchsorted(radii, seconds[best].min(axis=0).max()))
        else:
            status = solution.status
            break
    if not best.size:
        return None
    return Proof(best, float(seconds[best].min(axis=0).max()), float(radii[min(low, radii.size - 1)]), status)


def _first_radius(seconds: Floats, radii: Floats, rules: Rules, effort: Effort) -> tuple[int, Integers]:
    chosen, _ = first_choice(Costs.of(seconds, np.ones(seconds.shape[1])), rules, effort.seed)
    farthest = seconds[chosen].min(axis=0).max()
    if not np.isfinite(farthest):
        return radii.size, np.empty(0, np.int64)
    return int(np.searchsorted(radii, farthest)), chosen


def _keeps(covers: Mask, rules: Rules, effort: Effort) -> Solution:
    """Look for any choice that covers every point."""
    sites = covers.shape[0]
    program = Program(np.zeros(sites), rules.lower(), rules.upper(), seed=effort.seed)
    rules.add_to(program)
    for row in np.unique(covers, axis=1).T:
        program.add_row(1.0, UNBOUNDED, np.flatnonzero(row))
    program.make_integer(np.arange(sites))
    return program.solve(effort)
