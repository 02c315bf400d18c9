"""What a street or junction must expect to suffer: its own count and that of all like it, weighed as they deserve."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field

from demandgeo.domain import Events, Network, Sites, check_same_crs
from demandgeo.domain.record import Floats
from demandgeo.errors import ModelError, Problems
from demandgeo.registry import stage
from demandgeo.roads.diagnostics import calibration, cumulative_residuals, outside
from demandgeo.roads.facilities import JUNCTION, SEGMENT, Facilities
from demandgeo.roads.performance import Dispersion, Performance, expectation, fitted
from demandgeo.roads.ranking import RankBy, false_discovery, score, worst
from demandgeo.roads.snapping import Match
from demandgeo.roads.tallies import Tally, counted, tally
from demandgeo.statistics.costs import load
from demandgeo.statistics.negative_binomial import Posterior

Metres = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, lt=1)]
Number = Annotated[int, Field(ge=1)]


@stage("roads.empirical_bayes")
def empirical_bayes(
    events: Events,
    network: Network,
    *,
    traffic: str | None = None,
    covariates: tuple[str, ...] | list[str] = (),
    junction_radius: NotNegative = 20.0,
    max_distance: Metres = 50.0,
    match: Match = "distance",
    dispersion: Dispersion = "auto",
    rank_by: RankBy = "excess",
    confidence: Share = 0.9,
    number: Number = 50,
    draws: Number = 2000,
    costs: Path | None = None,
    prices: int | None = None,
    seed: int = 0,
) -> Sites:
    """Return every segment and junction with its expected count, its excess and what both are worth.

    A count alone misleads: most streets with a casualty had bad luck, and most that will have one next year had none.
    A safety performance function says what streets of such length, traffic and class suffer; empirical Bayes weighs it
    with the street's own record. All events speak of how often, their weights of how severely: give every injury
    collision, not only those with KSI.

    Parameters
    ----------
    events
        Collisions or casualties whose weights are counted (`read_stats19`: KSI). Collisions fit the model better: the
        casualties of one are not independent.
    network
        The streets.
    traffic
        Attribute of the streets that holds vehicles per day (see `attach_traffic`); None takes length and class only,
        and a note says so.
    covariates
        Further attributes of the streets, numbers, as log-linear terms.
    junction_radius
        Metres of street around a junction (three street ends or more) that belong to it; 0 takes whole segments.
    max_distance, match
        How events come to lie on streets: see `snap`. Collisions that state their road are best matched by ``"road"``.
    dispersion
        How what the model does not explain varies: ``"constant"`` alike for all segments, ``"length"`` so that it
        averages out along a street (shape proportional to length), ``"auto"`` the likelier of the two.
    rank_by
        ``"excess"`` over what such places suffer, ``"expected"`` count, or ``"density"``: expected per metre.
    confidence
        Level of the intervals of the true mean.
    number
        `p_worst` is the probability to be among this many worst.
    draws, seed
        Of the draws behind `p_worst`.
    costs, prices
        A table of costs of your own, and the year of its prices; the shipped one and its latest year if None. See
        `statistics.costs`.

    Returns
    -------
    Sites
        In order of rank. The table adds traffic, modelled (what such places suffer), low and high (interval of the true
        mean), p_excess (probability that it is above modelled), q_excess (expected share of false ones among the
        sites at least as sure), p_worst, expected per km and year and, where the costs are known, GBP per year of the
        expected count and of the excess.

    Raises
    ------
    GeometryError
        If events and streets have different CRS.
    ModelError
        If nothing lies on the streets, the events are undated, or traffic or a covariate is not there.

    Notes
    -----
    Number of events: negative binomial with log link, offset log(length x years) on segments and log(years) at
    junctions; classes of road with fewer than 5 events share the level of the most usual class. What is known of a
    true mean is a gamma distribution (Hauer 1997; Highway Safety Manual 2010, appendix 3A), parameters taken as known.
    Mean weight of an event: that of its class of road, and the place's own by Buhlmann-Straub credibility (see
    `statistics.credibility`).

    Examples
    --------
    >>> import shapely
    >>> rng = np.random.default_rng(1)
    >>> lines = shapely.linestrings([[[0, 50 * i], [400, 50 * i]] for i in range(60)])
    >>> streets = Network.from_lines(lines, crs="EPSG:27700")
    >>> bad = np.repeat([7, 30], 15)
    >>> y = 50.0 * np.concatenate([rng.integers(0, 60, 60), bad])
    >>> when = np.full(y.size, "2024-01-01", "datetime64[s]")
    >>> events = Events.at(rng.uniform(0, 400, y.size), y, crs="EPSG:27700", time=when, kind="collision")
    >>> sites = empirical_bayes(events, streets, junction_radius=0)
    >>> sites.table["site"].head(2).tolist(), bool((sites.table["expected"] < sites.table["observed"])[:2].all())
    (['8', '31'], True)
    """
    _check(events, network)
    placed = tally(events, network, junction_radius=junction_radius, max_distance=max_distance, match=match)
    model = fitted(placed, events.years, traffic=traffic, covariates=covariates, dispersion=dispersion)
    modelled, after = expectation(placed, model)
    table = _table(placed, model, modelled, after, years=events.years, confidence=confidence)
    length = placed.places.length
    table["p_worst"] = worst(after, modelled, length, by=rank_by, number=number, draws=draws, seed=seed)
    worth, cost_note = _worth(events, costs, prices)
    if worth is not None:
        table["cost_per_year"] = table["expected"] * worth / events.years
        table["excess_cost_per_year"] = table["excess"] * worth / events.years
    order = np.lexsort((np.arange(length.size), -score(after.mean, modelled, length, rank_by)))
    residuals = cumulative_residuals(placed.number, model.mean, _against(placed.places, model))
    return Sites(
        network=placed.places.network,
        geometry=placed.places.geometry()[order],
        table=table.iloc[order].reset_index(drop=True).assign(rank=np.arange(1, length.size + 1)),
        segment=placed.places.segment[order],
        node=placed.places.node[order],
        name=counted(events),
        weight_name=events.weight_name,
        period=events.period,
        years=events.years,
        balance=placed.balance,
        model={
            **_described(model),
            "traffic": traffic or "none: length and class only",
            "junction_radius_m": junction_radius,
            "max_distance_m": max_distance,
            "match": match,
            "weight_per_event": _severity(placed),
            "cure_outside_limits": outside(residuals),
            "ranked_by": rank_by,
            "p_worst_number": number,
        },
        calibration=calibration(placed.number, model.mean),
        residuals=residuals,
        notes=_notes(traffic, cost_note),
    )


def _table(
    placed: Tally, model: Performance, modelled: Floats, after: Posterior, *, years: float, confidence: float
) -> pd.DataFrame:
    places = placed.places
    low, high = after.interval(confidence)
    p_excess = after.above(modelled)
    return pd.DataFrame(
        {
            "rank": 0,
            "site": places.ids(),
            "kind": np.where(places.is_junction, JUNCTION, SEGMENT),
            "name": places.names(),
            "length_m": places.length,
            "observed": placed.weight,
            "expected": after.mean,
            "excess": after.mean - modelled,
            "modelled": modelled,
            "low": low,
            "high": high,
            "p_excess": p_excess,
            "q_excess": false_discovery(p_excess),
            "events": placed.number,
            "modelled_events": model.mean,
            "shape": model.shape,
            "traffic": model.traffic,
            "expected_per_km_year": after.mean / np.maximum(places.length / 1e3, 1e-3) / years,
        }
    )


def _worth(events: Events, table: Path | None, prices: int | None) -> tuple[float | None, str]:
    """Return GBP per KSI and where it comes from; without costs of one's own, why there are none."""
    if not events.weight_name.startswith("KSI"):
        return None, f"No costs: the events are weighted by {events.weight_name}, costs are of KSI."
    try:
        found = load(events.kind, prices=prices, table=table)
        worth = found.per_ksi(events)
    except ModelError as error:
        if table is not None or prices is not None:
            raise
        return None, f"No costs: {error}."
    return worth, f"Costs: {found.name}, {worth:,.0f} per KSI {events.kind} ({found.source})."


