"""Slow, obvious twins of the queueing kernels."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from mpmath import mp, mpf


def erlang_b(teams: int, load: float) -> float:
    """a^c / c! over the sum of a^k / k!, in exact fractions."""
    a, term, total = Fraction(load), Fraction(1), Fraction(1)
    for k in range(1, teams + 1):
        term *= a / k
        total += term
    return float(term / total)


def erlang_c(teams: int, load: float) -> float:
    """The closed form in exact fractions."""
    a = Fraction(load)
    if a >= teams:
        return 1.0
    term, total = Fraction(1), Fraction(0)
    for k in range(teams):
        total += term
        term *= a / (k + 1)
    last = term * teams / (teams - a)
    return float(last / (total + last))


def erlang_c_large(teams: int, load: float) -> float:
    """The same by the incomplete gamma function with 60 digits: B = a^c e^-a / Gamma(c + 1, a)."""
    with mp.workdps(60):
        a, c = mpf(load), mpf(teams)
        lost = mp.exp(c * mp.log(a) - a - mp.loggamma(c + 1)) / mp.gammainc(c + 1, a, mp.inf, regularized=True)
        return float(c * lost / (c - a + a * lost))


def busy_distribution(load: float, teams: int, queue: bool) -> np.ndarray:
    weights = [math.exp(k * math.log(load) - math.lgamma(k + 1)) for k in range(teams + 1)]
    if queue:
        weights[-1] *= sum((load / teams) ** i for i in range(100_000))
    return np.array(weights) / math.fsum(weights)


def hypercube(arrivals, preferences, service) -> tuple[np.ndarray, np.ndarray]:
    """State probabilities of the loss system and dispatch shares, from the whole matrix of rates."""
    areas, teams = preferences.shape
    states = 2**teams
    rates = np.zeros((states, states))
    first = np.full((states, areas), -1)
    for state in range(states):
        for area in range(areas):
            free = [team for team in preferences[area] if not state >> team & 1]
            if free:
                first[state, area] = free[0]
                rates[state, state | 1 << free[0]] += arrivals[area]
        for team in range(teams):
            if state >> team & 1:
                rates[state, state ^ 1 << team] += service
    balance = (rates - np.diag(rates.sum(axis=1))).T
    balance[0] = 1.0
    probability = np.linalg.solve(balance, np.eye(states)[0])
    sent = np.zeros((areas, teams))
    for state in range(states - 1):
        for area in range(areas):
            sent[area, first[state, area]] += probability[state]
    return probability, sent


def corrections(busy) -> np.ndarray:
    """Larson's Q by counting subsets: C(N - j - 1, k - j) of C(N, k) hold j given teams and leave out the next."""
    teams = len(busy) - 1
    mean = sum(k * part for k, part in enumerate(busy)) / teams
    return np.array(
        [
            sum(busy[k] * math.comb(teams - j - 1, k - j) / math.comb(teams, k) for k in range(j, teams))
            / (mean**j * (1 - mean))
            for j in range(teams)
        ]
    )


def approximate(arrivals, preferences, factors, service, queued, mean) -> tuple[np.ndarray, np.ndarray]:  # noqa: PLR0917
    areas, teams = preferences.shape
    busy = np.full(teams, mean)
    for _ in range(2000):
        last = busy
        asked = np.zeros(teams)
        for area in range(areas):
            before = np.concatenate([[1.0], np.cumprod(busy[preferences[area]])[:-1]])
            asked[preferences[area]] += arrivals[area] * factors * before
        busy = (asked + queued) / (service + asked)
        busy *= mean * teams / busy.sum()
        if np.abs(busy - last).max() < 1e-14:
            break
    sent = np.zeros((areas, teams))
    for area in range(areas):
        order = preferences[area]
        before = np.concatenate([[1.0], np.cumprod(busy[order])[:-1]])
        sent[area, order] = factors * before * (1 - busy[order])
    return busy, sent


def _conditional(team, busy, free, members, states, log_odds, *, tilt, weight) -> float:  # noqa: PLR0917
    """How likely a team is busy, given sets of teams known busy and free: from its neighbourhood's states."""
    own = members[team].tolist()
    both = known = seen = 0.0
    for state, probability in enumerate(states[team]):
        on = {m for i, m in enumerate(own) if state >> i & 1}
        if busy & set(own) <= on and not on & free:
            known += probability
            both += probability * (team in on)
    assert known > 0
    seen = log_odds[len(busy), 1] - log_odds[len(busy & set(own)), len(free & set(own))]
    odds = both / (known - both) * math.exp(tilt + weight * seen)
    return odds / (1 + odds)


def _passed(area, team, preferences, group, *given, **settings) -> tuple[set, float]:
    """The members asked before a team, and the product of the chances of the outsiders asked before it."""
    order = preferences[area].tolist()
    before = order[: order.index(team)]
    inside, chance = set(before) & group, 1.0
    busy = set(inside)
    for other in before:
        if other not in group:
            chance *= _conditional(other, busy, {team}, *given, **settings)
            busy.add(other)
    return inside, chance


def neighbourhood(team, arrivals, preferences, service, *given, **settings) -> tuple[np.ndarray, np.ndarray]:
    """States of one neighbourhood from the whole matrix of rates, and the shares that its own team answers.

    `given` are the members, the states of the round before and the log-odds of teams that are alike.
    """
    own = given[0][team].tolist()
    n = 2 ** len(own)
    rates, answered = np.zeros((n, n)), []
    for area in range(len(arrivals)):
        for i, member in enumerate(own):
            inside, chance = _passed(area, member, preferences, set(own), *given, **settings)
            asked = sum(1 << own.index(m) for m in inside)
            for state in range(n):
                if state & asked == asked and not state >> i & 1:
                    rates[state, state | 1 << i] += arrivals[area] * chance
            if member == team:
                answered.append((asked, chance))
    for state in range(n):
        for i in range(len(own)):
            if state >> i & 1:
                rates[state, state ^ 1 << i] = service
    balance = (rates - np.diag(rates.sum(axis=1))).T
    balance[0] = 1.0
    last = given[1][team]
    shares = [chance * sum(last[s] for s in range(n) if s & asked == asked and not s & 1) for asked, chance in answered]
    return np.linalg.solve(balance, np.eye(n)[0]), np.array(shares)
