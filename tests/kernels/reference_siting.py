"""The slow, obvious twins of `kernels.siting`."""

from __future__ import annotations

import itertools

import numpy as np


def choices(state, size):
    """Every set of `size` sites that opens those that must be open and none that must not."""
    must, free = np.flatnonzero(state == 1), np.flatnonzero(state == 0)
    for rest in itertools.combinations(free.tolist(), size - must.size) if size >= must.size else ():
        yield np.sort(np.r_[must, np.array(rest, int)])


def total(cost, chosen):
    """What a choice costs."""
    return cost[chosen].min(axis=0).sum()


def ranked(cost, state, size):
    """Every choice, the cheapest first."""
    return sorted(((total(cost, chosen), chosen.tolist()) for chosen in choices(state, size)), key=lambda pair: pair[0])


def greedy(cost, state, size):
    """Add the site that lowers the total most, the first of equals."""
    chosen = np.flatnonzero(state == 1).tolist()
    while len(chosen) < size:
        options = [j for j in range(len(cost)) if j not in chosen and state[j] != -1]
        chosen.append(min(options, key=lambda j: total(cost, [*chosen, j])))
    return chosen


def best_swap(cost, state, chosen):
    """The total after the best single swap (or none)."""
    totals = [total(cost, chosen)]
    for out, new in itertools.product(chosen, range(len(cost))):
        if state[out] != 1 and state[new] != -1 and new not in chosen:
            totals.append(total(cost, [new if site == out else site for site in chosen]))
    return min(totals)


def dual_bound(cost, state, size, price):
    """What prices of the points prove."""
    reduced = np.minimum(cost - price, 0.0).sum(axis=1)
    must, free = np.flatnonzero(state == 1), np.flatnonzero(state == 0)
    return price.sum() + reduced[must].sum() + np.sort(reduced[free])[: size - must.size].sum()


def cut_value(costs, opened, level):
    """Value at opened sites of the cut of one point at a cost level."""
    return level - (np.maximum(level - costs, 0.0) * opened).sum()
