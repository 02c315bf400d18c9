"""The integer model of a selection: columns, rows, and the cuts that keep its parts connected.

`priority.exact` says what the columns are, and why the cuts hold.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import highspy
import numpy as np

from demandgeo.domain.record import Floats, Integers, Mask
from demandgeo.priority.problem import Problem

SEED = 20150401


@dataclass
class Model:
    """A solver's model of a problem: columns x of `kept` units, then their r, then z, then what parts two neighbours.

    Attributes
    ----------
    problem
        What is asked.
    kept
        int64: the units that may be chosen.
    solver
        HiGHS.
    seen
        The cuts there are.
    """

    problem: Problem
    kept: Integers
    solver: highspy.Highs
    seen: set[tuple[int, bytes]] = field(default_factory=set)

    def __post_init__(self) -> None:
        problem, n = self.problem, self.kept.size
        self.column = np.full(problem.n, -1)
        self.column[self.kept] = np.arange(n)
        self.rank = np.empty(problem.n, np.int64)
        self.rank[problem.by_density] = np.arange(problem.n)
        arcs = np.flatnonzero((self.column[problem.rows] >= 0) & (self.column[problem.indices] >= 0))
        self.tail, self.head = problem.rows[arcs], problem.indices[arcs]
        self.arc_column = 2 * n + np.arange(arcs.size)

    def row(self, lower: float, upper: float, columns: Integers, values: Floats) -> None:
        """Add a row."""
        order = np.argsort(columns, kind="stable")
        at = np.ascontiguousarray(columns[order], np.int32)
        self.solver.addRow(lower, upper, at.size, at, np.ascontiguousarray(values[order], np.float64))

    def roots_within(self, unit: int, inside: Mask) -> Integers:
        """Return the kept units of a set that may be the root of a part that holds the unit."""
        roots: Integers = self.kept[inside[self.kept] & (self.rank[self.kept] <= self.rank[unit])]
        return roots

    def too_small(self, inside: Mask) -> bool:
        """Whether a set cannot hold a whole part."""
        return bool(self.problem.extent[inside].sum() < self.problem.rules.least)

    def next_to(self, inside: Mask) -> Integers:
        """Return the kept units next to a set."""
        around: Integers = np.unique(self.head[inside[self.tail] & ~inside[self.head]])
        return around

    def separate(self, unit: int, inside: Mask) -> bool:
        """Add the cuts of a unit and a set that holds it; return whether they are new."""
        key = (int(unit), np.packbits(inside).tobytes())
        if key in self.seen:
            return False
        self.seen.add(key)
        entering = self.arc_column[~inside[self.tail] & inside[self.head]]
        roots = self.column[self.roots_within(unit, inside)] + self.kept.size
        helps = [np.concatenate([entering, roots])]
        if self.too_small(inside):
            helps.append(self.column[self.next_to(inside)])
        for columns in helps:
            values = np.concatenate([[1.0], np.full(columns.size, -1.0)])
            self.row(-np.inf, 0.0, np.concatenate([[self.column[unit]], columns]), values)
        return True


def build(problem: Problem, kept: Integers, gap: float, seconds: float | None) -> Model:
    """Return the model of a problem on the units kept, with the rows that do not wait for a solution to break them."""
    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    options: dict[str, bool | int | float] = {
        "output_flag": False,
        "threads": 1,
        "random_seed": SEED,
        "mip_rel_gap": gap,
    }
    if seconds is not None:
        options["time_limit"] = float(seconds)
    for name, value in options.items():
        solver.setOptionValue(name, value)
    model = Model(problem, kept, solver)
    _columns(model)
    _rules(model)
    _trees(model)
    if problem.rules.least > 0:
        _least_extents(model)
    return model


def _columns(model: Model) -> None:
    """Add x, r and z, and for each pair of neighbours, if borders cost, one that is 1 where only one is chosen."""
    problem, kept, solver = model.problem, model.kept, model.solver
    n, price = kept.size, problem.rules.price
    inner = np.bincount(problem.rows, problem.border, minlength=problem.n)
    cost = -problem.demand if problem.most_demand else problem.extent + price * (problem.rim - inner)
    once = (problem.rows < problem.indices) & (problem.border > 0)
    once &= (model.column[problem.rows] >= 0) | (model.column[problem.indices] >= 0)
    pairs = np.flatnonzero(once) if price > 0 else np.array([], np.int64)
    costs = np.concatenate([cost[kept], np.zeros(n + model.tail.size), price * problem.border[pairs]])
    solver.addVars(costs.size, np.zeros(costs.size), np.ones(costs.size))
    solver.changeColsCost(costs.size, np.arange(costs.size, dtype=np.int32), costs)
    for place, pair in enumerate(pairs, start=2 * n + model.tail.size):
        ends = model.column[[problem.rows[pair], problem.indices[pair]]]
        for sign in (1.0, -1.0):
            there = ends >= 0
            columns = np.concatenate([ends[there], [place]])
            model.row(-np.inf, 0.0, columns, np.concatenate([sign * np.array([1.0, -1.0])[there], [-1.0]]))


def _rules(model: Model) -> None:
    problem, kept, rules, n = model.problem, model.kept, model.problem.rules, model.kept.size
    x, r, ones = np.arange(n), np.arange(n) + n, np.ones(n)
    if problem.most_demand:
        model.row(0.0, rules.limit, x, problem.extent[kept])
    else:
        model.row(rules.limit, np.inf, x, problem.demand[kept])
    model.row(1.0, float(rules.most), r, ones)
    for where in range(rules.quota.size):
        own = problem.district[kept] == where
        if rules.quota[where] > 0:
            model.row(float(rules.quota[where]), np.inf, r[own], ones[own])
        if rules.floor[where] > 0:
            model.row(float(rules.floor[where]), np.inf, x[own], problem.demand[kept][own])


def _trees(model: Model) -> None:
    """Enter each unit once or make it a root; use an arc one way, from a chosen unit; no root beside a denser unit."""
    n, column = model.kept.size, model.column
    for place, unit in enumerate(model.kept):
        entering = model.arc_column[model.head == unit]
        values = np.concatenate([[-1.0, 1.0], np.ones(entering.size)])
        model.row(0.0, 0.0, np.concatenate([[place, place + n], entering]), values)
        if model.problem.extent[unit] < model.problem.rules.least:
            alone = np.zeros(model.problem.n, bool)
            alone[unit] = True
            model.separate(int(unit), alone)
    arc_of = {pair: arc for arc, pair in enumerate(zip(model.tail.tolist(), model.head.tolist(), strict=True))}
    for (tail, head), arc in arc_of.items():
        both = model.arc_column[[arc, arc_of[head, tail]]]
        model.row(-np.inf, 0.0, np.array([column[tail], *both]), np.array([-1.0, 1.0, 1.0]))
        if model.rank[head] < model.rank[tail]:
            model.row(-np.inf, 1.0, np.array([column[head], column[tail] + n]), np.ones(2))


def _least_extents(model: Model) -> None:
    """Let each root send the least extent along its tree, where chosen units take up at most their own extent."""
    problem, n, least = model.problem, model.kept.size, model.problem.rules.least
    takes = model.solver.getNumCol() + np.arange(n)
    carries = takes[-1] + 1 + np.arange(model.tail.size)
    room = np.concatenate([problem.extent[model.kept], np.full(carries.size, least)])
    model.solver.addVars(room.size, np.zeros(room.size), room)
    for place, unit in enumerate(model.kept):
        model.row(-np.inf, 0.0, np.array([place, takes[place]]), np.array([-problem.extent[unit], 1.0]))
        into, out = carries[model.head == unit], carries[model.tail == unit]
        values = np.concatenate([[least, -1.0], np.ones(into.size), -np.ones(out.size)])
        model.row(0.0, 0.0, np.concatenate([[n + place, takes[place]], into, out]), values)
    for arc, carried in zip(model.arc_column, carries, strict=True):
        model.row(-np.inf, 0.0, np.array([arc, carried]), np.array([-least, 1.0]))


def values_of(model: Model) -> tuple[Floats, Floats, Floats]:
    """Return x and r by unit [n], and z by arc, of the solver's solution."""
    n, values = model.kept.size, np.clip(model.solver.getSolution().col_value, 0.0, 1.0)
    x, r = np.zeros(model.problem.n), np.zeros(model.problem.n)
    x[model.kept], r[model.kept] = values[:n], values[n : 2 * n]
    return x, r, values[2 * n : 2 * n + model.tail.size]


def suggest(model: Model, chosen: Mask) -> None:
    """Start the solver from a plan."""
    problem, n = model.problem, model.kept.size
    values = np.zeros(model.solver.getNumCol())
    values[:n] = chosen[model.kept]
    part = problem.parts(chosen)
    for which in range(part.max() + 1):
        members = np.flatnonzero(part == which)
        root = model.column[members[np.argmin(model.rank[members])]]
        if root >= 0:
            values[n + root] = 1.0
    columns = np.arange(2 * n, dtype=np.int32)
    model.solver.setSolution(columns.size, columns, values[: 2 * n])
