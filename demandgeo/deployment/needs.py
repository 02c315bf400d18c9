"""Measures of need by district, from whatever states them: zones, demand, headline measures, tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import singledispatch

import numpy as np
import pandas as pd

from demandgeo.domain import Demand, Headline, Labels, Record, Table, Zones
from demandgeo.domain.areas import share_text
from demandgeo.domain.headline import DISTRICT
from demandgeo.domain.record import Floats
from demandgeo.errors import ModelError, Problems, did_you_mean


@dataclass(frozen=True)
class Measure:
    """One measure of need.

    Parameters
    ----------
    name
        What weights call it.
    amounts
        By district, finite and >= 0.
    notes
        What it leaves out.
    """

    name: str
    amounts: dict[str, float]
    notes: tuple[str, ...] = ()


def measures_of(sources: Sequence[Record], wanted: Sequence[str]) -> list[Measure]:
    """Return the wanted measures, in that order.

    Raises
    ------
    ModelError
        If one is stated by no source or by several, leaves out a district that another states, or is not a finite
        number >= 0 for each.
    """
    stated = [measure for source in sources for measure in _measures(source)]
    problems, found = Problems(), list[Measure]()
    for name in wanted:
        same = [measure for measure in stated if measure.name == name]
        if problems.check(same, f"no input states {name!r}", remedy=did_you_mean(name, {m.name for m in stated})):
            several = f"{len(same)} inputs state {name!r}"
            problems.check(len(same) == 1, several, "one was needed", "leave one out, or give a table with other names")
            found.append(same[0])
    districts = {district for measure in found for district in measure.amounts}
    for measure in found:
        for district in sorted(districts):
            amount = measure.amounts.get(district, np.nan)
            good = np.isfinite(amount) and amount >= 0
            problems.check(good, f"{measure.name} of {district} is {amount}", "a number >= 0 was needed")
        total = sum(measure.amounts.values())
        problems.check(not total <= 0, f"{measure.name} is 0 in every district", "a need somewhere was needed")
    problems.raise_as(ModelError)
    return found


@singledispatch
def _measures(source: Record) -> Iterator[Measure]:
    raise ModelError(f"a {type(source).__name__} states no need by district", "Zones, Demand, Headline or Table")


@_measures.register
def _of_zones(source: Zones) -> Iterator[Measure]:
    if source.population is not None:
        yield Measure("population", *_by_district(source.population, source.group, "residents"))


@_measures.register
def _of_demand(source: Demand) -> Iterator[Measure]:
    amounts, notes = _by_district(source.total, source.support.group, source.measure)
    lost = 1.0 - source.balance.share("placed")
    if lost > 0:
        notes += (f"{source.name}, {source.period}: {share_text(lost)} of all recorded is in no district",)
    yield Measure("demand" if source.is_count else "harm", amounts, notes)


@_measures.register
def _of_headline(source: Headline) -> Iterator[Measure]:
    rows = source.rows[source.rows["level"] == DISTRICT]
    for measure, part in rows.groupby("measure", sort=False):
        places = part["place"].tolist()
        yield Measure(str(measure), _named(places, part["count"]))
        if part["severity_per_event"].notna().any():
            harm = part["count"] * part["severity_per_event"].fillna(0.0)
            yield Measure(f"{measure}: harm", _named(places, harm))
        for column in ("population", "rate_per_1000"):
            name = column if column == "population" else f"{measure}: {column}"
            if column != "population" or measure == rows["measure"].iloc[0]:
                yield Measure(name, _named(places, part[column]))


@_measures.register
def _of_table(source: Table) -> Iterator[Measure]:
    rows = source.rows
    if "district" not in rows:
        raise ModelError(f"{source.title} has no column 'district'", f"its columns are {', '.join(map(str, rows))}")
    if rows["district"].duplicated().any():
        twice = rows["district"][rows["district"].duplicated()].unique().tolist()
        raise ModelError(f"{source.title}: districts stand twice: {', '.join(map(str, twice))}")
    for column in rows.columns:
        if column != "district" and pd.api.types.is_numeric_dtype(rows[column]):
            yield Measure(str(column), _named(rows["district"].astype(str).tolist(), rows[column]))


def _named(places: Sequence[str], values: pd.Series) -> dict[str, float]:
    return dict(zip(places, values.astype(float).tolist(), strict=True))


def _by_district(values: Floats, group: Labels | None, what: str) -> tuple[dict[str, float], tuple[str, ...]]:
    if group is None or not group.present.any():
        raise ModelError(
            "need is stated on places without districts", "a district for each", "give group= when reading"
        )
    unknown = int((np.isnan(values) & group.present).sum())
    if unknown:
        raise ModelError(f"{what}: {unknown} units of a district have no value", "a number for each was needed")
    outside = np.nansum(values[~group.present])
    notes = (f"{outside:,.0f} {what} lie in no district",) if outside else ()
    sums = np.bincount(group.codes[group.present], values[group.present], minlength=len(group.names))
    used = set(group.codes[group.present].tolist())
    return {name: float(sums[i]) for i, name in enumerate(group.names) if i in used}, notes
