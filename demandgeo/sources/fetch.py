"""Downloads. Nothing here runs unless it is called: a run reads files, and `save` makes one of what was fetched."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import shapely

from demandgeo.domain import Network, Zones
from demandgeo.errors import OutputError, SourceError
from demandgeo.sources.projection import lonlat
from demandgeo.sources.streets import read_streets

NetworkType = Literal["drive", "drive_service", "walk", "bike", "all", "all_public"]

ATTRIBUTION = "© OpenStreetMap contributors, Open Database Licence"


def fetch_streets(
    place: str | Zones | shapely.Polygon | shapely.MultiPolygon,
    *,
    network_type: NetworkType = "drive",
    buffer: float = 0.0,
    save: Path | str | None = None,
    to_crs: str | None = None,
) -> Network:
    """Download the streets of a place from OpenStreetMap, by way of OSMnx.

    Parameters
    ----------
    place
        A name that OpenStreetMap knows (``"Coventry, England"``), zones, or a polygon in longitude and latitude.
    network_type
        Which streets; ``"drive_service"`` with car parks and yards, where collisions happen too.
    buffer
        Metres beyond zones that are fetched too, so that what lies at the border is seen from both sides.
    save
        Where to keep the graph as GraphML, for `read_streets`; a batch should read that file.
    to_crs
        As for `read_streets`.

    Returns
    -------
    Network
        Its ledger names the source and its licence.

    Raises
    ------
    SourceError
        If the place is not known, there are no streets in it, or OpenStreetMap cannot be reached.
    OutputError
        If the graph cannot be saved.
    """
    graph = _download(place, network_type, float(buffer))
    if save is not None:
        _save(graph, Path(save))
    net = read_streets(graph, to_crs=to_crs)
    return replace(net, ledger=replace(net.ledger, notes=(*net.ledger.notes, ATTRIBUTION)))


def _download(place: Any, network_type: str, buffer: float) -> Any:
    import osmnx  # noqa: PLC0415  takes seconds to import
    import requests  # noqa: PLC0415

    try:
        if isinstance(place, str):
            return osmnx.graph_from_place(place, network_type=network_type, retain_all=True)
        return osmnx.graph_from_polygon(_in_degrees(place, buffer), network_type=network_type, retain_all=True)
    except (requests.RequestException, OSError, osmnx._errors.ResponseStatusCodeError) as error:  # noqa: SLF001
        raise SourceError(
            f"OpenStreetMap cannot be reached ({type(error).__name__})",
            "a connection to its servers was needed",
            "fetch the streets where there is one, with save=, and read the file with read_streets",
        ) from error
    except (osmnx._errors.InsufficientResponseError, TypeError, ValueError) as error:  # noqa: SLF001
        raise SourceError(
            f"OpenStreetMap has no streets for {place if isinstance(place, str) else 'this area'!r} ({error})",
            "a place with a boundary, or an area with streets, was needed",
            "write the name as the map has it, or give a polygon in longitude and latitude",
        ) from error


def _in_degrees(place: Any, buffer: float) -> shapely.Geometry:
    if not isinstance(place, Zones):
        return place
    area = shapely.buffer(place.outline(), buffer) if buffer > 0 else place.outline()
    x, y = shapely.get_coordinates(area).T
    return shapely.set_coordinates(area, np.column_stack(lonlat(x, y, place.crs)))


def _save(graph: Any, path: Path) -> None:
    import osmnx  # noqa: PLC0415

    try:
        osmnx.save_graphml(graph, path)
    except OSError as error:
        raise OutputError(f"{path}: the graph cannot be saved: {error}", remedy="give another place") from error
