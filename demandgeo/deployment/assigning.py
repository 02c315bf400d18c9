"""Sites with bounds on their workload: whole points are assigned, so that no site has too much or too little."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from demandgeo.deployment.programs import INFEASIBLE, UNBOUNDED, Effort, Program
from demandgeo.deployment.proofs import Proof
from demandgeo.deployment.rules import Rules
from demandgeo.domain.record import Floats, Integers


@dataclass(frozen=True, slots=True)
class Assigned:
    """A proof, and the site of each point, int64 [points]."""

    proof: Proof
    assignment: Integers


def by_assignment(
    cost: Floats,
    workload: Floats,
    rules: Rules,
    effort: Effort,
    *,
    least: Floats,
    most: Floats,
    changed: int = 1,
) -> Iterator[Assigned]:
    """Yield the cheapest assignment of points to open sites within workloads, the next set of sites, and so on.

    Parameters
    ----------
    cost
        float64 [sites, points], infinite where a site cannot serve a point.
    workload
        float64 [points], what each point adds to its site.
    rules, effort
        Which choices are allowed; how long to look for a proof.
    least, most
        float64 [sites], bounds on the workload of an open site.
    changed
        Sites by which each choice differs from every earlier one.
    """
    sites, points = cost.shape
    site, point = np.nonzero(np.isfinite(cost))
    unit = float(cost[site, point].mean()) or 1.0
    program = Program(
        np.r_[np.zeros(sites), cost[site, point] / unit],
        np.r_[rules.lower(), np.zeros(site.size)],
        np.r_[rules.upper(), np.ones(site.size)],
        seed=effort.seed,
    )
    rules.add_to(program)
    column = sites + np.arange(site.size)
    for i in range(points):
        program.add_row(1.0, 1.0, column[point == i])
    # A row per pair as well as per site: the relaxation is then that of the p-median, and its bound near.
    pair = np.column_stack([column, site]).ravel()
    signs = np.tile([1.0, -1.0], site.size)
    program.add_rows(np.full(site.size, -UNBOUNDED), np.zeros(site.size), 2 * np.arange(site.size), pair, signs)
    for j in range(sites):
        own, load = column[site == j], workload[point[site == j]]
        if least[j] > 0:
            program.add_row(0.0, UNBOUNDED, np.r_[own, j], np.r_[load, -least[j]])
        if np.isfinite(most[j]):
            program.add_row(-UNBOUNDED, 0.0, np.r_[own, j], np.r_[load, -most[j]])
    program.make_integer(np.arange(sites + site.size))
    while True:
        solution = program.solve(effort)
        if solution.status == INFEASIBLE or not solution.values.size:
            return
        chosen = np.flatnonzero(solution.values[:sites] > 0.5)
        taken = solution.values[sites:] > 0.5
        assignment = np.empty(points, np.int64)
        assignment[point[taken]] = site[taken]
        total = float(cost[assignment, np.arange(points)].sum())
        yield Assigned(Proof(chosen, total, min(total, solution.bound * unit), solution.status), assignment)
        rules.exclude(program, chosen, changed)
