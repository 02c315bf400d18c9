"""Profiles of priority areas: name, types, months, trend, share of the district, road harm."""

from __future__ import annotations

import re
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from demandgeo.domain import COUNT, Demand, Events, Labels, PriorityAreas, Profiles, Zones, check_same_crs
from demandgeo.domain.profiles import PROFILE_COLUMNS
from demandgeo.domain.record import Floats, Integers
from demandgeo.errors import ModelError
from demandgeo.registry import stage
from demandgeo.statistics.assignment import assign
from demandgeo.statistics.intervals import poisson_ratio

PLACE = "place"
"""The attribute of events that names their street or place."""

VAGUE = re.compile(r"^(on or near )|^no location$", re.IGNORECASE)
"""What police.uk puts before each name; the rest is the name."""

TRENDS = {-1: "down", 0: "no clear change", 1: "up"}


@stage("priority.profile")
def profile(
    areas: PriorityAreas,
    events: Events,
    before: Events | None = None,
    roads: Events | Demand | None = None,
    *,
    places: Annotated[int, Field(ge=0)] = 3,
    categories: Annotated[int, Field(ge=1)] = 5,
    confidence: Annotated[float, Field(gt=0, lt=1)] = 0.95,
) -> Profiles:
    """Describe each area: where, what, when, which way it goes.

    Parameters
    ----------
    areas
        The plan.
    events
        What the profile is of, in the weight that the areas were chosen on.
    before
        Events of an earlier period, to compare with, weighted alike. Numbers of events are compared, per month.
    roads
        KSI: events whose weight is KSI, or demand on the same support.
    places
        How many streets or zones name an area.
    categories
        How many categories have a column; the others are summed.
    confidence
        Of the interval of the change.

    Returns
    -------
    Profiles
        One row per area: rank, name, places, district, demand and its share of all and of the district, events, the
        main category, the busiest month, change against before with its interval and trend in words; then demand by
        category and by month, and ksi.

    Raises
    ------
    GeometryError
        If the CRS differ.
    ModelError
        If the events are weighted otherwise than the areas, or the road demand is on other places.

    Notes
    -----
    The change is the ratio of two Poisson rates less 1, with its exact conditional interval
    (`statistics.intervals.poisson_ratio`). What was chosen because it was high falls back to the mean: areas chosen on
    `before` are expected to fall, and areas chosen on `events` to have risen.

    Examples
    --------
    >>> from demandgeo.domain import Grid
    >>> from demandgeo.density import count
    >>> from demandgeo.priority import select
    >>> grid = Grid.covering((0, 0, 1000, 250), cell=250, crs="EPSG:27700")
    >>> place = Labels.of(["On or near High Street"] * 3 + ["On or near Mill Lane"])
    >>> events = Events.at([10, 20, 30, 900], [5] * 4, crs="EPSG:27700", attributes={"place": place})
    >>> profile(select(count(events, grid), demand_share=0.5), events).sentence()
    'Area 1 (High Street) holds 75.0% of demand; most of it event (100%).'
    """
    for given in (events, before):
        _check_weight(areas, given)
    own = _Placed.of(areas, events)
    table = areas.table[["area", "rank", "name"]].copy()
    k = len(table)
    table["places"] = _places(areas, own, places)
    table["district"], table["district_share"] = _districts(areas, own)
    table["demand"], table["events"] = own.sums(k), own.counts(k)
    table["demand_share"] = table["demand"] / own.total
    kinds = own.by(events.category, k)
    table["main_category"] = kinds.columns.to_numpy()[kinds.to_numpy().argmax(axis=1)] if len(kinds.columns) else ""
    table["main_category_share"] = kinds.max(axis=1) / table["demand"].where(table["demand"] > 0)
    months = own.by(_months(events), k)
    table["busiest_month"] = months.idxmax(axis=1) if len(months.columns) > 1 else ""
    table = pd.concat([table, _change(areas, own, before, confidence)], axis=1)[list(PROFILE_COLUMNS)]
    parts = [table, _columns(kinds, categories), months.add_prefix("month_") if len(months.columns) > 1 else None]
    if roads is not None:
        parts.append(pd.DataFrame({"ksi": _road(areas, roads)}))
    return Profiles(areas, pd.concat([part for part in parts if part is not None], axis=1), _notes(events, before))


class _Placed:
    """Events on the areas' support: the area of each, and its weight."""

    def __init__(self, events: Events, unit: Integers, area: Integers) -> None:
        self.events, self.unit, self.area = events, unit, area
        self.inside = area >= 0
        self.total = float(events.weight[unit >= 0].sum())

    @classmethod
    def of(cls, areas: PriorityAreas, events: Events) -> _Placed:
        unit = assign(events, areas.support)
        return cls(events, unit, np.where(unit >= 0, areas.labels[np.maximum(unit, 0)], -1))

    def sums(self, k: int) -> Floats:
        return np.bincount(self.area[self.inside], self.events.weight[self.inside], minlength=k).astype(np.float64)

    def counts(self, k: int) -> Integers:
        return np.bincount(self.area[self.inside], minlength=k)

    def by(self, labels: Labels, k: int) -> pd.DataFrame:
        """Demand of each area [rows] and name [columns]; names that no event has are left out."""
        rows = self.inside & labels.present
        flat = self.area[rows] * len(labels.names) + labels.codes[rows]
        sums = np.bincount(flat, self.events.weight[rows], minlength=k * len(labels.names))
        table = pd.DataFrame(sums.reshape(k, len(labels.names)), columns=list(labels.names))
        used: pd.DataFrame = table.loc[:, table.sum() > 0]
        return used


