"""Patrol areas as numbers: units to divide, plans that divide them, and the search for a good one."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from demandgeo.deployment.costs import Costs, first_choice
from demandgeo.deployment.programs import INFEASIBLE, Effort, Program
from demandgeo.deployment.rules import Rules
from demandgeo.domain import Neighbours
from demandgeo.domain.beats import ROUNDING, connected_parts
from demandgeo.domain.record import Floats, Integers
from demandgeo.kernels.districting import anneal_areas, choose_centres, grow_areas, price_areas
from demandgeo.kernels.siting import FREE

HEATS = (0.0, 0.15, 0.3, 0.6, 2.0, 8.0)
"""Of the annealed runs, in units of the mean time x a unit's mean share: little heat is best for a fine map, much for
a coarse one."""

ROUNDS = 8
"""Most times that centres move into the middle of their areas: 3 to 5 were needed."""

MOST_RUNS, SMALL = 10, 2000
"""Each heat is run ten times on maps of up to 200 units, once from 2,000 on: the coarser, the more it is luck."""

PENALTY = 2.0
"""Price of workload outside the balance, in units of the longest time: no shift that restores balance costs as much."""

PULL = 1e-6
"""Weight of a unit without demand, as a share of the mean: it goes to a near area, and costs nothing to speak of."""

TURNS = 3
"""Times that the bound's centres are tried; the bound differs a little with the plan that it is raised towards."""

PATIENCE = 10
"""Steps without a better bound after which steps are shortened."""

OUT_OF_REACH = 10.0
"""Seconds that stand in for a missing way, as a multiple of the longest there is."""


@dataclass(frozen=True, slots=True)
class Division:
    """What is to be divided.

    Parameters
    ----------
    graph
        Which units touch; connected.
    seconds
        float64 [centres, units], infinite where there is no way.
    share
        float64 [units]: share of all workload, summing to 1.
    fair
        float64 [areas]: share of the workload that each area should have.
    balance
        Most that a workload may differ from its fair share, relative to it.
    chosen
        Whether the centres are to be chosen among the units; else there is one for each area.
    """

    graph: Neighbours
    seconds: Floats
    share: Floats
    fair: Floats
    balance: float
    chosen: bool

    @property
    def areas(self) -> int:
        """How many areas there are."""
        return int(self.fair.size)

    @property
    def least(self) -> Floats:
        """float64 [areas]: least workload, as a share of all; rounding is forgiven."""
        return np.asarray(self.fair * (1.0 - self.balance - ROUNDING), np.float64)

    @property
    def most(self) -> Floats:
        """float64 [areas]: greatest workload, as a share of all."""
        return np.asarray(self.fair * (1.0 + self.balance + ROUNDING), np.float64)

    def within(self, balance: float) -> Division:
        """Return the same question at another balance."""
        return replace(self, balance=balance)

    def cost(self, label: Integers, centre: Integers) -> float:
        """Mean travel time in seconds, weighted by workload."""
        times = self.seconds[centre[label], np.arange(label.size)]
        busy = self.share > 0
        return float(self.share[busy] @ times[busy])

    def reached(self, label: Integers) -> float:
        """Greatest difference of a workload from its fair share, relative to it."""
        held = np.bincount(label, self.share, minlength=self.areas)
        return float(np.abs(held / self.fair - 1.0).max())


@dataclass(frozen=True, slots=True)
class Plan:
    """Units divided: the area of each, int64 [units], the centre of each area, int64 [areas], and mean seconds."""

    label: Integers
    centre: Integers
    cost: float
    balanced: bool

    @classmethod
    def of(cls, division: Division, label: Integers, centre: Integers) -> Plan:
        """Value a division."""
        held = division.reached(label) <= division.balance + ROUNDING
        return cls(label, centre, division.cost(label, centre), held)

    def in_order(self) -> Plan:
        """Return the same plan, its areas in the order of their centres."""
        order = np.argsort(self.centre, kind="stable")
        return replace(self, label=np.argsort(order)[self.label], centre=self.centre[order])

    def better_than(self, other: Plan | None, division: Division) -> bool:
        """Whether it is balanced and the other is not, or has less travel (less imbalance, if neither is balanced)."""
        if other is None or self.balanced != other.balanced:
            return other is None or self.balanced
        if self.balanced:
            return self.cost < other.cost * (1.0 - ROUNDING)
        return division.reached(self.label) < division.reached(other.label) - ROUNDING


