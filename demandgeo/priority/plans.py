"""From a problem to a plan: search, bound, and proof where it is asked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from demandgeo.domain.record import Mask
from demandgeo.priority.bounds import Bound, best_bound
from demandgeo.priority.exact import METHOD, Proof
from demandgeo.priority.exact import prove as prove_best
from demandgeo.priority.feasibility import PROVABLE, refuse_impossible, unsolved
from demandgeo.priority.problem import Problem
from demandgeo.priority.searching import search

SMALL = 100
"""Problems of up to so many units are always proved: a tenth of a second, and trades miss more there."""


@dataclass(frozen=True)
class Plan:
    """A choice that keeps the rules, with the bound that it is measured against.

    Parameters
    ----------
    chosen
        bool [m].
    bound, method
        No plan is better than the bound, proved by the method.
    time_limited
        Whether a clock ended the proof.
    price, toll
        Where the Lagrangian bound is tightest: where to start on a similar problem.
    """

    chosen: Mask
    bound: float
    method: str
    time_limited: bool
    price: float
    toll: float


def best_plan(
    problem: Problem,
    *,
    prove: bool = False,
    nodes: int = 20_000,
    seconds: float | None = None,
    known: Iterable[Mask] = (),
    toll: float = 0.0,
) -> Plan:
    """Return a plan that keeps the rules, and how good it is at least.

    Raises
    ------
    ModelError
        If there is none, or none was found; the message says which.
    """
    refuse_impossible(problem)
    found = search(problem, known)
    if found.chosen is None:
        proof = prove_best(problem, None, nodes=nodes, seconds=seconds) if prove or problem.n <= PROVABLE else None
        if proof is None or proof.chosen is None:
            raise unsolved(problem, proved=proof is not None and proof.impossible)
        return _proved(problem, proof.chosen, proof, best_bound(problem))
    bound = best_bound(problem, found.price, toll)
    if prove or problem.n <= SMALL:
        proof = prove_best(
            problem, found.chosen, may=_useful(problem, found.chosen, bound), nodes=nodes, seconds=seconds
        )
        return _proved(problem, found.chosen if proof.chosen is None else proof.chosen, proof, bound)
    return _plan(problem, found.chosen, bound.value, bound, method=bound.method)


def _proved(problem: Problem, chosen: Mask, proof: Proof, bound: Bound) -> Plan:
    """Take the better of two bounds."""
    sign = -1.0 if problem.most_demand else 1.0
    if sign * proof.bound <= sign * bound.value:
        return _plan(problem, chosen, bound.value, bound, method=bound.method, clock=proof.time_limited)
    return _plan(problem, chosen, proof.bound, bound, method=METHOD, clock=proof.time_limited)


def _plan(problem: Problem, chosen: Mask, value: float, bound: Bound, *, method: str, clock: bool = False) -> Plan:
    """Quote no bound beyond the plan: what it lies beyond is rounding, or plans that were left out as no better."""
    own, value = problem.objective(chosen), whole_steps(problem, value)
    value = max(value, own) if problem.most_demand else min(value, own)
    return Plan(chosen, value, method, clock, bound.price, bound.toll)


def whole_steps(problem: Problem, value: float) -> float:
    """Return a bound moved to the next value that a plan can have, where extents are all equal or demands all whole."""
    if problem.most_demand:
        whole = bool((problem.demand == np.round(problem.demand)).all())
        return float(np.floor(value + 1e-9 * abs(value))) if whole else value
    cell = float(problem.extent[0])
    if problem.rules.price > 0 or not (problem.extent == cell).all():
        return value
    return float(np.ceil(value / cell * (1.0 - 1e-9)) * cell)


def _useful(problem: Problem, chosen: Mask, bound: Bound) -> Mask:
    """Return the units that a plan better than the chosen one may use.

    A choice that holds a unit of negative value is worth at most the bound on all choices less what is left of the cost
    of entering the unit (`kernels.moats.most_value`), which moves the bound on its objective beyond the plan's.
    """
    if bound.left is None:
        return np.ones(problem.n, bool)
    slack = np.full(problem.n, np.inf)
    np.minimum.at(slack, problem.rows, bound.left)
    slack[np.diff(problem.indptr) == 0] = 0.0
    own = problem.objective(chosen)
    if problem.most_demand:
        return (bound.value - slack / bound.price >= own * (1.0 - 1e-9)) | chosen
    return (bound.value + slack <= own * (1.0 + 1e-9)) | chosen
