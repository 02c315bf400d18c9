"""Consensus: how often a place is chosen, whatever way the study area is cut into units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import geopandas as gpd
import numpy as np
import pandas as pd

from demandgeo.domain.areas import share_text
from demandgeo.domain.grid import Grid
from demandgeo.domain.record import Floats, Record, frozen_array, frozen_mapping, frozen_table
from demandgeo.errors import ModelError, Problems

VARIANT_COLUMNS = (
    "variant",
    "units",
    "areas",
    "extent_share",
    "demand_share",
    "bound_share",
    "agreement",
    "sentence",
)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Consensus(Record):
    """How often each place is chosen, over several ways to cut the study area.

    Parameters
    ----------
    grid
        Fine reference cells.
    share
        float64 [n]: share of the variants whose areas hold the middle of the cell.
    table
        One row per variant: variant (in words), units, areas, extent_share, demand_share, bound_share (the least extent
        share that its certificate allows), agreement (Jaccard index of its places with the first variant's), sentence.
    provenance
        Method and parameters.

    Raises
    ------
    ModelError
        Listing every rule that is broken.
    """

    grid: Grid
    share: Floats
    table: pd.DataFrame
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._set(
            share=frozen_array(self.share, np.float64),
            table=frozen_table(self.table),
            provenance=frozen_mapping(self.provenance),
        )
        problems = Problems()
        problems.check(self.share.shape == (self.grid.n,), f"{self.share.shape} shares for {self.grid.n} cells")
        problems.check(((self.share >= 0) & (self.share <= 1)).all(), "a share is outside [0, 1]")
        columns = tuple(self.table.columns)
        problems.check(columns == VARIANT_COLUMNS, f"the table has the columns {columns}", f"{VARIANT_COLUMNS}")
        problems.check(len(self.table) > 0, "there is no variant", "at least one was needed")
        problems.raise_as(ModelError)

    def chosen_by(self, share: float) -> float:
        """Return the share of the study area that at least this share of the variants choose."""
        chosen = self.share >= share - 1e-9
        return float(self.grid.extent[chosen].sum() / self.grid.extent.sum())

    def sentence(self) -> str:
        """Return how far the areas hang on the way the study area is cut."""
        extents, variants = self.table["extent_share"], len(self.table)
        return (
            f"Cut in {variants} ways, areas that hold {share_text(float(self.table['demand_share'].min()))} of demand "
            f"or more take {share_text(extents.min())} to {share_text(extents.max())} of the area. "
            f"{share_text(self.chosen_by(1.0))} of the area is chosen whatever way it is cut, "
            f"{share_text(self.chosen_by(0.5))} by at least half of the ways, "
            f"{share_text(self.chosen_by(1.0 / variants))} by at least one."
        )

    def to_frame(self) -> gpd.GeoDataFrame:
        """One row per reference cell that any variant chooses: `chosen_share`, and the support's columns."""
        frame = self.grid.to_frame()
        frame.insert(cast(int, frame.columns.get_loc("geometry")), "chosen_share", self.share)
        return frame[self.share > 0].reset_index(drop=True)

    def summary(self) -> dict[str, object]:
        """Return the range of the extent share, and what all, half and any of the variants choose."""
        return {
            "variants": len(self.table),
            "extent share": f"{self.table['extent_share'].min():.2%} to {self.table['extent_share'].max():.2%}",
            "chosen by all": f"{self.chosen_by(1.0):.2%}",
            "chosen by half": f"{self.chosen_by(0.5):.2%}",
            "chosen by any": f"{self.chosen_by(1.0 / len(self.table)):.2%}",
        }
