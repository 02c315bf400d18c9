"""Rasters: population or any other exposure, from a GeoTIFF to a demand on the raster's own grid."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.errors import RasterioError

from demandgeo.domain import COUNT, Balance, Demand, Grid
from demandgeo.domain.crs import metric_crs, parse_crs, short_name
from demandgeo.domain.grid import MOST_CELLS
from demandgeo.domain.record import Floats, Mask
from demandgeo.errors import GeometryError, Problem, Problems, SourceError
from demandgeo.registry import reader
from demandgeo.sources.projection import default_crs, lonlat, project, transform_note

PARTS = 4
"""A cell that is moved to another CRS is spread over so many points a side."""


@reader("raster")
def read_raster(
    path: Path | str,
    *,
    band: int = 1,
    to_crs: str | None = None,
    crs: str | None = None,
    measure: str = "residents",
    name: str = "population",
) -> Demand:
    """Read what a raster holds in each cell, such as residents, as a demand on the raster's own grid.

    Cells without data are no units of the grid. `density.grid` takes the result as a template, so that surfaces and
    counts stand on the same cells.

    Parameters
    ----------
    path
        A GeoTIFF, north up.
    band
        From 1.
    to_crs
        Projected CRS of the grid; the file's own if that has true metres, else EPSG:27700 in Great Britain, else the
        UTM zone. Where it is not the file's own, each cell is spread evenly over 16 points, which are moved and summed
        on square cells as high as the old ones: the sum over all cells is kept, and the values must be amounts per
        cell.
    crs
        CRS of a file that states none.
    measure
        Unit of the values; with a slash it is a density (``"residents/km2"``), else an amount per cell.
    name
        What is counted.

    Returns
    -------
    Demand
        On a `Grid`; `provenance` holds the hash of the file and how its cells were moved.

    Raises
    ------
    SourceError
        If the file is no GeoTIFF, is damaged or turned, has no such band, or a value is below 0 or infinite.
    GeometryError
        If there is no CRS, or a density would have to be moved to another one.

    Examples
    --------
    >>> import tempfile, rasterio
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     place = {"crs": "EPSG:27700", "transform": rasterio.Affine(100, 0, 430_000, 0, -100, 420_000)}
    ...     with rasterio.open(
    ...         f"{folder}/people.tif", "w", width=2, height=1, count=1, dtype="float32", nodata=-1, **place
    ...     ) as file:
    ...         file.write(np.array([[[12.0, -1.0]]]))
    ...     people = read_raster(f"{folder}/people.tif")
    >>> people.values.tolist(), people.support.shape, people.measure
    ([12.0], (1, 2), 'residents')
    """
    raster = _read(Path(path), band, crs)
    east, north = raster.middle
    lon, lat = lonlat(np.array([east]), np.array([north]), raster.crs)
    notes: tuple[str, ...] = ()
    target = metric_crs(to_crs, what="to_crs") if to_crs else default_crs(raster.crs, lon, lat)
    if target == raster.crs:
        inside = ~np.isnan(raster.values)
        grid, values = raster.grid(inside), raster.values[inside]
    elif "/" in measure:
        raise GeometryError(
            Problem(
                f"the raster is in {raster.crs} and holds a density ({measure})",
                f"amounts per cell, or a raster in {target}, was needed",
                "project it first, e.g. with gdalwarp",
                file=str(path),
            )
        )
    else:
        grid, values, notes = _moved(raster, target)
    total = float(values.sum() if "/" not in measure else (values * grid.extent).sum() / 1e6)
    return Demand(
        support=grid,
        values=values,
        measure=measure,
        balance=Balance(np.zeros(4, np.int64), np.array([total, 0.0, 0.0, 0.0])),
        weight_name=COUNT,
        period="",
        name=name,
        provenance={"method": "raster", "sha256": raster.sha256, "band": band, "notes": notes},
    )


@dataclass(frozen=True, slots=True)
class _Raster:
    """One band: float64 [rows, columns], NaN without data; its corner and cell in the units of its CRS."""

    values: Floats
    x0: float
    y0: float
    dx: float
    dy: float
    crs: str
    sha256: str

    @property
    def middle(self) -> tuple[float, float]:
        rows, columns = self.values.shape
        return self.x0 + columns * self.dx / 2, self.y0 - rows * self.dy / 2

    def grid(self, inside: Mask) -> Grid:
        extent = np.full(int(inside.sum()), self.dx * self.dy)
        return Grid(self.x0, self.y0, self.dx, self.dy, inside, extent, self.crs)


def _read(path: Path, band: int, crs: str | None) -> _Raster:
    if not path.is_file():
        found = "is a folder" if path.is_dir() else "does not exist"
        raise SourceError(f"{path} {found}", "a GeoTIFF was needed", "name the file")
    try:
        # Only this driver: others, given a file of theirs, follow links to anywhere.
        with rasterio.open(path.resolve(), driver="GTiff") as file:
            _check_frame(path, file, band)
            stated = short_name(parse_crs(file.crs.to_wkt())) if file.crs else None
            values: NDArray[np.float64] = file.read(band, masked=True).astype(np.float64).filled(np.nan)
            transform = file.transform
    except RasterioError as error:
        raise SourceError(
            Problem(f"the file cannot be read ({error})", "a whole GeoTIFF was needed", "export it", file=str(path))
        ) from error
    problems = Problems()
    bad = np.isinf(values) | (values < 0)
    problems.check(
        not bad.any(),
        f"{int(bad.sum()):,} values are below 0 or infinite, the first of them {values[bad][0] if bad.any() else 0:g}",
        "amounts >= 0 were needed",
        "is that the mark of missing data? State it as nodata in the file",
    )
    problems.check(not np.isnan(values).all(), "no cell holds data")
    problems.raise_as(SourceError)
    if stated is None and crs is None:
        raise GeometryError(
            Problem("the file states no CRS", "where its cells lie", "give crs:, e.g. EPSG:27700", file=str(path))
        )
    if stated is not None and crs is not None and not parse_crs(crs).equals(parse_crs(stated), ignore_axis_order=True):
        found = f"the file states {stated}, crs is {crs}"
        raise GeometryError(Problem(found, "one CRS was needed", "leave crs out, or mend the file", file=str(path)))
    where = stated or short_name(parse_crs(str(crs)))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return _Raster(values, transform.c, transform.f, transform.a, -transform.e, where, digest)


def _check_frame(path: Path, file: rasterio.DatasetReader, band: int) -> None:
    problems, turn = Problems(), file.transform
    problems.check(
        1 <= band <= file.count, f"there is no band {band}", f"a band from 1 to {file.count} was needed", "give band:"
    )
    problems.check(
        turn.b == turn.d == 0 and turn.a > 0 > turn.e,
        "the raster is turned or not north up",
        "rows from north to south, columns from west to east",
        "warp it, e.g. with gdalwarp",
    )
    problems.check(
        file.width * file.height <= MOST_CELLS,
        f"the raster has {file.width * file.height:,} cells",
        f"at most {MOST_CELLS:,} were needed",
        "clip it to the study area",
    )
    if problems:
        raise SourceError(Problem(str(problems.gathered[0]), file=str(path)), more=problems.gathered[1:])


def _moved(raster: _Raster, target: str) -> tuple[Grid, Floats, tuple[str, ...]]:
    """Spread each cell over `PARTS` x `PARTS` points, move them, and sum them on square cells in the target CRS."""
    row, column = np.nonzero(~np.isnan(raster.values))
    amount = raster.values[row, column] / PARTS**2
    offset = (np.arange(PARTS) + 0.5) / PARTS
    done: dict[str, Any] = {}
    easts, norths = [], []
    for down in offset:
        for across in offset:
            x, y = raster.x0 + (column + across) * raster.dx, raster.y0 - (row + down) * raster.dy
            east, north, done = project(x, y, raster.crs, target)
            easts.append(east)
            norths.append(north)
    x, y, weight = np.concatenate(easts), np.concatenate(norths), np.tile(amount, PARTS**2)
    if not (np.isfinite(x) & np.isfinite(y)).all():
        raise GeometryError(
            f"some cells lie where {target} does not reach", "a CRS of the place was needed", "give to_crs"
        )
    cell = _side(raster, target)
    frame = Grid.covering((x.min(), y.min(), x.max(), y.max()), cell=cell, crs=target)
    at = frame.locate(x, y)
    inside = np.bincount(at, minlength=frame.n).astype(bool)
    sums = np.bincount(at, weight, minlength=frame.n)[inside]
    grid = Grid(
        frame.x0, frame.y0, cell, cell, inside.reshape(frame.shape), np.full(int(inside.sum()), cell * cell), target
    )
    note = f"cells spread over {PARTS**2} points each, summed on cells of {cell:g} m"
    return grid, sums, (note, *transform_note(done))


def _side(raster: _Raster, target: str) -> float:
    """Return the height of a cell in the middle of the raster, in whole metres of the target CRS."""
    x, y = raster.middle
    _, ends, _ = project(np.array([x, x]), np.array([y, y + raster.dy]), raster.crs, target)
    return max(1.0, float(np.round(abs(ends[1] - ends[0]))))
