"""Who waits longer under an option than under the status quo, and who less."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np

from demandgeo.domain.record import Floats, Mask, Record, frozen_array, frozen_mapping
from demandgeo.domain.support import Support
from demandgeo.errors import ModelError, Problems


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TimeChanges(Record):
    """Travel time to each place under the status quo and under an option.

    Parameters
    ----------
    support
        The places.
    before, after
        float64 [n], seconds, mean over the shifts; infinite where nobody comes.
    demand, residents
        float64 [n]; residents None where they are not known.
    status_quo, option
        Names of the two.
    margin
        Seconds: a smaller change is none.
    measure
        Unit of the demand.
    provenance
        Profile of the travel times, period of the demand.

    Raises
    ------
    ModelError
        Listing every rule that is broken.
    """

    support: Support
    before: Floats
    after: Floats
    demand: Floats
    residents: Floats | None
    status_quo: str
    option: str
    margin: float
    measure: str
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        columns = ("before", "after", "demand", *(() if self.residents is None else ("residents",)))
        self._set(
            provenance=frozen_mapping(self.provenance),
            **{name: frozen_array(getattr(self, name), np.float64) for name in columns},
        )
        n, problems = self.support.n, Problems()
        for name in columns:
            column = getattr(self, name)
            good = column.shape == (n,) and bool((column >= 0).all())
            problems.check(good, f"{name} is not {n} numbers >= 0, one per place")
        problems.check(self.margin >= 0, f"the margin is {self.margin}", "seconds >= 0 were needed")
        problems.raise_as(ModelError)

    @property
    def change(self) -> Floats:
        """float64 [n]: seconds that help takes longer (below 0: less); 0 where nobody comes before or after."""
        level = self.before == self.after
        return np.where(level, 0.0, np.subtract(self.after, self.before, out=np.zeros(len(level)), where=~level))

    @property
    def worse(self) -> Mask:
        """Boolean [n]: where it takes longer by more than the margin."""
        return np.asarray(self.change > self.margin)

    @property
    def better(self) -> Mask:
        """Boolean [n]: where it takes less by more than the margin."""
        return np.asarray(self.change < -self.margin)

    @property
    def crs(self) -> str:
        """Projected, in metres."""
        return self.support.crs

    def to_frame(self) -> gpd.GeoDataFrame:
        """One row per place: the support's columns, minutes before and after, change, demand, residents, geometry."""
        columns = {
            "before_min": self.before / 60.0,
            "after_min": self.after / 60.0,
            "change_min": self.change / 60.0,
            "demand": self.demand,
            **({} if self.residents is None else {"residents": self.residents}),
        }
        frame = self.support.to_frame()
        geometry = frame.geometry.name
        kept = frame.drop(columns=[geometry, *(name for name in columns if name in frame)])
        return gpd.GeoDataFrame(kept.assign(**columns), geometry=frame.geometry, crs=self.crs)

    def sentence(self) -> str:
        """One line: whom the option makes wait longer and whom less."""
        weight, who = (self.demand, "demand") if self.residents is None else (self.residents, "residents")
        longer, less = (float(weight[part].sum() / weight.sum()) for part in (self.worse, self.better))
        return (
            f"with {self.option!r} in place of {self.status_quo!r}, help takes longer by more than "
            f"{self.margin:g} s to {longer:.1%} of {who}, and less to {less:.1%}."
        )

    def summary(self) -> dict[str, object]:
        """Return the two options, the shares that gain and lose, and the greatest changes."""
        finite = self.change[np.isfinite(self.change)]
        return {
            "places": self.support.n,
            "option": self.option,
            "status_quo": self.status_quo,
            "worse": int(self.worse.sum()),
            "better": int(self.better.sum()),
            "change_min": f"{finite.min(initial=0.0) / 60:.1f} to {finite.max(initial=0.0) / 60:.1f}",
        }
