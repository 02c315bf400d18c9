"""Density surfaces: the intensity of events at the centre of every cell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from demandgeo.density.counts import By
from demandgeo.density.edges import Edge, share_at_cells, share_at_locations
from demandgeo.density.grids import Metres, cell_reach
from demandgeo.density.smoothing import GAUSSIAN, KernelName, Rows, Smoother
from demandgeo.domain import COUNT, Demand, Events, Grid, check_same_crs
from demandgeo.domain.record import Floats, Integers, Mask
from demandgeo.errors import ModelError, Problems, did_you_mean
from demandgeo.kernels.shapes import Shape, planar_support
from demandgeo.registry import stage
from demandgeo.statistics.layers import layers_of
from demandgeo.statistics.locations import Locations, balance

Per = Literal["year", "period"]
BandwidthKind = Literal["support", "sd"]
Quantity = Literal["intensity", "probability"]
Precision = Literal["float64", "float32"]

_SETTINGS = {
    "kernel": KernelName,
    "bandwidth_kind": BandwidthKind,
    "quantity": Quantity,
    "edge": Edge,
    "per": Per,
    "precision": Precision,
}

Values = NDArray[np.floating]

M2_PER_KM2 = 1e6


@stage("density.surface")
def surface(
    events: Events,
    grid: Grid,
    *,
    bandwidth: Metres = 400.0,
    kernel: KernelName = "quartic",
    bandwidth_kind: BandwidthKind | None = None,
    per: Per = "year",
    quantity: Quantity = "intensity",
    by: By | None = None,
    edge: Edge = "none",
    precision: Precision = "float64",
) -> Demand:
    """Return the intensity of events on a grid, exact at the cell centres.

    Parameters
    ----------
    events
        Their weights are smoothed; events without a location are left out and stand in the balance.
    grid
        Where, in the CRS of the events.
    bandwidth
        Metres; what of, `bandwidth_kind` says.
    kernel
        Shape (1 - r2/h2)^p: uniform (p = 0), epanechnikov (1), quartic (2) or triweight (3); or gaussian.
    bandwidth_kind
        ``"support"``: the bandwidth is the radius h beyond which an event counts exactly 0; ``"sd"``: it is the
        standard deviation along each axis, so that kernels of different shape smooth alike. None means the support,
        and for the Gaussian, whose support has no end, its standard deviation.

        ============  ============  ====================
        kernel        h / sd        400 m of support: sd
        ============  ============  ====================
        uniform       2             200 m
        epanechnikov  sqrt 6        163 m
        quartic       sqrt 8        141 m
        triweight     sqrt 10       126 m
        ============  ============  ====================
    per
        ``"year"`` divides by the length of the events' period; ``"period"`` does not, and suits undated events.
    quantity
        ``"intensity"``, or ``"probability"``: the density of the place of an event, whose integral is 1 for each layer
        (over the plane; with an edge correction over the study area); `per` then has no meaning.
    by
        One surface per category, per month or, with both, per category and month; None for a single one. A layer per
        month still divides by the whole period.
    edge
        ``"none"``: events beyond the study area count, and where nothing is recorded beyond it the surface falls off
        towards its border. The others smooth the events of the study area only, and make up for that fall:
        ``"uniform"`` divides the surface by the share of the kernel inside the area (right for an even intensity);
        ``"diggle"`` divides each event's weight by the share of its own kernel inside, which keeps the total weight.
    precision
        What the values are kept in. ``"float32"`` halves the memory of many layers; each value is summed in float64
        and rounded once, to 6e-8 of itself, which the error bound includes.

    Returns
    -------
    Demand
        `values` [n] or [layers, n] in incidents (or weight) per km2 and year. `provenance` gives the method, a bound on
        the numerical error in the same unit, and the mass: the surface summed over the study area beside the weight
        that was placed.

    Raises
    ------
    GeometryError
        If events and grid have different CRS.
    ModelError
        If the bandwidth is not above 0, a setting is not known, the Gaussian is given a support, the events are
        undated and `per` is ``"year"``, or the edge is corrected with a bandwidth below the diagonal of a cell.

    Notes
    -----
    With weights w_i at distances r_i from a centre, the value is
    sum_i w_i (p + 1) / (pi h2) (1 - r_i2 / h2)^p (Silverman 1986, Density Estimation, section 4.2). Polynomial
    kernels are summed exactly. The Gaussian is right to 1e-10 of each value above 1e-6 of the highest, the borders
    included. Edge corrections: Diggle 1985, Applied Statistics 34:138 (uniform); Jones 1993, Statistics and Computing
    3:135 (diggle); see `density.edges` for the resolution of the study area.

    Examples
    --------
    >>> from demandgeo.domain import Grid
    >>> grid = Grid.covering((0, 0, 1000, 1000), cell=100, crs="EPSG:27700")
    >>> events = Events.at([450.0], [550.0], crs="EPSG:27700")
    >>> demand = surface(events, grid, bandwidth=400.0, per="period")
    >>> print(demand.measure, round(demand.values.max(), 3), round(3 / (np.pi * 0.4**2), 3))
    incidents/km2 5.968 5.968
    """
    years = events.years
    settings = {
        "kernel": kernel,
        "bandwidth_kind": bandwidth_kind,
        "quantity": quantity,
        "edge": edge,
        "per": per,
        "precision": precision,
    }
    _check(events, grid, years, bandwidth, settings)
    smoother = _smoother(grid, kernel, float(bandwidth), bandwidth_kind)
    here = slice(None) if events.located.all() else events.located
    places, weight = Locations.for_sums(events.x[here], events.y[here]), events.weight[here]
    inside = grid.locate(places.x, places.y) >= 0
    placed = balance(events, places, inside, places.total(weight))
    if edge != "none":
        weight = weight * _edge_factor(places, inside, smoother, edge)[places.member]
    table, layer = layers_of(events, by)
    rows = _rows(places, weight, None if by is None else layer[here], len(table), smoother)
    scale = M2_PER_KM2 / (years if per == "year" and quantity == "intensity" else 1.0)
    values = np.empty((1 if by is None else len(table), grid.n), precision)
    bound, mass = _fill(values, rows, smoother, scale, edge=edge, quantity=quantity)
    values.flags.writeable = False  # so that the 1.3 GB of 168 layers are not copied
    return Demand(
        support=grid,
        values=values[0] if by is None else values,
        measure=_measure(events, quantity, per),
        balance=placed,
        weight_name=events.weight_name,
        period=events.period,
        name=events.kind,
        layers=table,
        provenance={
            **_described(smoother, bandwidth, settings),
            "locations": len(places),
            "records_left_out": sum(events.ledger.excluded().values()),
            "years": years,
            "error_bound": bound,
            "mass": {
                "on_surface": mass,
                "placed": float(placed.weight[0]),
                "located": float(placed.weight[:2].sum()),
            },
        },
    )


def _described(smoother: Smoother, bandwidth: float, settings: Mapping[str, str | None]) -> dict[str, Any]:
    return {
        "method": smoother.method,
        "kernel": settings["kernel"],
        "bandwidth_m": float(bandwidth),
        "bandwidth_kind": settings["bandwidth_kind"] or ("sd" if settings["kernel"] == GAUSSIAN else "support"),
        "sd_m": smoother.sd,
        "edge_correction": settings["edge"],
        "precision": settings["precision"],
    }


def _smoother(grid: Grid, kernel: str, bandwidth: float, kind: str | None) -> Smoother:
    if kind == "sd" and kernel != GAUSSIAN:
        bandwidth = planar_support(Shape[kernel.upper()], bandwidth)
    return Smoother.of(grid, kernel, bandwidth)


def _rows(places: Locations, weight: Floats, layer: Integers | None, layers: int, smoother: Smoother) -> Iterator[Rows]:
    """Yield the sorted locations of each layer; of all events where there are no layers."""
    if layer is None:
        return iter([Rows.of(places, places.total(weight), smoother.on)])
    return Rows.by_layer(places, weight, layer, layers, smoother.on)


def _fill(
    values: Values, rows: Iterator[Rows], smoother: Smoother, scale: float, *, edge: str, quantity: str
) -> tuple[float, float]:
    """Fill in the surfaces [layers, n], corrected and normalised; return a bound on their error, and their mass."""
    share = share_at_cells(smoother) if edge == "uniform" else None
    totals, mass, bound = _sum(values, rows, smoother, scale, share)
    if quantity == "probability":
        whole = totals if edge == "none" else mass
        whole = np.where(whole > 0, whole, 1.0)
        values /= whole[:, None]
        mass = mass / whole
        bound /= float(whole.min(initial=np.inf))
    if values.dtype == np.float32:
        # To the nearest, after the sum and after the division.
        bound += 2 * float(values.max(initial=0.0)) * float(np.finfo(np.float32).eps) / 2
    return bound, float(mass.sum())


def _sum(
    values: Values, rows: Iterator[Rows], smoother: Smoother, scale: float, share: Floats | None
) -> tuple[Floats, Floats, float]:
    """Fill in the surfaces [layers, n]; return the weight and the mass of each, and a bound on their error.

    Each layer is corrected, summed and stored while it is in the cache: passes over 168 finished layers took as long
    as making them.
    """
    grid, bound, totals, mass = smoother.grid, 0.0, np.empty(len(values)), np.empty(len(values))
    whole = grid.n == grid.inside.size
    direct = whole and values.dtype == np.float64
    scratch = np.empty((0, 0) if direct else grid.shape)
    least = 1.0 if share is None else float(share.min())
    for layer, own in zip(range(len(values)), rows, strict=True):
        raster = values[layer].reshape(grid.shape) if direct else scratch
        raster[:] = 0.0
        smoother.fill(own, raster, scale)
        here = raster.ravel() if whole else raster[grid.inside]
        bound = max(bound, scale * smoother.error_bound(own, float(here.max()) / scale) / least)
        if share is not None:
            here /= share
        # Not by BLAS: its sums depend on the threads.
        mass[layer] = np.einsum("n,n->", here, grid.extent) / scale
        totals[layer] = own.weight.sum()
        if not direct:
            values[layer] = here
    return totals, mass, bound


def _edge_factor(places: Locations, inside: Mask, smoother: Smoother, edge: str) -> Floats:
    """Return what the weight at each location is multiplied by; events beyond the study area weigh nothing."""
    factor = inside.astype(np.float64)
    if edge == "diggle":
        factor[inside] /= share_at_locations(places.x[inside], places.y[inside], smoother)
    return factor


def _measure(events: Events, quantity: str, per: str) -> str:
    if quantity == "probability":
        return "probability/km2"
    return ("incidents" if events.weight_name == COUNT else "weight") + ("/km2/yr" if per == "year" else "/km2")


def _check(events: Events, grid: Grid, years: float, bandwidth: float, settings: Mapping[str, str | None]) -> None:
    check_same_crs(events.crs, grid.crs, first_name="the table of events", second_name="the grid")
    problems = Problems()
    problems.check(
        np.isfinite(bandwidth) and bandwidth > 0, f"the bandwidth is {bandwidth}", "a number of metres > 0 was needed"
    )
    reach, span = cell_reach(grid), np.hypot(grid.dx * grid.shape[1], grid.dy * grid.shape[0])
    # A support is at least twice its standard deviation; the Gaussian, which never ends, may be narrower still.
    narrow = {None: 1.0, "support": 1.0, "sd": 2.0}.get(settings["bandwidth_kind"], 1.0)
    narrow = 10.0 if settings["kernel"] == GAUSSIAN else narrow
    problems.check(
        not 0 < bandwidth * narrow < reach,
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
    for name, value in settings.items():
        known = get_args(_SETTINGS[name])
        problems.check(
            value in known or (value is None and name == "bandwidth_kind"),
            f"{name} is {value!r}",
            f"one of {', '.join(known)}",
            did_you_mean(str(value), known),
        )
    problems.check(
        settings["kernel"] != GAUSSIAN or settings["bandwidth_kind"] != "support",
        "the Gaussian has no support that ends",
        "its standard deviation was needed",
        'give bandwidth_kind="sd"',
    )
    problems.check(
        settings["per"] != "year" or settings["quantity"] == "probability" or years > 0,
        "no event has a date, so that an intensity per year has no meaning",
        "dated events were needed",
        'give per="period"',
    )
    problems.raise_as(ModelError)
    radius = _smoother(grid, str(settings["kernel"]), bandwidth, settings["bandwidth_kind"]).bandwidth
    diagonal = float(np.hypot(grid.dx, grid.dy))
    if settings["edge"] != "none" and radius < diagonal:
        raise ModelError(
            f"the kernel has a bandwidth of {radius:g} m, a cell a diagonal of {diagonal:g} m",
            "a bandwidth of at least the diagonal was needed to correct the edge",
            'give a greater bandwidth, smaller cells, or edge="none"',
        )
