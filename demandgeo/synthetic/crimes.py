"""Crimes drawn from the truth: Poisson counts on snap points, then times, then repeats of burglaries."""

from __future__ import annotations

import numpy as np

from demandgeo.domain.events import Events
from demandgeo.domain.labels import Labels
from demandgeo.domain.record import Floats, Integers, Mask
from demandgeo.synthetic.sizes import CRS, FORCE, part_rng
from demandgeo.synthetic.truth import BURGLARY, CATEGORIES, NAMES, PERIODS, UNLOCATED, PeriodName, Truth

SHIFTS = ("early", "late", "night")
"""07:00 to 15:00, 15:00 to 23:00, 23:00 to 07:00."""

NOWHERE = "No Location"
DAY = 24 * 60


def draw_crimes(truth: Truth, seed: int, period: PeriodName) -> Events:
    """Draw the incidents of a period, in order of time."""
    rng = part_rng(seed, f"crimes {period}")
    counts = rng.poisson(truth.first(period))
    category, snap = (np.repeat(part, counts.ravel()) for part in np.indices(counts.shape).reshape(2, -1))
    days = (np.datetime64(f"{PERIODS[period] + 1}") - np.datetime64(f"{PERIODS[period]}-01-01")).astype(int)
    day = _days(rng, np.bincount(category, minlength=len(NAMES)), period, int(days))
    repeats, repeat_day = _repeats(rng, truth, snap[category == BURGLARY], day[category == BURGLARY], int(days))
    category = np.concatenate([category, np.full(len(repeats), BURGLARY)])
    snap, day = np.concatenate([snap, repeats]), np.concatenate([day, repeat_day])
    minute = day * DAY + _minutes(rng, category)
    order = np.lexsort((category, snap, minute))
    lost = rng.random(len(order)) < UNLOCATED
    return _events(truth, period, minute[order], category=category[order], snap=snap[order], lost=lost)


def _events(
    truth: Truth, period: PeriodName, minute: Integers, *, category: Integers, snap: Integers, lost: Mask
) -> Events:
    places, place = np.unique(truth.name, return_inverse=True)
    shift = ((minute % DAY - 7 * 60) % DAY) // (8 * 60)
    return Events.at(
        np.where(lost, np.nan, truth.x[snap]),
        np.where(lost, np.nan, truth.y[snap]),
        crs=CRS,
        time=np.datetime64(f"{PERIODS[period]}-01-01T00:00") + minute.astype("timedelta64[m]"),
        category=Labels(category.astype(np.int32), NAMES),
        kind="crime",
        zone_code=Labels(np.where(lost, -1, truth.zone[snap]).astype(np.int32), tuple(truth.places.zones.ids.tolist())),
        attributes={
            "force": Labels.constant(FORCE, len(snap)),
            "place": Labels(np.where(lost, len(places), place[snap]).astype(np.int32), (*places.tolist(), NOWHERE)),
            "shift": Labels(shift.astype(np.int32), SHIFTS),
        },
    )


def _days(rng: np.random.Generator, counts: Integers, period: PeriodName, days: int) -> Integers:
    """Draw the day of each first incident (they stand in order of category) from the category's yearly wave."""
    month = (np.datetime64(f"{PERIODS[period]}-01-01") + np.arange(days)).astype("datetime64[M]").astype(int) % 12 + 1
    drawn = []
    for kind, count in zip(CATEGORIES, counts, strict=True):
        wave = 1 + kind.swing * np.cos(2 * np.pi * (month - kind.month) / 12)
        drawn.append(rng.choice(days, count, p=wave / wave.sum()))
    return np.concatenate(drawn)


def _minutes(rng: np.random.Generator, category: Integers) -> Integers:
    """Draw the minute of the day, around the category's peak hour."""
    peak: Floats = np.array([kind.hour for kind in CATEGORIES])[category]
    focus = np.array([kind.focus for kind in CATEGORIES])[category]
    hour = (peak + rng.vonmises(0.0, focus) * 12 / np.pi) % 24
    return (hour * 60).astype(np.int64) % DAY


def _repeats(
    rng: np.random.Generator, truth: Truth, snap: Integers, day: Integers, days: int
) -> tuple[Integers, Integers]:
    """Draw the repeats of the first burglaries: where and on which day."""
    rule = truth.near_repeat
    parent = np.repeat(np.arange(len(snap)), rng.poisson(rule.offspring, len(snap)))
    reach = truth.reach()
    first, last = reach.indptr[snap[parent]], reach.indptr[snap[parent] + 1]
    where = reach.indices[rng.integers(first, last)].astype(np.int64)
    when = day[parent] + rng.integers(1, rule.days + 1, len(parent))
    # A repeat past the end of the period is put as many days before the end: none is lost, and it stays near in time.
    return where, np.where(when >= days, 2 * days - 1 - when, when)
