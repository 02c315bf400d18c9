"""Sites: stretches of street and junctions, what happened there, what was to be expected, and what is too much."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from demandgeo.domain.demand import Balance
from demandgeo.domain.network import Network
from demandgeo.domain.record import (
    Geometries,
    Integers,
    Record,
    frozen_array,
    frozen_geometries,
    frozen_mapping,
    frozen_table,
)
from demandgeo.errors import ModelError, Problems

BEST, FALSE_SHARE = 0.02, 0.10
"""What the sentence quotes: the best of the street length, and the share of false sites among those that stand out."""

SITE_COLUMNS = ("rank", "site", "kind", "name", "length_m", "observed", "expected", "excess")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Sites(Record):
    """Places on a street network in order of rank.

    Parameters
    ----------
    network
        The streets.
    geometry
        One line (or set of lines) per site.
    table
        One row per site, the first ranked first. It starts with rank, site (its name in the source, unique), kind
        (segment, junction, stretch, corridor, cluster), name (for people), length_m, observed (events or KSI in the
        period), expected (what the counts and the model say of the true mean, for the same period) and excess (above
        what such places suffer); the last two are NaN where there is no model. Further columns: modelled, low, high,
        p_excess, q_excess, p_worst, costs per year.
    segment, node
        int64 [n]: the segment or the junction that a site is; -1 where it is none or several.
    name, weight_name, period
        What is counted, how it is weighed, and when.
    years
        Length of the period; 0 if it is not known.
    balance
        Where the events went.
    model
        Method, coefficients and parameters.
    calibration
        Observed against expected, by tenths of the sites.
    residuals
        Cumulative residuals against each covariate, with the limits that they should keep (CURE).
    backtest
        What share of another period's events the best of the street length held, by method.
    notes
        What a reader must know.

    Raises
    ------
    ModelError
        Listing every rule that is broken.
    """

    network: Network
    geometry: Geometries
    table: pd.DataFrame
    segment: Integers
    node: Integers
    name: str
    weight_name: str
    period: str
    years: float
    balance: Balance
    model: Mapping[str, Any] = field(default_factory=dict)
    calibration: pd.DataFrame = field(default_factory=pd.DataFrame)
    residuals: pd.DataFrame = field(default_factory=pd.DataFrame)
    backtest: pd.DataFrame = field(default_factory=pd.DataFrame)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._set(
            geometry=frozen_geometries(self.geometry),
            segment=frozen_array(self.segment, np.int64),
            node=frozen_array(self.node, np.int64),
            model=frozen_mapping(self.model),
            notes=tuple(self.notes),
            **{name: frozen_table(getattr(self, name)) for name in ("table", "calibration", "residuals", "backtest")},
        )
        self._check()

    def _check(self) -> None:
        n, problems = len(self.table), Problems()
        for name in ("geometry", "segment", "node"):
            problems.check(len(getattr(self, name)) == n, f"{name} has {len(getattr(self, name))} rows", f"{n}")
        problems.check(
            tuple(self.table.columns[: len(SITE_COLUMNS)]) == SITE_COLUMNS,
            f"the table has the columns {list(self.table.columns)}",
            f"it must start with {list(SITE_COLUMNS)}",
        )
        problems.raise_as(ModelError)
        problems.check((self.table["rank"] == np.arange(1, n + 1)).all(), "the ranks are not 1, 2, 3, ... in order")
        problems.check(self.table["site"].is_unique, "a site stands twice")
        numbers = self.table[["length_m", "observed", "expected"]].to_numpy(np.float64)
        problems.check(not (numbers < 0).any(), "a length, an observed or an expected number is below 0")
        problems.check(np.isfinite(self.years) and self.years >= 0, f"the years are {self.years}")
        problems.raise_as(ModelError)

    @property
    def crs(self) -> str:
        """Projected, in metres."""
        return self.network.crs

    @property
    def map_column(self) -> str:
        """The column that shades a map."""
        return "excess" if (self.table["excess"] > 0).any() else "observed"

    @property
    def map_unit(self) -> str:
        """Its unit."""
        return f"{self.map_column} {self.name}, {self.period}"

    def where(self, rows: Any) -> Sites:
        """Return the sites of a mask or an ascending index, ranked anew."""
        table = self.table[rows] if np.asarray(rows).dtype == bool else self.table.iloc[rows]
        return replace(
            self,
            table=table.assign(rank=np.arange(1, len(table) + 1)),
            **{name: getattr(self, name)[rows] for name in ("geometry", "segment", "node")},
        )

    def to_frame(self) -> gpd.GeoDataFrame:
        """Return one row per site in order of rank: the table and its lines."""
        return gpd.GeoDataFrame(self.table.copy(), geometry=self.geometry, crs=self.crs)

    def sentence(self) -> str:
        """One line: what the sites suffered, what was to be expected, and where it is too much."""
        table, where = self.table, f"{self.name} in {self.period}"
        if {"q_excess", "p_worst"} <= set(table.columns):
            order = np.argsort(-(table["expected"] / table["length_m"].clip(lower=1.0)).to_numpy(), kind="stable")
            length = table["length_m"].to_numpy()[order].cumsum() / table["length_m"].sum()
            best = float(table["expected"].to_numpy()[order][length <= BEST].sum() / table["expected"].sum())
            sure = int((table["q_excess"] <= FALSE_SHARE).sum())
            return (
                f"{len(table):,} segments and junctions saw {table['observed'].sum():,.1f} {where}; "
                f"{BEST:.0%} of the street length must expect {best:.1%} of them; {sure:,} sites suffer more than such "
                f"places do, with at most {FALSE_SHARE:.0%} of them false."
            )
        share = table["length_m"].sum() / self.network.length.sum()
        text = f"{len(table):,} sites on {share:.1%} of the street length saw {table['observed'].sum():,.1f} {where}"
        if table["expected"].isna().all():
            return f"{text}; a rule does not say what was to be expected."
        return (
            f"{text}; {table['expected'].sum():,.1f} were to be expected, {table['excess'].sum():,.1f} more than on "
            "such streets."
        )

    def summary(self) -> dict[str, object]:
        """Return sites, sums, balance, model and notes."""
        return {
            "sites": len(self.table),
            "observed": f"{self.table['observed'].sum():,.6g} {self.name} ({self.weight_name}), {self.period}",
            "expected": float(self.table["expected"].sum()),
            "length_km": float(self.table["length_m"].sum()) / 1e3,
            "balance": {fate: int(self.balance.events[i]) for i, fate in enumerate(Balance.FATES)},
            "model": dict(self.model),
            "notes": self.notes,
        }
