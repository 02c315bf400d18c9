"""Adaptive surfaces: a bandwidth for every location, narrow where events are dense and wide where they are few."""

from __future__ import annotations

import math
from typing import Annotated, Literal, get_args

import numpy as np
from pydantic import Field

from demandgeo.density.grids import Metres
from demandgeo.density.pairs import PolynomialName, kernel_sums
from demandgeo.domain import COUNT, Demand, Events, Grid, check_same_crs
from demandgeo.domain.record import Floats, Integers
from demandgeo.errors import ModelError, Problems, did_you_mean
from demandgeo.kernels.adaptive import add_adaptive
from demandgeo.kernels.planar import sort_by_row
from demandgeo.kernels.shapes import Shape, planar_scale
from demandgeo.registry import stage
from demandgeo.statistics.locations import Locations, balance

Trim = Annotated[float, Field(ge=1, allow_inf_nan=False)]

M2_PER_KM2 = 1e6


@stage("density.adaptive_surface")
def adaptive_surface(
    events: Events,
    grid: Grid,
    *,
    bandwidth: Metres = 400.0,
    pilot: Metres | None = None,
    trim: Trim = 5.0,
    kernel: PolynomialName = "quartic",
    per: Literal["year", "period"] = "year",
) -> Demand:
    """Return the intensity of events with a bandwidth for each location, exact at the cell centres.

    Town centres keep their detail while lone events in the country are spread wide. Nothing is binned or grouped: each
    location has a bandwidth of its own, from the exact density there.

    Parameters
    ----------
    events
        Their weights are smoothed; events without a location are left out and stand in the balance.
    grid
        Where, in the CRS of the events.
    bandwidth
        Metres: the bandwidths of the events have this geometric mean, before they are trimmed.
    pilot
        Bandwidth of the density at the locations, metres; that of `bandwidth` if not given.
    trim
        No bandwidth is wider than this times `bandwidth`.
    kernel
        Shape (1 - r2/h2)^p: uniform (p = 0), epanechnikov (1), quartic (2) or triweight (3).
    per
        ``"year"`` divides by the length of the events' period; ``"period"`` does not, and suits undated events.

    Returns
    -------
    Demand
        `values` [n] in incidents (or weight) per km2 and year. `provenance` gives the bandwidths in use, the share of
        weight whose bandwidth was trimmed, a bound on the rounding error, and the mass, as `density.surface` does.

    Raises
    ------
    GeometryError
        If events and grid have different CRS.
    ModelError
        If a bandwidth is not above 0, the trim is below 1, a name is not known, or the events are undated and `per`
        is ``"year"``.

    Notes
    -----
    Location i has the bandwidth h_i = bandwidth min((f_i / g)^(-1/2), trim); f_i is the density there with the pilot
    bandwidth, its own weight included, g the geometric mean of f over the events, by weight (Abramson 1982;
    Silverman 1986, section 5.3). There is no correction at the border of the study area.

    Examples
    --------
    >>> grid = Grid.covering((0, 0, 2000, 2000), cell=100, crs="EPSG:27700")
    >>> events = Events.at([450.0] * 9 + [1550.0], [450.0] * 9 + [1550.0], crs="EPSG:27700")
    >>> demand = adaptive_surface(events, grid, bandwidth=400.0, per="period")
    >>> widths = demand.provenance["bandwidths_m"]
    >>> round(widths["least"]), round(widths["greatest"])
    (358, 1075)
    """
    pilot = bandwidth if pilot is None else pilot
    years = events.years
    _check(years, {"bandwidth": bandwidth, "pilot": pilot}, trim, {"kernel": kernel, "per": per})
    check_same_crs(events.crs, grid.crs, first_name="the table of events", second_name="the grid")
    here = slice(None) if events.located.all() else events.located
    places, shape = Locations.of(events.x[here], events.y[here]), Shape[kernel.upper()]
    weight = places.total(events.weight[here])
    factor = _factors(places, weight, pilot, shape)
    widths = bandwidth * np.minimum(factor, trim)
    sums, bound = _summed(places, weight, widths, grid, shape)
    scale = M2_PER_KM2 / (years if per == "year" else 1.0)
    values = sums[grid.inside] * scale
    placed = balance(events, places, grid.locate(places.x, places.y) >= 0, weight)
    return Demand(
        support=grid,
        values=values,
        measure=("incidents" if events.weight_name == COUNT else "weight") + ("/km2/yr" if per == "year" else "/km2"),
        balance=placed,
        weight_name=events.weight_name,
        period=events.period,
        name=events.kind,
        provenance={
            "method": "exact sum over collapsed locations, a bandwidth each (Abramson)",
            "kernel": kernel,
            "bandwidth_m": float(bandwidth),
            "pilot_m": float(pilot),
            "trim": float(trim),
            "bandwidth_kind": "support",
            "bandwidths_m": _spread(widths[weight > 0]),
            "trimmed_share": float(weight[factor > trim].sum() / max(weight.sum(), np.finfo(float).tiny)),
            "edge_correction": "none",
            "locations": len(places),
            "years": years,
            "error_bound": bound * scale,
            "mass": {
                "on_surface": float(values @ grid.extent) / scale,
                "placed": float(placed.weight[0]),
                "located": float(placed.weight[:2].sum()),
            },
        },
    )


