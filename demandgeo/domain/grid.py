"""A grid of equal cells over a study area; only the cells that meet the area are units."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import shapely
from numpy.typing import NDArray

from demandgeo.domain.crs import check_same_crs, metric_crs
from demandgeo.domain.labels import Labels
from demandgeo.domain.record import Codes, Floats, Geometries, Integers, Mask, frozen_array
from demandgeo.domain.support import QUEEN, ROOK, Neighbours, Support, check_contiguity
from demandgeo.domain.zones import Zones
from demandgeo.errors import GeometryError, ModelError, Problems

MOST_CELLS = 200_000_000
"""A grid beyond this is a slip (a stray point, a cell in degrees), not a wish."""

MOST_CELLS_IN_TILES = 20_000_000_000
"""The same, for a grid of which only one part is held at a time."""

BOXES_AT_ONCE = 500_000
"""Cells that are clipped together: some 200 bytes each, so that a national grid fits in memory."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Grid(Support):
    """Equal rectangular cells, row 0 in the north.

    Parameters
    ----------
    x0, y0
        West edge and north edge, metres.
    dx, dy
        Width and height of a cell, metres.
    inside
        bool [rows, columns]: the cells that meet the study area; they are the units, row by row.
    extent
        float64 [n]: area of cell within the study area, m2.
    crs
        Projected, in metres.
    group
        District of each unit: that of its centre, or of its greatest overlap where the centre lies outside.

    Raises
    ------
    ModelError, GeometryError
        Listing every field that breaks these rules.

    Examples
    --------
    >>> grid = Grid.covering((0.0, 0.0, 1000.0, 500.0), cell=250, crs="EPSG:27700")
    >>> grid.shape, grid.n, float(grid.extent.sum())
    ((2, 4), 8, 500000.0)
    """

    x0: float
    y0: float
    dx: float
    dy: float
    inside: Mask
    extent: Floats
    crs: str
    group: Labels | None = None

    def __post_init__(self) -> None:
        self._set(
            inside=frozen_array(self.inside, np.bool_),
            extent=frozen_array(self.extent, np.float64),
            crs=metric_crs(self.crs, what="the grid"),
            **{name: float(getattr(self, name)) for name in ("x0", "y0", "dx", "dy")},
        )
        problems = Problems()
        cells = (self.dx, self.dy)
        problems.check(min(cells) > 0 and np.isfinite(cells).all(), f"the cell is {self.dx} x {self.dy} m", "sides > 0")
        problems.check(np.isfinite([self.x0, self.y0]).all(), f"the corner is {self.x0}, {self.y0}", "finite numbers")
        problems.check(self.inside.ndim == 2, f"inside has {self.inside.ndim} dimensions", "rows x columns were needed")
        units = int(self.inside.sum())
        problems.check(units > 0, "no cell lies inside the study area")
        problems.check(self.extent.size == units, f"{self.extent.size} extents for {units} cells inside")
        positive = (self.extent > 0) & (self.extent <= self.dx * self.dy * (1 + 1e-9))
        problems.check(positive.all(), "an extent is not in (0, cell area]")
        if self.group is not None:
            problems.check(len(self.group) == units, f"{len(self.group)} districts for {units} cells inside")
        problems.raise_as(ModelError)

    @classmethod
    def covering(
        cls, bounds: tuple[float, float, float, float], *, cell: float | tuple[float, float], crs: str
    ) -> Grid:
        """Make a grid whose cells all count, over (west, south, east, north), aligned to multiples of the cell."""
        x0, y0, dx, dy, shape = _frame(bounds, cell)
        inside = np.ones(shape, bool)
        return cls(x0, y0, dx, dy, inside, np.full(inside.size, dx * dy), crs)

    @classmethod
    def over(cls, zones: Zones, *, cell: float | tuple[float, float] = 250.0, like: Grid | None = None) -> Grid:
        """Make the grid of the cells that meet the study area.

        Parameters
        ----------
        zones
            The study area; its districts become those of the cells.
        cell
            Side in metres, or (width, height); the cells are aligned to multiples of it.
        like
            A grid whose cells are taken instead, whatever `cell` is.

        Raises
        ------
        GeometryError
            If `like` has another CRS, or part of the study area lies beyond it.
        """
        area = zones.outline()
        if like is not None:
            check_same_crs(zones.crs, like.crs, first_name="the study area", second_name="the grid")
            beyond = area.difference(shapely.box(*like.bounds)).area
            if beyond > 1e-9 * area.area:
                raise GeometryError(
                    f"{beyond / 1e6:,.2f} km2 of the study area lie beyond the template, which spans "
                    f"{', '.join(f'{edge:,.0f}' for edge in like.bounds)} (west, south, east, north)",
                    "a template that holds the whole study area was needed",
                    "take a larger one, or fewer zones",
                )
        frame = _frame(area.bounds, cell) if like is None else (like.x0, like.y0, like.dx, like.dy, like.shape)
        bare = cls(*_clipped(area, frame), zones.crs)
        return replace(bare, group=_districts(zones, bare))

    @classmethod
    def tiles(
        cls,
        area: Zones | tuple[float, float, float, float],
        *,
        cell: float | tuple[float, float] = 250.0,
        side: int = 1024,
        crs: str = "",
    ) -> Iterator[Grid]:
        """Yield the grid over an area in parts of side x side cells, row by row from the north-west.

        Together they are the grid that `over` makes of zones, or `covering` of bounds; none is held after the next, so
        that a nation in small cells takes the memory of one part. A part that meets no zone is left out.

        Parameters
        ----------
        area
            The study area, or (west, south, east, north) with `crs`.
        cell
            Side in metres, or (width, height).
        side
            Cells along a side of a part.
        crs
            Of the bounds; zones have their own.

        Examples
        --------
        >>> parts = list(Grid.tiles((0, 0, 1000, 500), cell=250, side=3, crs="EPSG:27700"))
        >>> [part.shape for part in parts], sum(part.n for part in parts)
        ([(2, 3), (2, 1)], 8)
        """
        zones = area if isinstance(area, Zones) else None
        outline = area.outline() if isinstance(area, Zones) else shapely.box(*area)
        x0, y0, dx, dy, (rows, columns) = _frame(outline.bounds, cell, most=MOST_CELLS_IN_TILES)
        for top, left in itertools.product(range(0, rows, side), range(0, columns, side)):
            shape = min(side, rows - top), min(side, columns - left)
            west, north = x0 + left * dx, y0 - top * dy
            if zones is None:
                inside = np.ones(shape, bool)
                yield cls(west, north, dx, dy, inside, np.full(inside.size, dx * dy), crs)
                continue
            here = shapely.clip_by_rect(
                outline, west - dx, north - (shape[0] + 1) * dy, west + (shape[1] + 1) * dx, north + dy
            )
            if here.area > 0:
                parts = _clipped(here, (west, north, dx, dy, shape))
                if parts[4].any():
                    bare = cls(*parts, zones.crs)
                    yield replace(bare, group=_districts(zones, bare))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return cast(tuple[int, int], self.inside.shape)

    @property
    def ids(self) -> Integers:  # type: ignore[override]
        """int64 [n]: row x columns + column of each unit."""
        return np.flatnonzero(self.inside.ravel())

    @property
    def unit_name(self) -> str:
        """``250 m cells``."""
        return f"{self.dx:g} m cells" if self.dx == self.dy else f"{self.dx:g} x {self.dy:g} m cells"

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east and north edge, metres."""
        rows, columns = self.shape
        return self.x0, self.y0 - rows * self.dy, self.x0 + columns * self.dx, self.y0

    def centres(self) -> tuple[Floats, Floats]:
        """Return x and y of the centre of each unit, metres."""
        rows, columns = np.divmod(self.ids, self.shape[1])
        return self.x0 + (columns + 0.5) * self.dx, self.y0 - (rows + 0.5) * self.dy

    def unit_at(self) -> Integers:
        """int64 [rows, columns]: the unit of each cell, -1 outside the study area."""
        return np.where(self.inside, np.cumsum(self.inside).reshape(self.shape) - 1, -1)

    def to_raster(self, values: NDArray[np.floating], outside: float = np.nan) -> Floats:
        """Spread one value per unit over rows x columns."""
        raster = np.full(self.inside.size, outside)
        raster[self.ids] = values
        return raster.reshape(self.shape)

    def locate(self, x: Floats, y: Floats) -> Integers:
        """Return the unit of each point, -1 outside.

        A cell holds its west and north edge, and its east and south edge where no unit lies beyond.
        """
        column, row = (np.asarray(x) - self.x0) / self.dx, (self.y0 - np.asarray(y)) / self.dy
        unit_at = np.pad(self.unit_at(), 1, constant_values=-1)
        unit = _look_up(unit_at, np.floor(row), np.floor(column))
        for up, left in ((0, 1), (1, 0), (1, 1)):
            lost = np.flatnonzero(unit < 0)
            r, c = row[lost], column[lost]
            # ceil - 1 is the cell before for a point on an edge, and the point's own cell for any other.
            unit[lost] = _look_up(
                unit_at, np.ceil(r) - 1 if up else np.floor(r), np.ceil(c) - 1 if left else np.floor(c)
            )
        return unit

    def geometry(self) -> Geometries:
        """Return the whole square of each unit (its extent may be less, at the edge of the study area)."""
        return _boxes((self.x0, self.y0), (self.dx, self.dy), *np.divmod(self.ids, self.shape[1]))

    def neighbours(self, contiguity: str = ROOK) -> Neighbours:
        """Return the cells that share an edge (rook), or a corner too (queen, of border length 0)."""
        check_contiguity(contiguity)
        unit = self.unit_at()
        pairs = [(unit[:, :-1], unit[:, 1:], self.dy), (unit[:-1], unit[1:], self.dx)]
        if contiguity == QUEEN:
            pairs += [(unit[:-1, :-1], unit[1:, 1:], 0.0), (unit[:-1, 1:], unit[1:, :-1], 0.0)]
        both = [(a >= 0) & (b >= 0) for a, b, _ in pairs]
        first = np.concatenate([a[ok] for (a, _, _), ok in zip(pairs, both, strict=True)])
        second = np.concatenate([b[ok] for (_, b, _), ok in zip(pairs, both, strict=True)])
        border = np.concatenate([np.full(int(ok.sum()), w) for (_, _, w), ok in zip(pairs, both, strict=True)])
        return Neighbours.from_pairs(self.n, first, second, border)

    def summary(self) -> dict[str, object]:
        """Return shape, cell, units and area."""
        return {
            "cells": self.unit_name,
            "rows x columns": self.shape,
            "units": self.n,
            "area_km2": float(self.extent.sum() / 1e6),
            "crs": self.crs,
        }


Frame = tuple[float, float, float, float, tuple[int, int]]
"""West edge, north edge, width and height of a cell (metres), rows and columns."""


def _frame(
    bounds: tuple[float, float, float, float], cell: float | tuple[float, float], *, most: int = MOST_CELLS
) -> Frame:
    dx, dy = (float(side) for side in (cell if isinstance(cell, tuple) else (cell, cell)))
    if not (dx > 0 and dy > 0 and np.isfinite([dx, dy]).all()):
        raise ModelError(f"the cell is {dx:g} x {dy:g} m", "sides > 0 were needed")
    west, south, east, north = bounds
    x0, y0 = np.floor(west / dx) * dx, np.ceil(north / dy) * dy
    columns, rows = max(1.0, np.ceil((east - x0) / dx)), max(1.0, np.ceil((y0 - south) / dy))
    if not rows * columns <= most:
        raise ModelError(
            f"cells of {dx:g} x {dy:g} m over {(east - west) / 1e3:,.0f} x {(north - south) / 1e3:,.0f} km "
            f"are {rows * columns:,.0f}",
            f"at most {most:,} were needed",
            "give a larger cell, and look for a stray boundary",
        )
    return float(x0), float(y0), dx, dy, (int(rows), int(columns))


def _clipped(area: shapely.Geometry, frame: Frame) -> tuple[float, float, float, float, Mask, Floats]:
    """Return the frame's corner and cell, which cells meet the area (bool [rows, columns]), and how much of each."""
    x0, y0, dx, dy, shape = frame
    shapely.prepare(area)
    # Cut near the origin: corners that clipping makes are rounded to a double, which at 240 km costs 3e-11 m each, and
    # with it 1e-9 of an area that is a thread.
    near = _moved(area, x0, y0)
    inside, extent = np.zeros(shape, bool), [np.empty(0)]
    step = max(1, BOXES_AT_ONCE // shape[1])
    for first in range(0, shape[0], step):
        boxes = _boxes((x0, y0), (dx, dy), *_block(first, min(first + step, shape[0]), shape[1]))
        covered = np.where(shapely.contains_properly(area, boxes), dx * dy, 0.0)
        edge = np.flatnonzero((covered == 0) & shapely.intersects(area, boxes))
        covered[edge] = shapely.area(shapely.intersection(near, _moved(boxes[edge], x0, y0)))
        inside[first : first + step] = (covered > 0).reshape(-1, shape[1])
        extent.append(covered[covered > 0])
    return x0, y0, dx, dy, inside, np.concatenate(extent)


def _moved(geometry: Any, x0: float, y0: float) -> Any:
    """Move geometries so that a corner of the frame is the origin."""
    return shapely.transform(geometry, lambda corners: corners - (x0, y0))


def _look_up(padded: Integers, row: Floats, column: Floats) -> Integers:
    rows, columns = (size - 2 for size in padded.shape)
    # Whatever lies beyond the frame, NaN included, falls on its padding.
    on = (row >= 0) & (row < rows) & (column >= 0) & (column < columns)
    at = (np.where(on, axis + 1, 0).astype(np.int64) for axis in (row, column))
    return padded[tuple(at)]


def _block(first: int, last: int, columns: int) -> tuple[Integers, Integers]:
    """Row and column of every cell of the rows first..last - 1."""
    row, column = np.divmod(np.arange(first * columns, last * columns), columns)
    return row, column


def _boxes(corner: tuple[float, float], cell: tuple[float, float], row: Integers, column: Integers) -> Geometries:
    (x0, y0), (dx, dy) = corner, cell
    west, north = x0 + column * dx, y0 - row * dy
    return cast(Geometries, shapely.box(west, north - dy, west + dx, north))


def _districts(zones: Zones, grid: Grid) -> Labels | None:
    if zones.group is None:
        return None
    zone = zones.locate(*grid.centres())
    lost = np.flatnonzero(zone < 0)
    boxes = _boxes((grid.x0, grid.y0), (grid.dx, grid.dy), *np.divmod(grid.ids[lost], grid.shape[1]))
    box, other = shapely.STRtree(zones.geometry()).query(boxes, predicate="intersects")
    overlap = shapely.area(shapely.intersection(boxes[box], zones.geometry()[other]))
    # Summed over the zones of a district; column 0 is that of zones without one.
    by_district = np.zeros((lost.size, len(zones.group.names) + 1))
    np.add.at(by_district, (box, zones.group.codes[other] + 1), overlap)
    codes: Codes = np.where(zone >= 0, zones.group.codes[zone], -1).astype(np.int32)
    codes[lost] = by_district.argmax(axis=1) - 1
    return Labels(codes, zones.group.names)
