"""The settings of a selection: checked all at once, and stated as a problem on the units of a support."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Annotated, Any, Literal, get_args

import numpy as np
from pydantic import Field

from demandgeo.domain import Demand
from demandgeo.domain.record import Floats, Integers
from demandgeo.errors import ModelError, Problems
from demandgeo.kernels.trading import Aim
from demandgeo.priority.problem import ROUNDED, Problem, Rules

Share = Annotated[float, Field(gt=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Length = Annotated[float, Field(ge=0)]
Contiguity = Literal["rook", "queen"]
Within = Literal["district"]
Quota = Annotated[int, Field(ge=0)] | dict[str, Annotated[int, Field(ge=0)]]
QuotaShare = Share | dict[str, Share]

PER_KM = {"m2": 1e6, "m": 1e3}
"""Square metres in a km2, metres in a km: `min_area` is given in these."""
DEMAND_SHARE = 0.25


@dataclass(frozen=True)
class Question:
    """The settings of `priority.select`, whose docstring says what they mean."""

    demand_share: float | None = None
    extent_share: float | None = None
    max_areas: int = 31
    min_area: float = 0.0
    compactness: float = 0.0
    contiguity: str = "rook"
    within: str | None = None
    quota: int | Mapping[str, int] = 0
    quota_share: float | Mapping[str, float] | None = None

    @classmethod
    def behind(cls, settings: Mapping[str, Any]) -> Question:
        """Return the question that a plan with these settings (`settings`) answers."""
        known = {item.name for item in fields(cls)}
        return cls(**{name: value for name, value in settings.items() if name in known and value != ""})

    @property
    def share(self) -> float:
        """The share of demand to be held (a quarter unless a share is given), or of extent that may be used."""
        if self.extent_share is not None:
            return self.extent_share
        return DEMAND_SHARE if self.demand_share is None else self.demand_share

    @property
    def most_demand(self) -> bool:
        """Whether an extent is given, and the most demand within it asked for."""
        return self.extent_share is not None

    def settings(self) -> dict[str, Any]:
        """Return what is kept with a plan: the settings that say something, and what areas are ranked by."""
        given = asdict(self) | ({} if self.most_demand else {"demand_share": self.share})
        kept = {name: value for name, value in given.items() if value not in (None, 0, 0.0)}
        return {"within": "", **kept, "ranked_by": "demand"}

    def check(self) -> None:
        """Raise one ModelError that lists every setting out of range."""
        problems = Problems()
        for name in ("demand_share", "extent_share"):
            share = getattr(self, name)
            good = share is None or 0 < share <= 1
            problems.check(good, f"{name} is {share}", "a share in (0, 1] was needed", "write 0.25 for 25 %")
        if self.demand_share is not None and self.extent_share is not None:
            problems.add("demand_share and extent_share are both given", "one of the two was needed", "drop the other")
        problems.check(self.max_areas >= 1, f"max_areas is {self.max_areas}", "a number >= 1 was needed")
        for name in ("min_area", "compactness"):
            value = getattr(self, name)
            problems.check(0 <= value < np.inf, f"{name} is {value}", "a number >= 0 was needed")
        if self.compactness and self.most_demand:
            found = "compactness prices extent, and extent_share fixes it"
            problems.add(found, "demand_share was needed with it", "give demand_share instead, or drop compactness")
        for name, value, known in (
            ("contiguity", self.contiguity, get_args(Contiguity)),
            ("within", self.within, (None, *get_args(Within))),
        ):
            problems.check(value in known, f"{name} is {value!r}", f"one of {', '.join(map(repr, known))} was needed")
        if (self.quota or self.quota_share) and self.within is None:
            found = "a quota per district is given, but areas may cross district lines"
            problems.add(found, 'within="district" was needed with it', "add it, or drop the quota")
        problems.raise_as(ModelError)

    def problem(self, demand: Demand) -> Problem:
        """State the question; what is NaN may not be chosen, and `within` cuts the graph at district lines.

        Raises
        ------
        ModelError
            If there is no demand or no district, or a quota names a district that there is not.
        """
        total, support = demand.total, demand.support
        units = np.flatnonzero(np.isfinite(total))
        if not total[units].sum() > 0:
            raise ModelError(
                "there is no demand on the support",
                "demand above 0 was needed",
                "look at its balance: where are the events?",
            )
        if self.compactness and support.extent_unit != "m2":
            raise ModelError("compactness is given for streets", "a support with areas was needed", "drop compactness")
        district, names = self._districts(demand, units)
        touching = support.neighbours(self.contiguity)
        first, second = touching.rows, touching.indices
        place = np.full(support.n, -1)
        place[units] = np.arange(units.size)
        keep = (place[first] >= 0) & (place[second] >= 0)
        keep[keep] &= district[place[first[keep]]] == district[place[second[keep]]]
        extent: Floats = np.asarray(support.extent, np.float64)
        problem = Problem(
            units=units,
            demand=total[units],
            extent=extent[units],
            rim=np.bincount(first, touching.weight, minlength=support.n).astype(np.float64)[units],
            district=district,
            indptr=np.concatenate([[0], np.cumsum(np.bincount(place[first[keep]], minlength=units.size))]),
            indices=place[second[keep]],
            border=touching.weight[keep],
            names=names,
            extent_unit=support.extent_unit,
            rules=Rules(Aim.LEAST_COST, 0.0, 1, 0.0, np.zeros(len(names), np.int64), np.zeros(len(names)), 0.0),
        )
        return problem.asking(self.rules(problem, float(extent.sum()), PER_KM[support.extent_unit]))

    def rules(self, problem: Problem, extent: float, per_km: float) -> Rules:
        """Return what a plan must keep, on the units of a problem whose whole support has the extent given."""
        held = np.bincount(problem.district, problem.demand, minlength=len(problem.names))
        if self.most_demand:
            aim, limit = Aim.MOST_DEMAND, self.share * extent / ROUNDED
        else:
            aim, limit = Aim.LEAST_COST, self.share * problem.demand.sum() * ROUNDED
        return Rules(
            aim=aim,
            limit=float(limit),
            most=self.max_areas,
            # Extents that sum to the least one in another order must not fall short of it.
            least=self.min_area * per_km * ROUNDED,
            quota=_per_district("quota", self.quota, problem.names).astype(np.int64),
            floor=_per_district("quota_share", self.quota_share or 0.0, problem.names) * held * ROUNDED,
            # km2 of extent per km of border are 1,000 m2 per m.
            price=self.compactness * 1e3,
        )

    def with_demand_share(self, share: float, max_areas: int, compactness: float) -> Question:
        """Return the question with other numbers."""
        return replace(self, demand_share=share, max_areas=max_areas, compactness=compactness)

    def _districts(self, demand: Demand, units: Integers) -> tuple[Integers, tuple[str, ...]]:
        if self.within is None:
            return np.zeros(units.size, np.int64), ("",)
        group = demand.support.group
        if group is None:
            raise ModelError('within is "district"', "a support with districts was needed", "read it with group=")
        # Units of no district are kept together, as one without a name.
        codes, district = np.unique(group.codes[units], return_inverse=True)
        return district.astype(np.int64), tuple("" if code < 0 else group.names[code] for code in codes.tolist())


def _per_district(name: str, given: float | Mapping[str, float], names: tuple[str, ...]) -> Floats:
    """Return the number of each district: the same for all with a name, or by name (0 for the others)."""
    if not isinstance(given, Mapping):
        return np.where(np.array(names) == "", 0.0, given)
    unknown = sorted(set(given) - set(names))
    if unknown:
        known = ", ".join(sorted(filter(None, names)))
        raise ModelError(f"{name} names the district {unknown[0]!r}", f"one of {known} was needed")
    return np.array([given.get(place, 0.0) for place in names], np.float64)
