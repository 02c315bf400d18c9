"""From degrees, feet or Web Mercator to projected metres, by a stated operation of stated accuracy."""

from __future__ import annotations

import functools
import importlib.util
import warnings
from importlib.metadata import version
from typing import Any, cast

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray
from pyproj.transformer import TransformerGroup

from demandgeo.domain.crs import metric_crs, parse_crs, short_name
from demandgeo.domain.record import Floats, Mask
from demandgeo.errors import GeometryError, PrecisionWarning

BRITISH_GRID = "EPSG:27700"
WGS84 = "EPSG:4326"

# The official area of use is a box that holds Dublin, Belfast and Calais too; this outline leaves them out.
GREAT_BRITAIN = shapely.Polygon(
    [
        (-6.7, 49.7), (-2.5, 49.95), (0.4, 50.5), (1.5, 50.95), (1.75, 51.5), (2.0, 52.3), (2.0, 53.1), (0.6, 53.6),
        (0.2, 54.6), (-1.2, 55.8), (-1.2, 57.9), (-0.5, 60.0), (-0.4, 61.0), (-2.2, 61.0), (-9.0, 58.5), (-9.0, 57.3),
        (-7.6, 56.2), (-6.9, 55.5), (-6.05, 55.26), (-5.75, 55.2), (-5.3, 54.9), (-5.3, 53.0), (-5.8, 51.6),
    ]
)  # fmt: skip
shapely.prepare(GREAT_BRITAIN)


def in_great_britain(lon: Floats, lat: Floats) -> Mask:
    """Where points lie in Great Britain, its islands or its coastal waters."""
    return cast(Mask, shapely.contains_xy(GREAT_BRITAIN, lon, lat))


def lonlat(x: Floats, y: Floats, crs: str) -> tuple[Floats, Floats]:
    """Return longitude and latitude, good to some metres, to see where points lie."""
    if crs == WGS84:
        return x, y
    return _clean(*_operation(crs, WGS84).transform(x, y))


def check_not_swapped(lon: Floats, lat: Floats, to_crs: str | None) -> None:
    """Refuse degrees that lie in Great Britain only the other way round, or not where `to_crs` is good."""
    if in_great_britain(lon, lat).mean() < 0.5 <= in_great_britain(lat, lon).mean():
        raise GeometryError(
            f"longitude and latitude look swapped: the points lie near longitude {np.median(lon):.2f}, "
            f"latitude {np.median(lat):.2f}; the other way round they lie in Great Britain",
            "longitude west or east of Greenwich, latitude north of the equator",
            "swap the names of the two columns",
        )
    if to_crs is not None and parse_crs(to_crs).to_epsg() == 27700 and not in_great_britain(lon, lat).any():
        raise GeometryError(
            f"no point lies in Great Britain (median longitude {np.median(lon):.2f}, latitude {np.median(lat):.2f})",
            f"points in the area of {to_crs} were needed",
            "check the columns and to_crs",
        )


def default_crs(crs: str, lon: Floats, lat: Floats) -> str:
    """Return the CRS to work in: the given one if it has true metres, the British grid, or the UTM zone.

    Parameters
    ----------
    crs
        That of the data.
    lon, lat
        Where the data lie, in degrees.

    Examples
    --------
    >>> default_crs("EPSG:4326", np.array([-1.9]), np.array([52.5]))
    'EPSG:27700'
    >>> default_crs("EPSG:4326", np.array([-6.3]), np.array([53.3]))
    'EPSG:32629'
    """
    try:
        return metric_crs(crs)
    except GeometryError:
        if not lon.size or in_great_britain(lon, lat).mean() >= 0.5:
            return BRITISH_GRID
    zone = int((np.median(lon) + 180) // 6) % 60 + 1
    return f"EPSG:{(32600 if np.median(lat) >= 0 else 32700) + zone}"


def project(x: Floats, y: Floats, source: str, target: str) -> tuple[Floats, Floats, dict[str, Any]]:
    """Return the coordinates in the target CRS, NaN where it does not reach, and what was done.

    WGS 84 to the British National Grid goes by OSTN15, which defines that grid, when the package `convertbng` is
    there, else by PROJ's seven parameters, good to 2 m.

    Parameters
    ----------
    x, y
        float64 [n]; longitude first.
    source, target
        Coordinate reference systems; the target is projected in metres.

    Returns
    -------
    tuple
        x and y (float64 [n], metres) and the transform: from, to, operation, accuracy_m (None if not stated).

    Examples
    --------
    >>> x, y, transform = project(np.array([1.31073352]), np.array([52.62760353]), "EPSG:4326", "EPSG:27700")
    >>> bool(abs(x[0] - 624161.0) < 3 and abs(y[0] - 308459.6) < 4), transform["to"]
    (True, 'EPSG:27700')
    """
    named = {"from": short_name(parse_crs(source)), "to": metric_crs(target, what="to_crs")}
    if named["from"] == named["to"]:
        return x, y, {**named, "operation": "none", "accuracy_m": 0.0}
    if named["to"] == BRITISH_GRID and _on_world_datum(source):
        # ETRS89 counts as WGS 84 here (below 1 m): PROJ's own ETRS89 path is a 100 m ballpark without the grid.
        x, y = lonlat(x, y, named["from"])
        if importlib.util.find_spec("convertbng") is not None:
            return (*_by_ostn15(x, y), {**named, "operation": _ostn15_name(), "accuracy_m": 0.1})
        source = WGS84
    operation = _operation(source, named["to"])
    accuracy = operation.accuracy if operation.accuracy >= 0 else None
    if accuracy is None:
        warnings.warn(f"{source} to {target}: PROJ states no accuracy for this shift", PrecisionWarning, stacklevel=3)
    done = {**named, "operation": f"PROJ: {operation.description}", "accuracy_m": accuracy}
    return (*_clean(*operation.transform(x, y)), done)


def transform_note(transform: dict[str, Any]) -> tuple[str, ...]:
    """Return the sentence that a reader of the result should see, if coordinates were moved."""
    if transform["operation"] == "none":
        return ()
    accuracy = transform["accuracy_m"]
    good = "of unstated accuracy" if accuracy is None else f"good to {accuracy:g} m"
    hint = "; pip install demandgeo[ostn15] for 0.1 m" if transform["to"] == BRITISH_GRID and accuracy == 2.0 else ""
    return (f"coordinates: {transform['from']} to {transform['to']} by {transform['operation']}, {good}{hint}",)


@functools.lru_cache(maxsize=32)
def _operation(source: str, target: str) -> pyproj.Transformer:
    with warnings.catch_warnings():
        # PROJ warns that a better grid exists; the accuracy of what is used goes to the ledger instead.
        warnings.filterwarnings("ignore", message="Best transformation is not available", category=UserWarning)
        return TransformerGroup(source, target, always_xy=True).transformers[0]


def _by_ostn15(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    from convertbng import cutil  # noqa: PLC0415  an optional extra

    return cutil.convert_bng(np.ascontiguousarray(lon), np.ascontiguousarray(lat))


def _ostn15_name() -> str:
    return f"OSTN15 (convertbng {version('convertbng')})"


def _on_world_datum(crs: str) -> bool:
    geodetic = parse_crs(crs).geodetic_crs
    name = geodetic.datum.name if geodetic is not None and geodetic.datum is not None else ""
    return name.startswith(("World Geodetic System 1984", "European Terrestrial Reference System 1989"))


def _clean(x: NDArray[Any], y: NDArray[Any]) -> tuple[Floats, Floats]:
    finite = np.isfinite(x) & np.isfinite(y)
    return np.where(finite, x, np.nan), np.where(finite, y, np.nan)
