"""What the made force owns and employs: front counters, bases, candidate sites, teams, officers."""

from __future__ import annotations

from dataclasses import dataclass, fields

import geopandas as gpd
import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from demandgeo.domain.record import Floats, Integers
from demandgeo.synthetic.crimes import SHIFTS
from demandgeo.synthetic.places import DISTRICTS, Places
from demandgeo.synthetic.sizes import CRS
from demandgeo.synthetic.streets import Streets
from demandgeo.synthetic.truth import CATEGORIES

COUNTERS = 37
CANDIDATES = 40
TEAMS_PER_DISTRICT = 2
OFFICERS = {"early": 8, "late": 10, "night": 6}
"""Mean officers of a team on each shift."""


@dataclass(frozen=True, slots=True, eq=False)
class Estate:
    """Tables for questions of deployment; all sites stand on crossings of the streets.

    Attributes
    ----------
    counters
        37 front counters: name, district, visits and cost (GBP) per year, point.
    bases
        One police base per district: name, district, desks, cost (GBP) per year, point.
    candidates
        40 sites where a base could be opened: name, district, desks, cost (GBP) per year, point.
    teams
        Two neighbourhood teams per district: team, district, base.
    officers
        Officers of each team on each shift: team, shift, officers.
    minutes
        Mean officer minutes per incident of each category: category, minutes.
    """

    counters: gpd.GeoDataFrame
    bases: gpd.GeoDataFrame
    candidates: gpd.GeoDataFrame
    teams: pd.DataFrame
    officers: pd.DataFrame
    minutes: pd.DataFrame

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return every table by name, with x and y in metres in place of points."""
        tables = {}
        for item in fields(self):
            table = getattr(self, item.name)
            if isinstance(table, gpd.GeoDataFrame):
                table = pd.DataFrame(table.drop(columns="geometry")).assign(x=table.geometry.x, y=table.geometry.y)
            tables[item.name] = table
        return tables


def make_estate(streets: Streets, places: Places, rng: np.random.Generator) -> Estate:
    """Place sites where people live, and one base near the middle of each district."""
    crossings = cKDTree(np.column_stack([streets.x, streets.y]))
    share = places.population / places.population.sum()
    homes = rng.choice(places.zones.n, COUNTERS + CANDIDATES, replace=False, p=share)
    spots = _distinct(crossings, np.vstack([places.centres, places.seeds[homes]]))
    n = len(places.centres)
    bases = _sites("Base", spots[:n], places, desks=rng.integers(60, 140, n), cost=rng.integers(400, 900, n) * 1_000)
    counters = _sites(
        "Front Counter",
        spots[n : n + COUNTERS],
        places,
        visits_per_year=(rng.lognormal(8.8, 0.6, COUNTERS)).astype(int),
        cost=rng.integers(40, 180, COUNTERS) * 1_000,
    )
    candidates = _sites(
        "Candidate Site",
        spots[n + COUNTERS :],
        places,
        desks=rng.integers(30, 120, CANDIDATES),
        cost=rng.integers(150, 700, CANDIDATES) * 1_000,
    )
    base_of = dict(zip(bases["district"], bases["name"], strict=True))
    teams = pd.DataFrame(
        [
            (f"{district} Team {k + 1}", district, base_of[district])
            for district in DISTRICTS
            for k in range(TEAMS_PER_DISTRICT)
        ],
        columns=["team", "district", "base"],
    )
    officers = teams[["team"]].merge(pd.DataFrame({"shift": SHIFTS}), how="cross")
    officers["officers"] = officers["shift"].map(OFFICERS).to_numpy() + rng.integers(-2, 3, len(officers))
    minutes = pd.DataFrame([(kind.name, kind.minutes) for kind in CATEGORIES], columns=["category", "minutes"])
    return Estate(counters, bases, candidates, teams, officers, minutes)


def _distinct(crossings: cKDTree, wanted: Floats) -> Floats:
    """Return the crossing nearest to each place that no earlier place has taken."""
    taken: list[int] = []
    for nearest in crossings.query(wanted, k=len(wanted))[1]:
        taken.append(next(int(i) for i in nearest if int(i) not in taken))
    return np.asarray(crossings.data[taken], np.float64)


def _sites(kind: str, spots: Floats, places: Places, *, cost: Integers, **columns: Integers) -> gpd.GeoDataFrame:
    district = cKDTree(places.centres).query(spots)[1]
    names = [f"Made {kind} {i + 1:02d}" for i in range(len(spots))]
    table = {"name": names, "district": np.array(DISTRICTS, dtype=object)[district], **columns, "cost_per_year": cost}
    return gpd.GeoDataFrame(table, geometry=gpd.points_from_xy(*spots.T), crs=CRS)