@dataclass(frozen=True, slots=True)
class Prices:
    """Seconds added to every way from a base, float64 [areas]: what evens workloads out; and the bound they prove."""

    seconds: Floats

    def bound(self, division: Division) -> float:
        """Return the mean travel time below which no plan is, contiguous or not, with units whole or split.

        For any prices v: the sum of share x least (seconds + v), less v x the greatest workload of each area where v
        is positive, and v x the least where it is negative (Lagrange's multipliers of the workload bounds).
        """
        v, busy = self.seconds, division.share > 0
        near = (division.seconds[:, busy] + v[:, None]).min(axis=0)
        slack = np.maximum(v, 0.0) @ division.most + np.minimum(v, 0.0) @ np.maximum(division.least, 0.0)
        return float(division.share[busy] @ near - slack)


def balance_prices(division: Division, effort: Effort) -> Prices | None:
    """Return the prices that prove most, from the linear program of whole or split units; None if it has no answer."""
    busy = np.flatnonzero(division.share > 0)
    area, unit = np.nonzero(np.isfinite(division.seconds[:, busy]))
    share, seconds = division.share[busy], division.seconds[:, busy]
    scale = float(seconds[area, unit].mean()) or 1.0
    columns, k = area.size, division.areas
    # The workload of each area is a column of its own, after those of the pairs: its reduced cost is the price.
    program = Program(
        np.r_[share[unit] * busy.size * seconds[area, unit] / scale, np.zeros(k)],
        np.r_[np.zeros(columns), np.maximum(division.least, 0.0) * busy.size],
        np.r_[np.full(columns, np.inf), division.most * busy.size],
        seed=effort.seed,
    )
    by_unit = np.argsort(unit, kind="stable")
    starts = np.searchsorted(unit[by_unit], np.arange(busy.size))
    program.add_rows(np.ones(busy.size), np.ones(busy.size), starts, by_unit, np.ones(columns))
    for j in range(k):
        own = np.flatnonzero(area == j)
        program.add_row(0.0, 0.0, np.r_[own, columns + j], np.r_[share[unit[own]] * busy.size, -1.0])
    solution = program.solve(effort)
    if solution.status == INFEASIBLE or not solution.reduced.size:
        return None
    return Prices(-solution.reduced[columns:] * scale)


def centre_bound(division: Division, plan: Plan, steps: int) -> tuple[float, Integers]:
    """Return a mean travel time below which no plan is, wherever its centres are, and the centres it is proven with.

    For any prices p of the units: the sum of share x p, and of the `areas` least values of a centre, where a centre
    takes the units of least seconds - p, between the least and the greatest workload (Lagrange's multipliers of "each
    unit is in an area"). Subgradient steps raise it (Polyak's, in seconds, towards the plan's cost).
    """
    busy = np.flatnonzero(division.share > 0)
    seconds, share = np.ascontiguousarray(_finite(division.seconds)[:, busy]), division.share[busy]
    rank = min(1, division.areas - 1)
    price = np.partition(seconds[plan.centre], rank, axis=0)[rank]
    best, found, agility, stalled, direction = -np.inf, price, 1.0, 0, np.zeros(busy.size)
    chosen = plan.centre
    for _ in range(steps):
        bound, centres, slope = _priced(division, seconds, share, price)
        if bound > best:
            stalled = stalled if bound - best < 1e-5 * abs(best) else 0
            best, found, chosen = bound, price, centres
        else:
            stalled += 1
        if stalled >= PATIENCE:
            agility, stalled, price, direction = agility * 0.6, 0, found, np.zeros(busy.size)
        direction = slope + 0.6 * direction
        length = float(share @ direction**2)
        if agility < 1e-2 or length <= 0.0 or best >= plan.cost:
            break
        price = price + agility * max(plan.cost - bound, 1e-9) / length * direction
    return best, chosen


def _priced(division: Division, seconds: Floats, share: Floats, price: Floats) -> tuple[float, Integers, Floats]:
    """Return the bound that prices prove, its centres, and its slope: 1 less the areas that each unit is in."""
    least, most = max(0.0, float(division.least.min())), float(division.most.max())
    value, edge = np.empty(len(seconds)), np.empty(len(seconds))
    price_areas(seconds, share, most, price, value, edge)
    k = division.areas
    centres, worth, last = np.empty(k, np.int64), np.empty(k), np.empty(k)
    choose_centres(seconds, share, least, most, price, value, edge, centres, worth, last)
    taken = _taken(seconds[centres] - price, last, share, least, most)
    return float(share @ price + worth.sum()), centres, 1.0 - taken


def _taken(gain: Floats, edge: Floats, share: Floats, least: float, most: float) -> Floats:
    """float64 [units]: in how many of the areas each unit is, those at the edge of an area in part."""
    taken = (gain < edge[:, None]).astype(np.float64)
    last = (gain == edge[:, None]) & (edge != 0.0)[:, None]
    room = np.maximum(np.where(edge < 0.0, most, least) - taken @ share, 0.0)
    width = last @ share
    part = np.divide(room, width, out=np.zeros(len(edge)), where=width > 0)
    return np.asarray((taken + last * np.minimum(part, 1.0)[:, None]).sum(axis=0), np.float64)


