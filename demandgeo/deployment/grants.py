"""Allocating a grant across districts by need, to the pound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd

from demandgeo.domain import Table
from demandgeo.domain.record import Floats
from demandgeo.errors import ModelError, Problems, did_you_mean
from demandgeo.registry import stage

COLUMNS = ("formula", "district", "need_share", "quota_gbp", "amount_gbp", "bound")
CHANGES = ("previous_gbp", "difference_gbp", "difference_percent")

GRANT_2015_16 = {
    "Birmingham": 2_497_583,
    "Coventry": 546_304,
    "Dudley": 396_364,
    "Sandwell": 530_190,
    "Solihull": 285_938,
    "Walsall": 402_203,
    "Wolverhampton": 492_495,
    "West Midlands Police": 1_817_923,
}
"""Pounds; the sum is 6,969,000. Source: Table 1, allocation of grant in the West Midlands for 2015-16."""

Formulas = Mapping[str, Mapping[str, float]]


@stage("deployment.grant_2015_16")
def grant_2015_16() -> Table:
    """Return the historic allocation of grant in the West Midlands, 2015-16: eight rows, in pounds.

    Examples
    --------
    >>> int(grant_2015_16().rows["amount_gbp"].sum())
    6969000
    """
    rows = pd.DataFrame({"district": list(GRANT_2015_16), "amount_gbp": list(GRANT_2015_16.values())})
    return Table(
        "Grant in the West Midlands, 2015-16",
        rows,
        notes=(
            "Source: Table 1, allocation of grant in the West Midlands for 2015-16; the rows sum to GBP 6,969,000.",
        ),
    )


@stage("deployment.allocate")
def allocate(
    needs: Table | pd.DataFrame,
    previous: Table | pd.DataFrame | None = None,
    *,
    total: int,
    formulas: Mapping[str, Mapping[str, float]] | None = None,
    reserved: Mapping[str, int] | None = None,
    floors: Mapping[str, int] | None = None,
    ceilings: Mapping[str, int] | None = None,
    damping: float | None = None,
) -> Table:
    """Divide a grant in proportion to need, within floors and ceilings, to the pound.

    Parameters
    ----------
    needs
        A row per district: column ``district`` and a column per factor of need, such as population, demand, harm and
        deprivation (numbers >= 0; the higher, the more need).
    previous
        What each district had: columns ``district`` and ``amount_gbp``; each row then gives the difference.
    total
        Whole pounds to divide, the reserved sums included.
    formulas
        Several ways to state need, each a name and the weights of its factors. A district's need share is the weighted
        mean of its shares of each factor. None: one formula per factor, and one in which all weigh alike.
    reserved
        Whole pounds that go elsewhere first, by name.
    floors, ceilings
        Whole pounds, by district.
    damping
        Greatest change, as a share of what the district had (scaled to the sum that is now divided); needs `previous`.

    Returns
    -------
    Table
        A row per formula and district: need_share, quota_gbp (in exact proportion to need), amount_gbp, bound
        (``"floor"``, ``"ceiling"`` or empty); with `previous` also difference_gbp and difference_percent.

    Raises
    ------
    ModelError
        If a column or district is missing, a number makes no sense, or the constraints conflict; conflicts are named.

    Notes
    -----
    Amounts are clip(level x need, floor, ceiling), the level such that they sum to the total, in exact fractions;
    then whole pounds by the largest remainder (Hamilton), ties by name. Rows may stand in any order.

    Examples
    --------
    >>> needs = pd.DataFrame({"district": ["North", "South"], "population": [1000, 2000], "harm": [50.0, 25.0]})
    >>> allocate(needs, total=100, floors={"South": 40}).rows[["formula", "district", "amount_gbp"]].head(4)
          formula district  amount_gbp
    0  population    North          33
    1  population    South          67
    2        harm    North          60
    3        harm    South          40
    """
    problems = Problems()
    table = _checked(needs, problems)
    problems.raise_as(ModelError)
    ways = _formulas(table, formulas, problems)
    before = _previous(table, previous, problems)
    wishes = {"reserved": reserved, "floors": floors, "ceilings": ceilings, "damping": damping}
    limits = _limits(table.index.tolist(), total, wishes, before, problems)
    problems.raise_as(ModelError)
    parts = [_divided(table, name, weights, limits, before) for name, weights in ways.items()]
    return Table(
        f"GBP {total:,} by need",
        pd.concat(parts, ignore_index=True),
        notes=_notes(ways, reserved or {}, damping),
        provenance={"total_gbp": total, "reserved": dict(reserved or {}), "formulas": ways},
    )


@dataclass(frozen=True, slots=True)
class _Limits:
    """Pounds to divide, and the least and most of each district."""

    amount: int
    low: list[int]
    high: list[int]


def _checked(needs: Table | pd.DataFrame, problems: Problems) -> pd.DataFrame:
    table = needs.rows if isinstance(needs, Table) else needs
    if not problems.check("district" in table, "needs have no column 'district'", "one was needed"):
        return table
    table = table.set_index(table["district"].astype(str)).drop(columns="district").sort_index()
    problems.check(table.index.is_unique, "a district stands twice in the needs", "one row each was needed")
    problems.check(len(table) > 0 and table.shape[1] > 0, "there are no needs", "a column per factor was needed")
    return table.select_dtypes("number").astype(np.float64)


def _formulas(table: pd.DataFrame, formulas: Formulas | None, problems: Problems) -> Formulas:
    if formulas is None:
        factors = [str(name) for name in table.columns]
        every = {name: {name: 1.0} for name in factors}
        formulas = every | ({"all factors alike": dict.fromkeys(factors, 1.0)} if len(factors) > 1 else {})
    for name, weights in formulas.items():
        for factor in weights:
            problems.check(
                factor in table, f"formula {name!r}: no need {factor!r}", remedy=did_you_mean(factor, table.columns)
            )
        values = np.array(list(weights.values()), np.float64)
        problems.check(
            values.size and np.isfinite(values).all() and (values >= 0).all() and values.any(),
            f"formula {name!r} has the weights {values.tolist()}",
            "numbers >= 0, one of them above 0, were needed",
        )
    for factor in sorted({factor for weights in formulas.values() for factor in weights if factor in table}):
        column = table[factor].to_numpy()
        problems.check(
            np.isfinite(column).all() and (column >= 0).all() and column.any(),
            f"need {factor!r} is {column.tolist()}",
            "numbers >= 0, one of them above 0, were needed",
        )
    return formulas


def _previous(table: pd.DataFrame, previous: Table | pd.DataFrame | None, problems: Problems) -> list[int] | None:
    if previous is None:
        return None
    rows = previous.rows if isinstance(previous, Table) else previous
    if not problems.check({"district", "amount_gbp"} <= set(rows), "previous needs district and amount_gbp"):
        return None
    known = dict(zip(rows["district"].astype(str), rows["amount_gbp"].tolist(), strict=True))
    missing = [name for name in table.index if name not in known]
    problems.check(not missing, f"previous has no row for {', '.join(missing)}", "one per district was needed")
    return [int(known.get(name, 0)) for name in table.index]


def _limits(
    names: Sequence[str], total: int, wishes: Mapping[str, Any], before: list[int] | None, problems: Problems
) -> _Limits:
    floors, ceilings, reserved = (wishes[key] or {} for key in ("floors", "ceilings", "reserved"))
    damping = wishes["damping"]
    for what, values in (("floor", floors), ("ceiling", ceilings)):
        for name, value in values.items():
            problems.check(name in names, f"{what}: no district {name!r}", remedy=did_you_mean(name, names))
            problems.check(value >= 0, f"the {what} of {name} is {value}", "pounds >= 0 were needed")
    for name, value in reserved.items():
        problems.check(value >= 0, f"reserved for {name} is {value}", "pounds >= 0 were needed")
    amount = total - sum(reserved.values())
    problems.check(amount >= 0, f"GBP {total - amount:,} are reserved of GBP {total:,}", "no more than the total")
    low = [floors.get(name, 0) for name in names]
    high = [ceilings.get(name, max(amount, 0)) for name in names]
    if damping is not None and problems.check(before is not None, "damping is set without previous amounts"):
        problems.check(damping >= 0, f"damping is {damping}", "a share >= 0 was needed")
        low, high = _damped(low, high, before or [], amount, Fraction(damping))
    for name, least, most in zip(names, low, high, strict=True):
        problems.check(least <= most, f"{name}: floor GBP {least:,} is above ceiling GBP {most:,}", "relax one of them")
    bounds = (f"the floors sum to GBP {sum(low):,}", f"the ceilings sum to GBP {sum(high):,}")
    problems.check(sum(low) <= amount, f"{bounds[0]}, GBP {amount:,} are to be divided", "lower some floors")
    problems.check(sum(high) >= amount, f"{bounds[1]}, GBP {amount:,} are to be divided", "raise some ceilings")
    return _Limits(amount, low, high)


def _damped(
    low: list[int], high: list[int], before: list[int], amount: int, damping: Fraction
) -> tuple[list[int], list[int]]:
    scale = Fraction(amount, sum(before) or 1)
    least = [-int(-(scale * had * (1 - damping)) // 1) for had in before]
    most = [int(scale * had * (1 + damping) // 1) for had in before]
    return [max(pair) for pair in zip(low, least, strict=True)], [min(pair) for pair in zip(high, most, strict=True)]


def _divided(
    table: pd.DataFrame, formula: str, weights: Mapping[str, float], limits: _Limits, before: list[int] | None
) -> pd.DataFrame:
    need = _need(table, weights)
    quotas = level_quotas(need, limits.low, limits.high, limits.amount)
    if quotas is None:
        raise ModelError(
            f"formula {formula!r}: the ceilings of the districts with need leave a part of the grant",
            "higher ceilings, or need elsewhere, were needed",
        )
    amounts = largest_remainder(quotas, limits.amount)
    exact = [limits.amount * part for part in need]
    bound = [
        "floor" if quota == low and quota > plain else "ceiling" if quota == high and quota < plain else ""
        for quota, low, high, plain in zip(quotas, limits.low, limits.high, exact, strict=True)
    ]
    columns: tuple[Any, ...] = (formula, table.index, list(map(float, need)), list(map(float, exact)), amounts, bound)
    rows = pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)))
    if before is not None:
        had: Floats = np.array(before, np.float64)
        change = rows["amount_gbp"] - np.array(before, np.int64)
        percent = np.divide(100.0 * change, had, out=np.full(had.size, np.nan), where=had > 0)
        rows = rows.assign(**dict(zip(CHANGES, (before, change, percent), strict=True)))
    return rows


def _need(table: pd.DataFrame, weights: Mapping[str, float]) -> list[Fraction]:
    """Share of need of each district: the weighted mean of its shares of the factors; the sum is exactly 1."""
    parts = np.zeros(len(table), object)
    for factor, weight in weights.items():
        column = [Fraction(value) for value in table[factor]]
        parts += np.array([Fraction(weight) * value / sum(column) for value in column], object)
    return [part / sum(parts) for part in parts]


def level_quotas(need: list[Fraction], low: list[int], high: list[int], amount: int) -> list[Fraction] | None:
    """Return clip(level x need, low, high) for the level at which they sum to the amount; None if none reaches it."""

    def at(level: Fraction) -> list[Fraction]:
        return [min(max(level * n, Fraction(a)), Fraction(b)) for n, a, b in zip(need, low, high, strict=True)]

    edges = {Fraction(edge) / n for n, a, b in zip(need, low, high, strict=True) if n for edge in (a, b)}
    left, start = Fraction(0), sum(at(Fraction(0)))
    if start == amount:
        return at(left)
    for right in sorted(edges):
        end = sum(at(right))
        if end >= amount:  # between two edges the sum is a straight line in the level
            return at(left + (right - left) * (amount - start) / (end - start))
        left, start = right, end
    return None


def largest_remainder(quotas: list[Fraction], amount: int) -> list[int]:
    """Round quotas that sum to the amount to whole numbers that do; of equal remainders the first goes up."""
    whole = [int(quota // 1) for quota in quotas]
    order = sorted(range(len(quotas)), key=lambda i: (whole[i] - quotas[i], i))
    for i in order[: amount - sum(whole)]:
        whole[i] += 1
    return whole


def _notes(formulas: Formulas, reserved: Mapping[str, int], damping: float | None) -> tuple[str, ...]:
    stated = [
        f"{name}: " + ", ".join(f"{weight:g} x share of {factor}" for factor, weight in weights.items())
        for name, weights in formulas.items()
    ]
    kept = [f"Reserved for {name}: GBP {value:,}." for name, value in reserved.items()]
    damped = [] if damping is None else [f"No district changes by more than {damping:.0%} of what it had."]
    return (*stated, *kept, *damped, "Need by recorded demand rewards recording: what is recorded more is funded more.")
