"""Priority areas: contiguous units that together hold a share of demand, and how near to the best they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from demandgeo.domain.demand import Balance, Demand
from demandgeo.domain.events import counted_in
from demandgeo.domain.record import Floats, Integers, Mask, Record, frozen_array, frozen_mapping, frozen_table
from demandgeo.domain.support import Support
from demandgeo.errors import ModelError, Problems

AREA_COLUMNS = ("area", "rank", "name", "units", "extent", "extent_share", "demand", "demand_share", "events")


LEAST_EXTENT, LEAST_COST, MOST_DEMAND = "least extent", "least extent and border", "most demand"
OBJECTIVES = (LEAST_EXTENT, LEAST_COST, MOST_DEMAND)
PROVEN = 1e-5
"""A plan within this share of its bound is called the best there is: solvers keep their rows within a millionth."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Certificate(Record):
    """How near to the best a selection is.

    Parameters
    ----------
    bound
        No choice that keeps the same rules is better than this: has less extent (m2 or m), or less extent and border
        at its price (m2), or holds more demand.
    gap
        How far the plan is from the bound, as a share of the plan's or the bound's value, whichever is less: for least
        extent, extent / bound - 1; for most demand, bound / demand - 1.
    method
        How the bound was proved.
    objective
        What was asked for: ``"least extent"``, ``"least extent and border"`` or ``"most demand"``.
    time_limited
        Whether a clock ended the proof: another run may give another bound.
    """

    bound: float
    gap: float
    method: str
    objective: str = LEAST_EXTENT
    time_limited: bool = False

    def __post_init__(self) -> None:
        problems = Problems()
        problems.check(np.isfinite(self.bound) and self.bound >= 0, f"the bound is {self.bound}", "a number >= 0")
        problems.check(
            self.gap >= 0, f"the gap is {self.gap}", "a number >= 0: a bound that the plan beats is no bound"
        )
        problems.check(self.objective in OBJECTIVES, f"the objective is {self.objective!r}", f"one of {OBJECTIVES}")
        problems.raise_as(ModelError)

    @property
    def optimal(self) -> bool:
        """Whether it is proved that no choice that keeps the same rules is better."""
        return self.gap <= PROVEN


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PriorityAreas(Record):
    """A selection of contiguous areas.

    Parameters
    ----------
    demand
        What was selected on.
    labels
        int64 [n]: the area of each unit, counted from 0 in order of rank; -1 outside all areas.
    table
        One row per area: area, rank, name, units, extent, extent_share, demand, demand_share, events.
    certificate
        How near to the best.
    settings
        The rules the selection keeps.

    Raises
    ------
    ModelError
        Listing every rule that is broken.
    """

    demand: Demand
    labels: Integers
    table: pd.DataFrame
    certificate: Certificate
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._set(
            labels=frozen_array(self.labels, np.int64),
            table=frozen_table(self.table),
            settings=frozen_mapping(self.settings),
        )
        k, problems = len(self.table), Problems()
        problems.check(self.labels.shape == (self.support.n,), f"{self.labels.shape} labels for {self.support.n} units")
        problems.check(
            np.array_equal(np.unique(self.labels[self.labels >= 0]), np.arange(k)) and (self.labels >= -1).all(),
            f"the labels do not run 0..{k - 1} (-1 outside) as the table's {k} rows do",
        )
        problems.check(
            tuple(self.table.columns[: len(AREA_COLUMNS)]) == AREA_COLUMNS,
            f"the table has the columns {list(self.table.columns)}",
            f"it must start with {list(AREA_COLUMNS)}",
        )
        problems.raise_as(ModelError)

    @property
    def support(self) -> Support:
        """The places."""
        return self.demand.support

    @property
    def selected(self) -> Mask:
        """Boolean [n]: the units inside an area."""
        return self.labels >= 0

    @property
    def extent_share(self) -> float:
        """Extent of the areas over that of the support."""
        extent: Floats = self.support.extent
        return float(extent[self.selected].sum() / extent.sum())

    @property
    def demand_share(self) -> float:
        """Demand in the areas over demand placed on the support."""
        total = self.demand.total
        placed = float(np.nansum(total))
        return float(np.nansum(total[self.selected])) / placed if placed > 0 else 0.0

    def sentence(self) -> str:
        """Return the line planners quote, with everything that the two shares depend on.

        States areas, extent share and demand share; the unit, what the areas are ranked by, the shares of demand
        outside and without a location, the share of all recorded demand, and the certificate.
        """
        demand, balance = self.demand, self.demand.balance
        count, what = len(self.table), self._what()
        return (
            f"{count} area{'' if count == 1 else 's'}, {share_text(self.extent_share)} of the {self._extent()}, "
            f"hold{'s' if count == 1 else ''} {share_text(self.demand_share)} of {what} in {demand.period} "
            f"({share_text(self.demand_share * balance.share('placed'))} of all recorded: "
            f"{share_text(balance.share('outside'))} lies outside the study area, "
            f"{share_text(balance.share('unlocated'))} has no location{self._left_out()}). "
            f"Unit: {self.support.unit_name}; ranked by {what}{'' if demand.is_count else f', {demand.weight_name}'}. "
            f"{self._certified()}"
        )

    def _what(self) -> str:
        return counted_in(self.demand.weight_name)

    def _extent(self) -> str:
        return {"m2": "area", "m": "street length"}[self.support.extent_unit]

    def _certified(self) -> str:
        """Return the sentence of the certificate: what no choice that keeps the same rules can do."""
        proof, gap = self.certificate, share_text(self.certificate.gap)
        method = f"({proof.method}{', stopped by the clock' if proof.time_limited else ''})"
        if proof.objective == LEAST_COST:
            if proof.optimal:
                return f"No choice that keeps the same rules has less extent and border at the price set {method}."
            return (
                f"No choice that keeps the same rules saves {gap} of its extent and border at the price set {method}."
            )
        if proof.objective == MOST_DEMAND:
            most = share_text(proof.bound / float(np.nansum(self.demand.total)))
            return f"No choice that keeps the same rules can hold more than {most} of {self._what()} {method}."
        least = share_text(proof.bound / float(self.support.extent.sum()))
        return f"No choice that keeps the same rules can use less than {least} of the {self._extent()} {method}."

    def _left_out(self) -> str:
        records = self.demand.provenance.get("records_left_out", 0)
        return f"; {records:,} records could not be used" if records else ""

    def to_frame(self) -> gpd.GeoDataFrame:
        """One row per area, dissolved: the table with area in km2 (or length in km), its share and its outline."""
        frame = self.table.copy()
        scale, name = {"m2": (1e6, "area_km2"), "m": (1e3, "length_km")}[self.support.extent_unit]
        frame["extent"] = frame["extent"] / scale
        geometry = self.support.geometry()
        outlines = [shapely.union_all(geometry[self.labels == area]) for area in range(len(frame))]
        return gpd.GeoDataFrame(frame.rename(columns={"extent": name}), geometry=outlines, crs=self.support.crs)

    def summary(self) -> dict[str, object]:
        """Return the two shares, the number of areas and the certificate."""
        return {
            "areas": len(self.table),
            "extent_share": self.extent_share,
            "demand_share": self.demand_share,
            "bound": self.certificate.bound,
            "gap": self.certificate.gap,
            "method": self.certificate.method,
            "objective": self.certificate.objective,
        }


