"""Scoring options: on the demand given, over scenarios, and on a period that no search has seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from demandgeo.deployment.criteria import Performance
from demandgeo.deployment.location import locate
from demandgeo.deployment.questions import point_demand
from demandgeo.deployment.robustness import dominators, gains, probability_first
from demandgeo.domain import CostMatrix, Demand, Labels, Option, Options, PriorityAreas, Scenarios, Scorecard
from demandgeo.domain.options import RANKING_COLUMNS, SCORE_COLUMNS
from demandgeo.domain.record import Floats, Integers
from demandgeo.errors import ModelError, Problems, did_you_mean
from demandgeo.kernels.chance import fill_uniform
from demandgeo.kernels.scoring import MEASURES, score_options
from demandgeo.registry import CRITERIA, Entry, stage

DEFAULT = (
    "coverage",
    "backup_coverage",
    "expected_coverage",
    "mean_time",
    "p95_time",
    "workload_gini",
    "district_gap",
    "unreached",
)
NOTES = (
    "Scores say how soon recorded demand could be met. They are no evidence that crime would fall.",
    "Recorded demand is partly made by where officers are: a plan that follows it records more of it there.",
)


@stage("deployment.demand_scenarios")
def demand_scenarios(demand: Demand, held_out: Demand | None = None, *, draws: int = 200, seed: int = 0) -> Scenarios:
    """Draw demand that might have been recorded instead: a Poisson number of events per unit.

    Parameters
    ----------
    demand
        With `count`, the events behind each unit; each drawn event weighs the unit's mean.
    held_out
        Demand of another period on the same support, which is scored apart and which no search sees.
    draws
        Number of scenarios.
    seed
        Of the draws.

    Raises
    ------
    ModelError
        If there are no counts or no draws, or the held-out demand is of another support or weight.

    Notes
    -----
    Units are independent, and the spread of severity inside a category is left out: series of crimes vary more.

    Examples
    --------
    >>> from demandgeo.density import count
    >>> from demandgeo.domain import Events, Grid
    >>> grid = Grid.covering((0, 0, 300, 100), cell=100, crs="EPSG:27700")
    >>> demand = count(Events.at([50.0] * 9 + [150.0], [50.0] * 10, crs="EPSG:27700"), grid)
    >>> demand_scenarios(demand, draws=5, seed=1).values.shape
    (3, 5)
    """
    problems = Problems()
    problems.check(draws >= 1, f"draws is {draws}", "1 or more was needed")
    counted = problems.check(demand.count is not None, "the demand has no counts of events", "use density.count")
    if held_out is not None:
        same = held_out.support.content_hash() == demand.support.content_hash()
        problems.check(same, "the held-out demand is on other places", "the same support was needed")
        problems.check(
            held_out.weight_name == demand.weight_name,
            f"the demand is weighted by {demand.weight_name!r}, the held-out one by {held_out.weight_name!r}",
        )
    problems.raise_as(ModelError)
    count = np.asarray(demand.count if counted else [], np.float64)
    each = np.divide(np.nan_to_num(demand.total), count, out=np.zeros(count.size), where=count > 0)
    chance = np.empty((count.size, draws))
    fill_uniform(seed, 0, chance)
    values = stats.poisson.ppf(chance, count[:, None]) * each[:, None]
    values[count == 0] = 0.0
    return Scenarios(values, held_out, {"method": "Poisson events per unit", "seed": seed})


@stage("deployment.score")
def score(
    options: Options,
    demand: Demand,
    tt: CostMatrix,
    areas: PriorityAreas | None = None,
    scenarios: Scenarios | None = None,
    *,
    criteria: Sequence[str] | None = None,
    within: float = 480.0,
    busy: float = 0.3,
    draws: int = 10_000,
    seed: int = 0,
) -> Scorecard:
    """Score options against each other and against the status quo.

    Parameters
    ----------
    options
        What is compared. Options with a search are searched for on `demand` first, and on nothing else.
    demand
        On the destinations of `tt`, in their order.
    tt
        Travel times from every site that an option names.
    areas
        If given, only demand inside these priority areas counts (they must be on the same support).
    scenarios
        Demand that might have been recorded instead, and a held-out period.
    criteria
        Names of registered criteria; None for eight that need no further columns.
    within
        Seconds: the standard of the coverage criteria.
    busy
        Share of the time that a site cannot respond, for expected coverage.
    draws, seed
        Of scenarios and criterion weights, for the probability of ranking first.

    Returns
    -------
    Scorecard
        `to_frame` has one row per option; `rows` adds units, changes, robustness and the held-out period.

    Raises
    ------
    ModelError
        If an option names a site that `tt` does not have, a criterion is not known, or places differ.

    Notes
    -----
    The p10 of a criterion is what nine scenarios in ten reach; max_regret is the most that an option falls short of
    the best option of a scenario. Scores are no evidence of an effect on crime.

    Examples
    --------
    >>> from demandgeo.density import count
    >>> from demandgeo.domain import Events, Grid
    >>> grid = Grid.covering((0, 0, 300, 100), cell=100, crs="EPSG:27700")
    >>> demand = count(Events.at([50.0] * 3 + [250.0], [50.0] * 4, crs="EPSG:27700"), grid)
    >>> options = Options.of({"now": ["1"], "west": ["0"]}, status_quo="now")
    >>> card = score(options, demand, CostMatrix.of([[0, 60, 120], [120, 60, 0]]), criteria=["mean_time"])
    >>> card.to_frame()["mean_time"].tolist(), card.ranking["dominated_by"].tolist()
    ([90.0, 30.0], ['west', ''])
    """
    entries = _entries(criteria)
    base, columns = _demand_columns(demand, tt, areas, scenarios, within=within, busy=busy)
    resolved, proofs = _resolved(options, demand, tt)
    found = _performance(resolved, tt, columns, _districts(demand), within=within, busy=busy)
    values = np.stack([entry.function(found) for entry in entries.values()], axis=1)
    drawn = values[:, :, 1 : 1 + base] if base else values[:, :, :1]
    directions = [entry.labels["direction"] for entry in entries.values()]
    gain = gains(np.moveaxis(values, 1, 2), directions)
    first = probability_first(
        np.ascontiguousarray(gains(np.moveaxis(drawn, 1, 2), directions).transpose(0, 2, 1)), draws=draws, seed=seed
    )
    beaten = [None if k is None else options.names[k] for k in dominators(gain[:, 0, :])]
    return Scorecard(
        options=resolved,
        rows=_rows(options, entries, values, base, held=scenarios is not None and scenarios.held_out is not None),
        ranking=pd.DataFrame(
            dict(zip(RANKING_COLUMNS, (options.names, first, [name or "" for name in beaten]), strict=True))
        ),
        notes=NOTES,
        provenance={
            "within_s": within,
            "busy": busy,
            "profile": tt.profile,
            "scenarios": base,
            "draws": draws,
            "seed": seed,
            "inside_priority_areas_only": areas is not None,
            "searches": proofs,
        },
    )


def _entries(criteria: Sequence[str] | None) -> dict[str, Entry]:
    known, problems = CRITERIA.entries("deployment"), Problems()
    names = list(DEFAULT if criteria is None else criteria)
    problems.check(names, "no criteria are given", "one or more were needed")
    problems.check(len(set(names)) == len(names), "a criterion is named twice")
    for name in names:
        problems.check(name in known, f"criterion {name!r} is not known", remedy=did_you_mean(name, known))
    problems.raise_as(ModelError)
    return {name: known[name] for name in names}


def _demand_columns(
    demand: Demand,
    tt: CostMatrix,
    areas: PriorityAreas | None,
    scenarios: Scenarios | None,
    *,
    within: float,
    busy: float,
) -> tuple[int, Floats]:
    """Return how many scenarios there are, and the demand, the scenarios and the held-out demand as columns."""
    problems = Problems()
    columns = [point_demand(tt, demand, problems)[:, None]]
    problems.check(within >= 0, f"within is {within}", "seconds >= 0 were needed")
    problems.check(0 <= busy < 1, f"busy is {busy}", "a share in [0, 1) was needed")
    if scenarios is not None:
        problems.check(
            len(scenarios.values) == demand.support.n,
            f"the scenarios have {len(scenarios.values)} units, the demand {demand.support.n}",
        )
        columns.append(scenarios.values)
        if scenarios.held_out is not None:
            columns.append(point_demand(tt, scenarios.held_out, problems)[:, None])
    if areas is not None:
        same = areas.support.content_hash() == demand.support.content_hash()
        problems.check(same, "the priority areas are on other places than the demand", "the same support was needed")
    problems.raise_as(ModelError)
    table = np.hstack(columns)
    if areas is not None:
        table *= areas.selected[:, None]
    if not (table.sum(axis=0) > 0).all():
        raise ModelError("there is no demand in some scenario or period", "some inside the priority areas was needed")
    return 0 if scenarios is None else scenarios.values.shape[1], np.ascontiguousarray(table)


def _resolved(options: Options, demand: Demand, tt: CostMatrix) -> tuple[Options, dict[str, Any]]:
    """Search for the options that say how, on this demand; return their proofs beside."""
    made, proofs, problems = [], {}, Problems()
    for option in options.options:
        if option.search:
            best = locate(tt, demand, **option.search)
            made.append(Option(option.name, best.open_ids))
            proofs[option.name] = best.sentence()
            continue
        for name in option.open:
            problems.check(
                name in tt.origins.ids,
                f"option {option.name!r}: the travel times have no site {name!r}",
                remedy=did_you_mean(name, tt.origins.ids),
            )
        made.append(option)
    problems.raise_as(ModelError)
    return Options(tuple(made), options.status_quo), proofs


def _districts(demand: Demand) -> Integers:
    """Return the district of each unit; without districts all are in one."""
    group: Labels | None = demand.support.group
    return np.zeros(demand.support.n, np.int64) if group is None else group.codes.astype(np.int64) + 1


def _performance(
    options: Options, tt: CostMatrix, columns: Floats, district: Integers, *, within: float, busy: float
) -> Performance:
    place = {name: row for row, name in enumerate(tt.origins.ids)}
    sites = [sorted(place[name] for name in option.open) for option in options.options]
    first = np.concatenate([[0], np.cumsum([len(rows) for rows in sites])]).astype(np.int64)
    site = np.concatenate([np.array(rows, np.int64) for rows in sites])
    groups = int(district.max()) + 1
    held = np.zeros((2 * groups, columns.shape[1]))
    np.add.at(held, district, columns)
    held[groups:] = held[:groups]
    part = np.tile(np.arange(groups), (2, 1))
    one, nobody = np.ones(site.size), np.full(len(sites), -1, np.int64)
    out = np.empty((len(sites), MEASURES, columns.shape[1]))
    score_options(
        tt.seconds, first, site, one, one, np.empty((0, columns.shape[0]), np.int32), nobody, columns,
        columns.sum(axis=0), district, part, held, float(within), float(within), float(busy), out,
    )  # fmt: skip
    return Performance(tt, first, site, columns, out)


def _rows(options: Options, entries: dict[str, Entry], values: Floats, drawn: int, *, held: bool) -> pd.DataFrame:
    """One row per option and criterion, from values [options, criteria, demand + scenarios + held-out]."""
    base = options.names.index(options.status_quo)
    rows = []
    for o, name in enumerate(options.names):
        for c, (criterion, entry) in enumerate(entries.items()):
            better = 1.0 if entry.labels["direction"] == "higher" else -1.0
            own, every = values[o, c], better * values[:, c, 1 : 1 + drawn]
            p10 = better * np.quantile(every[o], 0.1, method="lower") if drawn else np.nan
            regret = _difference(every.max(axis=0), every[o]).max() if drawn else np.nan
            change = float(_difference(own[:1], values[base, c, :1])[0])
            last = own[-1] if held else np.nan
            labels = (entry.labels["unit"], entry.labels["direction"])
            rows.append((name, criterion, *labels, own[0], change, p10, regret, last))
    return pd.DataFrame(rows, columns=list(SCORE_COLUMNS))


def _difference(first: Floats, second: Floats) -> Floats:
    """Subtract; two infinities of one sign are level, where plain subtraction gives NaN."""
    level = first == second
    return np.where(level, 0.0, np.subtract(first, second, out=np.zeros(first.shape), where=~level))