def divide(division: Division, prices: Prices | None, *, seed: int, moves: int) -> Plan:
    """Divide the units among the bases, from the division that the bases' prices make."""
    return _around(division, np.arange(division.areas), prices, seed, moves)


def divide_and_centre(division: Division, *, seed: int, moves: int, steps: int) -> tuple[Plan, float]:
    """Divide the units round centres, and return the plan and a bound on the mean travel time of every plan.

    It starts from centres that disregard workload, and from those that the bound's prices would choose, which do not.
    """
    best = _settled(division, _central_units(division, seed), seed, moves)
    bound = 0.0
    for turn in range(1, TURNS + 1):
        raised, centre = centre_bound(division, best, steps)
        bound = max(bound, raised)
        plan = _settled(division, centre, seed + turn * ROUNDS, moves)
        if plan.better_than(best, division):
            best = plan
    return best, bound


def _settled(division: Division, centre: Integers, seed: int, moves: int) -> Plan:
    """Divide the units round centres, and let these move to the middle of their areas as long as that gains."""
    best: Plan | None = None
    for turn in range(ROUNDS):
        based = replace(division, seconds=division.seconds[centre], chosen=False)
        prices = balance_prices(based, Effort(0.0, 1, None, seed, 0.0))
        plan = _around(division, centre, prices, seed + turn, moves)
        centre = _middles(division, plan.label)
        plan = Plan.of(division, plan.label, centre)
        if not plan.better_than(best, division):
            break
        best = plan
    assert best is not None
    return best


def _central_units(division: Division, seed: int) -> Integers:
    """Return good centres without regard to workload."""
    weight = np.maximum(division.share, PULL / division.share.size)
    reach = _finite(division.seconds)
    free = Rules(np.full(weight.size, FREE), division.areas, np.ones(weight.size), None)
    return first_choice(Costs.of(reach * weight, weight), free, seed)[0]


def _middles(division: Division, label: Integers) -> Integers:
    """Return the unit of each area from which its workload is nearest."""
    weight = np.maximum(division.share, PULL / division.share.size)
    reach = _finite(division.seconds)
    middle = []
    for area in range(division.areas):
        own = np.flatnonzero(label == area)
        middle.append(own[np.argmin(reach[np.ix_(own, own)] @ weight[own])])
    return np.array(middle, np.int64)


def _finite(seconds: Floats) -> Floats:
    known = np.isfinite(seconds)
    return seconds if known.all() else np.where(known, seconds, OUT_OF_REACH * seconds[known].max())


def _around(division: Division, centre: Integers, prices: Prices | None, seed: int, moves: int) -> Plan:
    """Divide the units among given centres."""
    n, k = division.share.size, division.areas
    seconds = _finite(division.seconds)[centre].T
    start = _grown(division, seconds + (prices.seconds if prices else 0.0), centre)
    locked = np.zeros(n, np.bool_)
    if division.chosen:
        locked[centre] = True
    weight = np.maximum(division.share, PULL / n)
    # A step between border units differs by about a tenth of the mean time, times a unit's share of the workload.
    warm = float(division.share @ seconds.min(axis=1)) / n
    heat = warm * np.tile(HEATS, max(1, min(MOST_RUNS, SMALL // n)))
    label, result = np.empty((heat.size, n), np.int64), np.empty((heat.size, 2))
    anneal_areas(
        division.graph.indptr,
        division.graph.indices,
        np.ascontiguousarray(weight[:, None] * seconds),
        division.share,
        division.least,
        division.most,
        locked,
        start,
        seed,
        moves * n,
        heat,
        PENALTY * float(seconds.max()),
        label,
        result,
    )
    outside = np.where(result[:, 0] < ROUNDING / k, 0.0, result[:, 0])
    best = int(np.lexsort((np.arange(heat.size), result[:, 1], outside))[0])
    return Plan.of(division, label[best], centre)


def _grown(division: Division, priced: Floats, centre: Integers) -> Integers:
    """Give each unit to its least-priced centre, then mend: what a seed does not hold together grows anew."""
    k, seed = priced.shape[1], centre
    if not division.chosen:
        # Bases may stand outside the map, or two beside one unit: distinct seeds, in all as near as can be.
        areas, units = linear_sum_assignment(priced.T)
        seed = units[np.argsort(areas)]
    label: Integers = np.argmin(priced, axis=1).astype(np.int64)
    label[seed] = np.arange(k)
    part = connected_parts(label, division.graph)
    label[part != part[seed][label]] = -1
    regret = np.ascontiguousarray(priced - priced.min(axis=1, keepdims=True))
    grow_areas(division.graph.indptr, division.graph.indices, regret, label)
    return label
