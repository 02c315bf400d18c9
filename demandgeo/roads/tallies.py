"""Events counted on the segments and junctions of a network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from demandgeo.domain import Balance, Events, Network, Sites
from demandgeo.domain.record import Floats, Integers
from demandgeo.roads.facilities import Facilities
from demandgeo.roads.snapping import Match, snap
from demandgeo.statistics.credibility import Severity, severity_of


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """Events on facilities.

    Attributes
    ----------
    places
        The facilities.
    row
        int64 [events]: the facility of each event, -1 for none.
    number, weight
        float64 [n]: events and weight on each facility.
    severity
        Mean weight of an event at each.
    balance
        Where the events went.
    """

    places: Facilities
    row: Integers
    number: Floats
    weight: Floats
    severity: Severity
    balance: Balance


def tally(
    events: Events, network: Network, *, junction_radius: float, max_distance: float, match: Match = "distance"
) -> Tally:
    """Put events on their street (see `snap`), and there on the segment or the junction they belong to."""
    places = Facilities.of(network, junction_radius)
    snapped = snap(events, places.network, max_distance=max_distance, match=match)
    row = places.at(snapped.segment, snapped.position)
    there, n = row >= 0, len(places)
    return Tally(
        places,
        row,
        np.bincount(row[there], minlength=n).astype(np.float64),
        np.bincount(row[there], events.weight[there], minlength=n).astype(np.float64),
        severity_of(events.weight[there], row[there], n, places.classes().codes),
        Balance.of(events, row, unsnapped=np.flatnonzero(events.located & ~there)),
    )


def snapping_of(sites: Sites) -> dict[str, Any]:
    """Return the settings of `snap` that sites were made with."""
    return {
        "max_distance": float(sites.model.get("max_distance_m", 50.0)),
        "match": sites.model.get("match", "distance"),
    }


def counted(events: Events) -> str:
    """Return what is counted, in words."""
    return f"{'KSI ' if events.weight_name.startswith('KSI') else ''}{events.kind}s"
