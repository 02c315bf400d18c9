"""Pareto fronts: what each limit on a second criterion takes of the first, and how far options are from the best."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from demandgeo.deployment.costs import Costs
from demandgeo.deployment.floors import Floor
from demandgeo.deployment.location import Unreachable
from demandgeo.deployment.planes import Plane
from demandgeo.deployment.programs import Effort
from demandgeo.deployment.questions import Question
from demandgeo.deployment.rosters import priced, resolved
from demandgeo.deployment.rules import Rules
from demandgeo.deployment.tracing import Trace, certificates, point_rows, trace
from demandgeo.domain import CostMatrix, Demand, Options
from demandgeo.domain.fronts import POINT_COLUMNS, ParetoFront, option_table
from demandgeo.domain.record import Floats, Integers
from demandgeo.errors import ModelError, Problems, did_you_mean
from demandgeo.registry import stage

Objective = Literal["mean_time", "coverage"]
Against = Literal["sites", "sites_cost", "coverage", "worst_district"]

NOTES = (
    "A front is of recorded demand and travel times only. It is no evidence that crime would fall.",
    "Every bound holds for all plans that keep the rules, drawn or not; the gap says how near a plan is to it.",
)


@stage("deployment.pareto_front")
def pareto_front(
    demand: Demand,
    tt: CostMatrix,
    options: Options | None = None,
    *,
    objective: Objective = "mean_time",
    against: Against = "sites",
    points: int = 10,
    limits: Sequence[float] | None = None,
    p: int | None = None,
    budget: float | None = None,
    within: float = 480.0,
    fixed: Sequence[str | int] = (),
    forbidden: Sequence[str | int] = (),
    unreachable: Unreachable = "refuse",
    gap: float = 1e-6,
    nodes: int = 100_000,
    seconds: float | None = None,
    seed: int = 0,
) -> ParetoFront:
    """Trade one criterion against another: the best plan at every limit, proven, and options on the same plane.

    Parameters
    ----------
    demand
        On the destinations of `tt`, in their order (layers are summed, nodata counts 0).
    tt
        Seconds from every candidate site to every demand point.
    options
        Each gets its two values, the plan of the front that beats it, and the gap to the best possible at its own
        limit. Options with a search are searched for first, on `demand`.
    objective
        What plans are best in: ``"mean_time"`` (least mean seconds to demand, by the nearest open site) or
        ``"coverage"`` (greatest share of demand with an open site `within`).
    against
        What is limited:

        ==============  ===============================================================================
        sites           how many are open, at most
        sites_cost      what they cost together, at most: column ``cost_per_year`` of `tt.origins`
        coverage        share of demand with an open site `within`, at least
        worst_district  the same share in the district where it is least, at least (`demand.support.group`)
        ==============  ===============================================================================
    points
        How many limits, from the strictest that a plan can keep to where the objective is at its best: shares evenly
        spaced, sites and costs in even ratios, as a front is steep where they are few. Limits that fall together
        count once.
    limits
        Limits to use instead. Those of the options are always solved as well.
    p, budget
        Against ``"coverage"`` and ``"worst_district"``: the sites, or the yearly cost, that every plan may use; the
        number of sites of the status quo if neither is given.
    within
        Seconds: the standard of coverage.
    fixed, forbidden
        Names (or row numbers) of sites that every plan opens, and that none does, beside the options' fixed and closed
        bases.
    unreachable
        ``"refuse"`` demand points with demand that no allowed site can reach, or ``"leave out"`` and count them. In
        coverage they always count as not covered.
    gap, nodes, seconds, seed
        As in `locate`; `seconds` is for the whole front.

    Returns
    -------
    ParetoFront
        `table` has a row per plan, `options` one per option, `sentence` says how far the status quo is from the best.

    Raises
    ------
    ModelError
        If shapes differ, names are not known, costs or districts are missing, a limit can be kept by no plan, or
        settings make no sense. All mistakes are listed at once.

    Notes
    -----
    The epsilon-constraint method (Haimes, Lasdon and Wismer 1971): one criterion is proven best under a limit on the
    other, from the strictest limit to the laxest. A plan keeps every laxer limit and a bound holds for every stricter
    one, so both are handed on. Plans that repeat or are beaten on both criteria are dropped and counted. A plan that
    is not listed may be as good in the objective with less of the other, except against sites, where it cannot.

    Examples
    --------
    >>> from demandgeo.density import count
    >>> from demandgeo.domain import Events, Grid
    >>> grid = Grid.covering((0, 0, 300, 100), cell=100, crs="EPSG:27700")
    >>> demand = count(Events.at([50.0] * 3 + [250.0], [50.0] * 4, crs="EPSG:27700"), grid)
    >>> times = CostMatrix.of([[0, 60, 120], [60, 0, 60], [120, 60, 0]])
    >>> front = pareto_front(demand, times, Options.of({"now": ["1"]}, status_quo="now"))
    >>> front.to_frame()[["sites", "mean_time_s", "open_sites"]].values.tolist()
    [[1.0, 30.0, '0'], [2.0, 0.0, '0; 2']]
    >>> float(front.options["gap"][0].round(6)), int(front.options["dominated_by"][0])
    (0.5, 1)
    """
    if options is not None:
        tt = priced(tt, options)
        fixed = (*fixed, *options.with_status("fixed"))
        forbidden = (*forbidden, *options.with_status("closed"))
    settings = {
        "objective": objective,
        "against": against,
        "points": points,
        "limits": limits,
        "p": p,
        "budget": budget,
        "within": within,
        "fixed": fixed,
        "forbidden": forbidden,
        "unreachable": unreachable,
        "gap": gap,
        "nodes": nodes,
        "seconds": seconds,
        "seed": seed,
    }
    if against in ("coverage", "worst_district") and p is None and budget is None and options is not None:
        settings["p"] = _number_now(options)
    question = _question(demand, tt, options, settings)
    plane = _plane(question, demand, tt, settings)
    drawn = {} if options is None else _choices(options, demand, tt)
    found = trace(plane, drawn, limits, points, Effort(gap, nodes, seconds, seed, time.monotonic()))
    about = {"candidates": len(tt.origins), "profile": tt.profile, "measure": demand.measure, "period": demand.period}
    return _front(found, plane, question, options, settings | about)


def _number_now(options: Options) -> int | None:
    """Return the number of sites of the status quo, as far as it can be known before a search."""
    now = options.options[options.names.index(options.status_quo)]
    return len(now.open) or now.search.get("p")


def _question(demand: Demand, tt: CostMatrix, options: Options | None, settings: Mapping[str, Any]) -> Question:
    """State what is searched; every mistake in settings and data is said at once."""
    problems = Problems()
    _check_criteria(demand, tt, settings, problems)
    known = set(tt.origins.ids)
    for option in () if options is None else options.options:
        for name in sorted(set(option.open) - known):  # the nearest name is dear to find
            found = f"option {option.name!r}: the travel times have no site {name!r}"
            problems.add(found, remedy=did_you_mean(name, tt.origins.ids))
    free = settings["against"] in ("sites", "sites_cost")
    asked = {
        **settings,
        "model": "p-median" if settings["objective"] == "mean_time" else "mclp",
        "p": max(1, len(set(map(str, settings["fixed"])))) if free else settings["p"],
        "budget": None if free or settings["p"] is not None else settings["budget"],
        "fading_to": None,
        "busy": 0.0,
        "backup_weight": 0.0,
        "alternatives": 0,
        "changed": 1,
        "workload": None,
        "district_minima": None,
    }
    try:
        question = Question.of(tt, demand, asked)
    except ModelError as error:
        for problem in error.problems:
            problems.add(problem)
    problems.raise_as(ModelError)
    return question


def _check_criteria(demand: Demand, tt: CostMatrix, settings: Mapping[str, Any], problems: Problems) -> None:
    objective, against, within, limits = (settings[name] for name in ("objective", "against", "within", "limits"))
    problems.check(objective != against, f"objective and against are both {objective!r}", "two criteria were needed")
    timed = objective == "mean_time" and against in ("coverage", "worst_district")
    problems.check(within >= 0 or not timed, f"within is {within}", "seconds >= 0 were needed")
    problems.check(settings["points"] >= 2, f"points is {settings['points']}", "2 or more were needed")
    if limits is not None:
        numbers = np.asarray(limits, np.float64)
        finite = problems.check(numbers.size and np.isfinite(numbers).all(), f"limits are {list(limits)}", "numbers")
        whole = not finite or bool((numbers == np.round(numbers)).all())
        problems.check(whole or against != "sites", f"limits are {list(limits)}", "whole numbers of sites were needed")
    given = [name for name in ("p", "budget") if settings[name] is not None]
    if against in ("sites", "sites_cost"):
        remedy = "limits says which to solve"
        problems.check(not given, f"{' and '.join(given)} given against {against}", "the front varies it", remedy)
    else:
        problems.check(len(given) < 2, "p and budget are both given", "one of them was needed")
    if against == "sites_cost":
        cost = tt.origins.column("cost_per_year")
        if problems.check(cost is not None, "against is sites_cost and sites have no costs", "a column cost_per_year"):
            numbers = np.asarray(cost, np.float64)
            problems.check((numbers >= 0).all(), "a cost is negative or missing", "numbers >= 0 were needed")
    if against == "worst_district":
        problems.check(
            demand.support.group is not None and demand.support.group.present.any(),
            "against is worst_district and the places of the demand have no districts",
            "a district of each was needed",
            "read the boundaries with group=, or make the grid over such zones",
        )


def _plane(question: Question, demand: Demand, tt: CostMatrix, settings: Mapping[str, Any]) -> Plane:
    against = settings["against"]
    some = np.flatnonzero(question.demand > 0)
    covers, weight = tt.seconds[:, some] <= settings["within"], question.demand[some]
    rules, floor = question.rules, None
    if against == "sites":
        rules = Rules(rules.state, None, np.ones(rules.state.size), None)
    elif against == "sites_cost":
        rules = Rules(rules.state, None, np.asarray(tt.origins.column("cost_per_year"), np.float64), None)
    else:
        parts = weight[None, :] if against == "coverage" else _by_district(demand, some, weight)
        floor = Floor.of(covers, parts)
    timed = settings["objective"] == "mean_time"
    return Plane(
        objective=settings["objective"],
        against=against,
        sites=np.array(tt.origins.ids),
        seconds=question.seconds,
        weight=question.weight,
        costs=Costs.of(question.weighted(question.seconds), question.weight) if timed else None,
        covers=covers,
        demand=weight,
        floor=floor,
        rules=rules,
    )


def _by_district(demand: Demand, some: Integers, weight: Floats) -> Floats:
    """float64 [districts, points]: the demand of each district that has any; points without a district are in none."""
    group = demand.support.group
    code = np.asarray(group.codes if group is not None else [], np.int64)[some]
    parts = np.where(code == np.unique(code[code >= 0])[:, None], weight, 0.0)
    if not len(parts):
        raise ModelError("no place with demand has a district", "one was needed")
    return np.asarray(parts, np.float64)


def _choices(options: Options, demand: Demand, tt: CostMatrix) -> dict[str, Integers]:
    """Return the open sites of each option, searching for those that say how."""
    place = {name: row for row, name in enumerate(tt.origins.ids)}
    known, _ = resolved(options, tt, demand)
    return {option.name: np.array(sorted(place[site] for site in option.open), np.int64) for option in known.options}


def _front(
    found: Trace,
    plane: Plane,
    question: Question,
    options: Options | None,
    settings: Mapping[str, Any],
) -> ParetoFront:
    rows = point_rows(found, plane)
    judged = certificates(found, plane, rows)
    outside = [row[0] for row in judged if not row[1]]
    left = question.left_out
    notes = (
        *NOTES,
        *([f"Not a plan that the rules allow: {', '.join(outside)}."] if outside else []),
        *([f"{left} places with demand are out of reach of every site and left out of mean times."] if left else []),
    )
    return ParetoFront(
        objective=plane.objective,
        against=plane.against,
        table=pd.DataFrame(rows, columns=list(POINT_COLUMNS)),
        options=option_table(judged),
        status_quo="" if options is None else options.status_quo,
        notes=notes,
        settings={
            **{name: value for name, value in settings.items() if value is not None},
            "demand_left_out": question.demand_left_out,
            "limits_asked": found.asked,
            "plans_dropped": found.asked - len(rows),
            "strictest_limit": found.strictest.objective,
            "strictest_bound": found.strictest.bound,
            "laxest_limit": found.laxest,
        },
    )
