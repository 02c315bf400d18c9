"""Patrol areas: every unit in one of k connected areas of like workload, and how near to the least travel that is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from demandgeo.domain.areas import PROVEN, share_text
from demandgeo.domain.demand import Demand
from demandgeo.domain.events import counted_in
from demandgeo.domain.record import Floats, Integers, Record, frozen_array, frozen_mapping, frozen_table
from demandgeo.domain.support import Neighbours, Support
from demandgeo.errors import ModelError, Problems

BEAT_COLUMNS = (
    "area",
    "name",
    "base",
    "teams",
    "units",
    "extent",
    "demand",
    "demand_share",
    "relative_workload",
    "mean_seconds",
    "max_seconds",
    "districts",
)

ROUNDING = 1e-9
"""Sums in another order may differ by so much, relatively."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PatrolAreas(Record):
    """A division of all units into connected areas, one for each base, with its proof.

    Parameters
    ----------
    demand
        The workload that was divided; nodata counts 0.
    labels
        int64 [n]: the area of each unit, 0..k - 1.
    teams
        float64 [k], above 0: the areas' workloads are to be in proportion to it.
    table
        One row per area: area, name, base, teams, units, extent, demand, demand_share, relative_workload (workload per
        team over the mean of all), mean_seconds (weighted by demand), max_seconds, districts (how many it meets).
    objective, bound
        Mean travel time in seconds, weighted by demand; no division within the balance has less than `bound`, and where
        `balanced` is False, none within the balance that this one reaches.
    gap
        (objective - bound) / objective; 0 if both are 0.
    method
        How plan and bound were found.
    balance
        Most that a workload per team was to differ from the mean, relative to it.
    reason
        Why the workloads differ by more; ``""`` if they do not.
    crossings
        int64 [c, 2]: units that were taken to touch, to join parts of the map that do not.
    settings
        The rules of the division.

    Raises
    ------
    ModelError
        Listing every rule that is broken: an area is not connected, a workload outside the balance without a reason, a
        bound above the objective, ...
    """

    demand: Demand
    labels: Integers
    teams: Floats
    table: pd.DataFrame
    objective: float
    bound: float
    gap: float
    method: str
    balance: float
    reason: str = ""
    crossings: Integers = field(default_factory=lambda: np.empty((0, 2), np.int64))
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._set(
            labels=frozen_array(self.labels, np.int64),
            teams=frozen_array(self.teams, np.float64),
            table=frozen_table(self.table),
            crossings=frozen_array(self.crossings, np.int64),
            settings=frozen_mapping(self.settings),
        )
        k, n, problems = len(self.table), self.support.n, Problems()
        problems.check(
            tuple(self.table.columns) == BEAT_COLUMNS,
            f"the table has the columns {list(self.table.columns)}",
            f"{list(BEAT_COLUMNS)} were needed",
        )
        problems.check(
            self.labels.shape == (n,) and np.array_equal(np.unique(self.labels), np.arange(k)),
            f"the labels of {n} units do not run 0..{k - 1} as the table's {k} rows do",
            "every unit in an area, and no area without a unit, were needed",
        )
        problems.check(self.teams.shape == (k,) and (self.teams > 0).all(), f"teams are not {k} numbers above 0")
        numbers = [self.objective, self.bound, self.gap, self.balance]
        problems.check(np.isfinite(numbers).all() and min(numbers) >= 0, f"of {numbers}, one is no number >= 0")
        problems.check(
            self.crossings.ndim == 2
            and self.crossings.shape[1] == 2
            and ((self.crossings >= 0) & (self.crossings < n)).all(),
            "the crossings do not name pairs of units",
        )
        problems.raise_as(ModelError)
        self._check_plan(problems)
        problems.raise_as(ModelError)

    def _check_plan(self, problems: Problems) -> None:
        problems.check(
            self.bound <= self.objective * (1.0 + ROUNDING) + ROUNDING,
            f"the mean of {self.objective} s is below its bound of {self.bound} s",
        )
        split = broken_areas(self.labels, joined_neighbours(self.support, self.crossings))
        problems.check(not split, f"the areas {split} are not connected")
        problems.check(
            self.balanced == (not self.reason),
            f"workloads per team differ from the mean by up to {self.reached:.4g}, the balance is {self.balance:.4g}, "
            f"and the reason is {self.reason!r}",
            "a reason was needed exactly where they differ by more",
        )

    @property
    def support(self) -> Support:
        """The places."""
        return self.demand.support

    @property
    def relative_workload(self) -> Floats:
        """float64 [k]: workload per team over that of all areas together."""
        work = np.nan_to_num(self.demand.total)
        held = np.bincount(self.labels, work, minlength=self.teams.size)
        return np.asarray(held / work.sum() * self.teams.sum() / self.teams, np.float64)

    @property
    def reached(self) -> float:
        """Greatest difference of a workload per team from the mean, relative to it."""
        return float(np.abs(self.relative_workload - 1.0).max())

    @property
    def balanced(self) -> bool:
        """Whether every workload per team is within the balance."""
        return self.reached <= self.balance + 2.0 * ROUNDING

    @property
    def optimal(self) -> bool:
        """Whether it is proved that no division within the balance has less travel."""
        return self.gap <= PROVEN

    @property
    def split_districts(self) -> tuple[str, ...]:
        """The districts that lie in more than one area; none where the support has no districts."""
        group = self.support.group
        if group is None:
            return ()
        pairs = pd.DataFrame({"district": group.to_array(), "area": self.labels}).dropna().drop_duplicates()
        counts = pairs["district"].value_counts()
        return tuple(sorted(map(str, counts.index[counts > 1])))

    def sentence(self) -> str:
        """Return what was divided, the travel time and what is proven about it, and how even the workloads are."""
        k, allowed = len(self.table), max(self.balance, self.reached)
        base = "the centre of its area" if self.settings.get("centres") == "chosen" else "the base of its area"
        proof = (
            f"none within {share_text(allowed)} of even workload has less"
            if self.optimal
            else f"none within {share_text(allowed)} of even workload has less than {self.bound / 60:.2f} min "
            f"(gap {share_text(self.gap)})"
        )
        return (
            f"{k} patrol area{'' if k == 1 else 's'}, each in one piece, divide {self.support.n:,} "
            f"{self.support.unit_name}: {self.objective / 60:.2f} min from {base} on the mean; {proof}. "
            f"{self.balance_sentence()}"
        )

    def balance_sentence(self) -> str:
        """Return how even the workloads are, what workload is, and what the division takes for granted."""
        low, high = self.relative_workload.min(), self.relative_workload.max()
        text = (
            f"Workload per team ({counted_in(self.demand.weight_name)} in {self.demand.period}) is {low:.1%} to "
            f"{high:.1%} of the mean"
        )
        text += f", within {share_text(self.balance)} of it." if self.balanced else f": {self.reason}."
        if len(self.crossings):
            number = len(self.crossings)
            text += f" {number} part{'' if number == 1 else 's'} of the map that touch{'es' * (number == 1)} no other "
            text += "joined the nearest unit, as if a way led across."
        return text

    def to_frame(self) -> gpd.GeoDataFrame:
        """One row per area, dissolved: the table with area in km2 (or length in km), and its outline."""
        frame = self.table.copy()
        scale, name = {"m2": (1e6, "area_km2"), "m": (1e3, "length_km")}[self.support.extent_unit]
        frame["extent"] = frame["extent"] / scale
        geometry = self.support.geometry()
        outlines = [shapely.union_all(geometry[self.labels == area]) for area in range(len(frame))]
        return gpd.GeoDataFrame(frame.rename(columns={"extent": name}), geometry=outlines, crs=self.support.crs)

    def neighbours(self) -> frozenset[tuple[int, int]]:
        """Return the pairs of areas (lower first) that touch."""
        graph = joined_neighbours(self.support, self.crossings)
        first, second = self.labels[graph.rows], self.labels[graph.indices]
        return frozenset(zip(first[first < second].tolist(), second[first < second].tolist(), strict=True))

    def summary(self) -> dict[str, object]:
        """Return areas, travel time and its bound, balance asked for and reached, and the districts split."""
        return {
            "areas": len(self.table),
            "units": f"{self.support.n} {self.support.unit_name}",
            "mean_seconds": self.objective,
            "bound": self.bound,
            "gap": self.gap,
            "method": self.method,
            "balance": self.balance,
            "balance_reached": self.reached,
            "balanced": self.balanced,
            "districts_split": len(self.split_districts),
            "crossings": len(self.crossings),
        }


def joined_neighbours(support: Support, crossings: Integers) -> Neighbours:
    """Return which units of a support touch, crossings included."""
    graph = support.neighbours()
    if not len(crossings):
        return graph
    once = graph.rows < graph.indices
    first = np.concatenate([graph.rows[once], crossings[:, 0]])
    second = np.concatenate([graph.indices[once], crossings[:, 1]])
    return Neighbours.from_pairs(support.n, first, second, np.r_[graph.weight[once], np.zeros(len(crossings))])


def connected_parts(labels: Integers, graph: Neighbours) -> Integers:
    """int64 [n]: the connected part of its area that each unit is in, counted over all areas."""
    inside = labels[graph.rows] == labels[graph.indices]
    ends = graph.rows[inside], graph.indices[inside]
    links = coo_array((np.ones(ends[0].size), ends), shape=(labels.size, labels.size))
    return np.asarray(connected_components(links, directed=False)[1], np.int64)


def broken_areas(labels: Integers, graph: Neighbours) -> list[int]:
    """Return the areas that are in more than one part."""
    parts = connected_parts(labels, graph)
    _, first = np.unique(parts, return_index=True)
    area, count = np.unique(labels[first], return_counts=True)
    return [int(number) for number in area[count > 1]]
