"""The plane of two criteria: what a choice of sites is worth in both, and the best one within a limit on the second."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from demandgeo.deployment.costs import Costs
from demandgeo.deployment.covering import by_coverage, by_fewest
from demandgeo.deployment.cutting import by_cuts
from demandgeo.deployment.floors import Floor, by_coverage_above, by_worst_part
from demandgeo.deployment.pricing import by_prices
from demandgeo.deployment.programs import OPTIMAL, TIME_LIMIT, Effort
from demandgeo.deployment.proofs import Proof
from demandgeo.deployment.rules import Rules
from demandgeo.domain.fronts import CRITERIA, TOLERANCE
from demandgeo.domain.record import Floats, Integers, Mask
from demandgeo.errors import ModelError
from demandgeo.kernels.siting import FREE, MUST, NEVER


@dataclass(frozen=True, slots=True)
class Plane:
    """Two criteria of a choice of sites.

    Parameters
    ----------
    objective, against
        Names in `domain.fronts.CRITERIA`.
    sites
        Names of the candidates.
    seconds, weight
        float64 [sites, points] and [points]: the points that some allowed site reaches, for ``"mean_time"``.
    covers, demand
        Boolean [sites, points] and float64 [points]: all points with demand.
    floor
        Coverage of all demand or of each district, if that is what `against` is.
    rules
        Which choices are allowed, whatever the limit.
    """

    objective: str
    against: str
    sites: NDArray[Any]
    seconds: Floats
    weight: Floats
    costs: Costs | None
    covers: Mask
    demand: Floats
    floor: Floor | None
    rules: Rules

    @property
    def sign(self) -> float:
        """1 where less of the objective is better, else -1."""
        return 1.0 if CRITERIA[self.objective].least else -1.0

    @property
    def side(self) -> float:
        """1 where `against` has a most, -1 where it has a least."""
        return 1.0 if CRITERIA[self.against].least else -1.0

    @property
    def ideal(self) -> float:
        """The objective with every allowed site open."""
        return self.value(np.flatnonzero(self.rules.state != NEVER))

    def names(self, chosen: Integers) -> str:
        """Return the names of a choice in one line."""
        return "; ".join(self.sites[chosen].tolist())

    def value(self, chosen: Integers) -> float:
        """Return the objective of a choice: seconds, or a share."""
        if self.objective == "mean_time":
            return float(self.seconds[chosen].min(axis=0) @ self.weight / self.weight.sum())
        return float(self.demand[self.covers[chosen].any(axis=0)].sum() / self.demand.sum())

    def spent(self, chosen: Integers) -> float:
        """Return what a choice has of `against`."""
        if self.against == "sites":
            return float(chosen.size)
        if self.against == "sites_cost":
            return float(self.rules.cost[chosen].sum())
        return 0.0 if self.floor is None else self.floor.share(chosen)

    def allows(self, chosen: Integers) -> bool:
        """Whether a choice keeps the rules; fewer sites than there may be are allowed, as one more does no harm."""
        state, rules = self.rules.state, self.rules
        kept = bool((state[chosen] != NEVER).all()) and bool(np.isin(np.flatnonzero(state == MUST), chosen).all())
        within = rules.size is None or chosen.size <= rules.size
        paid = rules.budget is None or rules.cost[chosen].sum() <= rules.budget * (1 + TOLERANCE)
        return kept and within and bool(paid)

    def strictest(self, effort: Effort) -> Proof:
        """Return the choice that does best in `against`, whatever its objective; objective and bound are of `against`.

        Raises
        ------
        ModelError
            If no choice keeps the rules.
        """
        timed = self.objective == "mean_time"
        if self.floor is None:
            reach = np.isfinite(self.seconds) if timed else np.ones((self.rules.state.size, 1), np.bool_)
            proof = next(by_fewest(reach, self.rules, effort), None)
        else:
            reach = np.isfinite(self.seconds[:, : self.weight.size if timed else 0])
            proof = by_worst_part(self.floor, reach, self.rules, effort)
        if proof is None:
            raise ModelError(
                "no choice of sites that keeps all the rules was found",
                "rules that can hold together were needed",
                "look at p, budget, fixed and forbidden sites, and at the limits of nodes and seconds",
            )
        return proof

    def laxest(self, effort: Effort, start: Integers) -> Proof:
        """Return the choice of the best objective there is; of sites and costs, it takes the least that this needs."""
        if self.floor is not None:
            return self._proven(self.rules, None, start, effort)
        usable = self.rules.state != NEVER
        if self.objective == "mean_time":
            nearest = self.seconds <= self.seconds[usable].min(axis=0)
        else:
            nearest = self.covers[:, self.covers[usable].any(axis=0)]
        if not nearest.size:  # nothing can be covered: any site does
            nearest = np.ones((usable.size, 1), np.bool_)
        proof = next(by_fewest(nearest, self.rules, effort), None)
        chosen = np.flatnonzero(usable) if proof is None else proof.open
        return Proof(chosen, self.ideal, self.ideal, OPTIMAL)

    def within(self, limit: float, start: Integers, effort: Effort) -> Proof:
        """Return the best choice whose `against` is within a limit; `start` is one."""
        if self.floor is not None:
            return self._proven(self.rules, replace(self.floor, least=float(limit)), start, effort)
        if self.against == "sites":
            return self._proven(replace(self.rules, size=int(limit)), None, start, effort)
        unit = float(self.rules.cost.mean()) or 1.0  # the solver's tolerance is absolute
        rules = replace(self.rules, cost=self.rules.cost / unit, budget=float(limit) / unit)
        return self._proven(rules, None, start, effort)

    def keeps(self, limit: float, chosen: Integers) -> bool:
        """Whether a choice is within a limit."""
        return self.side * (self.spent(chosen) - limit) <= TOLERANCE * max(1.0, abs(limit))

    def best(self, proof: Proof, choices: list[Integers]) -> Proof:
        """Return a proof whose choice is the best of its own and of others that keep the same limit."""
        values = [self.sign * self.value(chosen) for chosen in choices]
        if not values or min(values) >= self.sign * proof.objective:
            return proof
        chosen = choices[int(np.argmin(values))]
        reached = self.value(chosen)
        return Proof(chosen, reached, self.sign * min(self.sign * proof.bound, self.sign * reached), proof.status)

    def _proven(self, rules: Rules, floor: Floor | None, start: Integers, effort: Effort) -> Proof:
        started = self._filled(start, rules)
        found = next(self._search(rules, floor, started, effort), None)
        reached = self.value(started)
        if found is None:
            return Proof(started, reached, self.ideal, TIME_LIMIT if effort.left <= 0 else "node limit")
        chosen = self._trimmed(found.open) if self.against == "sites_cost" else found.open
        value, sign = self.value(chosen), self.sign
        whole = self.weight.sum() if self.objective == "mean_time" else self.demand.sum()
        bound = sign * min(max(sign * found.bound / whole, sign * self.ideal), sign * value)
        return self.best(Proof(chosen, value, bound, found.status), [started])

    def _search(self, rules: Rules, floor: Floor | None, start: Integers, effort: Effort) -> Iterator[Proof]:
        if self.costs is not None:
            if floor is None and rules.plain and np.isfinite(self.costs.matrix).all():
                return by_prices(self.costs, rules, effort)
            return by_cuts(self.costs, rules, effort, floor=floor, start=start)
        if floor is None:
            return by_coverage(self.covers, self.demand, np.ones(1), rules, effort)
        return iter((by_coverage_above(floor.cover.weight, floor, rules, effort, start),))

    def _filled(self, chosen: Integers, rules: Rules) -> Integers:
        """Open further sites, the first that may be, where the number that is open is given."""
        spare = np.setdiff1d(np.flatnonzero(rules.state == FREE), chosen)
        return np.sort(np.r_[chosen, spare[: max(0, (rules.size or 0) - chosen.size)]])

    def _trimmed(self, chosen: Integers) -> Integers:
        """Close the sites without which the objective is the same, the dearest first."""
        target = self.sign * self.value(chosen)
        for site in chosen[np.argsort(-self.rules.cost[chosen], kind="stable")]:
            fewer = chosen[chosen != site]
            if self.rules.state[site] == FREE and fewer.size and self.sign * self.value(fewer) <= target:
                chosen = fewer
        return chosen
