"""Vector files: three formats known by their first bytes, one layer, features counted apart from the driver."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import warnings
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import geopandas as gpd
import pyogrio

from demandgeo.domain.crs import parse_crs, short_name
from demandgeo.errors import GeometryError, Problem, SourceError, did_you_mean

SIGNATURES = {
    "GPKG": b"SQLite format 3\0",
    "ESRI Shapefile": b"\x00\x00\x27\x0a",
    "GeoJSON": b"{",
}
"""First bytes of each format. Nothing else is opened: a driver that follows links would read from anywhere."""

FORMATS = {".gpkg": "GPKG", ".geojson": "GeoJSON", ".json": "GeoJSON", ".shp": "ESRI Shapefile"}


DAMAGED = (
    pyogrio.errors.DataSourceError,
    pyogrio.errors.DataLayerError,
    sqlite3.Error,
    OSError,
    ValueError,
    TypeError,
    RecursionError,
)
"""What reading a damaged file raises: the drivers, SQLite, JSON."""


@dataclass(frozen=True, slots=True)
class Vector:
    """One layer of a vector file.

    Parameters
    ----------
    frame
        Its features.
    crs
        Its CRS, in its shortest spelling.
    features
        Features counted apart from the driver that read them.
    sha256
        Hash of the file's bytes (of a shapefile: of the ``.shp``).
    """

    frame: gpd.GeoDataFrame
    crs: str
    features: int
    sha256: str


def read_vector(path: Path, *, layer: str | None = None, crs: str | None = None) -> Vector:
    """Read one layer of a GeoPackage, GeoJSON or shapefile.

    Parameters
    ----------
    path
        The file.
    layer
        Its layer; needed if there are several.
    crs
        For a file that states none.

    Raises
    ------
    SourceError
        If the file is of another format or damaged, or the layer is not said.
    GeometryError
        If there is no CRS, or the one given is not the file's.
    """
    driver = _driver(path)
    try:
        with warnings.catch_warnings():
            # Drivers warn of what is checked here anyway: rings that do not close, odd headers.
            warnings.simplefilter("ignore", RuntimeWarning)
            name = _layer(path, layer)
            features = COUNTERS[driver](path, name)
            frame = pyogrio.read_dataframe(path, layer=name)
    except SourceError:
        raise
    except DAMAGED as error:
        raise SourceError(
            Problem(f"the file is damaged ({error})", "a whole file was needed", "export it again", file=str(path))
        ) from error
    if not isinstance(frame, gpd.GeoDataFrame):
        raise SourceError(Problem(f"layer {name!r} has no geometry", "name a layer that has", file=str(path)))
    if len(frame) != features:
        raise SourceError(
            Problem(f"{features} features are stored, {len(frame)} can be read", "export it again", file=str(path))
        )
    return Vector(frame, _crs(frame, crs, path), features, hashlib.sha256(path.read_bytes()).hexdigest())


def _driver(path: Path) -> str:
    if not path.is_file():
        found = "is a folder" if path.is_dir() else "does not exist"
        raise SourceError(f"{path} {found}", "a GeoPackage, GeoJSON or shapefile was needed", "name the file")
    driver = FORMATS.get(path.suffix.lower(), "")
    with path.open("rb") as stream:
        start = stream.read(64).removeprefix(b"\xef\xbb\xbf").lstrip()
    # A shapefile starts with zeros, which are no blanks: nothing of it is stripped above.
    if not driver or not start.startswith(SIGNATURES[driver]):
        raise SourceError(
            Problem(
                f"the file is no {driver}" if driver else f"files {path.suffix or 'without a suffix'} are not read",
                "a GeoPackage (.gpkg), GeoJSON (.geojson) or shapefile (.shp) was needed",
                "convert it",
                file=str(path),
            )
        )
    return driver


def _layer(path: Path, layer: str | None) -> str:
    kinds = {str(name): kind for name, kind in pyogrio.list_layers(path)}
    names = [*kinds]
    # A table without geometry, such as the styles that QGIS keeps in a GeoPackage, leaves no doubt.
    candidates = [name for name, kind in kinds.items() if kind is not None] or names
    if layer is None and len(candidates) == 1:
        return candidates[0]
    if layer is None:
        found = f"the file holds {len(candidates)} layers: {', '.join(candidates)}"
        raise SourceError(Problem(found, "one of them was needed", "name it: layer=", file=str(path)))
    if layer not in names:
        raise SourceError(Problem(f"there is no layer {layer!r}", remedy=did_you_mean(layer, names), file=str(path)))
    return layer


def _crs(frame: gpd.GeoDataFrame, given: str | None, path: Path) -> str:
    stated = frame.crs
    # An undefined GeoPackage system arrives as an engineering CRS, which lies nowhere on Earth.
    if stated is None or stated.is_engineering or stated.geodetic_crs is None:
        if given is None:
            raise GeometryError(
                Problem("the file states no CRS", "where its numbers lie", "give crs:, e.g. EPSG:27700", file=str(path))
            )
        return short_name(parse_crs(given))
    if given is not None and not parse_crs(given).equals(stated, ignore_axis_order=True):
        found = f"the file states {short_name(stated)}, crs is {given}"
        raise GeometryError(Problem(found, "one CRS was needed", "leave crs out, or mend the file", file=str(path)))
    return short_name(stated)


def _count_gpkg(path: Path, layer: str) -> int:
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as database:
        (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
        quoted = layer.replace('"', '""')
        return int(database.execute(f'SELECT count(*) FROM "{quoted}"').fetchone()[0])  # noqa: S608


def _count_geojson(path: Path, layer: str) -> int:  # noqa: ARG001
    content = json.loads(path.read_bytes())
    return len(content["features"]) if "features" in content else 1


def _count_shapefile(path: Path, layer: str) -> int:  # noqa: ARG001
    size = path.stat().st_size
    with path.open("rb") as stream:
        stated = 2 * int.from_bytes(stream.read(28)[24:28], "big")
    table = next((p for p in path.parent.iterdir() if p.stem == path.stem and p.suffix.lower() == ".dbf"), None)
    if stated != size or table is None:
        lacks = f"{size} of {stated} bytes are there" if table else "its .dbf file is missing"
        raise SourceError(Problem(lacks, "a whole shapefile was needed", "copy all its parts", file=str(path)))
    head = table.read_bytes()[:32]
    records, start, width = (int.from_bytes(head[a:b], "little") for a, b in ((4, 8), (8, 10), (10, 12)))
    if table.stat().st_size < start + records * width:
        found = f"{table.name} is cut short of its {records} records"
        raise SourceError(Problem(found, "a whole shapefile was needed", "copy all its parts", file=str(path)))
    return records


COUNTERS: dict[str, Callable[[Path, str], int]] = {
    "GPKG": _count_gpkg,
    "GeoJSON": _count_geojson,
    "ESRI Shapefile": _count_shapefile,
}
