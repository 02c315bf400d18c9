"""Space-time surfaces: the intensity about each of several moments, exact at the cell centres."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, cast, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field
from scipy import special

from demandgeo.density.grids import Metres
from demandgeo.density.smoothing import Rows, rounding_bound, rows_of, smoothed
from demandgeo.domain import COUNT, Demand, Events, Grid, check_same_crs
from demandgeo.domain.record import Codes, Floats, Integers
from demandgeo.errors import ModelError, Problems, did_you_mean
from demandgeo.kernels.layers import weigh_slice
from demandgeo.kernels.shapes import Shape
from demandgeo.registry import stage
from demandgeo.statistics.locations import Locations, balance

Days = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Polynomial = Literal["uniform", "epanechnikov", "quartic", "triweight"]
Side = Literal["both", "past"]
Times = NDArray[np.datetime64]

DAYS_PER_YEAR = 365.25
LONGEST_MONTH = 31.0
MOST_MOMENTS = 10_000
M2_PER_KM2 = 1e6
SECONDS_PER_DAY = 86_400.0
_UNIT = {"month": "datetime64[M]", "day": "datetime64[D]", "minute": "datetime64[m]"}


@stage("density.spacetime_surface")
def spacetime_surface(
    events: Events,
    grid: Grid,
    *,
    time_bandwidth_days: Days,
    bandwidth: Metres = 400.0,
    slices: Sequence[str] | None = None,
    every_days: Days | None = None,
    side: Side = "both",
    kernel: Polynomial = "quartic",
    time_kernel: Polynomial = "epanechnikov",
) -> Demand:
    """Return the intensity of events on a grid about each of several moments, one layer per moment.

    The kernel is a product of one in space and one in time. An event stands at the middle of the unit in which its
    time is known (month, day or minute). There is no correction at the ends of the period: the column ``covered`` of
    the layers says how much of a moment's window lies within the months of the events.

    Parameters
    ----------
    events
        Dated; their weights are smoothed. Events without a location are left out and stand in the balance.
    grid
        Where, in the CRS of the events.
    time_bandwidth_days
        Radius of the support in time, days. Of events known by month, at least 31.
    bandwidth
        Radius of the support in space, metres.
    slices
        The moments, as dates (``"2018-07-01"``, its first instant) or times.
    every_days
        Instead of `slices`: a moment every so many days from the start of the first day (or month) of the events, the
        first one so many days after it, the last one at most at the end of the last.
    side
        ``"both"``: events before and after a moment count. ``"past"``, for forecasts: only those that had wholly
        passed (with their whole month or day, if no more is known of them), with twice the weight.
    kernel, time_kernel
        Shapes in space and in time: uniform, epanechnikov, quartic or triweight.

    Returns
    -------
    Demand
        `values` [moments, n] in incidents (or weight) per km2 and year of 365.25 days. `layers` has the moment
        (``period``), the share ``covered`` and the number of ``events`` in the window. `provenance` gives the method,
        a bound on the rounding error and, per layer, the mass on the surface beside that of the events placed.

    Raises
    ------
    GeometryError
        If events and grid have different CRS.
    ModelError
        If a setting cannot be used, an event has no date, or the time bandwidth is below the resolution of the dates.

    Notes
    -----
    At moment t and centre x the value is sum_i w_i k(x - x_i) g(t - t_i), k as for `surface`,
    g(u) = c_p / b (1 - u2 / b2)^p, c_p = Gamma(p + 3/2) / (sqrt(pi) Gamma(p + 1)) (Brunsdon, Corcoran and Higgs 2007,
    Computers, Environment and Urban Systems 31:52-75; Nakaya and Yano 2010, Transactions in GIS 14:223-239).

    Examples
    --------
    >>> from demandgeo.domain import Grid
    >>> grid = Grid.covering((0, 0, 1000, 1000), cell=100, crs="EPSG:27700")
    >>> days = ["2018-07-02T12:00", "2018-07-20T12:00"]
    >>> events = Events.at([450.0, 450.0], [550.0, 550.0], crs="EPSG:27700", time=days)
    >>> weeks = spacetime_surface(events, grid, time_bandwidth_days=7, every_days=7, side="past")
    >>> weeks.layers["period"].tolist(), weeks.layers["events"].tolist()
    (['2018-07-09', '2018-07-16'], [1, 0])
    """
    _check(events, grid, bandwidth, time_bandwidth_days, {"side": side, "kernel": kernel, "time_kernel": time_kernel})
    moments = _moments(events, slices, every_days)
    window = Window(time_bandwidth_days * SECONDS_PER_DAY, Shape[time_kernel.upper()], past=side == "past")
    places = Locations.of(events.x[events.located], events.y[events.located])
    cube = Cube.of(
        History.of(events, places),
        places,
        grid,
        moments=moments,
        window=window,
        bandwidth=bandwidth,
        shape=Shape[kernel.upper()],
    )
    layers = {"category": "", "period": _names(moments), "covered": _covered(events.months, window, moments)}
    return Demand(
        support=grid,
        values=cube.values,
        measure=("incidents" if events.weight_name == COUNT else "weight") + "/km2/yr",
        balance=balance(
            events, places, grid.locate(places.x, places.y) >= 0, places.total(events.weight[events.located])
        ),
        weight_name=events.weight_name,
        period=events.period,
        name=events.kind,
        layers=pd.DataFrame({**layers, "events": cube.events}),
        provenance={
            "method": "exact sum over collapsed locations",
            "kernel": kernel,
            "bandwidth_m": float(bandwidth),
            "bandwidth_kind": "support",
            "time_kernel": time_kernel,
            "time_bandwidth_days": float(time_bandwidth_days),
            "side": side,
            "events_stand_at": f"the middle of their {events.resolution}",
            "edge_correction": "none",
            "locations": len(places),
            "error_bound": cube.error_bound,
            "mass": {"on_surface": cube.values @ grid.extent / M2_PER_KM2, "placed": cube.placed},
        },
    )


@dataclass(frozen=True, slots=True)
class Window:
    """The kernel in time.

    Parameters
    ----------
    radius
        Of its support, seconds: differences of times are exact in seconds, not in days.
    shape
        Power p of (1 - u2)^p.
    past
        Whether only what had passed counts, with twice the weight.
    """

    radius: float
    shape: Shape
    past: bool

    @property
    def peak(self) -> float:
        """Greatest value, per year."""
        one = math.gamma(self.shape + 1.5) / (math.sqrt(math.pi) * math.gamma(self.shape + 1.0))
        return (2.0 if self.past else 1.0) * one * DAYS_PER_YEAR * SECONDS_PER_DAY / self.radius

    def share_before(self, seconds: Floats) -> Floats:
        """Return the share of the kernel that lies before so many seconds after the moment."""
        u = np.clip(seconds / self.radius, -1.0, 0.0 if self.past else 1.0)
        share = special.betainc(self.shape + 1.0, self.shape + 1.0, (1.0 + u) / 2.0)
        return cast(Floats, 2.0 * share if self.past else share)


@dataclass(frozen=True, slots=True)
class History:
    """Located events in order of time.

    Parameters
    ----------
    middle, end
        float64 [n]: middle and end of the unit in which the time of each is known, seconds since 1970.
    member, weight
        int32, float64 [n]: location and weight.
    """

    middle: Floats
    end: Floats
    member: Codes
    weight: Floats

    @classmethod
    def of(cls, events: Events, places: Locations) -> History:
        """Sort the located events by time, stably; `places` are theirs."""
        here = events.located
        unit = events.time[here].astype(_UNIT[events.resolution])
        order = _order(unit)
        begin, end = _seconds(unit[order]), _seconds(unit[order] + 1)
        return cls((begin + end) / 2, end, places.member[order], events.weight[here][order])

    def weigh(self, moment: float, window: Window, locations: int) -> tuple[Floats, int]:
        """Return the weight of each location about a moment, in shares of the peak, and the events in the window."""
        first = int(np.searchsorted(self.middle, moment - window.radius, side="right"))
        if window.past:
            last = int(np.searchsorted(self.end, moment, side="right"))
        else:
            last = int(np.searchsorted(self.middle, moment + window.radius))
        part, out = slice(first, max(first, last)), np.empty(locations)
        power = int(window.shape)
        weigh_slice(self.member[part], self.middle[part], self.weight[part], moment, window.radius, power, out)
        return out, part.stop - part.start


@dataclass(frozen=True, slots=True)
class Cube:
    """Values of every moment.

    Parameters
    ----------
    values
        float64 [moments, n], per km2 and year; read-only.
    events, placed
        int64, float64 [moments]: events in the window, and their weight on the grid, per year.
    error_bound
        On the rounding of any value.
    """

    values: Floats
    events: Integers
    placed: Floats
    error_bound: float

    @classmethod
    def of(
        cls,
        history: History,
        places: Locations,
        grid: Grid,
        *,
        moments: Times,
        window: Window,
        bandwidth: float,
        shape: Shape,
    ) -> Cube:
        """Sum the product kernel over the events of each window."""
        order, start = rows_of(places, grid)
        x, y, on_grid = places.x[order], places.y[order], grid.locate(places.x, places.y) >= 0
        values, events, placed = np.zeros((moments.size, grid.n)), np.zeros(moments.size, np.int64), []
        scale, bound = M2_PER_KM2 * window.peak, 0.0
        for k, moment in enumerate(_seconds(moments)):
            weight, events[k] = history.weigh(float(moment), window, len(places))
            placed.append(float(weight[on_grid].sum()) * window.peak)
            # Many locations are at rest in a window: only the others are added.
            at = np.flatnonzero(weight[order])
            rows = Rows(x[at], y[at], weight[order][at] * scale, np.searchsorted(at, start))
            bound = max(bound, rounding_bound(rows, grid, bandwidth=bandwidth, shape=shape))
            values[k] = on_units(smoothed(rows, grid, bandwidth=bandwidth, shape=shape), grid)
        # Nobody can write to it, so that the record shares it: a year of weeks on a million cells is 400 MB.
        values.flags.writeable = False
        # A weight in time is wrong by a few units of the last place, each 1/8 of the least that the bound counts.
        return cls(values, events, np.array(placed), bound * (1.0 + (window.shape + 1.0)))


def on_units(raster: Floats, grid: Grid) -> Floats:
    """Return the values of the units of a grid, of a raster of all its cells."""
    # A mask over a million cells costs as much as the sum itself: not where every cell is a unit.
    return raster.ravel() if grid.n == raster.size else raster[grid.inside]


def _order(unit: Times) -> Integers:
    """Return the order of times, stably."""
    step = unit.astype(np.int64)
    step -= step.min(initial=0)
    if step.size and step.max() >= 1 << 32:
        return np.argsort(step, kind="stable")
    # Two passes over 16 bits each: a quarter of the time that a million comparisons of 64 bits take.
    return np.lexsort(((step & 0xFFFF).astype(np.uint16), (step >> 16).astype(np.uint16)))


def _seconds(times: Times) -> Floats:
    return times.astype("datetime64[s]").astype(np.int64).astype(np.float64)


def _names(moments: Times) -> list[str]:
    days = moments.astype("datetime64[D]")
    return list((days if (days == moments).all() else moments).astype(str))


def _covered(months: Times, window: Window, moments: Times) -> Floats:
    """Return the share of each window that lies within the months of the events."""
    begin, end = (_seconds(edge)[None, :] - _seconds(moments)[:, None] for edge in (months, months + 1))
    return cast(Floats, (window.share_before(end) - window.share_before(begin)).sum(axis=1))


def _moments(events: Events, slices: Sequence[str] | None, every_days: float | None) -> Times:
    if (slices is None) == (every_days is None):
        raise ModelError("the moments are given twice, or not at all", "either slices or every_days was needed")
    if slices is not None:
        try:
            moments = np.array(list(slices), "datetime64[s]")
        except ValueError as error:
            raise ModelError(f"slices: {error}", "dates were needed", 'write "2018-07-01"') from error
        if not moments.size or np.isnat(moments).any():
            raise ModelError(f"slices is {list(slices)}", "at least one date, and dates only, were needed")
        return moments
    # By day at the finest: moments at the minute of the first event would be nobody's wish.
    unit = events.time.astype(_UNIT["month" if events.resolution == "month" else "day"])
    first, last = unit.min().astype("datetime64[s]"), (unit.max() + 1).astype("datetime64[s]")
    step = float(cast(float, every_days)) * SECONDS_PER_DAY
    number = int((last - first).astype(np.int64) / step)
    if not 1 <= number <= MOST_MOMENTS:
        raise ModelError(
            f"every {every_days:g} days make {number} moments from {first} to {last}",
            f"1 to {MOST_MOMENTS} were needed",
        )
    return cast(Times, first + np.round(np.arange(1, number + 1) * step).astype("timedelta64[s]"))


def _check(events: Events, grid: Grid, bandwidth: float, days: float, choices: dict[str, str]) -> None:
    check_same_crs(events.crs, grid.crs, first_name="the table of events", second_name="the grid")
    problems = Problems()
    for name, value, unit in (("bandwidth", bandwidth, "metres"), ("time_bandwidth_days", days, "days")):
        problems.check(np.isfinite(value) and value > 0, f"{name} is {value}", f"a number of {unit} > 0 was needed")
    for name, choice in choices.items():
        known = get_args(Side if name == "side" else Polynomial)
        problems.check(
            choice in known, f"{name} is {choice!r}", f"one of {', '.join(known)}", did_you_mean(choice, known)
        )
    undated = int(np.isnat(events.time).sum())
    problems.check(
        len(events) > 0 and not undated,
        f"{undated} of {len(events)} events have no date",
        "a date for each was needed",
        "leave the others out: events.where(~np.isnat(events.time))",
    )
    problems.check(
        events.resolution != "month" or days >= LONGEST_MONTH,
        f"the events are known by month, and time_bandwidth_days is {days}",
        f"at least {LONGEST_MONTH:g} were needed: a narrower window would show the calendar, not the events",
    )
    problems.raise_as(ModelError)
