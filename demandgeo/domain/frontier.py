"""The frontier of selections: what extent each share of demand and each number of areas take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from demandgeo.domain.record import Record, frozen_mapping, frozen_table
from demandgeo.errors import ModelError, Problems

FRONTIER_COLUMNS = (
    "asked_share",
    "max_areas",
    "compactness",
    "areas",
    "extent",
    "extent_share",
    "demand_share",
    "border_km",
    "bound",
    "gap",
    "method",
)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Frontier(Record):
    """The trade between extent, share of demand, number of areas and compactness.

    Parameters
    ----------
    table
        One row per point: share asked for, greatest number of areas and price of border; areas, extent (m2 or m), its
        share, the share of demand held and the length of border (NaN on streets); the bound on the objective, the gap
        to it and how it was proved.
    what
        What is counted: incidents, or harm by a severity index.
    period
        Its months.
    unit_name, extent_unit
        What the areas are made of, and ``"m2"`` or ``"m"``.
    settings
        The rules that all points keep.

    Raises
    ------
    ModelError
        If the columns are others, or a gap is below 0.
    """

    table: pd.DataFrame
    what: str
    period: str
    unit_name: str
    extent_unit: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._set(table=frozen_table(self.table), settings=frozen_mapping(self.settings))
        problems = Problems()
        columns = tuple(self.table.columns)
        problems.check(columns == FRONTIER_COLUMNS, f"the table has the columns {columns}", f"{FRONTIER_COLUMNS}")
        problems.raise_as(ModelError)
        problems.check(len(self.table) > 0, "the frontier has no point")
        problems.check(bool((self.table["gap"] >= 0).all()), "a gap is below 0", "a bound that a plan beats is none")
        problems.raise_as(ModelError)

    @property
    def title(self) -> str:
        """One line."""
        return f"How much {self.extent_name} holds how much {self.what}, {self.period}"

    @property
    def extent_name(self) -> str:
        """``area`` or ``street length``."""
        return {"m2": "area", "m": "street length"}[self.extent_unit]

    def to_frame(self) -> pd.DataFrame:
        """Return a copy of the table, with the extent and its bound in km2 (or km)."""
        per, suffix = {"m2": (1e6, "km2"), "m": (1e3, "km")}[self.extent_unit]
        frame = self.table.copy()
        frame["extent"] /= per
        frame["bound"] /= per
        return frame.rename(columns={"extent": f"extent_{suffix}", "bound": f"bound_{suffix}"})

    def summary(self) -> dict[str, object]:
        """Return the number of points, what they span, and the widest gap."""
        return {
            "points": len(self.table),
            "shares": sorted(self.table["asked_share"].unique().tolist()),
            "max_areas": sorted(self.table["max_areas"].unique().tolist()),
            "compactness": sorted(self.table["compactness"].unique().tolist()),
            "widest_gap": float(self.table["gap"].max()),
        }
