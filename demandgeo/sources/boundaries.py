"""Boundaries: polygons of a GeoPackage, GeoJSON or shapefile become zones."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from demandgeo.domain import FileLedger, Labels, Ledger, Zones
from demandgeo.domain.crs import parse_crs
from demandgeo.domain.ledger import EXCLUDED_COLUMNS
from demandgeo.domain.record import Floats, Geometries, Texts
from demandgeo.errors import GeometryError, Problem, Problems, SourceError, did_you_mean
from demandgeo.registry import reader
from demandgeo.sources.columns import number
from demandgeo.sources.projection import check_not_swapped, default_crs, lonlat, project, transform_note
from demandgeo.sources.vectors import Vector, read_vector


@reader("boundaries")
def read_boundaries(
    path: Path | str,
    id: str,
    *,
    layer: str | None = None,
    name: str | None = None,
    population: str | None = None,
    group: str | None = None,
    to_crs: str | None = None,
    crs: str | None = None,
) -> Zones:
    """Read polygons with a code, such as LSOAs, wards or beats.

    Invalid polygons are made valid, and how much area that moved is noted; a third dimension is dropped; a feature
    without a geometry is left out. All are counted in the ledger.

    Parameters
    ----------
    path
        A GeoPackage, GeoJSON or shapefile.
    id
        Column of the zones' codes, which are distinct.
    layer
        Layer of the file; needed if it has several.
    name, population, group
        Columns of the zones' names, residents and districts.
    to_crs
        Projected CRS of the zones; the file's own if that has true metres, else EPSG:27700 in Great Britain, else
        the UTM zone.
    crs
        CRS of a file that states none.

    Raises
    ------
    SourceError
        If the file is damaged, a column is missing, or a code or number cannot be used.
    GeometryError
        If there is no CRS, or zones overlap.

    Examples
    --------
    >>> import tempfile
    >>> squares = [shapely.box(430_000 + 1000 * i, 434_000, 431_000 + 1000 * i, 435_000) for i in range(2)]
    >>> frame = gpd.GeoDataFrame({"code": ["A", "B"], "people": [900, 1100]}, geometry=squares, crs="EPSG:27700")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "beats.gpkg"
    ...     frame.to_file(file)
    ...     zones = read_boundaries(file, id="code", population="people")
    >>> zones.ids.tolist(), zones.extent.tolist(), zones.population.tolist()
    (['A', 'B'], [1000000.0, 1000000.0], [900.0, 1100.0])
    """
    path = Path(path)
    vector = read_vector(path, layer=layer, crs=crs)
    _check_columns(vector.frame, path, id=id, name=name, population=population, group=group)
    shapes = _mended(vector, path)
    codes = _texts(vector.frame[id])
    _check_codes(codes, shapes, id, path)
    residents = None if population is None else _numbers(vector.frame[population], shapes, path)
    polygons, transform = _projected(shapes.polygons, vector.crs, to_crs, path)
    notes = (*shapes.notes(vector.crs), *transform_note(transform))
    frame = vector.frame[shapes.kept]
    return Zones(
        polygons=polygons,
        ids=codes[shapes.kept],
        crs=transform["to"],
        names=None if name is None else _texts(frame[name]),
        population=residents,
        group=None if group is None else Labels.of(_texts(frame[group])),
        ledger=Ledger(
            files=(shapes.account(vector, path),),
            excluded_rows=shapes.left_out(path, codes),
            notes=notes,
            transform=transform,
        ),
    )


@dataclass(frozen=True, slots=True)
class _Shapes:
    """The polygons that are kept, and what was done to them."""

    polygons: Geometries
    kept: np.ndarray[Any, np.dtype[np.bool_]]
    repaired: dict[str, int]
    moved: Floats

    def notes(self, crs: str) -> tuple[str, ...]:
        if not self.moved.size:
            return ()
        unit = "square degrees" if parse_crs(crs).is_geographic else "square units of the file's CRS"
        return (f"{self.moved.size} polygons were invalid: making them valid changed {self.moved.sum():.6g} {unit}",)

    def account(self, vector: Vector, path: Path) -> FileLedger:
        empty = int((~self.kept).sum())
        return FileLedger(
            file=path.name,
            sha256=vector.sha256,
            lines=vector.features,
            parsed=len(vector.frame),
            malformed=0,
            used=int(self.kept.sum()),
            excluded={"empty_geometry": empty} if empty else {},
            repaired=self.repaired,
        )

    def left_out(self, path: Path, codes: Texts) -> pd.DataFrame:
        rows = [
            (path.name, feature + 1, "empty_geometry", str(codes[feature]))
            for feature in np.flatnonzero(~self.kept).tolist()
        ]
        return pd.DataFrame(rows, columns=list(EXCLUDED_COLUMNS)).astype({"line": np.int64})


def _mended(vector: Vector, path: Path) -> _Shapes:
    shapes = vector.frame.geometry.to_numpy()
    repaired: Counter[str] = Counter()
    kept = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    shapes = shapes[kept]
    _check_polygons(shapes, kept, path)
    heights = int(shapely.has_z(shapes).sum())
    if heights:
        repaired["z_dropped"] = heights
        shapes = shapely.force_2d(shapes)
    invalid = ~shapely.is_valid(shapes)
    moved = np.empty(0)
    if invalid.any():
        repaired["make_valid"] = int(invalid.sum())
        before = shapely.area(shapes[invalid])
        shapes[invalid] = [_areal(shape) for shape in shapely.make_valid(shapes[invalid])]
        moved = np.abs(shapely.area(shapes[invalid]) - before)
    has_area = shapely.area(shapes) > 0
    kept[np.flatnonzero(kept)[~has_area]] = False
    return _Shapes(shapes[has_area], kept, dict(repaired), moved)


def _areal(shape: shapely.Geometry) -> shapely.Geometry:
    """Return the polygons of what `make_valid` gave: lines and points that were folded in have no area."""
    parts = shapely.get_parts(shapely.get_parts(shape))
    return shapely.union_all(parts[shapely.get_type_id(parts) == shapely.GeometryType.POLYGON])


def _check_polygons(shapes: Geometries, kept: np.ndarray[Any, Any], path: Path) -> None:
    problems = Problems()
    problems.check(shapes.size, f"{path} holds no zone: {kept.size} features, none with a geometry")
    kinds = shapely.get_type_id(shapes)
    wrong = ~np.isin(kinds, (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON))
    for feature in np.flatnonzero(kept)[wrong].tolist():
        problems.add(Problem(f"feature {feature + 1} is no polygon", "polygons were needed", file=str(path)))
    problems.check(np.isfinite(shapely.bounds(shapes)).all(), f"{path}: a coordinate is not finite")
    problems.raise_as(SourceError)


def _check_columns(frame: gpd.GeoDataFrame, path: Path, **columns: str | None) -> None:
    problems = Problems()
    known = [str(column) for column in frame.columns if column != frame.geometry.name]
    for key, column in columns.items():
        if column is not None and column not in known:
            found = f"there is no column {column!r}"
            problems.add(Problem(found, remedy=did_you_mean(column, known), file=str(path), key=key))
    problems.raise_as(SourceError)


def _check_codes(codes: Texts, shapes: _Shapes, column: str, path: Path) -> None:
    problems = Problems()
    for feature in np.flatnonzero(shapes.kept & (codes == "")).tolist():
        problems.add(Problem(f"feature {feature + 1} has no {column}", "a code was needed", file=str(path)))
    names, counts = np.unique(codes[shapes.kept], return_counts=True)
    for code, count in zip(names[counts > 1].tolist(), counts[counts > 1].tolist(), strict=True):
        if code:
            found = f"{column} {code!r} stands {count} times"
            problems.add(Problem(found, "distinct codes were needed", "dissolve or remove the others", file=str(path)))
    problems.raise_as(SourceError)


def _texts(column: pd.Series) -> Texts:
    """Return a column as text, empty where it is missing; whole numbers without a decimal point."""
    if pd.api.types.is_float_dtype(column) and (column.dropna() % 1 == 0).all():
        column = column.astype("Int64")
    texts = ["" if pd.isna(value) else str(value).strip() for value in column.tolist()]
    return np.array(texts, dtype=np.str_)


def _numbers(column: pd.Series, shapes: _Shapes, path: Path) -> Floats:
    texts = _texts(column).tolist()
    values = np.array([number(text) if text else np.nan for text in texts])
    problems = Problems()
    for feature in np.flatnonzero(shapes.kept & ((values < 0) | np.isinf(values))).tolist():
        found = f"feature {feature + 1}: {column.name} is {texts[feature]!r}"
        problems.add(Problem(found, "a number >= 0 was needed", "without thousands commas", file=str(path)))
    problems.raise_as(SourceError)
    return cast(Floats, values[shapes.kept])


def _projected(polygons: Geometries, crs: str, to_crs: str | None, path: Path) -> tuple[Geometries, dict[str, Any]]:
    x, y = shapely.get_coordinates(polygons).T
    degrees = bool(((np.abs(x) <= 180) & (np.abs(y) <= 90)).all())
    if parse_crs(crs).is_geographic != degrees:
        what = "degrees" if degrees else f"not degrees (the first is {x[0]:g}, {y[0]:g})"
        raise GeometryError(
            Problem(f"the CRS is {crs}, but the coordinates are {what}", remedy="mend the file's CRS", file=str(path))
        )
    lon, lat = lonlat(x, y, crs)
    if degrees:
        check_not_swapped(lon, lat, to_crs)
    target = to_crs or default_crs(crs, lon, lat)
    x, y, transform = project(x, y, crs, target)
    if not np.isfinite(x).all():
        raise GeometryError(
            Problem(
                f"{np.isnan(x).sum()} corners lie outside the area of {target}", remedy="give to_crs:", file=str(path)
            )
        )
    return shapely.set_coordinates(polygons.copy(), np.column_stack([x, y])), transform
