"""Queues: how likely a call waits for a team, and how busy each team of several is (Larson's hypercube)."""

from __future__ import annotations

import numba
import numpy as np

from demandgeo.kernels import inner_kernel, kernel, parallel_kernel
from demandgeo.kernels.chance import uniform


@inner_kernel
def erlang_b(teams, load):
    """Return Erlang's B: the share of calls lost by `teams` without a queue, offered `load` erlangs.

    Recursion B(k) = a B(k-1) / (k + a B(k-1)) from B(0) = 1: sums and products of positive numbers, and an error in
    B(k-1) is made smaller by k / (k + a B(k-1)), so no step loses digits.
    """
    lost = 1.0
    for k in range(1, teams + 1):
        lost = load * lost / (k + load * lost)
    return lost


@inner_kernel
def erlang_c(teams, load):
    """Return Erlang's C: the share of calls that wait, 1 from saturation (load >= teams) on."""
    if load >= teams:
        return 1.0
    lost = erlang_b(teams, load)
    # (c - a) is exact near saturation, where 1 - rho (1 - B) would cancel.
    return teams * lost / ((teams - load) + load * lost)


@kernel
def fill_erlang_b(teams, load, out):
    """Fill out[i] with Erlang's B of teams[i] teams, offered load[i] erlangs."""
    for i in range(load.size):
        out[i] = erlang_b(teams[i], load[i])


@kernel
def fill_erlang_c(teams, load, out):
    """Fill out[i] with Erlang's C of teams[i] teams, offered load[i] erlangs."""
    for i in range(load.size):
        out[i] = erlang_c(teams[i], load[i])


@kernel
def fill_busy_distribution(load, teams, queue, out):
    """Fill out[k] with the probability that k of `teams` teams are busy, k = 0..teams, offered `load` erlangs.

    Parameters
    ----------
    load
        Erlangs; below `teams` if `queue`.
    teams
        Teams, >= 1.
    queue
        1 if calls wait when all are busy (out[teams] then holds all queue lengths), 0 if they are lost.
    """
    # Outwards from the likeliest state: no term overflows, and all are positive.
    top = min(int(load), teams)
    out[top] = 1.0
    for k in range(top, 0, -1):
        out[k - 1] = out[k] * k / load
    for k in range(top + 1, teams + 1):
        out[k] = out[k - 1] * load / k
    if queue == 1:
        out[teams] *= teams / (teams - load)
    total = 0.0
    for k in range(teams + 1):
        total += out[k]
    for k in range(teams + 1):
        out[k] /= total


@kernel
def fill_dispatch_rates(arrivals, preferences, out):
    """Fill out[s, n] with the rate of calls for which state s sends team n; bit n of s says that team n is busy.

    Parameters
    ----------
    arrivals
        float64 [areas], calls per unit of time.
    preferences
        int64 [areas, teams]: the teams in the order in which an area asks for them.
    """
    teams = preferences.shape[1]
    out[:] = 0.0
    for state in range(out.shape[0] - 1):
        for area in range(arrivals.size):
            for rank in range(teams):
                team = preferences[area, rank]
                if state >> team & 1 == 0:
                    out[state, team] += arrivals[area]
                    break


@inner_kernel
def balance_states(rates, service, most_sweeps, tolerance, out):
    """Do what `solve_hypercube` does, from the probabilities that `out` holds."""
    states, teams = rates.shape
    for sweep in range(most_sweeps):
        change = 0.0
        for step in range(2 * states):
            state = step if step < states else 2 * states - 1 - step
            gain = 0.0
            loss = 0.0
            for team in range(teams):
                other = state ^ (1 << team)
                if state >> team & 1:
                    gain += out[other] * rates[other, team]
                    loss += service
                else:
                    gain += out[other] * service
                    loss += rates[state, team]
            found = gain / loss
            if found > 0.0:
                change = max(change, abs(found - out[state]) / found)
            out[state] = found
        total = 0.0
        for state in range(states):
            total += out[state]
        for state in range(states):
            out[state] /= total
        if change <= tolerance:
            return sweep + 1
    return most_sweeps


@kernel
def solve_hypercube(rates, service, most_sweeps, tolerance, out):
    """Fill out[s] with the probability of each state of the loss system, and return the sweeps that were needed.

    Gauss-Seidel on the balance of each state, once up and once down through the states: s stands before s with one
    team more, so that a sweep carries probability through every level.

    Parameters
    ----------
    rates
        float64 [2^teams, teams], see `fill_dispatch_rates`.
    service
        Calls that a busy team ends per unit of time.
    most_sweeps, tolerance
        Stops when no probability changes by more than `tolerance` of itself; returns `most_sweeps` if that never is.
    """
    out[:] = 1.0 / out.size
    return balance_states(rates, service, most_sweeps, tolerance, out)


@kernel
def fill_shares(probability, preferences, out):
    """Fill out[area, n] with the share of the area's calls that find team n the first free one.

    Parameters
    ----------
    probability
        float64 [2^teams], of each state; bit n says that team n is busy.
    preferences
        int64 [areas, teams].
    """
    out[:] = 0.0
    for area in range(preferences.shape[0]):
        for state in range(probability.size - 1):
            for rank in range(preferences.shape[1]):
                team = preferences[area, rank]
                if state >> team & 1 == 0:
                    out[area, team] += probability[state]
                    break


