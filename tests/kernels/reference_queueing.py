"""The slow, obvious twins of `kernels.queueing`."""

from __future__ import annotations

from fractions import Fraction
from math import factorial

import numpy as np


def erlang_c(servers, load):
    """Probability of waiting, from its definition in exact fractions."""
    a = Fraction(load)
    last = a**servers / factorial(servers) * servers / (servers - a)
    return float(last / (sum(a**k / factorial(k) for k in range(servers)) + last))


def exact_hypercube(rate, service, preference):
    """Busy shares and dispatch shares from the 2**units states of the Markov chain; calls that find all busy are lost."""
    atoms, units = preference.shape
    states = 2**units
    flow = np.zeros((states, states))
    first_free = np.empty((states, atoms), int)
    for state in range(states - 1):
        for atom in range(atoms):
            unit = next(u for u in preference[atom] if not state >> u & 1)
            first_free[state, atom] = unit
            flow[state, state | 1 << unit] += rate[atom]
    for state in range(states):
        for unit in range(units):
            if state >> unit & 1:
                flow[state, state & ~(1 << unit)] += 1.0 / service
    balance = flow.T - np.diag(flow.sum(axis=1))
    balance[0] = 1.0
    chance = np.linalg.solve(balance, np.eye(states)[0])
    busy = np.array([sum(chance[s] for s in range(states) if s >> u & 1) for u in range(units)])
    sent = np.zeros((atoms, units))
    for state in range(states - 1):
        sent[np.arange(atoms), first_free[state]] += chance[state]
    return busy, sent
