"""Where journeys begin and end: from whatever a user has at hand, and onto the streets."""

from __future__ import annotations

import warnings
from functools import singledispatch
from typing import Any, TypeAlias, cast

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from demandgeo.deployment.hierarchy import Access
from demandgeo.domain import Demand, Network, Points, PriorityAreas, Sites, Support, Table, check_same_crs
from demandgeo.domain.record import Floats, Geometries, Integers
from demandgeo.errors import DataQualityWarning, ModelError, Problems
from demandgeo.statistics.snapping import Nearest, nearest

Coordinates: TypeAlias = tuple[NDArray[Any], NDArray[Any]]
Places: TypeAlias = (
    Points | Support | Demand | PriorityAreas | Sites | Table | gpd.GeoDataFrame | NDArray[Any] | Coordinates
)

JUNCTION = 1e-6
"""Metres: a place so near to the end of a street is at the junction, from where every street that leaves it is open."""


def points_of(places: Places, crs: str | None, what: str) -> Points:
    """Return places as `Points`, all of them located and in one CRS; plain coordinates take `crs` for theirs.

    Raises
    ------
    GeometryError, ModelError
        If a place has no location, the CRS differ, or the columns x and y of a table are missing.
    """
    points = _points(places, crs, what)
    lost = np.flatnonzero(~points.located)
    if lost.size:
        names = ", ".join(points.ids[i] for i in lost[:5].tolist())
        raise ModelError(f"{lost.size} {what} have no location, such as {names}", "give their coordinates")
    if crs and len(points):
        check_same_crs(crs, points.crs, first_name="the journey", second_name=f"one of the {what}")
    return points


def crs_of(places: Places) -> Any:
    """Return the CRS that places state, None where they state none."""
    return getattr(places.support if isinstance(places, Demand) else places, "crs", None)


@singledispatch
def _points(places: Any, crs: str | None, what: str) -> Points:
    array = np.asarray(places)
    if array.ndim != 2 or array.shape[1] != 2:
        raise ModelError(f"the {what} are an array {list(array.shape)}", "x and y, or an array [n, 2], were needed")
    return _numbered(array[:, 0], array[:, 1], crs, what)


@_points.register
def _(places: Points, _crs: str | None, _what: str) -> Points:
    return places


@_points.register
def _(places: Support, _crs: str | None, _what: str) -> Points:
    return Points.of_units(places)


@_points.register
def _(places: Demand, _crs: str | None, _what: str) -> Points:
    return Points.of_units(places.support)


@_points.register
def _(places: PriorityAreas, _crs: str | None, _what: str) -> Points:
    names, _, _, inside = described(places)
    return Points(names, inside[:, 0], inside[:, 1], places.support.crs)


@_points.register
def _(places: Sites, _crs: str | None, _what: str) -> Points:
    """Take the middle of each stretch of street; of a site of several lines, a point on one of them."""
    lines = shapely.line_merge(places.geometry)
    single = shapely.get_type_id(lines) == shapely.GeometryType.LINESTRING
    middle = np.where(
        single,
        shapely.line_interpolate_point(np.where(single, lines, None), 0.5, normalized=True),
        shapely.point_on_surface(lines),
    )
    x, y = shapely.get_coordinates(middle).T
    return Points(tuple(places.table["site"].astype(str)), x, y, places.crs, places.table[["name", "kind", "rank"]])


@_points.register
def _(places: gpd.GeoDataFrame, _crs: str | None, _what: str) -> Points:
    return Points.from_frame(places)


@_points.register
def _(places: tuple, crs: str | None, what: str) -> Points:  # type: ignore[type-arg]
    return _numbered(np.asarray(places[0]), np.asarray(places[1]), crs, what)


