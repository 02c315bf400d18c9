"""The slow, obvious twins of the kernels of permutation, scan and near repeats."""

from __future__ import annotations

import itertools
import math

import numpy as np


def tails(values, unit, drawn, level):
    """Share of all choices of `drawn` of the other values that sum to at least `level`, and to more."""
    others = np.delete(values, unit).tolist()
    sums = np.array([sum(chosen) for chosen in itertools.combinations(others, int(drawn))])
    return float(np.mean(sums >= level)), float(np.mean(sums > level))


def transforms(values, most, length):
    """Transform of the law of a sum of 0..most values drawn from all, subset by subset."""
    frequency = np.arange(length // 2 + 1)
    sums = ([sum(chosen) for chosen in itertools.combinations(values.tolist(), k)] for k in range(most + 1))
    return np.array([np.exp(-2j * np.pi * np.outer(of_k, frequency) / length).mean(axis=0) for of_k in sums])


def distinct_ids(uniforms, others, most):
    """The first `most` distinct integers that a row of numbers names, in order."""
    named = np.minimum((uniforms * others).astype(int), others - 1).tolist()
    return list(dict.fromkeys(named))[:most]


def extreme_draws(values, drawn, observed, ids):
    """Replicates whose sum is at least, and at most, the observed one: one gather per unit."""
    large, small = [], []
    for unit, (k, level) in enumerate(zip(drawn, observed, strict=True)):
        sums = np.delete(values, unit)[ids[:, :k]].sum(axis=1)
        large.append(int((sums >= level).sum()))
        small.append(int((sums <= level).sum()))
    return large, small


def log_likelihood_ratio(held, expected, total):
    """Kulldorff's, of a window that holds more than expected."""
    if held <= expected:
        return 0.0
    rest = total - held
    return held * math.log(held / expected) + (rest * math.log(rest / (total - expected)) if rest else 0.0)


def windows(count, expected, member, size, most):
    """Ratio of every window of every centre: those that expect no more than `most`, and the first."""
    found = []
    for units, number in zip(member, size, strict=True):
        held, level = np.cumsum(count[units[:number]]), np.cumsum(expected[units[:number]])
        kept = np.logical_and.accumulate((level <= most) | (np.arange(number) == 0))
        pairs = zip(held[kept], level[kept], strict=True)
        found.append([log_likelihood_ratio(c, e, count.sum()) for c, e in pairs])
    return found


def nearest_on_graph(indptr, indices, length, centre, most):
    """Units in order of distance along the graph, by relaxing every edge until nothing changes."""
    n = len(indptr) - 1
    distance = np.full(n, np.inf)
    distance[centre] = 0.0
    for _ in range(n):
        for unit in range(n):
            for place in range(indptr[unit], indptr[unit + 1]):
                distance[indices[place]] = min(distance[indices[place]], distance[unit] + length[place])
    order = np.lexsort((np.arange(n), distance))
    return order[np.isfinite(distance[order])][:most].tolist(), distance


def shuffled(values, uniforms):
    """Fisher and Yates, from the last down; number i decides where item i goes."""
    dealt = values.tolist()
    for last in range(len(dealt) - 1, 0, -1):
        other = min(int(uniforms[last] * (last + 1)), last)
        dealt[last], dealt[other] = dealt[other], dealt[last]
    return np.array(dealt)


def close_pairs(place, time, distances, times):
    """Pairs by band of distance and of time, from all pairs."""
    counts = np.zeros((len(distances), len(times)), int)
    for a, b in itertools.combinations(range(len(time)), 2):
        far, apart = math.hypot(*(place[a] - place[b])), abs(time[a] - time[b])
        if far <= distances[-1] and apart <= times[-1]:
            counts[np.searchsorted(distances, far), np.searchsorted(times, apart)] += 1
    return counts
