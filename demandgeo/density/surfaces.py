"""Density surfaces: the intensity of events at the centre of every cell, exact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from demandgeo.density.grids import Metres
from demandgeo.domain import COUNT, Demand, Events, Grid, check_same_crs
from demandgeo.domain.demand import Balance
from demandgeo.domain.record import Floats, Integers
from demandgeo.errors import ModelError, Problems, did_you_mean
from demandgeo.kernels.planar import add_kernel, sort_by_row
from demandgeo.kernels.shapes import Shape, planar_scale
from demandgeo.registry import stage
from demandgeo.statistics.locations import Locations

KernelName = Literal["uniform", "epanechnikov", "quartic", "triweight"]
Per = Literal["year", "period"]

M2_PER_KM2 = 1e6


@stage("density.surface")
def surface(
    events: Events,
    grid: Grid,
    *,
    bandwidth: Metres = 400.0,
    kernel: KernelName = "quartic",
    per: Per = "year",
) -> Demand:
    """Return the intensity of events on a grid, exact at the cell centres.

    Every event within the bandwidth of a centre counts, those outside the study area too. There is no correction at
    its border: where nothing is recorded beyond it, the surface falls off towards it.

    Parameters
    ----------
    events
        Their weights are smoothed; events without a location are left out and stand in the balance.
    grid
        Where, in the CRS of the events.
    bandwidth
        Radius of the kernel's support, metres: beyond it an event counts exactly 0.
    kernel
        Shape (1 - r2/h2)^p: uniform (p = 0), epanechnikov (1), quartic (2) or triweight (3).
    per
        ``"year"`` divides by the length of the events' period; ``"period"`` does not, and suits undated events.

    Returns
    -------
    Demand
        `values` [n] in incidents (or weight) per km2 and year. `provenance` gives the method, a bound on the rounding
        error in the same unit, and the mass: the surface summed over the study area beside the weight that was placed.

    Raises
    ------
    GeometryError
        If events and grid have different CRS.
    ModelError
        If the bandwidth is not above 0, the kernel is not known, or the events are undated and `per` is ``"year"``.

    Notes
    -----
    With weights w_i at distances r_i from a centre, the value is
    sum_i w_i (p + 1) / (pi h2) (1 - r_i2 / h2)^p (Silverman 1986, Density Estimation, section 4.2).

    Examples
    --------
    >>> from demandgeo.domain import Grid
    >>> grid = Grid.covering((0, 0, 1000, 1000), cell=100, crs="EPSG:27700")
    >>> events = Events.at([450.0], [550.0], crs="EPSG:27700")
    >>> demand = surface(events, grid, bandwidth=400.0, per="period")
    >>> print(demand.measure, round(demand.values.max(), 3), round(3 / (np.pi * 0.4**2), 3))
    incidents/km2 5.968 5.968
    """
    _check(events, grid, bandwidth, kernel, per)
    here = slice(None) if events.located.all() else events.located
    places = Locations.of(events.x[here], events.y[here])
    weight = places.total(events.weight[here])
    rows, shape = Rows.of(places, weight, grid), Shape[kernel.upper()]
    years = events.years
    scale = M2_PER_KM2 / (years if per == "year" else 1.0)
    values = smoothed(rows, grid, bandwidth=bandwidth, shape=shape)[grid.inside] * scale
    balance = _balance(events, grid, places, weight)
    what, unit = "incidents" if events.weight_name == COUNT else "weight", "/km2/yr" if per == "year" else "/km2"
    return Demand(
        support=grid,
        values=values,
        measure=what + unit,
        balance=balance,
        weight_name=events.weight_name,
        period=events.period,
        name=events.kind,
        provenance={
            "method": "exact sum over collapsed locations",
            "kernel": kernel,
            "bandwidth_m": float(bandwidth),
            "bandwidth_kind": "support",
            "edge_correction": "none",
            "locations": len(places),
            "records_left_out": sum(events.ledger.excluded().values()),
            "years": years,
            "error_bound": rounding_bound(rows, grid, bandwidth=bandwidth, shape=shape) * scale,
            "mass": {
                "on_surface": float(values @ grid.extent) / scale,
                "placed": float(balance.weight[0]),
                "located": float(balance.weight[:2].sum()),
            },
        },
    )


@dataclass(frozen=True, slots=True)
class Rows:
    """Locations in order of grid row, as `kernels.planar.add_kernel` takes them."""

    x: Floats
    y: Floats
    weight: Floats
    start: Integers

    @classmethod
    def of(cls, places: Locations, weight: Floats, grid: Grid) -> Rows:
        """Sort the locations and their weights [m] by the rows of a grid."""
        order, start = np.empty(len(places), np.int64), np.empty(grid.shape[0] + 3, np.int64)
        sort_by_row(places.y, grid.y0, grid.dy, order, start)
        return cls(places.x[order], places.y[order], weight[order], start)


def smoothed(rows: Rows, grid: Grid, *, bandwidth: float, shape: Shape) -> Floats:
    """Return the smoothed weight per m2 at the centre of every cell, float64 [rows, columns]."""
    out = np.zeros(grid.shape)
    scaled = rows.weight * planar_scale(shape, bandwidth)
    geometry = (grid.x0, grid.y0, grid.dx, grid.dy)
    add_kernel(rows.x, rows.y, scaled, rows.start, *geometry, float(bandwidth), int(shape), out)
    return out


def rounding_bound(rows: Rows, grid: Grid, *, bandwidth: float, shape: Shape) -> float:
    """Return a bound on the rounding error of any cell of `smoothed`, per m2.

    A cell sums at most the locations of the rows within the bandwidth. In units of half the machine precision and of
    its peak, a term is wrong by at most p (8 s / h + 8) + 8, where s is the span of the coordinate differences, and a
    sum of m terms by m more (Higham 2002, Accuracy and Stability of Numerical Algorithms, section 4.2).
    """
    height, width = grid.shape[0] * grid.dy, grid.shape[1] * grid.dx
    reach = int(min(np.ceil(bandwidth / grid.dy) + 1, grid.shape[0] + 1))
    row = np.arange(grid.shape[0])
    first = rows.start[np.maximum(row - reach + 1, 0)]
    last = rows.start[np.minimum(row + reach + 2, grid.shape[0] + 2)]
    sums = np.concatenate([[0.0], np.cumsum(rows.weight)])
    peak = planar_scale(shape, bandwidth) * bandwidth ** (2 * shape)
    span = max(height, width) + bandwidth
    units = float((last - first).max()) + shape * (8 * span / bandwidth + 8) + 8
    return float(units * np.finfo(np.float64).eps / 2 * peak * (sums[last] - sums[first]).max())


def _balance(events: Events, grid: Grid, places: Locations, weight: Floats) -> Balance:
    # By location, not by event: on a million events with duplicates this is 20 times less work.
    inside = grid.locate(places.x, places.y) >= 0
    number = places.total()
    fates = [(column[inside].sum(), column[~inside].sum()) for column in (number, weight)]
    lost = ~events.located
    return Balance(
        np.array([*fates[0], lost.sum(), 0]),
        np.array([*fates[1], events.weight[lost].sum(), 0.0]),
    )


def _check(events: Events, grid: Grid, bandwidth: float, kernel: str, per: str) -> None:
    check_same_crs(events.crs, grid.crs, first_name="the table of events", second_name="the grid")
    problems = Problems()
    problems.check(
        np.isfinite(bandwidth) and bandwidth > 0, f"the bandwidth is {bandwidth}", "a number of metres > 0 was needed"
    )
    reach, span = np.hypot(grid.dx, grid.dy) / 2, np.hypot(grid.dx * grid.shape[1], grid.dy * grid.shape[0])
    problems.check(
        not 0 < bandwidth < reach,
        f"the bandwidth is {bandwidth:g} m, less than half the diagonal of a cell ({reach:.0f} m)",
        "a bandwidth that reaches a cell centre from everywhere was needed",
        "is it in degrees? Else give smaller cells",
    )
    problems.check(
        not span < bandwidth < np.inf,
        f"the bandwidth is {bandwidth:g} m, more than the whole grid spans ({span:,.0f} m)",
        "a bandwidth within the study area was needed",
        "it is in metres: 400 m is usual for a city",
    )
    for name, value, known in (("kernel", kernel, get_args(KernelName)), ("per", per, get_args(Per))):
        problems.check(value in known, f"{name} is {value!r}", f"one of {', '.join(known)}", did_you_mean(value, known))
    problems.check(
        per != "year" or events.years > 0,
        "no event has a date, so that an intensity per year has no meaning",
        "dated events were needed",
        'give per="period"',
    )
    problems.raise_as(ModelError)
