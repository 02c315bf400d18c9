"""Events on streets: the nearest street, or the one that the record itself names."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from demandgeo.domain import Events, Labels, Network, Snapped, check_same_crs
from demandgeo.domain.record import Floats, Integers
from demandgeo.errors import ModelError, Problems
from demandgeo.registry import stage
from demandgeo.statistics.snapping import nearest

Match = Literal["distance", "road"]
Metres = Annotated[float, Field(gt=0, allow_inf_nan=False)]

ROAD_CLASS, ROAD_NUMBER = "first_road_class", "first_road_number"
"""Attributes of collisions (STATS19) that say which road one happened on."""

WRONG_NUMBER, WRONG_CLASS = 25.0, 10.0
"""Metres by which a street of another number, or class, counts as farther: a collision on the A38 lies on the A38 when
that is within 25 m of the nearest lane. Records give the road; coordinates scatter by the width of one."""

_LETTERS = {
    "1": "M", "2": "A(M)", "3": "A", "4": "B", "5": "C", "6": "U",
    "motorway": "M", "a(m)": "A(M)", "a": "A", "b": "B", "c": "C", "unclassified": "U", "m": "M", "u": "U",
}  # fmt: skip
"""Road classes of STATS19, as code or label."""

_HIGHWAYS = {
    "M": ("motorway", "motorway_link"),
    "A(M)": ("motorway", "motorway_link", "trunk", "trunk_link"),
    "A": ("trunk", "trunk_link", "primary", "primary_link"),
    "B": ("secondary", "secondary_link"),
    "C": ("tertiary", "tertiary_link", "unclassified", "residential"),
    "U": ("tertiary", "unclassified", "residential", "living_street", "service", "road"),
}
"""Classes of OpenStreetMap that a road of each class is mapped as in Great Britain."""


@stage("roads.snap")
def snap(events: Events, network: Network, *, max_distance: Metres = 50.0, match: Match = "distance") -> Snapped:
    """Place events on streets.

    Parameters
    ----------
    events
        Those without a location stay without a street.
    network
        The streets, in the CRS of the events.
    max_distance
        Metres: an event farther from every street is unsnapped, and counted so.
    match
        ``"distance"`` takes the nearest street, exactly. ``"road"`` also heeds the road class and number that a
        collision states (attributes ``first_road_class`` and ``first_road_number`` of STATS19) against the streets'
        `highway` and `ref`: a street of another number counts as 25 m farther, one of another class as 10 m farther.

    Returns
    -------
    Snapped
        Segment, position, distance and ambiguity of each event (see `statistics.snapping.nearest`).

    Raises
    ------
    GeometryError
        If the two have different CRS.
    ModelError
        If `match` is ``"road"`` and the events state no road class, or a setting is out of range.

    Examples
    --------
    >>> import shapely
    >>> lines = shapely.linestrings([[[0, 0], [100, 0]], [[0, 12], [100, 12]]])
    >>> streets = Network.from_lines(
    ...     lines, crs="EPSG:27700", highway=Labels.of(["residential", "primary"]), ref=Labels.of([None, "A38"])
    ... )
    >>> road = {"first_road_class": Labels.of(["A"]), "first_road_number": Labels.of(["38"])}
    >>> collision = Events.at([40.0], [4.0], crs="EPSG:27700", attributes=road)
    >>> snap(collision, streets).segment.tolist(), snap(collision, streets, match="road").segment.tolist()
    ([0], [1])
    """
    check_same_crs(events.crs, network.crs, first_name="the table of events", second_name="the street network")
    _check(events, max_distance, match)
    kind, sort, penalty = (None, None, None) if match == "distance" else _penalties(events, network)
    found = nearest(
        network, events.x, events.y, max_distance=float(max_distance), kind=kind, sort=sort, penalty=penalty
    )
    on = found.segment >= 0
    return Snapped(
        events=events,
        network=network.segments(),
        segment=found.segment,
        position=np.where(on, np.minimum(found.position, network.length[found.segment]), np.nan),
        distance=np.where(on, found.distance, np.nan),
        ambiguity=np.where(on, found.ambiguity, np.nan),
        max_distance=float(max_distance),
        match=match,
    )


def _penalties(events: Events, network: Network) -> tuple[Integers, Integers, Floats]:
    """Return the kind of each event, the sort of each segment, and the metres between them [kinds, sorts]."""
    n = len(events)
    numbers = _texts(events, ROAD_NUMBER) if ROAD_NUMBER in events.attributes else [""] * n
    roads = [_road(*road) for road in zip(_texts(events, ROAD_CLASS), numbers, strict=True)]
    streets = list(zip(network.highway, network.ref, strict=True))
    kind, kinds = pd.factorize(pd.Series(roads, dtype=object))
    sort, sorts = pd.factorize(pd.Series(streets, dtype=object))
    penalty = [[_metres(road[0], road[1], street[0] or "", street[1] or "") for street in sorts] for road in kinds]
    return kind.astype(np.int64), sort.astype(np.int64), np.array(penalty, np.float64).reshape(len(kinds), len(sorts))


def _texts(events: Events, name: str) -> list[str]:
    column = events.attributes[name]
    values = column.to_array().tolist() if isinstance(column, Labels) else column.tolist()
    return ["" if value is None or value != value else str(value).strip().removesuffix(".0") for value in values]  # noqa: PLR0124


def _road(road_class: str, number: str) -> tuple[str, str]:
    """Return the letter of a road class and the number as a sign shows it; each ``""`` where it is not known."""
    letter = _LETTERS.get(road_class.lower(), "")
    if letter not in ("M", "A(M)", "A", "B") or not number.isdigit() or int(number) == 0:
        return letter, ""
    return letter, f"A{int(number)}(M)" if letter == "A(M)" else f"{letter}{int(number)}"


def _metres(letter: str, number: str, highway: str, ref: str) -> float:
    if number:
        return 0.0 if number in re.split(r"\s*[;,]\s*", ref.upper().replace(" ", "")) else WRONG_NUMBER
    if not letter or not highway:
        return 0.0
    return 0.0 if highway in _HIGHWAYS[letter] else WRONG_CLASS


def _check(events: Events, max_distance: float, match: str) -> None:
    problems = Problems()
    problems.check(
        np.isfinite(max_distance) and max_distance > 0, f"max_distance is {max_distance}", "metres > 0 were needed"
    )
    problems.check(match in ("distance", "road"), f"match is {match!r}", '"distance" or "road" was needed')
    problems.check(
        match != "road" or ROAD_CLASS in events.attributes,
        f"the events have no attribute {ROAD_CLASS}",
        "the class of the road of each was needed",
        'read them with read_stats19, or give match="distance"',
    )
    problems.raise_as(ModelError)
