"""What sites expect as numbers on the street network, so that shares of demand and of length can be read off."""

from __future__ import annotations

from typing import Literal

import numpy as np

from demandgeo.domain import Demand, Sites
from demandgeo.errors import ModelError, did_you_mean
from demandgeo.registry import stage
from demandgeo.roads.facilities import Facilities

What = Literal["expected", "observed", "modelled", "excess", "cost_per_year", "excess_cost_per_year"]


@stage("roads.on_network")
def on_network(sites: Sites, *, what: What = "expected") -> Demand:
    """Return a column of segments and junctions as demand on the streets.

    The concentration curve on road length is then `priority.select` (how little street holds a quarter of what is to
    be expected), and maps and back-tests of selections work as on cells.

    Parameters
    ----------
    sites
        Segments and junctions, as `empirical_bayes` makes them.
    what
        Column of the table; of an excess, what is below 0 counts 0.

    Returns
    -------
    Demand
        One value per street segment; a junction's is split over its streets by the length around it.

    Raises
    ------
    ModelError
        If the sites are stretches or corridors, or have no such column.

    Examples
    --------
    >>> import shapely
    >>> from demandgeo.domain import Events, Network
    >>> from demandgeo.roads import empirical_bayes
    >>> lines = shapely.linestrings([[[0, 50 * i], [400, 50 * i]] for i in range(30)])
    >>> streets = Network.from_lines(lines, crs="EPSG:27700")
    >>> y = 50.0 * np.array([3, 3, 7, 9, 9, 9, 21])
    >>> when = np.full(7, "2024-01-01", "datetime64[s]")
    >>> events = Events.at(np.full(7, 200.0), y, crs="EPSG:27700", time=when, kind="collision")
    >>> demand = on_network(empirical_bayes(events, streets, junction_radius=0))
    >>> demand.support.n, demand.measure, round(float(demand.values.sum()), 3)
    (30, 'expected collisions', 7.0)
    """
    table, network = sites.table, sites.network.segments()
    if what not in table:
        raise ModelError(f"the sites have no {what!r}", remedy=did_you_mean(what, table.columns))
    if ((sites.segment < 0) & (sites.node < 0)).any():
        raise ModelError("the sites are no segments or junctions", "the result of roads.empirical_bayes was needed")
    value = np.maximum(table[what].to_numpy(np.float64), 0.0)
    found = np.zeros(network.n)
    of_segment = sites.segment >= 0
    np.add.at(found, sites.segment[of_segment], value[of_segment])
    per_metre = np.zeros(len(network.node_x))
    per_metre[sites.node[~of_segment]] = value[~of_segment] / table["length_m"].to_numpy()[~of_segment]
    places = Facilities.of(network, float(sites.model.get("junction_radius_m", 0.0)))
    found += per_metre[network.start] * places.head + per_metre[network.end] * places.tail
    is_cost = what.endswith("cost_per_year")
    return Demand(
        support=network,
        values=found,
        measure="GBP/yr" if is_cost else f"{what} {sites.name}",
        balance=sites.balance,
        weight_name=sites.weight_name,
        period=sites.period,
        name=sites.name,
        provenance={**sites.model, "what": what, "clipped_at_0": "excess" in what},
    )
