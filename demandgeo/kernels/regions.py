"""Few contiguous parts of a graph with a great total value.

A graph is given as compressed sparse rows (`indptr`, `indices`). Units of positive value form *clumps* (connected);
every other unit belongs to the clump from which it is reached at the least cost, its *territory*, where passing through
a unit costs what it is below 0.
"""

from __future__ import annotations

import numpy as np

from demandgeo.kernels import inner_kernel, kernel
from demandgeo.kernels.heaps import first, new_heap, put, take

_ROUNDS = 3
"""A choice is tried again as clumps of its own so often at most; the second round is mostly the last that gains."""


@kernel
def label_parts(indptr, indices, chosen, out_label):
    """Label the connected parts of the chosen units, from 0 in order of their lowest unit; return their number.

    Parameters
    ----------
    indptr, indices
        int64, the graph.
    chosen
        bool [n].
    out_label
        int64 [n]: the part of each unit, -1 where it is not chosen.
    """
    return label_clumps(indptr, indices, chosen, out_label)


@inner_kernel
def label_clumps(indptr, indices, chosen, out_label):
    """Label the connected parts as `label_parts` does; for kernels."""
    out_label[:] = -1
    stack = np.empty(chosen.size, np.int64)
    parts = 0
    for unit in range(chosen.size):
        if not chosen[unit] or out_label[unit] >= 0:
            continue
        out_label[unit] = parts
        stack[0], height = unit, 1
        while height > 0:
            height -= 1
            for other in indices[indptr[stack[height]] : indptr[stack[height] + 1]]:
                if chosen[other] and out_label[other] < 0:
                    out_label[other] = parts
                    stack[height] = other
                    height += 1
        parts += 1
    return parts


@inner_kernel
def _territories(indptr, indices, value, label, worth):
    """Return the cost of reaching each unit from the nearest part, that part, and the unit before it (-1 within it).

    A part reaches as far as its worth pays: no bridge that costs more is worth it, unless to a group of parts, which is
    one part at the next round.
    """
    n = value.size
    cost, owner, before = np.full(n, np.inf), label.copy(), np.full(n, -1)
    heap = new_heap(n)
    for unit in range(n):
        if label[unit] >= 0:
            cost[unit] = 0.0
            put(heap, unit, 0.0)
    unit = first(heap)
    while unit >= 0:
        take(heap, unit)
        for other in indices[indptr[unit] : indptr[unit + 1]]:
            reached = cost[unit] + max(0.0, -value[other])
            if reached < cost[other] and reached <= worth[owner[unit]]:
                cost[other], owner[other], before[other] = reached, owner[unit], unit
                put(heap, other, reached)
        unit = first(heap)
    return cost, owner, before


@inner_kernel
def worths(value, label, parts):
    """Return the value of each part."""
    worth = np.zeros(parts)
    for unit in range(value.size):
        if label[unit] >= 0:
            worth[label[unit]] += value[unit]
    return worth


@kernel
def choose_parts(indptr, indices, value, most, out_chosen):
    """Choose at most `most` connected parts of high total value.

    The cheapest bridges between territories make a forest of the clumps (Mehlhorn 1988, A faster approximation
    algorithm for the Steiner problem in graphs). On the forest the best choice is exact, by dynamic programming over
    the number of parts in each subtree. The choice made is then a clump itself, and is tried again while it gains.

    Parameters
    ----------
    indptr, indices
        int64, the graph.
    value
        float64 [n].
    most
        Greatest number of parts, >= 1.
    out_chosen
        bool [n].
    """
    graph, label = (indptr, indices), np.empty(value.size, np.int64)
    out_chosen[:] = value > 0.0
    parts, total = label_clumps(indptr, indices, out_chosen, label), 0.0
    for _ in range(_ROUNDS):
        if parts <= most and total == 0.0:
            return
        before = out_chosen.copy()
        _choose_on_forest(graph, value, most, label, parts, out_chosen)
        _absorb(graph, value, out_chosen)
        found = 0.0
        for unit in range(value.size):
            if out_chosen[unit]:
                found += value[unit]
        if found <= total:
            out_chosen[:] = before
            return
        total = found
        before[:] = out_chosen | (value > 0.0)
        parts = label_clumps(indptr, indices, before, label)


@inner_kernel
def _choose_on_forest(graph, value, most, label, parts, out_chosen):
    """Choose among labelled parts and the bridges between them; each part is taken or left whole."""
    worth = worths(value, label, parts)
    cost, owner, before = _territories(graph[0], graph[1], value, label, worth)
    ends, price = _bridges(graph, cost, owner, parts)
    above, link, order = _rooted(ends, owner, parts)
    taken, joined = _best_subtrees(worth, price, above, link, order, most)
    for unit in range(value.size):
        out_chosen[unit] = label[unit] >= 0 and taken[label[unit]]
    for part in range(parts):
        if joined[part]:
            for end in ends[link[part]]:
                unit = end
                while before[unit] >= 0:
                    out_chosen[unit] = True
                    unit = before[unit]


@inner_kernel
def _root(group, part):
    while group[part] != part:
        group[part] = group[group[part]]
        part = group[part]
    return part


