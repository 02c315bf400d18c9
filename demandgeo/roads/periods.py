"""Two periods of killed and seriously injured: how much of a change is more than the numbers do by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from demandgeo.domain import Events, Labels, Table
from demandgeo.domain.record import Floats, Integers
from demandgeo.errors import ModelError, Problems
from demandgeo.registry import stage
from demandgeo.roads.severities import at_least_one
from demandgeo.statistics.dispersion import clustering, dispersed_ratio, dispersion_of, windows
from demandgeo.statistics.intervals import Ratio

Share = Annotated[float, Field(gt=0, lt=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
AtLeastOne = Annotated[float, Field(ge=1, allow_inf_nan=False)]

WHOLE = 1e-9


class _Counts(NamedTuple):
    """What is counted: its name, the month and weight of each, and the sizes of its clusters."""

    name: str
    month: Integers
    weight: Floats
    clusters: Floats


@stage("roads.compare_periods")
def compare_periods(
    before: Events,
    after: Events,
    history: Events | None = None,
    *,
    months: tuple[int, ...] | list[int] | None = None,
    exposure_ratio: Positive | None = None,
    dispersion: AtLeastOne | None = None,
    confidence: Share = 0.95,
) -> Table:
    """Compare the killed or seriously injured of two periods, as casualties and as collisions.

    A count in one quarter against the same quarter of another year moves by chance, and by more than Poisson chance:
    one collision hurts several people, winters differ. Both intervals stand side by side.

    Parameters
    ----------
    before, after
        Events whose weight is the probability, in [0, 1], that each is one of KSI (`read_stats19`, or
        `severity.weigh`). Casualties are also counted as collisions where they state one (attribute ``collision``).
    history
        Earlier years, to see how counts of such periods vary around season and trend; `before` may be part of it.
    months
        Calendar months (1 to 12) to compare; all if None.
    exposure_ratio
        Exposure of `after` over that of `before`, such as traffic; the ratio of their days if None.
    dispersion
        Variance over mean of the counts, if it is known; estimated if None.
    confidence
        Level of the intervals.

    Returns
    -------
    Table
        A row for KSI casualties, all casualties, KSI collisions and all collisions: the counts, the change in per cent,
        its exact Poisson interval and p-value, the dispersion, and interval and p-value with it.

    Raises
    ------
    ModelError
        If the events are of different kinds or weighted differently, a weight is above 1, a period is empty or
        undated, or the history is too short.

    Notes
    -----
    Given their sum, the two counts are binomial (Przyborowski and Wilenski 1940), over-dispersed ones beta-binomial
    (see `statistics.dispersion`). Dispersion: Pearson's chi-squared over its degrees of freedom of the windows of the
    history, with a level per season and a trend; for casualties at least what their collisions explain, the sum of
    squared casualties per collision over the sum. Sums of probabilities are rounded to whole numbers for the test.

    Examples
    --------
    >>> month = np.array(["2014-01", "2014-02", "2015-02"], "datetime64[s]")
    >>> events = [
    ...     Events.at(np.zeros(n), np.zeros(n), crs="EPSG:27700", time=np.resize(month[part], n), kind="collision")
    ...     for n, part in ((233, slice(2)), (173, slice(2, 3)))
    ... ]
    >>> table = compare_periods(*events, exposure_ratio=1.0, dispersion=2.0)
    >>> table.rows[["before", "after", "change_percent", "p", "dispersed_p"]].round(4).values.tolist()
    [[233.0, 173.0, -25.7511, 0.0034, 0.0379], [233.0, 173.0, -25.7511, 0.0034, 0.0379]]
    """
    _check(before, after, history, months)
    first, second = _counted(before, months), _counted(after, months)
    days = (_days(before, months), _days(after, months))
    exposure = days[1] / days[0] if exposure_ratio is None else exposure_ratio
    past = None if history is None else _counted(history, None)
    length = _length(before, months)
    notes = [f"Exposure after over before: {exposure:.4g}" + (" (days)" if exposure_ratio is None else "") + "."]
    rows = []
    for i, (old, new) in enumerate(zip(first, second, strict=True)):
        factor, how = _dispersion(old, new, None if past is None else past[i], length, dispersion)
        notes.append(f"{old.name}: {how}.")
        rows.append(_row(old, new, exposure, factor, confidence))
    sums = np.array([counts.weight.sum() for counts in (*first, *second)])
    if (np.abs(sums - sums.round()) > WHOLE).any():
        notes.append("KSI are sums of probabilities (adjusted severity); the tests use them rounded.")
    if before.kind == "casualty" and len(rows) == 2:
        notes.append("The casualties state no collision: collisions cannot be counted.")
    return Table(
        title=f"{before.weight_name}: {before.period} against {after.period}"
        + (f", months {', '.join(map(str, months))}" if months else ""),
        rows=pd.DataFrame(rows),
        notes=tuple(notes),
        provenance={
            "method": "exact conditional test of two counts, binomial and beta-binomial",
            "confidence": confidence,
            "exposure_ratio": exposure,
        },
    )


def _row(old: _Counts, new: _Counts, exposure: float, dispersion: float, confidence: float) -> dict[str, object]:
    before, after = float(old.weight.sum()), float(new.weight.sum())
    plain, wide = (
        _percent(dispersed_ratio(round(after), round(before), factor, exposure_ratio=exposure, confidence=confidence))
        for factor in (1.0, dispersion)
    )
    return {
        "measure": old.name,
        "before": before,
        "after": after,
        "change_percent": plain[0],
        "low_percent": plain[1],
        "high_percent": plain[2],
        "p": plain[3],
        "dispersion": dispersion,
        "dispersed_low_percent": wide[1],
        "dispersed_high_percent": wide[2],
        "dispersed_p": wide[3],
    }


def _percent(ratio: Ratio) -> tuple[float, float, float, float]:
    change, low, high = (100.0 * (float(part) - 1.0) for part in (ratio.ratio, ratio.low, ratio.high))
    return change, low, high, float(ratio.p)


def _dispersion(
    old: _Counts, new: _Counts, past: _Counts | None, length: int, given: float | None
) -> tuple[float, str]:
    """Return variance over mean, and where it comes from."""
    if given is not None:
        return given, f"dispersion {given:g}, as given"
    clustered = clustering(np.concatenate([old.clusters, new.clusters]))
    by_cluster = f"dispersion {clustered:.2f} from events per collision" if clustered > 1 else "Poisson"
    if past is None:
        return clustered, f"{by_cluster} (no history given)"
    sums, season = windows(past.month, past.weight, first=int(old.month.min()), length=length)
    found = dispersion_of(sums, season)
    if clustered > found.factor:
        return clustered, by_cluster
    return found.factor, f"dispersion {found.factor:.2f} from {sums.size} windows, {found.freedom} degrees of freedom"


def _counted(events: Events, months: Sequence[int] | None) -> list[_Counts]:
    """Return KSI and all, as casualties and as collisions where either can be told."""
    events = events.where(_in_months(events, months))
    month = events.time.astype("datetime64[M]").astype(np.int64)
    ksi, each = events.weight, np.ones(len(events))
    collision = events.attributes.get("collision")
    if events.kind != "casualty" or not isinstance(collision, Labels) or not collision.present.all():
        return [_Counts(f"KSI {events.kind}s", month, ksi, each), _Counts(f"all {events.kind}s", month, each, each)]
    first, index = np.unique(collision.codes, return_index=True, return_inverse=True)[1:]
    single = np.ones(first.size)
    return [
        _Counts("KSI casualties", month, ksi, np.bincount(index, ksi).astype(np.float64)),
        _Counts("all casualties", month, each, np.bincount(index, each).astype(np.float64)),
        _Counts("KSI collisions", month[first], at_least_one(index, ksi, first.size), single),
        _Counts("all collisions", month[first], single, single),
    ]


def _in_months(events: Events, months: Sequence[int] | None) -> NDArray[np.bool_]:
    if months is None:
        return np.ones(len(events), bool)
    return np.isin(events.time.astype("datetime64[M]").astype(np.int64) % 12 + 1, list(months))


def _span(events: Events, months: Sequence[int] | None) -> NDArray[np.datetime64]:
    """Return every month from the first to the last of the events, of the calendar months wanted."""
    own = events.where(_in_months(events, months)).months
    every = np.arange(own[0], own[-1] + 1)
    return every if months is None else every[np.isin(every.astype(np.int64) % 12 + 1, list(months))]


def _days(events: Events, months: Sequence[int] | None) -> float:
    span = _span(events, months)
    return float(((span + 1).astype("datetime64[D]") - span.astype("datetime64[D]")).astype(np.int64).sum())


def _length(events: Events, months: Sequence[int] | None) -> int:
    """Return the length of a window in months: that of the period, or of one run of the calendar months."""
    return min(len(_span(events, months)), 12 if months is None else len(set(months)))


def _check(before: Events, after: Events, history: Events | None, months: Sequence[int] | None) -> None:
    problems = Problems()
    problems.check(
        months is None or (len(months) > 0 and set(months) <= set(range(1, 13))),
        f"months are {months}",
        "calendar months, 1 to 12, were needed",
    )
    problems.raise_as(ModelError)
    named = {"before": before, "after": after} | ({} if history is None else {"history": history})
    for name, events in named.items():
        problems.check(
            len(events) > 0 and not np.isnat(events.time).any(),
            f"{name} has {len(events)} events, {int(np.isnat(events.time).sum())} of them undated",
            "dated events were needed",
        )
        problems.check(_in_months(events, months).any() or not len(events), f"{name} has no event in months {months}")
        problems.check(
            float(events.weight.max(initial=0.0)) <= 1 + WHOLE,
            f"{name} has a weight of {events.weight.max(initial=0.0):g} ({events.weight_name})",
            "weights in [0, 1] were needed: the probability of each to be one of KSI",
            "read them with read_stats19, or weigh fatal and serious 1 and slight 0",
        )
        problems.check(
            (events.kind, events.weight_name) == (before.kind, before.weight_name),
            f"{name} are {events.kind}s weighted by {events.weight_name}, before are {before.kind}s weighted by "
            f"{before.weight_name}",
            "the same of both was needed",
        )
    problems.raise_as(ModelError)