def share_text(part: float) -> str:
    """Write a share as a percentage; a small one never reads as none.

    Examples
    --------
    >>> share_text(0.1234), share_text(0.0001), share_text(0.0)
    ('12.3%', 'under 0.1%', '0.0%')
    """
    return "under 0.1%" if 0 < part < 0.0005 else f"{part:.1%}"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Holdout(Record):
    """What the chosen areas held in another period: the test that a plan has to pass.

    Parameters
    ----------
    chosen_period, period
        The months the areas were chosen on, and those they are tested on.
    weight_name
        The severity index, the same for both.
    extent_share
        Extent of the areas over that of the support.
    chosen_share, demand_share
        Share of demand placed on the support that the areas hold: when chosen, and in the tested period.
    pai
        Prediction accuracy index: demand_share / extent_share (Chainey, Tompson and Uhlig 2008).
    balance
        Where the events of the tested period went.
    table
        One row per area: area, name, demand_share when chosen and in the tested period, events.
    """

    chosen_period: str
    period: str
    weight_name: str
    extent_share: float
    chosen_share: float
    demand_share: float
    pai: float
    balance: Balance
    table: pd.DataFrame

    def __post_init__(self) -> None:
        self._set(table=frozen_table(self.table))

    def sentence(self) -> str:
        """One line: what the areas held in the tested period."""
        what = counted_in(self.weight_name)
        return (
            f"in {self.period} they held {self.demand_share:.1%} of {what} "
            f"({self.chosen_share:.1%} when chosen; PAI {self.pai:.1f})."
        )

    def summary(self) -> dict[str, object]:
        """Return the shares and the PAI."""
        return {
            "period": self.period,
            "demand_share": self.demand_share,
            "chosen_share": self.chosen_share,
            "extent_share": self.extent_share,
            "pai": self.pai,
        }
