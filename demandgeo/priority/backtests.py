"""Back-tests: what chosen areas hold in another period."""

from __future__ import annotations

import numpy as np
import pandas as pd

from demandgeo.domain import Events, Holdout, PriorityAreas
from demandgeo.domain.demand import Balance
from demandgeo.errors import ModelError
from demandgeo.registry import stage
from demandgeo.statistics.assignment import assign


@stage("priority.backtest")
def backtest(areas: PriorityAreas, events: Events) -> Holdout:
    """Return the share of another period's demand that falls in the areas.

    Parameters
    ----------
    areas
        Chosen on one period.
    events
        Of another, weighted by the same severity index; they are placed on the support as `density.count` does.

    Returns
    -------
    Holdout
        `demand_share` held in the tested period, `pai` = demand share / extent share, and one row per area.

    Raises
    ------
    GeometryError
        If the events have another CRS than the areas.
    ModelError
        If the events are weighted otherwise than what the areas were chosen on, or none falls on the support.

    Notes
    -----
    PAI after Chainey, Tompson and Uhlig 2008, The utility of hotspot mapping for predicting spatial patterns of crime.

    Examples
    --------
    >>> from demandgeo.domain import Grid
    >>> from demandgeo.density import count
    >>> from demandgeo.priority import select
    >>> grid = Grid.covering((0, 0, 1000, 250), cell=250, crs="EPSG:27700")
    >>> before = Events.at([10, 20, 300, 900], [5, 5, 5, 5], crs="EPSG:27700")
    >>> after = Events.at([15, 600, 700], [5, 5, 5], crs="EPSG:27700")
    >>> held = backtest(select(count(before, grid), demand_share=0.5), after)
    >>> round(held.demand_share, 3), round(held.pai, 3)
    (0.333, 1.333)
    """
    demand = areas.demand
    if events.weight_name != demand.weight_name:
        raise ModelError(
            f"the areas were chosen on {demand.weight_name!r}, the events are weighted by {events.weight_name!r}",
            "the same weight for both was needed",
            "weigh the events with the same severity index and edition",
        )
    unit = assign(events, areas.support)
    weight = np.bincount(unit[unit >= 0], events.weight[unit >= 0], minlength=areas.support.n)
    if not weight.sum() > 0:
        raise ModelError(
            f"none of the {len(events):,} events puts demand on the support",
            "events in the study area were needed",
            "look at their period and place",
        )
    inside, of_unit = areas.selected, areas.labels[np.maximum(unit, 0)]
    hit = (unit >= 0) & (of_unit >= 0)
    share = float(weight[inside].sum() / weight.sum())
    held = np.bincount(areas.labels[inside], weight[inside], minlength=len(areas.table)) / weight.sum()
    return Holdout(
        chosen_period=demand.period,
        period=events.period,
        weight_name=events.weight_name,
        extent_share=areas.extent_share,
        chosen_share=areas.demand_share,
        demand_share=share,
        pai=share / areas.extent_share,
        balance=Balance.of(events, unit),
        table=pd.DataFrame(
            {
                "area": areas.table["area"],
                "name": areas.table["name"],
                "chosen_share": areas.table["demand_share"],
                "demand_share": held,
                "events": np.bincount(of_unit[hit], minlength=len(areas.table)),
            }
        ),
    )