def _against(places: Facilities, model: Performance) -> dict[str, Floats]:
    return {"fitted": model.mean, "length_m": places.length, "traffic": model.traffic}


def _described(model: Performance) -> dict[str, Any]:
    terms = model.coefficients()
    keys = terms["kind"] + ": " + terms["term"]
    errors = terms["standard_error"].notna()
    return {
        "method": "negative binomial safety performance function, empirical Bayes",
        "dispersion": "shape proportional to length" if model.exponent else "one shape for all segments",
        "terms": dict(zip(keys, terms["estimate"].tolist(), strict=True)),
        "standard_errors": dict(zip(keys[errors], terms["standard_error"][errors].tolist(), strict=True)),
        "log_likelihood": model.log_likelihood,
    }


def _severity(placed: Tally) -> dict[str, float]:
    severity = placed.severity
    halves = severity.events_for_half
    return {
        "mean": float(placed.weight.sum() / placed.number.sum()),
        "variation_between_places": severity.own,
        **({"events_for_half": halves} if np.isfinite(halves) else {}),
    }


def _notes(traffic: str | None, cost_note: str) -> tuple[str, ...]:
    if traffic is not None:
        return (cost_note,)
    return (cost_note, "Traffic is not known: exposure is length only, so that busy streets look dangerous.")


def _check(events: Events, network: Network) -> None:
    check_same_crs(events.crs, network.crs, first_name="the table of events", second_name="the streets")
    problems = Problems()
    problems.check(events.years > 0, "no event has a date", "dated events were needed: expected counts are per year")
    problems.check(events.located.any(), "no event has a location", "located events were needed")
    problems.raise_as(ModelError)
