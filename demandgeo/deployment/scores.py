"""Scoring options: on the demand given, over scenarios, and on a period that no search has seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field

from demandgeo.deployment.patrols import SAVVY_SHIFT, SAVVY_VISIT_MINUTES, SAVVY_VISITS
from demandgeo.deployment.people import People
from demandgeo.deployment.performance import NEEDS, Performance, Standards
from demandgeo.deployment.questions import point_demand
from demandgeo.deployment.robustness import LEVEL, dominators, gains, rank_probability, topsis, weighted_sum
from demandgeo.deployment.rosters import Roster, priced, resolved
from demandgeo.deployment.shifts import has_shifts, pooled
from demandgeo.domain import CostMatrix, Demand, Options, PriorityAreas, Scenarios, Scorecard, Table, Zones
from demandgeo.domain.record import Floats
from demandgeo.domain.scorecard import RANKING_COLUMNS, SCORE_COLUMNS, SHIFT_COLUMNS
from demandgeo.errors import ModelError, Problems, did_you_mean
from demandgeo.registry import CRITERIA, Entry, stage

USUAL = (
    "coverage",
    "backup_coverage",
    "expected_coverage",
    "mean_time",
    "p95_time",
    "workload_gini",
    "district_gap",
    "unreached",
    "priority_coverage",
    "wait_share",
    "dosage_delivered",
    "people_worse_off",
    "officers",
    "sites_cost",
)
"""What is scored where nothing else is asked for: of these, all that the inputs allow."""

NOTES = (
    "Scores say how soon recorded demand could be met. They are no evidence that crime would fall.",
    "Recorded demand is partly made by where officers are: a plan that follows it records more of it there.",
)

Seconds = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]


@stage("deployment.score")
def score(  # noqa: PLR0917 - inputs of a stage are positional
    options: Options,
    demand: Demand,
    tt: CostMatrix,
    areas: PriorityAreas | None = None,
    scenarios: Scenarios | None = None,
    residents: Zones | Demand | Table | None = None,
    *,
    criteria: Sequence[str] | None = None,
    weights: dict[str, Positive] | None = None,
    within: Seconds = 480.0,
    fading_to: Seconds | None = None,
    busy: Annotated[float, Field(ge=0, lt=1)] = 0.3,
    worse_by: Seconds = 60.0,
    calls_per_hour: Positive | None = None,
    minutes_per_call: Positive | None = None,
    visits: Annotated[int, Field(ge=1)] = SAVVY_VISITS,
    visit_minutes: Positive = SAVVY_VISIT_MINUTES,
    patrol_shift: tuple[str, str] = SAVVY_SHIFT,
    officer_cost: Positive | None = None,
    officer_hours: Positive = 1_650.0,
    inside_areas: bool = False,
    draws: Annotated[int, Field(ge=1)] = 10_000,
    seed: int = 0,
) -> Scorecard:
    """Score options against each other and against the status quo.

    Parameters
    ----------
    options
        What is compared. Options with a search are searched for on `demand` first, and on nothing else.
    demand
        On the destinations of `tt`, in their order; by shift (`deployment.shift_demand`) where the options have shifts.
    tt
        Travel times from every base that an option names.
    areas
        Priority areas, on the same support: what patrols visit.
    scenarios
        Demand that might have been recorded instead, and a held-out period.
    residents
        Zones with a population, demand that counts residents, or a table of `deployment.residents`.
    criteria
        Names of registered criteria; None for the usual ones of which the inputs allow to judge.
    weights
        Of criteria, for the two views `weighted_sum` and `topsis`; 1 where none is stated.
    within, fading_to
        Seconds: the standard of the coverage criteria, and when gradual coverage has faded out (twice the standard if
        None).
    busy
        Share of the time that a team cannot respond, for expected coverage.
    worse_by
        Seconds by which help must take longer for people to count as worse off.
    calls_per_hour, minutes_per_call
        Calls of all places and shifts together, mean over the day, and the mean minutes that a call keeps a team: for
        the queueing criteria. Calls are shared out as demand is.
    visits, visit_minutes, patrol_shift
        The dosage that each priority area needs in a shift (Operation Savvy: three visits of 15 minutes, 15:00-22:00).
    officer_cost, officer_hours
        Per year and full-time officer: what one costs; and the hours on duty after leave, training and sickness (1,650
        is an assumption).
    inside_areas
        Count only demand inside the priority areas.
    draws, seed
        Of scenarios and criterion weights, for the probability of each rank.

    Returns
    -------
    Scorecard
        `to_frame` has one row per option; `rows` adds units, changes, robustness and the held-out period.

    Raises
    ------
    ModelError
        If an option names a base that `tt` does not have, a criterion is not known or lacks what it needs, places or
        shifts differ, or demand has no shifts and options do.

    Notes
    -----
    The p10 of a criterion is what nine scenarios in ten reach; max_regret is the most that an option falls short of
    the best option of a scenario. All shifts count together, each by its demand; `by_shift` takes them apart. Scores
    are no evidence of an effect on crime.

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
    standards = Standards(
        within=float(within),
        fading_to=float(2 * within if fading_to is None else fading_to),
        busy=float(busy),
        worse_by=float(worse_by),
        minutes_per_call=minutes_per_call,
        calls_per_hour=calls_per_hour,
        visits=visits,
        visit_minutes=visit_minutes,
        patrol_shift=patrol_shift,
        officer_cost=officer_cost,
        officer_hours=officer_hours,
        seed=seed,
    )
    columns = _columns(options, demand, tt, scenarios, standards=standards, areas=areas, inside_areas=inside_areas)
    costed = priced(tt, options)
    found, proofs = resolved(options, costed, demand)
    performance = Performance(
        costed,
        demand,
        found,
        Roster.of(found, costed, demand),
        columns,
        standards,
        areas,
        None if residents is None else People.of(residents, demand.support),
    )
    entries = _entries(criteria, performance)
    about = {"draws": draws, "inside_priority_areas_only": inside_areas, "searches": proofs}
    return _card(performance, entries, scenarios, weight=_weights(weights, entries), about=about)


