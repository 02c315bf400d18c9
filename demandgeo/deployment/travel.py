"""Travel times between places, along streets or straight."""

from __future__ import annotations

import functools
from typing import Annotated

import numpy as np
from pydantic import Field
from scipy.spatial.distance import cdist

from demandgeo.deployment.hierarchy import Edges, Hierarchy, searched
from demandgeo.deployment.places import Places, along_street, arriving, crs_of, leaving, points_of, snapped
from demandgeo.deployment.speeds import STRAIGHT_KM_H, Profile, check_profile, paces
from demandgeo.domain import CostMatrix, Network
from demandgeo.domain.record import Floats, Integers
from demandgeo.errors import ModelError, Problems
from demandgeo.registry import stage
from demandgeo.statistics.snapping import Nearest

Metres = Annotated[float, Field(gt=0)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Detour = Annotated[float, Field(ge=1, allow_inf_nan=False)]

FEW = 32
"""With so few origins or destinations searches cost less than the order of the nodes (on 100,000 nodes: up to 45)."""

DETOUR = 1.4
"""Length of the way by road over that of the straight line: England, after R. H. Ballou, H. Rahardja and N. Sakai,
Selected country circuity factors for road travel distance estimation, Transportation Research A 36 (2002) 843-848."""


@stage("deployment.travel_times")
def travel_times(
    net: Network,
    origins: Places,
    destinations: Places,
    *,
    profile: Profile = "day",
    speeds: dict[str, Positive] | None = None,
    limit: Positive | None = None,
    reach: Metres = 1000.0,
) -> CostMatrix:
    """Return the least travel time from every origin to every destination along streets.

    Places are taken to the nearest point of a street; from there the rest of that street counts in the directions that
    travel allows. Turns and crossings cost nothing by themselves: the speeds of a profile are from door to door.

    Parameters
    ----------
    net
        The streets. Where there are none, `straight_line_times`.
    origins, destinations
        Points, a frame of points, (x, y) arrays, an array [n, 2], or a table with columns x and y in the CRS of the
        streets; of zones, cells, streets or demand on them, and of priority areas, a point inside each; of sites, the
        middle of each.
    profile
        ``"day"``, ``"night"`` and ``"blue light"`` drive 65, 85 and 100 % of the limit and heed one-way streets;
        ``"foot"`` walks 4.8 km/h in both directions everywhere but on motorways. Where a street states no limit, its
        class does (`deployment.speeds`). All of these are assumptions.
    speeds
        km/h by road class, in place of limit and share.
    limit
        Seconds: longer times are not wanted, and infinite in the result.
    reach
        Metres: to a place farther from every street no way leads; a warning counts them.

    Returns
    -------
    CostMatrix
        Seconds, float32; infinite where there is no way. Within 6e-8 of the sum in double precision, relatively.

    Raises
    ------
    GeometryError
        If streets and places have different CRS.
    ModelError
        If a place has no location, or a setting is out of range.

    Notes
    -----
    More than `FEW` places on either side: a customisable contraction hierarchy (J. Dibbelt, B. Strasser and D. Wagner,
    ACM J. Exp. Algorithmics 21, 2016), swept for 128 places at a time (after D. Delling, A. Goldberg and R. Werneck,
    ATMOS 2011). Else Dijkstra's search. The order of the junctions is kept for the last two networks.

    Examples
    --------
    >>> import shapely
    >>> streets = shapely.linestrings([[[0, 0], [300, 0]], [[300, 0], [300, 400]]])
    >>> net = Network.from_lines(streets, crs="EPSG:27700", speed_forward=np.array([48.0, 24.0]))
    >>> base, calls = (np.array([0.0]), np.array([0.0])), (np.array([150.0, 305.0]), np.array([4.0, 200.0]))
    >>> np.asarray(travel_times(net, base, calls, profile="blue light")).astype(float).round(1).tolist()
    [[11.2, 52.5]]
    """
    _check_settings(limit, reach)
    pace = paces(net, profile, speeds)
    start, end = points_of(origins, net.crs, "origins"), points_of(destinations, net.crs, "destinations")
    start_at = snapped(net, start, reach, "origins")
    end_at = snapped(net, end, reach, "destinations")
    seconds, most = (net.length * pace).ravel(), np.inf if limit is None else limit
    starts, ends = leaving(net, start_at, pace), arriving(net, end_at, pace)
    few = min(len(start), len(end)) <= FEW
    if few:
        times = searched(len(net.node_x), Edges(*_directions(net), seconds), starts, ends, most)
    else:
        hierarchy = _hierarchy(net)
        times = hierarchy.times(hierarchy.customised(seconds), starts, ends, most)
    along_street(start_at, end_at, pace, times)
    if limit is not None:
        times[times > np.float32(limit)] = np.inf
    times.flags.writeable = False  # so that the result keeps it without a copy
    provenance = {
        "method": "Dijkstra's search" if few else "contraction hierarchy, swept",
        "streets": len(net.start),
        "speeds": speeds or {},
        "limit_s": limit,
        **_off_street("origins", start_at),
        **_off_street("destinations", end_at),
    }
    return CostMatrix(start, end, times, profile, provenance)


@stage("deployment.straight_line_times")
def straight_line_times(
    origins: Places,
    destinations: Places,
    *,
    profile: Profile = "day",
    detour: Detour = DETOUR,
    speed: Positive | None = None,
    crs: str | None = None,
) -> CostMatrix:
    """Return travel times where there are no streets: straight line x detour / speed.

    Parameters
    ----------
    origins, destinations
        As in `travel_times`.
    profile
        Gives the mean speed along the way: by day 30 km/h, by night 40, with blue light 50, on foot 4.8 (assumptions).
    detour
        Length of a way over that of the straight line: 1.4 by road in England (Ballou, Rahardja and Sakai 2002).
    speed
        km/h, in place of the profile's.
    crs
        Of plain coordinates.

    Returns
    -------
    CostMatrix
        Its profile ends in ``", straight line"``.

    Raises
    ------
    GeometryError, ModelError
        As `travel_times`.

    Examples
    --------
    >>> base, call = (np.array([0.0]), np.array([0.0])), (np.array([3000.0]), np.array([4000.0]))
    >>> made = straight_line_times(base, call, crs="EPSG:27700")
    >>> made.seconds.tolist(), made.profile
    ([[840.0]], 'day, straight line')
    """
    check_profile(profile)
    problems = Problems()
    problems.check(1 <= detour < np.inf, f"detour is {detour}", "a way is no shorter than the straight line: >= 1")
    problems.check(speed is None or 0 < speed < np.inf, f"speed is {speed}", "km/h > 0 were needed")
    problems.raise_as(ModelError)
    known = next((str(own) for own in (crs, crs_of(origins), crs_of(destinations)) if own), None)
    start = points_of(origins, known, "origins")
    end = points_of(destinations, known, "destinations")
    km_h = speed or STRAIGHT_KM_H[profile]
    metres = cdist(np.column_stack([start.x, start.y]), np.column_stack([end.x, end.y])) * detour
    provenance = {"method": f"straight line x {detour:g} at {km_h:g} km/h", "detour": detour, "speed_km_h": km_h}
    return CostMatrix(start, end, (metres * 3.6 / km_h).astype(np.float32), f"{profile}, straight line", provenance)


@functools.lru_cache(maxsize=2)
def _hierarchy(net: Network) -> Hierarchy:
    return Hierarchy.of(net.node_x, net.node_y, *_directions(net))


def _directions(net: Network) -> tuple[Integers, Integers]:
    """Return tail and head of every street from start to end, then back; what is closed takes forever."""
    return np.concatenate([net.start, net.end]), np.concatenate([net.end, net.start])


def _off_street(what: str, at: Nearest) -> dict[str, float]:
    near: Floats = at.distance[at.segment >= 0]
    return {
        f"{what}_off_street_m": float(near.mean()) if near.size else np.nan,
        f"{what}_off_street_max_m": float(near.max()) if near.size else np.nan,
        f"{what}_without_street": int((at.segment < 0).sum()),
    }


def _check_settings(limit: float | None, reach: float) -> None:
    problems = Problems()
    problems.check(limit is None or 0 < limit < np.inf, f"limit is {limit}", "seconds > 0 were needed")
    problems.check(reach > 0, f"reach is {reach}", "metres > 0 were needed")
    problems.raise_as(ModelError)
