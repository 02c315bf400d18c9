"""Demand that might have been recorded instead: Poisson draws, or whole weeks drawn again."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field
from scipy import stats
from scipy.sparse import csr_array

from demandgeo.deployment.shifts import has_shifts, pooled, shift_shares
from demandgeo.domain import Demand, Events, Scenarios
from demandgeo.domain.record import Floats, Integers, Mask
from demandgeo.errors import ModelError, Problems
from demandgeo.kernels.chance import fill_uniform
from demandgeo.registry import stage
from demandgeo.statistics.assignment import assign

Block = Literal["day", "week", "month"]

LEAST_BLOCKS = 4
"""Fewer blocks say next to nothing about how demand varies."""


@stage("deployment.demand_scenarios")
def demand_scenarios(
    demand: Demand,
    held_out: Demand | None = None,
    events: Events | None = None,
    *,
    draws: Annotated[int, Field(ge=1)] = 200,
    block: Block = "week",
    seed: int = 0,
) -> Scenarios:
    """Draw demand that might have been recorded instead.

    Parameters
    ----------
    demand
        What the options are searched on. Without `events` it needs its `count`, the events behind each unit: a Poisson
        number of events per unit is drawn, each of the unit's mean weight.
    held_out
        Demand of another period on the same support, which is scored apart and which no search sees.
    events
        The events behind `demand`: whole blocks of time are drawn with replacement, which keeps what happened together
        (a block bootstrap).
    draws
        Number of scenarios.
    block
        Length of a block: ``"day"``, ``"week"`` from the first day on, or ``"month"``, for events dated to the month.
        Events without a date are in every scenario once.
    seed
        Of the draws.

    Returns
    -------
    Scenarios
        `values` [n, draws]; of demand by shift [shifts * n, draws].

    Raises
    ------
    ModelError
        If there are neither counts nor events, the events are not those of the demand, they are dated more coarsely
        than a block or span fewer than four blocks, or the held-out demand is of another support, weight or shifts.

    Notes
    -----
    Poisson units are independent, and the spread of severity inside a category is left out: series of crimes vary
    more. Blocks keep series and seasons of up to their length together (Kuensch 1989, Annals of Statistics 17); what
    changes from year to year is in neither.

    Examples
    --------
    >>> from demandgeo.density import count
    >>> from demandgeo.domain import Events, Grid
    >>> grid = Grid.covering((0, 0, 300, 100), cell=100, crs="EPSG:27700")
    >>> demand = count(Events.at([50.0] * 9 + [150.0], [50.0] * 10, crs="EPSG:27700"), grid)
    >>> demand_scenarios(demand, draws=5, seed=1).values.shape
    (3, 5)
    """
    _check(demand, held_out, events, draws)
    if events is None:
        values, method = _poisson(demand, draws, seed), "Poisson events per unit"
    else:
        values, blocks = _resampled(demand, events, block, draws, seed)
        method = f"{blocks} {block}s drawn with replacement"
    return Scenarios(values, held_out, {"method": method, "seed": seed})


def _check(demand: Demand, held_out: Demand | None, events: Events | None, draws: int) -> None:
    problems = Problems()
    problems.check(draws >= 1, f"draws is {draws}", "1 or more was needed")
    known = events is not None or demand.count is not None
    problems.check(known, "the demand has no counts of events", "use density.count, or give its events")
    if held_out is not None:
        same = held_out.support.content_hash() == demand.support.content_hash()
        problems.check(same, "the held-out demand is on other places", "the same support was needed")
        problems.check(
            held_out.weight_name == demand.weight_name,
            f"the demand is weighted by {demand.weight_name!r}, the held-out one by {held_out.weight_name!r}",
        )
        shaped = held_out.layers.equals(demand.layers) and held_out.values.ndim == demand.values.ndim
        problems.check(shaped, "the held-out demand has other shifts than the demand", "the same were needed")
    problems.raise_as(ModelError)


def _poisson(demand: Demand, draws: int, seed: int) -> Floats:
    count = np.asarray(demand.count, np.float64)
    each = np.divide(np.nan_to_num(demand.total), count, out=np.zeros(count.size), where=count > 0)
    held = pooled(demand)
    weight = np.tile(each, held.size // each.size)
    mean = np.divide(held, weight, out=np.zeros(weight.size), where=weight > 0)
    chance = np.empty((mean.size, draws))
    fill_uniform(seed, 0, chance)
    values: Floats = stats.poisson.ppf(chance, mean[:, None]) * weight[:, None]
    values[mean == 0] = 0.0
    return values


def _resampled(demand: Demand, events: Events, block: Block, draws: int, seed: int) -> tuple[Floats, int]:
    unit = assign(events, demand.support)
    if not has_shifts(demand):
        share = np.ones((1, len(events)))
    elif events.resolution == "minute":
        share = shift_shares(events, demand.layers)
    else:
        of_shift = np.nan_to_num(demand.values).sum(axis=1, dtype=np.float64)
        share = np.repeat(of_shift[:, None] / of_shift.sum(), len(events), axis=1)
    number = _blocks(events, block)
    blocks, placed = int(number.max()) + 1, np.flatnonzero(unit >= 0)
    if blocks < LEAST_BLOCKS:
        raise ModelError(f"the events span {blocks} {block}s", f"{LEAST_BLOCKS} or more", "draw shorter blocks")
    n, shifts = demand.support.n, len(share)
    row = (np.arange(shifts)[:, None] * n + unit[placed]).ravel()
    # Events without a date stand in a column of their own, which every scenario holds once.
    column = np.tile(np.where(number[placed] < 0, blocks, number[placed]), shifts)
    weight = (events.weight[placed] * share[:, placed]).ravel()
    parts = csr_array((weight, (row, column)), (shifts * n, blocks + 1))
    if not np.allclose(parts.sum(axis=1), pooled(demand), rtol=1e-9, atol=1e-9):
        raise ModelError("the events are not those of the demand", "the events that were counted were needed")
    chance = np.empty((draws, blocks))
    fill_uniform(seed, 0, chance)
    times = np.ones((blocks + 1, draws))
    for draw, drawn in enumerate((chance * blocks).astype(np.int64)):
        times[:blocks, draw] = np.bincount(drawn, minlength=blocks)
    return np.asarray(parts @ times, np.float64), blocks


def _blocks(events: Events, block: Block) -> Integers:
    """Return the block of each event, int64 [n]; -1 where it has no date."""
    if events.resolution == "month" and block != "month":
        raise ModelError("events are dated to the month", f"days, for blocks of a {block}", "write block: month")
    dated = ~np.isnat(events.time)
    if not dated.any():
        raise ModelError("no event has a date", "dates were needed to draw blocks of time", "leave the events out")
    day = events.time.astype("datetime64[D]")
    if block == "month":
        return _numbered(day.astype("datetime64[M]").astype(np.int64), dated)
    length = 7 if block == "week" else 1
    first, last = day[dated].min().astype(np.int64), day[dated].max().astype(np.int64)
    # What is left of a last week goes to the week before: a block of two days is none.
    whole = max(1, (last - first + 1) // length)
    number = np.minimum((day.astype(np.int64) - first) // length, whole - 1)
    # A quiet block counts, one in a month of which nothing is known does not.
    begins = (first + np.arange(whole) * length).astype("datetime64[D]").astype("datetime64[M]")
    kept = np.isin(begins, events.months) | np.isin(np.arange(whole), number[dated])
    return np.where(dated, (np.cumsum(kept) - 1)[np.where(dated, number, 0)], -1)


def _numbered(moment: Integers, dated: Mask) -> Integers:
    number = np.full(moment.size, -1)
    number[dated] = np.unique(moment[dated], return_inverse=True)[1]
    return number