@inner_kernel
def _bridges(graph, cost, owner, parts):
    """Return the ends and the price of the cheapest bridges that make a forest of the parts (Kruskal 1956)."""
    count = 0
    ends, price = np.empty((graph[1].size // 2 + 1, 2), np.int64), np.empty(graph[1].size // 2 + 1)
    for unit in range(owner.size):
        for other in graph[1][graph[0][unit] : graph[0][unit + 1]]:
            if unit < other and owner[unit] >= 0 and owner[other] >= 0 and owner[unit] != owner[other]:
                ends[count, 0], ends[count, 1] = unit, other
                price[count] = cost[unit] + cost[other]
                count += 1
    group, kept, keep, cheapest = np.arange(parts), 0, np.empty(parts, np.int64), new_heap(count)
    for bridge in range(count):
        put(cheapest, bridge, price[bridge])
    for _ in range(count):
        bridge = first(cheapest)
        take(cheapest, bridge)
        a, b = _root(group, owner[ends[bridge, 0]]), _root(group, owner[ends[bridge, 1]])
        if a != b:
            group[max(a, b)] = min(a, b)
            keep[kept] = bridge
            kept += 1
    return ends[keep[:kept]], price[keep[:kept]]


@inner_kernel
def _bridges_at(ends, owner, parts):
    """Return the bridges at each part, as compressed sparse rows."""
    degree = np.zeros(parts + 1, np.int64)
    for bridge in range(len(ends)):
        for end in ends[bridge]:
            degree[owner[end] + 1] += 1
    start = np.cumsum(degree)
    room, at = start[:-1].copy(), np.empty(2 * len(ends), np.int64)
    for bridge in range(len(ends)):
        for end in ends[bridge]:
            at[room[owner[end]]] = bridge
            room[owner[end]] += 1
    return start, at


@inner_kernel
def _rooted(ends, owner, parts):
    """Return of each part the one above it and the bridge there (-1: none), and the parts from the roots down."""
    start, at = _bridges_at(ends, owner, parts)
    above, link, order = np.full(parts, -1), np.full(parts, -1), np.empty(parts, np.int64)
    seen, done = np.zeros(parts, np.bool_), 0
    for root in range(parts):
        if seen[root]:
            continue
        seen[root] = True
        order[done], last = root, done + 1
        while done < last:
            part = order[done]
            done += 1
            for bridge in at[start[part] : start[part + 1]]:
                for end in ends[bridge]:
                    other = owner[end]
                    if not seen[other]:
                        seen[other] = True
                        above[other], link[other], order[last] = part, bridge, other
                        last += 1
    return above, link, order


@inner_kernel
def _best_subtrees(worth, price, above, link, order, most):
    """Return which parts to take and which of them to join to the one above, at most `most` groups in all.

    ``best[p, s, j]``: the greatest value of j groups in the subtree of p, with p taken (s = 1) or not (s = 0).
    """
    parts = worth.size
    best = np.full((parts + 1, 2, most + 1), -np.inf)
    size = np.zeros(parts + 1, np.int64)
    given, joins = np.zeros((parts, 2, most + 1), np.int32), np.zeros((parts, 2, most + 1), np.int8)
    best[:, 0, 0] = 0.0
    for part in range(parts):
        best[part, 1, 1] = worth[part]
        size[part] = 1
    for place in range(parts - 1, -1, -1):
        part = order[place]
        up = above[part] if above[part] >= 0 else parts
        toll = price[link[part]] if link[part] >= 0 else np.inf
        _merge_child(best, up, part, toll, min(most, size[up]), min(most, size[part]), given, joins)
        size[up] += size[part]
    taken, joined = np.zeros(parts, np.bool_), np.zeros(parts, np.bool_)
    groups, state = np.zeros(parts + 1, np.int64), np.zeros(parts + 1, np.int64)
    groups[parts] = np.argmax(best[parts, 0])
    # Children were merged from the last place to the first, so their shares are given back from the first on.
    for place in range(parts):
        part = order[place]
        up = above[part] if above[part] >= 0 else parts
        j = groups[up]
        share, how = given[part, state[up], j], joins[part, state[up], j]
        groups[up] -= share
        groups[part] = share + (how == 2)
        state[part] = min(how, 1)
        taken[part], joined[part] = how > 0, how == 2
    return taken, joined


@inner_kernel
def _merge_child(best, up, part, toll, most_up, most_part, given, joins):
    """Take the subtree of a part into that of the one above; note what it is given and how it is used."""
    for state in range(2):
        old = best[up, state].copy()
        best[up, state, :] = -np.inf
        for j in range(best.shape[2]):
            for share in range(max(0, j - most_up), min(j, most_part) + 1):
                base = old[j - share]
                if base == -np.inf:
                    continue
                found, how = best[part, 0, share], 0
                if best[part, 1, share] > found:
                    found, how = best[part, 1, share], 1
                if state == 1 and share < best.shape[2] - 1 and best[part, 1, share + 1] - toll > found:
                    found, how = best[part, 1, share + 1] - toll, 2
                if base + found > best[up, state, j]:
                    best[up, state, j] = base + found
                    given[part, state, j], joins[part, state, j] = share, how


@inner_kernel
def _absorb(graph, value, out_chosen):
    """Add the units of positive value that touch a chosen one, and those that touch them."""
    stack = np.empty(value.size, np.int64)
    height = 0
    for unit in range(value.size):
        if out_chosen[unit]:
            stack[height] = unit
            height += 1
    while height > 0:
        height -= 1
        for other in graph[1][graph[0][stack[height]] : graph[0][stack[height] + 1]]:
            if not out_chosen[other] and value[other] > 0.0:
                out_chosen[other] = True
                stack[height] = other
                height += 1
