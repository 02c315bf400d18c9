"""Cluster sites by a council's rule: so many collisions in so many years within so many metres."""

from __future__ import annotations

import csv
import heapq
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import shapely
from pydantic import Field
from scipy.spatial import KDTree

from demandgeo.domain import COUNT, Balance, Events, Network, Sites, check_same_crs
from demandgeo.domain.record import Geometries, Integers, Mask
from demandgeo.domain.sites import SITE_COLUMNS
from demandgeo.errors import ModelError, Problems, did_you_mean
from demandgeo.registry import stage
from demandgeo.roads.facilities import street_names
from demandgeo.roads.nearby import within_streets
from demandgeo.roads.snapping import snap
from demandgeo.roads.tallies import counted

RULES = Path(__file__).with_name("cluster_rules.csv")
NAMED = 3

COLUMNS = (*SITE_COLUMNS, "weight")

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Number = Annotated[int, Field(ge=1)]


class Rule(NamedTuple):
    """So many collisions in so many years within a radius."""

    collisions: int
    years: float
    radius: float
    source: str


@stage("roads.clusters")
def clusters(
    events: Events,
    network: Network,
    *,
    rule: str = "wales",
    collisions: Number | None = None,
    years: Positive | None = None,
    radius: Positive | None = None,
    metric: Literal["euclid", "network"] = "euclid",
    max_distance: Positive = 50.0,
) -> Sites:
    """Return the sites that a council's cluster rule finds: a baseline beside the model.

    A rule knows no traffic and no chance: on busy streets many places reach the threshold by luck, and next year most
    of them will not. It is here so that lists of former years can be made again and compared (`backtest`).

    Parameters
    ----------
    events
        Injury collisions; each counts once, whatever its weight.
    network
        The streets, which give clusters their names and lengths.
    rule
        ``"wales"`` (4 in 3 years within 50 m), ``"somerset"`` (7 in 5 years within 50 m) or ``"somerset-rural"``.
    collisions, years, radius
        Numbers of your own in place of the rule's.
    metric
        ``"euclid"``: as the crow flies, as councils do; ``"network"``: along the streets.
    max_distance
        Metres: events farther from every street are unsnapped.

    Returns
    -------
    Sites
        Of kind ``cluster``, those with most collisions first. The collision with most others within the radius is the
        centre of a cluster; its members are taken out and the search goes on. `expected` and `excess` are not known to
        a rule (NaN); `length_m` is that of the streets within the radius.

    Raises
    ------
    GeometryError
        If events and streets have different CRS.
    ModelError
        If the rule is not known, or the events are undated or span fewer years.

    Examples
    --------
    >>> lines = shapely.linestrings([[[0, 0], [1000, 0]], [[0, 30], [1000, 30]]])
    >>> streets = Network.from_lines(lines, crs="EPSG:27700")
    >>> x, y = [500.0, 510.0, 520.0, 530.0, 100.0], [0.0, 0.0, 30.0, 30.0, 0.0]
    >>> time = ["2022-01-01", "2023-01-01", "2024-01-01", "2024-12-01", "2024-12-02"]
    >>> events = Events.at(x, y, crs="EPSG:27700", time=np.array(time, "datetime64[s]"), kind="collision")
    >>> clusters(events, streets).table["observed"].tolist()
    [4.0]
    >>> len(clusters(events, streets, metric="network").table)
    0
    """
    check_same_crs(events.crs, network.crs, first_name="the table of events", second_name="the streets")
    wanted = _rule(rule, collisions, years, radius)
    recent = events.where(_recent(events, wanted.years) & events.located)
    network = network.segments()
    snapped = snap(recent, network, max_distance=max_distance)
    kept = np.flatnonzero(snapped.segment >= 0)
    segment, position = snapped.segment[kept], snapped.position[kept]
    if metric == "euclid":
        near = KDTree(np.column_stack([recent.x[kept], recent.y[kept]]))
        others = [np.array(sorted(row)) for row in near.query_ball_point(near.data, wanted.radius)]
    else:
        others = within_streets(network, segment, position, wanted.radius)
    found = greedy_clusters(others, wanted.collisions)
    table, geometry = _table(network, recent.where(kept), segment, found, wanted.radius)
    none = np.full(len(found), -1)
    return Sites(
        network=network,
        geometry=geometry,
        table=table,
        segment=none,
        node=none,
        name=counted(events).removeprefix("KSI "),
        weight_name=COUNT,
        period=recent.period,
        years=wanted.years,
        balance=Balance.of(recent, snapped.segment, unsnapped=np.flatnonzero(snapped.segment < 0)),
        model={**wanted._asdict(), "method": "cluster rule", "metric": metric},
        notes=(f"Rule: {wanted.source}. It knows no exposure and no chance.",),
    )


