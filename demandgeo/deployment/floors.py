"""Floors of coverage: rows that keep what open sites cover, of all demand or of every district, above a level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from demandgeo.deployment.covering import Cover
from demandgeo.deployment.programs import INFEASIBLE, OPTIMAL, UNBOUNDED, Effort, Program
from demandgeo.deployment.proofs import Proof
from demandgeo.deployment.rules import Rules
from demandgeo.domain.record import Floats, Integers, Mask

SLACK = 1e-9
"""A share may fall short by what float64 sums in another order differ."""


@dataclass(frozen=True, slots=True)
class Floor:
    """The share of its demand that open sites cover at least, in every part.

    Parameters
    ----------
    cover
        Which sites cover which groups of points.
    held
        float64 [parts, groups]: share of each part's demand that is in each group.
    least
        In [0, 1].
    """

    cover: Cover
    held: Floats
    least: float = 0.0

    @classmethod
    def of(cls, covers: Mask, parts: Floats) -> Floor:
        """Make one from what sites cover [sites, points] and the demand of each part [parts, points]."""
        merged = [Cover.of(covers, part) for part in parts]  # one order of groups: it goes by the sites alone
        held = np.stack([each.weight / part.sum() for each, part in zip(merged, parts, strict=True)])
        return cls(merged[0], held)

    @property
    def groups(self) -> int:
        """Number of groups, each of which has a column."""
        return int(self.held.shape[1])

    def reached(self, chosen: Integers) -> Floats:
        """float64 [groups]: 1 where an open site covers the group."""
        return np.asarray(self.cover.covers[chosen].any(axis=0), np.float64)

    def share(self, chosen: Integers) -> float:
        """Share covered of the part of which least is covered."""
        return float((self.held @ self.reached(chosen)).min())

    def met_by(self, chosen: Integers) -> bool:
        """Whether a choice keeps the floor."""
        return self.share(chosen) >= self.least - SLACK

    def add_to(self, program: Program, first: int) -> int:
        """Add the rows, the groups being the columns from `first` on; return how many."""
        # In units of the mean group: the solver's tolerance is then a millionth of one.
        scale = float(self.groups)
        for row in self.held:
            columns = np.flatnonzero(row > 0)
            program.add_row((self.least - SLACK) * scale, UNBOUNDED, first + columns, row[columns] * scale)
        return len(self.held)


def by_worst_part(floor: Floor, reach: Mask, rules: Rules, effort: Effort) -> Proof | None:
    """Return the choice whose worst covered part is covered best; None if none keeps the rules.

    Parameters
    ----------
    floor
        Its `least` is not looked at.
    reach
        Boolean [sites, points]: every point has an open site that reaches it.
    rules, effort
        Which choices are allowed; how long to look for a proof.
    """
    sites, groups = floor.cover.covers.shape
    scale, worst = float(max(groups, 1)), sites + groups
    program = Program(
        np.r_[np.zeros(worst), -scale],
        np.r_[rules.lower(), np.zeros(groups + 1)],
        np.r_[rules.upper(), np.ones(groups + 1)],
        seed=effort.seed,
    )
    rules.add_to(program)
    floor.cover.add_to(program, 1)
    for row in floor.held:
        columns = np.flatnonzero(row > 0)
        program.add_row(0.0, UNBOUNDED, np.r_[sites + columns, worst], np.r_[row[columns] * scale, -scale])
    for row in np.unique(reach[:, ~reach.all(axis=0)], axis=1).T:
        program.add_row(1.0, UNBOUNDED, np.flatnonzero(row))
    program.make_integer(np.arange(sites))
    solution = program.solve(effort)
    if not solution.values.size:
        return None
    chosen = np.flatnonzero(solution.values[:sites] > 0.5)
    share = floor.share(chosen)
    return Proof(chosen, share, min(1.0, max(share, -solution.bound / scale)), solution.status)


def by_coverage_above(weight: Floats, floor: Floor, rules: Rules, effort: Effort, start: Integers) -> Proof:
    """Return the choice that covers most of all that keep a floor; the objective is the covered weight.

    Parameters
    ----------
    weight
        float64 [groups].
    floor
        What must be covered of each part.
    rules, effort
        Which choices are allowed; how long to look for a proof.
    start
        A choice that keeps rules and floor.
    """
    sites, groups = floor.cover.covers.shape
    unit = float(weight.mean())
    program = Program(
        np.r_[np.zeros(sites), -weight / unit],
        np.r_[rules.lower(), np.zeros(groups)],
        np.r_[rules.upper(), np.ones(groups)],
        seed=effort.seed,
    )
    rules.add_to(program)
    floor.cover.add_to(program, 1)
    floor.add_to(program, sites)
    program.make_integer(np.arange(sites))
    best, reached, bound = start, float(weight @ floor.reached(start)), float(weight.sum())
    while True:
        opened = np.zeros(sites)
        opened[best] = 1.0
        program.suggest(np.r_[opened, floor.reached(best)])
        solution = program.solve(effort)
        if solution.status == INFEASIBLE:
            return Proof(best, reached, reached, OPTIMAL)
        bound = min(bound, max(reached, -solution.bound * unit))
        if not solution.values.size:
            return Proof(best, reached, bound, solution.status)
        chosen = np.flatnonzero(solution.values[:sites] > 0.5)
        if floor.met_by(chosen):
            found = float(weight @ floor.reached(chosen))
            best = chosen if found > reached else best
            return Proof(best, max(found, reached), max(bound, found), solution.status)
        # Within the solver's tolerance of the floor, and below it: no choice.
        rules.exclude(program, chosen, 1)
