"""Tracing a front: limits from the strictest to the laxest, plans and bounds handed on, options beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from demandgeo.deployment.planes import Plane
from demandgeo.deployment.programs import OPTIMAL, Effort
from demandgeo.deployment.proofs import Proof
from demandgeo.domain.fronts import TOLERANCE
from demandgeo.domain.record import Floats, Integers
from demandgeo.errors import ModelError, Problems


@dataclass(frozen=True, slots=True)
class Point:
    """A limit and the best choice that keeps it."""

    limit: float
    proof: Proof


@dataclass(frozen=True, slots=True)
class Trace:
    """What was solved.

    Parameters
    ----------
    points
        From the strictest limit to the laxest.
    strictest
        The choice that keeps the strictest limit there is; its objective and bound are of the limited criterion.
    laxest
        Limit from which on a laxer one gains nothing.
    asked
        Number of distinct limits; those beyond an end were answered by the end.
    drawn
        The open sites of each option.
    """

    points: tuple[Point, ...]
    strictest: Proof
    laxest: float
    asked: int
    drawn: Mapping[str, Integers]


def trace(
    plane: Plane, drawn: Mapping[str, Integers], limits: Sequence[float] | None, points: int, effort: Effort
) -> Trace:
    """Solve the limits given, or `points` evenly spaced ones, and those of the drawn choices."""
    allowed = [chosen for chosen in drawn.values() if plane.allows(chosen) and np.isfinite(plane.value(chosen))]
    strict = plane.strictest(effort)
    first = min([strict.open, *allowed], key=lambda chosen: plane.side * plane.spent(chosen))
    strictest = plane.spent(first)
    last = plane.best(plane.laxest(effort, first), allowed)
    laxest = plane.spent(last.open)
    ends = sorted((plane.side * strictest, plane.side * laxest))
    if limits is None:
        asked = _spaced(plane, strictest, laxest, points)
    else:
        asked = np.asarray(limits, np.float64)
        _check_limits(plane, asked, first)
    # Where drawn choices stand beyond an end, it is the end that bounds them.
    own = [plane.spent(chosen) for chosen in drawn.values()]
    solved = [Point(laxest, last)]
    for turned in np.unique(np.clip(plane.side * np.array([*asked, *own]), ends[0], ends[1]))[::-1]:
        solved.append(_next_point(plane, float(plane.side * turned), solved[-1].proof, [first, *allowed], effort))
    closest = strict if strictest == strict.objective else replace(strict, open=first, objective=strictest)
    return Trace(_handed_on(plane, solved[1:][::-1]), closest, laxest, np.unique([*asked, *own]).size, drawn)


def _spaced(plane: Plane, first: float, last: float, points: int) -> Floats:
    if plane.floor is not None or first <= 0:
        return np.linspace(first, last, points)
    spaced = np.geomspace(first, last, points)
    return np.asarray(np.round(spaced) if plane.against == "sites" else spaced, np.float64)


def _check_limits(plane: Plane, limits: Floats, first: Integers) -> None:
    problems = Problems()
    most = "least" if plane.side > 0 else "most"
    for limit in limits:
        problems.check(
            plane.keeps(float(limit), first),
            f"no plan keeps the limit {limit:g} on {plane.against}",
            f"the {most} that was found is {plane.spent(first):g}",
        )
    problems.raise_as(ModelError)


def _next_point(plane: Plane, limit: float, laxer: Proof, known: list[Integers], effort: Effort) -> Point:
    """Solve a limit after a laxer one, whose plan may keep it too and whose bound holds here."""
    if plane.keeps(limit, laxer.open):
        return Point(limit, laxer)
    known = [chosen for chosen in known if plane.keeps(limit, chosen)]
    start = min(known, key=lambda chosen: plane.sign * plane.value(chosen))
    proof = plane.best(plane.within(limit, start, effort), known)
    bound = min(max(plane.sign * proof.bound, plane.sign * laxer.bound), plane.sign * proof.objective)
    return Point(limit, replace(proof, bound=plane.sign * bound))


def _handed_on(plane: Plane, points: list[Point]) -> tuple[Point, ...]:
    """Hand plans from the strictest limit to the laxer ones, which they keep too: an unproven plan may be worse."""
    handed = points[:1]
    for point in points[1:]:
        handed.append(Point(point.limit, plane.best(point.proof, [handed[-1].proof.open])))
    return tuple(handed)


def point_rows(found: Trace, plane: Plane) -> list[tuple[Any, ...]]:
    """Return the rows of the front, ascending in the limited criterion; plans that repeat or are beaten are dropped."""
    kept: list[Point] = []
    for point in found.points:
        repeated = kept and not plane.sign * (kept[-1].proof.objective - point.proof.objective) > TOLERANCE * abs(
            point.proof.objective
        )
        if repeated:
            # The plan that was kept is as good within the laxer limit too, and what is proven there holds for it.
            bound = plane.sign * min(plane.sign * point.proof.bound, plane.sign * kept[-1].proof.bound)
            kept[-1] = Point(point.limit, replace(kept[-1].proof, bound=bound))
        else:
            kept.append(point)
    rows = [
        (
            point.limit,
            plane.spent(point.proof.open),
            point.proof.objective,
            point.proof.bound,
            point.proof.gap,
            point.proof.status,
            int(point.proof.open.size),
            plane.names(point.proof.open),
        )
        for point in kept
    ]
    return sorted(rows, key=lambda row: float(row[1]))


def certificates(found: Trace, plane: Plane, rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return a row per option: its values, the best possible within its own limit, and the plan that beats it."""
    judged = []
    for name, chosen in found.drawn.items():
        value, spent = plane.value(chosen), plane.spent(chosen)
        best = _best_within(found, plane, spent)
        judged.append(
            (
                name,
                plane.allows(chosen),
                spent,
                value,
                best.objective,
                best.bound,
                _behind(plane, value, best.bound),
                best.status,
                _beaten_by(plane, value, spent, rows),
                int(chosen.size),
                plane.names(chosen),
                plane.names(best.open),
            )
        )
    return judged


