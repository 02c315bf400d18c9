"""Road collisions as STATS19 shapes them, drawn from known expected counts per street."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, cast

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import shapely

from demandgeo.domain.record import Floats, Integers, Mask
from demandgeo.synthetic.places import Places
from demandgeo.synthetic.sizes import CRS
from demandgeo.synthetic.streets import ROADS, Streets

YEARS = tuple(range(2019, 2025))
TREATED_FROM = 2022
"""Treatment begins on 1 January of this year."""

TREATED_SITES = 25
TREATED_EFFECT = 0.7
"""Expected collisions after over before, on a treated street."""

PER_HEAD = 0.0022
"""Expected collisions per resident and year."""

ELASTICITY = 0.75
"""Expected collisions grow with traffic to this power, and in proportion to length."""

RISK = np.array([1.0, 1.5, 1.8, 2.2])
"""Relative risk of a primary, secondary, tertiary and residential street, its traffic taken into account."""

SHAPE = 1.5
"""Each street's own risk is gamma distributed with mean 1 and variance 1 / SHAPE: what traffic does not explain."""

INJURY_BASED_FROM = 2021
"""Before this year officers chose the severity, and recorded some serious injuries as slight."""

UNDER_RECORDED = 0.25
"""Share of the serious casualties that were recorded as slight then."""

AT_JUNCTION = 0.4
"""Share of collisions within 15 m of an end of the street."""


class UserGroup(NamedTuple):
    """Who was hurt first: STATS19 casualty type, share of collisions, chance of a fatal and of a serious injury."""

    name: str
    casualty_type: int
    share: float
    fatal: float
    serious: float


USER_GROUPS = (
    UserGroup("pedestrian", 0, 0.18, 0.020, 0.30),
    UserGroup("cyclist", 1, 0.13, 0.006, 0.24),
    UserGroup("motorcyclist", 5, 0.11, 0.022, 0.34),
    UserGroup("car occupant", 9, 0.53, 0.006, 0.13),
    UserGroup("van occupant", 19, 0.05, 0.006, 0.12),
)

PASSENGERS = 0.3
"""Mean number of further casualties, all car occupants."""

CAR = 3
SERIOUS = np.array([group.serious for group in USER_GROUPS])
FATAL = np.array([group.fatal for group in USER_GROUPS])
SHARES = np.array([group.share for group in USER_GROUPS])
KSI_PER_COLLISION = float(SHARES @ (FATAL + SERIOUS) + PASSENGERS * (FATAL[CAR] + SERIOUS[CAR]))
"""Expected casualties killed or truly seriously injured per collision, alike on all streets."""


@dataclass(frozen=True, slots=True, eq=False)
class Collisions:
    """STATS19-shaped tables, and the truth they were drawn from.

    Attributes
    ----------
    collisions, casualties, vehicles
        The tables as the files hold them (names of the era ``collision_*``). The adjusted-severity columns are the
        true chances that a casualty was seriously injured, given what was recorded.
    links
        The truth: one row per physical street (its ``osmid``, as in the graph): ``length_km``, ``aadt``, ``road``,
        ``modelled_per_year`` (what length, traffic and class explain), ``expected_per_year`` (with the street's own
        risk), ``expected_ksi_per_year``, ``treated``, ``expected_after_per_year`` (from 2022 on).
    link
        int64 [collisions]: the row of `links` on which each collision was placed.
    """

    collisions: pd.DataFrame
    casualties: pd.DataFrame
    vehicles: pd.DataFrame
    links: gpd.GeoDataFrame
    link: Integers

    def known(self) -> dict[str, float]:
        """Return the parameters of the truth that hold for all streets."""
        return {
            "ksi_per_collision": KSI_PER_COLLISION,
            "elasticity": ELASTICITY,
            "shape": SHAPE,
            "treated_from": TREATED_FROM,
            "treated_effect": TREATED_EFFECT,
            "injury_based_from": INJURY_BASED_FROM,
            "under_recorded": UNDER_RECORDED,
        }


