"""Proof of optimality: mixed-integer programming with connectivity cuts added between solves.

Each unit i is chosen (x_i) or not, and may be the root of its part (r_i): its densest unit, ties by the lower one. There
are at most k roots, so many parts at most hold the demand, if every chosen unit hangs together with a root as dense:

    x_i <= sum of x_v over v next to S + sum of r_j over j in S at least as dense as i     for every set S that holds i,

the node-separator form of connected subgraphs (Fischetti et al. 2017, Thinning out Steiner trees; Carvajal et al. 2013,
Imposing connectivity constraints in forest planning models), with roots made unique by rank as in the asymmetric
representatives of colouring. Where each part must have at least a given extent and S has less, no root in S can do, and
the second sum falls away. The sets are too many to write down. First the linear relaxation is solved and the sets that
its solution breaks are found as least cuts; then the integer problem is solved, the sets that its solution breaks are
added, and it is solved again. Every cut holds for every plan, so the bound of an unfinished solve is a bound.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import highspy
import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, maximum_flow

from demandgeo.domain.record import Floats, Integers, Mask
from demandgeo.priority.problem import Problem
from demandgeo.priority.searching import spread

METHOD = "branch-and-cut"
SEED = 20150401
VIOLATED = 1e-4
"""A cut is worth adding if the solution breaks it by so much."""
CUTS_A_ROUND = 60
FRACTIONAL_ROUNDS = 40
FLOW_STEPS = 1e6
NODES = 20_000
FEASIBLE = 2
"""The solver's code of a solution that keeps its rows."""


@dataclass(frozen=True)
class Proof:
    """What the solver found out.

    Parameters
    ----------
    chosen
        The best plan known, None if there is none.
    bound
        No plan has less cost, or more demand.
    impossible
        Whether it is proved that no choice keeps the rules.
    nodes
        Nodes of the search trees.
    time_limited
        Whether the clock ended it.
    """

    chosen: Mask | None
    bound: float
    impossible: bool
    nodes: int
    time_limited: bool


