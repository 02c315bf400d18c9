"""Larson's hypercube for any number of teams: each team with its neighbours exactly, the others as they see theirs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import expit, gammaln, logit, logsumexp

from demandgeo.domain.record import Floats, Integers
from demandgeo.errors import ModelError
from demandgeo.kernels import neighbourhoods, queueing

MEMBERS = 9
"""Teams solved together, 512 states: 0.016 at most from the exact workloads of 10 to 12 teams; 0.024 with 8 members."""

WEIGHT = 0.75
"""Of what the number of busy teams says about one outside. All of it: 0.023 where this leaves 0.016 (10 to 12 teams).
None of it: 0.079 where this leaves 0.049 (40 teams around three centres, 90 % busy, 8 members)."""

REACH = 1e-4
"""Share of an area's calls that find all teams of earlier ranks busy, below which later ranks are not asked."""

MOST_ROUNDS, SETTLED = 200, 1e-5
MOST_SWEEPS, TOLERANCE = 10_000, 1e-8
BALANCINGS = 30


class _Start(NamedTuple):
    """Independent teams: how busy, which neighbourhoods, how far areas ask, and the distribution of the number busy."""

    busy: Floats
    members: Integers
    reach: Integers
    states: Floats


def lost_calls(arrivals: Floats, preferences: Integers, service: float) -> tuple[Floats, Floats]:
    """Return workloads [teams] and dispatch shares [areas, teams] of teams without a queue.

    Each round solves every neighbourhood with what the last round knows of the teams outside, and scales the workloads
    to their exact total.

    Raises
    ------
    ModelError
        If the rounds do not settle.
    """
    teams = preferences.shape[1]
    start = _independent(arrivals, preferences, service)
    total = float(start.states @ np.arange(teams + 1))
    fixed = start.reach, start.members
    log_odds = _log_odds(float(arrivals.sum()) / service, teams)
    states = _products(start.busy[start.members])
    patterns = np.empty((teams, 3 ** start.members.shape[1]))
    busy, found, tilt = start.busy, np.empty(teams), 0.0
    for _ in range(MOST_ROUNDS):
        neighbourhoods.fill_patterns(states, patterns)
        neighbourhoods.solve_neighbourhoods(
            arrivals, preferences, *fixed, patterns, log_odds, tilt, WEIGHT, service, MOST_SWEEPS, TOLERANCE, states,
            found,
        )  # fmt: skip
        tilt = _tilt(found, total)
        last, busy = busy, expit(logit(found) + tilt)
        if np.abs(busy - last).max() <= SETTLED:
            break
    else:
        raise ModelError(
            f"the approximation did not settle in {MOST_ROUNDS} rounds",
            "calls that spread over the teams",
            "write method: simulated",
        )
    neighbourhoods.fill_patterns(states, patterns)
    sent = np.empty(preferences.shape[::-1])
    neighbourhoods.share_neighbourhoods(preferences, *fixed, patterns, log_odds, tilt, WEIGHT, sent)
    return _balanced(np.ascontiguousarray(sent.T), arrivals / service, busy, float(start.states[-1]))


def _independent(arrivals: Floats, preferences: Integers, service: float) -> _Start:
    """Start from Larson's approximation of 1975, in which teams are busy independently but for their number."""
    teams = preferences.shape[1]
    states, corrections = np.empty(teams + 1), np.empty(teams)
    queueing.fill_busy_distribution(arrivals.sum() / service, teams, 0, states)
    queueing.fill_corrections(states, corrections)
    mean = float(states @ np.arange(teams + 1)) / teams
    busy, sent = np.empty(teams), np.empty(preferences.shape)
    queueing.approximate_hypercube(
        arrivals, preferences, corrections, service, 0.0, mean, MOST_ROUNDS, SETTLED, busy, sent
    )
    asked = np.take_along_axis(sent, preferences, axis=1) / (1.0 - busy[preferences])
    reach = np.maximum((asked > REACH).sum(axis=1), 1)
    together = np.empty((teams, teams))
    neighbourhoods.fill_interactions(asked * arrivals[:, None], preferences, reach, together)
    np.fill_diagonal(together, np.inf)
    members = np.argsort(-together, axis=1, kind="stable")[:, :MEMBERS]
    return _Start(busy, np.ascontiguousarray(members, np.int64), reach, states)


def _products(busy: Floats) -> Floats:
    """Return the states of independent teams, [teams, 2^members]."""
    states = np.ones((len(busy), 1))
    for member in busy.T[:, :, None]:
        states = np.hstack([states * (1.0 - member), states * member])
    return states


def _log_odds(load: float, teams: int) -> Floats:
    """Return [teams, 2]: with q teams known busy and f known free, the log-odds that another is, all teams alike.

    k busy teams hold q given ones and leave f given ones out with probability C(N - q - f, k - q) / C(N, k).
    """
    k = np.arange(teams + 1.0)[:, None]
    log_states = k * np.log(load) - gammaln(k + 1) - _log_choose(teams, k)

    def known(busy: Floats, free: int) -> Floats:
        ways = np.where((k >= busy) & (k <= teams - free), _log_choose(teams - busy - free, k - busy), -np.inf)
        log_known: Floats = logsumexp(log_states + ways, axis=0)
        return log_known

    odds = np.zeros((teams, 2))
    for free in range(2):
        busy = np.arange(teams - free, dtype=np.float64)
        odds[: len(busy), free] = known(busy + 1, free) - known(busy, free + 1)
    return odds


def _log_choose(n: Floats | int, k: Floats) -> Floats:
    k = np.clip(k, 0, n)
    found: Floats = gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0)
    return found


def _tilt(busy: Floats, total: float) -> float:
    """Return what added to the log-odds of all teams makes their workloads sum to the exact total."""
    low, high, odds = -50.0, 50.0, logit(busy)
    while high - low > 1e-14 * max(abs(low), abs(high), 1.0):
        middle = (low + high) / 2.0
        low, high = (middle, high) if expit(odds + middle).sum() < total else (low, middle)
    return (low + high) / 2.0


def _balanced(sent: Floats, load: Floats, busy: Floats, all_busy: float) -> tuple[Floats, Floats]:
    """Scale shares by turns to the workloads, and to the share of each area's calls that finds a team free.

    The latter is exact, and what is returned as workload is what the shares bring.
    """
    for _ in range(BALANCINGS):
        brought = load @ sent
        sent *= np.divide(busy, brought, out=np.ones(len(busy)), where=brought > 0)
        sent *= (1.0 - all_busy) / sent.sum(axis=1, keepdims=True)
    return load @ sent, sent
