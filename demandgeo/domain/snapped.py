"""Events placed on streets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import shapely

from demandgeo.domain.demand import Balance
from demandgeo.domain.events import Events
from demandgeo.domain.network import Network
from demandgeo.domain.record import Floats, Integers, Mask, Record, frozen_array
from demandgeo.errors import ModelError, Problems


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Snapped(Record):
    """Where on a network events lie.

    Parameters
    ----------
    events
        All of them, placed or not.
    network
        The streets.
    segment
        int64 [n]: the segment of each event; -1 where none is near enough, or the event has no location.
    position
        float64 [n]: metres from the segment's start; NaN without a segment.
    distance
        float64 [n]: metres from the recorded place; NaN without a segment.
    ambiguity
        float64 [n] in [0, 1]: how likely the next street is beside the chosen one; NaN without a segment.
    max_distance
        Metres within which a street was looked for.
    match
        How streets were told apart: ``"distance"``, or ``"road"`` by class and number too.

    Raises
    ------
    ModelError
        Listing every rule that is broken.
    """

    events: Events
    network: Network
    segment: Integers
    position: Floats
    distance: Floats
    ambiguity: Floats
    max_distance: float
    match: str = "distance"

    def __post_init__(self) -> None:
        self._set(
            segment=frozen_array(self.segment, np.int64),
            **{name: frozen_array(getattr(self, name), np.float64) for name in ("position", "distance", "ambiguity")},
            max_distance=float(self.max_distance),
        )
        n, problems = len(self.events), Problems()
        columns = {name: getattr(self, name) for name in ("segment", "position", "distance", "ambiguity")}
        for name, column in columns.items():
            problems.check(column.shape == (n,), f"{name} has the shape {column.shape}", f"({n},) was needed")
        problems.raise_as(ModelError)
        on = self.placed
        problems.check(
            (self.segment >= -1).all() and (self.segment < len(self.network.start)).all(), "a segment is none of these"
        )
        for name in ("position", "distance", "ambiguity"):
            problems.check(np.array_equal(np.isfinite(columns[name]), on), f"{name} is not known of the placed alone")
        problems.raise_as(ModelError)
        past = self.position[on] - self.network.length[self.segment[on]]
        problems.check((self.position[on] >= 0).all() and (past <= 1e-6).all(), "a position lies beyond its segment")
        problems.check(not (on & ~self.events.located).any(), "an event without a location lies on a street")
        problems.raise_as(ModelError)

    def __len__(self) -> int:
        return len(self.events)

    @property
    def placed(self) -> Mask:
        """Where an event lies on a street."""
        return self.segment >= 0

    @property
    def balance(self) -> Balance:
        """Placed, unlocated and unsnapped: an event too far from every street is unsnapped, none is outside."""
        return Balance.of(self.events, self.segment, np.flatnonzero(~self.placed & self.events.located))

    def units(self, network: Network) -> Integers:
        """Return the unit of each event on the same streets, however they are cut; -1 without one."""
        safe = np.where(self.placed, self.segment, 0)
        unit = network.unit_at(safe, np.where(self.placed, self.position, 0.0))
        return np.where(self.placed, unit, -1)

    def to_frame(self) -> gpd.GeoDataFrame:
        """Return one row per event: id, segment, street, position, distance and ambiguity; its place on the street."""
        on, frame = self.placed, self.events.to_frame()
        x, y = self.network.place(self.segment[on], self.position[on])
        points = np.full(len(self), shapely.Point(), dtype=object)
        points[on] = shapely.points(x, y)
        names = np.full(len(self), None, dtype=object)
        names[on] = self.network.segment_ids[self.segment[on]]
        street = np.full(len(self), None, dtype=object)
        street[on] = self.network.name.take(self.segment[on]).to_array()
        columns: dict[str, Any] = {
            "segment": names,
            "street": street,
            "position_m": self.position,
            "distance_m": self.distance,
            "ambiguity": self.ambiguity,
        }
        table = frame.drop(columns=[frame.geometry.name, *(name for name in columns if name in frame)])
        return gpd.GeoDataFrame({**dict(table.items()), **columns}, geometry=points, crs=self.network.crs)

    def summary(self) -> dict[str, object]:
        """Return how many lie where, and how far from their recorded places."""
        on = self.placed
        far = np.quantile(self.distance[on], [0.5, 0.95]).tolist() if on.any() else [np.nan, np.nan]
        return {
            "events": len(self),
            "balance": {fate: int(self.balance.events[i]) for i, fate in enumerate(Balance.FATES)},
            "median distance (m)": far[0],
            "95 % within (m)": far[1],
            "ambiguous (above 0.5)": int((self.ambiguity[on] > 0.5).sum()),
            "max_distance (m)": self.max_distance,
            "match": self.match,
        }
