"""Events counted, or their weights summed, on a support."""

from __future__ import annotations

import math
import warnings
from typing import Literal, cast

import numpy as np

from demandgeo.domain import COUNT, Demand, Events, Support
from demandgeo.domain.demand import Balance
from demandgeo.domain.record import Floats, Mask
from demandgeo.errors import DataQualityWarning
from demandgeo.registry import stage
from demandgeo.statistics.assignment import assign, coded
from demandgeo.statistics.layers import layers_of

Layer = Literal["category", "month"]
By = Layer | tuple[Layer, ...]

OTHER_CODES = 0.01
"""Share of events with a code of no zone, though inside, that is worth a warning: other forces' codes near the border
are 0.04 % in West Yorkshire, another edition of the LSOAs some 8 %."""


@stage("density.count")
def count(events: Events, support: Support, *, by: By | None = None) -> Demand:
    """Sum the weights of the events of each unit (their number, where each weighs 1).

    On zones the file's own zone code decides, else the location (see `statistics.assignment.assign`); on a grid the
    location does.

    Parameters
    ----------
    events
        What is counted.
    support
        Where: a grid or zones, in the CRS of the events.
    by
        One layer per category, per month or, with both, per category and month; None for a single one. Events
        without it are the last layer, whose name is empty.

    Returns
    -------
    Demand
        `values` [n] or [layers, n] in incidents or weight; `count` the number of events; `variance` the sum of the
        squared standard deviations of their weights within a category; `provenance` says how many were placed by code,
        how many by location, and how many are outside because their code names no zone (many: another edition of
        the codes?).

    Raises
    ------
    GeometryError
        If events and support have different CRS.

    Examples
    --------
    >>> from demandgeo.domain import Grid
    >>> grid = Grid.covering((0, 0, 500, 250), cell=250, crs="EPSG:27700")
    >>> events = Events.at([10, 260, 270, 900], [5, 5, 5, 5], crs="EPSG:27700")
    >>> demand = count(events, grid)
    >>> demand.values.tolist(), demand.balance.events.tolist()
    ([1.0, 2.0], [3, 1, 0, 0])
    """
    unit = assign(events, support)
    placed = unit >= 0
    at = unit[placed]

    def total(weight: Floats | None) -> Floats:
        sums = np.bincount(at, None if weight is None else weight[placed], minlength=support.n)
        return cast(Floats, sums.astype(np.float64))

    layers, layer = layers_of(events, by)
    shape = (support.n,) if by is None else (len(layers), support.n)
    flat = layer[placed] * support.n + at
    values: Floats = np.bincount(flat, events.weight[placed], minlength=math.prod(shape)).astype(np.float64)
    by_code = coded(events, support)
    code_placed = int((by_code & placed).sum())
    _warn_of_other_codes(events, support, by_code & ~placed)
    return Demand(
        support=support,
        values=values.reshape(shape),
        measure="incidents" if events.weight_name == COUNT else "weight",
        balance=Balance.of(events, unit),
        weight_name=events.weight_name,
        period=events.period,
        name=events.kind,
        count=total(None),
        variance=total(events.weight_sd**2),
        layers=layers,
        provenance={
            "method": "count",
            "unit": support.unit_name,
            "placed_by_code": code_placed,
            "placed_by_location": int(placed.sum()) - code_placed,
            "records_left_out": sum(events.ledger.excluded().values()),
            "code_of_no_zone": int(by_code.sum()) - code_placed,
        },
    )


def _warn_of_other_codes(events: Events, support: Support, foreign: Mask) -> None:
    """Warn where many events state a code that names no zone and yet lie inside: that is no other force's area."""
    foreign = foreign & events.located
    inside = int((support.locate(events.x[foreign], events.y[foreign]) >= 0).sum())
    if inside > OTHER_CODES * len(events):
        example = events.zone_code.take(foreign).to_array()[0]
        warnings.warn(
            f"{inside:,} of {len(events):,} events lie inside the zones but state a code that names none of them, such "
            f"as {example}; they count as outside. Are code and zones of one edition (LSOA 2011, LSOA 2021)?",
            DataQualityWarning,
            stacklevel=3,
        )
