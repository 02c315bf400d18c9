"""From coordinates in a file to located events: what cannot be a place is left out, what is confused is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd
import pyarrow as pa

from demandgeo.domain.crs import parse_crs
from demandgeo.domain.record import Floats, Integers, Mask
from demandgeo.errors import GeometryError
from demandgeo.sources.columns import blank, numbers, per_text
from demandgeo.sources.fates import Fates
from demandgeo.sources.projection import BRITISH_GRID, check_not_swapped, default_crs, in_great_britain, lonlat, project


@dataclass(frozen=True, slots=True)
class Places:
    """Where rows lie.

    Parameters
    ----------
    x, y
        float64 [n] in metres of `crs`; NaN where a row states no place or is left out.
    unlocated
        Where a row states no place.
    crs
        Projected.
    transform
        What was done to the coordinates.
    """

    x: Floats
    y: Floats
    unlocated: Mask
    crs: str
    transform: dict[str, Any]


def places(fates: Fates, x: pa.ChunkedArray, y: pa.ChunkedArray, *, crs: str, to_crs: str | None) -> Places:
    """Return where rows lie; rows with an impossible place are excluded.

    Parameters
    ----------
    fates
        Takes note of the rows left out: bad_coordinate, null_island, outside_gb.
    x, y
        Columns of text, x (longitude) first.
    crs
        That of the text.
    to_crs
        That of the result; `projection.default_crs` if None.

    Raises
    ------
    SourceError
        For numbers with a decimal comma, naming the line.
    GeometryError
        If x and y look swapped, or the numbers cannot be of the stated CRS.
    """
    for column in (x, y):
        comma = per_text(column, lambda text: "," in text, missing=False, dtype=np.bool_)
        fates.refuse(
            comma,
            lambda row, column=column: f"{column[row].as_py()!r} has a comma",  # type: ignore[misc]
            "a number with a decimal point was needed",
            "export it with decimal points",
        )
    unlocated = blank(x) & blank(y)
    there = np.flatnonzero(~unlocated & fates.used)
    found = np.full((2, len(unlocated)), np.nan)
    found[:, there] = numbers(x)[there], numbers(y)[there]
    fates.exclude(~unlocated & ~np.isfinite(found).all(axis=0), "bad_coordinate")
    fates.exclude((found == 0).all(axis=0), "null_island")
    rows = np.flatnonzero(~unlocated & fates.used)
    spots, spot_of = _distinct(found[0, rows], found[1, rows])
    in_range = _check_range(spots, crs)
    fates.exclude(_at(rows[~in_range[spot_of]], len(unlocated)), "bad_coordinate")
    target, transform, placed = _projected(np.where(in_range, spots, np.nan), crs, to_crs)
    found[:] = np.nan
    found[:, rows] = placed[:, spot_of]
    fates.exclude(_at(rows[np.isnan(placed[0])[spot_of]], len(unlocated)), "outside_gb")
    return Places(found[0], found[1], unlocated, target, transform)


def _projected(spots: Floats, crs: str, to_crs: str | None) -> tuple[str, dict[str, Any], Floats]:
    lon, lat = lonlat(spots[0], spots[1], crs)
    there = np.isfinite(lon)
    if there.any() and parse_crs(crs).is_geographic:
        check_not_swapped(lon[there], lat[there], to_crs)
    x, y, transform = project(spots[0], spots[1], crs, to_crs or default_crs(crs, lon[there], lat[there]))
    if transform["to"] == BRITISH_GRID:
        outside = ~in_great_britain(lon, lat)
        x, y = np.where(outside, np.nan, x), np.where(outside, np.nan, y)
    return transform["to"], transform, np.array([x, y])


def _check_range(spots: Floats, crs: str) -> Mask:
    """Return which spots are possible in the CRS; refuse a CRS that fits hardly any."""
    degrees = (np.abs(spots[0]) <= 180) & (np.abs(spots[1]) <= 90)
    share = float(degrees.mean()) if degrees.size else 0.0
    if parse_crs(crs).is_geographic:
        if degrees.size and share < 0.5:
            raise GeometryError(
                f"the coordinates are said to be degrees ({crs}), but {1 - share:.0%} of them are out of range "
                f"(the first is {spots[0][~degrees][0]:g}, {spots[1][~degrees][0]:g})",
                "longitudes in -180..180 and latitudes in -90..90 were needed",
                "give the CRS that the numbers are in, or swap longitude and latitude",
            )
        return cast(Mask, degrees)
    if share > 0.5:
        raise GeometryError(
            f"the coordinates are said to be in {crs}, but {share:.0%} of them look like degrees "
            f"(the first is {spots[0][degrees][0]:g}, {spots[1][degrees][0]:g})",
            "give crs: EPSG:4326 for longitude and latitude",
        )
    return np.ones(degrees.size, bool)


def _distinct(x: Floats, y: Floats) -> tuple[Floats, Integers]:
    """Return the distinct pairs [2, m] and each row's pair: open data repeat a snap point some 15 times."""
    x_codes, x_values = pd.factorize(x)
    y_codes, y_values = pd.factorize(y)
    codes, pairs = pd.factorize(x_codes * np.int64(max(len(y_values), 1)) + y_codes)
    at_x, at_y = np.divmod(pairs, max(len(y_values), 1))
    return np.array([x_values[at_x], y_values[at_y]]), codes.astype(np.int64)


def _at(rows: Integers, n: int) -> Mask:
    mask = np.zeros(n, bool)
    mask[rows] = True
    return mask
