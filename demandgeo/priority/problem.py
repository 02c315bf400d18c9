"""The planner's question as a graph: what each unit holds and costs, which of them touch, and what a plan must keep."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from demandgeo.domain.record import Floats, Integers, Mask
from demandgeo.kernels.regions import label_parts
from demandgeo.kernels.trading import Aim

ROUNDED = 1.0 - 1e-12
"""Demand asked for gives way by what sums in another order may differ, so that one can ask for all of it."""


@dataclass(frozen=True)
class Rules:
    """What a plan must keep.

    Parameters
    ----------
    aim
        `Aim.LEAST_COST`: hold `limit` of demand at least cost. `Aim.MOST_DEMAND`: use at most `limit` of extent.
    limit
        Demand, or extent.
    most
        Greatest number of parts.
    least
        Least extent of a part.
    quota, floor
        int64 and float64 [districts]: parts and demand that each district must have at least.
    price
        Cost of a length of border.
    """

    aim: Aim
    limit: float
    most: int
    least: float
    quota: Integers
    floor: Floats
    price: float


@dataclass(frozen=True)
class Problem:
    """Choose units in connected parts that keep the rules.

    Parameters
    ----------
    units
        int64 [m]: the units of the support that may be chosen.
    demand, extent, rim
        float64 [m]; the rim is the length of a unit's border with all others.
    district
        int64 [m], 0..len(names) - 1.
    indptr, indices, border
        Which of them touch, as compressed sparse rows, and the length of their borders.
    names
        The districts that are kept apart; one nameless district if none are.
    extent_unit
        ``"m2"`` or ``"m"``.
    rules
        What a plan must keep.
    """

    units: Integers
    demand: Floats
    extent: Floats
    rim: Floats
    district: Integers
    indptr: Integers
    indices: Integers
    border: Floats
    names: tuple[str, ...]
    extent_unit: str
    rules: Rules

    def asking(self, rules: Rules) -> Problem:
        """Return the same places with other rules."""
        return replace(self, rules=rules)

    @property
    def n(self) -> int:
        """Number of units."""
        return int(self.units.size)

    @property
    def most_demand(self) -> bool:
        """Whether as much demand as possible is asked for, within an extent."""
        return self.rules.aim == Aim.MOST_DEMAND

    @cached_property
    def rows(self) -> Integers:
        """int64: the unit whose neighbour each index is."""
        return np.repeat(np.arange(self.n), np.diff(self.indptr))

    @cached_property
    def pieces(self) -> Integers:
        """int64 [m]: the connected piece of the support that each unit lies in."""
        return self.parts(np.ones(self.n, bool))

    @cached_property
    def by_density(self) -> Integers:
        """The units from the densest on; ties by the lower unit."""
        return np.argsort(-self.demand / self.extent, kind="stable")

    def parts(self, chosen: Mask) -> Integers:
        """Return the connected part of each unit [m], -1 where it is not chosen."""
        label = np.empty(self.n, np.int64)
        label_parts(self.indptr, self.indices, chosen, label)
        return label

    def border_of(self, chosen: Mask) -> float:
        """Return the length of the border between chosen units and all others."""
        inner = chosen[self.rows] & chosen[self.indices]
        return float(self.rim[chosen].sum() - self.border[inner].sum())

    def objective(self, chosen: Mask) -> float:
        """Return the demand held, or the cost: extent, and price times border."""
        if self.most_demand:
            return float(self.demand[chosen].sum())
        cost = float(self.extent[chosen].sum())
        return cost + self.rules.price * self.border_of(chosen) if self.rules.price > 0 else cost

    def keeps_rules(self, chosen: Mask) -> bool:
        """Whether a choice keeps every rule."""
        rules, part = self.rules, self.parts(chosen)
        parts = int(part.max(initial=-1)) + 1
        if not 0 < parts <= rules.most:
            return False
        inside = part >= 0
        if np.bincount(part[inside], self.extent[inside]).min() < rules.least:
            return False
        _, one_each = np.unique(part[inside], return_index=True)
        districts = rules.quota.size
        number = np.bincount(self.district[inside][one_each], minlength=districts)
        held = np.bincount(self.district[inside], self.demand[inside], minlength=districts)
        if (number < rules.quota).any() or (held < rules.floor).any():
            return False
        if self.most_demand:
            return bool(self.extent[chosen].sum() <= rules.limit)
        return bool(self.demand[chosen].sum() >= rules.limit)

    def better(self, first: Mask, second: Mask) -> Mask:
        """Return the better choice of those that keep the rules; the first one on a tie."""
        if not self.keeps_rules(second):
            return first
        if not self.keeps_rules(first):
            return second
        sign = -1.0 if self.most_demand else 1.0
        return second if sign * self.objective(second) < sign * self.objective(first) else first