@kernel
def fill_corrections(busy, out):
    """Fill out[j] with Larson's Q: how much likelier than for independent teams j are busy and the next is free.

    Of k busy teams among N, j drawn without replacement are all busy and one more is free with probability
    prod_{i<j} (k - i) / (N - i) x (N - k) / (N - j); independent teams have r^j (1 - r), r the mean share busy.

    Parameters
    ----------
    busy
        float64 [N + 1], see `fill_busy_distribution`.
    """
    teams = busy.size - 1
    mean = 0.0
    for k in range(teams + 1):
        mean += busy[k] * k / teams
    for j in range(teams):
        found = 0.0
        for k in range(j, teams):
            part = busy[k] * (teams - k) / (teams - j)
            for i in range(j):
                part *= (k - i) / (teams - i)
            found += part
        out[j] = found / (mean**j * (1.0 - mean))


@kernel
def approximate_hypercube(
    arrivals, preferences, corrections, service, queued, mean, most_rounds, tolerance, out_busy, out_sent
):
    """Fill workloads and dispatches by Larson's approximation (1975), and return the rounds it took.

    Parameters
    ----------
    arrivals
        float64 [areas], calls per unit of time.
    preferences
        int64 [areas, teams].
    corrections
        float64 [teams], see `fill_corrections`.
    service
        Calls that a busy team ends per unit of time.
    queued
        Calls per unit of time that a team takes from the queue (0 if calls are lost).
    mean
        The mean workload, which is known exactly: without scaling to it the rounds drift.
    most_rounds, tolerance
        Stops when no workload changes by more than `tolerance`; returns `most_rounds` if that never is.
    out_busy
        float64 [teams]: share of its time that a team is busy.
    out_sent
        float64 [areas, teams]: share of an area's calls that find the team the first free one.
    """
    teams = preferences.shape[1]
    asked = np.empty(teams)
    rounds = most_rounds
    out_busy[:] = mean
    for done in range(most_rounds):
        asked[:] = 0.0
        for area in range(arrivals.size):
            busy = 1.0
            for rank in range(teams):
                team = preferences[area, rank]
                asked[team] += arrivals[area] * corrections[rank] * busy
                busy *= out_busy[team]
        total = 0.0
        for team in range(teams):
            asked[team] = (asked[team] + queued) / (service + asked[team])
            total += asked[team]
        change = 0.0
        for team in range(teams):
            found = asked[team] * mean * teams / total
            change = max(change, abs(found - out_busy[team]))
            out_busy[team] = found
        if change <= tolerance:
            rounds = done + 1
            break
    for area in range(arrivals.size):
        busy = 1.0
        for rank in range(teams):
            team = preferences[area, rank]
            out_sent[area, team] = corrections[rank] * busy * (1.0 - out_busy[team])
            busy *= out_busy[team]
    return rounds


@inner_kernel
def _caller(cumulative, draw):
    """Return the area whose part of the running sums holds the draw."""
    low, high = 0, cumulative.size - 1
    while low < high:
        middle = (low + high) // 2
        if draw < cumulative[middle]:
            high = middle
        else:
            low = middle + 1
    return low


@inner_kernel
def _first_free(preferences, area, busy):
    rank = 0
    while busy[preferences[area, rank]] == 1:
        rank += 1
    return preferences[area, rank]


@inner_kernel
def _nth_busy(busy, nth):
    team = -1
    while nth >= 0:
        team += 1
        nth -= busy[team]
    return team


@inner_kernel
def _count_time(busy, lasts, out):
    """Add the time that a state lasts to each busy team, and to the last place if all are busy."""
    free = 0
    for team in range(busy.size):
        out[team] += busy[team] * lasts
        free += 1 - busy[team]
    if free == 0:
        out[busy.size] += lasts


@inner_kernel
def _replicate(cumulative, preferences, service, queue, warm, events, seed, replicate, out_busy, out_sent):
    areas, teams = preferences.shape
    arrivals = cumulative[areas - 1]
    busy = np.zeros(teams, np.int64)
    count, waiting, calls, elapsed = 0, 0, 0, 0.0
    for event in range(warm + events):
        rate = arrivals + service * count
        draw = uniform(seed, replicate, event) * rate
        called = draw < arrivals
        if event >= warm:
            elapsed += 1.0 / rate
            calls += called
            _count_time(busy, 1.0 / rate, out_busy)
        if called and count == teams:
            waiting += queue
        elif called:
            area = _caller(cumulative, draw)
            team = _first_free(preferences, area, busy)
            busy[team] = 1
            count += 1
            out_sent[area * teams + team] += event >= warm
        elif waiting > 0:
            waiting -= 1
        else:
            # Rounding may put the last draw a hair beyond the last busy team.
            busy[_nth_busy(busy, min(int((draw - arrivals) / service), count - 1))] = 0
            count -= 1
    for place in range(teams + 1):
        out_busy[place] /= elapsed
    for place in range(areas * teams):
        out_sent[place] /= max(calls, 1)


@parallel_kernel
def simulate_hypercube(cumulative, preferences, service, queue, warm, events, seed, out_busy, out_sent):
    """Simulate the hypercube: replicate r fills row r of both outputs, with chance of its own.

    States follow each other by chance; the time that each lasts is its mean, which adds no chance of its own.

    Parameters
    ----------
    cumulative
        float64 [areas], running sums of calls per unit of time.
    preferences
        int64 [areas, teams].
    service
        Calls that a busy team ends per unit of time.
    queue
        1 if calls wait when all teams are busy, 0 if they are lost.
    warm, events
        Events before counting starts, and events counted.
    seed
        Of the draws.
    out_busy
        float64 [replicates, teams + 1], zeros: share of the time that each team is busy, and that all are.
    out_sent
        float64 [replicates, areas x teams], zeros: share of all calls that come from an area and find the team the
        first free one.
    """
    for row in numba.prange(out_busy.shape[0]):
        _replicate(cumulative, preferences, service, queue, warm, events, seed, row, out_busy[row], out_sent[row])
