"""Small maps divided exactly: an integer program, with a row for every way in which an area fell apart."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from demandgeo.deployment.dividing import Division, Plan
from demandgeo.deployment.programs import INFEASIBLE, OPTIMAL, UNBOUNDED, Effort, Program
from demandgeo.domain.beats import connected_parts
from demandgeo.domain.record import Integers, Mask

PAIRS = 120
"""Most pairs of centre and unit: 40 units and 3 bases, or 10 units whose centres are chosen. With 324 pairs and times
that are no distances the programs took minutes."""

ROUNDS = 60
"""Most programs; each adds the rows that the areas of the one before broke."""


@dataclass(frozen=True, slots=True)
class Proven:
    """The best plan (None: none was found), a bound on every balanced plan, and whether the search came to its end."""

    plan: Plan | None
    bound: float
    finished: bool


@dataclass(slots=True)
class _Model:
    division: Division
    effort: Effort
    program: Program = field(init=False)
    column: Integers = field(init=False)
    scale: float = field(init=False)

    def __post_init__(self) -> None:
        division = self.division
        centres, units = division.seconds.shape
        area, unit = np.nonzero(np.isfinite(division.seconds))
        self.column = np.full((centres, units), -1)
        self.column[area, unit] = centres + np.arange(area.size)
        cost = division.share[unit] * division.seconds[area, unit]
        self.scale = float(cost.mean()) or 1.0
        is_open = 0.0 if division.chosen else 1.0
        self.program = Program(
            np.r_[np.zeros(centres), cost / self.scale],
            np.r_[np.full(centres, is_open), np.zeros(area.size)],
            np.ones(centres + area.size),
            seed=self.effort.seed,
            presolve=False,  # it called 2 of 120 tiny programs infeasible that are not (HiGHS 1.15.1)
        )
        self._add_rows(centres, units)
        self.program.make_integer(np.arange(centres + area.size))

    def _add_rows(self, centres: int, units: int) -> None:
        division, program = self.division, self.program
        program.add_row(division.areas, division.areas, np.arange(centres))
        for unit in range(units):
            program.add_row(1.0, 1.0, self._columns(slice(None), unit))
        for j in range(centres):
            own = self._columns(j, slice(None))
            load = division.share[self.column[j] >= 0]
            fair = 0 if division.chosen else j
            program.add_row(0.0, UNBOUNDED, np.r_[own, j], np.r_[load, -max(0.0, division.least[fair])])
            program.add_row(-UNBOUNDED, 0.0, np.r_[own, j], np.r_[load, -division.most[fair]])
            program.add_row(0.0, UNBOUNDED, np.r_[own, j], np.r_[np.ones(own.size), -1.0])
            if division.chosen:
                program.add_row(0.0, 0.0, [self.column[j, j], j], [1.0, -1.0])
                for pair in own:
                    program.add_row(-UNBOUNDED, 0.0, [pair, j], [1.0, -1.0])

    def _columns(self, centre: int | slice, unit: int | slice | Integers) -> Integers:
        found = self.column[centre, unit]
        return found[found >= 0]

    def plan(self, values: np.ndarray) -> Plan:
        """Read a plan from the values of the columns."""
        centre = np.flatnonzero(values[: len(self.column)] > 0.5)
        taken = np.where(self.column[centre] >= 0, values[self.column[centre]], 0.0)
        return Plan.of(self.division, np.argmax(taken, axis=0).astype(np.int64), centre)

    def separate(self, plan: Plan) -> bool:
        """Add the rows that the plan's broken areas violate; return whether there are any."""
        parts = connected_parts(plan.label, self.division.graph)
        found = False
        for area in range(self.division.areas):
            own = plan.label == area
            names, sizes = np.unique(parts[own], return_counts=True)
            main = parts[plan.centre[area]] if self.division.chosen else names[np.argmax(sizes)]
            for name in names[names != main]:
                self._keep_joined(parts == name, int(np.flatnonzero(own & (parts == main))[0]))
                found = True
        return found

    def _keep_joined(self, part: Mask, outside: int) -> None:
        """Who has a unit of the part, and one outside it (the centre, where there is one), has one beside the part."""
        graph = self.division.graph
        beside = np.unique(graph.indices[part[graph.rows] & ~part[graph.indices]])
        for j in range(len(self.column)):
            if self.division.chosen and part[j]:
                continue
            border = self._columns(j, beside)
            far = [] if self.division.chosen else [self.column[j, outside]]
            for unit in np.flatnonzero(part & (self.column[j] >= 0)):
                if min(far, default=0) >= 0:
                    ends = np.r_[self.column[j, unit], np.array(far, np.int64)]
                    signs = np.r_[np.ones(ends.size), -np.ones(border.size)]
                    self.program.add_row(-UNBOUNDED, float(len(far)), np.r_[ends, border], signs)


def by_separators(division: Division, effort: Effort) -> Proven:
    """Return the best division of a small map, proven.

    A unit of an area and another outside a part of it are joined through the units beside that part (separator rows;
    R. Carvajal et al., Operations Research 61, 2013, 824-836, for connected sets in forests). They are added once a
    solution breaks them; each program's own bound holds for every balanced plan.
    """
    model, bound = _Model(division, effort), 0.0
    for _ in range(ROUNDS):
        solution = model.program.solve(effort)
        if solution.status == INFEASIBLE:
            return Proven(None, np.inf, finished=True)
        bound = max(bound, solution.bound * model.scale)
        if solution.status != OPTIMAL or not solution.values.size:
            break
        plan = model.plan(solution.values)
        if not model.separate(plan):
            return Proven(plan, bound, finished=True)
    return Proven(None, bound, finished=False)
