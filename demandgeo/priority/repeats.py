"""Whether events follow one another in place and time more than chance gives: the test of Knox."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Sequence
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field
from scipy.spatial import cKDTree

from demandgeo.domain import Events, Table
from demandgeo.domain.record import Codes, Floats
from demandgeo.errors import DataQualityWarning, ModelError, Problems
from demandgeo.kernels.knox import count_close_pairs
from demandgeo.registry import stage
from demandgeo.statistics.multiple_testing import false_discovery_rates, monte_carlo_p

MOST_PAIRS = 20_000_000
"""Pairs of events that are held: 500 MB while they are found."""

LONGEST_MONTH = 31.0
SECONDS_PER_DAY = 86_400.0


@stage("priority.near_repeat")
def near_repeat(
    events: Events,
    *,
    distances: Sequence[float] = (0.0, 100.0, 200.0, 300.0, 400.0),
    times: Sequence[float] = (7.0, 14.0, 21.0, 28.0),
    replicates: Annotated[int, Field(ge=1)] = 999,
    seed: int = 0,
) -> Table:
    """Count the pairs of events that are close in place and time, against chance.

    Chance deals the times out anew among the places, so that hot spots and busy seasons alone make no near repeats.
    Give one kind of crime: the question is whether one burglary leads to another.

    Parameters
    ----------
    events
        Those without a place or a date are left out, and counted in the notes.
    distances
        Upper limits of the bands, metres, ascending; 0 is the same place.
    times
        Upper limits of the bands, days, ascending. Of events whose day is known, difference of days; of those known
        by month only bands of 31 days and more mean something, and they are blurred.
    replicates, seed
        Of the draws.

    Returns
    -------
    Table
        One row per band of distance and of time: pairs observed and expected (exactly, over all ways to deal the
        times), their ratio, one-sided p, and q by Benjamini and Hochberg.

    Raises
    ------
    ModelError
        If limits are no ascending numbers >= 0, the events' times are too coarse for them, there are fewer than two
        events, or too many pairs.

    Notes
    -----
    Knox (1964), Applied Statistics 13:25-29; by permutation as in Johnson et al. (2007), Journal of Quantitative
    Criminology 23:201-219. The number of pairs with a given distance and time difference has the expectation (pairs of
    that distance) x (pairs of that difference) / (all pairs).

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> x, y = rng.uniform(0, 5000, (2, 300))
    >>> day = rng.integers(0, 365, 300)
    >>> x[150:], y[150:], day[150:] = x[:150] + 30, y[:150], day[:150] + 5
    >>> time = np.datetime64("2018-01-01") + day
    >>> found = near_repeat(Events.at(x, y, crs="EPSG:27700", time=time), distances=[100], times=[7, 14], replicates=99)
    >>> found.rows["p"].tolist()
    [0.01, 1.0]
    """
    distance, time = _limits("distances", distances), _limits("times", times)
    _check_resolution(events, time)
    kept = events.where(events.located & ~np.isnat(events.time))
    if len(kept) < 2:
        raise ModelError(f"{len(kept)} events have a place and a date", "at least 2 were needed")
    first, second, band = _pairs(kept, distance)
    # The finest unit that means something: of days, the hour would be the reader's invention. Whole seconds are exact.
    moment = kept.time.astype("datetime64[s]" if kept.resolution == "minute" else "datetime64[D]")
    seconds = moment.astype("datetime64[s]").astype(np.int64).astype(np.float64)
    counts = np.empty((replicates + 1, distance.size * time.size), np.int64)
    count_close_pairs(seed, first, second, band, seconds, time * SECONDS_PER_DAY, counts)
    observed = counts[0]
    of_distance = np.bincount(band, minlength=distance.size)
    of_time = _pairs_by_time(seconds, time * SECONDS_PER_DAY)
    expected = np.outer(of_distance, of_time).ravel() / (len(kept) * (len(kept) - 1) / 2)
    p = monte_carlo_p((counts[1:] >= observed).sum(axis=0), replicates)
    rows = pd.DataFrame(
        [(*place, *when) for place, when in itertools.product(_bands(distance), _bands(time))],
        columns=["distance_m_over", "distance_m_to", "days_over", "days_to"],
    )
    ratio = np.divide(observed, expected, out=np.full(observed.size, np.nan), where=expected > 0)
    return Table(
        title=f"Near repeats: pairs of {events.kind} events by distance and time, {events.period}",
        rows=rows.assign(observed=observed, expected=expected, ratio=ratio, p=p, q=false_discovery_rates(p)),
        notes=_notes(events, kept, replicates),
        provenance={"method": "Knox", "null": "times dealt out anew", "replicates": replicates, "seed": seed},
    )


def _pairs(events: Events, limits: Floats) -> tuple[Codes, Codes, Codes]:
    """Return the two events and the band of distance of each pair within the greatest limit."""
    points = np.column_stack([events.x, events.y])
    tree, reach = cKDTree(points), float(limits[-1])
    number = (int(tree.count_neighbors(tree, reach)) - len(events)) // 2
    if number > MOST_PAIRS:
        raise ModelError(
            f"{number:,} pairs of events lie within {reach:g} m",
            f"at most {MOST_PAIRS:,} were needed",
            "take a shorter distance, fewer months or one category",
        )
    pairs = tree.query_pairs(reach, output_type="ndarray")
    apart = np.hypot(*(points[pairs[:, 0]] - points[pairs[:, 1]]).T)
    # The tree's own rounding may let a pair in that is a hair beyond the limit.
    band = np.minimum(np.searchsorted(limits, apart), limits.size - 1)
    first, second = np.ascontiguousarray(pairs.T, np.int32)
    return first, second, band.astype(np.int32)


def _pairs_by_time(seconds: Floats, limits: Floats) -> Floats:
    """Return how many pairs of all events have a time difference in each band."""
    ordered, place = np.sort(seconds), np.arange(seconds.size)
    later = [np.searchsorted(ordered, ordered + limit, side="right") - place - 1 for limit in limits]
    return np.diff([float(pairs.sum()) for pairs in later], prepend=0.0)


def _bands(limits: Floats) -> list[tuple[float, float]]:
    """Return the lower and the upper limit of each band; the first begins at 0 and holds it."""
    return list(zip([0.0, *limits[:-1].tolist()], limits.tolist(), strict=True))


def _limits(name: str, values: Sequence[float]) -> Floats:
    limits = np.array(list(values), np.float64)
    good = limits.size > 0 and np.isfinite(limits).all() and limits[0] >= 0 and (np.diff(limits) > 0).all()
    if not good:
        raise ModelError(f"{name} is {list(values)}", "ascending numbers >= 0 were needed")
    return limits


def _check_resolution(events: Events, limits: Floats) -> None:
    if events.resolution != "month":
        return
    problems = Problems()
    problems.check(
        float(np.diff(limits, prepend=0.0).min()) >= LONGEST_MONTH,
        f"the events are known by month, and the bands of time are {limits.tolist()} days",
        f"bands of at least {LONGEST_MONTH:g} days were needed: a month cannot tell a week from the next",
        "use events with their day, or times=[31, 62]",
    )
    problems.raise_as(ModelError)
    warnings.warn(
        "The events are known by month: two of neighbouring months may be a day apart or two months, so near repeats "
        "of days or weeks cannot be seen.",
        DataQualityWarning,
        stacklevel=3,
    )


def _notes(events: Events, kept: Events, replicates: int) -> tuple[str, ...]:
    left_out = len(events) - len(kept)
    return (
        f"{len(kept):,} events; {left_out:,} without a place or a date are left out.",
        f"Expected: the times dealt out anew among the places. p from {replicates:,} draws, one-sided: no p is below "
        f"{1 / (replicates + 1):.2g}.",
        "Recorded points that stand for a nearby street make more pairs of the same place.",
    )
