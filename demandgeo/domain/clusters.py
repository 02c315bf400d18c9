"""Clusters that a scan found: windows that hold more events than chance alone puts there."""

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

CLUSTER_COLUMNS = (
    *("cluster", "units", "extent", "x", "y", "radius_m"),
    *("events", "expected", "relative_risk", "log_likelihood_ratio", "p"),
)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ScanClusters(Record):
    """Clusters that share no unit, the most likely one first.

    Parameters
    ----------
    support
        The places.
    labels
        int64 [n]: the cluster of each unit, a row of the table; -1 outside all.
    table
        One row per cluster: cluster (its rank), units, extent (m2 or m), x and y of its centre and its radius_m
        (metres), events, expected, relative_risk (inside over outside, NaN if
        there is no event outside), log_likelihood_ratio, p.
    name
        What was counted.
    provenance
        Null hypothesis, windows, replicates, and what was left out.

    Raises
    ------
    ModelError
        Listing every rule that is broken.
    """

    support: Support
    labels: Integers
    table: pd.DataFrame
    name: str = "events"
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._set(
            labels=frozen_array(self.labels, np.int64),
            table=frozen_table(self.table),
            provenance=frozen_mapping(self.provenance),
        )
        n, k, problems = self.support.n, len(self.table), Problems()
        problems.check(self.labels.shape == (n,), f"{self.labels.shape} labels for {n} units")
        problems.check(
            np.array_equal(np.unique(self.labels[self.labels >= 0]), np.arange(k)) and (self.labels >= -1).all(),
            f"the labels do not run 0..{k - 1} (-1 outside) as the table's {k} rows do",
        )
        problems.check(
            tuple(self.table.columns) == CLUSTER_COLUMNS,
            f"the table has the columns {list(self.table.columns)}",
            f"{list(CLUSTER_COLUMNS)} were needed",
        )
        problems.raise_as(ModelError)
        problems.check(((self.table["p"] > 0) & (self.table["p"] <= 1)).all(), "a p is outside (0, 1]")
        problems.raise_as(ModelError)

    def sentence(self) -> str:
        """One line: the most likely cluster, what was expected there, and how likely chance gives as much."""
        if not len(self.table):
            return "no window holds more events than expected."
        top = self.table.iloc[0]
        return (
            f"the most likely of {len(self.table)} cluster{'s' * (len(self.table) != 1)} holds {top['events']:,.0f} "
            f"events{'' if self.name == 'events' else f' ({self.name})'} where {top['expected']:,.1f} were expected "
            f"({self.provenance.get('null', 'by chance')}): relative risk {top['relative_risk']:.2f}, p {top['p']:.3g}."
        )

    def to_frame(self) -> gpd.GeoDataFrame:
        """One row per cluster, dissolved: the table with area in km2 (or length in km), and its outline."""
        scale, name = {"m2": (1e6, "area_km2"), "m": (1e3, "length_km")}[self.support.extent_unit]
        frame = self.table.assign(extent=self.table["extent"] / scale).rename(columns={"extent": name})
        geometry = self.support.geometry()
        outlines = [shapely.union_all(geometry[self.labels == cluster]) for cluster in range(len(frame))]
        return gpd.GeoDataFrame(frame, geometry=outlines, crs=self.support.crs)

    def summary(self) -> dict[str, object]:
        """Return how many clusters there are, the most likely one, and what chance was."""
        known = ("null", "window", "replicates")
        about = {key: self.provenance[key] for key in known if key in self.provenance}
        return {"clusters": len(self.table), "most likely": self.sentence(), **about}
