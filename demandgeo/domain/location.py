"""Which sites to open, and how near to the best possible that choice is proven to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from demandgeo.domain.record import Integers, Record, frozen_array, frozen_mapping, frozen_table
from demandgeo.domain.support import Support
from demandgeo.domain.travel import Points
from demandgeo.errors import ModelError, Problems

SENSES = ("minimise", "maximise")
ROUNDING = 1e-9
"""A bound may pass the objective by what float64 sums in another order differ."""

MOMENT = " x s"
"""How the unit of demand times seconds ends."""

ALTERNATIVE_COLUMNS = ("rank", "objective", "bound", "gap", "sites_changed", "sites")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Location(Record):
    """A choice of sites with its proof: no other allowed choice is better than `bound`.

    Parameters
    ----------
    sites
        The candidates [m].
    open
        int64 [p]: the sites that are open, ascending.
    assignment
        int64 [n]: the site that serves each demand point, -1 where none does.
    model
        ``"p-median"``, ``"mclp"``, ...
    sense
        ``"minimise"`` or ``"maximise"``.
    objective, bound
        What the choice reaches, and what no allowed choice passes, in `unit`.
    gap
        |bound - objective| / |objective|; 0 if both are 0.
    unit
        Of the objective.
    status
        ``"optimal"`` (the gap that was asked for is reached), ``"node limit"`` or ``"time limit"``.
    table
        One row per candidate: site, open, demand, demand_share, mean_seconds.
    alternatives
        The next best choices: rank, objective, bound, gap, sites_changed, sites (separated by ``"; "``).
    settings
        The rules the choice keeps.
    support
        The places of the demand, for the outline on a map; None if plain numbers were given.

    Raises
    ------
    ModelError
        If there is no bound, or the objective passes it.
    """

    sites: Points
    open: Integers
    assignment: Integers
    model: str
    sense: str
    objective: float
    bound: float
    gap: float
    unit: str
    status: str
    table: pd.DataFrame
    alternatives: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(ALTERNATIVE_COLUMNS)))
    settings: Mapping[str, Any] = field(default_factory=dict)
    support: Support | None = None

    def __post_init__(self) -> None:
        self._set(
            open=frozen_array(self.open, np.int64),
            assignment=frozen_array(self.assignment, np.int64),
            table=frozen_table(self.table),
            alternatives=frozen_table(self.alternatives),
            settings=frozen_mapping(self.settings),
        )
        m, problems = len(self.sites), Problems()
        problems.check(self.sense in SENSES, f"the sense is {self.sense!r}", f"one of {', '.join(SENSES)}")
        problems.check(
            np.isfinite([self.objective, self.bound, self.gap]).all() and self.gap >= 0,
            f"objective {self.objective}, bound {self.bound}, gap {self.gap}",
            "finite numbers and a gap >= 0 were needed: an objective without a bound proves nothing",
        )
        slack = ROUNDING * max(abs(self.objective), abs(self.bound))
        passed = self.objective - self.bound if self.sense == "maximise" else self.bound - self.objective
        problems.check(not passed > slack, f"the objective {self.objective} passes its bound {self.bound}")
        problems.check(
            (np.diff(self.open) > 0).all() and ((self.open >= 0) & (self.open < m)).all(),
            "the open sites are not ascending numbers of candidates",
        )
        used = np.unique(self.assignment[self.assignment >= 0])
        problems.check(np.isin(used, self.open).all(), "a demand point is assigned to a site that is not open")
        problems.check(len(self.table) == m, f"{len(self.table)} rows for {m} candidates")
        problems.raise_as(ModelError)

    @property
    def time_limited(self) -> bool:
        """Whether a wall-clock limit ended the search, so that another run may find another answer."""
        return self.status == "time limit"

    @property
    def open_ids(self) -> tuple[str, ...]:
        """Names of the open sites."""
        return tuple(self.sites.ids[i] for i in self.open)

    def sentence(self) -> str:
        """Return what was chosen, what it reaches and what is proven about it."""
        better = "more" if self.sense == "maximise" else "less"
        reached, bound, unit = self.objective, self.bound, self.unit
        served = float(self.table["demand"].sum())
        if unit.endswith(MOMENT) and served > 0:
            # A sum of products says nothing to a reader; their mean does.
            reached, bound, unit = reached / served, bound / served, f"s on the mean to {unit.removesuffix(MOMENT)}"
        return (
            f"{self.open.size} of {len(self.sites)} sites ({self.model}): {reached:,.6g} {unit}; "
            f"no allowed choice reaches {better} than {bound:,.6g} (gap {self.gap:.2%}, {self.status})."
        )

    def to_frame(self) -> gpd.GeoDataFrame:
        """One row per candidate: the table, and its point where it has one."""
        frame = self.sites.to_frame()
        return gpd.GeoDataFrame(self.table.copy(), geometry=frame.geometry, crs=frame.crs)

    def summary(self) -> dict[str, object]:
        """Return the open sites, objective, bound, gap and status."""
        return {
            "model": self.model,
            "open": self.open_ids,
            "objective": self.objective,
            "bound": self.bound,
            "gap": self.gap,
            "unit": self.unit,
            "status": self.status,
            "alternatives": len(self.alternatives),
        }
