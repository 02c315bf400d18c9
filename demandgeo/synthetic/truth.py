"""What is true of the made crimes: how many to expect where, of which kind, in which period."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple, cast

import numpy as np
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from demandgeo.domain.record import Floats, Integers, Mask, Texts
from demandgeo.synthetic.places import Places
from demandgeo.synthetic.sizes import SIZES, SizeName, part_rng
from demandgeo.synthetic.streets import Streets

PeriodName = Literal["train", "next", "held_out"]

PERIODS: dict[PeriodName, int] = {"train": 2022, "next": 2023, "held_out": 2024}
"""The calendar year of each period."""

CRIMES_PER_HEAD = 0.105
"""Expected incidents per resident and year, all categories, in the train period."""

UNLOCATED = 0.03
"""Share of incidents recorded without a place, alike for all."""

ZIPF = 0.6
"""The snap point of rank r is r ** -ZIPF times as popular as the first."""


class Category(NamedTuple):
    """One kind of crime and how it behaves.

    Attributes
    ----------
    name
        As police.uk writes it.
    share
        Of all incidents.
    background, town, estate
        Height of the even background, of the town cores and of the estate cores.
    deprivation
        Factor e ** deprivation per standard deviation of a zone's deprivation score.
    hour, focus
        Hour of the peak and concentration around it (von Mises).
    month, swing
        Month of the peak and height of the yearly wave.
    minutes
        Mean officer minutes per incident.
    """

    name: str
    share: float
    background: float
    town: float
    estate: float
    deprivation: float
    hour: float
    focus: float
    month: int
    swing: float
    minutes: float


CATEGORIES = (
    Category("Anti-social behaviour", 0.190, 1.0, 6.0, 5.0, 0.35, 20.5, 1.4, 7, 0.30, 45.0),
    Category("Bicycle theft", 0.012, 0.6, 12.0, 0.5, 0.00, 15.0, 1.0, 8, 0.35, 30.0),
    Category("Burglary", 0.065, 1.0, 0.8, 2.5, 0.15, 2.0, 0.5, 12, 0.20, 140.0),
    Category("Criminal damage and arson", 0.095, 1.0, 2.5, 3.5, 0.30, 22.0, 0.9, 5, 0.08, 70.0),
    Category("Drugs", 0.025, 0.7, 8.0, 4.0, 0.35, 19.0, 0.9, 6, 0.05, 160.0),
    Category("Other crime", 0.018, 1.0, 3.0, 1.5, 0.20, 14.0, 0.6, 6, 0.03, 120.0),
    Category("Other theft", 0.085, 1.0, 6.0, 1.0, 0.10, 15.0, 0.8, 7, 0.08, 60.0),
    Category("Possession of weapons", 0.008, 0.7, 6.0, 4.0, 0.35, 20.0, 0.9, 6, 0.05, 180.0),
    Category("Public order", 0.090, 0.9, 9.0, 2.5, 0.25, 20.0, 1.0, 7, 0.12, 90.0),
    Category("Robbery", 0.012, 0.5, 10.0, 4.0, 0.30, 21.5, 1.2, 11, 0.10, 240.0),
    Category("Shoplifting", 0.065, 0.1, 40.0, 1.5, 0.00, 14.5, 2.0, 12, 0.08, 55.0),
    Category("Theft from the person", 0.015, 0.2, 35.0, 0.5, 0.00, 22.5, 1.0, 12, 0.15, 50.0),
    Category("Vehicle crime", 0.080, 1.0, 1.5, 2.0, 0.10, 1.5, 0.8, 11, 0.10, 65.0),
    Category("Violence and sexual offences", 0.240, 1.0, 7.0, 4.0, 0.30, 21.0, 0.9, 7, 0.08, 210.0),
)

NAMES = tuple(category.name for category in CATEGORIES)
BURGLARY = NAMES.index("Burglary")
SHARES = np.array([category.share for category in CATEGORIES])
HEIGHTS = np.array([[c.background, c.town, c.estate] for c in CATEGORIES])
SLOPES = np.array([category.deprivation for category in CATEGORIES])


@dataclass(frozen=True, slots=True)
class ChangedArea:
    """The one area where crime changes: contiguous zones, in all categories, from the next period on.

    Attributes
    ----------
    zones
        Codes of its zones.
    ratio
        Expected count after over before.
    since
        First month with the new rate.
    """

    zones: tuple[str, ...]
    ratio: float = 2.5
    since: str = f"{PERIODS['next']}-01"


@dataclass(frozen=True, slots=True)
class NearRepeat:
    """How one burglary leads to another.

    Attributes
    ----------
    offspring
        Mean number of repeats of each first burglary; repeats have none.
    radius
        Metres: a repeat falls on a snap point within this distance, its own included, each equally likely.
    days
        A repeat comes 1 to this many days away, each equally likely.
    """

    offspring: float = 0.4
    radius: float = 250.0
    days: int = 14


@dataclass(frozen=True, slots=True, eq=False)
class Cores:
    """Hot cores: bell-shaped bumps of stated middle, height and width (standard deviation, metres)."""

    middle: Floats
    height: Floats
    width: Floats

    def at(self, x: Floats, y: Floats) -> Floats:
        """Sum of the bumps at each point."""
        total = np.zeros(x.size)
        for (cx, cy), height, width in zip(self.middle, self.height, self.width, strict=True):
            total += height * np.exp(((x - cx) ** 2 + (y - cy) ** 2) / (-2 * width**2))
        return total


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """Where crime is to be expected.

    The relative risk of category c at a point is ``effect(zone, c) * (background_c + town_c * T + estate_c * E)``,
    where T and E are the sums of the town and the estate cores there, and the zone's effect is the square root of its
    relative density of residents times ``exp(deprivation_c * z)`` times log-normal noise (sd 0.25). A snap point
    expects its share of the category's total, by relative risk times popularity; popularity is Zipf's, mean 1, and
    independent of place. In the changed area all of it is multiplied by the ratio, from the next period on.
    """

    places: Places
    x: Floats
    y: Floats
    zone: Integers
    name: Texts
    popularity: Floats
    towns: Cores
    estates: Cores
    effect: Floats
    changed: Mask
    near_repeat: NearRepeat = field(default_factory=NearRepeat)

    @property
    def changed_area(self) -> ChangedArea:
        """The zones that change, and by how much."""
        return ChangedArea(tuple(self.places.zones.ids[self.changed].tolist()))

    def relative(self, x: Floats, y: Floats, zone: Integers) -> Floats:
        """float64 [14, n]: relative risk before the change, 0 outside the city."""
        terms = np.stack([np.ones(x.size), self.towns.at(x, y), self.estates.at(x, y)])
        return cast(Floats, (HEIGHTS @ terms) * np.where(zone >= 0, self.effect[:, zone], 0.0))

    def change(self, period: PeriodName, zone: Integers) -> Floats:
        """float64 [n]: the factor of the period in each zone."""
        grown = (zone >= 0) & self.changed[zone] & (period != "train")
        return np.where(grown, self.changed_area.ratio, 1.0)

    def totals(self) -> Floats:
        """float64 [14]: incidents to expect in the train period, with and without a place."""
        return cast(Floats, CRIMES_PER_HEAD * self.places.population.sum() * SHARES)

    def first(self, period: PeriodName) -> Floats:
        """float64 [14, snap points]: incidents to expect in the period, without the repeats of burglaries."""
        weight = self.relative(self.x, self.y, self.zone) * self.popularity
        rate = self.totals()[:, None] * weight / weight.sum(axis=1, keepdims=True)
        rate[BURGLARY] /= 1 + self.near_repeat.offspring
        return cast(Floats, rate * self.change(period, self.zone))

    def expected(self, period: PeriodName) -> Floats:
        """float64 [14, snap points]: incidents with a place to expect in the period, repeats included."""
        rate = self.first(period)
        rate[BURGLARY] += self.near_repeat.offspring * (rate[BURGLARY] @ self.reach())
        return rate * (1 - UNLOCATED)

    def reach(self) -> csr_array:
        """Sparse [snap points, snap points]: chance that a repeat of a burglary at the row falls on the column."""
        tree = cKDTree(np.column_stack([self.x, self.y]))
        near = tree.sparse_distance_matrix(tree, self.near_repeat.radius, output_type="coo_matrix")
        rows = np.concatenate([near.row[near.row != near.col], np.arange(self.x.size)])
        columns = np.concatenate([near.col[near.row != near.col], np.arange(self.x.size)])
        chance = 1.0 / np.bincount(rows)[rows]
        matrix = csr_array((chance, (rows, columns)), shape=(self.x.size, self.x.size))
        matrix.sort_indices()
        return matrix

    def intensity(self, x: Floats, y: Floats, period: PeriodName) -> Floats:
        """float64 [14, n]: incidents with a place per km2 and year, popularity and repeats averaged out."""
        zone = self.places.zone_at(x, y)
        mean = self.relative(self.x, self.y, self.zone).mean(axis=1, keepdims=True)
        per_km2 = self.totals()[:, None] * (1 - UNLOCATED) / (self.places.zones.extent.sum() / 1e6)
        return cast(Floats, per_km2 * self.relative(x, y, zone) / mean * self.change(period, zone))


def make_truth(size: SizeName, seed: int, places: Places, streets: Streets) -> Truth:
    """Choose snap points, cores, effects and the changed area."""
    rng = part_rng(seed, "snap points")
    middle = np.round(streets.middle(), 1)
    at = places.zone_at(*middle.T)
    # Half of the streets of the city have a snap point: some 110 m to the next one, as in published data.
    inside = np.flatnonzero(at >= 0)
    chosen = np.sort(rng.choice(inside, len(inside) // 2, replace=False))
    popularity = rng.permutation(np.arange(1.0, len(chosen) + 1) ** -ZIPF)
    towns, estates = _cores(size, part_rng(seed, "cores"), places)
    return Truth(
        places=places,
        x=middle[chosen, 0],
        y=middle[chosen, 1],
        zone=at[chosen],
        name=np.char.add("On or near ", streets.names[chosen]),
        popularity=popularity / popularity.mean(),
        towns=towns,
        estates=estates,
        effect=_effect(part_rng(seed, "zone effects"), places),
        changed=_changed(part_rng(seed, "changed area"), places),
    )


def _cores(size: SizeName, rng: np.random.Generator, places: Places) -> tuple[Cores, Cores]:
    """Put a town core in the middle of each district and at further zones, estate cores anywhere."""
    spec = SIZES[size]
    further = spec.towns - len(places.centres)
    spots = places.seeds[rng.choice(places.zones.n, further + spec.estates, replace=False)]
    towns = np.vstack([places.centres, spots[:further]])
    height = np.concatenate([[1.6], rng.uniform(0.5, 1.1, spec.towns - 1)])
    width = np.concatenate([[550.0], rng.uniform(220, 400, spec.towns - 1)])
    estates = spots[further:]
    return (
        Cores(towns, height, width),
        Cores(estates, rng.uniform(0.5, 1.2, len(estates)), rng.uniform(250, 600, len(estates))),
    )


def _effect(rng: np.random.Generator, places: Places) -> Floats:
    """float64 [14, zones]."""
    density = places.population / places.zones.extent
    score = (places.deprivation - places.deprivation.mean()) / places.deprivation.std()
    even = np.sqrt(density / density.mean()) * rng.lognormal(0, 0.25, places.zones.n)
    return cast(Floats, even * np.exp(SLOPES[:, None] * score))


def _changed(rng: np.random.Generator, places: Places) -> Mask:
    """Choose about 2.5 % of the zones around a place away from the middle of the city."""
    away = np.hypot(*(places.seeds - places.centres[0]).T)
    low, high = np.quantile(away, [0.4, 0.7])
    heart = places.seeds[rng.choice(np.flatnonzero((away > low) & (away < high)))]
    nearest = np.argsort(np.hypot(*(places.seeds - heart).T), kind="stable")
    changed = np.zeros(places.zones.n, bool)
    changed[nearest[: places.zones.n // 40]] = True
    return changed
