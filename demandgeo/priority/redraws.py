"""Demand drawn anew from what was counted, and the areas chosen anew on each draw."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from demandgeo.domain import Demand, Events, PriorityAreas, Support
from demandgeo.domain.record import Floats, Integers, Mask
from demandgeo.errors import ModelError
from demandgeo.kernels.chance import fill_uniform
from demandgeo.kernels.draws import draw_gammas
from demandgeo.priority.problem import Problem
from demandgeo.priority.questions import PER_KM, Question
from demandgeo.priority.searching import at_price, traded
from demandgeo.statistics.assignment import assign
from demandgeo.statistics.mixes import DirichletMix
from demandgeo.statistics.rates import GammaPoisson, poisson_counts

PRICES = 12
"""Prices tried to find the one at which the search reaches the share by itself; each halves the range."""

DEARER = 1.3
"""Where the areas cannot grow to the share, they are chosen anew at a price so many times higher."""

TRADES = 2_000
"""Trades at the border of a redrawn choice: those that pay come first (33,000 cells: as good as 130,000 trades)."""

FOLDING = -1
"""Which numbers of a seed hand out the folds: none that a draw uses."""


@dataclass(frozen=True, slots=True, eq=False)
class Reselection:
    """The rules of a plan, applied to other demand in one pass at one price.

    `priority.select` tries many prices and improves each choice; here the price is found once, on the demand that the
    plan was chosen on. A pass at that price makes much the same choice in a fortieth of the time.

    Parameters
    ----------
    question
        The rules.
    problem
        The question on the demand of the plan.
    price
        Extent that a unit of the plan's demand is worth.
    support
        Whose units are chosen.
    """

    question: Question
    problem: Problem
    price: float
    support: Support

    @classmethod
    def of(cls, demand: Demand, question: Question) -> Reselection:
        """Find the price."""
        problem = question.problem(demand)
        amount = problem.extent if problem.most_demand else problem.demand
        even = problem.extent.sum() / problem.demand.sum()
        low, high = 1e-6 * even, 1e3 * even
        for _ in range(PRICES):
            price = float(np.sqrt(low * high))
            reached = amount[at_price(problem, price)].sum() >= problem.rules.limit
            low, high = (low, price) if reached else (price, high)
        return cls(question, problem, high, demand.support)

    @classmethod
    def like(cls, areas: PriorityAreas) -> Reselection:
        """State the rules that areas keep."""
        return cls.of(areas.demand, Question.behind(areas.settings))

    def choose(self, values: Floats) -> Mask:
        """Return the units chosen on demand [n] of the same support, bool [n].

        Raises
        ------
        ModelError
            If there is no demand, or the rules cannot be kept.
        """
        own = values[self.problem.units]
        if not own.sum() > 0:
            raise ModelError("there is no demand to choose on", "demand above 0 was needed")
        problem = replace(self.problem, demand=own)
        extent: Floats = self.support.extent
        rules = self.question.rules(problem, float(extent.sum()), PER_KM[self.support.extent_unit])
        problem = problem.asking(rules)
        price = self.price * float(self.problem.demand.sum() / own.sum())
        for _ in range(2 * PRICES):
            chosen = traded(problem, at_price(problem, price), TRADES)
            if problem.keeps_rules(chosen):
                inside = np.zeros(self.support.n, bool)
                inside[problem.units] = chosen
                return inside
            price *= DEARER
        raise ModelError(
            f"no {rules.most} contiguous areas found that keep the rules of the plan on redrawn demand",
            "areas that can hold the share were needed",
            "allow more areas or lower demand_share",
        )


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """What was counted, event by event.

    Parameters
    ----------
    unit
        int64 [events]: the unit of each.
    kind
        int64 [events]: its category, counted from 0.
    weight, weight_sd
        float64 [events].
    support
        The places.
    """

    unit: Integers
    kind: Integers
    weight: Floats
    weight_sd: Floats
    support: Support

    @classmethod
    def of(cls, demand: Demand, events: Events | None) -> Recorded:
        """Take counted demand apart.

        Parameters
        ----------
        demand
            Counts or harm.
        events
            What was counted: needed for harm, whose categories differ in weight; counts can do without.

        Raises
        ------
        ModelError
            If the demand is no count of events, or the events are not those that it was counted from.
        """
        smooth = events is None and demand.is_count and bool((demand.total % 1.0 > 0).any())
        if demand.measure not in ("incidents", "weight") or smooth:
            raise ModelError(
                f"the areas were chosen on {demand.measure}{', smoothed' * smooth}",
                "demand counted by density.count was needed: a surface has no counts to draw from",
                "choose the areas on counts",
            )
        if events is not None:
            recorded = cls.placed(events, demand.support)
            if not np.allclose(recorded.total(), demand.total, rtol=1e-9):
                raise ModelError(
                    f"the {len(events):,} events do not sum to the demand that the areas were chosen on",
                    "the events that were counted for it, with the same weights, were needed",
                )
            return recorded
        if not demand.is_count:
            raise ModelError(
                f"the areas were chosen on demand weighted by {demand.weight_name!r}",
                "the weighted events were needed too: how many, of which category",
                "give the events as the second input",
            )
        count = np.nan_to_num(demand.total).round().astype(np.int64)
        unit = np.repeat(np.arange(demand.support.n), count)
        return cls(unit, np.zeros_like(unit), np.ones(unit.size), np.zeros(unit.size), demand.support)

    @classmethod
    def placed(cls, events: Events, support: Support) -> Recorded:
        """Place events on a support; those off it are left out."""
        unit = assign(events, support)
        on = unit >= 0
        kind = np.unique(events.category.codes[on], return_inverse=True)[1]
        return cls(unit[on], kind.astype(np.int64), events.weight[on], events.weight_sd[on], support)

    def total(self, rows: Mask | None = None) -> Floats:
        """Return the demand of each unit, float64 [n]; of some events only, where `rows` are given."""
        rows = np.ones(self.unit.size, bool) if rows is None else rows
        sums = np.bincount(self.unit[rows], self.weight[rows], minlength=self.support.n)
        return cast(Floats, sums.astype(np.float64))

    def folds(self, seed: int, folds: int) -> Integers:
        """Return the fold of each event, int64: Poisson counts split so are independent (thinning)."""
        number = np.empty((1, self.unit.size))
        fill_uniform(seed, FOLDING, number)
        fold: Integers = (number[0] * folds).astype(np.int64)
        return fold

    def by_category(self) -> tuple[Floats, Floats, Floats]:
        """Return the number of events, their mean weight and the variance of that mean, each float64 [categories, n].

        The mean is that of the unit's events and one more of the category's mean weight; the variance that of as many
        draws from the category.
        """
        shape = (int(self.kind.max(initial=0)) + 1, self.support.n)
        flat = self.kind * shape[1] + self.unit

        def sums(column: Floats | None) -> Floats:
            return np.bincount(flat, column, minlength=shape[0] * shape[1]).reshape(shape).astype(np.float64)

        count, total = sums(None), sums(self.weight)
        number = count.sum(axis=1, keepdims=True)
        mean = total.sum(axis=1, keepdims=True) / number
        squares = sums((self.weight - mean[self.kind, 0]) ** 2 + self.weight_sd**2).sum(axis=1, keepdims=True)
        return count, (total + mean) / (count + 1.0), squares / number / (count + 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class DemandModel:
    """Demand as events at unknown rates, of several categories, each of unknown severity within its category.

    Number and kind are apart: categories modelled each by itself would lose that a busy place is busy in most of them.

    Parameters
    ----------
    rates
        Gamma-Poisson model of the number of all events, one layer.
    mix
        Shares of the categories.
    weight, spread
        float64 [categories, n]: mean weight of an event in the unit, and the standard deviation of that mean.
    """

    rates: GammaPoisson
    mix: DirichletMix
    weight: Floats
    spread: Floats

    @classmethod
    def fit(cls, recorded: Recorded, *, contiguity: str, severity_spread: bool = True) -> DemandModel:
        """Fit it to what was recorded; without `severity_spread` the mean weight of each category is taken as known."""
        count, weight, variance = recorded.by_category()
        touching = recorded.support.neighbours(contiguity)
        rates = GammaPoisson.fit(count.sum(axis=0, keepdims=True), recorded.support.extent, touching)
        spread = np.where(count > 0, np.sqrt(variance), 0.0) if severity_spread else np.zeros(weight.shape)
        return cls(rates, DirichletMix.fit(count, touching), weight, spread)

    def intensity(self, seed: int, draw: int) -> Floats:
        """Draw the demand to expect in a period like the recorded one, float64 [n]."""
        return _summed(self._rates(seed, draw), self._weights(seed, draw))

    def periods(self, seed: int, draw: int, number: int, *, length: float = 1.0) -> Floats:
        """Draw the demand of independent periods at the same rates, float64 [number, n].

        Parameters
        ----------
        seed, draw
            The rates are those of `intensity`.
        number
            How many periods.
        length
            Of each, in recorded periods.
        """
        rates, weight = self._rates(seed, draw) * length, self._weights(seed, draw)
        return np.stack([_summed(poisson_counts(rates, seed + 2 + period, draw), weight) for period in range(number)])

    def _rates(self, seed: int, draw: int) -> Floats:
        """Draw the rates of each category, float64 [categories, n]."""
        return self.rates.rates(seed, draw) * self.mix.shares(seed + 1, draw)

    def _weights(self, seed: int, draw: int) -> Floats:
        """Draw the mean weight of units with events: gamma, with its mean and spread."""
        unsure = np.flatnonzero(self.spread > 0)
        if not unsure.size:
            return self.weight
        mean, spread = self.weight.ravel()[unsure], self.spread.ravel()[unsure]
        drawn = np.empty(unsure.size)
        draw_gammas(~seed, draw, (mean / spread) ** 2, spread**2 / mean, drawn)
        weight = self.weight.copy()
        weight.reshape(-1)[unsure] = drawn
        return weight


def _summed(number: Floats, weight: Floats) -> Floats:
    return cast(Floats, np.einsum("cn,cn->n", number, weight))
