"""Corridors: the worst sites along one street joined, named as people name them."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from demandgeo.domain import Events, Sites, check_same_crs
from demandgeo.domain.record import Mask
from demandgeo.errors import ModelError
from demandgeo.registry import stage
from demandgeo.roads.profiles import Profile, Runs

Metres = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, lt=1)]


@stage("roads.corridors")
def corridors(
    sites: Sites,
    events: Events,
    *,
    length_share: Share = 0.02,
    gap: NotNegative = 200.0,
    min_length: NotNegative = 0.0,
    cell: Metres = 50.0,
    confidence: Share = 0.9,
) -> Sites:
    """Join the best-ranked sites along their streets to corridors.

    Parameters
    ----------
    sites
        The whole result of `empirical_bayes`; its order of rank decides which sites are taken.
    events
        The events it was made of.
    length_share
        Sites are taken in order of rank until they have this share of the street length.
    gap
        Metres of street between two of them that are taken in too; corridors may so grow past the share.
    min_length
        Metres: shorter corridors are left out.
    cell
        Metres: corridors begin and end on cells of this length.
    confidence
        Level of the intervals.

    Returns
    -------
    Sites
        Of kind ``corridor``, those of most excess first; each follows one stroke of streets and is named by those with
        most length.

    Raises
    ------
    GeometryError
        If events and sites have different CRS.
    ModelError
        If the sites are not those of `empirical_bayes`, or no corridor is long enough.

    Examples
    --------
    >>> import shapely
    >>> from demandgeo.domain import Labels, Network
    >>> from demandgeo.roads import empirical_bayes
    >>> lines = shapely.linestrings([[[200 * i, 0], [200 * i + 200, 0]] for i in range(20)])
    >>> streets = Network.from_lines(lines, crs="EPSG:27700", name=Labels.of(["Mill Lane"] * 20))
    >>> x = 200.0 * np.array([3] * 9 + [5] * 9 + [10, 14, 18]) + 100.0
    >>> when = np.full(x.size, "2024-01-01", "datetime64[s]")
    >>> events = Events.at(x, 0 * x, crs="EPSG:27700", time=when, kind="collision")
    >>> found = corridors(empirical_bayes(events, streets, junction_radius=0), events, length_share=0.1)
    >>> found.table[["name", "length_m", "observed"]].values.tolist()
    [['Mill Lane', 600.0, 18.0]]
    """
    check_same_crs(events.crs, sites.crs, first_name="the table of events", second_name="the sites")
    profile = Profile.of(sites, events, cell)
    within = sites.table["length_m"].cumsum() <= length_share * sites.network.length.sum() + 1e-6
    runs = merged_runs(_chosen(sites, profile, within.to_numpy()), profile, gap)
    runs = runs[profile.sums(profile.length, runs) >= min_length]
    if not len(runs):
        raise ModelError(
            f"no corridor is left ({int(within.sum())} sites taken)",
            "one of min_length or more was needed",
            "give a greater length_share or a smaller min_length",
        )
    return profile.sites(
        sites, runs, "corridor", confidence=confidence, corridors_of_length_share=length_share, gap_m=gap, cell_m=cell
    )


def merged_runs(chosen: Mask, profile: Profile, gap: float) -> Runs:
    """Return the runs of chosen cells, those apart by at most `gap` metres on one stroke joined."""
    cells = np.flatnonzero(chosen)
    if not cells.size:
        return np.empty((0, 2), np.int64)
    end = np.cumsum(profile.length)
    between = (end[cells[1:]] - profile.length[cells[1:]]) - end[cells[:-1]]
    apart = (between > gap + 1e-6) | (profile.begin[cells[1:]] != profile.begin[cells[:-1]])
    first = np.concatenate([[True], apart])
    last = np.concatenate([apart, [True]])
    return np.column_stack([cells[first], cells[last] + 1])


def _chosen(sites: Sites, profile: Profile, within: Mask) -> Mask:
    """Return the cells of the sites taken: on their segment, or within a cell of their junction."""
    net = profile.network
    segment = np.zeros(len(net.start), bool)
    segment[sites.segment[within & (sites.segment >= 0)]] = True
    node = np.zeros(len(net.node_x), bool)
    node[sites.node[within & (sites.node >= 0)]] = True
    unit_segment = net.unit_segment[profile.unit]
    at_start = net.unit_from[profile.unit] <= 0
    at_end = net.unit_to[profile.unit] >= net.length[unit_segment] - 1e-6
    of_junction = (at_start & node[net.start[unit_segment]]) | (at_end & node[net.end[unit_segment]])
    return segment[unit_segment] | of_junction
