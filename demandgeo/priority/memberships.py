"""Membership: areas chosen anew on what the demand behind the counts may be."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from demandgeo.domain import Events, Membership, PriorityAreas
from demandgeo.errors import ModelError, Problems
from demandgeo.priority.redraws import DemandModel, Recorded, Reselection
from demandgeo.registry import stage

Draws = Annotated[int, Field(ge=1)]
Folds = Annotated[int, Field(ge=2)]


@stage("priority.membership")
def membership(
    areas: PriorityAreas,
    events: Events | None = None,
    *,
    draws: Draws = 200,
    folds: Folds = 5,
    severity_spread: bool = True,
    seed: int = 0,
) -> Membership:
    """Say how surely each unit belongs to the areas, and how much of their share is luck.

    The counts of a period are the true rates plus chance, and the areas were chosen where both were high. Rates that
    may lie behind the counts are drawn many times; on each draw areas are chosen by the same rules.

    Parameters
    ----------
    areas
        Chosen on counted demand (`density.count`).
    events
        The events that were counted. Areas chosen on harm need them, for how many are of which category.
    draws
        Of the rates. A probability of p then has a standard error of sqrt(p (1 - p) / draws).
    folds
        Parts of the events; areas are chosen on all but one and tested on that one, in turn.
    severity_spread
        Whether the severity of an event is only known as well as its category tells (`weight_sd`). It has no effect
        on counts.
    seed
        Of the draws; each draw has numbers of its own.

    Returns
    -------
    Membership
        `probability` that a unit is in the areas chosen on the true intensity; `core` (0.9 and more), `fringe` (0.5 to
        0.9); intervals of the share that the plan truly holds and of the extent that a share needs; `thinned_share`.

    Raises
    ------
    ModelError
        If the areas were not chosen on counts, harm comes without its events, the events are others, or there are too
        few for the folds.

    Notes
    -----
    How many events: `statistics.rates.GammaPoisson`; of which categories: `statistics.mixes.DirichletMix`. Harm of a
    unit is the sum over categories of rate x share x mean weight; the mean weight of n events is drawn from a gamma
    with the category's mean and standard deviation / sqrt(n + 1).
    Areas are chosen in one pass at a fixed price (`priority.redraws.Reselection`), 40 times as fast as
    `priority.select`.
    The folds are Poisson thinning: counts split event by event are independent (Neufeld, Dharamshi, Gao and Witten
    2024, Journal of Machine Learning Research 25(57)), so that what one part was chosen for luck the other has not.

    What is not modelled: that rates change from one period to the next, and crimes in series. Both make membership
    less sure than this.

    Examples
    --------
    >>> from demandgeo.domain import Grid
    >>> from demandgeo.density import count
    >>> from demandgeo.priority import select
    >>> grid = Grid.covering((0, 0, 1000, 1000), cell=100, crs="EPSG:27700")
    >>> place = np.random.default_rng(1).normal(500, 150, (2, 400))
    >>> events = Events.at(*place, crs="EPSG:27700")
    >>> sure = membership(select(count(events, grid), max_areas=3), draws=20)
    >>> bool(sure.expected_share < sure.areas.demand_share), bool(sure.probability.max() > 0.9)
    (True, True)
    """
    recorded = Recorded.of(areas.demand, events)
    _check(recorded, draws, folds)
    rules = Reselection.like(areas)
    model = DemandModel.fit(recorded, contiguity=str(areas.settings["contiguity"]), severity_spread=severity_spread)
    extent, selected = areas.support.extent, areas.selected
    times, rows = np.zeros(areas.support.n), []
    for draw in range(draws):
        intensity = model.intensity(seed, draw)
        chosen = rules.choose(intensity)
        times += chosen
        rows.append((draw, extent[chosen].sum() / extent.sum(), intensity[selected].sum() / intensity.sum()))
    return Membership(
        areas=areas,
        probability=times / draws,
        draws=pd.DataFrame(rows, columns=["draw", "extent_share", "demand_share"]),
        thinned_share=_thinned(recorded, rules, seed, folds),
        provenance={
            "method": "gamma-Poisson redraws, areas chosen anew",
            "draws": draws,
            "folds": folds,
            "severity_spread": severity_spread,
            "seed": seed,
            "categories": len(model.weight),
        },
    )


def _thinned(recorded: Recorded, rules: Reselection, seed: int, folds: int) -> float:
    fold, held = recorded.folds(seed, folds), []
    for own in range(folds):
        chosen, rest = rules.choose(recorded.total(fold != own)), recorded.total(fold == own)
        held.append(rest[chosen].sum() / rest.sum())
    return float(np.mean(held))


def _check(recorded: Recorded, draws: int, folds: int) -> None:
    problems = Problems()
    problems.check(draws >= 1, f"draws is {draws}", "a number >= 1 was needed")
    problems.check(folds >= 2, f"folds is {folds}", "a number >= 2 was needed")
    problems.check(
        recorded.unit.size >= 20 * max(folds, 1),
        f"{recorded.unit.size} events for {folds} folds",
        "at least 20 events for each were needed",
        "take a longer period",
    )
    problems.raise_as(ModelError)
