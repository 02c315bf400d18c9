"""Frontiers of selections: what each share, number of areas and price of border take, each point with its gap."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from demandgeo.domain import Demand
from demandgeo.domain.frontier import FRONTIER_COLUMNS, Frontier
from demandgeo.errors import ModelError
from demandgeo.priority.plans import Plan, best_plan
from demandgeo.priority.problem import Problem
from demandgeo.priority.questions import PER_KM, Contiguity, Count, Length, Question, Quota, QuotaShare, Share, Within
from demandgeo.priority.selection import amounts, certificate
from demandgeo.registry import stage

Several = Field(min_length=1)
SHARES = (0.1, 0.2, 0.25, 0.3, 0.4, 0.5)
AREAS = (5, 10, 20, 31, 50)


@stage("priority.frontier")
def frontier(
    demand: Demand,
    *,
    demand_shares: Annotated[tuple[Share, ...], Several] = SHARES,
    max_areas: Annotated[tuple[Count, ...], Several] = AREAS,
    compactness: Annotated[tuple[Length, ...], Several] = (0.0,),
    min_area: Length = 0.0,
    contiguity: Contiguity = "rook",
    within: Within | None = None,
    quota: Quota = 0,
    quota_share: QuotaShare | None = None,
) -> Frontier:
    """Select at every share of demand, number of areas and price of border, and return what each takes.

    One choice of share and number is a policy; the frontier shows what the next one would cost. With several prices of
    border it is the compactness curve: how much extent rounder areas take.

    Parameters
    ----------
    demand
        As in `select`.
    demand_shares
        Shares of demand to be held.
    max_areas
        Greatest numbers of areas.
    compactness
        Prices of a border, in km2 of extent per km.
    min_area, contiguity, within, quota, quota_share
        As in `select`.

    Returns
    -------
    Frontier
        One row per point, in the order of price, number of areas and share.

    Raises
    ------
    ModelError
        If a setting is out of range, or a point has no plan.

    Notes
    -----
    Points are solved from the greatest share and the fewest areas on. A plan holds every lesser share and is allowed
    every greater number, so it is where the next points start from, and no point takes more than one that asks for
    more. A bound likewise holds for every point that asks for more.

    Examples
    --------
    >>> from demandgeo.domain import Events, Grid
    >>> from demandgeo.density import count
    >>> grid = Grid.covering((0, 0, 1000, 250), cell=250, crs="EPSG:27700")
    >>> demand = count(Events.at([10, 20, 30, 260, 900], [5, 5, 5, 5, 5], crs="EPSG:27700"), grid)
    >>> points = frontier(demand, demand_shares=(0.6, 1.0), max_areas=(1, 2)).table
    >>> points[["asked_share", "max_areas", "extent_share"]].values.tolist()
    [[0.6, 1.0, 0.25], [1.0, 1.0, 1.0], [0.6, 2.0, 0.25], [1.0, 2.0, 0.75]]
    """
    asked = Question(min_area=min_area, contiguity=contiguity, within=within, quota=quota, quota_share=quota_share)
    shares, numbers, prices = sorted(set(demand_shares)), sorted(set(max_areas)), sorted(set(compactness))
    _check(asked, shares, numbers, prices)
    demand = amounts(demand)
    places = replace(asked, demand_share=shares[0], compactness=prices[-1]).problem(demand)
    solved = _solve(places, asked, demand, list(itertools.product(prices, numbers, shares)))
    rows = [_row(demand, problem, plan, point) for point, (problem, plan) in sorted(solved.items())]
    return Frontier(
        table=pd.DataFrame(rows, columns=list(FRONTIER_COLUMNS)),
        what="incidents" if demand.is_count else f"harm ({demand.weight_name})",
        period=demand.period,
        unit_name=demand.support.unit_name,
        extent_unit=demand.support.extent_unit,
        settings={name: value for name, value in asked.settings().items() if name != "demand_share"},
    )


Point = tuple[float, int, float]
"""Price of border, number of areas, share."""


def _check(asked: Question, shares: Sequence[float], numbers: Sequence[int], prices: Sequence[float]) -> None:
    if not (shares and numbers and prices):
        raise ModelError("demand_shares, max_areas or compactness is empty", "one number each was needed at least")
    for share, number, price in ((s, n, p) for s in shares for n in numbers for p in prices):
        replace(asked, demand_share=share, max_areas=number, compactness=price).check()


def _solve(
    places: Problem, asked: Question, demand: Demand, points: Sequence[Point]
) -> dict[Point, tuple[Problem, Plan]]:
    extent, per_km = float(demand.support.extent.sum()), PER_KM[demand.support.extent_unit]
    solved: dict[Point, tuple[Problem, Plan]] = {}
    toll = 0.0
    for point in sorted(points, key=lambda p: (p[0], p[1], -p[2])):
        price, number, share = point
        question = replace(asked, demand_share=share, max_areas=number, compactness=price)
        problem = places.asking(question.rules(places, extent, per_km))
        known = [plan.chosen for other, (_, plan) in solved.items() if other[1] <= number and other[2] >= share]
        plan = best_plan(problem, known=known, toll=toll)
        toll = plan.toll
        solved[point] = problem, plan
    return {point: (problem, _bounded(solved, point)) for point, (problem, _) in solved.items()}


def _bounded(solved: dict[Point, tuple[Problem, Plan]], point: Point) -> Plan:
    """Return the plan of a point with the best bound of all points that ask for no more, at no higher a price."""
    less = [
        plan
        for other, (_, plan) in solved.items()
        if other[0] <= point[0] and other[1] >= point[1] and other[2] <= point[2]
    ]
    best = max(less, key=lambda plan: plan.bound)
    problem, plan = solved[point]
    return replace(plan, bound=min(best.bound, problem.objective(plan.chosen)), method=best.method)


def _row(demand: Demand, problem: Problem, plan: Plan, point: Point) -> tuple[object, ...]:
    price, number, share = point
    chosen, extent = plan.chosen, float(problem.extent[plan.chosen].sum())
    proof = certificate(problem, plan)
    border = problem.border_of(chosen) / 1e3 if demand.support.extent_unit == "m2" else np.nan
    return (
        share,
        number,
        price,
        int(problem.parts(chosen).max()) + 1,
        extent,
        extent / float(demand.support.extent.sum()),
        float(problem.demand[chosen].sum() / problem.demand.sum()),
        border,
        proof.bound,
        proof.gap,
        proof.method,
    )
