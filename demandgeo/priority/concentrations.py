"""The law of concentration: how few places hold a quarter and a half of demand, beside what chance alone would do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from demandgeo.domain import Demand, Events, Table
from demandgeo.domain.record import Floats, Integers
from demandgeo.errors import ModelError, Problems
from demandgeo.kernels.draws import throw_events
from demandgeo.priority.scores import least_extent
from demandgeo.registry import stage
from demandgeo.statistics.assignment import assign

ALL = "all"
QUANTILES = (0.025, 0.975)

NOTES = (
    "By unit, chance throws each event on any unit alike; by extent, in proportion to extent.",
    "ratio: the observed share over that of chance; 1 is what chance alone gives, the lower the more concentrated.",
    "A share of the units is no share of the area: quote which.",
)


@stage("priority.concentration")
def concentration(
    demand: Demand,
    events: Events | None = None,
    *,
    shares: Sequence[float] = (0.25, 0.5),
    draws: Annotated[int, Field(ge=1)] = 199,
    seed: int = 0,
) -> Table:
    """Return the share of units and of extent that holds a quarter and a half of demand, corrected for chance.

    Few events on many places are concentrated whatever happens: 100 events cannot be on more than 100 places. So the
    same events are thrown at random many times, and the table gives both.

    Parameters
    ----------
    demand
        Counts or harm on any support; with layers by category a row for each besides all.
    events
        What was counted. For harm chance needs them: events differ in weight. Counts can do without.
    shares
        Of demand, each in (0, 1].
    draws
        How often the events are thrown.
    seed
        Of the draws.

    Returns
    -------
    Table
        One row per category and share: category, events, demand_share, then for units and for extent the share that
        holds it (`unit_share`, `extent_share`), what chance alone would need (`_chance`, its 95 % interval `_low` and
        `_high`) and the ratio of the two. Of units the last one counts whole, of the extent in part.

    Raises
    ------
    ModelError
        If a share is not in (0, 1], there is no demand, or the events are not those of the demand.

    Notes
    -----
    Weisburd 2015, Criminology 53:133 (25 and 50 % in few places); on the comparison with chance, Levin, Rosenfeld and
    Deckard 2017, Journal of Quantitative Criminology 33:635, and Hipp and Kim 2017, the same, 33:595.

    Examples
    --------
    >>> from demandgeo.domain import Grid
    >>> from demandgeo.density import count
    >>> grid = Grid.covering((0, 0, 1000, 1000), cell=100, crs="EPSG:27700")
    >>> x = np.r_[np.full(60, 50.0), np.linspace(5, 995, 40)]
    >>> table = concentration(count(Events.at(x, x, crs="EPSG:27700"), grid), draws=49)
    >>> table.rows[["demand_share", "unit_share", "unit_chance"]].round(2).values.tolist()
    [[0.25, 0.01, 0.08], [0.5, 0.01, 0.2]]
    """
    _check(demand, shares)
    rows = []
    for name, values, weight in _layers(demand, events):
        rows += _rows(name, values, weight, demand.support.extent, shares, draws=draws, seed=seed)
    table = pd.DataFrame(rows)
    missing = bool(table["unit_chance"].isna().any())
    unknown = ("Chance is not given for harm without its events: they differ in weight.",) if missing else ()
    return Table(
        title=f"Concentration of {demand.name} in {demand.period}, by {demand.support.unit_name}",
        rows=table,
        notes=(*NOTES, *unknown),
        provenance={"draws": draws, "seed": seed, "units": demand.support.n, "weight": demand.weight_name},
    )


def _rows(
    name: str,
    values: Floats,
    weight: Floats | None,
    extent: Floats,
    shares: Sequence[float],
    *,
    draws: int,
    seed: int,
) -> list[dict[str, object]]:
    alike = np.ones(values.size)
    sizes = {"unit": alike, "extent": extent}
    observed = {key: _needed(values, size, shares, whole=key == "unit") for key, size in sizes.items()}
    unknown = np.full((draws, len(shares)), np.nan)
    chance = {key: unknown if weight is None else np.empty_like(unknown) for key in sizes}
    if weight is not None:
        thrown = np.empty(values.size)
        for turn, (key, size) in enumerate(sizes.items()):
            running = np.cumsum(size)
            for draw in range(draws):
                throw_events(seed, 2 * draw + turn, running, weight, thrown)
                chance[key][draw] = _needed(thrown, size, shares, whole=key == "unit")
    rows = []
    for place, share in enumerate(shares):
        row: dict[str, object] = {
            "category": name,
            "events": -1 if weight is None else weight.size,
            "demand_share": float(share),
        }
        for key in sizes:
            drawn, own = chance[key][:, place], float(observed[key][place])
            low, high = np.quantile(drawn, QUANTILES)
            row |= {f"{key}_share": own, f"{key}_chance": drawn.mean(), f"{key}_low": low, f"{key}_high": high}
            row |= {f"{key}_ratio": own / drawn.mean()}
        rows.append(row)
    return rows


def _needed(values: Floats, size: Floats, shares: Sequence[float], *, whole: bool) -> Floats:
    """Return the least share of the size that holds each share of the values."""
    if not whole:
        least: Floats = np.array([least_extent(values, size, share) for share in shares]) / size.sum()
        return least
    held = np.cumsum(np.sort(values[values > 0])[::-1])
    units: Floats = (np.searchsorted(held, np.array(shares) * held[-1] * (1.0 - 1e-12)) + 1) / values.size
    return units


def _layers(demand: Demand, events: Events | None) -> list[tuple[str, Floats, Floats | None]]:
    """Return name, values [n] and the weight of each event of all demand and of each category."""
    parts = [(ALL, np.nan_to_num(demand.total))]
    if demand.values.ndim == 2:
        of_layer = demand.layers["category"].astype(str).to_numpy()
        names = [name for name in dict.fromkeys(of_layer.tolist()) if name]
        parts += [(name, np.nan_to_num(demand.values[of_layer == name].sum(axis=0))) for name in names]
    placed = None if events is None else _placed(demand, events)
    layers = []
    for name, values in parts:
        if not values.sum() > 0:
            continue
        weight = None
        if placed is not None:
            weight = placed.weight if name == ALL else placed.weight[placed.category == name]
        elif demand.is_count:
            weight = np.ones(round(values.sum()))
        layers.append((name, values, weight))
    return layers


def _placed(demand: Demand, events: Events) -> Events:
    unit: Integers = assign(events, demand.support)
    placed = events.where(unit >= 0)
    if not np.isclose(placed.weight.sum(), np.nansum(demand.total), rtol=1e-9):
        raise ModelError(
            f"the events weigh {placed.weight.sum():,.6g} on the support, the demand is {np.nansum(demand.total):,.6g}",
            "the events that the demand was counted from were needed",
        )
    return placed


def _check(demand: Demand, shares: Sequence[float]) -> None:
    problems = Problems()
    problems.check(
        len(shares) > 0 and all(0 < share <= 1 for share in shares),
        f"shares is {list(shares)}",
        "numbers in (0, 1] were needed",
    )
    problems.check(np.nansum(demand.total) > 0, "there is no demand on the support", "some was needed")
    problems.check(
        demand.measure in ("incidents", "weight"), f"the demand is in {demand.measure!r}", "counted events were needed"
    )
    problems.raise_as(ModelError)
