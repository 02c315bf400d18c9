"""The made city as a source: what a configuration names in place of files."""

from __future__ import annotations

from functools import lru_cache

from demandgeo.domain.events import Events
from demandgeo.domain.zones import Zones
from demandgeo.registry import reader
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