def _card(
    performance: Performance,
    entries: Mapping[str, Entry],
    scenarios: Scenarios | None,
    *,
    weight: Floats,
    about: Mapping[str, Any],
) -> Scorecard:
    held = scenarios is not None and scenarios.held_out is not None
    options, standards = performance.options, performance.standards
    values = np.stack([entry.function(performance) for entry in entries.values()], axis=1)
    drawn = None if scenarios is None else values[:, :, 1 : values.shape[2] - held]
    ranking, ranks = _rankings(
        options, entries, values, drawn, weight=weight, draws=int(about["draws"]), seed=standards.seed
    )
    return Scorecard(
        options=options,
        rows=_rows(options, entries, values, drawn, held=held),
        ranking=ranking,
        ranks=ranks,
        by_shift=_by_shift(performance, entries),
        notes=NOTES,
        provenance={
            **{key: value for key, value in asdict(standards).items() if value is not None},
            "profile": performance.tt.profile,
            "travel": performance.tt.provenance.get("method", "given"),
            "scenarios": 0 if scenarios is None else scenarios.values.shape[1],
            "scenario_method": "" if scenarios is None else scenarios.provenance.get("method", "given"),
            "weights": dict(zip(entries, weight.tolist(), strict=True)),
            **about,
        },
    )


