"""Demand by shift: from the hours of events, or from one stated hourly profile."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from demandgeo.domain import COUNT, Balance, Demand, Events, Options, Support
from demandgeo.domain.options import minute_of
from demandgeo.domain.record import Floats, Integers
from demandgeo.errors import ModelError
from demandgeo.registry import stage
from demandgeo.statistics.assignment import assign

HOURS = 24
LAYER_COLUMNS = ("shift", "begins", "ends")


@stage("deployment.shift_demand")
def shift_demand(
    events: Events, support: Support, options: Options, *, hourly: Sequence[float] | None = None
) -> Demand:
    """Sum the weights of events by shift and unit.

    Parameters
    ----------
    events
        With the hour of each, or with none and `hourly`.
    support
        Where.
    options
        Their shifts are used.
    hourly
        24 numbers >= 0, the relative demand of each hour from midnight: splits every event over the shifts. For events
        without hours, such as those of data.police.uk, which know the month only.

    Returns
    -------
    Demand
        `values` [shifts, n] in the order of the options' shifts; `count` [n] events, all shifts together.

    Raises
    ------
    ModelError
        If the options state no shifts, events have no hours and no profile is stated, or they have hours and one is;
        or if the profile is not 24 numbers >= 0 with one above 0.
    GeometryError
        If events and support have different CRS.

    Notes
    -----
    One profile for all categories and places: nights in a town centre are taken to be like nights anywhere.

    Examples
    --------
    >>> from demandgeo.domain import Grid, Option
    >>> grid = Grid.covering((0, 0, 500, 250), cell=250, crs="EPSG:27700")
    >>> hours = {"day": ("07:00", "19:00"), "night": ("19:00", "07:00")}
    >>> options = Options((Option("now", ("A",)),), "now", hours)
    >>> when = np.array(["2024-03-01T12:00", "2024-03-01T23:30", "2024-03-02T03:00"], "datetime64[s]")
    >>> shift_demand(Events.at([10, 260, 270], [5, 5, 5], crs="EPSG:27700", time=when), grid, options).values.tolist()
    [[1.0, 0.0], [0.0, 2.0]]
    """
    if not options.shifts:
        raise ModelError("the options state no shifts", "shifts: with when each begins and ends were needed")
    layers = pd.DataFrame(
        [(name, *clocks) for name, clocks in options.shifts.items()], columns=list(LAYER_COLUMNS), dtype=str
    )
    unit = assign(events, support)
    placed = unit >= 0
    share = shift_shares(events, layers, hourly)
    at, weight = unit[placed], events.weight[placed]
    values = [np.bincount(at, weight * part[placed], minlength=support.n).astype(np.float64) for part in share]
    hours = "of the events" if hourly is None else "one stated hourly profile for all"
    undated = int(np.isnat(events.time).sum()) if hourly is None else 0
    return Demand(
        support=support,
        values=np.stack(values),
        measure="incidents" if events.weight_name == COUNT else "weight",
        balance=Balance.of(events, unit),
        weight_name=events.weight_name,
        period=events.period,
        name=events.kind,
        count=np.bincount(unit[placed], minlength=support.n).astype(np.float64),
        layers=layers,
        provenance={"method": "count", "unit": support.unit_name, "hours": hours, "without_time": undated},
    )


def has_shifts(demand: Demand) -> bool:
    """Whether the layers of demand are shifts."""
    return demand.values.ndim == 2 and tuple(demand.layers.columns) == LAYER_COLUMNS


def pooled(demand: Demand) -> Floats:
    """Return demand by place, float64 [n], or by shift and place, [shifts * n], where it has shifts; no data is 0."""
    values = demand.values.ravel() if has_shifts(demand) else demand.total
    return np.nan_to_num(values.astype(np.float64, copy=False))


def shift_shares(events: Events, layers: pd.DataFrame, hourly: Sequence[float] | None = None) -> Floats:
    """Return the share of each event in each shift, float64 [shifts, events].

    Events without a time among events with hours are split as those with a time are.

    Raises
    ------
    ModelError
        As `shift_demand`.
    """
    begins = layers["begins"].map(minute_of).to_numpy()
    numbers = np.arange(len(layers))
    if events.resolution == "minute":
        if hourly is not None:
            raise ModelError("events have hours and an hourly profile is stated", "one of the two", "leave hourly out")
        timed = ~np.isnat(events.time)
        if not timed.any():
            raise ModelError("no event has a time", "events with hours, or one stated hourly profile, were needed")
        minute = (events.time[timed] - events.time[timed].astype("datetime64[D]")).astype("timedelta64[m]")
        share = np.empty((numbers.size, len(events)))
        share[:, timed] = _shift_of(begins, minute.astype(np.int64)) == numbers[:, None]
        share[:, ~timed] = share[:, timed].mean(axis=1)[:, None]
        return share
    if hourly is None:
        raise ModelError(
            f"events are dated to the {events.resolution} and have no hours",
            "events with hours, or one stated hourly profile, were needed for shifts",
            "give hourly: 24 numbers from midnight, or options without shifts",
        )
    profile = np.asarray(hourly, np.float64)
    good = profile.shape == (HOURS,) and np.isfinite(profile).all() and (profile >= 0).all() and profile.sum() > 0
    if not good:
        raise ModelError(f"hourly has {profile.size} numbers", "24 numbers >= 0, one above 0, were needed")
    by_minute = np.repeat(profile / profile.sum() / 60.0, 60)
    part = np.bincount(_shift_of(begins, np.arange(by_minute.size)), by_minute, minlength=numbers.size)
    return np.repeat(part[:, None], len(events), axis=1)


def _shift_of(begins: Integers, minute: Integers) -> Integers:
    """Return the number of the shift that each minute of the day is in."""
    order = np.argsort(begins)
    # Before the first shift of the day the last one of the day before is still on.
    found: Integers = order[np.searchsorted(begins[order], minute, side="right") - 1]
    return found
