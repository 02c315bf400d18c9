"""Highest-density regions: the smallest areas that hold given shares of demand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from demandgeo.domain.record import Integers, Record, frozen_array, frozen_mapping, frozen_table
from demandgeo.domain.support import Support
from demandgeo.errors import ModelError, Problems

REGION_COLUMNS = ("share", "demand_share", "extent", "extent_share", "units", "lowest")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class DensityRegions(Record):
    """Nested regions, each the smallest that holds its share.

    Parameters
    ----------
    support
        The places.
    labels
        int64 [n]: the smallest region that holds each unit, a row of the table; -1 outside all. A region holds the
        units of its own label and of all lower ones.
    table
        One row per region, from the smallest: share asked for, demand_share held, extent, extent_share, units, lowest
        (the least density in it).
    provenance
        What the regions were made of.

    Raises
    ------
    ModelError
        Listing every rule that is broken.
    """

    support: Support
    labels: Integers
    table: pd.DataFrame
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._set(
            labels=frozen_array(self.labels, np.int64),
            table=frozen_table(self.table),
            provenance=frozen_mapping(self.provenance),
        )
        n, problems = self.support.n, Problems()
        problems.check(self.labels.shape == (n,), f"{self.labels.shape} labels for {n} units")
        known = (self.labels >= -1) & (self.labels < len(self.table))
        problems.check(known.all(), f"a label is not in -1..{len(self.table) - 1}, the rows of the table")
        problems.check(
            tuple(self.table.columns) == REGION_COLUMNS,
            f"the table has the columns {list(self.table.columns)}",
            f"{list(REGION_COLUMNS)} were needed",
        )
        problems.raise_as(ModelError)

    def to_frame(self) -> gpd.GeoDataFrame:
        """One row per region, dissolved: the table with area in km2 (or length in km), and its outline."""
        scale, name = {"m2": (1e6, "area_km2"), "m": (1e3, "length_km")}[self.support.extent_unit]
        frame = self.table.assign(extent=self.table["extent"] / scale).rename(columns={"extent": name})
        geometry = self.support.geometry()
        chosen = [(self.labels >= 0) & (self.labels <= region) for region in range(len(frame))]
        return gpd.GeoDataFrame(
            frame, geometry=[shapely.union_all(geometry[units]) for units in chosen], crs=self.support.crs
        )

    def summary(self) -> dict[str, object]:
        """Return the share of the extent that each share of demand needs."""
        shares = zip(self.table["share"], self.table["extent_share"], strict=True)
        return {f"{share:.0%} of demand": f"{extent:.2%} of the extent" for share, extent in shares}
