"""Membership: how surely each unit belongs to the priority areas, given that counts are partly chance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import geopandas as gpd
import numpy as np
import pandas as pd

from demandgeo.domain.areas import PriorityAreas, share_text
from demandgeo.domain.record import Floats, Mask, Record, frozen_array, frozen_mapping, frozen_table
from demandgeo.domain.support import Support
from demandgeo.errors import ModelError, Problems

CORE, FRINGE = 0.9, 0.5
"""From these probabilities on a unit is of the stable core, or of the fringe."""

STANDINGS = ("seldom", "fringe", "core")

DRAW_COLUMNS = ("draw", "extent_share", "demand_share")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Membership(Record):
    """How surely each unit belongs to the areas.

    Parameters
    ----------
    areas
        The plan.
    probability
        float64 [n]: how likely the unit is in the areas that the same rules choose on the true intensity of demand.
    draws
        One row per draw of the intensity: draw, extent_share of the areas chosen on it, demand_share of it that the
        plan holds.
    thinned_share
        Share that areas chosen on a part of the events hold of the rest: an estimate that is free of optimism, for a
        little less data.
    provenance
        Method and parameters.

    Raises
    ------
    ModelError
        Listing every rule that is broken.
    """

    areas: PriorityAreas
    probability: Floats
    draws: pd.DataFrame
    thinned_share: float
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._set(
            probability=frozen_array(self.probability, np.float64),
            draws=frozen_table(self.draws),
            provenance=frozen_mapping(self.provenance),
        )
        n, problems = self.support.n, Problems()
        problems.check(self.probability.shape == (n,), f"{self.probability.shape} probabilities for {n} units")
        problems.check(((self.probability >= 0) & (self.probability <= 1)).all(), "a probability is outside [0, 1]")
        columns = tuple(self.draws.columns)
        problems.check(columns == DRAW_COLUMNS, f"the draws have the columns {columns}", f"{DRAW_COLUMNS} were needed")
        problems.check(len(self.draws) > 0, "there is no draw", "at least one was needed")
        problems.check(0 <= self.thinned_share <= 1, f"thinned_share is {self.thinned_share}", "a share was needed")
        problems.raise_as(ModelError)

    @property
    def support(self) -> Support:
        """The places."""
        return self.areas.support

    @property
    def core(self) -> Mask:
        """Boolean [n]: units that belong to the areas with a probability of at least 0.9."""
        return self.probability >= CORE

    @property
    def fringe(self) -> Mask:
        """Boolean [n]: units that belong to them with a probability from 0.5 to 0.9."""
        return (self.probability >= FRINGE) & ~self.core

    @property
    def expected_share(self) -> float:
        """Share of the true demand that the plan is expected to hold: its share without the optimism of noise."""
        return float(self.draws["demand_share"].mean())

    def share_interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Return the interval of the share of true demand that the plan holds."""
        return self._interval("demand_share", confidence)

    def extent_interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Return the interval of the extent share that areas chosen on the true demand need."""
        return self._interval("extent_share", confidence)

    def extent_share(self, units: Mask) -> float:
        """Return the share of the extent that some units have."""
        return float(self.support.extent[units].sum() / self.support.extent.sum())

    @property
    def rows(self) -> pd.DataFrame:
        """One row per standing: units, how many of them are in the plan, and their share of the extent."""
        ever = (self.probability > 0) & (self.probability < FRINGE)
        parts = {"core": self.core, "fringe": self.fringe, "seldom": ever}
        return pd.DataFrame(
            [
                (name, int(units.sum()), int((units & self.areas.selected).sum()), self.extent_share(units))
                for name, units in parts.items()
            ],
            columns=["standing", "units", "in_plan", "extent_share"],
        )

    def sentence(self) -> str:
        """Return what may be said of the plan, given that counts are partly chance."""
        extent = {"m2": "area", "m": "street length"}[self.support.extent_unit]
        low, high = map(share_text, self.share_interval())
        least, most = map(share_text, self.extent_interval())
        asked = share_text(float(self.areas.settings["demand_share"]))
        return (
            f"Counted, the areas hold {share_text(self.areas.demand_share)} of demand; of the demand behind the counts "
            f"they hold {share_text(self.expected_share)} (95% interval {low} to {high}; areas chosen on a part of the "
            f"events hold {share_text(self.thinned_share)} of the rest). Areas that hold {asked} of it need {least} to "
            f"{most} of the {extent}. Stable core, chosen in at least {CORE:.0%} of {len(self.draws)} redraws, is "
            f"{share_text(self.extent_share(self.core))} of the {extent}; fringe ({FRINGE:.0%} to {CORE:.0%}) is "
            f"{share_text(self.extent_share(self.fringe))}."
        )

    def to_frame(self) -> gpd.GeoDataFrame:
        """One row per unit that is in the plan or in any redraw: its area, its probability and its standing."""
        frame = self.support.to_frame()
        at = cast(int, frame.columns.get_loc("geometry"))
        standing = np.array(STANDINGS, dtype=object)[self.fringe + 2 * self.core]
        for place, (name, column) in enumerate(
            {"area": self.areas.labels, "probability": self.probability, "standing": standing}.items()
        ):
            frame.insert(at + place, name, column)
        return frame[(self.probability > 0) | self.areas.selected].reset_index(drop=True)

    def summary(self) -> dict[str, object]:
        """Return the shares with their intervals, and the sizes of core and fringe."""
        return {
            "demand share": self.areas.demand_share,
            "expected share": self.expected_share,
            "share interval": self.share_interval(),
            "thinned share": self.thinned_share,
            "extent interval": self.extent_interval(),
            "core": f"{int(self.core.sum())} units, {self.extent_share(self.core):.2%} of the extent",
            "fringe": f"{int(self.fringe.sum())} units, {self.extent_share(self.fringe):.2%} of the extent",
            "draws": len(self.draws),
        }

    def _interval(self, column: str, confidence: float) -> tuple[float, float]:
        if not 0 < confidence < 1:
            raise ModelError(f"confidence is {confidence}", "a number between 0 and 1 was needed", "write 0.95")
        low, high = self.draws[column].quantile([(1 - confidence) / 2, (1 + confidence) / 2])
        return float(low), float(high)
