"""Patrol dosage: visits that priority areas need, who makes them when, and what is delivered."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Literal

import numpy as np
import pandas as pd
import shapely
from pydantic import Field

from demandgeo.deployment.apportionment import apportion
from demandgeo.deployment.places import described
from demandgeo.deployment.tours import Beat, Rota, find_rota, most_served, shortest_tour
from demandgeo.domain import CostMatrix, Points, PriorityAreas, ShiftPlan, Support, Table
from demandgeo.domain.patrol import PATROL_COLUMNS, VISIT_COLUMNS
from demandgeo.domain.record import Floats, Geometries, Integers
from demandgeo.errors import ModelError, Problems, did_you_mean
from demandgeo.registry import stage

SAVVY_VISIT_MINUTES, SAVVY_VISITS, SAVVY_SHIFT = 15.0, 3, ("15:00", "22:00")
"""Operation Savvy (West Midlands Police, Birmingham South, from November 2012): three visits of 15 minutes by PCSOs to
each hot spot of 150 m radius on a late shift, 15:00 to 22:00, Wednesday to Saturday."""

KOPER_MINUTES, KOPER_EVERY = (10.0, 16.0), 120.0
"""Koper (1995), Justice Quarterly 12:649-672: visits of 10 to 16 minutes deter longest after the officer has left, and
work best when they come back about every two hours."""

DETOUR, SPEED_KMH = 1.3, 20.0
"""Where no travel times are given: streets are some 1.3 times as long as the straight line, driven at 20 km/h."""

DAY = 24 * 60
CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")

Minutes = Annotated[float, Field(gt=0)]
Times = tuple[str, str] | list[str]
Required = Literal["alike", "by risk"]
Visits = Annotated[int, Field(ge=1)]


@stage("deployment.shift_plan")
def shift_plan(
    areas: PriorityAreas | Points,
    times: CostMatrix | None = None,
    *,
    officers: Annotated[int, Field(ge=1)] | None = None,
    visits: Visits | dict[str, Visits] = SAVVY_VISITS,
    visit_minutes: Minutes = SAVVY_VISIT_MINUTES,
    shift: Times = SAVVY_SHIFT,
    required: Required = "alike",
    detour: Annotated[float, Field(ge=1)] = DETOUR,
    speed_kmh: Minutes = SPEED_KMH,
) -> ShiftPlan:
    """Plan which officer visits which areas when: the fewest officers that meet the dosage, or the most of it.

    An officer walks one closed tour over and over, as often as its most demanding area needs, so that visits to an
    area are evenly spaced over the shift.

    Parameters
    ----------
    areas
        Where: priority areas, whose risk is their demand; or points, whose risk is their column ``risk`` (alike
        without one).
    times
        Travel times from each area to each, in the order of the areas. Without them: the straight line between points
        inside the areas, times `detour`, at `speed_kmh`; the result says so.
    officers
        How many there are; as many as it takes if None. With too few, areas are served in full or not at all, so that
        the most risk is served.
    visits
        To each area in a shift, 3 by default, as in Operation Savvy; or how many to each area, by its name.
    visit_minutes
        Length of a visit; 15 by default, as in Operation Savvy.
    shift
        When it begins and ends, by the clock; one that ends earlier than it begins ends the next day.
    required
        ``"alike"``, or ``"by risk"``: as many visits in all, shared in proportion to risk, at least one to each area.
    detour, speed_kmh
        Of travel without `times`.

    Returns
    -------
    ShiftPlan
        `visits` with every visit; `rows` with what each area gets; a number of officers that no rota can do without
        (exact where few areas fit one tour), and the greatest share that as many officers can deliver.

    Raises
    ------
    ModelError
        If a number or time makes no sense, travel times do not match the areas, an area cannot be reached, or its
        visits do not fit into the shift even for an officer of its own.

    Notes
    -----
    A tour fits if (visits and ways of one round) x rounds <= shift. Where no more than 60,000 sets of areas fit one
    tour (always up to 14 areas), the shortest tour of each (Held and Karp 1962) and a set cover by HiGHS prove the
    least number of such rotas; beyond, tours are built by cheapest insertion, and the bound is the work that visits
    and the least ways take, or areas no two of which fit one tour. Dosage is what is delivered, no evidence that crime
    falls.

    Examples
    --------
    >>> places = Points(("A", "B", "C"), np.array([0.0, 600.0, 9000.0]), np.zeros(3), "EPSG:27700")
    >>> plan = shift_plan(places)
    >>> plan.officers, plan.least_officers, plan.rows["officer"].tolist()
    (1, 1, ['officer 1', 'officer 1', 'officer 1'])
    >>> plan.visits[["area", "arrive"]].head(4).to_numpy().tolist()
    [['A', '15:00'], ['C', '15:50'], ['B', '16:38'], ['A', '17:20']]
    """
    order = _Order(visits, visit_minutes, _clock(shift), required)
    beat, about = _beat(areas, times, order, detour, speed_kmh)
    rota = find_rota(beat, officers)
    rounds = [int(beat.visits[list(tour)].max()) for tour in rota.tours]
    names = [f"officer {i + 1}" for i in range(len(rota.tours))]
    return _plan(beat, about, order, rota, list(zip(names, rota.tours, rounds, strict=True)))


@stage("deployment.dosage")
def dosage(
    areas: PriorityAreas | Points,
    assignment: Table,
    times: CostMatrix | None = None,
    *,
    visits: Visits | dict[str, Visits] = SAVVY_VISITS,
    visit_minutes: Minutes = SAVVY_VISIT_MINUTES,
    shift: Times = SAVVY_SHIFT,
    required: Required = "alike",
    detour: Annotated[float, Field(ge=1)] = DETOUR,
    speed_kmh: Minutes = SPEED_KMH,
) -> ShiftPlan:
    """Work out what dosage officers deliver to the areas that somebody gave them, against what is required.

    Each officer goes round their areas by the shortest way, as often as the shift holds and the areas need. Who cannot
    go round once leaves out the areas of least risk.

    Parameters
    ----------
    areas, times, visits, visit_minutes, shift, required, detour, speed_kmh
        As for `shift_plan`.
    assignment
        Who has which areas: a Table with the columns officer and area. An area that nobody has gets no visit.

    Returns
    -------
    ShiftPlan
        As from `shift_plan`, with the same two bounds beside what is delivered.

    Raises
    ------
    ModelError
        As from `shift_plan`; or if the assignment names an unknown area, or one twice.

    Examples
    --------
    >>> places = Points(("A", "B", "C"), np.array([0.0, 600.0, 9000.0]), np.zeros(3), "EPSG:27700")
    >>> given = Table("who", pd.DataFrame({"officer": ["Ann", "Bob"], "area": ["A", "C"]}))
    >>> plan = dosage(places, given)
    >>> plan.rows[["area", "officer", "delivered_visits"]].to_numpy().tolist()
    [['A', 'Ann', 3], ['B', '', 0], ['C', 'Bob', 3]]
    """
    order = _Order(visits, visit_minutes, _clock(shift), required)
    beat, about = _beat(areas, times, order, detour, speed_kmh)
    walked = [(name, *_walked(beat, places)) for name, places in _assigned(assignment, about.names).items()]
    needed = find_rota(beat)
    rota = Rota(tuple(tour for _, tour, _ in walked), needed.least, most_served(beat, len(walked)), needed.method)
    return _plan(beat, about, order, rota, walked)


@dataclass(frozen=True)
class _Order:
    """What is asked for: visits, their minutes, when the shift begins, how long it is, and how visits are shared."""

    visits: int | dict[str, int]
    minutes: float
    clock: tuple[int, int]
    required: Required


@dataclass(frozen=True)
class _About:
    """The areas: names, outlines, CRS and support for a map, and how travel was worked out."""

    names: tuple[str, ...]
    outlines: Geometries
    crs: str
    travel: str
    support: Support | None


def _clock(shift: Times) -> tuple[int, int]:
    """Return the minute of the day at which the shift begins, and its length in minutes."""
    good = len(shift) == 2 and all(CLOCK.fullmatch(time) for time in shift)
    if not good:
        raise ModelError(f"the shift is {list(shift)}", "when it begins and ends, as 15:00 and 22:00, was needed")
    begins, ends = (int(time[:2]) * 60 + int(time[3:]) for time in shift)
    return begins, (ends - begins) % DAY or DAY


def _beat(
    areas: PriorityAreas | Points, times: CostMatrix | None, order: _Order, detour: float, speed_kmh: float
) -> tuple[Beat, _About]:
    names, outlines, risk, points = _described(areas)
    problems = Problems()
    problems.check(len(names) > 0, "there is no area", "at least one was needed")
    problems.check(1 <= detour < np.inf, f"detour is {detour}", "a number >= 1 was needed")
    _check_visits(order, names, problems)
    for name, value in (("visit_minutes", order.minutes), ("speed_kmh", speed_kmh)):
        problems.check(0 < value < np.inf, f"{name} is {value}", "a number > 0 was needed")
    good = np.isfinite(risk).all() and (risk >= 0).all() and risk.sum() > 0
    problems.check(good, "the risk of the areas is not numbers >= 0 with one above 0")
    problems.raise_as(ModelError)
    if times is None:
        travel = _straight(points, detour, speed_kmh)
        said = f"straight line x {detour:g} at {speed_kmh:g} km/h: no travel times were given"
    else:
        travel = _given(times, names)
        said = f"travel times: {times.profile}"
    shares = risk / risk.sum()
    needed = _required(order, names, shares)
    _, length = order.clock
    for name, count in zip(names, needed.tolist(), strict=True):
        over = count * order.minutes - length
        problems.check(
            over <= 1e-9,
            f"{name}: {count} visits of {order.minutes:g} minutes are {over:,.0f} minutes too many",
            f"visits that fit the shift of {length}",
            "ask for fewer or shorter ones",
        )
    problems.raise_as(ModelError)
    beat = Beat(_shortest_ways(travel), order.minutes, needed, float(length), shares)
    support = None if isinstance(areas, Points) else areas.support
    return beat, _About(names, outlines, areas.crs if isinstance(areas, Points) else areas.support.crs, said, support)


def _described(areas: PriorityAreas | Points) -> tuple[tuple[str, ...], Geometries, Floats, Floats]:
    """Return names, outlines, risk and a point inside each area."""
    if isinstance(areas, Points):
        risk = areas.column("risk")
        weights = np.ones(len(areas)) if risk is None else np.asarray(risk, np.float64)
        return areas.ids, shapely.points(areas.x, areas.y), weights, np.column_stack([areas.x, areas.y])
    return described(areas)


def _straight(points: Floats, detour: float, speed_kmh: float) -> Floats:
    if np.isnan(points).any():
        raise ModelError("an area has no location", "coordinates, or travel times", "give times=")
    apart: Floats = np.hypot(*(points[:, None] - points).transpose(2, 0, 1))
    return apart * detour / (speed_kmh * 1000.0 / 60.0)


def _given(times: CostMatrix, names: tuple[str, ...]) -> Floats:
    n, problems = len(names), Problems()
    if times.shape != (n, n):
        raise ModelError(f"travel times have the shape {times.shape}", f"({n}, {n}): from each area to each")
    numbered = tuple(map(str, range(n)))
    for what, places in (("origins", times.origins.ids), ("destinations", times.destinations.ids)):
        problems.check(
            places in (names, numbered),
            f"the {what} of the travel times are {', '.join(places[:5])}",
            f"the areas in their order: {', '.join(names[:5])}",
        )
    minutes = np.asarray(times.seconds, np.float64) / 60.0
    np.fill_diagonal(minutes, 0.0)
    for i, j in np.argwhere(np.isinf(minutes)):
        problems.add(f"there is no way from {names[i]} to {names[j]}", "one between any two areas", "leave one out")
    problems.raise_as(ModelError)
    return minutes


def _shortest_ways(travel: Floats) -> Floats:
    """Return travel by way of other areas where that is shorter: then no part of a tour takes longer than the whole."""
    ways = travel.copy()
    for by in range(len(ways)):
        ways = np.minimum(ways, ways[:, by, None] + ways[by])
    return ways


def _check_visits(order: _Order, names: tuple[str, ...], problems: Problems) -> None:
    visits = order.visits if isinstance(order.visits, dict) else {"visits": order.visits}
    for name, number in visits.items():
        problems.check(number >= 1, f"{name} is {number}", "a number >= 1 was needed")
    if isinstance(order.visits, dict):
        problems.check(order.required == "alike", "visits are given by area and by risk", "one of the two")
        for name in visits.keys() - set(names):
            problems.add(f"visits are given to {name!r}, which is no area", remedy=did_you_mean(name, names))
        lacking = [name for name in names if name not in visits]
        problems.check(not lacking, f"no visits are given for {', '.join(lacking)}", "a number for each area")


def _required(order: _Order, names: tuple[str, ...], shares: Floats) -> Integers:
    """Return the visits that each area needs."""
    n = len(shares)
    if isinstance(order.visits, dict):
        return np.array([order.visits[name] for name in names], np.int64)
    if order.required == "alike":
        return np.full(n, order.visits, np.int64)
    exact = [Fraction(share) for share in shares.tolist()]
    return np.array(apportion(order.visits * n, exact, [1] * n, [None] * n), np.int64)


def _assigned(assignment: Table, names: tuple[str, ...]) -> dict[str, list[int]]:
    rows, problems = assignment.rows, Problems()
    lacking = [name for name in ("officer", "area") if name not in rows]
    problems.check(not lacking, f"{assignment.title} has no column {', '.join(lacking)}", "officer and area")
    problems.raise_as(ModelError)
    at = {name: place for place, name in enumerate(names)}
    assigned: dict[str, list[int]] = {}
    seen: set[str] = set()
    for officer, area in zip(rows["officer"].astype(str), rows["area"].astype(str), strict=True):
        problems.check(area in at, f"{officer} has the area {area!r}, which is not known", did_you_mean(area, names))
        problems.check(area not in seen, f"the area {area!r} stands twice", "one officer for each area")
        seen.add(area)
        assigned.setdefault(officer, []).append(at.get(area, -1))
    problems.check(assigned, f"{assignment.title} has no row")
    problems.raise_as(ModelError)
    return assigned


def _walked(beat: Beat, places: list[int]) -> tuple[tuple[int, ...], int]:
    """Return the tour of an officer and how often it is walked."""
    kept = sorted(places, key=lambda area: (-beat.risk[area], area))
    tour = shortest_tour(beat, kept)
    while beat.minutes(tour) > beat.shift * (1 + 1e-9):
        kept.pop()
        tour = shortest_tour(beat, kept)
    rounds = int(beat.shift * (1 + 1e-9) // beat.minutes(tour))
    return tour, min(rounds, int(beat.visits[list(tour)].max()))


def _plan(
    beat: Beat, about: _About, order: _Order, rota: Rota, walked: list[tuple[str, tuple[int, ...], int]]
) -> ShiftPlan:
    visits = _visits(beat, about, order, walked)
    made = visits["area"].value_counts()
    delivered = np.array([made.get(name, 0) for name in about.names], dtype=np.int64)
    who = {about.names[area]: name for name, tour, _ in walked for area in tour}
    minutes = delivered * order.minutes
    columns = (
        list(about.names),
        beat.risk,
        [who.get(name, "") for name in about.names],
        beat.visits,
        delivered,
        beat.visits * order.minutes,
        minutes,
        minutes / max(minutes.sum(), 1.0),
    )
    share = float(beat.risk @ np.minimum(delivered / beat.visits, 1.0))
    return ShiftPlan(
        title=f"{len(walked)} officer{'s' * (len(walked) != 1)}, {len(about.names)} areas",
        rows=pd.DataFrame(dict(zip(PATROL_COLUMNS, columns, strict=True))),
        notes=(*_notes(beat, about, order), *_unserved(about, delivered)),
        provenance={"visit_minutes": order.minutes, "shift_minutes": beat.shift, "required": order.required},
        visits=visits,
        officers=len(walked),
        least_officers=rota.least,
        delivered_share=min(share, 1.0),
        delivered_bound=rota.most_served,
        method=rota.method,
        outlines=about.outlines,
        crs=about.crs,
        support=about.support,
    )


def _visits(beat: Beat, about: _About, order: _Order, walked: list[tuple[str, tuple[int, ...], int]]) -> pd.DataFrame:
    """Return every visit; the rounds of a tour begin evenly over the shift."""
    rows = []
    for name, tour, rounds in walked:
        number = 0
        for turn in range(rounds):
            minute = turn * beat.shift / rounds
            for place, area in enumerate(tour):
                number += 1
                leave = minute + beat.visit
                times = (minute, leave, _by_clock(order, minute), _by_clock(order, leave))
                rows.append((name, number, about.names[area], *times))
                minute = leave + float(beat.travel[area, tour[(place + 1) % len(tour)]])
    return pd.DataFrame(rows, columns=list(VISIT_COLUMNS))


def _by_clock(order: _Order, minute: float) -> str:
    hours, minutes = divmod((order.clock[0] + round(minute)) % DAY, 60)
    return f"{hours:02d}:{minutes:02d}"


def _unserved(about: _About, delivered: Integers) -> list[str]:
    without = [name for name, visits in zip(about.names, delivered.tolist(), strict=True) if not visits]
    return [f"no visit to {len(without)} areas: {', '.join(without)}"] if without else []


def _notes(beat: Beat, about: _About, order: _Order) -> tuple[str, ...]:
    low, high = KOPER_MINUTES
    notes = [
        f"{about.travel}; getting to the first area and home from the last is not counted",
        "an officer walks one closed tour over and over; visits to an area are evenly spaced",
        "dosage is what is delivered, no evidence that crime falls",
    ]
    if not low <= order.minutes <= high:
        notes.append(f"visits of {order.minutes:g} minutes: Koper (1995) found {low:g} to {high:g} to deter longest")
    apart = beat.shift / float(beat.visits.min())
    if apart > KOPER_EVERY * 1.25:
        notes.append(f"visits are up to {apart:,.0f} minutes apart: Koper (1995) has them come back every two hours")
    return tuple(notes)
