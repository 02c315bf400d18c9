"""Headline measures: what planners read first, per district and force."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from demandgeo.domain.table import Table
from demandgeo.domain.zones import Zones
from demandgeo.errors import ModelError, Problems

DISTRICT, NOT_PLACED, FORCE = "district", "not placed", "force"

HEADLINE_COLUMNS = (
    "level",
    "place",
    "measure",
    "count",
    "unlocated",
    "population",
    "rate_per_1000",
    "severity_per_event",
    "severity_se",
    "before",
    "severity_per_event_before",
    "change",
    "change_low",
    "change_high",
    "p",
    "small_number",
    "complete_months",
)
LAYER_COLUMNS = (
    "count",
    "rate_per_1000",
    "severity_per_event",
    "change",
    "change_low",
    "change_high",
    "small_number",
)
"""What the layer shows of each measure; the rest is in the rows."""

PRINTED = 6
"""The printed table shows the first so many measures."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Headline(Table):
    """A table of measures, with the districts that they are of.

    `rows` has one row per place and measure: every district, what was placed in none of them, and the force, whose
    counts are the sums of the others'.

    Parameters
    ----------
    places
        The districts, dissolved.

    Raises
    ------
    ModelError
        If the columns are others, or the counts of a measure do not add up to the force's.
    """

    places: Zones = field(kw_only=True)

    def __post_init__(self) -> None:
        Table.__post_init__(self)
        problems = Problems()
        columns = tuple(self.rows.columns)
        problems.check(columns == HEADLINE_COLUMNS, f"the rows have the columns {columns}", f"{HEADLINE_COLUMNS}")
        problems.raise_as(ModelError)
        is_force = self.rows["level"] == FORCE
        for column in ("count", "unlocated"):
            parts, force = (self.rows[rows].groupby("measure")[column].sum() for rows in (~is_force, is_force))
            problems.check(
                parts.equals(force), f"{column}: districts and the events not placed do not sum to the force"
            )
        problems.raise_as(ModelError)

    def to_frame(self) -> gpd.GeoDataFrame:
        """One row per district with its outline; a column per measure and number, such as ``burglary_count``."""
        columns: dict[str, Any] = {"district": self.places.ids}
        if self.places.population is not None:
            columns["population"] = self.places.population
        districts = self.rows[self.rows["level"] == DISTRICT]
        for measure, slug in _slugs(districts["measure"].unique().tolist()).items():
            ordered = districts[districts["measure"] == measure].set_index("place").loc[self.places.ids.tolist()]
            for name in LAYER_COLUMNS:
                if not ordered[name].isna().all():
                    columns[f"{slug}_{name}"] = ordered[name].to_numpy()
        return gpd.GeoDataFrame(columns, geometry=self.places.polygons, crs=self.places.crs)

    def text(self) -> str:
        """Return the printed table: a line per place, its first measures with their change, and the notes.

        ``*`` marks a change whose interval leaves out 0, ``~`` a small number.
        """
        measures = self.rows["measure"].unique()[:PRINTED].tolist()
        first = self.rows[self.rows["measure"] == measures[0]]
        columns = [(name, _cells(self.rows[self.rows["measure"] == name])) for name in measures]
        earlier = first["severity_per_event_before"]
        mix = first["severity_per_event"] / earlier.where(earlier > 0) - 1.0
        columns.insert(1, ("per 1,000", [_number(rate) for rate in first["rate_per_1000"]]))
        if first["severity_per_event"].notna().any():
            severity = [_number(mean, change) for mean, change in zip(first["severity_per_event"], mix, strict=True)]
            columns.insert(2, ("severity per event", severity))
        lines = _aligned([("", first["place"].tolist()), *columns])
        return "\n".join([self.title, *lines, *(f"- {note}" for note in self.notes)])


def _cells(rows: pd.DataFrame) -> list[str]:
    sure = (rows["change_low"] > 0) | (rows["change_high"] < 0)
    marks = np.where(rows["small_number"], "~", np.where(sure, "*", " ")).tolist()
    return [
        f"{count:,}{_percent(change)}{mark}"
        for count, change, mark in zip(rows["count"], rows["change"], marks, strict=True)
    ]


def _number(value: float, change: float = float("nan")) -> str:
    return "-" if pd.isna(value) else f"{value:,.1f}{_percent(change)}"


def _percent(change: float) -> str:
    return "" if pd.isna(change) else f" {change:+.0%}"


def _aligned(columns: list[tuple[str, list[str]]]) -> list[str]:
    headings = [textwrap.wrap(name, 14, break_long_words=False) for name, _ in columns]
    height = max(map(len, headings))
    blocks = [
        [*[""] * (height - len(heading)), *heading, *cells]
        for heading, (_, cells) in zip(headings, columns, strict=True)
    ]
    places, *others = [(block, max(map(len, block))) for block in blocks]
    padded = [[cell.ljust(places[1]) for cell in places[0]]]
    padded += [[cell.rjust(width) for cell in block] for block, width in others]
    return ["  ".join(cells).rstrip() for cells in zip(*padded, strict=True)]


def _slugs(measures: list[str]) -> dict[str, str]:
    """Name each measure in letters, digits and underscores; no two alike."""
    slugs: dict[str, str] = {}
    for measure in measures:
        slug = re.sub(r"\W+", "_", measure.casefold()).strip("_")
        while slug in slugs.values():
            slug += "_"
        slugs[measure] = slug
    return slugs
