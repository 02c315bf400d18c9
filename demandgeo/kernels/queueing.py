"""Queues of teams: Erlang's formulas, and Larson's approximation of who answers which call."""

from __future__ import annotations

import numpy as np

from demandgeo.kernels import inner_kernel, kernel


@inner_kernel
def erlang_b(servers, load):
    """Return the share of calls that find all servers busy and are lost (Erlang's recursion, which is stable)."""
    lost = 1.0
    for c in range(1, servers + 1):
        lost = load * lost / (c + load * lost)
    return lost


@kernel
def fill_erlang_c(servers, load, out_waiting):
    """Fill the probability that a call has to wait, M/M/c; 1 where the load (in busy servers) is not below c."""
    for i in range(servers.size):
        if load[i] >= servers[i]:
            out_waiting[i] = 1.0
        else:
            lost = erlang_b(servers[i], load[i])
            busy = load[i] / servers[i]
            out_waiting[i] = lost / (1.0 - busy + busy * lost)


@inner_kernel
def _corrections(units, load, correction):
    """Fill Larson's factors Q(k), k = 0..units - 1, for calls that are lost when all units are busy.

    Q(k) mends the product of busy shares for the fact that units are busy together: the probability that k units drawn
    at random are busy and the next is free is Q(k) r^k (1 - r), r the mean busy share.
    """
    # State probabilities of M/M/units/units, scaled by the greatest to stay within float64.
    state = np.empty(units + 1)
    state[0] = 1.0
    for n in range(1, units + 1):
        state[n] = state[n - 1] * load / n
    total = state.sum()
    busy = load * (1.0 - state[units] / total) / units
    for k in range(units):
        # Drawn in turn without replacement: k busy, then a free one.
        share = 0.0
        for n in range(k, units):
            chance = state[n] / total
            for j in range(k):
                chance *= (n - j) / (units - j)
            share += chance * (units - n) / (units - k)
        correction[k] = share / (busy**k * (1.0 - busy))
    return busy


@kernel
def hypercube(rate, service, preference, tolerance, most, out_busy, out_sent):
    """Fill the busy share of each unit, and the share of each atom's calls that each unit answers; return the rounds.

    Larson (1975), "Approximating the performance of urban emergency service systems", Operations Research 23:845,
    with calls lost (or answered from elsewhere) when all are busy. `rate` [atoms]: calls per hour; `service`: hours
    per call; `preference` [atoms, units]: the units in order of dispatch. Ends when no busy share moves by more than
    `tolerance`, at the latest after `most` rounds. What the rows of out_sent lack to 1 is lost.
    """
    atoms, units = preference.shape
    correction = np.empty(units)
    load = rate.sum() * service
    start = _corrections(units, load, correction)
    out_busy[:] = start
    lost = 1.0 - start * units / load if load > 0 else 0.0
    arriving, next_busy = np.empty(units), np.empty(units)
    for turn in range(most):
        arriving[:] = 0.0
        for a in range(atoms):
            reach = rate[a]
            for k in range(units):
                unit = preference[a, k]
                arriving[unit] += reach * correction[k]
                reach *= out_busy[unit]
        total = 0.0
        for u in range(units):
            next_busy[u] = service * arriving[u] / (1.0 + service * arriving[u])
            total += next_busy[u]
        moved = 0.0
        for u in range(units):
            # The mean busy share is known exactly (Erlang): without scaling to it the rounds drift.
            value = next_busy[u] * start * units / total if total > 0 else 0.0
            moved = max(moved, abs(value - out_busy[u]))
            out_busy[u] = value
        if moved <= tolerance:
            break
    for a in range(atoms):
        reach, answered = 1.0, 0.0
        out_sent[a, :] = 0.0
        for k in range(units):
            unit = preference[a, k]
            out_sent[a, unit] = correction[k] * reach * (1.0 - out_busy[unit])
            answered += out_sent[a, unit]
            reach *= out_busy[unit]
        for u in range(units):
            out_sent[a, u] *= (1.0 - lost) / answered
    return turn + 1
