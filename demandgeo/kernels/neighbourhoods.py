"""The hypercube of many teams by neighbourhoods: each team with those it shares most calls with, solved exactly.

A neighbourhood's states are those of its teams (bit i: member i is busy). A call that asks for a team outside first
reaches the members only if that one is busy: how likely that is, given what is known of the others, is looked up in
the outsider's own neighbourhood.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from demandgeo.kernels import inner_kernel, kernel, parallel_kernel
from demandgeo.kernels.queueing import balance_states

_FREE, _BUSY, _UNKNOWN = 0, 1, 2


@kernel
def fill_interactions(asked, preferences, reach, out):
    """Fill out[n, m] with the calls that ask for both teams one after the other, [teams, teams].

    Parameters
    ----------
    asked
        float64 [areas, teams]: calls of an area that come to the team of each rank, per unit of time.
    preferences
        int64 [areas, teams].
    reach
        int64 [areas]: how many ranks count.
    """
    out[:] = 0.0
    for area in range(reach.size):
        for later in range(reach[area]):
            for rank in range(later):
                one, other = preferences[area, rank], preferences[area, later]
                out[one, other] += asked[area, later]
                out[other, one] += asked[area, later]


@parallel_kernel
def fill_patterns(states, out):
    """Fill out[team, pattern] with the probability of what is known of its neighbourhood.

    Parameters
    ----------
    states
        float64 [teams, 2^members].
    out
        float64 [teams, 3^members]: digit i of a pattern to base 3 says that member i is free (0), busy (1) or unknown.
    """
    members = round(math.log2(states.shape[1]))
    for team in numba.prange(states.shape[0]):
        for state in range(states.shape[1]):
            pattern, unit = 0, 1
            for member in range(members):
                pattern += unit * (state >> member & 1)
                unit *= 3
            out[team, pattern] = states[team, state]
        # Digit by digit: both parts of an unknown are there before it.
        unit = 1
        for _ in range(members):
            for pattern in range(2 * unit, out.shape[1]):
                if pattern // unit % 3 == _UNKNOWN:
                    out[team, pattern] = out[team, pattern - unit] + out[team, pattern - 2 * unit]
            unit *= 3


@inner_kernel
def _chance_busy(team, busy, known, members, patterns, log_odds, tilt, weight):
    """Return how likely a team is busy, with `busy` teams known to be busy and one known to be free.

    What its own neighbourhood has seen counts in full; teams beyond it count by their number, as log-odds of teams that
    are alike (`weight` of it: some of that is known from the neighbours).
    """
    pattern, unit, seen_busy, seen_free = _UNKNOWN, 3, 0, 0
    for i in range(1, members.shape[1]):
        state = known[members[team, i]]
        pattern += unit * state
        unit *= 3
        seen_busy += state == _BUSY
        seen_free += state == _FREE
    whole = patterns[team, pattern]
    if whole <= 0.0:
        # What never happens in the neighbourhood says nothing: the team by itself.
        pattern, seen_busy, seen_free = patterns.shape[1] - 1, 0, 0
        whole = patterns[team, pattern]
    chance = patterns[team, pattern - 1] / whole
    odds = math.exp(tilt + weight * (log_odds[busy, 1] - log_odds[seen_busy, seen_free]))
    return chance * odds / (1.0 - chance + chance * odds)


@inner_kernel
def _pass_outsiders(order, rank, place, known, members, patterns, log_odds, tilt, weight):
    """Return how likely a call passes the outsiders before a rank, the members before it busy and its own team free."""
    busy, chance = 0, 1.0
    for before in range(rank):
        if place[order[before]] >= 0:
            known[order[before]] = _BUSY
            busy += 1
    known[order[rank]] = _FREE
    for before in range(rank):
        team = order[before]
        if place[team] < 0:
            chance *= _chance_busy(team, busy, known, members, patterns, log_odds, tilt, weight)
            known[team] = _BUSY
            busy += 1
    for before in range(rank + 1):
        known[order[before]] = _UNKNOWN
    return chance


@inner_kernel
def _places(team, members, teams):
    """Return the place of each team in a neighbourhood, -1 outside."""
    place = np.full(teams, -1)
    for i in range(members.shape[1]):
        place[members[team, i]] = i
    return place


@inner_kernel
def _solve(
    team, arrivals, preferences, reach, members, patterns, log_odds, tilt, weight, service, most_sweeps, tolerance, out
):
    size, teams = members.shape[1], preferences.shape[1]
    place, known = _places(team, members, teams), np.full(teams, _UNKNOWN)
    rates = np.zeros((out.size, size))
    for area in range(arrivals.size):
        before, order = 0, preferences[area]
        for rank in range(reach[area]):
            i = place[order[rank]]
            if i >= 0:
                passed = _pass_outsiders(order, rank, place, known, members, patterns, log_odds, tilt, weight)
                rates[before, i] += arrivals[area] * passed
                before |= 1 << i
    # rates[s, i] holds the calls with exactly the members of s before i; summed over the parts of s, what s sends.
    for member in range(size):
        for state in range(out.size):
            if state >> member & 1:
                for i in range(size):
                    rates[state, i] += rates[state ^ 1 << member, i]
    balance_states(rates, service, most_sweeps, tolerance, out)


@parallel_kernel
def solve_neighbourhoods(
    arrivals, preferences, reach, members, patterns, log_odds, tilt, weight, service, most_sweeps, tolerance,
    out_states, out_busy,
):  # fmt: skip
    """Fill the states of each neighbourhood, and the share of its time that its own team is busy.

    Parameters
    ----------
    arrivals
        float64 [areas], calls per unit of time.
    preferences
        int64 [areas, teams].
    reach
        int64 [areas]: how many ranks an area asks at most.
    members
        int64 [teams, members]: each team's neighbourhood, itself first.
    patterns
        float64 [teams, 3^members], of the round before: see `fill_patterns`.
    log_odds
        float64 [teams, 2]: with so many teams busy and none or one free, the log-odds that another is busy, all alike.
    tilt
        Log-odds added for every team outside.
    weight
        Of `log_odds`, 0 to 1.
    service
        Calls that a busy team ends per unit of time.
    most_sweeps, tolerance
        As in `solve_hypercube`.
    out_states
        float64 [teams, 2^members]; on entry a guess.
    out_busy
        float64 [teams].
    """
    for team in numba.prange(members.shape[0]):
        states = out_states[team]
        _solve(
            team, arrivals, preferences, reach, members, patterns, log_odds, tilt, weight, service, most_sweeps,
            tolerance, states,
        )  # fmt: skip
        busy = 0.0
        for state in range(1, states.size, 2):
            busy += states[state]
        out_busy[team] = busy


@inner_kernel
def _share(team, preferences, reach, members, patterns, log_odds, tilt, weight, out):
    teams = preferences.shape[1]
    place, known = _places(team, members, teams), np.full(teams, _UNKNOWN)
    for area in range(out.size):
        order, rank, pattern = preferences[area], 0, patterns.shape[1] - 1 - _UNKNOWN
        while rank < reach[area] and order[rank] != team:
            i = place[order[rank]]
            pattern -= 3**i if i >= 0 else 0
            rank += 1
        out[area] = 0.0
        if rank < reach[area]:
            passed = _pass_outsiders(order, rank, place, known, members, patterns, log_odds, tilt, weight)
            out[area] = passed * patterns[team, pattern]


@parallel_kernel
def share_neighbourhoods(preferences, reach, members, patterns, log_odds, tilt, weight, out):
    """Fill out[team, area] with the share of the area's calls that find the team the first free one.

    Parameters are those of `solve_neighbourhoods`.
    """
    for team in numba.prange(members.shape[0]):
        _share(team, preferences, reach, members, patterns, log_odds, tilt, weight, out[team])
