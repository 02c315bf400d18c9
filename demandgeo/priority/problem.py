"""The planner's question as a graph: which units may be chosen, what each holds and costs, which of them touch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from demandgeo.domain import Demand
from demandgeo.domain.record import Floats, Integers, Mask
from demandgeo.errors import ModelError
from demandgeo.kernels.regions import label_parts

_ROUNDED = 1.0 - 1e-12
"""The target gives way by what sums in another order may differ, so that one can ask for all of the demand."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Choose units of least extent that hold `target` in at most `most` connected parts.

    Parameters
    ----------
    units
        int64 [m]: the units of the support that may be chosen.
    demand, extent
        float64 [m].
    indptr, indices
        int64: which of them touch, as compressed sparse rows.
    target
        Demand to be held.
    most
        Greatest number of parts.
    """

    units: Integers
    demand: Floats
    extent: Floats
    indptr: Integers
    indices: Integers
    target: float
    most: int

    @classmethod
    def of(cls, demand: Demand, *, demand_share: float, max_areas: int, contiguity: str, within: str | None) -> Problem:
        """State the question; what is NaN may not be chosen, and `within` cuts the graph at district lines."""
        total, support = demand.total, demand.support
        units = np.flatnonzero(np.isfinite(total))
        if not total[units].sum() > 0:
            raise ModelError(
                "there is no demand on the support",
                "demand above 0 was needed",
                "look at its balance: where are the events?",
            )
        touching = support.neighbours(contiguity)
        first, second = touching.rows, touching.indices
        place = np.full(support.n, -1)
        place[units] = np.arange(units.size)
        keep = (place[first] >= 0) & (place[second] >= 0)
        if within == "district":
            if support.group is None:
                raise ModelError('within is "district"', "a support with districts was needed", "read it with group=")
            keep &= support.group.codes[first] == support.group.codes[second]
        indptr = np.concatenate([[0], np.cumsum(np.bincount(place[first[keep]], minlength=units.size))])
        extent: Floats = support.extent
        target = demand_share * total[units].sum() * _ROUNDED
        return cls(units, total[units], extent[units], indptr, place[second[keep]], target, max_areas)

    def parts(self, chosen: Mask) -> Integers:
        """Return the connected part of each unit [m], -1 where it is not chosen."""
        label = np.empty(self.units.size, np.int64)
        label_parts(self.indptr, self.indices, chosen, label)
        return label

    def holds(self, chosen: Mask) -> bool:
        """Whether a choice reaches the target in no more parts than allowed."""
        return bool(self.demand[chosen].sum() >= self.target) and int(self.parts(chosen).max(initial=-1)) < self.most
