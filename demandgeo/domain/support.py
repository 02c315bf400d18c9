"""A support: the set of places that numbers are on. Cells, zones and streets are supports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import geopandas as gpd
import numpy as np
from numpy.typing import NDArray

from demandgeo.domain.labels import Labels
from demandgeo.domain.record import Floats, Geometries, Integers, Record, frozen_array
from demandgeo.errors import ModelError, Problems

ROOK, QUEEN = "rook", "queen"
Contiguity = Literal["rook", "queen"]
"""Units touch along a border, or at a point too."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Neighbours(Record):
    """Which units touch, as compressed sparse rows.

    Parameters
    ----------
    indptr
        int64 [n + 1]: the neighbours of unit i are ``indices[indptr[i]:indptr[i + 1]]``.
    indices
        int64 [m], ascending within a unit; a unit is not its own neighbour.
    weight
        float64 [m]: length of the shared border in metres.
    """

    indptr: Integers
    indices: Integers
    weight: Floats

    def __post_init__(self) -> None:
        self._set(
            indptr=frozen_array(self.indptr, np.int64),
            indices=frozen_array(self.indices, np.int64),
            weight=frozen_array(self.weight, np.float64),
        )
        n, m = self.indptr.size - 1, self.indices.size
        problems = Problems()
        problems.check(
            n >= 0 and self.indptr[0] == 0 and self.indptr[-1] == m and (np.diff(self.indptr) >= 0).all(),
            "indptr is not a non-descending run from 0 to the number of indices",
        )
        problems.check(self.weight.size == m, f"{self.weight.size} weights for {m} neighbours")
        problems.check(m == 0 or (self.indices.min() >= 0 and self.indices.max() < n), "an index names no unit")
        problems.raise_as(ModelError)
        rows = self.rows
        ascending = (np.diff(self.indices) > 0) | (np.diff(rows) > 0)
        problems.check(ascending.all(), "the neighbours of a unit are not in ascending order")
        problems.check((rows != self.indices).all(), "a unit is its own neighbour")
        problems.raise_as(ModelError)

    @classmethod
    def from_pairs(cls, n: int, first: NDArray[Any], second: NDArray[Any], weight: NDArray[Any]) -> Neighbours:
        """Make them from pairs given once (i, j): both directions are filed."""
        rows, columns = np.concatenate([first, second]), np.concatenate([second, first])
        order = np.lexsort((columns, rows))
        indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=n))])
        return cls(indptr, columns[order], np.concatenate([weight, weight])[order])

    def __len__(self) -> int:
        return int(self.indptr.size - 1)

    @property
    def rows(self) -> Integers:
        """int64 [m]: the unit whose neighbour each index is."""
        return np.repeat(np.arange(len(self)), np.diff(self.indptr))

    @property
    def islands(self) -> Integers:
        """The units that touch no other."""
        return np.flatnonzero(np.diff(self.indptr) == 0)


class Support(Record):
    """Base of `Grid`, `Zones` and `Network`: units with an extent, a geometry and neighbours.

    Each gives ``crs``, ``ids`` [n] (unique), ``extent`` [n] (> 0), ``extent_unit`` (``"m2"`` or ``"m"``),
    ``group`` (the district of each unit, or None) and the methods below.
    """

    __slots__ = ()

    crs: str
    ids: NDArray[Any]
    extent: Floats
    group: Labels | None

    @property
    def n(self) -> int:
        """Number of units."""
        return int(self.extent.size)

    @property
    def extent_unit(self) -> str:
        """``"m2"`` for surfaces, ``"m"`` for streets."""
        return "m2"

    @property
    def unit_name(self) -> str:
        """What one unit is called in a sentence, with its resolution."""
        raise TypeError(f"{type(self).__name__} must say what its units are called")

    def geometry(self) -> Geometries:
        """Return one geometry per unit."""
        raise TypeError(f"{type(self).__name__} must give its geometry")

    def neighbours(self, contiguity: str = ROOK) -> Neighbours:  # noqa: ARG002
        """Return which units touch: along a border (rook), or at a point too (queen)."""
        raise TypeError(f"{type(self).__name__} must give its neighbours")

    def locate(self, x: Floats, y: Floats) -> Integers:  # noqa: ARG002
        """Return the unit that holds each point, -1 outside; a point on a border is in one unit only."""
        raise TypeError(f"{type(self).__name__} must locate points")

    def to_frame(self) -> gpd.GeoDataFrame:
        """Return one row per unit: id, extent in km2 or km, district where there is one, geometry."""
        per_unit = {"m2": ("area_km2", 1e6), "m": ("length_km", 1e3)}
        name, scale = per_unit[self.extent_unit]
        columns: dict[str, Any] = {"id": self.ids, name: self.extent / scale}
        if self.group is not None:
            columns["district"] = self.group.to_array()
        return gpd.GeoDataFrame(columns, geometry=self.geometry(), crs=self.crs)


def check_contiguity(contiguity: str) -> None:
    """Refuse a contiguity that is neither rook nor queen."""
    if contiguity not in (ROOK, QUEEN):
        raise ModelError(f"contiguity is {contiguity!r}", f"{ROOK!r} or {QUEEN!r} was needed")