def described(areas: PriorityAreas) -> tuple[tuple[str, ...], Geometries, Floats, Floats]:
    """Return name, outline and demand of each area, and a point inside it, float64 [areas, 2]."""
    frame = areas.to_frame()
    names = frame["name"].astype(str) if frame["name"].is_unique else frame["area"].astype(str)
    outlines = frame.geometry.to_numpy()
    inside: Floats = shapely.get_coordinates(shapely.point_on_surface(outlines))
    return tuple(names), outlines, frame["demand"].to_numpy(np.float64), inside


@_points.register
def _(table: Table, crs: str | None, what: str) -> Points:
    rows = table.rows
    missing = [name for name in ("x", "y") if name not in rows]
    if missing:
        columns = ", ".join(map(str, rows.columns))
        raise ModelError(f"the {what} have no column {' and '.join(missing)}, only {columns}", "x and y in metres")
    ids = rows["id"].astype(str).tolist() if "id" in rows else None
    return _numbered(rows["x"].to_numpy(), rows["y"].to_numpy(), crs, what, ids)


def _numbered(x: NDArray[Any], y: NDArray[Any], crs: str | None, what: str, ids: list[str] | None = None) -> Points:
    problems = Problems()
    problems.check(crs, f"the {what} are plain coordinates", "their CRS was needed", "give crs=, e.g. EPSG:27700")
    problems.check(x.ndim == y.ndim == 1 and x.size == y.size, f"the {what} are {x.size} x and {y.size} y")
    problems.raise_as(ModelError)
    return Points(tuple(ids or map(str, range(x.size))), x, y, str(crs))


def snapped(net: Network, points: Points, reach: float, what: str) -> Nearest:
    """Return the nearest place on the network of each point; those beyond `reach` have none, with a warning."""
    found = nearest(net, points.x, points.y, max_distance=reach)
    far = int((found.segment < 0).sum())
    if far:
        warnings.warn(
            f"{far} of {len(points)} {what} lie more than {reach:g} m from every street: no way leads there",
            DataQualityWarning,
            stacklevel=4,
        )
    position = found.position
    position[position < JUNCTION] = 0.0
    # A place without a segment has the position NaN, which no comparison holds for.
    length = net.length[found.segment]
    at_end = length - position < JUNCTION
    position[at_end] = length[at_end]
    return found


def leaving(net: Network, at: Nearest, pace: Floats) -> Access:
    """Return the junctions at the two ends of each place's street, and the seconds to get there."""
    return _access(net, at, pace[1], pace[0])


def arriving(net: Network, at: Nearest, pace: Floats) -> Access:
    """Return the junctions at the two ends of each place's street, and the seconds from there."""
    return _access(net, at, pace[0], pace[1])


def along_street(origins: Nearest, destinations: Nearest, pace: Floats, out: NDArray[np.float32]) -> None:
    """Lower the times out[i, j] of pairs on one street to the time straight along it, where that is allowed."""
    shared: Integers = np.intersect1d(origins.segment, destinations.segment)
    for segment in shared[shared >= 0].tolist():
        i, j = np.flatnonzero(origins.segment == segment), np.flatnonzero(destinations.segment == segment)
        ahead = destinations.position[j][None, :] - origins.position[i][:, None]
        direct = np.where(ahead >= 0, _seconds(ahead, pace[0, segment]), _seconds(-ahead, pace[1, segment]))
        pairs = np.ix_(i, j)
        out[pairs] = np.minimum(out[pairs], direct.astype(np.float32))


def _access(net: Network, at: Nearest, to_start: Floats, to_end: Floats) -> Access:
    segment, position = at.segment, at.position
    seconds = np.stack(
        [_seconds(position, to_start[segment]), _seconds(net.length[segment] - position, to_end[segment])], axis=1
    )
    seconds[segment < 0] = np.inf
    return Access(np.stack([net.start[segment], net.end[segment]], axis=1), seconds)


def _seconds(metres: Floats, pace: Any) -> Floats:
    """Return metres x pace; no metres take no time, on a closed street too, where 0 x infinity would be NaN."""
    pace = np.broadcast_to(pace, metres.shape)
    return cast(Floats, np.multiply(metres, pace, out=np.zeros(metres.shape), where=metres != 0))
