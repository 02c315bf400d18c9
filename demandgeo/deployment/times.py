"""Travel times from sites to demand: along streets, in a straight line, or from a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from demandgeo.deployment.speeds import Profile, street_seconds
from demandgeo.deployment.ways import Graph
from demandgeo.domain import CostMatrix, Demand, Network, Points, Support, check_same_crs
from demandgeo.domain.record import Floats, Integers
from demandgeo.errors import GeometryError, ModelError, Problems, SourceError
from demandgeo.registry import reader, stage

Places: TypeAlias = Points | Support | Demand | gpd.GeoDataFrame | NDArray[Any] | tuple[NDArray[Any], NDArray[Any]]

DETOUR = 1.3
STRAIGHT_SPEED = 40.0
LISTED = 5


@stage("deployment.travel_times")
def travel_times(
    net: Network | None,
    origins: Places,
    destinations: Places,
    *,
    profile: Profile = "day",
    factor: float | None = None,
    limits: Mapping[str, float] | None = None,
    snap: float = 500.0,
    detour: float = DETOUR,
    speed: float = STRAIGHT_SPEED,
) -> CostMatrix:
    """Return the seconds from every origin to every destination.

    Parameters
    ----------
    net
        Streets; None where there are none: times are then in a straight line x `detour` at `speed`, and say so.
    origins, destinations
        `Points`, point frames, or coordinates ([n, 2] or a pair x, y) in the CRS of the streets; the units of a
        support or of demand stand for themselves at a point inside each.
    profile
        ``"day"``, ``"night"``, ``"blue light"``: the limit of each street, or that of its class where none is stated,
        times 0.6, 0.8, 0.9; one-way streets are kept. ``"foot"``: 4.8 km/h, both ways, no motorways.
    factor
        Speed as a share of the limit, in place of the profile's.
    limits
        km/h by class of street, over the ones that come with the package.
    snap
        Metres that a place may lie from its nearest junction. No time is counted for them; their median and greatest
        stand in the provenance.
    detour, speed
        Without streets: metres along streets per metre of straight line, and km/h.

    Returns
    -------
    CostMatrix
        Infinite where there is no way, or a destination lies farther than `snap` from every junction (counted in the
        provenance).

    Raises
    ------
    GeometryError
        If the CRS differ, or an origin lies farther than `snap` from every junction.
    ModelError
        If a setting makes no sense, or a place has no location.

    Notes
    -----
    Driving without turn costs, exact on the graph: a customisable contraction hierarchy (Dibbelt, Strasser and Wagner
    2016) with sweeps for many sources at once (Delling, Goldberg and Werneck 2011); Dijkstra's algorithm below 3,000
    junctions. Shares of the limit are assumptions.

    Examples
    --------
    >>> matrix = travel_times(None, np.array([[0.0, 0.0]]), np.array([[3000.0, 4000.0]]), detour=1.2, speed=36.0)
    >>> np.asarray(matrix).tolist(), matrix.provenance["method"]
    ([[600.0]], 'straight line x 1.2 at 36 km/h')
    """
    crs = "" if net is None else net.crs
    here, there = places(origins, crs, "origin"), places(destinations, crs, "destination")
    if net is None:
        return _straight(here, there, profile, detour, speed)
    tail, head, seconds = street_seconds(net, profile, factor, limits)
    junctions = np.unique(np.concatenate([tail, head]))
    if not junctions.size:
        raise GeometryError(f"no street may be used ({profile})", "some were needed")
    from_, from_distance = _nearest(net, junctions, here)
    to, to_distance = _nearest(net, junctions, there)
    _refuse_far(here, from_distance, snap)
    found = Graph(net.node_x, net.node_y, tail, head).matrix(seconds, from_, to)
    far = to_distance > snap
    found[:, far] = np.inf
    return CostMatrix(
        here,
        there,
        found,
        profile,
        {
            "method": "fastest way along streets, to and from the nearest junction",
            "speed": "walking" if profile == "foot" else "share of the limit",
            "factor": factor,
            "limits_kmh": dict(limits or {}),
            "junctions": int(junctions.size),
            "snap_median_m": float(np.median(np.concatenate([from_distance, to_distance]))),
            "snap_greatest_m": float(np.concatenate([from_distance, to_distance[~far]]).max()),
            "destinations_too_far_from_a_street": int(far.sum()),
        },
    )


def places(given: Places, crs: str, what: str) -> Points:
    """Return places as `Points`; bare coordinates are taken to be in `crs` (or British National Grid metres)."""
    if isinstance(given, Points):
        made = given
    elif isinstance(given, (Support, Demand)):
        made = Points.of_units(given.support if isinstance(given, Demand) else given)
    elif isinstance(given, gpd.GeoDataFrame):
        made = Points.from_frame(given)
    else:
        pair = np.column_stack(given) if isinstance(given, tuple) else np.asarray(given, np.float64)
        if pair.ndim != 2 or pair.shape[1] != 2:
            raise ModelError(f"{what}s have the shape {pair.shape}", "coordinates [n, 2], or a pair x, y, were needed")
        numbered = tuple(map(str, range(len(pair))))
        made = Points(numbered, pair[:, 0], pair[:, 1], crs or "EPSG:27700")
    if not made.located.all():
        lost = [made.ids[i] for i in np.flatnonzero(~made.located)[:LISTED]]
        raise ModelError(f"{int((~made.located).sum())} {what}s have no location ({', '.join(lost)})", "x and y")
    if crs:
        check_same_crs(made.crs, crs, first_name=f"the {what}s", second_name="the streets")
    return made


def _straight(here: Points, there: Points, profile: str, detour: float, speed: float) -> CostMatrix:
    problems = Problems()
    problems.check(1 <= detour < np.inf, f"detour is {detour}", "1 or more was needed")
    problems.check(0 < speed < np.inf, f"speed is {speed}", "km/h above 0 were needed")
    problems.raise_as(ModelError)
    check_same_crs(here.crs, there.crs, first_name="the origins", second_name="the destinations")
    metres = np.hypot(here.x[:, None] - there.x[None, :], here.y[:, None] - there.y[None, :])
    method = f"straight line x {detour:g} at {speed:g} km/h"
    return CostMatrix(here, there, (metres * detour / (speed / 3.6)).astype(np.float32), profile, {"method": method})


def _nearest(net: Network, junctions: Integers, points: Points) -> tuple[Integers, Floats]:
    tree = cKDTree(np.column_stack([net.node_x[junctions], net.node_y[junctions]]))
    distance, row = tree.query(np.column_stack([points.x, points.y]))
    return junctions[row], np.asarray(distance, np.float64)


def _refuse_far(points: Points, distance: Floats, snap: float) -> None:
    far = np.flatnonzero(distance > snap)
    if far.size:
        names = ", ".join(f"{points.ids[i]} ({distance[i]:,.0f} m)" for i in far[:LISTED])
        raise GeometryError(
            f"{far.size} origins lie more than {snap:g} m from every junction: {names}",
            "origins on the streets were needed",
            "move them, or give a greater snap",
        )


@reader("deployment.times")
def read_times(
    path: Path,
    *,
    origin: str = "origin",
    destination: str = "destination",
    seconds: str = "seconds",
    profile: str = "imported",
) -> CostMatrix:
    """Read travel times that another tool made: a CSV or Parquet table with a row per pair.

    Parameters
    ----------
    path
        ``.csv``, ``.csv.gz`` or ``.parquet``.
    origin, destination, seconds
        Names of its columns. A pair that is missing, or has no time, has no way.
    profile
        What the times are of.

    Returns
    -------
    CostMatrix
        Places in ascending order of their names, without locations.

    Raises
    ------
    SourceError
        If the file cannot be read, a column is missing, a pair stands twice, or a time is negative.
    """
    table = _pairs(path, (origin, destination, seconds))
    pairs = table[[origin, destination]].astype(str)
    problems = Problems()
    twice = int(pairs.duplicated().sum())
    problems.check(not twice, f"{path}: {twice} pairs stand twice", "one row per pair was needed")
    values = pd.to_numeric(table[seconds], errors="coerce").to_numpy(np.float64)
    odd = int((table[seconds].notna() & np.isnan(values)).sum()) + int((values < 0).sum())
    problems.check(not odd, f"{path}: {odd} times are negative or no numbers", "seconds >= 0 were needed")
    problems.raise_as(SourceError)
    rows, here = pd.factorize(pairs[origin], sort=True)
    columns, there = pd.factorize(pairs[destination], sort=True)
    matrix = np.full((len(here), len(there)), np.inf, np.float32)
    matrix[rows, columns] = np.where(np.isnan(values), np.inf, values)
    origins, destinations = (_unlocated(names) for names in (here, there))
    return CostMatrix(origins, destinations, matrix, profile, {"method": f"read from {path.name}"})


def _unlocated(names: pd.Index) -> Points:
    return Points(tuple(names), np.full(len(names), np.nan), np.full(len(names), np.nan))


def _pairs(path: Path, columns: tuple[str, ...]) -> pd.DataFrame:
    try:
        table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise SourceError(f"{path}: cannot be read: {error}", "a CSV or Parquet table was needed") from error
    missing = [name for name in columns if name not in table]
    if missing or table.empty:
        raise SourceError(
            f"{path}: no column {', '.join(missing)}" if missing else f"{path}: no rows",
            f"the columns {', '.join(columns)}, with a row per pair, were needed",
        )
    return table
