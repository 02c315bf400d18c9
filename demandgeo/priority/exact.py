"""Proof of optimality: mixed-integer programming with connectivity cuts added between solves.

Each unit v is chosen (x_v) or not; a chosen one is the root of its part (r_v), or is entered from one neighbour
(z_uv), so that a part is a tree that grows from its root. The root is the densest unit of its part, ties by the lower
one, and there are at most k of them. That the trees have no circles needs, for every set W of units and every i in W,

    x_i <= sum of z_uv over u outside and v inside W + sum of r_j over j in W that are at least as dense as i,

the directed-cut form of connected subgraphs (Ljubic et al. 2006, An algorithmic framework for the exact solution of
the prize-collecting Steiner tree problem; Carvajal et al. 2013, Imposing connectivity constraints in forest planning
models), with roots made unique by rank as in the asymmetric representatives of colouring. Where each part must have at
least a given extent, its root sends so much along the tree, which the units of the part take up; and if W has less, a
part that meets W leaves it: x_i <= sum of x_v over v next to W. The sets are too many to write down. First the linear
relaxation is solved and the sets that its solution breaks are found as least cuts; then the integer problem is solved,
the sets that its solution breaks are added, and it is solved again. Every cut holds for every plan, so the bound of an
unfinished solve is a bound.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import highspy
import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, maximum_flow

from demandgeo.domain.record import Floats, Mask
from demandgeo.priority.models import Model, build, suggest, values_of
from demandgeo.priority.problem import Problem
from demandgeo.priority.searching import spread

METHOD = "branch-and-cut"
VIOLATED = 1e-4
"""A cut is worth adding if the solution breaks it by so much."""
FRACTIONAL_ROUNDS = 40
LOOKED_AT = 150
"""Units whose least cut is found in a round of the relaxation: those that lean most on others."""
FLOW_STEPS, ARC_STEPS = 1e6, 10.0
"""Least cuts are found in whole numbers; each arc counts a little more, so that of equal cuts the one of few arcs is
found."""
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
    model = build(problem, kept, gap, seconds)
    bound, solved = _relax(model)
    if not solved:
        return _stopped(model, chosen, -np.inf, 0)
    return _branch(model, chosen, bound, gap, nodes)


def _relax(model: Model) -> tuple[float, bool]:
    """Solve the linear relaxation with cuts until it breaks none; return its bound, and whether it has a solution."""
    bound = -np.inf
    for _ in range(FRACTIONAL_ROUNDS):
        model.solver.run()
        if model.solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return bound, False
        before, bound = bound, model.solver.getInfo().objective_function_value
        added = sum(model.separate(unit, inside) for unit, inside in _broken(model))
        if not added or bound - before < 1e-6 * abs(bound):
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
            suggest(model, chosen)
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
            x, r, _ = values_of(model)
            added = sum(model.separate(unit, inside) for unit, inside in _disconnected(model, x > 0.5, r > 0.5))
            if problem.rules.quota.any():
                added += _second_roots(model, x > 0.5, r > 0.5)
            chosen = _improved(problem, chosen, x > 0.5)
        finished = not added
        if chosen is not None:
            best = sign * problem.objective(chosen)
            finished = finished or best - bound <= gap * abs(best)
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


def _broken(model: Model) -> Iterator[tuple[int, Mask]]:
    """Give units with the sets that separate them from their roots: first whole clusters, then least cuts."""
    x, r, z = values_of(model)
    for level in (VIOLATED, 0.5):
        part = model.problem.parts(x > level)
        for which in range(part.max(initial=-1) + 1):
            inside = part == which
            members = np.flatnonzero(inside)
            unit = int(members[np.argmin(model.rank[members])])
            if _breach(model, (x, r, z), unit, inside) > VIOLATED:
                yield unit, inside
    for unit in np.argsort(r - x, kind="stable")[:LOOKED_AT]:
        if x[unit] - r[unit] <= VIOLATED:
            break
        inside = _least_cut(model, r, z, int(unit))
        if inside[unit] and _breach(model, (x, r, z), int(unit), inside) > VIOLATED:
            yield int(unit), inside


def _breach(model: Model, solution: tuple[Floats, Floats, Floats], unit: int, inside: Mask) -> float:
    """Return by how much a solution breaks the cuts of a unit and a set."""
    x, r, z = solution
    entered = float(z[~inside[model.tail] & inside[model.head]].sum() + r[model.roots_within(unit, inside)].sum())
    left = float(x[model.next_to(inside)].sum()) if model.too_small(inside) else 1.0
    return float(x[unit]) - min(entered, left)


def _least_cut(model: Model, r: Floats, z: Floats, unit: int) -> Mask:
    """Return the set round a unit that is entered least, its roots counted: a least cut between roots and the unit."""
    n = model.problem.n
    roots = np.flatnonzero(np.where(model.rank <= model.rank[unit], r, 0.0) * FLOW_STEPS >= 1.0)
    # From the unit backwards, so that of equal cuts the one nearest to the unit is found.
    rows, columns = np.concatenate([model.head, roots]), np.concatenate([model.tail, np.full(roots.size, n)])
    capacity = np.concatenate([z, r[roots]]) * FLOW_STEPS + ARC_STEPS
    network = csr_array((capacity.astype(np.int32), (rows, columns)), shape=(n + 1, n + 1))
    left = csr_array(network - maximum_flow(network, unit, n).flow)
    left.data = np.where(left.data > 0, left.data, 0)
    left.eliminate_zeros()
    reached = np.zeros(n + 1, bool)
    reached[breadth_first_order(left, unit, return_predecessors=False)] = True
    return reached[:n]
