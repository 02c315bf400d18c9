"""Surfaces of a nation: one part of the grid after the other, in the memory of one part."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from demandgeo.density.surfaces import surface
from demandgeo.domain import Demand, Events, Grid, Zones
from demandgeo.errors import ModelError


def surface_tiles(
    events: Events,
    area: Zones | tuple[float, float, float, float],
    *,
    cell: float = 250.0,
    side: int = 1024,
    **settings: Any,
) -> Iterator[Demand]:
    """Yield the surface over an area in parts of side x side cells, each as `surface` makes it.

    `outputs.mosaic` writes them to one GeoTIFF as they come. Each part sums all events that reach it, so that nothing
    shows where two parts meet.

    Parameters
    ----------
    events
        Of the whole area: their period and categories are those of every part.
    area
        The study area, or (west, south, east, north) in the CRS of the events.
    cell
        Side of a cell, metres.
    side
        Cells along a side of a part: 1024 take about 30 MB.
    **settings
        Of `surface`: bandwidth, kernel, by, ...

    Yields
    ------
    Demand
        On a part of the grid. Its balance counts as outside whatever lies in no cell of the part; an event on the very
        border of two parts is placed in both.

    Raises
    ------
    ModelError
        If an edge correction is asked for: it needs the whole study area on one grid.

    Examples
    --------
    >>> events = Events.at([450.0, 930.0], [550.0, 480.0], crs="EPSG:27700")
    >>> parts = list(surface_tiles(events, (0, 0, 1000, 1000), cell=100, side=5, bandwidth=200.0, per="period"))
    >>> [part.support.shape for part in parts], sum(int(part.balance.events[0]) for part in parts)
    ([(5, 5), (5, 5), (5, 5), (5, 5)], 2)
    """
    if settings.get("edge", "none") != "none":
        raise ModelError(
            f"edge={settings['edge']!r} is asked for in parts",
            "the whole study area on one grid was needed",
            "call density.surface, or leave edge out",
        )
    for part in Grid.tiles(area, cell=cell, side=side, crs=events.crs):
        yield surface(events, part, **settings)
