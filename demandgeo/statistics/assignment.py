"""Which unit of a support each event falls in."""

from __future__ import annotations

from typing import cast

import numpy as np

from demandgeo.domain import Events, Support, Zones, check_same_crs
from demandgeo.domain.record import Integers, Mask


def assign(events: Events, support: Support) -> Integers:
    """Return the unit of each event, int64 [n]; -1 where it has none.

    A file's own zone code wins over the coordinates (police files and simplified boundaries disagree for one event in
    six); an event whose code names no zone of the support is outside it. Events without a code, and every event on a
    grid, go by their location. Where *no* code of the file names a zone the two are different geographies, such as
    beats and census areas, and location decides for all.

    Parameters
    ----------
    events
        With coordinates, zone codes, or both.
    support
        Grid or zones, in the CRS of the events.

    Raises
    ------
    GeometryError
        If the two have different CRS.

    Examples
    --------
    >>> from demandgeo.domain import Grid
    >>> grid = Grid.covering((0, 0, 500, 250), cell=250, crs="EPSG:27700")
    >>> assign(Events.at([10, 260, 900, np.nan], [5, 5, 5, np.nan], crs="EPSG:27700"), grid).tolist()
    [0, 1, -1, -1]
    """
    check_same_crs(events.crs, support.crs, first_name="the table of events", second_name="the support")
    by_code = coded(events, support)
    unit = np.full(len(events), -1)
    by_place = events.located & ~by_code
    unit[by_place] = support.locate(events.x[by_place], events.y[by_place])
    if isinstance(support, Zones):
        unit[by_code] = support.index_of(events.zone_code.take(by_code))
    return unit


def coded(events: Events, support: Support) -> Mask:
    """Return where the file's own zone code decides on the unit, bool [n] (see `assign`)."""
    if isinstance(support, Zones) and (support.index_of(events.zone_code) >= 0).any():
        return events.zone_code.present
    return cast(Mask, np.zeros(len(events), bool))
