"""What numbers, columns and layers are called on a map that planners read."""

from __future__ import annotations

import math
import re

from demandgeo.domain import Demand
from demandgeo.domain.areas import share_text
from demandgeo.domain.events import counted_in

APPROXIMATE = "Locations are approximate: recorded points may stand for a nearby street or place."
"""Stands on every map of recorded events: open police data move each crime to one of a fixed list of points."""

_ALIASES = {
    "area": "Area number",
    "area_km2": "Area (km²)",
    "count": "Events (n)",
    "demand_share": "Share of demand (0 to 1)",
    "events": "Events (n)",
    "extent_share": "Share of extent (0 to 1)",
    "id": "Code",
    "length_km": "Length (km)",
    "population": "Residents (n)",
    "units": "Units (n)",
}

_SUFFIXES = {
    "_change": " change (0.1 is 10% more)",
    "_change_high": " change (upper limit, 0.1 is 10% more)",
    "_change_low": " change (lower limit, 0.1 is 10% more)",
    "_count": " (n)",
    "_km2": " (km²)",
    "_km": " (km)",
    "_per_1000": " (per 1,000 residents)",
    "_share": " (share, 0 to 1)",
}


def number(value: float) -> str:
    """Write a number as a legend shows it: thousands apart, whole from 100 on, else three digits that mean something.

    Examples
    --------
    >>> number(12500.0), number(0.02512), number(7.0)
    ('12,500', '0.0251', '7')
    """
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    decimals = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def words(name: str) -> str:
    """Turn the name of an artifact into words: ``next_harm`` into ``Next harm``."""
    text = re.sub(r"\bksi\b", "KSI", capital(name.replace("_", " ").strip()), flags=re.IGNORECASE)
    return re.sub(r"\bgini\b", "Gini", text)


def capital(text: str) -> str:
    """Return the text with its first letter as a capital."""
    return text[:1].upper() + text[1:]


def unit(demand: Demand) -> str:
    """Say the unit of demand in words.

    Examples
    --------
    >>> import numpy as np
    >>> from demandgeo.domain import Balance, Grid
    >>> grid = Grid.covering((0, 0, 500, 250), cell=250, crs="EPSG:27700")
    >>> balance = Balance(np.zeros(4), np.zeros(4))
    >>> unit(Demand(grid, np.zeros(2), "incidents", balance, "count", "2018-07"))
    'incidents per 250 m cell'
    >>> unit(Demand(grid, np.zeros(2), "weight/km2/yr", balance, "ONS CSS", "2018-07"))
    'harm per km² per year'
    """
    text = amount(demand)
    return (
        text
        if "/" in demand.measure or " per " in demand.measure or demand.measure == "relative risk"
        else f"{text} per {demand.support.unit_name.removesuffix('s')}"
    )


def amount(demand: Demand) -> str:
    """Say what sums of demand over units are in: ``incidents``, or ``harm per year``."""
    text = demand.measure if demand.is_count else demand.measure.replace("weight", counted_in(demand.weight_name))
    return text.replace("/", " per ").replace("km2", "km²").replace("yr", "year")


def alias(column: str) -> str:
    """Return the name of a column for people, with its unit."""
    if column in _ALIASES:
        return _ALIASES[column]
    for suffix, unit_text in _SUFFIXES.items():
        if column.endswith(suffix):
            return words(column.removesuffix(suffix)) + unit_text
    return words(column)


def left_out(demand: Demand) -> str:
    """Say how much of what was recorded is not on the map."""
    balance, what = demand.balance, "events" if demand.is_count else counted_in(demand.weight_name)
    fates = {
        "outside": "lies outside the study area",
        "unlocated": "has no location",
        "unsnapped": "is far from a street",
    }
    parts = [f"{share_text(balance.share(fate))} {text}" for fate, text in fates.items() if balance.share(fate) > 0]
    return f"Not shown: of all recorded {what}, {', '.join(parts)}." if parts else ""
