"""Slow, obvious twins of the kernels of travel times: whole matrices, sets, and no cleverness."""

from __future__ import annotations

import numpy as np


def shortest(n, tail, head, seconds, through=None):
    """Return the least seconds between all nodes (Floyd and Warshall), on ways through some nodes only."""
    least = np.full((n, n), np.inf)
    np.fill_diagonal(least, 0.0)
    np.minimum.at(least, (tail, head), seconds)
    for k in range(n) if through is None else through:
        least = np.minimum(least, least[:, k, None] + least[None, k, :])
    return least


def eliminated(n, tail, head):
    """Play the elimination game by ranks; return the set of higher neighbours of each node."""
    around = [set() for _ in range(n)]
    for a, b in zip(tail, head, strict=True):
        if a != b:
            around[a].add(b)
            around[b].add(a)
    higher = []
    for v in range(n):
        above = {u for u in around[v] if u > v}
        for u in above:
            around[u] |= above - {u}
        higher.append(above)
    return higher


def parents(higher):
    """Return the lowest of the higher neighbours of each node, -1 where there is none."""
    return [min(above, default=-1) for above in higher]


def arc_times(n, tail, head, seconds, higher):
    """Return {(v, u): seconds} both ways along each arc, through nodes below both its ends."""
    times = {}
    for v in range(n):
        least = shortest(n, tail, head, seconds, through=range(v))
        for u in higher[v]:
            times[v, u], times[u, v] = least[v, u], least[u, v]
    return times


def travel_times(n, edges, starts, ends, limit=np.inf):
    """Return the least over all ways from each start by its nodes to the nodes of each end, float64."""
    least = shortest(n, *edges)
    out = np.full((len(starts.node), len(ends.node)), np.inf)
    for i, (nodes, before) in enumerate(zip(starts.node, starts.seconds, strict=True)):
        for j, (last, after) in enumerate(zip(ends.node, ends.seconds, strict=True)):
            out[i, j] = (before[:, None] + least[np.ix_(nodes, last)] + after[None, :]).min()
    out[out.astype(np.float32) > np.float32(limit)] = np.inf
    return out
