"""Local statistics: a score for each unit of a support, and how likely chance alone makes it as high."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import geopandas as gpd
import numpy as np

from demandgeo.domain.labels import Labels
from demandgeo.domain.record import Floats, Mask, Record, frozen_array, frozen_mapping
from demandgeo.domain.support import Support
from demandgeo.errors import ModelError, Problems


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LocalStatistic(Record):
    """A tested statistic on a support.

    Parameters
    ----------
    support
        The places.
    statistic
        float64 [n]: what was observed, in the unit of `measure`.
    z
        float64 [n]: its score, in standard deviations from what chance alone gives.
    p
        float64 [n], in (0, 1]: how likely chance alone gives as much, unit by unit.
    q
        float64 [n], in (0, 1]: the least false-discovery rate at which a unit stands out.
    name
        What was tested.
    measure
        Unit of the statistic.
    provenance
        Method, null hypothesis, parameters and thresholds; its `alternative` says to which side p looks.
    kind
        What sort of place each unit is (``"high among high"``), where the statistic tells several apart.

    Where a unit could not be tested z, p and q are NaN.

    Raises
    ------
    ModelError
        Listing every rule that is broken.
    """

    support: Support
    statistic: Floats
    z: Floats
    p: Floats
    q: Floats
    name: str = "events"
    measure: str = ""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    kind: Labels | None = None

    def __post_init__(self) -> None:
        columns = {name: frozen_array(getattr(self, name), np.float64) for name in ("statistic", "z", "p", "q")}
        self._set(**columns, provenance=frozen_mapping(self.provenance))
        n, problems = self.support.n, Problems()
        for name, column in columns.items():
            problems.check(column.shape == (n,), f"{name} has the shape {column.shape}", f"({n},) was needed")
            problems.check(not np.isinf(column).any(), f"a value of {name} is infinite", "finite numbers, or NaN")
        for name in ("p", "q"):
            known = columns[name][~np.isnan(columns[name])]
            problems.check(((known > 0) & (known <= 1)).all(), f"a value of {name} is outside (0, 1]")
        if self.kind is not None:
            problems.check(len(self.kind) == n, f"kind has {len(self.kind)} rows", f"{n} were needed")
        problems.raise_as(ModelError)
        for name in ("p", "q"):
            problems.check(
                np.array_equal(np.isnan(columns[name]), np.isnan(self.z)),
                f"{name} and z are not known of the same units",
            )
        problems.raise_as(ModelError)

    @property
    def tested(self) -> Mask:
        """Boolean [n]: the units that could be tested."""
        return cast(Mask, ~np.isnan(self.p))

    def significant(self, alpha: float = 0.05) -> Mask:
        """Boolean [n]: the units that stand out at a false-discovery rate of at most alpha."""
        return self.q <= alpha

    def to_frame(self) -> gpd.GeoDataFrame:
        """One row per unit: the support's columns, then statistic, z, p, q and, where there is one, the kind."""
        frame = self.support.to_frame()
        at = cast(int, frame.columns.get_loc("geometry"))
        columns: dict[str, Any] = {name: getattr(self, name) for name in ("statistic", "z", "p", "q")}
        if self.kind is not None:
            columns["kind"] = self.kind.to_array()
        for place, (name, column) in enumerate(columns.items()):
            frame.insert(at + place, name, column)
        return frame

    def summary(self) -> dict[str, object]:
        """Return what was tested, where, and how many units stand out."""
        return {
            "name": self.name,
            "measure": self.measure,
            "units": f"{self.support.n} {self.support.unit_name}",
            "tested": int(self.tested.sum()),
            "significant (q <= 0.05)": int(self.significant().sum()),
            **{key: value for key, value in self.provenance.items() if key in ("method", "null", "replicates")},
        }
