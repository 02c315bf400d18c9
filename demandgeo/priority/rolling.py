"""Rolling back-tests: areas chosen on each window of periods, tested on the next, beside the field's usual methods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

import numpy as np
import pandas as pd
from pydantic import Field

from demandgeo.domain import COUNT, Demand, Events, Support, Table
from demandgeo.domain.demand import Balance
from demandgeo.domain.record import Floats, Integers, Mask
from demandgeo.errors import ModelError, Problems, did_you_mean
from demandgeo.priority import scores
from demandgeo.priority.questions import Question
from demandgeo.priority.redraws import DemandModel, Recorded, Reselection
from demandgeo.priority.rivals import RIVALS
from demandgeo.priority.selection import select
from demandgeo.registry import stage
from demandgeo.statistics.assignment import assign

Count = Annotated[int, Field(ge=1)]
Method = Literal["selection", "kde_contour", "gi_clumps", "dbscan", "top_cells"]
Period = Literal["month", "year"]

METHODS = get_args(Method)
UNCHANGED, KNOWN = "ceiling: nothing changes", "ceiling: intensity known"

COLUMNS = (
    "tested",
    "chosen_on",
    "method",
    "areas",
    "extent_share",
    "chosen_share",
    "demand_share",
    "low",
    "high",
    "pai",
    "pei_star",
    "jaccard",
)

NOTES = (
    "demand_share: of the tested period's demand; low and high are the 95 % range of the ceilings' redraws.",
    f"{UNCHANGED}: the selection's own score if the true rates stayed as they are, and only chance differed.",
    f"{KNOWN}: what areas chosen on the true rates would hold of them, by the same rules.",
    "jaccard: overlap, by extent, with the areas of the window before.",
    "top_cells does not keep the number of areas.",
)


@stage("priority.rolling_backtest")
def rolling_backtest(
    events: Events,
    support: Support,
    *,
    demand_share: Annotated[float, Field(gt=0, le=1)] = 0.25,
    max_areas: Count = 31,
    period: Period = "month",
    window: Count = 1,
    methods: Sequence[Method] = METHODS,
    draws: Annotated[int, Field(ge=0)] = 20,
    seed: int = 0,
) -> Table:
    """Choose areas on each window of periods, by several methods, and test them on the period that follows.

    Parameters
    ----------
    events
        Of at least `window` + 1 periods.
    support
        Grid or zones.
    demand_share, max_areas
        As for `priority.select`; every method is asked for the same.
    period
        ``"month"`` or ``"year"``; periods without events do not count, so that the Julys of three years follow each
        other.
    window
        How many periods areas are chosen on.
    methods
        ``"selection"`` is `priority.select`; the others are those of `priority.rivals`.
    draws
        Of the ceilings; 0 leaves them out.
    seed
        Of the draws.

    Returns
    -------
    Table
        One row per tested period and method: tested, chosen_on, method, areas, extent_share, chosen_share,
        demand_share, low, high, pai, pei_star, jaccard.

    Raises
    ------
    GeometryError
        If events and support have different CRS.
    ModelError
        If there are too few periods, a method is not known, or a period has no demand on the support.

    Notes
    -----
    Ceilings. Rates are drawn from their gamma-Poisson posterior given the window (`priority.redraws.DemandModel`).
    *Nothing changes*: periods are drawn at those rates, areas chosen on a window of them and tested on the next. That
    is what the selection scores when chance is all that differs; a lower score says that demand has moved.
    *Intensity known*: areas are chosen on the rates themselves and tested on them. No areas that keep the rules can be
    expected to hold as much in less, but for the gap of the search.

    Examples
    --------
    >>> from demandgeo.domain import Grid
    >>> grid = Grid.covering((0, 0, 1000, 1000), cell=100, crs="EPSG:27700")
    >>> place = np.random.default_rng(1).normal(500, 150, (2, 600))
    >>> time = np.repeat(np.array(["2018-01", "2018-02"], "datetime64[s]"), 300)
    >>> events = Events.at(*place, crs="EPSG:27700", time=time)
    >>> table = rolling_backtest(events, grid, max_areas=3, methods=["selection", "gi_clumps"], draws=0)
    >>> table.rows[["tested", "method"]].values.tolist()
    [['2018-02', 'selection'], ['2018-02', 'gi_clumps']]
    """
    timeline = Timeline.of(events, support, period)
    _check(timeline, demand_share, window, methods, draws)
    ask = {"demand_share": demand_share, "max_areas": max_areas}
    before: dict[str, Mask] = {}
    rows: list[dict[str, Any]] = []
    for tested in range(window, len(timeline.names)):
        fold = timeline.fold(tested, window)
        for method in methods:
            labels = _areas(fold.chosen_on, method, ask)
            rows.append(fold.row(method, labels, before.get(method)))
            before[method] = labels >= 0
        rows += _ceilings(fold, draws=draws, seed=seed, ask=ask) if draws else []
    windows = f"{window} {period}{'s' * (window > 1)}"
    return Table(
        title=f"Areas for {demand_share:.0%} of demand, chosen on {windows}, tested on the next",
        rows=pd.DataFrame(rows, columns=list(COLUMNS)),
        notes=NOTES,
        provenance={**ask, "window": window, "unit": support.unit_name, "weight": events.weight_name, "draws": draws},
    )


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """A window and the period that follows it.

    Parameters
    ----------
    chosen_on
        Demand of the window.
    events
        Those of the window.
    after
        float64 [n]: demand of the tested period.
    tested
        Its name.
    window
        Periods in the window.
    """

    chosen_on: Demand
    events: Events
    after: Floats
    tested: str
    window: int

    def row(self, method: str, labels: Integers, before: Mask | None) -> dict[str, Any]:
        """Score the areas of a method."""
        values, extent, chosen = np.nan_to_num(self.chosen_on.total), self.chosen_on.support.extent, labels >= 0
        return {
            **self._about(method),
            "areas": int(labels.max()) + 1,
            "extent_share": float(extent[chosen].sum() / extent.sum()),
            "chosen_share": scores.hit_rate(values, chosen),
            "demand_share": scores.hit_rate(self.after, chosen),
            "pai": scores.accuracy(self.after, extent, chosen),
            "pei_star": scores.capture_efficiency(self.after, extent, chosen),
            "jaccard": np.nan if before is None else scores.jaccard(before, chosen, extent),
        }

    def redrawn(self, method: str, draws: pd.DataFrame, most: int) -> dict[str, Any]:
        """Average the scores of draws."""
        low, high = draws["demand_share"].quantile([0.025, 0.975])
        means = {str(name): float(draws[name].mean()) for name in draws}
        return {**self._about(method), "areas": most, **means, "low": float(low), "high": float(high)}

    def _about(self, method: str) -> dict[str, Any]:
        return {"tested": self.tested, "chosen_on": self.chosen_on.period, "method": method}


@dataclass(frozen=True, slots=True, eq=False)
class Timeline:
    """Events by period and unit.

    Parameters
    ----------
    events
        Those that are dated.
    unit, turn
        int64 [events]: the unit (-1 outside) and the period of each.
    names
        Of the periods, in order.
    support
        The places.
    """

    events: Events
    unit: Integers
    turn: Integers
    names: tuple[str, ...]
    support: Support

    @classmethod
    def of(cls, events: Events, support: Support, period: str) -> Timeline:
        """Sort dated events into periods."""
        events = events.where(~np.isnat(events.time))
        moment = events.time.astype("datetime64[Y]" if period == "year" else "datetime64[M]")
        found, turn = np.unique(moment, return_inverse=True)
        return cls(events, assign(events, support), turn.astype(np.int64), tuple(found.astype(str).tolist()), support)

    def fold(self, tested: int, window: int) -> Fold:
        """Return a window and the period `tested` that follows it."""
        inside = (self.turn >= tested - window) & (self.turn < tested)
        events, count = self.events.where(inside), self._sums(inside, None)
        demand = Demand(
            support=self.support,
            values=self._sums(inside, self.events.weight),
            measure="incidents" if events.weight_name == COUNT else "weight",
            balance=Balance.of(events, self.unit[inside]),
            weight_name=events.weight_name,
            period=events.period,
            name=events.kind,
            count=count,
        )
        after = self._sums(self.turn == tested, self.events.weight)
        for name, values in ((demand.period, demand.values), (self.names[tested], after)):
            if not values.sum() > 0:
                raise ModelError(f"{name} has no demand on the support", "demand in every period was needed")
        return Fold(demand, events, after, self.names[tested], window)

    def _sums(self, rows: Mask, weight: Floats | None) -> Floats:
        rows = rows & (self.unit >= 0)
        sums = np.bincount(self.unit[rows], None if weight is None else weight[rows], minlength=self.support.n)
        return sums.astype(np.float64)


def _areas(demand: Demand, method: str, ask: dict[str, Any]) -> Integers:
    return select(demand, **ask).labels if method == "selection" else RIVALS[method](demand, **ask)


def _ceilings(fold: Fold, *, draws: int, seed: int, ask: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the scores of the selection where nothing changes, and where the true rates are known."""
    support, window = fold.chosen_on.support, fold.window
    # Every period is weighed by the means of the categories, so the spread inside them is no part of the difference.
    recorded = Recorded.placed(fold.events, support)
    model = DemandModel.fit(recorded, contiguity="rook", severity_spread=False)
    rules = Reselection.of(fold.chosen_on, Question(**ask))
    unchanged, known = [], []
    for draw in range(draws):
        intensity = model.intensity(seed, draw)
        known.append(_scored(intensity, support, rules.choose(intensity)))
        periods = model.periods(seed, draw, window + 1, length=1.0 / window)
        first, second = (rules.choose(periods[start : start + window].sum(axis=0)) for start in (0, 1))
        overlap = scores.jaccard(first, second, support.extent)
        chosen_share = scores.hit_rate(periods[:window].sum(axis=0), first)
        unchanged.append(_scored(periods[window], support, first) | {"chosen_share": chosen_share, "jaccard": overlap})
    named = ((UNCHANGED, unchanged), (KNOWN, known))
    return [fold.redrawn(name, pd.DataFrame(drawn), ask["max_areas"]) for name, drawn in named]


def _scored(values: Floats, support: Support, chosen: Mask) -> dict[str, float]:
    return {
        "extent_share": float(support.extent[chosen].sum() / support.extent.sum()),
        "demand_share": scores.hit_rate(values, chosen),
        "pai": scores.accuracy(values, support.extent, chosen),
        "pei_star": scores.capture_efficiency(values, support.extent, chosen),
    }


def _check(timeline: Timeline, demand_share: float, window: int, methods: Sequence[str], draws: int) -> None:
    problems = Problems()
    problems.check(0 < demand_share <= 1, f"demand_share is {demand_share}", "a share in (0, 1] was needed")
    problems.check(window >= 1, f"window is {window}", "a number >= 1 was needed")
    problems.check(draws >= 0, f"draws is {draws}", "a number >= 0 was needed")
    problems.check(
        len(timeline.names) > window,
        f"the events are of {len(timeline.names)} periods ({', '.join(timeline.names[:3]) or 'undated'})",
        f"at least {window + 1} were needed for a window of {window}",
        "read more months, or take a smaller window",
    )
    for method in methods:
        problems.check(method in METHODS, f"method {method!r} is not known", remedy=did_you_mean(method, METHODS))
    problems.raise_as(ModelError)
