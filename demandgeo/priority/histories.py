"""Areas that emerge, last or fade: Gi* of every period, and the trend of its scores."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from demandgeo.domain import Demand, EmergingAreas, Labels
from demandgeo.domain.patterns import PATTERN_COLUMNS, PATTERNS
from demandgeo.domain.record import Floats, Integers, Mask
from demandgeo.domain.support import Contiguity
from demandgeo.errors import ModelError, Problems
from demandgeo.priority.inference import Lags, exact_tails
from demandgeo.priority.local import gi_scores
from demandgeo.registry import stage
from demandgeo.statistics.multiple_testing import Adjustment, false_discovery_rates
from demandgeo.statistics.trends import mann_kendall

LEAST_PERIODS = 5
"""No trend of four values is significant at 5 %: 2 of their 24 orders are as extreme as the extreme one."""


@stage("priority.emerging")
def emerging(
    demand: Demand,
    *,
    contiguity: Contiguity = "queen",
    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.05,
    adjust: Adjustment = "bh",
    often: Annotated[float, Field(gt=0.5, le=1)] = 0.9,
) -> EmergingAreas:
    """Say of each unit whether it is a new hot spot, one that lasts, grows, fades, comes and goes, or is past.

    In every period Gi* is tested on its own (exact conditional permutation, two-sided, adjusted within the period).

    Parameters
    ----------
    demand
        One layer per period, in order of time, of one category: ``density.count(events, support, by="month")``. At
        least 5 periods. A unit that has no value in some period is not tested.
    contiguity
        What makes units touch.
    alpha
        Level of hot and cold spots (of q) and of the trend (of p).
    adjust
        For the many units of a period.
    often
        Share of the periods from which a unit counts as hot throughout.

    Returns
    -------
    EmergingAreas
        `pattern` of each unit, by the first of these rules that fits:

        - *intensifying*, *diminishing*, *persistent*: hot in `often` of the periods and in the last; the score rises
          significantly over time, falls, or does neither;
        - *historical*: hot in `often` of the periods, but not in the last;
        - *new*: hot in the last period and never before;
        - *consecutive*: hot in an unbroken run of periods up to the last, and never before;
        - *oscillating*: hot in the last period, in some before, and a cold spot in one before;
        - *sporadic*: hot in the last period and, on and off, before;
        - *no pattern*: not hot in the last period, or never.

    Raises
    ------
    ModelError
        If the layers are no series of periods, too few, or nothing can be tested.

    Notes
    -----
    The names are those that analysts know from space-time cubes; the rules are written out above because tools
    differ. The trend is that of Mann and Kendall (`statistics.trends`) on the scores of Gi*.

    Examples
    --------
    >>> from demandgeo.density import count
    >>> from demandgeo.domain import Events, Grid
    >>> grid = Grid.covering((0, 0, 1000, 1000), cell=100, crs="EPSG:27700")
    >>> rng = np.random.default_rng(1)
    >>> x, y = rng.uniform(0, 1000, (2, 900))
    >>> month = rng.integers(6, size=900)
    >>> burst = (month == 5) & (rng.random(900) < 0.5)
    >>> x[burst], y[burst] = x[burst] % 200 + 600, y[burst] % 200 + 600
    >>> time = np.datetime64("2018-01", "M") + month
    >>> found = emerging(count(Events.at(x, y, crs="EPSG:27700", time=time), grid, by="month"))
    >>> found.summary()["new"], found.summary()["no pattern"]
    (4, 96)
    """
    periods = _periods(demand, often)
    known = np.asarray(~np.isnan(demand.values).any(axis=0))
    hot, cold, scores, tested, step = _tested(demand, known, contiguity, alpha, adjust)
    pairs = len(periods) * (len(periods) - 1) / 2
    s, p = mann_kendall(scores)
    found = patterns_of(hot, cold, np.where(p <= alpha, np.sign(s), 0.0), often=often)
    codes = np.full(demand.support.n, -1)
    codes[known] = np.where(tested, found, -1)
    at = codes >= 0

    def spread(column: Floats) -> Floats:
        full = np.full(demand.support.n, np.nan)
        full[known] = column
        return np.where(at, full, np.nan)

    periods_hot = np.zeros(demand.support.n, np.int64)
    periods_hot[known] = hot.sum(axis=0)
    return EmergingAreas(
        support=demand.support,
        pattern=Labels(codes, PATTERNS),
        hot=periods_hot,
        trend=spread(s / pairs),
        trend_p=spread(p),
        table=_table(demand, codes),
        periods=periods,
        name=demand.name,
        provenance={
            "method": "Gi* per period, exact conditional permutation, two-sided; Mann-Kendall on its scores",
            "alpha": alpha,
            "adjust": adjust,
            "often": often,
            "contiguity": contiguity,
            "rounding": step,
            "units_not_tested": int((~at).sum()),
            "measure": demand.measure,
            "weight": demand.weight_name,
        },
    )


def patterns_of(hot: Mask, cold: Mask, trend: Floats, *, often: float) -> Integers:
    """Return the pattern of each series: a number in `PATTERNS`.

    Parameters
    ----------
    hot, cold
        bool [periods, n].
    trend
        float64 [n]: 1 rising, -1 falling, 0 neither.
    often
        Share of the periods.
    """
    periods, number = len(hot), hot.sum(axis=0)
    last, mostly = hot[-1], number >= often * periods
    # As many periods at the end, without a break, as there are in all.
    run = np.cumprod(hot[::-1], axis=0).sum(axis=0)
    rules = {
        "intensifying": mostly & last & (trend > 0),
        "diminishing": mostly & last & (trend < 0),
        "persistent": mostly & last,
        "historical": mostly,
        "new": last & (number == 1),
        "consecutive": last & (run == number),
        "oscillating": last & cold.any(axis=0),
        "sporadic": last,
    }
    codes = [PATTERNS.index(name) for name in rules]
    return np.select(list(rules.values()), codes, PATTERNS.index("no pattern"))


def _tested(
    demand: Demand, known: Mask, contiguity: Contiguity, alpha: float, adjust: Adjustment
) -> tuple[Mask, Mask, Floats, Mask, float]:
    """Return hot and cold [periods, m], the scores, which of the units could be tested, and the coarsest rounding."""
    touching = demand.support.neighbours(contiguity)
    shape = len(demand.values), int(known.sum())
    hot, cold, scores, tested = np.zeros(shape, bool), np.zeros(shape, bool), np.zeros(shape), np.zeros(shape[1], bool)
    step = 0.0
    for period, values in enumerate(demand.values):
        lags = Lags.of(values, touching).among(known)
        tested = lags.drawn > 0
        if not tested.any():
            raise ModelError("no unit touches another", "neighbours were needed", 'try contiguity="queen"')
        if np.ptp(lags.values) > 0:  # a month without events has no hot spots
            scores[period] = gi_scores(lags, star=True)[1]
            tails = exact_tails(lags, None)
            greater, lesser = tails.p
            step = max(step, float(tails.about["rounding"]))
            p = np.where(tested, np.minimum(2.0 * np.minimum(greater, lesser), 1.0), np.nan)
            out = false_discovery_rates(p, adjust) <= alpha
            hot[period], cold[period] = out & (greater < lesser), out & (lesser < greater)
    return hot, cold, scores, tested, step


def _table(demand: Demand, codes: Integers) -> pd.DataFrame:
    extent, total, last = demand.support.extent, np.nan_to_num(demand.total), np.nan_to_num(demand.values[-1])
    rows = []
    for code, name in enumerate(PATTERNS):
        at = codes == code
        shares = (float(part[at].sum() / part.sum()) if part.sum() > 0 else 0.0 for part in (extent, total, last))
        rows.append((name, int(at.sum()), float(extent[at].sum()), *shares))
    return pd.DataFrame(rows, columns=list(PATTERN_COLUMNS))


def _periods(demand: Demand, often: float) -> tuple[str, ...]:
    names = [str(name) for name in demand.layers["period"]] if demand.values.ndim == 2 else []
    problems = Problems()
    problems.check(
        len(names) >= LEAST_PERIODS,
        f"the demand has {len(names)} periods",
        f"at least {LEAST_PERIODS} layers, one per period, were needed",
        'count with by="month"',
    )
    problems.check("" not in names, "a layer has no period", "dated events were needed", "leave the others out")
    problems.check(
        names == sorted(set(names)),
        "the periods are not in ascending order, each once",
        "layers of one category in order of time were needed",
        'count with by="month" alone',
    )
    problems.check(0.5 < often <= 1, f"often is {often}", "a share in (0.5, 1] was needed")
    problems.raise_as(ModelError)
    return tuple(names)
