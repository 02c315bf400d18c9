"""Density along streets about moments in time: how a place becomes dangerous, and ceases to be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from demandgeo.domain import Demand, Events, Network, Snapped, Zones
from demandgeo.domain.record import Floats
from demandgeo.errors import ModelError, Problems
from demandgeo.kernels.profiles import Profile, line_height
from demandgeo.registry import stage
from demandgeo.roads.intensity import Kernel, by_wave, demand_on
from demandgeo.roads.placing import KernelName, Placed, check_kernel, kernel_of, step_of
from demandgeo.roads.snapping import Metres
from demandgeo.roads.waves import Pulses

Days = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Side = Literal["both", "past"]

DAYS_PER_YEAR = 365.25
SECONDS_PER_DAY = 86_400.0
MOST_MOMENTS = 1000
HALF_UNIT = {"month": 15.2, "day": 0.5, "minute": 0.0}
"""Days from the start of the unit in which a time is known to its middle, where the event is taken to stand."""


@stage("roads.spacetime_density")
def spacetime_density(
    events: Events | Snapped,
    network: Network,
    within: Zones | None = None,
    *,
    moments: Sequence[str],
    time_bandwidth_days: Days,
    bandwidth: Metres = 300.0,
    kernel: KernelName = "quartic",
    side: Side = "both",
    lixel: Metres = 10.0,
    max_distance: Metres = 50.0,
    step: Metres | None = None,
) -> Demand:
    """Return the continuous density of events along streets about each of several moments, one layer per moment.

    The kernel is a product of one along streets and one in time (Epanechnikov). There is no correction at the ends of
    the events' period.

    Parameters
    ----------
    events
        Dated; an event stands at the middle of the month or day in which its time is known.
    moments
        As dates (``"2023-07-01"``) or times.
    time_bandwidth_days
        Days beyond which an event counts nothing.
    side
        ``"both"``: events before and after a moment count. ``"past"``: those before it only, with twice the weight.
    network, within, bandwidth, kernel, lixel, max_distance, step
        As for `density`.

    Returns
    -------
    Demand
        `values` [moments, lixels] in incidents (or weight) per km and year.

    Raises
    ------
    GeometryError
        If the inputs have different CRS.
    ModelError
        If a setting cannot be used, or an event on the streets has no date.

    Examples
    --------
    >>> import shapely
    >>> streets = Network.from_lines(shapely.linestrings([[[0, 0], [900, 0]]]), crs="EPSG:27700")
    >>> day = ["2023-01-10", "2023-06-10"]
    >>> events = Events.at([300.0, 600.0], [0.0, 0.0], crs="EPSG:27700", time=day, resolution="day")
    >>> demand = spacetime_density(events, streets, moments=["2023-01-10", "2023-06-10"], time_bandwidth_days=30)
    >>> demand.support.unit_from[demand.values.argmax(axis=1)].tolist()
    [290.0, 590.0]
    """
    times = _check(moments, time_bandwidth_days, side)
    problems = Problems()
    check_kernel(problems, kernel=kernel, bandwidth=bandwidth, bandwidth_kind=None, lixel=lixel, step=step)
    problems.raise_as(ModelError)
    placed = Placed.of(events, network, lixel=lixel, max_distance=max_distance)
    share = _shares(placed, times, float(time_bandwidth_days), past=side == "past")
    event, moment = np.nonzero(share)
    weight = placed.events.weight[placed.rows][event] * share[event, moment]
    pulses = Pulses.of(placed.link[event], placed.place[event], weight, moment.astype(np.int64), len(times))
    profile, h = kernel_of(kernel, float(bandwidth), None)
    spread = Kernel("continuous", profile, h, step_of(profile, h, step), "reflect")
    values, mass, used_step = by_wave(placed.network, placed.links, pulses, spread, settled=True)
    names = [str(time).removesuffix("T00:00:00") for time in times]
    return demand_on(
        placed,
        values * DAYS_PER_YEAR,
        mass / weight.sum() if weight.sum() > 0 else 0.0,
        1.0,
        method="continuous, in space and time",
        about={
            "kernel": kernel,
            "bandwidth_m": float(bandwidth),
            "time_kernel": "epanechnikov",
            "time_bandwidth_days": float(time_bandwidth_days),
            "side": side,
            "step_m": used_step,
        },
        layers=pd.DataFrame({"category": "", "period": names, "events": (share > 0).sum(axis=0)}),
        within=within,
    )


def _shares(placed: Placed, times: NDArray[np.datetime64], days: float, *, past: bool) -> Floats:
    """Return what each placed event counts at each moment, per day [placed, moments]."""
    events = placed.events
    when = events.time[placed.rows]
    if np.isnat(when).any():
        raise ModelError(
            f"{int(np.isnat(when).sum())} events on the streets have no date", "a date for each was needed"
        )
    ago = (times[None, :] - when[:, None]).astype(np.float64) / SECONDS_PER_DAY - HALF_UNIT[events.resolution]
    u = ago / days
    share = np.where(np.abs(u) < 1, 1 - u * u, 0.0) * line_height(Profile.EPANECHNIKOV, days)
    return np.where(ago >= 0, 2 * share, 0.0) if past else share


def _check(moments: Sequence[str], days: float, side: str) -> NDArray[np.datetime64]:
    problems = Problems()
    problems.check(0 < len(moments) <= MOST_MOMENTS, f"{len(moments)} moments", f"1 to {MOST_MOMENTS} were needed")
    problems.check(np.isfinite(days) and days > 0, f"time_bandwidth_days is {days}", "days > 0 were needed")
    problems.check(side in ("both", "past"), f"side is {side!r}", '"both" or "past" was needed')
    times = np.full(len(moments), "NaT", "datetime64[s]")
    for i, text in enumerate(moments):
        try:
            times[i] = np.datetime64(text, "s")
        except ValueError:
            problems.add(f"the moment {text!r} is no date", "such as 2023-07-01 was needed")
    problems.raise_as(ModelError)
    return times