def greedy_clusters(others: list[Integers], least: int) -> list[tuple[int, Integers]]:
    """Return centre and members of each cluster: the fullest first, its members taken out.

    Parameters
    ----------
    others
        For each event the rows within the radius, itself among them.
    least
        Events that make a cluster.

    Examples
    --------
    >>> rows = [np.array([0, 1]), np.array([0, 1, 2]), np.array([1, 2])]
    >>> [(centre, rows.tolist()) for centre, rows in greedy_clusters(rows, 2)]
    [(1, [0, 1, 2])]
    """
    free = np.ones(len(others), bool)
    queue = [(-len(rows), centre) for centre, rows in enumerate(others) if len(rows) >= least]
    heapq.heapify(queue)
    found = []
    while queue:
        size, centre = heapq.heappop(queue)
        rows = others[centre][free[others[centre]]] if free[centre] else np.empty(0, np.int64)
        if len(rows) < least:
            continue
        if len(rows) < -size:  # some were taken since: it may no longer be the fullest
            heapq.heappush(queue, (-len(rows), centre))
            continue
        free[rows] = False
        found.append((centre, rows))
    return found


def _table(
    network: Network, recent: Events, segment: Integers, found: list[tuple[int, Integers]], radius: float
) -> tuple[pd.DataFrame, Geometries]:
    """Return the rows of the clusters, and the streets within the radius of each."""
    streets, lines = street_names(network), network.geometry()
    tree = shapely.STRtree(lines)
    rows: list[dict[str, Any]] = []
    geometry = np.empty(len(found), object)
    for rank, (centre, own) in enumerate(found, 1):
        circle = shapely.Point(recent.x[centre], recent.y[centre]).buffer(radius)
        inside = shapely.intersection(lines[np.sort(tree.query(circle, predicate="intersects"))], circle)
        geometry[rank - 1] = shapely.union_all(inside)
        names = list(dict.fromkeys(streets[s] for s in segment[own].tolist()))
        numbers = (
            float(shapely.length(inside).sum()),
            float(len(own)),
            np.nan,
            np.nan,
            float(recent.weight[own].sum()),
        )
        rows.append(
            dict(zip(COLUMNS, (rank, f"cluster {rank}", "cluster", " / ".join(names[:NAMED]), *numbers), strict=True))
        )
    return pd.DataFrame(rows, columns=list(COLUMNS)), geometry


def _recent(events: Events, years: float) -> Mask:
    months = events.months
    problems = Problems()
    problems.check(len(months) > 0, "the events are undated", "dated collisions were needed")
    problems.raise_as(ModelError)
    span = int((months[-1] - months[0]).astype(np.int64)) + 1
    wanted = round(years * 12)
    if span < wanted:
        raise ModelError(f"the events span {span} months ({events.period})", f"the rule's {wanted} months were needed")
    month = events.time.astype("datetime64[M]")
    return np.asarray(~np.isnat(month) & (month > months[-1] - wanted))


def _rule(name: str, collisions: int | None, years: float | None, radius: float | None) -> Rule:
    known = _rules()
    if name not in known:
        raise ModelError(f"rule {name!r} is not known", remedy=did_you_mean(name, known))
    rule = known[name]
    given = {"collisions": collisions, "years": years, "radius": radius}
    own = ", ".join(f"{key} {value:g}" for key, value in given.items() if value is not None)
    return Rule(
        rule.collisions if collisions is None else collisions,
        rule.years if years is None else years,
        rule.radius if radius is None else radius,
        f"{rule.source}; changed: {own}" if own else rule.source,
    )


def _rules() -> Mapping[str, Rule]:
    with RULES.open(encoding="utf-8", newline="") as stream:
        return {
            row["rule"]: Rule(int(row["collisions"]), float(row["years"]), float(row["radius_m"]), row["source"])
            for row in csv.DictReader(stream)
        }
