"""Places by name, and the time it takes from one to another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from demandgeo.domain.crs import metric_crs
from demandgeo.domain.record import Floats, Mask, Record, frozen_array, frozen_mapping, frozen_table
from demandgeo.domain.support import Support
from demandgeo.errors import GeometryError, ModelError, Problems

Seconds = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Points(Record):
    """Named places: bases, front counters, centres of units.

    Parameters
    ----------
    ids
        Distinct names [n].
    x, y
        float64 [n], metres; both NaN where a place has no known location.
    crs
        Projected; ``""`` only if no place has a location.
    table
        Further columns [n], such as district or cost_per_year.

    Raises
    ------
    ModelError
        Listing every rule that is broken.
    """

    ids: tuple[str, ...]
    x: Floats
    y: Floats
    crs: str = ""
    table: pd.DataFrame = field(default_factory=pd.DataFrame)

    def __post_init__(self) -> None:
        self._set(
            ids=tuple(map(str, self.ids)),
            x=frozen_array(self.x, np.float64),
            y=frozen_array(self.y, np.float64),
            table=frozen_table(self.table),
        )
        n, problems = len(self.ids), Problems()
        problems.check(len(set(self.ids)) == n, "a place's name stands twice", "distinct names were needed")
        problems.check(self.x.shape == self.y.shape == (n,), f"{self.x.size} x and {self.y.size} y for {n} places")
        problems.check(not np.isinf(self.x).any() and not np.isinf(self.y).any(), "a coordinate is infinite")
        problems.check(np.array_equal(np.isnan(self.x), np.isnan(self.y)), "a place has x without y, or y without x")
        problems.check(self.table.shape[1] == 0 or len(self.table) == n, f"{len(self.table)} rows for {n} places")
        problems.check(self.crs or np.isnan(self.x).all(), "places have coordinates and no CRS")
        problems.raise_as(ModelError)
        if self.crs:
            self._set(crs=metric_crs(self.crs))

    @classmethod
    def numbered(cls, n: int) -> Points:
        """Make n places without a location, named by their number from 0."""
        return cls(tuple(map(str, range(n))), np.full(n, np.nan), np.full(n, np.nan))

    @classmethod
    def from_frame(cls, frame: gpd.GeoDataFrame, *, id: str | None = None) -> Points:
        """Take points and columns from a frame, named by a column (else `id` or `name`, else by their number)."""
        known = next((key for key in ([id] if id else ["id", "name"]) if key in frame), None)
        problems = Problems()
        problems.check(
            id is None or known, f"there is no column {id!r}", f"one of {', '.join(map(str, frame.columns))}"
        )
        problems.check((frame.geometry.geom_type == "Point").all(), "a geometry is no point", "points were needed")
        problems.check(frame.crs is not None, "the frame has no CRS", "one was needed", "use set_crs")
        problems.raise_as(GeometryError)
        ids = frame[known].astype(str).tolist() if known else list(map(str, range(len(frame))))
        table = pd.DataFrame(frame.drop(columns=frame.geometry.name)).reset_index(drop=True)
        return cls(tuple(ids), frame.geometry.x.to_numpy(), frame.geometry.y.to_numpy(), frame.crs.to_string(), table)

    @classmethod
    def of_units(cls, support: Support) -> Points:
        """Take a point inside each unit of a support, under the unit's id, with its district where it has one."""
        inside = shapely.point_on_surface(support.geometry())
        table = {} if support.group is None else {"district": support.group.to_array()}
        ids = tuple(map(str, support.ids.tolist()))
        return cls(ids, shapely.get_x(inside), shapely.get_y(inside), support.crs, pd.DataFrame(table))

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def located(self) -> Mask:
        """Boolean [n]: the places whose location is known."""
        return cast(Mask, ~np.isnan(self.x))

    def column(self, name: str) -> NDArray[Any] | None:
        """Return a further column [n], None if there is none of that name."""
        return self.table[name].to_numpy() if name in self.table else None

    def take(self, rows: Sequence[int] | NDArray[Any]) -> Points:
        """Return the places of a mask or an index."""
        at = np.arange(len(self))[np.asarray(rows)]
        table = self.table.iloc[at] if len(self.table) else self.table
        return Points(tuple(self.ids[i] for i in at), self.x[at], self.y[at], self.crs, table)

    def to_frame(self) -> gpd.GeoDataFrame:
        """One row per place: id, further columns, point."""
        further = self.table.drop(columns="id", errors="ignore")
        frame = pd.concat([pd.DataFrame({"id": self.ids}), further], axis=1)
        points = shapely.points(self.x, self.y)
        points[~self.located] = None
        return gpd.GeoDataFrame(frame, geometry=points, crs=self.crs or None)

    def summary(self) -> dict[str, object]:
        """Return how many, how many with a location, and the further columns."""
        return {"places": len(self), "located": int(self.located.sum()), "columns": list(self.table.columns)}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class CostMatrix(Record):
    """Travel time from every origin to every destination; ``numpy.asarray`` gives the seconds.

    Parameters
    ----------
    origins, destinations
        From where [m] and to where [n].
    seconds
        float32 [m, n]; infinite where there is no way.
    profile
        Whose speeds: ``"day"``, ``"night"``, ``"blue light"``, ``"foot"``, or what an imported matrix is of.
    provenance
        Method, network, snapping distances.

    Raises
    ------
    ModelError
        If a time is negative or NaN, or the shape is not that of the places.

    Examples
    --------
    >>> matrix = CostMatrix.of([[0, 60], [90, np.inf]])
    >>> np.asarray(matrix).max(), matrix.unreachable_share
    (np.float32(inf), 0.25)
    """

    origins: Points
    destinations: Points
    seconds: Seconds
    profile: str
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._set(seconds=frozen_array(self.seconds, np.float32), provenance=frozen_mapping(self.provenance))
        expected, problems = (len(self.origins), len(self.destinations)), Problems()
        problems.check(self.seconds.shape == expected, f"times have the shape {self.seconds.shape}", f"{expected}")
        # The minimum is NaN if any time is: one pass over what may be gigabytes, and no mask.
        problems.check(
            self.seconds.size == 0 or self.seconds.min() >= 0,
            "a travel time is negative or NaN",
            "seconds >= 0 were needed",
            "mark pairs without a way as infinite",
        )
        problems.raise_as(ModelError)

    @classmethod
    def of(cls, seconds: Any, *, profile: str = "given") -> CostMatrix:
        """Make one from a plain array [m, n]; places are named by their number from 0."""
        array = np.asarray(seconds, np.float32)
        if array.ndim != 2:
            raise ModelError(
                f"travel times have {array.ndim} dimensions", "a matrix [origins, destinations] was needed"
            )
        return cls(Points.numbered(array.shape[0]), Points.numbered(array.shape[1]), array, profile)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.seconds, dtype=dtype, copy=copy)

    @property
    def shape(self) -> tuple[int, int]:
        """Origins, destinations."""
        return len(self.origins), len(self.destinations)

    @property
    def unreachable_share(self) -> float:
        """Share of the pairs that no way joins."""
        return float(np.isinf(self.seconds).mean()) if self.seconds.size else 0.0

    def summary(self) -> dict[str, object]:
        """Return size, profile, method and the share of pairs without a way."""
        return {
            "origins": len(self.origins),
            "destinations": len(self.destinations),
            "profile": self.profile,
            "unreachable_share": self.unreachable_share,
            **{key: value for key, value in self.provenance.items() if np.isscalar(value)},
        }
