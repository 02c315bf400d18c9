"""Sensitivity to the zone system: the same areas on grids shifted, turned and resized, and on hexagons."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from pydantic import Field

from demandgeo.domain import COUNT, Consensus, Demand, Events, Grid, PriorityAreas, Support, Zones, check_same_crs
from demandgeo.domain.consensus import VARIANT_COLUMNS
from demandgeo.domain.demand import Balance
from demandgeo.domain.record import Floats, Mask
from demandgeo.errors import ModelError, Problems
from demandgeo.priority.selection import select
from demandgeo.registry import stage

Metres = Annotated[float, Field(gt=0)]

SHIFTS = ((0.5, 0.0), (0.0, 0.5), (0.5, 0.5))
"""Parts of a cell that a grid is shifted by."""

MILLIMETRE = 1e-3
"""Hexagons stand on a lattice of millimetres, so that neighbours share their corners bit by bit."""


@stage("priority.sensitivity")
def sensitivity(
    events: Events,
    zones: Zones,
    *,
    cell: Metres = 250.0,
    resized: Sequence[Metres] = (200.0, 300.0),
    turned: Sequence[float] = (15.0, 30.0, 45.0),
    shifted: bool = True,
    hexagons: bool = True,
    demand_share: Annotated[float, Field(gt=0, le=1)] = 0.25,
    max_areas: Annotated[int, Field(ge=1)] = 31,
    reference: Metres = 100.0,
) -> Consensus:
    """Choose areas on many ways to cut the study area, and say how often each place is chosen.

    Where a grid begins, which way it points and how large its cells are is nobody's choice, and yet moves the areas
    (the modifiable areal unit problem). Places that are chosen whatever the cut do not hang on it.

    Parameters
    ----------
    events
        Counted by their weight; those without a location are left out.
    zones
        The study area, in the CRS of the events.
    cell
        Side of the cells, metres: the first variant, and the area of the hexagons.
    resized
        Further sides.
    turned
        Degrees that the grid of `cell` is turned by.
    shifted
        Whether to shift it by half a cell to the east, to the north, and both.
    hexagons
        Whether to cut the area into hexagons too.
    demand_share, max_areas
        As for `priority.select`.
    reference
        Side of the cells on which the variants meet, metres.

    Returns
    -------
    Consensus
        `share` of the variants that choose each reference cell; `table` with a row, and a sentence, per variant.

    Raises
    ------
    GeometryError
        If the CRS differ.
    ModelError
        If a size is not above 0, or no event lies in the study area.

    Examples
    --------
    >>> zones = Zones(np.array([shapely.box(0, 0, 2000, 2000)]), np.array(["A"]), "EPSG:27700")
    >>> events = Events.at(*np.random.default_rng(1).normal(700, 120, (2, 400)), crs="EPSG:27700")
    >>> found = sensitivity(events, zones, resized=[], turned=[30.0], max_areas=2)
    >>> found.table["variant"].tolist()[:2], bool(found.share.max() == 1.0)
    (['cells of 250 m', 'cells of 250 m, shifted by 125 m east'], True)
    """
    check_same_crs(events.crs, zones.crs, first_name="the table of events", second_name="the zones")
    _check(cell, resized, demand_share, reference)
    located = events.where(events.located)
    grid = Grid.over(zones, cell=reference)
    variants = [*_cuts(zones, cell, resized, turned, shifted=shifted)]
    if hexagons:
        variants.append(Cut(f"hexagons as large as cells of {cell:g} m", _as_it_is, _hexagons(zones, cell)))
    times, rows, first = np.zeros(grid.n), [], np.zeros(grid.n, bool)
    for turn, cut in enumerate(variants):
        plan = select(_counted(located, events, cut), demand_share=demand_share, max_areas=max_areas)
        chosen = _at(plan, cut, grid)
        first = chosen if turn == 0 else first
        times += chosen
        rows.append(_row(plan, cut, _agreement(first, chosen, grid)))
    return Consensus(
        grid=grid,
        share=times / len(variants),
        table=pd.DataFrame(rows, columns=list(VARIANT_COLUMNS)),
        provenance={
            "method": "areas on several tessellations",
            "demand_share": demand_share,
            "max_areas": max_areas,
            "reference_m": float(reference),
            "weight": events.weight_name,
            "period": events.period,
        },
    )


Frame = Callable[[Floats, Floats], tuple[Floats, Floats]]


@dataclass(frozen=True, slots=True)
class Cut:
    """A way to cut the study area: units, in a frame of their own.

    Parameters
    ----------
    name
        In words.
    frame
        Takes x and y of the map into the frame in which the units are straight.
    support
        The units, in that frame.
    """

    name: str
    frame: Frame
    support: Support


def _cuts(zones: Zones, cell: float, resized: Sequence[float], turned: Sequence[float], *, shifted: bool) -> list[Cut]:
    cuts = [Cut(f"cells of {side:g} m", _as_it_is, Grid.over(zones, cell=side)) for side in (cell, *resized)]
    frames: list[tuple[str, Frame]] = []
    for east, north in SHIFTS if shifted else ():
        parts = [f"{part * cell:g} m {way}" for part, way in ((east, "east"), (north, "north")) if part]
        frames.append((f"shifted by {' and '.join(parts)}", _shift(east * cell, north * cell)))
    west, south, far_east, far_north = shapely.total_bounds(zones.polygons)
    middle = ((west + far_east) / 2, (south + far_north) / 2)
    frames += [(f"turned by {angle:g} degrees", _turn(angle, middle)) for angle in turned]
    for name, frame in frames:
        moved = replace(zones, polygons=_moved(zones.polygons, frame))
        cuts.append(Cut(f"cells of {cell:g} m, {name}", frame, Grid.over(moved, cell=cell)))
    return cuts


def _as_it_is(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    return x, y


def _shift(east: float, north: float) -> Frame:
    return lambda x, y: (x - east, y - north)


def _turn(degrees: float, middle: tuple[float, float]) -> Frame:
    """Turn the map against the way the grid turns, about its middle."""
    sine, cosine = math.sin(-math.radians(degrees)), math.cos(math.radians(degrees))

    def frame(x: Floats, y: Floats) -> tuple[Floats, Floats]:
        dx, dy = x - middle[0], y - middle[1]
        return middle[0] + cosine * dx - sine * dy, middle[1] + sine * dx + cosine * dy

    return frame


def _moved(polygons: NDArray[np.object_], frame: Frame) -> NDArray[np.object_]:
    def move(points: Floats) -> Floats:
        return np.column_stack(frame(points[:, 0], points[:, 1]))

    moved: NDArray[np.object_] = shapely.transform(polygons, move)
    return moved


def _hexagons(zones: Zones, cell: float) -> Zones:
    """Cut the study area into hexagons of the area of a cell, their points to the north."""
    side = cell * math.sqrt(2.0 / (3.0 * math.sqrt(3.0)))
    half = side * math.sqrt(3.0) / 2.0
    west, south, east, north = shapely.total_bounds(zones.polygons)
    rows = np.arange(int((north - south) / (1.5 * side)) + 3)
    columns = np.arange(int((east - west) / (2.0 * half)) + 3)
    row, column = (part.ravel() for part in np.meshgrid(rows, columns, indexing="ij"))
    # In half widths and half sides every corner is a pair of whole numbers: shared corners are the same numbers.
    i, j = 2 * column + row % 2 - 1, 3 * row - 1
    corners = np.stack(
        [(i + a, j + b) for a, b in ((0, 2), (1, 1), (1, -1), (0, -2), (-1, -1), (-1, 1))], axis=1
    ).transpose(2, 1, 0)
    points = np.stack([west + corners[..., 0] * half, south + corners[..., 1] * side / 2.0], axis=-1)
    boxes = shapely.polygons(np.round(points, 3))
    area = zones.outline()
    shapely.prepare(area)
    inside = shapely.contains_properly(area, boxes)
    rim = ~inside & shapely.intersects(area, boxes)
    boxes[rim] = shapely.intersection(boxes[rim], area, grid_size=MILLIMETRE)
    kept = (inside | rim) & (shapely.area(boxes) > 1.0)
    polygons = np.array([_surface(box) for box in boxes[kept]], dtype=object)
    return Zones(polygons, np.array([f"hexagon {number:07d}" for number in np.flatnonzero(kept)]), zones.crs)


def _surface(shape: shapely.Geometry) -> shapely.Geometry:
    """Drop what an intersection leaves of lines and points."""
    if shape.geom_type != "GeometryCollection":
        return shape
    return shapely.union_all([part for part in shape.geoms if part.area > 0])


def _counted(located: Events, events: Events, cut: Cut) -> Demand:
    # By location, whatever the zone codes: those of hexagons are ours.
    unit = cut.support.locate(*cut.frame(located.x, located.y))
    placed = unit >= 0
    if not located.weight[placed].sum() > 0:
        raise ModelError(
            f"none of the {len(events):,} events puts demand in the study area", "events in the zones were needed"
        )
    of_all = np.full(len(events), -1)
    of_all[events.located] = unit
    return Demand(
        support=cut.support,
        values=np.bincount(unit[placed], located.weight[placed], minlength=cut.support.n).astype(np.float64),
        measure="incidents" if events.weight_name == COUNT else "weight",
        balance=Balance.of(events, of_all),
        weight_name=events.weight_name,
        period=events.period,
        name=events.kind,
        count=np.bincount(unit[placed], minlength=cut.support.n).astype(np.float64),
    )


def _at(plan: PriorityAreas, cut: Cut, grid: Grid) -> Mask:
    """Whether the middle of each reference cell is in an area."""
    unit = cut.support.locate(*cut.frame(*grid.centres()))
    return (unit >= 0) & plan.selected[np.maximum(unit, 0)]


def _agreement(first: Mask, second: Mask, grid: Grid) -> float:
    either = float(grid.extent[first | second].sum())
    return float(grid.extent[first & second].sum()) / either if either > 0 else 1.0


def _row(plan: PriorityAreas, cut: Cut, agreement: float) -> tuple[object, ...]:
    bound = plan.certificate.bound / float(plan.support.extent.sum())
    sentence = (
        f"On {cut.name}, {len(plan.table)} areas of {plan.extent_share:.2%} of the area hold {plan.demand_share:.1%}; "
        f"no choice that keeps the same rules can use less than {bound:.2%}."
    )
    return (
        cut.name,
        plan.support.n,
        len(plan.table),
        plan.extent_share,
        plan.demand_share,
        bound,
        agreement,
        sentence,
    )


def _check(cell: float, resized: Sequence[float], demand_share: float, reference: float) -> None:
    problems = Problems()
    for name, side in (("cell", cell), ("reference", reference), *(("resized", side) for side in resized)):
        problems.check(np.isfinite(side) and side > 0, f"{name} is {side}", "metres > 0 were needed")
    problems.check(0 < demand_share <= 1, f"demand_share is {demand_share}", "a share in (0, 1] was needed")
    problems.raise_as(ModelError)
