"""Selection of priority areas: the least extent that holds a share of demand in a few contiguous areas."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal, get_args

import numpy as np
import pandas as pd
from pydantic import Field

from demandgeo.domain import Demand, PriorityAreas, Zones
from demandgeo.domain.areas import AREA_COLUMNS
from demandgeo.domain.record import Floats, Integers, Mask
from demandgeo.errors import ModelError, Problems
from demandgeo.kernels.regions import choose_parts
from demandgeo.kernels.trading import trade
from demandgeo.priority.bounds import certify, even_price
from demandgeo.priority.problem import Problem
from demandgeo.registry import stage

Share = Annotated[float, Field(gt=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Contiguity = Literal["rook", "queen"]
Within = Literal["district"]

PRICES = 16
"""Prices of demand that are tried: each halves the range, on a log scale, that brackets the target."""
SPARE_ROUNDS = 12
"""Times that parts left over are set to the densest units that stand alone."""


@stage("priority.select")
def select(
    demand: Demand,
    *,
    demand_share: Share = 0.25,
    max_areas: Count = 31,
    contiguity: Contiguity = "rook",
    within: Within | None = None,
) -> PriorityAreas:
    """Choose contiguous areas of least extent that hold a share of demand.

    The areas are ranked by the demand that they hold. How small they come out depends on the units: on raw counts of
    small cells they follow single busy cells; `max_areas` bounds how far they fragment.

    Parameters
    ----------
    demand
        On any support; an intensity (per km2) is first multiplied by the extent of its units. Layers are summed.
        A unit whose value is NaN cannot be chosen.
    demand_share
        Share of the demand on the support that the areas must hold, in (0, 1].
    max_areas
        Greatest number of areas, >= 1.
    contiguity
        What makes units touch: ``"rook"``, a common border; ``"queen"``, a common point too.
    within
        ``"district"``: no area crosses a district line.

    Returns
    -------
    PriorityAreas
        `labels` per unit; `table` with one row per area; `certificate` with a lower bound on the extent of *any*
        choice that keeps these rules, and the gap to it.

    Raises
    ------
    ModelError
        If a setting is out of range, there is no demand, or the support falls into so many unconnected pieces that
        `max_areas` areas cannot hold the share.

    Notes
    -----
    Lagrangian search: at a price of demand each unit is worth price x demand - extent; clumps of positive worth are
    dropped or bridged until few enough are left (`kernels.regions.choose_parts`), the price is bisected towards the
    share, and every choice on the way is improved by trades at its border (`kernels.trading.trade`).

    Examples
    --------
    >>> from demandgeo.domain import Events, Grid
    >>> from demandgeo.density import count
    >>> grid = Grid.covering((0, 0, 1000, 500), cell=250, crs="EPSG:27700")
    >>> events = Events.at([10, 20, 30, 260, 900], [5, 5, 5, 5, 400], crs="EPSG:27700")
    >>> areas = select(count(events, grid), demand_share=0.8, max_areas=1)
    >>> areas.labels.reshape(grid.shape).tolist(), round(areas.extent_share, 3), round(areas.demand_share, 3)
    ([[-1, -1, -1, -1], [0, 0, -1, -1]], 0.25, 0.8)
    """
    _check(demand_share, max_areas, contiguity, within)
    demand = _amounts(demand)
    problem = Problem.of(demand, demand_share=demand_share, max_areas=max_areas, contiguity=contiguity, within=within)
    chosen = _search(problem)
    labels = np.full(demand.support.n, -1)
    labels[problem.units] = problem.parts(chosen)
    table, labels = _ranked(demand, labels)
    return PriorityAreas(
        demand=demand,
        labels=labels,
        table=table,
        certificate=certify(problem, float(problem.extent[chosen].sum())),
        settings={
            "demand_share": demand_share,
            "max_areas": max_areas,
            "contiguity": contiguity,
            "within": within or "",
            "ranked_by": "demand",
        },
    )


def _search(problem: Problem) -> Mask:
    """Return the best choice found; there always is one, or `_start` says why not."""
    best = _spread(problem, _start(problem))
    low, high = even_price(problem) * np.array([0.5, 8.0])
    for _ in range(PRICES):
        price = np.sqrt(low * high)
        chosen = np.zeros(problem.units.size, bool)
        value = price * problem.demand - problem.extent
        choose_parts(problem.indptr, problem.indices, value, problem.most, chosen)
        if problem.demand[chosen].sum() >= problem.target:
            high = price
        else:
            low = price
        best = _better(problem, best, _spread(problem, chosen))
    return best


def _start(problem: Problem) -> Mask:
    """Return one unit, the densest, in each piece of the support that the areas cannot do without."""
    piece = problem.parts(np.ones(problem.units.size, bool))
    held = np.bincount(piece, problem.demand)
    order = np.argsort(-held, kind="stable")
    reach = np.cumsum(held[order])
    most = problem.most
    if reach[min(most, reach.size) - 1] < problem.target:
        raise ModelError(
            f"the support falls into {held.size} unconnected pieces; the {most} with most demand hold "
            f"{reach[most - 1] / held.sum():.1%} of it together",
            f"{problem.target / held.sum():.1%} in at most {most} contiguous areas was needed",
            f"allow {int(np.searchsorted(reach, problem.target)) + 1} areas, lower demand_share, or drop within=",
        )
    needed = order[: int(np.searchsorted(reach, problem.target)) + 1]
    chosen = np.zeros(problem.units.size, bool)
    density = problem.demand / problem.extent
    for which in needed:
        members = np.flatnonzero(piece == which)
        chosen[members[np.argmax(density[members])]] = True
    return chosen


def _spread(problem: Problem, chosen: Mask) -> Mask:
    """Return a choice improved by trades, and by setting the areas left over to the densest units that stand apart."""
    chosen = _traded(problem, chosen)
    touching = np.repeat(np.arange(problem.units.size), np.diff(problem.indptr))
    by_density = np.argsort(-problem.demand / problem.extent, kind="stable")
    for _ in range(SPARE_ROUNDS):
        spare = problem.most - int(problem.parts(chosen).max(initial=-1)) - 1
        apart = ~chosen
        apart[touching[chosen[problem.indices]]] = False
        seeds = by_density[apart[by_density]][:spare]
        if not seeds.size:
            break
        wider = chosen.copy()
        wider[seeds] = True
        wider = _traded(problem, wider)
        if _better(problem, chosen, wider) is chosen:
            break
        chosen = wider
    return chosen


def _traded(problem: Problem, chosen: Mask) -> Mask:
    traded = chosen.copy()
    moves = 4 * problem.units.size + 16
    trade(problem.indptr, problem.indices, problem.demand, problem.extent, problem.target, moves, traded)
    return traded


def _better(problem: Problem, first: Mask, second: Mask) -> Mask:
    """Return the choice of less extent of those that keep the rules; the first one on a tie."""
    if not problem.holds(second):
        return first
    if not problem.holds(first):
        return second
    return second if problem.extent[second].sum() < problem.extent[first].sum() else first


def _amounts(demand: Demand) -> Demand:
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


def _check(demand_share: float, max_areas: int, contiguity: str, within: str | None) -> None:
    problems = Problems()
    problems.check(
        0 < demand_share <= 1, f"demand_share is {demand_share}", "a share in (0, 1] was needed", "write 0.25 for 25 %"
    )
    problems.check(max_areas >= 1, f"max_areas is {max_areas}", "a number >= 1 was needed")
    for name, value, known in (
        ("contiguity", contiguity, get_args(Contiguity)),
        ("within", within, (None, *get_args(Within))),
    ):
        problems.check(value in known, f"{name} is {value!r}", f"one of {', '.join(map(repr, known))} was needed")
    problems.raise_as(ModelError)
