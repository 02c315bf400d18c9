"""Coordinate reference systems: projected and in metres, or refused."""

from __future__ import annotations

import functools

import pyproj

from demandgeo.errors import GeometryError

WEB_MERCATOR = "Popular Visualisation Pseudo Mercator"
"""Its method, under whatever code."""


@functools.lru_cache(maxsize=64)
def metric_crs(crs: str, *, what: str = "the data") -> str:
    """Return the CRS in its shortest spelling, without heights, if it is projected in metres of the ground.

    Raises
    ------
    GeometryError
        If it is missing, unknown, geographic, in feet, or Web Mercator (whose metres are not of the ground).

    Examples
    --------
    >>> metric_crs("epsg:27700")
    'EPSG:27700'
    """
    if not crs:
        raise GeometryError(f"{what} has no CRS", "a projected CRS in metres was needed", "give crs=, e.g. EPSG:27700")
    parsed = parse_crs(crs).to_2d()
    units = {axis.unit_name for axis in parsed.axis_info[:2]}
    if not parsed.is_projected or units != {"metre"}:
        kind = "projected" if parsed.is_projected else "not projected"
        raise GeometryError(
            f"{what} is in {parsed.name}, which is {kind} and whose unit is the {'/'.join(sorted(units))}",
            "a projected CRS in metres was needed",
            "project it first (readers do so: give to_crs=)",
        )
    if parsed.coordinate_operation is not None and parsed.coordinate_operation.method_name == WEB_MERCATOR:
        raise GeometryError(
            f"{what} is in Web Mercator, whose metres are 1.56 times too long at 50 degrees north",
            "a projected CRS with true metres was needed",
            "project it first (readers do so: give to_crs=)",
        )
    return short_name(parsed)


@functools.lru_cache(maxsize=64)
def parse_crs(crs: str) -> pyproj.CRS:
    """Return the CRS, or say that the text names none."""
    try:
        return pyproj.CRS.from_user_input(crs)
    except pyproj.exceptions.CRSError as error:
        raise GeometryError(
            f"{crs!r} names no coordinate reference system", "e.g. EPSG:27700 (British National Grid)"
        ) from error


def short_name(crs: pyproj.CRS) -> str:
    """Return ``EPSG:27700`` where the CRS has an authority code, else its WKT."""
    authority = crs.to_authority(min_confidence=100)
    return ":".join(authority) if authority else crs.to_wkt()


def check_same_crs(first: str, second: str, *, first_name: str, second_name: str) -> None:
    """Refuse to mix two coordinate reference systems: nothing reprojects in silence."""
    if first != second and parse_crs(first) != parse_crs(second):
        raise GeometryError(
            f"{first_name} is in {first}, {second_name} in {second}",
            "one CRS for both was needed",
            "read one of them with to_crs= the other's CRS",
        )