@dataclass
class Model:
    """A solver's model of a problem: columns x of `kept` units, then their r, then what parts two neighbours.

    Attributes
    ----------
    problem
        What is asked.
    kept
        int64: the units that may be chosen.
    rank
        int64 [n]: place of each unit from the densest on.
    solver
        HiGHS.
    seen
        The cuts there are.
    """

    problem: Problem
    kept: Integers
    rank: Integers
    solver: highspy.Highs
    seen: set[tuple[int, bytes]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.column = np.full(self.problem.n, -1)
        self.column[self.kept] = np.arange(self.kept.size)

    def row(self, lower: float, upper: float, columns: Integers, values: Floats) -> None:
        """Add a row."""
        order = np.argsort(columns, kind="stable")
        at = np.ascontiguousarray(columns[order], np.int32)
        self.solver.addRow(lower, upper, at.size, at, np.ascontiguousarray(values[order], np.float64))

    def separate(self, unit: int, inside: Mask) -> bool:
        """Add the cut of a unit and a set that holds it; return whether it is new."""
        key = (int(unit), np.packbits(inside).tobytes())
        if key in self.seen:
            return False
        self.seen.add(key)
        problem, n = self.problem, self.kept.size
        next_to = np.zeros(problem.n, bool)
        next_to[problem.indices[inside[problem.rows]]] = True
        around = np.flatnonzero(next_to & ~inside)
        roots = np.flatnonzero(inside & (self.rank <= self.rank[unit]))
        if problem.extent[inside].sum() < problem.rules.least:
            roots = roots[:0]
        helps = np.concatenate([self.column[around], self.column[roots] + n])
        helps = helps[np.concatenate([self.column[around], self.column[roots]]) >= 0]
        columns = np.concatenate([[self.column[unit]], helps])
        self.row(-np.inf, 0.0, columns, np.concatenate([[1.0], np.full(helps.size, -1.0)]))
        return True


def prove(
    problem: Problem,
    chosen: Mask | None,
    *,
    may: Mask | None = None,
    gap: float = 1e-6,
    nodes: int = NODES,
    seconds: float | None = None,
) -> Proof:
    """Return the best plan there is, or the best plan and bound known when the solver stops.

    Parameters
    ----------
    problem
        What is asked.
    chosen
        A plan to start from, None if none is known.
    may
        bool [n]: the units that the best plan may use, if others are known not to be in it.
    gap
        Relative gap at which to stop.
    nodes
        Nodes after which to stop.
    seconds
        Wall-clock time after which to stop: the answer then depends on the machine.
    """
    kept = np.arange(problem.n) if may is None else np.flatnonzero(may)
    model = _model(problem, kept, gap, seconds)
    bound, solved = _relax(model)
    if not solved:
        return _stopped(model, chosen, -np.inf, 0)
    return _branch(model, chosen, bound, gap, nodes)


def _model(problem: Problem, kept: Integers, gap: float, seconds: float | None) -> Model:
    solver = highspy.Highs()
    rank = np.empty(problem.n, np.int64)
    rank[problem.by_density] = np.arange(problem.n)
    options: dict[str, object] = {"output_flag": False, "threads": 1, "random_seed": SEED, "mip_rel_gap": gap}
    if seconds is not None:
        options["time_limit"] = float(seconds)
    for name, value in options.items():
        solver.setOptionValue(name, value)
    model = Model(problem, kept, rank, solver)
    _columns(model)
    _rules(model)
    for unit in kept:
        alone = np.zeros(problem.n, bool)
        alone[unit] = True
        model.separate(unit, alone)
    return model


def _columns(model: Model) -> None:
    """Add x and r, and for each pair of neighbours one that is 1 where only one of the two is chosen, if that costs."""
    problem, kept, solver = model.problem, model.kept, model.solver
    n, price = kept.size, problem.rules.price
    inner = np.bincount(problem.rows, problem.border, minlength=problem.n)
    cost = -problem.demand if problem.most_demand else problem.extent + price * (problem.rim - inner)
    costs = [cost[kept], np.zeros(n)]
    once = (problem.rows < problem.indices) & (problem.border > 0)
    once &= (model.column[problem.rows] >= 0) | (model.column[problem.indices] >= 0)
    pairs = np.flatnonzero(once) if price > 0 else np.array([], np.int64)
    costs.append(price * problem.border[pairs])
    count = 2 * n + pairs.size
    solver.addVars(count, np.zeros(count), np.ones(count))
    solver.changeColsCost(count, np.arange(count, dtype=np.int32), np.concatenate(costs))
    for place, pair in enumerate(pairs):
        ends = model.column[[problem.rows[pair], problem.indices[pair]]]
        for sign in (1.0, -1.0):
            there = ends >= 0
            columns = np.concatenate([ends[there], [2 * n + place]])
            model.row(-np.inf, 0.0, columns, np.concatenate([sign * np.array([1.0, -1.0])[there], [-1.0]]))


def _rules(model: Model) -> None:
    problem, kept, rules, n = model.problem, model.kept, model.problem.rules, model.kept.size
    x, r, ones = np.arange(n), np.arange(n) + n, np.ones(n)
    if problem.most_demand:
        model.row(0.0, rules.limit, x, problem.extent[kept])
    else:
        model.row(rules.limit, np.inf, x, problem.demand[kept])
    model.row(1.0, rules.most, r, ones)
    for where in range(rules.quota.size):
        own = problem.district[kept] == where
        if rules.quota[where] > 0:
            model.row(rules.quota[where], np.inf, r[own], ones[own])
        if rules.floor[where] > 0:
            model.row(rules.floor[where], np.inf, x[own], problem.demand[kept][own])
    for place, unit in enumerate(kept):
        model.row(-np.inf, 0.0, np.array([place, place + n]), np.array([-1.0, 1.0]))
        for other in problem.indices[problem.indptr[unit] : problem.indptr[unit + 1]]:
            if model.column[other] >= 0 and model.rank[other] < model.rank[unit]:
                model.row(-np.inf, 1.0, np.array([model.column[other], place + n]), np.ones(2))


def _relax(model: Model) -> tuple[float, bool]:
    """Solve the linear relaxation with cuts until it breaks none; return its bound, and whether it has a solution."""
    bound = -np.inf
    for _ in range(FRACTIONAL_ROUNDS):
        model.solver.run()
        if model.solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return bound, False
        before, bound = bound, model.solver.getInfo().objective_function_value
        x, r = _values(model)
        added = sum(model.separate(unit, inside) for unit, inside in _broken(model, x, r))
        if not added or bound - before < 1e-7 * abs(bound):
            break
    return bound, True


def _branch(model: Model, chosen: Mask | None, bound: float, gap: float, nodes: int) -> Proof:
    problem, solver, n = model.problem, model.solver, model.kept.size
    columns = np.arange(2 * n, dtype=np.int32)
    solver.changeColsIntegrality(columns.size, columns, np.full(columns.size, highspy.HighsVarType.kInteger))
    sign, spent = (-1.0 if problem.most_demand else 1.0), 0
    while True:
        solver.setOptionValue("mip_max_nodes", max(nodes - spent, 1))
        if chosen is not None:
            _suggest(model, chosen)
        solver.run()
        info, status = solver.getInfo(), solver.getModelStatus()
        spent += max(int(info.mip_node_count), 0)
        if status == highspy.HighsModelStatus.kInfeasible:
            # Among the units kept there is no plan: the one given, if there is one, is the best.
            known = np.inf if chosen is None else problem.objective(chosen)
            return Proof(chosen, known, chosen is None, spent, False)
        if np.isfinite(info.mip_dual_bound):
            bound = max(bound, info.mip_dual_bound)
        added = 0
        if info.primal_solution_status == FEASIBLE:
            x, r = (np.round(part) for part in _values(model))
            added = sum(model.separate(unit, inside) for unit, inside in _disconnected(model, x > 0.5, r > 0.5))
            if problem.rules.quota.any():
                added += _second_roots(model, x > 0.5, r > 0.5)
            chosen = _improved(problem, chosen, x > 0.5)
        best = sign * problem.objective(chosen) if chosen is not None else np.inf
        finished = not added or best - bound <= gap * abs(best)
        if finished or spent >= nodes or status != highspy.HighsModelStatus.kOptimal:
            return _stopped(model, chosen, bound, spent)


def _stopped(model: Model, chosen: Mask | None, bound: float, spent: int) -> Proof:
    status = model.solver.getModelStatus()
    sign = -1.0 if model.problem.most_demand else 1.0
    impossible = status == highspy.HighsModelStatus.kInfeasible and chosen is None
    return Proof(chosen, sign * bound, impossible, spent, status == highspy.HighsModelStatus.kTimeLimit)


def _improved(problem: Problem, chosen: Mask | None, found: Mask) -> Mask | None:
    """Return the better of two choices, after bringing the second to the rules."""
    for candidate in (found, spread(problem, found)):
        if problem.keeps_rules(candidate):
            chosen = candidate if chosen is None else problem.better(chosen, candidate)
    return chosen


def _values(model: Model) -> tuple[Floats, Floats]:
    n, values = model.kept.size, np.asarray(model.solver.getSolution().col_value)
    x, r = np.zeros(model.problem.n), np.zeros(model.problem.n)
    x[model.kept], r[model.kept] = values[:n], values[n : 2 * n]
    return np.clip(x, 0.0, 1.0), np.clip(r, 0.0, 1.0)


def _suggest(model: Model, chosen: Mask) -> None:
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


def _disconnected(model: Model, chosen: Mask, roots: Mask) -> Iterator[tuple[int, Mask]]:
    """Give, for each part that has no root of its own or too little extent, its densest unit and its units."""
    part = model.problem.parts(chosen)
    for which in range(part.max(initial=-1) + 1):
        inside = part == which
        members = np.flatnonzero(inside)
        root = members[np.argmin(model.rank[members])]
        if not roots[root] or model.problem.extent[inside].sum() < model.problem.rules.least:
            yield int(root), inside


def _second_roots(model: Model, chosen: Mask, roots: Mask) -> int:
    """Forbid roots that are not the densest unit of their part, by the way between the two; return how many."""
    problem, part, added = model.problem, model.problem.parts(chosen), 0
    inner = chosen[problem.rows] & chosen[problem.indices]
    shape = (problem.n, problem.n)
    network = csr_array((np.ones(inner.sum()), (problem.rows[inner], problem.indices[inner])), shape=shape)
    for which in range(part.max(initial=-1) + 1):
        members = np.flatnonzero(part == which)
        densest = members[np.argmin(model.rank[members])]
        for root in members[roots[members] & (members != densest)]:
            before = breadth_first_order(network, densest, return_predecessors=True)[1]
            way, unit = [], int(before[root])
            while unit >= 0:
                way.append(model.column[unit])
                unit = int(before[unit])
            columns = np.array([*way, model.column[root] + model.kept.size])
            model.row(-np.inf, float(len(way)), columns, np.ones(columns.size))
            added += 1
    return added


def _broken(model: Model, x: Floats, r: Floats) -> Iterator[tuple[int, Mask]]:
    """Give units with the sets that separate them from their roots: first whole clusters, then least cuts."""
    problem, found = model.problem, 0
    for level in (1e-6, 0.2, 0.5, 0.8):
        part = problem.parts(x > level)
        for which in range(part.max(initial=-1) + 1):
            inside = part == which
            members = np.flatnonzero(inside)
            unit = members[np.argmin(model.rank[members])]
            if _breach(model, x, r, unit, inside) > VIOLATED:
                found += 1
                yield int(unit), inside
    short = x - r
    short[problem.indptr[1:] == problem.indptr[:-1]] = 0.0
    for unit in np.argsort(-short, kind="stable")[:CUTS_A_ROUND]:
        if short[unit] > VIOLATED:
            inside = _least_cut(model, x, r, int(unit))
            if _breach(model, x, r, int(unit), inside) > VIOLATED:
                yield int(unit), inside


def _breach(model: Model, x: Floats, r: Floats, unit: int, inside: Mask) -> float:
    problem = model.problem
    next_to = np.zeros(problem.n, bool)
    next_to[problem.indices[inside[problem.rows]]] = True
    help_of_roots = 0.0
    if problem.extent[inside].sum() >= problem.rules.least:
        help_of_roots = float(r[inside & (model.rank <= model.rank[unit])].sum())
    return float(x[unit] - x[next_to & ~inside].sum() - help_of_roots)


def _least_cut(model: Model, x: Floats, r: Floats, unit: int) -> Mask:
    """Return the set round a unit whose neighbours and roots help it least: a least cut between the unit and all roots.

    Nodes 0..n-1 are where units are entered, n..2n-1 where they are left, 2n the roots.
    """
    problem, n = model.problem, model.problem.n
    # A little more than x, so that of equal cuts the one with the fewest units is found.
    through = np.floor((x + 1e-4) * FLOW_STEPS).astype(np.int32)
    through[unit] = 2**30
    to_root = np.where(model.rank <= model.rank[unit], np.floor(r * FLOW_STEPS), 0).astype(np.int32)
    roots = np.flatnonzero(to_root)
    every = np.arange(n)
    rows = np.concatenate([every, problem.rows + n, roots])
    columns = np.concatenate([every + n, problem.indices, np.full(roots.size, 2 * n)])
    capacity = np.concatenate([through, np.full(problem.indices.size, 2**30, np.int32), to_root[roots]])
    network = csr_array((capacity, (rows, columns)), shape=(2 * n + 1, 2 * n + 1))
    flow = maximum_flow(network, unit, 2 * n).flow
    left = csr_array(network - flow)
    left.data = np.where(left.data > 0, left.data, 0)
    left.eliminate_zeros()
    reached = np.zeros(2 * n + 1, bool)
    reached[breadth_first_order(left, unit, return_predecessors=False)] = True
    return reached[n : 2 * n]