def _columns(
    options: Options,
    demand: Demand,
    tt: CostMatrix,
    scenarios: Scenarios | None,
    *,
    standards: Standards,
    areas: PriorityAreas | None,
    inside_areas: bool,
) -> Floats:
    """Return the demand, the scenarios and the held-out demand as columns, float64 [shifts * n, draws]."""
    problems, n = Problems(), demand.support.n
    point_demand(tt, demand, problems)
    _check_shifts(options, demand, problems)
    problems.check(standards.within >= 0, f"within is {standards.within}", "seconds >= 0 were needed")
    good = standards.fading_to >= standards.within
    problems.check(good, f"fading_to is {standards.fading_to}", f"seconds from {standards.within} on were needed")
    problems.check(0 <= standards.busy < 1, f"busy is {standards.busy}", "a share in [0, 1) was needed")
    parts = [pooled(demand)[:, None]]
    if scenarios is not None:
        rows = len(parts[0])
        problems.check(
            len(scenarios.values) == rows,
            f"the scenarios have {len(scenarios.values)} rows, the demand {rows} (units x shifts)",
            "scenarios drawn from the same demand were needed",
        )
        parts.append(scenarios.values)
        if scenarios.held_out is not None:
            point_demand(tt, scenarios.held_out, problems)
            parts.append(pooled(scenarios.held_out)[:, None])
    if areas is not None:
        same = areas.support.content_hash() == demand.support.content_hash()
        problems.check(same, "the priority areas are on other places than the demand", "the same support was needed")
    problems.check(areas is not None or not inside_areas, "inside_areas is set and no priority areas are given")
    problems.raise_as(ModelError)
    table = np.hstack(parts)
    if inside_areas and areas is not None:
        table *= np.tile(areas.selected, len(table) // n)[:, None]
    if not (table.sum(axis=0) > 0).all():
        raise ModelError("there is no demand in some scenario or period", "some inside the priority areas was needed")
    return np.ascontiguousarray(table)


def _check_shifts(options: Options, demand: Demand, problems: Problems) -> None:
    stated = [(name, *clocks) for name, clocks in options.shifts.items()]
    if not stated:
        problems.check(
            not has_shifts(demand), "the demand has shifts and the options have none", "shifts: in the options"
        )
        return
    problems.check(
        has_shifts(demand) and list(demand.layers.itertuples(index=False, name=None)) == stated,
        "the options have shifts that the demand does not have",
        f"demand by shift: {', '.join(options.shifts)}",
        "make it with deployment.shift_demand, from events with hours or one stated hourly profile",
    )


def _entries(criteria: Sequence[str] | None, performance: Performance) -> dict[str, Entry]:
    known, problems = CRITERIA.entries("deployment"), Problems()
    if criteria is None:
        return {name: known[name] for name in USUAL if performance.has(known[name].labels["needs"])}
    names = list(criteria)
    problems.check(names, "no criteria are given", "one or more were needed")
    problems.check(len(set(names)) == len(names), "a criterion is named twice")
    for name in names:
        if problems.check(name in known, f"criterion {name!r} is not known", remedy=did_you_mean(name, known)):
            needs = known[name].labels["needs"]
            problems.check(performance.has(needs), f"criterion {name!r} lacks {NEEDS.get(needs, needs)}")
    problems.raise_as(ModelError)
    return {name: known[name] for name in names}


def _weights(weights: Mapping[str, float] | None, entries: Mapping[str, Entry]) -> Floats:
    problems, stated = Problems(), weights or {}
    for name, weight in stated.items():
        problems.check(name in entries, f"weights: {name!r} is no criterion here", remedy=did_you_mean(name, entries))
        problems.check(0 < weight < np.inf, f"the weight of {name} is {weight}", "a number > 0 was needed")
    problems.raise_as(ModelError)
    return np.array([stated.get(name, 1.0) for name in entries], np.float64)


def _rankings(
    options: Options,
    entries: Mapping[str, Entry],
    values: Floats,
    drawn: Floats | None,
    *,
    weight: Floats,
    draws: int,
    seed: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return who ranks where: one row per option, and the probability of each rank."""
    directions = [entry.labels["direction"] for entry in entries.values()]
    gain = gains(values[:, :, 0], directions)
    over = values[:, :, :1] if drawn is None else drawn
    over_draws = np.ascontiguousarray(gains(np.moveaxis(over, 1, 2), directions).transpose(0, 2, 1))
    taken, expected = rank_probability(over_draws, draws=draws, seed=seed)
    beaten = [None if k is None else options.names[k] for k in dominators(gain)]
    columns = (
        options.names,
        taken[:, 0],
        expected,
        weighted_sum(gain, weight),
        topsis(gain, weight),
        [name or "" for name in beaten],
    )
    ranks = {f"rank_{i + 1}": taken[:, i] for i in range(taken.shape[1])}
    return (
        pd.DataFrame(dict(zip(RANKING_COLUMNS, columns, strict=True))),
        pd.DataFrame({"option": options.names, **ranks}),
    )


def _rows(
    options: Options, entries: Mapping[str, Entry], values: Floats, drawn: Floats | None, *, held: bool
) -> pd.DataFrame:
    """One row per option and criterion, from values [options, criteria, draws]."""
    better = np.array([1.0 if entry.labels["direction"] == "higher" else -1.0 for entry in entries.values()])
    own, base = values[:, :, 0], options.names.index(options.status_quo)
    p10 = regret = np.full(own.shape, np.nan)
    if drawn is not None:
        gain = better[:, None] * drawn
        p10 = better * np.quantile(gain, 0.1, axis=2, method="lower")
        regret = _difference(gain.max(axis=0), gain).max(axis=2)
        regret[regret <= LEVEL] = 0.0  # rounding of sums in another order is no regret
    columns: tuple[Any, ...] = (
        np.repeat(options.names, len(entries)),
        np.tile(list(entries), len(options.names)),
        np.tile([entry.labels["unit"] for entry in entries.values()], len(options.names)),
        np.tile([entry.labels["direction"] for entry in entries.values()], len(options.names)),
        own.ravel(),
        _difference(own, own[base]).ravel(),
        p10.ravel(),
        regret.ravel(),
        (values[:, :, -1] if held else np.full(own.shape, np.nan)).ravel(),
    )
    return pd.DataFrame(dict(zip(SCORE_COLUMNS, columns, strict=True)))


def _by_shift(performance: Performance, entries: Mapping[str, Entry]) -> pd.DataFrame:
    """Score each shift alone, on the criteria that mean something there."""
    rows = []
    for number, shift in enumerate(performance.options.shifts):
        if performance.by_shift[number, :, 0].sum() == 0:
            continue
        alone = performance.only(number)
        for name, entry in entries.items():
            if entry.labels["by_shift"]:
                values = entry.function(alone)[:, 0]
                rows += [
                    (option, shift, name, entry.labels["unit"], value)
                    for option, value in zip(performance.options.names, values.tolist(), strict=True)
                ]
    return pd.DataFrame(rows, columns=list(SHIFT_COLUMNS))


def _difference(first: Floats, second: Floats) -> Floats:
    """Subtract; two infinities of one sign are level, where plain subtraction gives NaN."""
    one, other = np.broadcast_arrays(first, second)
    level = one == other
    return np.where(level, 0.0, np.subtract(one, other, out=np.zeros(one.shape), where=~level))
