"""The made city in the formats of the real sources."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import pyogrio
import pyproj

from demandgeo.domain.events import ANTISOCIAL, Events
from demandgeo.domain.zones import Zones
from demandgeo.errors import OutputError
from demandgeo.synthetic.collisions import Collisions
from demandgeo.synthetic.estate import Estate
from demandgeo.synthetic.sizes import CRS

POLICE_COLUMNS = (
    "Crime ID",
    "Month",
    "Reported by",
    "Falls within",
    "Longitude",
    "Latitude",
    "Location",
    "LSOA code",
    "LSOA name",
    "Crime type",
    "Last outcome category",
    "Context",
)
OUTCOMES = ("Investigation complete; no suspect identified", "Unable to prosecute suspect", "Under investigation")
FIXED_DATE = "2025-01-01T00:00:00.000Z"
"""Stands in the GeoPackage in place of the time of writing, so that the same city gives the same bytes."""


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn what the system says of a folder that cannot be written into an `OutputError`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except (OSError, pyogrio.errors.DataSourceError) as error:
        found = getattr(error, "strerror", None) or error
        raise OutputError(f"{folder}: {found}", "a folder that can be written was needed") from error


def police_months(events: Events, zones: Zones, rng: np.random.Generator) -> dict[str, pd.DataFrame]:
    """Return the archive's table of each month (``"2022-01"``): 12 columns of text, no Crime ID or outcome for ASB."""
    code = events.zone_code.codes
    spots, row = np.unique(np.column_stack([events.x, events.y]), axis=0, return_inverse=True)
    lon, lat = pyproj.Transformer.from_crs(CRS, "EPSG:4326", always_xy=True).transform(*spots.T)
    degrees = np.array([[f"{v:.6f}" if np.isfinite(v) else "" for v in part] for part in (lon, lat)], dtype=object)
    asb = np.asarray(events.category == ANTISOCIAL)
    assert zones.names is not None
    force = events.attributes["force"].to_array()
    values = {
        "Crime ID": np.where(asb, "", _ids(len(events), rng)),
        "Month": events.time.astype("datetime64[M]").astype(str),
        "Reported by": force,
        "Falls within": force,
        "Longitude": degrees[0][row.ravel()],
        "Latitude": degrees[1][row.ravel()],
        "Location": events.attributes["place"].to_array(),
        "LSOA code": np.append(zones.ids, "")[code],
        "LSOA name": np.append(zones.names, "")[code],
        "Crime type": events.category.to_array(),
        "Last outcome category": np.where(asb, "", np.array(OUTCOMES)[rng.integers(len(OUTCOMES), size=len(events))]),
        "Context": "",
    }
    table = pd.DataFrame(values, columns=list(POLICE_COLUMNS))
    return {str(month): part for month, part in table.groupby("Month")}


def write_police(folder: Path, months: Mapping[str, pd.DataFrame]) -> None:
    """Write one CSV per month, with the archive's names and line ends."""
    with writing(folder):
        for month, table in months.items():
            table.to_csv(folder / f"{month}-made-city-street.csv", index=False, lineterminator="\r\n")


def write_boundaries(folder: Path, table: gpd.GeoDataFrame) -> None:
    """Write ``boundaries.gpkg``, layer ``zones``."""
    path = folder / "boundaries.gpkg"
    with writing(folder):
        path.unlink(missing_ok=True)
        before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": FIXED_DATE})
        try:
            table.to_file(path, layer="zones", driver="GPKG", engine="pyogrio")
        finally:
            pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})


def write_streets(folder: Path, graph: nx.MultiDiGraph) -> None:
    """Write ``streets.graphml`` as OSMnx saves and loads it: every value of the given graph is turned into text."""
    with writing(folder):
        for data in (graph.graph, *(d for _, d in graph.nodes(data=True)), *(d for *_, d in graph.edges(data=True))):
            data.update({key: str(value) for key, value in data.items()})
        nx.write_graphml(graph, folder / "streets.graphml")


def write_collisions(folder: Path, tables: Collisions) -> None:
    """Write ``collision.csv``, ``casualty.csv``, ``vehicle.csv`` and the truth, ``links.csv``."""
    with writing(folder):
        tables.collisions.to_csv(folder / "collision.csv", index=False)
        tables.casualties.to_csv(folder / "casualty.csv", index=False)
        tables.vehicles.to_csv(folder / "vehicle.csv", index=False)
        tables.links.drop(columns="geometry").to_csv(folder / "links.csv", index=False)


def write_estate(folder: Path, estate: Estate) -> None:
    """Write one CSV per table of the estate."""
    with writing(folder):
        for name, table in estate.tables().items():
            table.to_csv(folder / f"{name}.csv", index=False)


def _ids(n: int, rng: np.random.Generator) -> np.ndarray:
    """Return n different identifiers of 64 hexadecimal digits."""
    digits = rng.bytes(32 * n).hex()
    return np.array([digits[64 * i : 64 * i + 64] for i in range(n)], dtype=object)
