"""A grant shared across districts: to the pound, with what each had before and what held its share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from demandgeo.domain.table import Table
from demandgeo.domain.zones import Zones
from demandgeo.errors import ModelError, Problems

ALLOCATION_COLUMNS = (
    "district",
    "need_share",
    "gbp",
    "historic_gbp",
    "change_gbp",
    "change_share",
    "floor_gbp",
    "ceiling_gbp",
    "held_by",
)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Allocation(Table):
    """What each district gets.

    `rows` has one row per recipient, in order of name: district; need_share (NaN for one that is kept outside the
    formula); gbp, whole pounds; historic_gbp, change_gbp and change_share (0.1 is 10 % more), NaN where it is not known
    what it had; floor_gbp and ceiling_gbp (NaN: none); held_by, the rule that held its share, "" if none did.

    Parameters
    ----------
    total
        GBP: what is shared out.
    formula
        The need in words.
    places
        The districts, dissolved; None if no zones were given.

    Raises
    ------
    ModelError
        If the amounts do not add up to the total, or one is below its floor or above its ceiling.
    """

    total: int = field(kw_only=True)
    formula: str = field(kw_only=True)
    places: Zones | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        Table.__post_init__(self)
        problems, rows = Problems(), self.rows
        columns = tuple(rows.columns)
        problems.check(columns == ALLOCATION_COLUMNS, f"the rows have the columns {columns}", f"{ALLOCATION_COLUMNS}")
        problems.raise_as(ModelError)
        gbp = rows["gbp"].to_numpy()
        problems.check(gbp.dtype == np.int64, f"amounts are {gbp.dtype}", "whole pounds were needed")
        problems.check(rows["district"].is_unique, "a district stands twice")
        problems.check(gbp.sum() == self.total, f"the amounts add up to {gbp.sum():,}", f"{self.total:,}")
        problems.check((gbp >= rows["floor_gbp"]).all(), "an amount is below its floor")
        problems.check(not (gbp > rows["ceiling_gbp"]).any(), "an amount is above its ceiling")
        problems.raise_as(ModelError)

    @property
    def map_column(self) -> str:
        """The column that shades a map."""
        return "gbp"

    @property
    def map_unit(self) -> str:
        """Its unit."""
        return f"GBP, by {self.formula}"

    def to_frame(self) -> pd.DataFrame:
        """One row per recipient; with the outline of each district where zones were given (others have none)."""
        frame = self.rows.copy()
        if self.places is None:
            return frame
        at = dict(zip(self.places.ids.tolist(), self.places.polygons, strict=True))
        kept = frame[frame["district"].isin(list(at))].reset_index(drop=True)
        outlines: pd.DataFrame = gpd.GeoDataFrame(
            kept, geometry=[at[name] for name in kept["district"]], crs=self.places.crs
        )
        return outlines

    def sentence(self) -> str:
        """One line: the total, the formula, and each recipient's amount with its difference from before."""
        parts = []
        for row in self.rows.to_dict("records"):
            held = f" [{row['held_by']}]" if row["held_by"] else ""
            parts.append(f"{row['district']} {row['gbp']:,}{_difference(row)}{held}")
        return f"GBP {self.total:,} by {self.formula}: {'; '.join(parts)}."

    def text(self) -> str:
        """Return the printed table: a line per recipient with GBP and its difference in GBP and %, and the notes."""
        lines = [f"{'':24}{'need':>8}{'GBP':>14}{'before':>14}{'change':>14}{'%':>9}  held by"]
        for row in self.rows.to_dict("records"):
            need = "-" if np.isnan(row["need_share"]) else f"{row['need_share']:.2%}"
            before, change = _cell(row["historic_gbp"]), _cell(row["change_gbp"], "+")
            line = f"{row['district']:24}{need:>8}{row['gbp']:>14,}{before:>14}{change:>14}"
            lines.append(f"{line}{_percent(row['change_share']):>9}  {row['held_by']}".rstrip())
        return "\n".join([self.title, *lines, *(f"- {note}" for note in self.notes)])

    def summary(self) -> dict[str, object]:
        """Return total, formula, recipients, how many a rule held, and how much changes hands."""
        moved = self.rows["change_gbp"].clip(lower=0).sum()
        return {
            "total_gbp": self.total,
            "formula": self.formula,
            "recipients": len(self.rows),
            "held by a rule": int((self.rows["held_by"] != "").sum()),
            "moved_gbp": float(moved),
        }


def _difference(row: Mapping[Any, Any]) -> str:
    return "" if np.isnan(row["change_gbp"]) else f" ({row['change_gbp']:+,.0f}, {_percent(row['change_share'])})"


def _cell(value: Any, sign: str = "") -> str:
    return "-" if np.isnan(value) else f"{value:{sign},.0f}"


def _percent(share: float) -> str:
    return "-" if np.isnan(share) else f"{share:+.1%}"
