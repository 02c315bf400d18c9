"""Profiles: what each priority area is, in words and numbers that planners ask for."""

from __future__ import annotations

import re
from dataclasses import dataclass

import geopandas as gpd
import pandas as pd

from demandgeo.domain.areas import PriorityAreas
from demandgeo.domain.record import Record, frozen_table
from demandgeo.errors import ModelError, Problems

PROFILE_COLUMNS = (
    "area",
    "rank",
    "name",
    "places",
    "district",
    "demand",
    "demand_share",
    "district_share",
    "events",
    "main_category",
    "main_category_share",
    "busiest_month",
    "before",
    "change",
    "change_low",
    "change_high",
    "trend",
)
"""What every profile has; columns per category, per month and of the road follow."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Profiles(Record):
    """One profile per priority area.

    Parameters
    ----------
    areas
        The plan.
    table
        One row per area, in order of rank: the columns of `PROFILE_COLUMNS`, then demand by category and by month, and
        KSI where there is a road demand.
    notes
        What a reader must know.

    Raises
    ------
    ModelError
        Listing every rule that is broken.
    """

    areas: PriorityAreas
    table: pd.DataFrame
    notes: tuple[str, ...] = ()

    map_column = "demand_share"
    map_unit = "share of demand"

    def __post_init__(self) -> None:
        self._set(table=frozen_table(self.table), notes=tuple(self.notes))
        problems = Problems()
        columns = tuple(self.table.columns[: len(PROFILE_COLUMNS)])
        problems.check(columns == PROFILE_COLUMNS, f"the table has the columns {columns}", f"{PROFILE_COLUMNS}")
        problems.check(
            len(self.table) == len(self.areas.table),
            f"{len(self.table)} profiles for {len(self.areas.table)} areas",
            "one for each was needed",
        )
        problems.raise_as(ModelError)

    def sentence(self, area: int = 0) -> str:
        """Return what an area is, in a line.

        Parameters
        ----------
        area
            Its number, counted from 0 in order of rank.
        """
        if not 0 <= area < len(self.table):
            raise ModelError(f"area is {area}", f"a number from 0 to {len(self.table) - 1} was needed")
        row = self.table.iloc[area]
        where = f" ({row['places']})" if row["places"] else ""
        district = (
            "" if pd.isna(row["district_share"]) else f", {row['district_share']:.1%} of that in {row['district']}"
        )
        main = f"{row['main_category']} ({row['main_category_share']:.0%})"
        trend = f"; {row['trend']}" if row["trend"] else ""
        return f"{row['name']}{where} holds {row['demand_share']:.1%} of demand{district}; most of it {main}{trend}."

    def to_frame(self) -> gpd.GeoDataFrame:
        """One row per area with its outline; every column has a name that a GeoPackage takes."""
        frame = self.areas.to_frame()
        used = frame.columns.intersection(["extent_share", "area_km2", "length_km", "units"])
        columns = pd.concat([self.table, pd.DataFrame(frame[used])], axis=1)
        columns.columns = _distinct([re.sub(r"\W+", "_", str(name)).strip("_") for name in columns.columns])
        return gpd.GeoDataFrame(columns, geometry=frame.geometry, crs=frame.crs)

    def summary(self) -> dict[str, object]:
        """Return the first areas in a line each."""
        return {f"rank {area + 1}": self.sentence(area) for area in range(min(5, len(self.table)))}


def _distinct(names: list[str]) -> list[str]:
    """Make names that differ not only in capitals."""
    seen: dict[str, int] = {}
    result = []
    for name in names:
        turn = seen.get(name.lower(), 0)
        seen[name.lower()] = turn + 1
        result.append(f"{name}_{turn + 1}" if turn else name)
    return result
