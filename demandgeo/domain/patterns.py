"""How the hot spots of a series of periods came and went."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import geopandas as gpd
import numpy as np
import pandas as pd

from demandgeo.domain.labels import Labels
from demandgeo.domain.record import Floats, Integers, Record, frozen_array, frozen_mapping, frozen_table
from demandgeo.domain.support import Support
from demandgeo.errors import ModelError, Problems

PATTERNS = (
    *("new", "consecutive", "intensifying", "persistent", "diminishing"),
    *("sporadic", "oscillating", "historical", "no pattern"),
)
"""From what has just begun to what is past."""

PATTERN_COLUMNS = ("pattern", "units", "extent", "extent_share", "demand_share", "demand_share_last")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class EmergingAreas(Record):
    """The pattern of each unit.

    Parameters
    ----------
    support
        The places.
    pattern
        One of `PATTERNS` for each unit; missing where it could not be tested.
    hot
        int64 [n]: in how many periods it was a hot spot.
    trend, trend_p
        float64 [n]: Kendall's tau of its score against time, and the two-sided p; NaN where it was not tested.
    table
        One row per pattern: pattern, units, extent (m2 or m), its share, the share of demand in all periods and in
        the last.
    periods
        What they are called, in order.
    name
        What was counted.
    provenance
        Method, levels and definitions.

    Raises
    ------
    ModelError
        Listing every rule that is broken.
    """

    support: Support
    pattern: Labels
    hot: Integers
    trend: Floats
    trend_p: Floats
    table: pd.DataFrame
    periods: tuple[str, ...]
    name: str = "events"
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._set(
            hot=frozen_array(self.hot, np.int64),
            trend=frozen_array(self.trend, np.float64),
            trend_p=frozen_array(self.trend_p, np.float64),
            table=frozen_table(self.table),
            periods=tuple(self.periods),
            provenance=frozen_mapping(self.provenance),
        )
        n, problems = self.support.n, Problems()
        for name in ("pattern", "hot", "trend", "trend_p"):
            column = getattr(self, name)
            problems.check(len(column) == n, f"{name} has {len(column)} rows for {n} units")
        problems.check(self.pattern.names == PATTERNS, f"the patterns are {self.pattern.names}", f"{PATTERNS}")
        problems.check(
            ((self.hot >= 0) & (self.hot <= len(self.periods))).all(), f"hot is not in 0..{len(self.periods)}"
        )
        problems.check(
            tuple(self.table.columns) == PATTERN_COLUMNS and tuple(self.table["pattern"]) == PATTERNS,
            f"the table has the columns {list(self.table.columns)}",
            f"{list(PATTERN_COLUMNS)} and one row per pattern were needed",
        )
        problems.raise_as(ModelError)

    def to_frame(self) -> gpd.GeoDataFrame:
        """One row per unit: the support's columns, then pattern, periods hot, trend and its p."""
        frame = self.support.to_frame()
        at = cast(int, frame.columns.get_loc("geometry"))
        columns = {"pattern": self.pattern.to_array(), "periods_hot": self.hot, "trend": self.trend}
        for place, (name, column) in enumerate({**columns, "trend_p": self.trend_p}.items()):
            frame.insert(at + place, name, column)
        return frame

    def summary(self) -> dict[str, object]:
        """Return how many units have each pattern."""
        counts = zip(self.table["pattern"], self.table["units"], strict=True)
        return {"periods": f"{self.periods[0]}..{self.periods[-1]} ({len(self.periods)})", **dict(counts)}
