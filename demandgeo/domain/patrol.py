"""Who visits which area when, and what that delivers of the dosage that was asked for."""

from __future__ import annotations

from dataclasses import dataclass, field

import geopandas as gpd
import numpy as np
import pandas as pd

from demandgeo.domain.record import Geometries, frozen_geometries, frozen_table
from demandgeo.domain.support import Support
from demandgeo.domain.table import Table
from demandgeo.errors import ModelError, Problems

PATROL_COLUMNS = (
    "area",
    "risk_share",
    "officer",
    "required_visits",
    "delivered_visits",
    "required_minutes",
    "delivered_minutes",
    "dosage_share",
)
VISIT_COLUMNS = ("officer", "visit", "area", "arrive_minute", "leave_minute", "arrive", "leave")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ShiftPlan(Table):
    """A shift: visits of officers to areas, with what is proven about them.

    `rows` has one row per area: area; risk_share; officer who visits it ("" if nobody does); visits and minutes
    required and delivered; dosage_share, its part of all minutes delivered.

    Parameters
    ----------
    visits
        One row per visit: officer, visit (counted from 1), area, arrive_minute and leave_minute after the start of
        the shift, and the same by the clock.
    officers
        Who patrols (a pair that goes together counts once).
    least_officers
        No rota that meets every area's visits has fewer.
    delivered_share
        Share of the required visits that is delivered, areas weighted by risk.
    delivered_bound
        No rota of as many officers delivers a greater share.
    method
        How `least_officers` was proven.
    outlines, crs
        Of the areas, for a map; empty if they have none.
    support
        The places that the areas are made of; None if the areas were given as points.

    Raises
    ------
    ModelError
        If an officer is at two places at once, the visits are not those of the rows, or a bound is broken.
    """

    visits: pd.DataFrame = field(kw_only=True)
    officers: int = field(kw_only=True)
    least_officers: int = field(kw_only=True)
    delivered_share: float = field(kw_only=True)
    delivered_bound: float = field(kw_only=True)
    method: str = field(kw_only=True)
    outlines: Geometries = field(kw_only=True)
    crs: str = field(kw_only=True)
    support: Support | None = field(kw_only=True, default=None)

    def __post_init__(self) -> None:
        Table.__post_init__(self)
        self._set(visits=frozen_table(self.visits), outlines=frozen_geometries(self.outlines))
        problems, rows, visits = Problems(), self.rows, self.visits
        for table, columns in ((rows, PATROL_COLUMNS), (visits, VISIT_COLUMNS)):
            problems.check(tuple(table.columns) == columns, f"the columns are {tuple(table.columns)}", f"{columns}")
        problems.raise_as(ModelError)
        counted = rows["area"].map(visits["area"].value_counts()).fillna(0).to_numpy()
        problems.check(np.array_equal(counted, rows["delivered_visits"]), "the visits are not those of the rows")
        same = (visits["officer"] == visits["officer"].shift()).to_numpy()
        early = (visits["arrive_minute"] < visits["leave_minute"].shift() - 1e-6).to_numpy()
        problems.check(not (same & early).any(), "an officer arrives before the last visit is over")
        met = bool((rows["delivered_visits"] >= rows["required_visits"]).all())
        problems.check(
            not met or self.officers >= self.least_officers,
            f"{self.officers} officers meet every visit, with a bound of {self.least_officers}",
        )
        problems.check(
            self.delivered_share <= self.delivered_bound * (1 + 1e-6) + 1e-9,
            f"the share delivered is {self.delivered_share}, its bound {self.delivered_bound}",
        )
        problems.raise_as(ModelError)

    @property
    def is_met(self) -> bool:
        """Whether every area gets the visits it needs."""
        return bool((self.rows["delivered_visits"] >= self.rows["required_visits"]).all())

    @property
    def is_proven(self) -> bool:
        """Whether no rota can do better: fewer officers, or with so few a greater share."""
        if self.is_met:
            return self.officers == self.least_officers
        return self.delivered_share >= self.delivered_bound * (1 - 1e-6)

    @property
    def mismatch(self) -> float:
        """Share of the minutes delivered that would have to move for dosage to be in proportion to risk."""
        return float(np.abs(self.rows["dosage_share"] - self.rows["risk_share"]).sum() / 2.0)

    def to_frame(self) -> pd.DataFrame:
        """One row per area, with its outline where it has one."""
        if not self.crs:
            return self.rows.copy()
        frame: pd.DataFrame = gpd.GeoDataFrame(self.rows.copy(), geometry=self.outlines, crs=self.crs)
        return frame

    def sentence(self) -> str:
        """One line: officers, visits delivered, the bound, and how dosage follows risk."""
        required, delivered = int(self.rows["required_visits"].sum()), int(self.rows["delivered_visits"].sum())
        n, least = len(self.rows), self.least_officers
        who, one = f"{self.officers} officer{'s' * (self.officers != 1)}", "s" * (self.officers == 1)
        if self.is_met:
            proof = "no rota can do with fewer" if self.is_proven else f"at least {least} are needed"
            start = f"{who} meet{one} all {required} visits to {n} areas; {proof} ({self.method})"
        else:
            start = (
                f"{who} deliver{one} {delivered} of {required} visits to {n} areas, {self.delivered_share:.0%} "
                f"weighted by risk (no rota of as many more than {self.delivered_bound:.0%}); all visits need at least "
                f"{least} officers ({self.method})"
            )
        return f"{start}. {self.mismatch:.0%} of the minutes would have to move to be in proportion to risk."

    def summary(self) -> dict[str, object]:
        """Return officers and their bound, the share delivered and its bound, and the mismatch with risk."""
        return {
            "areas": len(self.rows),
            "officers": self.officers,
            "least_officers": self.least_officers,
            "delivered_share": self.delivered_share,
            "delivered_bound": self.delivered_bound,
            "proven": self.is_proven,
            "mismatch": self.mismatch,
            "method": self.method,
        }