def _places(areas: PriorityAreas, own: _Placed, most: int) -> list[str]:
    """Name the streets that hold most demand of each area; its zones, where the events name no street."""
    k, support = len(areas.table), areas.support
    streets = own.events.attributes.get(PLACE)
    if isinstance(streets, Labels):
        table = own.by(Labels.of([VAGUE.sub("", name or "") for name in streets]), k)
        known = table.columns.to_numpy()
    elif isinstance(support, Zones):
        zone = Labels(own.unit.astype(np.int32), tuple(map(str, support.ids)))
        table = own.by(zone, k)
        assert support.names is not None
        known = support.names[support.index_of(Labels.of(table.columns))]
    else:
        return [""] * k
    values = table.to_numpy()
    order = np.argsort(-values, axis=1, kind="stable")[:, :most]
    return [", ".join(known[row][held[row] > 0]) for row, held in zip(order, values, strict=True)]


def _districts(areas: PriorityAreas, own: _Placed) -> tuple[list[str], Floats]:
    """Return the district that holds most of each area, and the area's share of the demand of that district."""
    k, group = len(areas.table), areas.support.group
    if group is None:
        return [""] * k, np.full(k, np.nan)
    on = own.unit >= 0
    code = np.where(on, group.codes[np.maximum(own.unit, 0)], -1)
    district = Labels(code.astype(np.int32), group.names)
    table = own.by(district, k)
    if table.empty:
        return [""] * k, np.full(k, np.nan)
    everywhere = district.counts(own.events.weight)
    names = table.columns.to_numpy()[table.to_numpy().argmax(axis=1)].tolist()
    held = np.array([table.loc[row, name] for row, name in enumerate(names)])
    return names, held / np.array([everywhere[name] for name in names])


def _change(areas: PriorityAreas, own: _Placed, before: Events | None, confidence: float) -> pd.DataFrame:
    k = len(areas.table)
    names = ["before", "change", "change_low", "change_high", "trend"]
    if before is None:
        return pd.DataFrame({name: "" if name == "trend" else np.full(k, np.nan) for name in names}, index=range(k))
    earlier = _Placed.of(areas, before).counts(k)
    months = max(len(own.events.months), 1) / max(len(before.months), 1)
    ratio = poisson_ratio(own.counts(k), earlier, exposure_ratio=months, confidence=confidence)
    way = (ratio.low > 1).astype(int) - (ratio.high < 1).astype(int)
    texts = [_trend(change, turn) for change, turn in zip((ratio.ratio - 1.0).tolist(), way.tolist(), strict=True)]
    return pd.DataFrame(
        dict(zip(names, (earlier, ratio.ratio - 1.0, ratio.low - 1.0, ratio.high - 1.0, texts), strict=True))
    )


def _trend(change: float, way: int) -> str:
    return f"{TRENDS[way]} {change:+.0%}" if way and np.isfinite(change) else TRENDS[way]


def _columns(kinds: pd.DataFrame, most: int) -> pd.DataFrame:
    """Return the categories with most demand in all areas, and the sum of the others."""
    order = kinds.sum().sort_values(ascending=False, kind="stable").index
    shown = kinds[order[:most]]
    if len(order) > most:
        shown = shown.assign(**{"other categories": kinds[order[most:]].sum(axis=1)})
    return shown.rename(columns=lambda name: f"demand_{name}")


def _months(events: Events) -> Labels:
    month = events.time.astype("datetime64[M]")
    return Labels.of(np.where(np.isnat(month), "", month.astype(str)))


def _road(areas: PriorityAreas, roads: Events | Demand) -> Floats:
    k = len(areas.table)
    if isinstance(roads, Events):
        return _Placed.of(areas, roads).sums(k)
    if roads.support.content_hash() != areas.support.content_hash():
        raise ModelError("the road demand is on other places than the areas", "the same support was needed")
    chosen = areas.selected
    return np.bincount(areas.labels[chosen], np.nan_to_num(roads.total)[chosen], minlength=k).astype(np.float64)


def _check_weight(areas: PriorityAreas, events: Events | None) -> None:
    if events is None:
        return
    check_same_crs(events.crs, areas.support.crs, first_name="the table of events", second_name="the areas")
    if events.weight_name != areas.demand.weight_name:
        raise ModelError(
            f"the areas were chosen on {areas.demand.weight_name!r}, the events are weighted by {events.weight_name!r}",
            "the same weight for both was needed",
            "weigh the events with the same severity index and edition",
        )


def _notes(events: Events, before: Events | None) -> tuple[str, ...]:
    what = "incidents" if events.weight_name == COUNT else f"harm ({events.weight_name})"
    notes = [f"Demand is {what} of {events.period}."]
    if before is not None:
        notes.append(
            f"The change is in events per month against {before.period}; its interval takes events as independent."
        )
    return tuple(notes)
