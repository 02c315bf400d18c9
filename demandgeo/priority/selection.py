"""Selection of priority areas: the least extent that holds a share of demand in a few contiguous areas."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from demandgeo.domain import Certificate, Demand, PriorityAreas, Zones
from demandgeo.domain.areas import AREA_COLUMNS, LEAST_COST, LEAST_EXTENT, MOST_DEMAND
from demandgeo.domain.record import Floats, Integers
from demandgeo.priority.plans import Plan, best_plan
from demandgeo.priority.problem import Problem
from demandgeo.priority.questions import Contiguity, Count, Length, Question, Quota, QuotaShare, Share, Within
from demandgeo.registry import stage


@stage("priority.select")
def select(
    demand: Demand,
    *,
    demand_share: Share | None = None,
    extent_share: Share | None = None,
    max_areas: Count = 31,
    min_area: Length = 0.0,
    compactness: Length = 0.0,
    contiguity: Contiguity = "rook",
    within: Within | None = None,
    quota: Quota = 0,
    quota_share: QuotaShare | None = None,
    prove: bool = False,
    nodes: Count = 20_000,
    time_limit: Length | None = None,
) -> PriorityAreas:
    """Choose contiguous areas of least extent that hold a share of demand, or of most demand within a share of extent.

    The areas are ranked by the demand that they hold. How small they come out depends on the units: on raw counts of
    small cells they follow single busy cells; `max_areas`, `min_area` and `compactness` bound how far they fragment.

    Parameters
    ----------
    demand
        On any support; an intensity (per km2) is first multiplied by the extent of its units. Layers are summed.
        A unit whose value is NaN cannot be chosen.
    demand_share
        Share of the demand on the support that the areas must hold, in (0, 1]; 0.25 if neither share is given.
    extent_share
        Instead of it: the areas may use this share of the support's extent, and hold as much demand as they can.
    max_areas
        Greatest number of areas, >= 1.
    min_area
        Least extent of each area, in km2 (on streets, in km).
    compactness
        Price of a border, in km2 of extent per km: with 0.1, a plan that uses 1 km2 more but has more than 10 km less
        border is preferred. Borders with all other units count; the rim of the study area costs nothing.
    contiguity
        What makes units touch: ``"rook"``, a common border; ``"queen"``, a common point too.
    within
        ``"district"``: no area crosses a district line.
    quota
        Least number of areas in each district, or by district; needs `within`.
    quota_share
        Least share of each district's own demand that its areas must hold, or by district; needs `within`.
    prove
        Go on to a proof that there is no better plan, by mixed-integer programming: for some 2,000 units at most.
        Problems of up to 100 units are always proved.
    nodes
        Nodes of the proof's search trees after which it stops, with the bound reached.
    time_limit
        Seconds after which it stops. The answer then depends on the machine, and the certificate says so.

    Returns
    -------
    PriorityAreas
        `labels` per unit; `table` with one row per area; `certificate` with a bound on *any* choice that keeps these
        rules, and the gap to it.

    Raises
    ------
    ModelError
        If a setting is out of range, there is no demand, or no choice can keep the rules: the message names those that
        cannot be kept together.

    Notes
    -----
    Lagrangian search: at a price of demand each unit is worth price x demand - extent. Clumps of positive worth and the
    bridges between them make a forest, on which the best choice of so few parts is exact (`kernels.regions`); the price
    is bisected towards the share, and every choice is improved by trades at its border (`kernels.trading`). The bounds
    are those of `priority.bounds`, the proof that of `priority.exact`; docs/methods.md sketches why they hold.

    Examples
    --------
    >>> from demandgeo.domain import Events, Grid
    >>> from demandgeo.density import count
    >>> grid = Grid.covering((0, 0, 1000, 500), cell=250, crs="EPSG:27700")
    >>> events = Events.at([10, 20, 30, 260, 900], [5, 5, 5, 5, 400], crs="EPSG:27700")
    >>> areas = select(count(events, grid), demand_share=0.8, max_areas=1)
    >>> areas.labels.reshape(grid.shape).tolist(), round(areas.extent_share, 3), round(areas.demand_share, 3)
    ([[-1, -1, -1, -1], [0, 0, -1, -1]], 0.25, 0.8)
    >>> areas.certificate.optimal
    True
    >>> round(select(count(events, grid), extent_share=0.2, max_areas=2).demand_share, 3)
    0.6
    """
    question = Question(
        demand_share=demand_share,
        extent_share=extent_share,
        max_areas=max_areas,
        min_area=min_area,
        compactness=compactness,
        contiguity=contiguity,
        within=within,
        quota=quota,
        quota_share=quota_share,
    )
    question.check()
    demand = amounts(demand)
    problem = question.problem(demand)
    plan = best_plan(problem, prove=prove, nodes=nodes, seconds=time_limit)
    return areas_of(demand, problem, plan, question)


def areas_of(demand: Demand, problem: Problem, plan: Plan, question: Question) -> PriorityAreas:
    """Return a plan as areas with their table and certificate."""
    labels = np.full(demand.support.n, -1)
    labels[problem.units] = problem.parts(plan.chosen)
    table, labels = _ranked(demand, labels)
    return PriorityAreas(
        demand=demand, labels=labels, table=table, certificate=certificate(problem, plan), settings=question.settings()
    )


def certificate(problem: Problem, plan: Plan) -> Certificate:
    """Say how near to the best a plan is, in terms of what was asked for."""
    value = problem.objective(plan.chosen)
    if problem.most_demand:
        objective, gap = MOST_DEMAND, plan.bound / value - 1.0
    else:
        objective = LEAST_COST if problem.rules.price > 0 else LEAST_EXTENT
        gap = value / plan.bound - 1.0
    return Certificate(plan.bound, gap, plan.method, objective, plan.time_limited)


def amounts(demand: Demand) -> Demand:
    """Return demand in amounts, not per km2 or km: what adds up over units."""
    per, scale = {"m2": ("/km2", 1e6), "m": ("/km", 1e3)}[demand.support.extent_unit]
    if per not in demand.measure:
        return demand
    values = demand.total * demand.support.extent / scale
    return replace(
        demand,
        values=values,
        measure=demand.measure.replace(per, ""),
        variance=None,
        layers=demand.layers.iloc[:0],
        provenance={**demand.provenance, "amounts": f"{demand.measure} x extent"},
    )


def _ranked(demand: Demand, part: Integers) -> tuple[pd.DataFrame, Integers]:
    """Return the table of areas by rank, and the area of each unit; ties go by extent, then by the first unit."""
    inside = part >= 0
    total, extent = demand.total, demand.support.extent

    def sums(column: Floats) -> Floats:
        result: Floats = np.bincount(part[inside], column[inside]).astype(np.float64)
        return result

    held, used = sums(total), sums(extent)
    order = np.lexsort((np.arange(held.size), used, -held))
    area_of = np.empty(held.size, np.int64)
    area_of[order] = np.arange(held.size)
    labels = np.where(inside, area_of[part], -1)
    table = pd.DataFrame(
        {
            "area": np.arange(held.size),
            "rank": np.arange(held.size) + 1,
            "name": _names(demand, labels, held.size),
            "units": np.bincount(labels[inside]),
            "extent": used[order],
            "extent_share": used[order] / extent.sum(),
            "demand": held[order],
            "demand_share": held[order] / np.nansum(total),
            "events": np.nan if demand.count is None else sums(demand.count)[order],
        }
    )
    return table[list(AREA_COLUMNS)], labels


def _names(demand: Demand, labels: Integers, areas: int) -> list[str]:
    """Name areas: district and number by rank, else the zone that holds most, else a number."""
    support, total = demand.support, np.nan_to_num(demand.total)
    names, numbered = [], dict[str, int]()
    for area in range(areas):
        units = np.flatnonzero(labels == area)
        place = "Area"
        if support.group is not None:
            codes = support.group.codes[units]
            held = np.bincount(codes + 1, total[units], minlength=len(support.group.names) + 1)
            place = ("Area", *support.group.names)[int(np.argmax(held))]
        elif isinstance(support, Zones):
            names.append(str(support.names[units[np.argmax(total[units])]]))  # type: ignore[index]
            continue
        numbered[place] = numbered.get(place, 0) + 1
        names.append(f"{place} {numbered[place]}")
    return names
