"""A plan in figures: how well it did on demand, how compact it is, and how much of it another plan keeps."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from demandgeo.domain import Demand, Events, PriorityAreas, Table, check_same_crs
from demandgeo.domain.record import Floats
from demandgeo.errors import ModelError
from demandgeo.priority import scores
from demandgeo.registry import stage
from demandgeo.statistics.assignment import assign


@stage("priority.metrics")
def metrics(
    areas: PriorityAreas,
    tested: Events | Demand | None = None,
    *,
    penalty: Annotated[float, Field(gt=0, le=1)] = 0.5,
) -> Table:
    """Score areas by the field's measures.

    Parameters
    ----------
    areas
        The plan.
    tested
        Events, or demand on the same support, of another period, in the same weight; None for the demand that the areas
        were chosen on, on which every measure flatters.
    penalty
        Exponent of the extent share in PPAI, in (0, 1]; at 1 it is PAI.

    Returns
    -------
    Table
        One row per measure: measure, value, meaning.

    Raises
    ------
    GeometryError
        If the CRS differ.
    ModelError
        If the weights or supports differ, none of the demand is on the support, or the penalty is out of range.

    Notes
    -----
    Definitions and sources are those of the functions in `priority.scores`.

    Examples
    --------
    >>> from demandgeo.domain import Grid
    >>> from demandgeo.density import count
    >>> from demandgeo.priority import select
    >>> grid = Grid.covering((0, 0, 1000, 250), cell=250, crs="EPSG:27700")
    >>> areas = select(count(Events.at([10, 20, 300, 900], [5] * 4, crs="EPSG:27700"), grid), demand_share=0.5)
    >>> rows = metrics(areas, Events.at([15, 600, 700], [5, 5, 5], crs="EPSG:27700")).rows.set_index("measure")
    >>> rows["value"].round(3)[["hit rate", "PAI", "PEI*", "RRI"]].tolist()
    [0.333, 1.333, 0.5, 0.667]
    """
    if not 0 < penalty <= 1:
        raise ModelError(f"penalty is {penalty}", "a number in (0, 1] was needed")
    support, chosen = areas.support, areas.selected
    before, extent = np.nan_to_num(areas.demand.total), support.extent
    after, events = (before, _events(areas.demand)) if tested is None else _tested(areas, tested)
    touching = support.neighbours(str(areas.settings.get("contiguity", "rook")))
    rows = [
        ("hit rate", scores.hit_rate(after, chosen), "share of demand in the areas"),
        ("extent share", areas.extent_share, "share of the extent in the areas"),
        ("PAI", scores.accuracy(after, extent, chosen), "hit rate over extent share"),
        ("PPAI", scores.accuracy(after, extent, chosen, penalty=penalty), f"hit rate over extent share^{penalty:g}"),
        (
            "PEI",
            scores.efficiency(after, extent, chosen),
            "least extent that could hold as much, over that of the areas",
        ),
        (
            "PEI*",
            scores.capture_efficiency(after, extent, chosen),
            "hit rate over the most that the same extent could hold",
        ),
        ("RRI", scores.recapture(before, after, chosen), "hit rate over that on the demand they were chosen on"),
        ("Gini by unit", scores.gini(after), "0 if every unit holds the same, towards 1 if one holds all"),
        ("Gini by extent", scores.gini(after, extent), "the same, by density"),
        (
            "generalised Gini",
            scores.generalised_gini(after, events),
            "by unit, from the most even spread of so few events",
        ),
        ("clumpiness", scores.clumpiness(support, touching, chosen), "-1 scattered, 0 as chance, 1 one lump"),
        (
            "rank stability",
            scores.rank_stability(before, after, chosen),
            "rank correlation of demand among the chosen units",
        ),
    ]
    return Table(
        title="The areas in figures",
        rows=pd.DataFrame(rows, columns=["measure", "value", "meaning"]),
        notes=() if tested is not None else ("Scored on the demand that they were chosen on: every measure flatters.",),
        provenance={"penalty": penalty, "unit": support.unit_name, "weight": areas.demand.weight_name},
    )


@stage("priority.stability")
def stability(first: PriorityAreas, second: PriorityAreas) -> Table:
    """Compare two plans on the same support, such as this year's and last year's.

    Parameters
    ----------
    first, second
        The plans.

    Returns
    -------
    Table
        One row per measure: measure, value, meaning.

    Raises
    ------
    ModelError
        If the supports differ.

    Examples
    --------
    >>> from demandgeo.domain import Grid
    >>> from demandgeo.density import count
    >>> from demandgeo.priority import select
    >>> grid = Grid.covering((0, 0, 1000, 250), cell=250, crs="EPSG:27700")
    >>> plans = [
    ...     select(count(Events.at(x, [5] * 3, crs="EPSG:27700"), grid), demand_share=0.6)
    ...     for x in ([10, 20, 300], [10, 300, 310])
    ... ]
    >>> stability(*plans).rows.set_index("measure")["value"].tolist()[:2]
    [0.0, 0.0]
    """
    if first.support.content_hash() != second.support.content_hash():
        raise ModelError("the two plans are on different supports", "the same places for both were needed")
    extent, one, two = first.support.extent, first.selected, second.selected
    before, after = (np.nan_to_num(plan.demand.total) for plan in (first, second))
    kept = [float(two[first.labels == area].any()) for area in range(len(first.table))]
    rows = [
        ("Jaccard by unit", scores.jaccard(one, two), "units in both plans over units in either"),
        ("Jaccard by extent", scores.jaccard(one, two, extent), "the same, by extent"),
        ("areas met again", float(np.mean(kept)), "share of the first plan's areas that the second touches"),
        (
            "demand held by the first",
            scores.hit_rate(after, one),
            "share of the second's demand in the first plan's areas",
        ),
        ("demand held by the second", scores.hit_rate(after, two), "and in its own"),
        (
            "rank stability",
            scores.rank_stability(before, after, one | two),
            "rank correlation of demand among units in either",
        ),
    ]
    return Table(title="How alike the two plans are", rows=pd.DataFrame(rows, columns=["measure", "value", "meaning"]))


def _tested(areas: PriorityAreas, tested: Events | Demand) -> tuple[Floats, float]:
    """Return the demand of another period [n], and its number of events."""
    if tested.weight_name != areas.demand.weight_name:
        raise ModelError(
            f"the areas were chosen on {areas.demand.weight_name!r}, what they are tested on is weighted by "
            f"{tested.weight_name!r}",
            "the same weight for both was needed",
        )
    if isinstance(tested, Demand):
        if tested.support.content_hash() != areas.support.content_hash():
            raise ModelError("the demand is on other places than the areas", "the same support was needed")
        after, events = np.nan_to_num(tested.total), _events(tested)
    else:
        check_same_crs(tested.crs, areas.support.crs, first_name="the table of events", second_name="the areas")
        unit = assign(tested, areas.support)
        on = unit >= 0
        after = np.bincount(unit[on], tested.weight[on], minlength=areas.support.n).astype(np.float64)
        events = float(on.sum())
    if not after.sum() > 0:
        raise ModelError("none of the demand is on the support", "demand in the study area was needed")
    return after, events


def _events(demand: Demand) -> float:
    return float(np.nansum(demand.total) if demand.count is None else demand.count.sum())
