"""A grant shared across districts by a stated need, within floors, ceilings and a most change from last year."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Annotated

import numpy as np
import pandas as pd
import shapely
from pydantic import Field

from demandgeo.deployment.apportionment import apportion, quotas, reach
from demandgeo.deployment.needs import Measure, measures_of
from demandgeo.domain import Allocation, Demand, Headline, Record, Table, Zones
from demandgeo.domain.allocation import ALLOCATION_COLUMNS
from demandgeo.errors import ModelError, Problems, did_you_mean
from demandgeo.registry import stage

Amount = Annotated[float, Field(ge=0)]
Amounts = Amount | dict[str, Amount]
"""One figure for every district, or one for each that is named."""

KEPT = "kept"


@stage("deployment.allocate")
def allocate(
    needs: tuple[Zones | Headline | Demand | Table, ...],
    historic: Table | None = None,
    *,
    weights: dict[str, Amount],
    total: int | None = None,
    keep: tuple[str, ...] | list[str] = (),
    floor_gbp: Amounts = 0.0,
    floor_share: Amounts = 0.0,
    ceiling_gbp: Amounts | None = None,
    ceiling_share: Amounts | None = None,
    damping: Annotated[float, Field(ge=0)] | None = None,
) -> Allocation:
    """Share a grant across districts in proportion to need, to the pound.

    The need of a district is the weighted mean of its shares of each measure. Its amount is in proportion to need,
    cut to its limits; what that frees or takes is shared by the others in proportion to theirs.

    Parameters
    ----------
    needs
        What states need by district. Zones state ``population``; a Demand ``demand`` if it counts events, else
        ``harm``; a Headline ``population``, each of its measures by name (counts), ``MEASURE: harm`` and ``MEASURE:
        rate_per_1000``; a Table with a column ``district`` each of its columns of numbers.
    historic
        What each had: a Table with the columns district and gbp (`read_grant`).
    weights
        Weight of each measure in the formula, any numbers >= 0: only their proportions count.
    total
        GBP to share out; what was shared out before if None.
    keep
        Recipients that keep what they had, outside the formula.
    floor_gbp, ceiling_gbp
        Least and most, GBP; one figure for all, or by district.
    floor_share, ceiling_share
        Least and most, as a share of what the district had (0.9 is 90 %); one figure for all, or by district.
    damping
        Most change from what the district had, as a share of it (0.1: 10 % up or down).

    Returns
    -------
    Allocation
        Whole pounds that sum to the total, with the change from `historic`, and the rule that held a share.

    Raises
    ------
    ModelError
        If a measure, a district or an amount is not known, or limits conflict: each conflict by its names and by how
        many pounds.

    Notes
    -----
    Exact arithmetic on integers and fractions; largest remainder, ties to the name that sorts first. Without limits
    each amount is within GBP 1 of the exact proportional quota (the quota rule; Balinski and Young 2001).

    Examples
    --------
    >>> import pandas as pd
    >>> from demandgeo.deployment import read_grant
    >>> residents = {"Birmingham": 1073045, "Coventry": 316960, "Dudley": 312925, "Sandwell": 308063}
    >>> residents |= {"Solihull": 206674, "Walsall": 269323, "Wolverhampton": 249470}
    >>> need = Table("Census 2011", pd.DataFrame(residents.items(), columns=["district", "population"]))
    >>> grant = allocate((need,), read_grant(), weights={"population": 1.0}, keep=("West Midlands Police",))
    >>> grant.rows.set_index("district").loc["Birmingham", ["gbp", "change_gbp"]].tolist()
    [2019886.0, -477697.0]
    >>> grant.rows["gbp"].sum().item()
    6969000
    """
    _check_weights(weights)
    measures = measures_of(needs, [name for name, weight in weights.items() if weight > 0])
    before = _amounts_before(historic)
    share = _need(measures, weights)
    problem = _Problem(share, before, _kept(keep, before, share), total)
    rules = {
        "floor": floor_gbp,
        "floor of last year's share": floor_share,
        "ceiling": ceiling_gbp,
        "ceiling of last year's share": ceiling_share,
    }
    limits = _limits(problem, rules, damping)
    problem.check(limits)
    formula = _in_words(weights)
    return Allocation(
        title=f"GBP {problem.total:,} by {formula}",
        rows=_rows(problem, limits),
        notes=(
            "need: mean of the shares of each measure, by weight; amounts in proportion to it, cut to their limits",
            *(f"kept outside the formula: {name}" for name in problem.kept),
            *(note for measure in measures for note in measure.notes),
            *([f"before: {historic.provenance.get('source', historic.title)}"] if historic else []),
        ),
        provenance={"weights": dict(weights), "damping": damping, "rounding": "largest remainder"},
        total=problem.total,
        formula=formula,
        places=_places(needs),
    )


@dataclass(frozen=True)
class _Limit:
    """The least and the most of a district, with the rules that say so."""

    least: int = 0
    most: int | None = None
    floor: str = ""
    ceiling: str = ""


class _Problem:
    """Who shares how much: the districts in order of name, their need, and what is kept outside."""

    def __init__(
        self, need: Mapping[str, Fraction], before: Mapping[str, int], kept: Mapping[str, int], total: int | None
    ) -> None:
        self.before, self.kept = before, kept
        self.need = {name: need[name] for name in sorted(need)}
        if total is None and not before:
            raise ModelError("no total is given", "GBP to share out", "give total=, or what each had as historic")
        self.total = sum(before.values()) if total is None else total
        self.shared = self.total - sum(kept.values())
        if self.shared < 0:
            raise ModelError(f"the total is {self.total:,}", f"what is kept alone is {sum(kept.values()):,}")

    def check(self, limits: Mapping[str, _Limit]) -> None:
        """Refuse limits that no allocation keeps, naming them and the pounds between them."""
        problems = Problems()
        for name, limit in limits.items():
            if limit.most is not None and limit.least > limit.most:
                over = limit.least - limit.most
                found = f"{name}: its {limit.floor} ({limit.least:,}) is above its {limit.ceiling} ({limit.most:,})"
                problems.add(found, remedy=f"bring them together by GBP {over:,}")
        problems.raise_as(ModelError)
        least, most = reach(list(self.need.values()), *_both(limits))
        if least > self.shared:
            named = _list(f"{name} {limit.least:,} ({limit.floor})" for name, limit in limits.items() if limit.least)
            found = f"the floors sum to GBP {least:,}, {least - self.shared:,} above the total of {self.shared:,}"
            problems.add(found, named, "lower a floor, loosen the damping, or raise the total")
        if most is not None and most < self.shared:
            named = _list(
                f"{name} {limit.most:,} ({limit.ceiling})" for name, limit in limits.items() if limit.most is not None
            )
            without = _list(name for name, limit in limits.items() if limit.most is None)
            found = f"the ceilings sum to GBP {most:,}, {self.shared - most:,} below the total of {self.shared:,}"
            also = f"; no need, so nothing above the floor: {without}" if without else ""
            problems.add(found, named + also, "raise a ceiling, loosen the damping, or lower the total")
        problems.raise_as(ModelError)


def _amounts_before(historic: Table | None) -> dict[str, int]:
    if historic is None:
        return {}
    problems, rows = Problems(), historic.rows
    lacking = [name for name in ("district", "gbp") if name not in rows]
    problems.check(not lacking, f"{historic.title} has no column {', '.join(lacking)}", "district and gbp were needed")
    problems.raise_as(ModelError)
    before: dict[str, int] = {}
    for name, gbp in zip(rows["district"].astype(str), rows["gbp"].tolist(), strict=True):
        whole = isinstance(gbp, (int, float)) and math.isfinite(gbp) and gbp >= 0 and gbp == int(gbp)
        if problems.check(whole, f"{name} had {gbp}", "whole pounds >= 0 were needed"):
            problems.check(name not in before, f"{historic.title}: {name} stands twice")
            before[name] = int(gbp)
    problems.raise_as(ModelError)
    return before


def _check_weights(weights: Mapping[str, float]) -> None:
    problems = Problems()
    for name, weight in weights.items():
        problems.check(math.isfinite(weight) and weight >= 0, f"the weight of {name} is {weight}", "a number >= 0")
    problems.check(any(weights.values()), f"the weights are {dict(weights)}", "at least one above 0 was needed")
    problems.raise_as(ModelError)


def _need(measures: list[Measure], weights: Mapping[str, float]) -> dict[str, Fraction]:
    need: dict[str, Fraction] = {}
    # By its decimals a weight of 0.1 is a tenth; the binary number behind it is a little more.
    parts = [Fraction(str(weights[measure.name])) for measure in measures]
    for measure, weight in zip(measures, parts, strict=True):
        amounts = {name: Fraction(amount) for name, amount in measure.amounts.items()}
        whole = sum(amounts.values()) * sum(parts)
        for name, amount in amounts.items():
            need[name] = need.get(name, Fraction(0)) + weight * amount / whole
    return need


def _kept(keep: tuple[str, ...] | list[str], before: Mapping[str, int], need: Mapping[str, Fraction]) -> dict[str, int]:
    problems = Problems()
    for name in sorted(set(keep)):
        problems.check(
            name in before, f"{name!r} is to keep what it had, which is not known", did_you_mean(name, before)
        )
        problems.check(name not in need, f"{name!r} is kept and has a need", "one of the two", "leave it out of keep")
    for name, gbp in before.items():
        known = name in need or name in keep
        problems.check(
            known, f"{name} had GBP {gbp:,} and no input states its need", "", "state it, or name it in keep"
        )
    problems.raise_as(ModelError)
    return {name: before[name] for name in sorted(set(keep))}


def _limits(problem: _Problem, rules: Mapping[str, Amounts | None], damping: float | None) -> dict[str, _Limit]:
    """Return the tightest limits of each district, in whole pounds that keep every rule."""
    problems, limits = Problems(), dict.fromkeys(problem.need, _Limit())
    for rule, amounts in rules.items():
        for name, amount in _by_name(rule, amounts, problem, problems).items():
            of_last_year = "share" in rule
            if amount and of_last_year and name not in problem.before:
                problems.add(f"{rule}: it is not known what {name} had", "what each had", "give historic")
            bound = Fraction(str(amount)) * (problem.before.get(name, 0) if of_last_year else 1)
            limits[name] = _tightened(limits[name], rule, bound, is_floor=rule.startswith("floor"))
    for name in problem.need if damping is not None else ():
        if problems.check(name in problem.before, f"damping: it is not known what {name} had", "give historic"):
            had, change = problem.before[name], Fraction(str(damping))
            limits[name] = _tightened(limits[name], "damping", had * max(1 - change, Fraction(0)), is_floor=True)
            limits[name] = _tightened(limits[name], "damping", had * (1 + change), is_floor=False)
    problems.raise_as(ModelError)
    return limits


def _by_name(rule: str, amounts: Amounts | None, problem: _Problem, problems: Problems) -> dict[str, float]:
    if amounts is None:
        return {}
    named = dict(amounts) if isinstance(amounts, dict) else dict.fromkeys(problem.need, amounts)
    for name, amount in named.items():
        problems.check(name in problem.need, f"{rule}: {name!r} is no district", did_you_mean(name, problem.need))
        good = math.isfinite(amount) and amount >= 0
        problems.check(good, f"{rule} of {name} is {amount}", "a finite number >= 0 was needed")
    problems.raise_as(ModelError)
    return named


def _tightened(limit: _Limit, rule: str, bound: Fraction, *, is_floor: bool) -> _Limit:
    if is_floor:
        least = math.ceil(bound)
        return replace(limit, least=least, floor=rule) if least > limit.least else limit
    most = math.floor(bound)
    return replace(limit, most=most, ceiling=rule) if limit.most is None or most < limit.most else limit


def _both(limits: Mapping[str, _Limit]) -> tuple[list[int], list[int | None]]:
    return [limit.least for limit in limits.values()], [limit.most for limit in limits.values()]


def _rows(problem: _Problem, limits: Mapping[str, _Limit]) -> pd.DataFrame:
    need = list(problem.need.values())
    pounds = dict(zip(problem.need, apportion(problem.shared, need, *_both(limits)), strict=True)) | dict(problem.kept)
    exact = dict(zip(problem.need, quotas(problem.shared, need, *_both(limits)), strict=True))
    rows = []
    for name in sorted(pounds):
        gbp, had, limit = pounds[name], problem.before.get(name), limits.get(name, _Limit(pounds[name], pounds[name]))
        most = math.nan if limit.most is None else float(limit.most)
        change = math.nan if had is None else float(gbp - had)
        share = math.nan if not had else change / had
        held = KEPT if name in problem.kept else _held_by(limit, exact[name], problem.shared * problem.need[name])
        need_share = math.nan if name in problem.kept else float(problem.need[name])
        before = math.nan if had is None else float(had)
        rows.append((name, need_share, gbp, before, change, share, float(limit.least), most, held))
    return pd.DataFrame(rows, columns=list(ALLOCATION_COLUMNS))


def _held_by(limit: _Limit, exact: Fraction, quota: Fraction) -> str:
    """Return the rule that a share stands at, if it is one that need alone would not give."""
    if exact == limit.least and limit.floor and exact != quota:
        return limit.floor
    return limit.ceiling if exact == limit.most and exact != quota else ""


def _in_words(weights: Mapping[str, float]) -> str:
    used = {name: weight for name, weight in weights.items() if weight > 0}
    if len(set(used.values())) == 1:
        return " + ".join(used)
    return " + ".join(f"{weight:g} x {name}" for name, weight in used.items())


def _list(names: object) -> str:
    return ", ".join(names)  # type: ignore[arg-type]


def _places(needs: tuple[Record, ...]) -> Zones | None:
    """Dissolve the first zones that state districts."""
    for source in needs:
        if isinstance(source, Headline):
            return source.places
        zones = source.support if isinstance(source, Demand) else source
        if isinstance(zones, Zones) and zones.group is not None:
            names = sorted({name for name in zones.group if name is not None})
            outlines = [shapely.union_all(zones.polygons[zones.group == name]) for name in names]
            return Zones(np.array(outlines, dtype=object), np.array(names, dtype=np.str_), zones.crs)
    return None
