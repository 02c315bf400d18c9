"""Killed or seriously injured from severities in words, and casualties made into collisions."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from demandgeo.domain import Events, Labels
from demandgeo.domain.record import Floats, Integers
from demandgeo.errors import ModelError, Problems, did_you_mean
from demandgeo.registry import stage

KSI = {"fatal": 1.0, "killed": 1.0, "serious": 1.0, "slight": 0.0}
"""What each recorded severity counts, in any case."""

RECORDED = "KSI (recorded)"


@stage("roads.weigh_ksi")
def weigh_ksi(
    events: Events, *, severity: str = "severity", unit: Literal["casualty", "collision"] | None = None
) -> Events:
    """Weigh casualties (or collisions) of any extract as KSI, and count casualties as collisions if asked.

    Parameters
    ----------
    events
        Of `read_incidents`, with the severity in words as an attribute: fatal (or killed), serious, slight. Events of
        `read_stats19` are weighed already; they need this stage only to become collisions.
    severity
        Name of that attribute.
    unit
        ``"collision"`` makes one event of the casualties of each collision (attribute ``collision``): the place, time
        and category of its first, its worst severity, the probability that at least one is KSI. None keeps the rows.

    Returns
    -------
    Events
        Weight and attribute ``ksi`` in [0, 1], attribute ``severity`` as fatal, serious or slight.

    Raises
    ------
    ModelError
        If the attribute is not there, a severity is none of them, or casualties without a collision are to be joined.

    Examples
    --------
    >>> events = Events.at(
    ...     [0.0, 0.0, 9.0],
    ...     [0.0, 0.0, 9.0],
    ...     crs="EPSG:27700",
    ...     kind="casualty",
    ...     attributes={
    ...         "severity": Labels.of(["Slight", "Serious", "Slight"]),
    ...         "collision": Labels.of(["a", "a", "b"]),
    ...     },
    ... )
    >>> weigh_ksi(events).weight.tolist(), weigh_ksi(events, unit="collision").weight.tolist()
    ([0.0, 1.0, 0.0], [1.0, 0.0])
    """
    if not events.weight_name.startswith("KSI"):
        events = _recorded(events, severity)
    return _collisions(events) if unit == "collision" and events.kind != "collision" else events


def _recorded(events: Events, severity: str) -> Events:
    column = events.attributes.get(severity)
    problems = Problems()
    if not isinstance(column, Labels):
        problems.add(
            f"the events have no attribute {severity!r}",
            "severities in words were needed",
            did_you_mean(severity, events.attributes) or "name its column in columns: of read_incidents",
        )
        problems.raise_as(ModelError)
    assert isinstance(column, Labels)
    missing = int((~column.present).sum())
    problems.check(not missing, f"{missing:,} events state no {severity}", "one for each was needed")
    for name, count in column.counts().items():
        known = not count or name.strip().lower() in KSI
        problems.check(known, f"{severity} is {name!r} ({count:,} events)", f"one of {', '.join(KSI)} was needed")
    problems.raise_as(ModelError)
    names = [name.strip().lower().replace("killed", "fatal") for name in column.names]
    ksi = np.array([*(KSI.get(name, 0.0) for name in names), 0.0])[column.codes]
    plain = Labels.of([names[code] for code in column.codes.tolist()])
    return replace(
        events,
        weight=ksi,
        weight_sd=np.zeros(len(events)),
        weight_name=RECORDED,
        attributes={**events.attributes, "ksi": ksi, "severity": plain},
    )


def _collisions(events: Events) -> Events:
    collision = events.attributes.get("collision")
    if not isinstance(collision, Labels) or not collision.present.all():
        raise ModelError(
            "not every casualty states its collision",
            "an attribute collision was needed",
            "name its column in columns: of read_incidents",
        )
    first, index, count = np.unique(collision.codes, return_index=True, return_inverse=True, return_counts=True)[1:]
    order = np.argsort(first)
    place = np.argsort(order)[index]
    ksi = at_least_one(place, events.weight, first.size)
    kept = events.where(first[order])
    severity = events.attributes["severity"]
    assert isinstance(severity, Labels)
    rank = np.array([("fatal", "serious", "slight").index(name) for name in severity.names])
    worst = np.full(first.size, 2, np.int32)
    np.minimum.at(worst, place, rank[severity.codes].astype(np.int32))
    return replace(
        kept,
        weight=ksi,
        weight_sd=np.sqrt(ksi * (1 - ksi)),
        ids=kept.attributes["collision"],
        kind="collision",
        attributes={
            **kept.attributes,
            "ksi": ksi,
            "severity": Labels(worst, ("fatal", "serious", "slight")),
            "casualties": count[order].astype(np.float64),
        },
    )


def at_least_one(group: Integers, probability: Floats, groups: int) -> Floats:
    """Return the probability of at least one in each group of independent ones, float64 [groups].

    Examples
    --------
    >>> at_least_one(np.array([0, 0, 1]), np.array([0.5, 0.5, 0.25]), 2).tolist()
    [0.75, 0.25]
    """
    none = np.ones(groups)
    np.multiply.at(none, group, 1.0 - probability)
    return 1.0 - none
