"""Headline measures per district and force: counts, rates, the mix and the change, each with its warnings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd
import shapely
from pydantic import Field

from demandgeo.domain import ANTISOCIAL, COUNT, Events, Headline, Labels, Zones, check_same_crs
from demandgeo.domain.headline import DISTRICT, FORCE, HEADLINE_COLUMNS, NOT_PLACED
from demandgeo.domain.record import Floats, Integers, Mask
from demandgeo.errors import ModelError, Problems
from demandgeo.registry import stage
from demandgeo.statistics.assignment import assign
from demandgeo.statistics.intervals import poisson_ratio

FIRST = ("Burglary", "Robbery", "Violence and sexual offences", ANTISOCIAL)
"""The categories that planners ask for first, where the source has them."""

NOT_DERIVABLE = {
    "violence with injury": "no injury",
    "violence with injury in public places": "no injury, no kind of place",
    "residential burglary": "no kind of building",
    "knife crime": "no weapon",
    "domestic abuse": "no relationship",
}
"""What planners ask for and no police.uk category, nor any sum of them, is; and what the categories do not tell."""


@stage("density.headline")
def headline(
    events: Events,
    zones: Zones,
    before: Events | None = None,
    *,
    small_number: Annotated[int, Field(ge=0)] = 10,
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.95,
) -> Headline:
    """Count, rate, severity and change per district, for the force, and for what is in no district.

    Parameters
    ----------
    events
        The events of the period; weighted ones give a severity index too.
    zones
        The zones with their district (`group`) and population. Without districts, all zones are one.
    before
        The period to compare with, weighted alike. If it has another number of months, its counts are scaled.
    small_number
        A count below this, in either period, is marked: its rate and change say little.
    confidence
        Level of the interval of the change.

    Returns
    -------
    Headline
        `rows` with one row per place and measure. The measures are all events (without anti-social behaviour if
        the source has that category), all with it, and each category. A district's events are placed by the zone code
        of the file, else by location; the force row counts every event of the source.

        - ``count``, ``unlocated`` (of them without coordinates), ``before``
        - ``population`` residents, ``rate_per_1000`` of them in the period (not annualised); NaN where nobody lives
        - ``severity_per_event``: mean weight, whose rise says that the mix is getting more serious;
          ``severity_se``: its standard error from the spread of weights within the categories
        - ``change``: (count / before, per month) - 1, with ``change_low``, ``change_high`` and ``p`` of an exact
          Poisson comparison; NaN where there is nothing to divide by, or no upper limit
        - ``small_number``; ``complete_months``: yes, no or unknown, by the coverage in the ledgers

    Raises
    ------
    GeometryError
        If events and zones have different CRS.
    ModelError
        If the two periods share a month, are undated, or are weighted differently.

    Examples
    --------
    >>> import geopandas as gpd
    >>> import shapely
    >>> from demandgeo.domain import Events, Zones
    >>> squares = shapely.box([0, 1000], [0, 0], [1000, 2000], [1000, 1000])
    >>> columns = {"code": ["a", "b"], "people": [500, 2000], "district": ["East", "West"]}
    >>> frame = gpd.GeoDataFrame(columns, geometry=squares, crs="EPSG:27700")
    >>> zones = Zones.from_frame(frame, id="code", population="people", group="district")
    >>> crimes = Events.at([100, 200, 1500], [500, 500, 500], crs="EPSG:27700", kind="crime")
    >>> table = headline(crimes, zones)
    >>> total = table.rows[table.rows["measure"] == "all crime"]
    >>> dict(zip(total["place"], total["count"]))
    {'East': 2, 'West': 1, 'not placed': 0, 'force': 3}
    >>> total["rate_per_1000"].tolist()
    [4.0, 0.5, nan, 1.2]
    """
    _check(events, zones, before)
    group = zones.group if zones.group is not None and zones.group.present.any() else _study_area(zones)
    places = _dissolved(zones, group)
    now = _Placed(events, _place_of(events, zones, group, places), places.n)
    then = None if before is None else _Placed(before, _place_of(before, zones, group, places), places.n)
    stubs: dict[str, Any] = {
        "level": [DISTRICT] * places.n + [NOT_PLACED, FORCE],
        "place": [*places.ids.tolist(), NOT_PLACED, _force_name(events)],
        "population": _populations(zones, places),
        "complete_months": _complete_months(events, before),
    }
    residents = np.where(stubs["population"] > 0, stubs["population"], np.nan)
    blocks = []
    for measure in _measures(events, before):
        numbers = _numbers(now, then, measure, confidence) | {"measure": measure} | stubs
        numbers["rate_per_1000"] = numbers["count"] / residents * 1000.0
        numbers["small_number"] = np.fmin(numbers["count"], numbers["before"]) < small_number
        blocks.append(pd.DataFrame(numbers)[list(HEADLINE_COLUMNS)])
    against = "" if before is None else f", against {before.period}"
    return Headline(
        title=f"{events.kind} in {events.period} by district{against}",
        rows=pd.concat(blocks, ignore_index=True),
        notes=(
            *_notes(now, group),
            *_notes_on_change(now, then, confidence),
            f"~ fewer than {small_number} events in a period: too few to say much",
            *_notes_on_source(now, then),
        ),
        provenance={"small_number": small_number, "confidence": confidence, "weight": events.weight_name},
        places=places,
    )


@dataclass(frozen=True)
class _Placed:
    """Events with the place of each: a district counted from 0, or `districts` for none."""

    events: Events
    place: Integers
    districts: int

    def sums(self, rows: Mask, values: Floats | None = None) -> Floats:
        """Sum over the given rows: every district, those not placed, and the force."""
        weights = None if values is None else values[rows]
        parts = np.bincount(self.place[rows], weights, minlength=self.districts + 1)
        return np.append(parts, parts.sum())

    def tally(self, measure: str) -> dict[str, Any]:
        """Count one measure and its severity."""
        rows = _rows_of(self.events, measure)
        count = self.sums(rows)
        mean, error = np.full(count.size, np.nan), np.full(count.size, np.nan)
        if self.events.weight_name != COUNT:
            some = count > 0
            np.divide(self.sums(rows, self.events.weight), count, out=mean, where=some)
            np.divide(np.sqrt(self.sums(rows, self.events.weight_sd**2)), count, out=error, where=some)
        unlocated = self.sums(rows & ~self.events.located)
        return {"count": count, "unlocated": unlocated, "severity_per_event": mean, "severity_se": error}


def _numbers(now: _Placed, then: _Placed | None, measure: str, confidence: float) -> dict[str, Any]:
    numbers = now.tally(measure)
    if then is None:
        absent = ("before", "severity_per_event_before", "change", "change_low", "change_high", "p")
        return numbers | dict.fromkeys(absent, np.full(len(numbers["count"]), np.nan))
    before = then.tally(measure)
    ratio = poisson_ratio(
        numbers["count"], before["count"], exposure_ratio=_exposure_ratio(now, then), confidence=confidence
    )
    # A layer and a CSV know no infinity: nothing to divide by, and no upper limit, are empty.
    change, low, high = (np.where(np.isfinite(part), part - 1.0, np.nan) for part in ratio[:3])
    return numbers | {
        "before": before["count"].astype(np.float64),
        "severity_per_event_before": before["severity_per_event"],
        "change": change,
        "change_low": low,
        "change_high": high,
        "p": ratio.p,
    }


def _check(events: Events, zones: Zones, before: Events | None) -> None:
    check_same_crs(events.crs, zones.crs, first_name="the table of events", second_name="the table of zones")
    if before is None:
        return
    check_same_crs(before.crs, zones.crs, first_name="the period before", second_name="the table of zones")
    problems = Problems()
    for name, part in (("the events", events), ("the period before", before)):
        problems.check(len(part.months), f"{name}: no event has a month", "dated events, to compare two periods")
    shared = np.intersect1d(events.months, before.months).astype(str).tolist()
    problems.check(
        not shared, f"the two periods share {', '.join(shared)}", "two periods apart", "read other months for before"
    )
    problems.check(events.kind == before.kind, f"one period holds {events.kind}, the other {before.kind}", "one kind")
    problems.check(
        events.weight_name == before.weight_name,
        f"the events are weighted by {events.weight_name!r}, the period before by {before.weight_name!r}",
        "one index for both",
        "weigh both alike (severity.weigh)",
    )
    problems.raise_as(ModelError)


def _study_area(zones: Zones) -> Labels:
    return Labels.constant("study area", zones.n)


def _dissolved(zones: Zones, group: Labels) -> Zones:
    used = np.unique(group.codes[group.present])
    return Zones(
        polygons=np.array([shapely.union_all(zones.polygons[group.codes == code]) for code in used], dtype=object),
        ids=np.array([group.names[code] for code in used]),
        crs=zones.crs,
        population=None
        if zones.population is None
        else np.array([zones.population[group.codes == code].sum() for code in used]),
    )


def _place_of(events: Events, zones: Zones, group: Labels, places: Zones) -> Integers:
    of_zone = places.index_of(group)
    unit = assign(events, zones)
    place = np.where(unit >= 0, of_zone[unit], -1)
    return np.where(place >= 0, place, places.n)


def _populations(zones: Zones, places: Zones) -> Floats:
    if places.population is None or zones.population is None:
        return np.full(places.n + 2, np.nan)
    return np.array([*places.population, np.nan, zones.population.sum()])


def _force_name(events: Events) -> str:
    force = events.attributes.get("force")
    names = [name for name, rows in force.counts().items() if rows] if isinstance(force, Labels) else []
    return names[0] if len(names) == 1 else "all forces" if names else FORCE


def _coverage(events: Events) -> pd.DataFrame:
    """Return the coverage of the months that have events: a gap between two months read is no part of the period."""
    coverage = events.ledger.coverage
    return coverage[coverage["month"].isin(events.months.astype(str).tolist())]


def _complete_months(events: Events, before: Events | None) -> str:
    tables = [_coverage(part) for part in (events, before) if part is not None]
    if any(table.empty for table in tables):
        return "unknown"
    return "yes" if all((table["status"] == "complete").all() for table in tables) else "no"


def _measures(events: Events, before: Events | None) -> list[str]:
    """Name the totals, the categories asked for first, and the other categories."""
    parts = [events] if before is None else [events, before]
    found = {name.casefold(): name for part in parts for name, rows in part.category.counts().items() if rows}
    first = [found.pop(name.casefold()) for name in FIRST if name.casefold() in found]
    total = _total(events)
    totals = [total, _with_antisocial(total)] if ANTISOCIAL.casefold() in map(str.casefold, first) else [total]
    return [*totals, *first, *sorted(found.values())]


def _total(events: Events) -> str:
    return f"all {events.kind}"


def _with_antisocial(total: str) -> str:
    return f"{total} and ASB"


def _rows_of(events: Events, measure: str) -> Mask:
    total = _total(events)
    if measure == _with_antisocial(total):
        return np.ones(len(events), dtype=bool)
    return ~_is(events.category, ANTISOCIAL) if measure == total else _is(events.category, measure)


def _is(category: Labels, name: str) -> Mask:
    codes = [code for code, known in enumerate(category.names) if known.casefold() == name.casefold()]
    return np.isin(category.codes, codes)


def _exposure_ratio(now: _Placed, then: _Placed) -> float:
    return len(now.events.months) / len(then.events.months)


def _notes(now: _Placed, group: Labels) -> Iterator[str]:
    events = now.events
    yield "rates are per 1,000 residents in the whole period, not per year"
    if events.weight_name != COUNT:
        yield f"severity is the mean weight of an event: {events.weight_name}"
    out = now.place == now.districts
    unlocated = int((out & ~events.located).sum())
    yield f"not placed: {unlocated:,} without location, {int(out.sum()) - unlocated:,} elsewhere; the force counts all"
    if not group.present.all():
        yield f"{int((~group.present).sum())} of {len(group)} zones have no district; their events are not placed"


def _notes_on_change(now: _Placed, then: _Placed | None, confidence: float) -> Iterator[str]:
    if then is None:
        return
    yield f"* the exact Poisson interval ({100 * confidence:g}%) of the change leaves out 0; crimes in series vary more"
    months, before = now.events.months, then.events.months
    if len(months) != len(before):
        yield f"the period before has {len(before)} months, this one {len(months)}: a change is that of the mean month"
    if {str(month)[5:] for month in months} != {str(month)[5:] for month in before}:
        yield "the two periods are different months of the year: part of a change may be the season"
    share, share_before = (np.mean(~part.events.located) for part in (now, then))
    yield f"{share:.1%} have no location, {share_before:.1%} before: districts gain where fewer go without"


def _notes_on_source(now: _Placed, then: _Placed | None) -> Iterator[str]:
    for part in (now,) if then is None else (now, then):
        excluded = part.events.ledger.excluded()
        if excluded:
            reasons = ", ".join(f"{count:,} {reason}" for reason, count in excluded.items())
            yield f"left out of the source, and so of every count: {reasons}"
        coverage = _coverage(part.events)
        rows = coverage[coverage["status"] != "complete"]
        if len(rows):
            yield "not complete: " + ", ".join(f"{row.force} {row.month} ({row.status})" for row in rows.itertuples())
    asked = {name: why for name, why in NOT_DERIVABLE.items() if not _is(now.events.category, name).any()}
    missing = "; ".join(f"{name} ({why})" for name, why in asked.items())
    yield f"not derivable from this source's categories: {missing}"
