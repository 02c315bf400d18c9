"""Last year's list against this year's casualties: which method finds the streets where the next ones happen."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from demandgeo.domain import Demand, Events, Network, Table, check_same_crs
from demandgeo.domain.record import Floats
from demandgeo.errors import ModelError, Problems
from demandgeo.registry import stage
from demandgeo.roads.expected import Metres, NotNegative
from demandgeo.roads.facilities import Facilities
from demandgeo.roads.performance import Dispersion, Performance, expectation, fitted
from demandgeo.roads.snapping import Match
from demandgeo.roads.tallies import Tally, counted, tally
from demandgeo.statistics.captures import capture

Part = Annotated[float, Field(gt=0, lt=1)]

RAW, RAW_EVENTS, DENSITY = "raw counts", "raw counts, all severities", "network density"
MODEL, BAYES = "model only", "empirical Bayes"


@stage("roads.backtest")
def backtest(
    events: Events,
    after: Events,
    network: Network,
    density: Demand | None = None,
    *,
    shares: tuple[Part, ...] | list[Part] = (0.01, 0.02, 0.05, 0.1),
    traffic: str | None = None,
    covariates: tuple[str, ...] | list[str] = (),
    junction_radius: NotNegative = 20.0,
    max_distance: Metres = 50.0,
    match: Match = "distance",
    dispersion: Dispersion = "auto",
) -> Table:
    """Return what share of later KSI the best-ranked street length held, by method of ranking.

    Parameters
    ----------
    events, after
        The period that ranks the places, and the later one that tests them; of one kind and weight.
    network
        The streets.
    density
        A network density of `events` (`roads.density`), to be compared too.
    shares
        Of the street length.
    traffic, covariates, junction_radius, max_distance, match, dispersion
        As in `empirical_bayes`.

    Returns
    -------
    Table
        One row per method (raw counts, model only, empirical Bayes, network density) and column per share. Each ranks
        places by its count per metre; equal ones are taken in proportion.

    Raises
    ------
    GeometryError
        If something has another CRS.
    ModelError
        If the periods overlap or are of different kinds, or the density is on other streets.

    Examples
    --------
    >>> import shapely
    >>> rng = np.random.default_rng(1)
    >>> streets = Network.from_lines(
    ...     shapely.linestrings([[[0, 50 * i], [400, 50 * i]] for i in range(60)]), crs="EPSG:27700"
    ... )
    >>> rate = rng.gamma(0.5, 2.0, 60)
    >>> def drawn(year):
    ...     y = np.repeat(50.0 * np.arange(60), rng.poisson(rate))
    ...     return Events.at(
    ...         rng.uniform(0, 400, y.size), y, crs="EPSG:27700", time=np.full(y.size, year), kind="collision"
    ...     )
    >>> table = backtest(drawn("2023-01-01"), drawn("2024-01-01"), streets, shares=[0.1], junction_radius=0)
    >>> table.rows["method"].tolist()
    ['raw counts', 'model only', 'empirical Bayes']
    """
    _check(events, after, network)
    before, later = (
        tally(table, network, junction_radius=junction_radius, max_distance=max_distance, match=match)
        for table in (events, after)
    )
    held = later.weight
    model = fitted(before, events.years, traffic=traffic, covariates=covariates, dispersion=dispersion)
    scores = scores_of(before, model)
    if density is not None:
        scores[DENSITY] = _per_metre(density, before.places)
    length = before.places.length
    rows = {method: capture(value, length, held, list(shares)) for method, value in scores.items()}
    names = [f"at_{100 * share:g}_percent" for share in shares]
    table = pd.DataFrame(
        [{"method": method, **dict(zip(names, caught.tolist(), strict=True))} for method, caught in rows.items()]
    )
    return Table(
        title=f"Share of {counted(after)} in {after.period} on the best-ranked street length of {events.period}",
        rows=table,
        notes=(
            f"{held.sum():,.1f} {counted(after)} were to be found; chance alone holds the share of the length.",
            "A method that is ahead by less than the square root of what it found may be ahead by luck.",
        ),
        provenance={"shares": tuple(shares), "junction_radius_m": junction_radius, "traffic": traffic or "none"},
    )


def scores_of(placed: Tally, model: Performance) -> dict[str, Floats]:
    """Return what each method ranks places by, per metre."""
    metres = np.maximum(placed.places.length, 1.0)
    modelled, after = expectation(placed, model)
    found = {RAW: placed.weight, RAW_EVENTS: placed.number, MODEL: modelled, BAYES: after.mean}
    if np.array_equal(placed.weight, placed.number):
        found.pop(RAW_EVENTS)
    return {method: value / metres for method, value in found.items()}


def _per_metre(density: Demand, places: Facilities) -> Floats:
    """Return the mean density over the length of each place."""
    support = density.support
    if not isinstance(support, Network) or not np.array_equal(support.segment_ids, places.network.segment_ids):
        raise ModelError("the density is not on these streets", "one of the same network was needed")
    middle = (support.unit_from + support.unit_to) / 2
    row = places.at(support.unit_segment, middle)
    weight = np.bincount(row, support.extent, minlength=len(places))
    total = np.bincount(row, support.extent * np.nan_to_num(density.total), minlength=len(places))
    # A place shorter than a lixel may hold the middle of none: it has the density of the unit at its own.
    found = np.divide(total, weight, out=np.zeros(len(places)), where=weight > 0)
    lone = np.flatnonzero((weight == 0) & (places.segment >= 0))
    own = places.segment[lone]
    at = places.head[own] + places.length[lone] / 2
    found[lone] = np.nan_to_num(density.total)[support.unit_at(own, at)]
    return found


def _check(events: Events, after: Events, network: Network) -> None:
    for name, table in (("events", events), ("the later events", after)):
        check_same_crs(table.crs, network.crs, first_name=name, second_name="the streets")
    problems = Problems()
    problems.check(events.years > 0 and after.years > 0, "a period is undated", "dated events of both were needed")
    problems.check(
        (events.kind, events.weight_name) == (after.kind, after.weight_name),
        f"the later events are {after.kind}s by {after.weight_name}, the others {events.kind}s by {events.weight_name}",
        "the same of both was needed",
    )
    problems.raise_as(ModelError)
    if events.months.max() >= after.months.min():
        raise ModelError(
            f"{after.period} does not begin after {events.period} ends", "a later period was needed to test a list"
        )