def draw_collisions(streets: Streets, places: Places, rng: np.random.Generator) -> Collisions:
    """Draw the collisions of all years.

    The treated streets are those with the most collisions before the treatment, as councils choose them: part of
    their fall afterwards is regression to the mean.
    """
    modelled = streets.length * RISK[streets.road] * streets.traffic**ELASTICITY
    modelled *= PER_HEAD * places.population.sum() / modelled.sum()
    expected = modelled * rng.gamma(SHAPE, 1 / SHAPE, len(modelled))
    before = rng.poisson(expected, (TREATED_FROM - YEARS[0], len(expected)))
    treated = np.zeros(len(expected), bool)
    treated[np.argsort(-before.sum(axis=0), kind="stable")[:TREATED_SITES]] = True
    after_rate = np.where(treated, TREATED_EFFECT, 1.0) * expected
    after = rng.poisson(after_rate, (YEARS[-1] + 1 - TREATED_FROM, len(expected)))
    counts = np.vstack([before, after])
    year, link = (np.repeat(part, counts.ravel()) for part in np.indices(counts.shape).reshape(2, -1))
    links = gpd.GeoDataFrame(
        {
            "osmid": np.arange(1, len(expected) + 1),
            "length_km": streets.length / 1e3,
            "aadt": streets.traffic,
            "road": np.array([road.highway for road in ROADS], dtype=object)[streets.road],
            "modelled_per_year": modelled,
            "expected_per_year": expected,
            "expected_ksi_per_year": expected * KSI_PER_COLLISION,
            "treated": treated,
            "expected_after_per_year": after_rate,
        },
        geometry=streets.lines,
        crs=CRS,
    )
    tables = _tables(streets, places, year + YEARS[0], link, rng)
    return Collisions(*tables, links=links, link=link)


