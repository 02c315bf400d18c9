"""Where to stand: the sites from which demand is served best, with a proof of how good the choice is."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from demandgeo.deployment.assigning import by_assignment
from demandgeo.deployment.costs import Costs
from demandgeo.deployment.covering import by_coverage, by_fewest, by_radius
from demandgeo.deployment.cutting import by_cuts
from demandgeo.deployment.pricing import by_prices
from demandgeo.deployment.programs import Effort
from demandgeo.deployment.proofs import Proof
from demandgeo.deployment.questions import Question
from demandgeo.domain import CostMatrix, Demand, Location
from demandgeo.domain.location import ALTERNATIVE_COLUMNS, MOMENT
from demandgeo.domain.record import Floats, Integers
from demandgeo.errors import ModelError
from demandgeo.registry import stage

Model = Literal["p-median", "gradual", "mclp", "backup", "expected", "lscp", "p-centre"]
Unreachable = Literal["refuse", "leave out"]

COVERAGE = ("mclp", "backup", "expected")
TIMED = (*COVERAGE, "lscp", "gradual")
MAXIMISED = (*COVERAGE, "gradual")
EXPECTED_LEVELS = 6
"""Sites that count towards expected coverage: at a busy share of 0.5 the seventh adds under 1 %."""


@stage("deployment.locate")
def locate(
    tt: CostMatrix | NDArray[Any],
    demand: Demand | NDArray[Any],
    *,
    p: int | None = None,
    model: Model = "p-median",
    within: float | None = None,
    fading_to: float | None = None,
    busy: float = 0.3,
    backup_weight: float = 0.5,
    fixed: Sequence[str | int] = (),
    forbidden: Sequence[str | int] = (),
    budget: float | None = None,
    district_minima: Mapping[str, int] | None = None,
    workload: Sequence[float] | None = None,
    alternatives: int = 0,
    changed: int = 1,
    unreachable: Unreachable = "refuse",
    gap: float = 1e-6,
    nodes: int = 100_000,
    seconds: float | None = None,
    seed: int = 0,
) -> Location:
    """Choose sites, and prove how near to the best possible the choice is.

    Parameters
    ----------
    tt
        Seconds from each candidate site to each demand point: a `CostMatrix`, or an array [sites, points] with
        infinity where there is no way.
    demand
        On the destinations, in their order: a `Demand` (layers are summed, nodata counts 0), or an array [points].
    p
        How many sites are open; may be None where a budget is given, and for ``"lscp"``.
    model
        What is best:

        ============  ====================================================================================
        p-median      least demand-weighted travel time (seconds x demand)
        gradual       most demand, which counts in full `within`, and fades to nothing at `fading_to`
        mclp          most demand with an open site `within`
        backup        most demand within: a first site counts 1 - `backup_weight`, a second `backup_weight`
        expected      most demand expected to find a free site within, sites being `busy` a share of the time
        lscp          fewest sites (or least cost, where sites have ``cost_per_year`` and a budget is given)
                      that leave no demand point without one `within`
        p-centre      least travel time of the worst-served demand point
        ============  ====================================================================================
    within, fading_to
        Seconds.
    busy
        Share of the time in [0, 1) that a site cannot respond.
    backup_weight
        In [0, 1]; 0 makes ``"backup"`` the same as ``"mclp"``.
    fixed, forbidden
        Names (or row numbers) of sites that must be open, and that must not.
    budget
        Most that open sites may cost together: the sum of column ``cost_per_year`` of `tt.origins`.
    district_minima
        Least number of open sites in each district named: column ``district`` of `tt.origins`.
    workload
        Least and greatest demand that an open site may serve, for ``"p-median"``: points are then assigned whole, and
        not always to the nearest site.
    alternatives
        How many next best choices to give as well, each with its own proof.
    changed
        Sites by which they differ from the best choice and from each other, at least.
    unreachable
        ``"refuse"`` demand points with demand that no allowed site can reach, or ``"leave out"`` and count them; where
        coverage is maximised they count as not covered.
    gap
        Relative gap at which to stop.
    nodes
        Most nodes of each branch-and-bound.
    seconds
        Wall clock; a result that hits it is marked `time_limited` and may differ in another run.
    seed
        Of random starts and of the solver.

    Returns
    -------
    Location
        `open`, `assignment`, `objective`, `bound`, `gap`; one row per site in `table`.

    Raises
    ------
    ModelError
        If the shapes differ, a setting makes no sense, no choice keeps the rules, or nothing was found within the
        limits. All mistakes are listed at once.

    Notes
    -----
    P-median under plain rules: Lagrangian bounds in a branch-and-bound (Cornuejols, Fisher and Nemhauser 1977); with a
    budget or district minima, and for gradual coverage under them: Benders cuts (Duran-Mateluna, Ales and Elloumi
    2023), HiGHS the solver. Coverage: integer programs on points merged by the sites that cover them. P-centre:
    bisection over coverings. A choice is as good as travel times and demand are; recorded demand is what was recorded.

    Examples
    --------
    >>> minutes = np.array([[1.0, 5.0, 9.0, 9.0], [5.0, 1.0, 5.0, 9.0], [9.0, 9.0, 2.0, 1.0]])
    >>> best = locate(60 * minutes, np.array([4.0, 1.0, 1.0, 3.0]), p=2)
    >>> best.open.tolist(), best.assignment.tolist(), round(best.objective, 6), best.gap < 1e-6
    ([0, 2], [0, 0, 2, 2], 840.0, True)
    >>> locate(60 * minutes, np.ones(4), p=1, model="mclp", within=300).open.tolist()
    [1]
    """
    settings = {
        "p": p,
        "model": model,
        "within": within,
        "fading_to": fading_to,
        "busy": busy,
        "backup_weight": backup_weight,
        "fixed": fixed,
        "forbidden": forbidden,
        "budget": budget,
        "district_minima": district_minima,
        "workload": workload,
        "alternatives": alternatives,
        "changed": changed,
        "unreachable": unreachable,
        "gap": gap,
        "nodes": nodes,
        "seconds": seconds,
        "seed": seed,
    }
    matrix = tt if isinstance(tt, CostMatrix) else CostMatrix.of(tt)
    question = Question.of(matrix, demand, settings)
    effort = Effort(gap, nodes, seconds, seed, time.monotonic())
    answers = list(itertools.islice(_answers(question, model, effort, settings), 1 + alternatives))
    if not answers:
        raise ModelError(
            f"no choice of sites that keeps all the rules was found ({model})",
            "rules that can hold together were needed",
            "look at p, fixed and forbidden sites, district minima, budget and workload, and at the limit of nodes",
        )
    located = _location(matrix, question, model, answers, settings)
    return replace(located, support=demand.support) if isinstance(demand, Demand) else located


class Answer(NamedTuple):
    """A proof, and the site of each of the question's points."""

    proof: Proof
    assignment: Integers


