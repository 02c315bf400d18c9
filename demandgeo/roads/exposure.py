"""Traffic on every street: counted where there are count points, carried along the road, else that of its class."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Annotated

import numpy as np
import shapely
from pydantic import Field
from scipy.spatial import KDTree

from demandgeo.domain import Events, Labels, Network, check_same_crs
from demandgeo.domain.record import Floats, Integers, Mask
from demandgeo.errors import ModelError, Problems
from demandgeo.registry import stage
from demandgeo.roads.facilities import class_names

Metres = Annotated[float, Field(gt=0, allow_inf_nan=False)]

COUNTED, SAME_ROAD, BY_CLASS, BY_ALL = "counted", "same road", "class of road", "all roads"
SOURCES = (COUNTED, SAME_ROAD, BY_CLASS, BY_ALL)


@stage("roads.attach_traffic")
def attach_traffic(
    network: Network,
    counts: Events,
    *,
    road: str = "road",
    max_distance: Metres = 100.0,
    reach: Metres = 3000.0,
    attribute: str = "aadt",
) -> Network:
    """Give every street its traffic, from count points such as the Department for Transport's AADF.

    Parameters
    ----------
    network
        The streets.
    counts
        Count points as events (`read_incidents` with ``weight``: the column of vehicles per day, and ``time`` of the
        year); of several counts of one id the latest is taken.
    road
        Attribute of the points that names the road (``A34``). A point that states one is matched to a street of that
        number only; one that states none to the nearest street.
    max_distance
        Metres from a point to its street.
    reach
        Metres as the crow flies that a count holds along its road.
    attribute
        Name of the new attribute of the streets; ``..._source`` says where each figure is from.

    Returns
    -------
    Network
        The same streets with vehicles per day on each: counted; the nearest count on the same road; else the geometric
        mean of the counts on its class of road; else of all counts. The ledger's notes give the shares by length and
        the points that matched no street.

    Raises
    ------
    GeometryError
        If points and streets have different CRS.
    ModelError
        If no point matches a street, or a count is not above 0.

    Examples
    --------
    >>> lines = shapely.linestrings([[[0, 0], [500, 0]], [[500, 0], [900, 0]], [[500, 0], [500, 300]]])
    >>> net = Network.from_lines(
    ...     lines,
    ...     crs="EPSG:27700",
    ...     ref=Labels.of(["A34", "A34", ""]),
    ...     highway=Labels.of(["primary", "primary", "residential"]),
    ... )
    >>> points = Events.at(
    ...     [250.0],
    ...     [10.0],
    ...     crs="EPSG:27700",
    ...     weight=[12000.0],
    ...     weight_name="aadf",
    ...     attributes={"road": Labels.of(["A34"])},
    ... )
    >>> found = attach_traffic(net, points)
    >>> found.attributes["aadt"].round().tolist(), list(found.attributes["aadt_source"])
    ([12000.0, 12000.0, 12000.0], ['counted', 'same road', 'all roads'])
    """
    _check(network, counts)
    points = counts.where(_latest(counts))
    named = points.attributes.get(road)
    numbers = [number_of(text) for text in named] if isinstance(named, Labels) else [""] * len(points)
    refs = [[number_of(part) for part in (text or "").split(";")] for text in network.ref]
    segment = _matched(points, numbers, network.segments(), refs, max_distance)
    there = segment >= 0
    if not there.any():
        raise ModelError(
            f"none of {len(points)} count points matches a street",
            f"points within {max_distance:g} m of a street of their number were needed",
            "check the road numbers, or raise max_distance",
        )
    traffic, source = _spread(network, segment[there], points.weight[there], [r[0] if r else "" for r in refs], reach)
    share = np.bincount(source, network.length, minlength=len(SOURCES)) / network.length.sum()
    notes = (
        f"Traffic by street length: {', '.join(f'{s:.0%} {name}' for s, name in zip(share, SOURCES, strict=True))}.",
        f"{int((~there).sum())} of {len(points)} count points match no street.",
    )
    return replace(
        network,
        attributes={
            **network.attributes,
            attribute: traffic,
            f"{attribute}_source": Labels(source.astype(np.int32), SOURCES),
        },
        ledger=replace(network.ledger, notes=(*network.ledger.notes, *notes)),
    )


def number_of(text: str | None) -> str:
    """Return a road number as letters and digits.

    Examples
    --------
    >>> number_of(" A 34 "), number_of("a38(M)"), number_of(None)
    ('A34', 'A38(M)', '')
    """
    return re.sub(r"\s+", "", text or "").upper()


def _latest(counts: Events) -> Mask:
    """Return the latest count of each id; a point without an id stands for itself."""
    order = np.lexsort((np.arange(len(counts)), counts.time.astype(np.int64)))[::-1]
    code = np.where(counts.ids.present, counts.ids.codes, -1 - np.arange(len(counts)))
    first = np.unique(code[order], return_index=True)[1]
    kept = np.zeros(len(counts), bool)
    kept[order[first]] = True
    return kept & counts.located


def _matched(
    points: Events, numbers: list[str], network: Network, refs: list[list[str]], max_distance: float
) -> Integers:
    """Return the street of each point, -1 if there is none: the nearest of its number."""
    lines = network.geometry()
    places = shapely.points(points.x, points.y)
    point, segment = shapely.STRtree(lines).query(places, predicate="dwithin", distance=max_distance)
    distance = shapely.distance(places[point], lines[segment])
    fits = np.array(
        [not numbers[p] or numbers[p] in refs[s] for p, s in zip(point.tolist(), segment.tolist(), strict=True)], bool
    )
    found = np.full(len(points), -1)
    order = np.lexsort((segment, distance))[::-1]
    order = order[fits[order]]
    found[point[order]] = segment[order]
    return found


def _spread(
    network: Network, segment: Integers, count: Floats, refs: list[str], reach: float
) -> tuple[Floats, Integers]:
    """Return the traffic of every street and where it is from, an index into `SOURCES`."""
    m = len(network.length)
    logs = np.bincount(segment, np.log(count), minlength=m)
    times = np.bincount(segment, minlength=m)
    counted = times > 0
    log = np.where(counted, logs / np.maximum(times, 1), np.nan)
    source = np.where(counted, SOURCES.index(COUNTED), -1)
    middle = np.column_stack(network.place(np.arange(m), network.length / 2))
    road = Labels.of(refs)
    for code in range(len(road.names)):
        own = road.codes == code
        known, wanted = np.flatnonzero(own & counted), np.flatnonzero(own & ~counted)
        if known.size and wanted.size:
            distance, at = KDTree(middle[known]).query(middle[wanted], distance_upper_bound=reach)
            near = np.isfinite(distance)
            log[wanted[near]] = log[known[at[near]]]
            source[wanted[near]] = SOURCES.index(SAME_ROAD)
    classes = class_names(network)
    level = np.full(len(classes.names), np.nan)
    for code in np.unique(classes.codes[counted]).tolist():
        level[code] = log[counted & (classes.codes == code)].mean()
    lacking = source < 0
    by_class = lacking & np.isfinite(level[classes.codes])
    log = np.where(by_class, level[classes.codes], log)
    source = np.where(by_class, SOURCES.index(BY_CLASS), source)
    rest = source < 0
    return np.exp(np.where(rest, log[counted].mean(), log)), np.where(rest, SOURCES.index(BY_ALL), source)


def _check(network: Network, counts: Events) -> None:
    check_same_crs(counts.crs, network.crs, first_name="the count points", second_name="the streets")
    bad = np.flatnonzero(~(counts.weight > 0))
    problems = Problems()
    problems.check(
        not bad.size,
        f"{bad.size} count points have a weight that is not above 0",
        "vehicles per day were needed",
        "name their column as weight in columns: of read_incidents",
    )
    problems.check(counts.located.any(), "no count point has a location")
    problems.raise_as(ModelError)