def _tables(
    streets: Streets, places: Places, year: Integers, link: Integers, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    n = len(year)
    reference = np.array([f"09{number:07d}" for number in range(1, n + 1)], dtype=object)
    key = pd.DataFrame(
        {"collision_index": np.char.add(year.astype(str), reference.astype(str)).astype(object), "collision_year": year}
    )
    key["collision_ref_no"] = reference
    group = rng.choice(len(USER_GROUPS), n, p=SHARES)
    casualties = _casualties(key, group, year, rng)
    vehicles = _vehicles(key, group, rng)
    collisions = key.join(_where_and_when(streets, places, year, link, rng))
    by_collision = casualties.groupby("collision_index", sort=False)
    adjusted = by_collision["casualty_adjusted_severity_serious"].max().to_numpy()
    worst = by_collision["casualty_severity"].min().to_numpy()
    collisions.insert(3, "collision_severity", worst)
    collisions.insert(4, "number_of_vehicles", vehicles.groupby("collision_index", sort=False).size().to_numpy())
    collisions.insert(5, "number_of_casualties", by_collision.size().to_numpy())
    collisions["collision_injury_based"] = (year >= INJURY_BASED_FROM).astype(int)
    collisions["collision_adjusted_severity_serious"] = np.where(worst == 1, 0.0, adjusted)
    collisions["collision_adjusted_severity_slight"] = np.where(worst == 1, 0.0, 1.0 - adjusted)
    return collisions, casualties, vehicles


def _where_and_when(
    streets: Streets, places: Places, year: Integers, link: Integers, rng: np.random.Generator
) -> pd.DataFrame:
    n = len(year)
    length = streets.length[link]
    junction = rng.random(n) < AT_JUNCTION
    from_end = rng.uniform(0, np.minimum(15.0, length / 2))
    along = np.where(junction, np.where(rng.random(n) < 0.5, from_end, length - from_end), rng.uniform(0, length))
    x, y = shapely.get_coordinates(shapely.line_interpolate_point(streets.lines[link], along)).round().T
    lon, lat = pyproj.Transformer.from_crs(CRS, "EPSG:4326", always_xy=True).transform(x, y)
    start = (year - 1970).astype("datetime64[Y]").astype("datetime64[D]")
    days = ((year - 1969).astype("datetime64[Y]").astype("datetime64[D]") - start).astype(int)
    day = pd.Series(start + rng.integers(0, days).astype("timedelta64[D]"))
    minute = ((16.5 + rng.vonmises(0.0, 0.9, n) * 12 / np.pi) % 24 * 60).astype(int) % (24 * 60)
    road = streets.road[link]
    number = np.array([int(ref[1:]) if ref else 0 for ref in streets.refs[link].tolist()])
    district = places.zones.group
    assert district is not None
    zone = places.zone_at(x, y)
    return pd.DataFrame(
        {
            "location_easting_osgr": x.astype(int),
            "location_northing_osgr": y.astype(int),
            "longitude": np.round(lon, 6),
            "latitude": np.round(lat, 6),
            "police_force": 99,
            "date": day.dt.strftime("%d/%m/%Y"),
            "day_of_week": (day.dt.day_of_week + 1) % 7 + 1,
            "time": [f"{m // 60:02d}:{m % 60:02d}" for m in minute.tolist()],
            "first_road_class": np.array([3, 4, 5, 6])[road],
            "first_road_number": number,
            "road_type": np.where(streets.oneway[link], 2, 6),
            "speed_limit": np.array([r.limit for r in ROADS])[road],
            "junction_detail": np.where(junction, 3, 0),
            "light_conditions": np.where((minute >= 7 * 60) & (minute < 19 * 60), 1, 4),
            "urban_or_rural_area": 1,
            "lsoa_of_collision_location": np.where(zone >= 0, places.zones.ids[zone], "-1"),
        }
    )


def _casualties(key: pd.DataFrame, group: Integers, year: Integers, rng: np.random.Generator) -> pd.DataFrame:
    """Make the first casualty of each collision and its car passengers, with recorded and adjusted severity."""
    more = rng.poisson(PASSENGERS, len(key))
    row = np.repeat(np.arange(len(key)), 1 + more)
    turn = np.arange(len(row)) - np.repeat(np.cumsum(1 + more) - 1 - more, 1 + more)
    who = np.where(turn == 0, group[row], CAR)
    chance = rng.random(len(row))
    fatal, serious = chance < FATAL[who], (chance >= FATAL[who]) & (chance < FATAL[who] + SERIOUS[who])
    officer = year[row] < INJURY_BASED_FROM
    recorded = serious & ~(officer & (rng.random(len(row)) < UNDER_RECORDED))
    casualties = key.iloc[row].reset_index(drop=True)
    casualties["vehicle_reference"] = np.where((turn > 0) & (group[row] != CAR) & (group[row] != 0), 2, 1)
    casualties["casualty_reference"] = turn + 1
    casualties["casualty_class"] = np.where(who == 0, 3, np.where(turn == 0, 1, 2))
    casualties["sex_of_casualty"] = rng.choice([1, 2, -1], len(row), p=[0.6, 0.39, 0.01])
    casualties["age_of_casualty"] = np.clip(rng.gamma(4.0, 9.5, len(row)).astype(int), 1, 99)
    casualties["casualty_severity"] = np.select([fatal, recorded], [1, 2], default=3)
    casualties["casualty_type"] = np.array([g.casualty_type for g in USER_GROUPS])[who]
    casualties["casualty_injury_based"] = (~officer).astype(int)
    adjusted = _adjusted(recorded, fatal, officer, who)
    casualties["casualty_adjusted_severity_serious"] = adjusted
    casualties["casualty_adjusted_severity_slight"] = np.where(fatal, 0.0, 1.0 - adjusted)
    return casualties


def _adjusted(recorded: Mask, fatal: Mask, officer: Mask, who: Integers) -> Floats:
    """Chance that a casualty was seriously injured, given what was recorded (Bayes' rule)."""
    alive = SERIOUS / (1 - FATAL)
    missed = UNDER_RECORDED * alive / (1 - (1 - UNDER_RECORDED) * alive)
    slight = np.where(officer, missed[who], 0.0)
    return cast(Floats, np.round(np.where(fatal, 0.0, np.where(recorded, 1.0, slight)), 6))


def _vehicles(key: pd.DataFrame, group: Integers, rng: np.random.Generator) -> pd.DataFrame:
    """Make the first casualty's vehicle and, but for pedestrians and lone drivers, a car."""
    alone = (group == 0) | ((group == CAR) & (rng.random(len(key)) < 0.35))
    row = np.repeat(np.arange(len(key)), np.where(alone, 1, 2))
    second = np.concatenate([[False], row[1:] == row[:-1]])
    own = np.array([9, *(g.casualty_type for g in USER_GROUPS[1:])])[group[row]]
    vehicles = key.iloc[row].reset_index(drop=True)
    vehicles["vehicle_reference"] = np.where(second, 2, 1)
    vehicles["vehicle_type"] = np.where(second, 9, own)
    vehicles["sex_of_driver"] = rng.choice([1, 2, 3, -1], len(row), p=[0.66, 0.28, 0.05, 0.01])
    vehicles["age_of_driver"] = np.where(
        rng.random(len(row)) < 0.1, -1, np.clip(rng.gamma(6.0, 7.0, len(row)).astype(int), 17, 95)
    )
    return vehicles
