"""Bases, counters and candidate sites from a file of points."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd

from demandgeo.domain import Points
from demandgeo.errors import GeometryError, Problem, Problems, SourceError, did_you_mean
from demandgeo.registry import reader


@reader("deployment.places")
def read_places(
    path: Path | str,
    *,
    layer: str | None = None,
    id: str | None = None,
    x: str = "x",
    y: str = "y",
    crs: str | None = None,
    to_crs: str | None = None,
) -> Points:
    r"""Read named places from CSV or a vector file.

    Parameters
    ----------
    path
        CSV with two columns of coordinates, or points in a GeoPackage, GeoJSON or shapefile.
    layer
        Layer of a vector file.
    id
        Column that names the places; else ``id`` or ``name``, else they are numbered from 0.
    x, y
        Columns of the coordinates of a CSV: longitude and latitude where `crs` is in degrees.
    crs
        CRS of a CSV, or of a file that states none.
    to_crs
        Projected CRS of the result; needed if the file is in degrees.

    Raises
    ------
    SourceError
        If the file cannot be read, a column is missing or a coordinate is no number.
    GeometryError
        If there is no CRS, it is not projected, or a geometry is no point.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "bases.csv"
    >>> _ = file.write_text("id,x,y,cost\nNorth,430000,434000,120000\n")
    >>> bases = read_places(file, crs="EPSG:27700")
    >>> bases.ids, bases.x.tolist(), bases.table["cost"].tolist()
    (('North',), [430000.0], [120000])
    """
    path = Path(path)
    if not path.is_file():
        raise SourceError(Problem("there is no such file", "a file of points was needed", file=str(path)))
    frame = _rows(path, x, y) if path.suffix.lower() in (".csv", ".txt") else _features(path, layer)
    if frame.crs is None:
        if crs is None:
            found = Problem("the places have no CRS", remedy="give crs=, e.g. EPSG:27700", file=str(path))
            raise GeometryError(found)
        frame = frame.set_crs(crs)
    return Points.from_frame(frame.to_crs(to_crs) if to_crs else frame, id=id)


def _rows(path: Path, x: str, y: str) -> gpd.GeoDataFrame:
    try:
        table = pd.read_csv(path, encoding="utf-8-sig", dtype={"id": str, "name": str})
    except (OSError, ValueError) as error:
        found = f"the file cannot be read: {str(error).splitlines()[0]}"
        raise SourceError(Problem(found, "CSV (UTF-8) was needed", file=str(path))) from error
    problems, places = Problems(), []
    for name in (x, y):
        if name not in table:
            remedy = did_you_mean(name, list(table.columns))
            problems.add(Problem(f"there is no column {name!r}", remedy=remedy, file=str(path)))
            continue
        numbers = pd.to_numeric(table[name], errors="coerce").to_numpy(np.float64)
        for row in np.flatnonzero(~np.isfinite(numbers)).tolist():
            found = f"a coordinate is {table[name].iloc[row]!r}"
            problems.add(Problem(found, "a number was needed", file=str(path), line=row + 2, key=name))
        places.append(numbers)
    problems.raise_as(SourceError)
    return gpd.GeoDataFrame(table.drop(columns=[x, y]), geometry=gpd.points_from_xy(*places))


def _features(path: Path, layer: str | None) -> gpd.GeoDataFrame:
    try:
        return gpd.read_file(path, layer=layer)
    except (OSError, ValueError, RuntimeError) as error:  # pyogrio's own errors are RuntimeErrors
        found = f"the file cannot be read: {str(error).splitlines()[0]}"
        raise SourceError(Problem(found, "points in a vector file were needed", file=str(path))) from error