def _answers(question: Question, model: Model, effort: Effort, settings: Mapping[str, Any]) -> Iterator[Answer]:
    changed = settings["changed"]
    if settings["workload"] is not None:
        least, most = (np.full(question.seconds.shape[0], value, np.float64) for value in settings["workload"])
        cost = question.weighted(question.seconds)
        found = by_assignment(cost, question.weight, question.rules, effort, least=least, most=most, changed=changed)
        yield from (Answer(answer.proof, answer.assignment) for answer in found)
        return
    for proof in _proofs(question, model, effort, settings):
        yield Answer(proof, question.nearest(proof.open))


def _proofs(question: Question, model: Model, effort: Effort, settings: Mapping[str, Any]) -> Iterator[Proof]:
    seconds, weight, rules, changed = question.seconds, question.weight, question.rules, settings["changed"]
    if model in ("p-median", "gradual"):
        cost = question.weighted(seconds if model == "p-median" else _lost(seconds, settings))
        costs = Costs.of(cost, weight)
        plain = rules.plain and bool(np.isfinite(cost).all())
        found = (by_prices if plain else by_cuts)(costs, rules, effort, changed=changed)
        yield from found if model == "p-median" else (_kept(proof, float(weight.sum())) for proof in found)
    elif model in COVERAGE:
        levels = _levels(model, settings)
        yield from by_coverage(seconds <= settings["within"], weight, levels, rules, effort, changed=changed)
    elif model == "lscp":
        yield from by_fewest(seconds <= settings["within"], rules, effort, changed=changed)
    else:
        proof = by_radius(seconds, rules, effort)
        yield from () if proof is None else (proof,)