def _best_within(found: Trace, plane: Plane, spent: float) -> Proof:
    """Return the best choice that has no worse than `spent` of the limited criterion."""
    near = TOLERANCE * max(1.0, abs(spent))
    within = [point for point in found.points if plane.side * (point.limit - spent) <= near]
    if within:
        return within[-1].proof
    # No plan was found that is so strict: is it proven that there is none?
    none = np.inf if plane.sign > 0 else 0.0
    proven = plane.side * (found.strictest.bound - spent) > near
    return Proof(np.empty(0, np.int64), none, none if proven else plane.ideal, OPTIMAL if proven else "node limit")


def _behind(plane: Plane, value: float, bound: float) -> float:
    """Relative distance of a value from a bound; 0 where it is as good."""
    behind = plane.sign * (value - bound)
    if not behind > 0:  # two infinities are level
        return 0.0
    return 1.0 if np.isinf(value) else behind / max(abs(value), abs(bound))


def _beaten_by(plane: Plane, value: float, spent: float, rows: list[tuple[Any, ...]]) -> int:
    """Row (from 1) of the best plan that is as good on both criteria and better on one; 0 for none."""
    beaten, best = 0, np.inf
    for row, (_, its_spent, its_value, *_rest) in enumerate(rows, 1):
        saved, gained = plane.side * (spent - its_spent), plane.sign * (value - its_value)
        slack = TOLERANCE * max(abs(its_value), abs(its_spent), 1.0)
        dominates = saved >= -slack and gained >= -slack and (saved > slack or gained > slack)
        if dominates and plane.sign * its_value < best:
            beaten, best = row, plane.sign * its_value
    return beaten
