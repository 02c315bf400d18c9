"""How long calls wait for one of several teams: Erlang's formulas."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from demandgeo.domain import Table
from demandgeo.domain.record import Floats
from demandgeo.errors import ModelError, Problems
from demandgeo.kernels.queueing import fill_erlang_c

MOST_TEAMS = 1_000_000


def erlang_c(
    calls_per_hour: ArrayLike,
    minutes_per_call: ArrayLike,
    teams: ArrayLike,
    *,
    variation: ArrayLike = 1.0,
    within_minutes: Sequence[float] = (10.0,),
    quantiles: Sequence[float] = (0.5, 0.9, 0.95),
) -> Table:
    """Work out how likely a call waits for a free team, and how long.

    Parameters
    ----------
    calls_per_hour
        Calls for all teams of a base together, > 0; a number or [n]. Arguments broadcast against each other.
    minutes_per_call
        Mean minutes that a call keeps a team busy, travel included, > 0.
    teams
        Teams on duty, whole, >= 1.
    variation
        Coefficient of variation of those minutes (standard deviation / mean), >= 0; 1 is exponential. With any other
        value the waits are an approximation, and the row says so.
    within_minutes
        Waits whose share is wanted, minutes >= 0.
    quantiles
        Quantiles of the wait of all calls, in [0, 1).

    Returns
    -------
    Table
        One row each: calls_per_hour, minutes_per_call, teams, variation, load_erlangs, utilisation, wait_share (calls
        that wait at all), mean_wait_minutes, wait_p50_minutes, ..., within_10_minutes_share, ..., approximate.

    Raises
    ------
    ModelError
        Listing every number that makes no sense, and every row with more work than its teams can do, which has no
        steady state, with the teams it needs.

    Notes
    -----
    Calls at random (Poisson), first come first served, exponential minutes (M/M/c): Erlang (1917); C(c, a) from the
    recursion of B. Those who wait, wait exponentially long with mean s / (c - a), a = calls x s the load in erlangs.
    Other distributions (M/G/c): the waits times (1 + variation^2) / 2 (Lee and Longton 1959; exact for one team's
    mean). Teams share all calls of the row: who is nearer plays no part (see `hypercube`).

    Examples
    --------
    >>> waits = erlang_c(6.0, 30.0, [4, 5]).rows
    >>> waits[["teams", "utilisation", "wait_share", "mean_wait_minutes"]].round(3).values.tolist()
    [[4.0, 0.75, 0.509, 15.283], [5.0, 0.6, 0.236, 3.542]]
    """
    given = {"calls_per_hour": calls_per_hour, "minutes_per_call": minutes_per_call, "teams": teams}
    columns = _columns(given | {"variation": variation}, within_minutes, quantiles)
    calls, minutes, servers = (columns[name] for name in given)
    load = calls * minutes / 60.0
    _check_load(load, servers)
    waiting = np.empty(len(load))
    fill_erlang_c(servers.astype(np.int64), load, waiting)
    delay = minutes / (servers - load) * (1.0 + columns["variation"] ** 2) / 2.0
    rows = pd.DataFrame(columns | {"teams": servers.astype(np.int64)})
    rows["load_erlangs"] = load
    rows["utilisation"] = load / servers
    rows["wait_share"] = waiting
    rows["mean_wait_minutes"] = waiting * delay
    for q in quantiles:
        rows[f"wait_p{100 * q:g}_minutes"] = _quantile(waiting, delay, q)
    for limit in within_minutes:
        rows[f"within_{limit:g}_minutes_share"] = 1.0 - waiting * _survival(limit, delay)
    rows["approximate"] = columns["variation"] != 1.0
    return Table(
        "Waiting for a team",
        rows,
        notes=("calls at random, first come first served; approximate where variation is not 1 (M/G/c)",),
        provenance={"method": "Erlang C", "approximation": "Lee and Longton 1959 where variation is not 1"},
    )


def _quantile(waiting: Floats, delay: Floats, q: float) -> Floats:
    """Return the wait that a share q of all calls does not exceed: 0 up to the share that does not wait."""
    # log(waiting / (1 - q)) below 0 means that fewer than 1 - q wait at all.
    return np.maximum(np.log(np.maximum(waiting, np.finfo(float).tiny) / (1.0 - q)), 0.0) * delay


def _survival(limit: float, delay: Floats) -> Floats:
    """Return the share of those who wait that wait longer than the limit."""
    # Minutes that never vary and no delay: nobody waits longer.
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(delay > 0, np.exp(-limit / delay), 0.0)


def _columns(
    given: dict[str, ArrayLike], within_minutes: Sequence[float], quantiles: Sequence[float]
) -> dict[str, Floats]:
    try:
        arrays = np.broadcast_arrays(*(np.asarray(value, np.float64) for value in given.values()))
    except (ValueError, TypeError) as error:
        raise ModelError(f"the arguments do not go together: {error}", "numbers, or arrays of one length") from error
    columns = {name: np.atleast_1d(array).ravel().astype(np.float64) for name, array in zip(given, arrays, strict=True)}
    problems = Problems()
    for name, column in columns.items():
        least = 0.0 if name == "variation" else np.nextafter(0.0, 1.0)
        good = np.isfinite(column) & (column >= least)
        if name == "teams":
            good &= (column == np.floor(column)) & (column <= MOST_TEAMS)
        needed = {"teams": f"a whole number from 1 to {MOST_TEAMS:,}", "variation": "a number >= 0"}
        for row in np.flatnonzero(~good):
            problems.add(f"{name} in row {row} is {column[row]:g}", needed.get(name, "a finite number > 0"))
    for limit in within_minutes:
        problems.check(np.isfinite(limit) and limit >= 0, f"within_minutes has {limit}", "minutes >= 0")
    for q in quantiles:
        problems.check(0 <= q < 1, f"quantiles has {q}", "a number in [0, 1)")
    problems.raise_as(ModelError)
    return columns


def _check_load(load: Floats, teams: Floats) -> None:
    problems = Problems()
    for row in np.flatnonzero(load >= teams):
        problems.add(
            f"row {row}: {teams[row]:g} teams would fall behind for ever, with work for {load[row]:,.4g}",
            f"more than {load[row]:,.4g} teams were needed",
            f"give at least {int(np.floor(load[row])) + 1}, or fewer or shorter calls",
        )
    problems.raise_as(ModelError)