def _levels(model: Model, settings: Mapping[str, Any]) -> Floats:
    if model == "mclp":
        return np.ones(1)
    if model == "backup":
        return np.array([1.0 - settings["backup_weight"], settings["backup_weight"]])
    busy = float(settings["busy"])
    return np.asarray((1.0 - busy) * busy ** np.arange(EXPECTED_LEVELS), np.float64)


def _lost(seconds: Floats, settings: Mapping[str, Any]) -> Floats:
    """Share of demand at each time that no longer counts."""
    full, nothing = settings["within"], settings["fading_to"]
    return np.asarray(np.clip((seconds - full) / (nothing - full), 0.0, 1.0), np.float64)


def _kept(proof: Proof, total: float) -> Proof:
    return Proof(proof.open, total - proof.objective, total - proof.bound, proof.status)


def _location(
    matrix: CostMatrix, question: Question, model: Model, answers: list[Answer], settings: Mapping[str, Any]
) -> Location:
    first = answers[0]
    assignment = question.whole_assignment(first.assignment)
    if model in TIMED and model != "gradual":
        served = matrix.seconds[np.maximum(assignment, 0), np.arange(assignment.size)]
        assignment[(assignment >= 0) & (served > settings["within"])] = -1
    return Location(
        sites=matrix.origins,
        open=first.proof.open,
        assignment=assignment,
        model=model,
        sense="maximise" if model in MAXIMISED else "minimise",
        objective=first.proof.objective,
        bound=first.proof.bound,
        gap=first.proof.gap,
        unit=_unit(model, question, settings),
        status=first.proof.status,
        table=_table(matrix, question, first.proof.open, assignment),
        alternatives=_alternatives(matrix, answers),
        settings={
            **{name: value for name, value in settings.items() if value is not None},
            "profile": matrix.profile,
            "points_left_out": question.left_out,
            "demand_left_out": question.demand_left_out,
        },
    )


def _unit(model: Model, question: Question, settings: Mapping[str, Any]) -> str:
    if model == "lscp":
        return "cost" if settings["budget"] is not None else "sites"
    if model == "p-centre":
        return "s"
    return f"{question.measure}{MOMENT}" if model == "p-median" else question.measure


def _table(matrix: CostMatrix, question: Question, chosen: Integers, assignment: Integers) -> pd.DataFrame:
    """One row per candidate: what it serves, and how far that is on the mean."""
    sites, served = len(matrix.origins), np.flatnonzero(assignment >= 0)
    site, weight = assignment[served], question.demand[served]
    load = np.bincount(site, weight, minlength=sites)
    time_spent = np.bincount(site, weight * matrix.seconds[site, served], minlength=sites)
    return pd.DataFrame(
        {
            "site": matrix.origins.ids,
            "open": np.isin(np.arange(sites), chosen),
            "demand": load,
            "demand_share": load / question.demand.sum(),
            "mean_seconds": np.divide(time_spent, load, out=np.full(sites, np.nan), where=load > 0),
        }
    )


def _alternatives(matrix: CostMatrix, answers: list[Answer]) -> pd.DataFrame:
    best, ids = answers[0].proof.open, np.array(matrix.origins.ids)
    rows = [
        (
            rank,
            proof.objective,
            proof.bound,
            proof.gap,
            int((~np.isin(proof.open, best)).sum()),
            "; ".join(ids[proof.open].tolist()),
        )
        for rank, (proof, _) in enumerate(answers[1:], 2)
    ]
    return pd.DataFrame(rows, columns=list(ALTERNATIVE_COLUMNS))


assert set(TIMED) < set(get_args(Model))
