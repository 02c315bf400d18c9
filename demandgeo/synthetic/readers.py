"""The made city as a source: what a configuration names in place of files."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import pandas as pd

from demandgeo.domain.events import Events
from demandgeo.domain.network import Network
from demandgeo.domain.table import Table
from demandgeo.domain.travel import Points
from demandgeo.domain.zones import Zones
from demandgeo.registry import reader
from demandgeo.synthetic.casualties import Severity, Unit
from demandgeo.synthetic.city import City, make_city
from demandgeo.synthetic.sizes import SizeName
from demandgeo.synthetic.truth import PeriodName

# A run reads several parts of one city: its zones, streets and truth are made once.
_city = lru_cache(maxsize=1)(make_city)


@reader("synthetic.crimes")
def read_crimes(size: SizeName = "small", seed: int = 1, period: PeriodName = "train") -> Events:
    """Return the crimes of a made city in one period; see `City.crimes`.

    Examples
    --------
    >>> from demandgeo.synthetic import read_crimes
    >>> read_crimes(period="next").period
    '2023-01..2023-12 (12 months)'
    """
    city: City = _city(size, seed)
    return city.crimes(period)


@reader("synthetic.zones")
def read_zones(size: SizeName = "small", seed: int = 1) -> Zones:
    """Return the zones of a made city; see `City.zones`.

    Examples
    --------
    >>> from demandgeo.synthetic import read_zones
    >>> read_zones().n
    300
    """
    city: City = _city(size, seed)
    return city.zones()


@reader("synthetic.streets")
def read_streets(size: SizeName = "small", seed: int = 1) -> Network:
    """Return the streets of a made city, with their traffic (``aadt``); see `City.network`.

    Examples
    --------
    >>> from demandgeo.synthetic import read_streets
    >>> net = read_streets()
    >>> len(net.start), net.highway.names
    (6284, ('primary', 'residential', 'secondary', 'tertiary'))
    """
    city: City = _city(size, seed)
    return city.network()


@reader("synthetic.casualties")
def read_casualties(
    size: SizeName = "small",
    seed: int = 1,
    unit: Unit = "casualty",
    severity: Severity = "adjusted",
    years: tuple[int, ...] | list[int] | None = None,
) -> Events:
    """Return the road casualties (or collisions) of a made city, 2019 to 2024; see `City.casualties`.

    Examples
    --------
    >>> from demandgeo.synthetic import read_casualties
    >>> collisions = read_casualties(unit="collision", years=[2019])
    >>> len(collisions), collisions.weight_name
    (1095, 'KSI (adjusted)')
    """
    city: City = _city(size, seed)
    return city.casualties(unit, severity=severity, years=years)


@reader("synthetic.sites")
def read_sites(size: SizeName = "small", seed: int = 1, kind: Literal["bases", "counters"] = "bases") -> Points:
    """Return the police bases of a made city with the sites where one could be opened, or its front counters.

    Examples
    --------
    >>> from demandgeo.synthetic import read_sites
    >>> bases, counters = read_sites(), read_sites(kind="counters")
    >>> len(bases), bases.ids[0], len(counters), list(bases.table)
    (47, 'Made Base 01', 37, ['name', 'district', 'desks', 'cost_per_year'])
    """
    city: City = _city(size, seed)
    estate = city.estate()
    if kind == "counters":
        return Points.from_frame(estate.counters, id="name")
    together = pd.concat([estate.bases, estate.candidates], ignore_index=True)
    return Points.from_frame(together, id="name")


@reader("synthetic.residents")
def read_residents(size: SizeName = "small", seed: int = 1) -> Table:
    """Return the residents of each zone of a made city and how deprived it is (higher is more).

    Examples
    --------
    >>> from demandgeo.synthetic import read_residents
    >>> list(read_residents().rows), len(read_residents().rows)
    (['unit', 'residents', 'deprivation'], 300)
    """
    city: City = _city(size, seed)
    table = city.zone_table()
    rows = pd.DataFrame(
        {"unit": table["code"].astype(str), "residents": table["population"], "deprivation": table["deprivation_score"]}
    )
    return Table("Residents by unit: the made city", rows)