def _factors(places: Locations, weight: Floats, pilot: float, shape: Shape) -> Floats:
    """Return (f_i / g)^(-1/2) at each location; 1 where nothing has weight."""
    some = weight > 0
    factor = np.ones(weight.size)
    if some.any():
        x, y, own = places.x[some], places.y[some], weight[some]
        density = np.log(kernel_sums(x, y, own, bandwidth=pilot, shape=shape))
        factor[some] = np.exp((own @ density / own.sum() - density) / 2)
    return factor


def _summed(places: Locations, weight: Floats, widths: Floats, grid: Grid, shape: Shape) -> tuple[Floats, float]:
    """Return the sum per m2 at every cell centre [rows, columns], and a bound on the rounding error of any.

    In units of half the machine precision and of its peak, a term is wrong by at most p (8 s / h + 8) + 12, where s is
    the span of the coordinate differences, and a sum of m terms by m more (Higham 2002, Accuracy and Stability of
    Numerical Algorithms, section 4.2). The bandwidths are taken as they are.
    """
    order, start = np.empty(len(places), np.int64), np.empty(grid.shape[0] + 3, np.int64)
    sort_by_row(places.y, grid.y0, grid.dy, order, start)
    h, w = widths[order], weight[order]
    rows, out = grid.shape[0], np.zeros(grid.shape)
    widest = float(h.max(initial=0.0))
    scaled = w * (planar_scale(shape, 1.0) / h ** (2 * (shape + 1)))
    add_adaptive(
        places.x[order], places.y[order], scaled, h, start, widest, grid.x0, grid.y0, grid.dx, grid.dy, int(shape), out
    )
    reach = int(min(np.ceil(widest / grid.dy) + 1, rows + 1))
    first, last = _window(start, rows, reach)
    peak = scaled * h ** (2 * shape)
    span = max(rows * grid.dy, grid.shape[1] * grid.dx) + widest
    units = peak * (float((last - first).max()) + shape * (8 * span / h + 8) + 12)
    sums = np.concatenate([[0.0], np.cumsum(units)])
    return out, float((sums[last] - sums[first]).max() * np.finfo(np.float64).eps / 2)


def _window(start: Integers, rows: int, reach: int) -> tuple[Integers, Integers]:
    """Return the first location that may reach each row, and the one after the last."""
    row = np.arange(rows)
    return start[np.maximum(row - reach + 1, 0)], start[np.minimum(row + reach + 2, rows + 2)]


def _spread(widths: Floats) -> dict[str, float]:
    if not widths.size:
        return {}
    return {
        "least": float(widths.min()),
        "median": float(np.median(widths)),
        "greatest": float(widths.max()),
    }


def _check(years: float, metres: dict[str, float], trim: float, named: dict[str, str]) -> None:
    problems = Problems()
    for name, value in metres.items():
        problems.check(0 < value < math.inf, f"{name} is {value}", "a number of metres > 0 was needed")
    problems.check(1 <= trim < math.inf, f"trim is {trim}", "a number >= 1 was needed")
    kinds = {"kernel": get_args(PolynomialName), "per": ("year", "period")}
    for name, given in named.items():
        known = kinds[name]
        problems.check(given in known, f"{name} is {given!r}", f"one of {', '.join(known)}", did_you_mean(given, known))
    problems.check(
        named["per"] != "year" or years > 0,
        "no event has a date, so that an intensity per year has no meaning",
        "dated events were needed",
        'give per="period"',
    )
    problems.raise_as(ModelError)
