"""A small made town, and the real West Yorkshire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from demandgeo.domain import (
    Balance,
    Certificate,
    Demand,
    Events,
    Grid,
    Headline,
    Holdout,
    Labels,
    PriorityAreas,
    Record,
    Table,
    Zones,
)
from demandgeo.domain.headline import HEADLINE_COLUMNS

collect_ignore = ["qgis_probe.py"]  # runs under another Python

CRS = "EPSG:27700"
BALANCE = Balance(np.array([90, 6, 4, 0]), np.array([900.0, 60.0, 40.0, 0.0]))


def demand_on(support: Grid | Zones, values: np.ndarray, **fields: object) -> Demand:
    given = {"measure": "weight", "weight_name": "ONS CSS 2018", "period": "2018-07", "name": "crime", **fields}
    return Demand(support, values, balance=BALANCE, **given)


@pytest.fixture(scope="session")
def zones() -> Zones:
    """Twelve boxes of 2 x 2 km in two districts, named by free text that XML, SQL and spreadsheets dislike."""
    x, y = (axis.ravel() for axis in np.meshgrid(np.arange(4), np.arange(3)))
    boxes = shapely.box(430_000 + 2000 * x, 430_000 + 2000 * y, 432_000 + 2000 * x, 432_000 + 2000 * y)
    return Zones(
        boxes,
        np.array([f"E{i:02d}" for i in range(12)]),
        CRS,
        names=np.array([f"=Ward <{i}> & 'co' \"é\"" for i in range(12)]),
        population=np.r_[np.nan, np.full(11, 1500.0)],
        group=Labels.of(np.where(x < 2, "Westside", "Eastside")),
    )


@pytest.fixture(scope="session")
def grid(zones: Zones) -> Grid:
    cells = Grid.covering((430_000, 430_000, 438_000, 436_000), cell=250, crs=CRS)
    return replace(cells, group=zones.group.take(zones.locate(*cells.centres())))


@pytest.fixture(scope="session")
def surface(grid: Grid) -> Demand:
    x, y = grid.centres()
    hill = np.maximum(0, 1 - np.hypot(x - 433_000, y - 433_500) / 2500) ** 2 * 345.678
    hill[:3] = np.nan
    provenance = {"method": "quartic", "bandwidth": 400.0, "error_bound": 1e-14}
    return demand_on(grid, hill, measure="weight/km2/yr", provenance=provenance)


@pytest.fixture(scope="session")
def demand(zones: Zones) -> Demand:
    values = np.array([0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144.0])
    return demand_on(zones, values, measure="incidents", weight_name="count", count=values)


@pytest.fixture(scope="session")
def areas(demand: Demand) -> PriorityAreas:
    labels = np.full(12, -1)
    labels[[10, 11]], labels[8] = 0, 1
    extent, total = demand.support.extent, demand.total
    rows = [{"units": 2, "extent": extent[10:].sum(), "demand": total[10:].sum()}]
    rows += [{"units": 1, "extent": extent[8], "demand": total[8]}]
    table = pd.DataFrame(rows).assign(area=[0, 1], rank=[1, 2], name=["Eastside 1", "=Westside 1"], events=[233, 34])
    table["extent_share"] = table["extent"] / extent.sum()
    table["demand_share"] = table["demand"] / total.sum()
    table = table[["area", "rank", "name", "units", "extent", "extent_share", "demand", "demand_share", "events"]]
    return PriorityAreas(demand, labels, table, Certificate(extent[0] * 2.5, 0.2, "cherry-pick"))


@pytest.fixture(scope="session")
def events(zones: Zones) -> Events:
    place = np.random.default_rng(7).random((2, 60)) * [[8000], [6000]] + [[430_000], [430_000]]
    place[:, :5] = np.nan
    time = np.full(60, "2018-07", "datetime64[s]")
    return Events.at(*place, crs=CRS, time=time, category=["burglary", "robbery"] * 30, kind="crime")


@pytest.fixture(scope="session")
def layered(grid: Grid) -> Demand:
    table = pd.DataFrame({"category": ["burglary", "robbery"], "period": ["2018-07", "2018-07"]})
    return demand_on(grid, np.stack([np.arange(grid.n, dtype=float), np.ones(grid.n)]), layers=table)


@pytest.fixture(scope="session")
def headline(zones: Zones) -> Headline:
    outlines = [shapely.union_all(zones.polygons[zones.group == name]) for name in zones.group.names]
    places = Zones(np.array(outlines), np.array(zones.group.names), CRS, population=np.array([9000.0, 7500.0]))
    rows = pd.DataFrame(
        {
            "level": ["district", "district", "not placed", "force"],
            "place": [*zones.group.names, "not placed", "force"],
            "measure": "burglary",
            "count": [30, 12, 3, 45],
            "unlocated": [1, 0, 3, 4],
            "population": [9000.0, 7500.0, np.nan, 16500.0],
            "rate_per_1000": [3.33, 1.6, np.nan, 2.73],
        }
    )
    rows = rows.reindex(columns=HEADLINE_COLUMNS).assign(small_number=False, complete_months=True)
    return Headline("Burglary by district", rows, ("Robbery is not in this source.",), places=places)


@pytest.fixture(scope="session")
def artifacts(request: pytest.FixtureRequest) -> Mapping[str, Record]:
    """One record of every kind that the domain has for people."""
    per_area = pd.DataFrame({"area": [0], "name": ["Eastside 1"], "demand_share": [0.62]})
    mapped = ("zones", "grid", "demand", "surface", "layered", "areas", "events", "headline")
    return {
        **{name: request.getfixturevalue(name) for name in mapped},
        "holdout": Holdout("2018-07", "2018-08", "count", 0.25, 0.7, 0.62, 2.48, BALANCE, per_area),
        "numbers": Table("Numbers", pd.DataFrame({"district": ["Westside"], "rate": [1.5]}), ("Small numbers.",)),
    }


@pytest.fixture(scope="session")
def about() -> dict[str, str]:
    return {
        "title": "Made town, July 2018",
        "run": "made-town",
        "run_id": "3fa9c2d1",
        "attribution": "Contains <made> data © nobody & all",
    }


@pytest.fixture(scope="session")
def residents(shared_data: Path) -> Demand:
    """The 1,388 real LSOAs of West Yorkshire with their residents as demand."""
    frame = gpd.read_file(shared_data / "boundaries" / "lsoa2011_bsc_west_yorkshire.gpkg")
    zones = Zones.from_frame(frame, id="LSOA11CD", name="LSOA11NM", population="persons", group="la")
    return demand_on(zones, zones.population, measure="residents", weight_name="count", name="residents")
