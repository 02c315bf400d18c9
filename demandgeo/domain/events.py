"""Events: crimes, anti-social behaviour, casualties, stops. Where, when, of what kind, and how much each weighs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import ArrayLike, NDArray

from demandgeo.domain.crs import metric_crs
from demandgeo.domain.labels import MISSING, Labels
from demandgeo.domain.ledger import Ledger
from demandgeo.domain.record import Floats, Mask, Record, frozen_array, frozen_mapping
from demandgeo.errors import GeometryError, ModelError, Problems

ANTISOCIAL = "Anti-social behaviour"
"""The category that is an incident and no notifiable crime: it has no Crime ID and no severity weight."""

COUNT = "count"
"""Name of the weight that counts each event once."""

KSI = "KSI"
"""How the names of weights begin that say how far a casualty or collision is one of killed or seriously injured."""

RESOLUTIONS = ("month", "day", "minute")


def counted_in(weight_name: str) -> str:
    """Say what sums of weight are called: incidents, KSI, or harm.

    Examples
    --------
    >>> counted_in("count"), counted_in("KSI (adjusted)"), counted_in("ons-css")
    ('incidents', 'KSI', 'harm')
    """
    return "incidents" if weight_name == COUNT else KSI if weight_name.startswith(KSI) else "harm"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Events(Record):
    """A set of events.

    Parameters
    ----------
    x, y
        float64 [n], metres in `crs`; both NaN where an event has no location.
    time
        datetime64[s] [n]; a month is its first second. NaT where it is unknown.
    category
        What kind of event each one is.
    weight
        float64 [n], >= 0.
    weight_sd
        float64 [n]: standard deviation of the weight within the event's category, 0 where it is known exactly.
    weight_name
        The severity index and its edition, ``"count"`` if each event counts once.
    ids
        The source's own identifiers; missing where it gives none.
    zone_code
        The zone the file states; missing where it states none.
    crs
        Projected, in metres.
    kind
        What one row is: ``"crime"``, ``"casualty"``, ``"collision"``, ...
    resolution
        The finest unit of `time` that means something: month, day or minute.
    attributes
        Further columns by name: arrays of length n or `Labels` (``force``, ``place``, ``ksi``, ...).
    ledger
        What became of every line of the files.

    Raises
    ------
    ModelError, GeometryError
        Listing every field that breaks these rules.
    """

    x: Floats
    y: Floats
    time: NDArray[np.datetime64]
    category: Labels
    weight: Floats
    weight_sd: Floats
    weight_name: str
    ids: Labels
    zone_code: Labels
    crs: str
    kind: str = "event"
    resolution: str = "minute"
    attributes: Mapping[str, Any] = field(default_factory=dict)
    ledger: Ledger = field(default_factory=Ledger)

    def __post_init__(self) -> None:
        self._set(
            x=frozen_array(self.x, np.float64),
            y=frozen_array(self.y, np.float64),
            time=frozen_array(self.time, "datetime64[s]"),
            weight=frozen_array(self.weight, np.float64),
            weight_sd=frozen_array(self.weight_sd, np.float64),
            crs=metric_crs(self.crs, what="the table of events"),
            attributes=frozen_mapping(
                {k: v if isinstance(v, Labels) else frozen_array(v) for k, v in self.attributes.items()}
            ),
        )
        self._check()

    def _check(self) -> None:
        problems = Problems()
        columns = {name: getattr(self, name) for name in ("y", "time", "category", "weight", "weight_sd", "ids")}
        for name, column in {**columns, "zone_code": self.zone_code, **self.attributes}.items():
            problems.check(
                len(column) == len(self.x),
                f"{name} has {len(column)} rows",
                f"{len(self.x)} (as many as x) were needed",
            )
            problems.check(getattr(column, "ndim", 1) == 1, f"{name} has more than one dimension")
        problems.check(self.x.ndim == 1, "x has more than one dimension")
        problems.raise_as(ModelError)
        half = np.flatnonzero((np.isfinite(self.x) != np.isfinite(self.y)) | np.isinf(self.x) | np.isinf(self.y))
        if half.size:
            problems.add(f"row {half[0]}: x and y are neither both finite nor both NaN ({half.size} rows)")
        for name in ("weight", "weight_sd"):
            column = getattr(self, name)
            bad = np.flatnonzero(~(np.isfinite(column) & (column >= 0)))
            if bad.size:
                problems.add(
                    f"row {bad[0]}: {name} is {column[bad[0]]} ({bad.size} rows)", "a finite number >= 0 was needed"
                )
        problems.check(self.resolution in RESOLUTIONS, f"resolution is {self.resolution!r}", f"one of {RESOLUTIONS}")
        problems.raise_as(ModelError)

    @classmethod
    def at(
        cls,
        x: ArrayLike,
        y: ArrayLike,
        *,
        crs: str,
        time: ArrayLike | None = None,
        category: Labels | ArrayLike | None = None,
        weight: ArrayLike | None = None,
        kind: str = "event",
        **fields: Any,
    ) -> Events:
        """Make events from coordinates, with a neutral value for each column that is not given.

        Examples
        --------
        >>> events = Events.at([430_000.0, 430_500.0], [434_000.0, 434_100.0], crs="EPSG:27700")
        >>> len(events), float(events.weight.sum())
        (2, 2.0)
        """
        x = np.asarray(x, np.float64)
        n = x.size
        labels = category if isinstance(category, Labels) else Labels.of(category) if category is not None else None
        columns: dict[str, Any] = {
            "time": np.full(n, "NaT", "datetime64[s]") if time is None else time,
            "category": labels or Labels.constant(kind, n),
            "weight": np.ones(n) if weight is None else weight,
            "weight_sd": np.zeros(n),
            "weight_name": COUNT if weight is None else "weight",
            "ids": Labels(np.full(n, -1), ()),
            "zone_code": Labels(np.full(n, -1), ()),
            **fields,
        }
        return cls(x=x, y=np.asarray(y, np.float64), crs=crs, kind=kind, **columns)

    @classmethod
    def from_frame(
        cls, frame: gpd.GeoDataFrame, *, category: str | None = None, time: str | None = None, weight: str | None = None
    ) -> Events:
        """Make events from a frame of points, naming its columns; an empty point is an event without a location."""
        points = frame.geometry.to_numpy().copy()
        other = np.flatnonzero(~np.isin(shapely.get_type_id(points), (MISSING, shapely.GeometryType.POINT)))
        if other.size:
            raise GeometryError(
                f"row {other[0]} is a {points[other[0]].geom_type} ({other.size} rows)", "points were needed"
            )
        given: dict[str, Any] = {
            "category": None if category is None else Labels.of(frame[category]),
            "time": None if time is None else frame[time].to_numpy("datetime64[s]"),
            "weight": None if weight is None else frame[weight].to_numpy(np.float64),
        }
        points[shapely.is_empty(points)] = None  # GEOS refuses the x of an empty point; that of None is NaN
        crs = "" if frame.crs is None else frame.crs.to_string()
        named = {"weight_name": weight} if weight else {}
        return cls.at(shapely.get_x(points), shapely.get_y(points), crs=crs, **given, **named)

    def __len__(self) -> int:
        return int(self.x.size)

    @property
    def located(self) -> Mask:
        """Where an event has coordinates."""
        return cast(Mask, np.isfinite(self.x))

    @property
    def months(self) -> NDArray[np.datetime64]:
        """The distinct months, sorted (datetime64[M])."""
        # By way of the few distinct days: calendar and sort took 24 ms of a million times.
        days = pd.unique(self.time.astype("datetime64[D]").view(np.int64)).view("datetime64[D]")
        months = np.unique(days.astype("datetime64[M]"))
        return cast(NDArray[np.datetime64], months[~np.isnat(months)])

    @property
    def years(self) -> float:
        """Length of the period in years: the number of distinct months over 12."""
        return len(self.months) / 12.0

    @property
    def period(self) -> str:
        """The months in words: ``2018-07``; ``2016-07, 2017-07``; ``2017-01..2017-12 (12 months)``; ``undated``."""
        months = self.months
        names = months.astype(str).tolist()
        if len(names) <= 3:
            return ", ".join(names) or "undated"
        unbroken = (np.diff(months).astype(np.int64) == 1).all()
        return f"{names[0]}..{names[-1]} ({'' if unbroken else 'gaps; '}{len(names)} months)"

    def where(self, rows: NDArray[Any]) -> Events:
        """Return the events of a mask or an index; the ledger stays that of the files."""
        return replace(
            self,
            **{name: getattr(self, name)[rows] for name in ("x", "y", "time", "weight", "weight_sd")},
            **{name: getattr(self, name).take(rows) for name in ("category", "ids", "zone_code")},
            attributes={k: v.take(rows) if isinstance(v, Labels) else v[rows] for k, v in self.attributes.items()},
        )

    def weighted(self, weight: Floats, weight_sd: Floats, weight_name: str) -> Events:
        """Return the same events with other weights."""
        return replace(self, weight=weight, weight_sd=weight_sd, weight_name=weight_name)

    def to_frame(self) -> gpd.GeoDataFrame:
        """Return one row per event; a point, or an empty point where there is no location."""
        points = shapely.points(self.x, self.y)
        points[~self.located] = shapely.Point()
        columns = {
            "id": self.ids.to_array(),
            "time": pd.Series(self.time),
            "category": self.category.to_array(),
            "weight": self.weight,
            "weight_sd": self.weight_sd,
            "zone_code": self.zone_code.to_array(),
            **{k: v.to_array() if isinstance(v, Labels) else v for k, v in self.attributes.items()},
        }
        return gpd.GeoDataFrame(columns, geometry=points, crs=self.crs)

    def summary(self) -> dict[str, object]:
        """Return counts, period, weight and coordinate system."""
        return {
            "kind": self.kind,
            "events": len(self),
            "without location": int((~self.located).sum()),
            "period": self.period,
            "categories": len(self.category.names),
            "weight": f"{self.weight_name}, sum {self.weight.sum():,.6g}",
            "crs": self.crs,
        }
