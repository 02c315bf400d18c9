"""The made city: one object from which every made thing is taken."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import get_args

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import shapely
from numpy.typing import ArrayLike

from demandgeo.domain.events import Events
from demandgeo.domain.network import Network
from demandgeo.domain.record import Floats
from demandgeo.domain.zones import Zones
from demandgeo.errors import ModelError, did_you_mean
from demandgeo.synthetic.casualties import Severity, Unit, events_of
from demandgeo.synthetic.collisions import Collisions, draw_collisions
from demandgeo.synthetic.crimes import draw_crimes
from demandgeo.synthetic.estate import Estate, make_estate
from demandgeo.synthetic.faults import Fault, write_bad_months
from demandgeo.synthetic.files import (
    police_months,
    write_boundaries,
    write_collisions,
    write_estate,
    write_police,
    write_streets,
)
from demandgeo.synthetic.places import Places, make_places
from demandgeo.synthetic.sizes import CENTRE, CRS, SIZES, SizeName, part_rng
from demandgeo.synthetic.streets import Streets, make_streets
from demandgeo.synthetic.truth import NAMES, PERIODS, ChangedArea, NearRepeat, PeriodName, Truth, make_truth


@dataclass(frozen=True, eq=False)
class City:
    """A made city whose truth is known. Nothing in it is real, and every name in it says so.

    Its parts are made when they are first asked for, each from its own chance: the same size and seed give the same
    bytes, whatever else was asked for before. Coordinates are EPSG:27700, in metres.

    Parameters
    ----------
    size
        ``"small"`` (300 zones), ``"medium"`` (1,700 zones, like a large force) or ``"national"`` (35,000 zones; its
        streets are 400 m apart instead of 150 m).
    seed
        Of all its chance.

    See Also
    --------
    make_city : makes one.
    """

    size: SizeName
    seed: int

    def zones(self) -> Zones:
        """Return the zones, with residents and district: a coverage without gaps."""
        return self._places.zones

    def zone_table(self) -> gpd.GeoDataFrame:
        """Return one row per zone: code, name, district, population, deprivation score and decile (1 = most)."""
        return self._places.to_frame()

    def streets(self) -> nx.MultiDiGraph:
        """Return the streets as an OSMnx graph; ``aadt`` is the traffic of each, vehicles per day.

        It is strongly connected, has one-way streets, loops, parallel streets and dead ends; a two-way street is two
        directed edges of one ``osmid``. Each call makes a new graph.
        """
        return self._streets.graph()

    def snap_points(self) -> gpd.GeoDataFrame:
        """Return the places on which crimes are recorded: place, zone, popularity (mean 1), point."""
        truth = self._truth
        columns = {"place": truth.name, "zone": self.zones().ids[truth.zone], "popularity": truth.popularity}
        return gpd.GeoDataFrame(columns, geometry=gpd.points_from_xy(truth.x, truth.y), crs=CRS)

    def crimes(self, period: PeriodName = "train") -> Events:
        """Return the crimes of a period, to the minute, each on a snap point; some 3 % have no place.

        Parameters
        ----------
        period
            ``"train"`` (2022), ``"next"`` (2023) or ``"held_out"`` (2024).

        Returns
        -------
        Events
            Kind ``"crime"``; attributes force, place and shift (early, late, night). Ids are given in files only.

        Raises
        ------
        ModelError
            If there is no such period.
        """
        return draw_crimes(self._truth, self.seed, check_period(period))

    def expected(self, period: PeriodName = "train") -> pd.DataFrame:
        """Return how many crimes with a place each snap point expects in a period: a row each, a column per category.

        Rows are in the order of `snap_points`. Drawn counts are Poisson with these means, and independent; burglaries
        are not quite (see `near_repeat`).
        """
        return pd.DataFrame(self._truth.expected(check_period(period)).T, columns=list(NAMES))

    def intensity(
        self, x: ArrayLike, y: ArrayLike, period: PeriodName = "train", *, category: str | None = None
    ) -> Floats:
        """Return the true intensity at points, in incidents with a place per km2 and year; 0 outside the city.

        It is the smooth truth behind `expected`: there, each snap point has its own popularity besides.

        Parameters
        ----------
        x, y
            Metres, EPSG:27700.
        period
            As for `crimes`.
        category
            As police.uk names it; None for all.

        Raises
        ------
        ModelError
            If there is no such period or category.
        """
        if category is not None and category not in NAMES:
            raise ModelError(f"category {category!r} is not known", remedy=did_you_mean(category, NAMES))
        east, north = np.atleast_1d(np.asarray(x, np.float64)), np.atleast_1d(np.asarray(y, np.float64))
        each = self._truth.intensity(east, north, check_period(period))
        return np.asarray(each.sum(axis=0) if category is None else each[NAMES.index(category)], np.float64)

    @property
    def changed_area(self) -> ChangedArea:
        """The zones where crime changes from the next period on, and by how much."""
        return self._truth.changed_area

    @property
    def near_repeat(self) -> NearRepeat:
        """The parameters of the process by which a burglary leads to others near by."""
        return self._truth.near_repeat

    def collisions(self) -> Collisions:
        """Return collisions, casualties and vehicles of 2019 to 2024 as STATS19 shapes them, and the truth per link."""
        return draw_collisions(self._streets, self._places, part_rng(self.seed, "collisions"))

    def network(self) -> Network:
        """Return the streets as a network, each physical street once; attribute ``aadt`` is vehicles per day."""
        return self._streets.network()

    def casualties(
        self, unit: Unit = "casualty", *, severity: Severity = "adjusted", years: Sequence[int] | None = None
    ) -> Events:
        """Return casualties, or collisions, of some years (2019 to 2024; all if None) as events weighted by KSI.

        They are those of `collisions`, with the columns that `sources.read_stats19` gives for the files.

        Raises
        ------
        ModelError
            If a year is none of them.
        """
        return events_of(self.collisions(), unit, severity, years)

    def estate(self) -> Estate:
        """Return front counters, bases, candidate sites, teams, officers per shift and minutes per incident."""
        return make_estate(self._streets, self._places, part_rng(self.seed, "estate"))

    def write(
        self, folder: str | Path, *, periods: Iterable[PeriodName] = tuple(PERIODS), bad_months: bool = False
    ) -> list[Fault]:
        """Write the city in the formats of the real sources.

        ``police/`` holds monthly CSVs of 12 columns (longitude and latitude), ``boundaries.gpkg`` the zones,
        ``streets.graphml`` the graph as OSMnx reads it, ``stats19/`` three CSVs and ``estate/`` one per table.

        Parameters
        ----------
        folder
            Is made if it does not exist; files of the same names are replaced.
        periods
            Whose months to write.
        bad_months
            Also write ``bad_months/FAULT/``: months with one kind of fault each.

        Returns
        -------
        list of Fault
            What was injected, and where; empty unless `bad_months`.

        Raises
        ------
        ModelError
            If there is no such period.
        OutputError
            If the folder cannot be written.
        """
        root = Path(folder)
        months: dict[str, pd.DataFrame] = {}
        for period in dict.fromkeys(map(check_period, periods)):
            months |= police_months(self.crimes(period), self.zones(), part_rng(self.seed, f"records {period}"))
        write_police(root / "police", months)
        write_boundaries(root, self.zone_table())
        write_streets(root, self.streets())
        write_collisions(root / "stats19", self.collisions())
        write_estate(root / "estate", self.estate())
        return write_bad_months(root / "bad_months", *min(months.items())) if bad_months and months else []

    @cached_property
    def _places(self) -> Places:
        return make_places(SIZES[self.size], part_rng(self.seed, "places"))

    @cached_property
    def _streets(self) -> Streets:
        spacing = SIZES[self.size].spacing
        bounds = shapely.total_bounds(self.zones().polygons)
        side = int(2 * np.abs(bounds - np.tile(CENTRE, 2)).max() / spacing) + 3
        return make_streets(
            side, spacing, part_rng(self.seed, "streets"), inside=lambda x, y: self._places.zone_at(x, y) >= 0
        )

    @cached_property
    def _truth(self) -> Truth:
        return make_truth(self.size, self.seed, self._places, self._streets)


def make_city(size: SizeName = "small", seed: int = 1) -> City:
    """Make a city whose hot spots, changes, risks and effects are known.

    Parameters
    ----------
    size
        ``"small"``, ``"medium"`` or ``"national"``; see `City`.
    seed
        A whole number of 0 or more; another seed is another city.

    Returns
    -------
    City
        Its parts are made when they are first asked for.

    Raises
    ------
    ModelError
        If the size is unknown or the seed is negative.

    Examples
    --------
    >>> from demandgeo.synthetic import make_city
    >>> city = make_city("small", seed=1)
    >>> city.zones().n, city.changed_area.ratio
    (300, 2.5)
    >>> crimes = city.crimes("train")
    >>> bool(abs(crimes.located.sum() / city.expected("train").to_numpy().sum() - 1) < 0.02)
    True
    """
    if size not in SIZES:
        raise ModelError(f"size is {size!r}", f"one of {', '.join(SIZES)} was needed")
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise ModelError(f"seed is {seed!r}", "a whole number of 0 or more was needed")
    return City(size, int(seed))


def check_period(period: PeriodName) -> PeriodName:
    """Refuse a period that the city does not have."""
    if period not in PERIODS:
        raise ModelError(f"period is {period!r}", f"one of {', '.join(get_args(PeriodName))} was needed")
    return period
