"""Few contiguous parts of a graph with the greatest total value, and a bound that no such choice can beat.

A graph is given as compressed sparse rows (`indptr`, `indices`). Units of positive value form *clumps* (connected);
every other unit belongs to the clump from which it is reached at the least cost, its *territory*, where passing through
a unit costs what it is below 0.
"""

from __future__ import annotations

import numpy as np

from demandgeo.kernels import inner_kernel, kernel
from demandgeo.kernels.heaps import first, new_heap, put, take

_ROUND = 0.6
"""Territories are drawn anew whenever the parts are down to this share: they age as clumps drop out or join."""


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
    return _label_parts(indptr, indices, chosen, out_label)


@inner_kernel
def _label_parts(indptr, indices, chosen, out_label):
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
def _territories(indptr, indices, value, label):
    """Return the cost of reaching each unit from the nearest part, that part, and the unit before it (-1 within it)."""
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
            if reached < cost[other]:
                cost[other], owner[other], before[other] = reached, owner[unit], unit
                put(heap, other, reached)
        unit = first(heap)
    return cost, owner, before


@inner_kernel
def _worth(value, label, parts):
    worth = np.zeros(parts)
    for unit in range(value.size):
        if label[unit] >= 0:
            worth[label[unit]] += value[unit]
    return worth


@kernel
def most_value(indptr, indices, value, most):
    """Return an upper bound on the value of any choice of at most `most` connected parts.

    A part that touches two clumps pays, within the territory of each, at least what it costs to leave it: its moat. A
    part that touches one clump need not, but there are at most `most` of those. So the bound is the sum over clumps of
    worth less moat, plus the `most` widest moats, each moat counted up to the worth of its clump.

    Parameters
    ----------
    indptr, indices
        int64, the graph.
    value
        float64 [n].
    most
        Greatest number of parts.
    """
    label = np.empty(value.size, np.int64)
    parts = _label_parts(indptr, indices, value > 0.0, label)
    worth = _worth(value, label, parts)
    if parts <= most:
        return worth.sum()
    cost, owner, _ = _territories(indptr, indices, value, label)
    moat = worth.copy()
    for unit in range(value.size):
        for other in indices[indptr[unit] : indptr[unit + 1]]:
            if owner[unit] >= 0 and owner[other] != owner[unit]:
                moat[owner[unit]] = min(moat[owner[unit]], cost[unit])
    return (worth - moat).sum() + np.sort(moat)[::-1][:most].sum()


@kernel
def choose_parts(indptr, indices, value, most, out_chosen):
    """Choose at most `most` connected parts of high total value: drop a clump or bridge two, whichever costs less.

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
    out_chosen[:] = value > 0.0
    label = np.empty(value.size, np.int64)
    parts = _label_parts(indptr, indices, out_chosen, label)
    while parts > most:
        _thin(indptr, indices, value, label, parts, max(most, int(_ROUND * parts)), out_chosen)
        _absorb(indptr, indices, value, out_chosen)
        parts = _label_parts(indptr, indices, out_chosen, label)


@inner_kernel
def _root(group, part):
    while group[part] != part:
        group[part] = group[group[part]]
        part = group[part]
    return part


@inner_kernel
def _bridges(indptr, indices, cost, owner):
    """Return the pairs of neighbours in two territories, each the ends of a bridge, and a heap of them by price."""
    count = 0
    ends = np.empty((indices.size // 2 + 1, 2), np.int64)
    price = np.empty(indices.size // 2 + 1)
    for unit in range(owner.size):
        for other in indices[indptr[unit] : indptr[unit + 1]]:
            if unit < other and owner[unit] >= 0 and owner[other] >= 0 and owner[unit] != owner[other]:
                ends[count, 0], ends[count, 1] = unit, other
                price[count] = cost[unit] + cost[other]
                count += 1
    heap = new_heap(count)
    for bridge in range(count):
        put(heap, bridge, price[bridge])
    return ends, price, heap


@inner_kernel
def _thin(indptr, indices, value, label, parts, goal, out_chosen):
    """Drop or bridge parts until `goal` groups are left."""
    worth = _worth(value, label, parts)
    cost, owner, before = _territories(indptr, indices, value, label)
    ends, price, bridges = _bridges(indptr, indices, cost, owner)
    group, alive, heap = np.arange(parts), np.ones(parts, np.bool_), new_heap(parts)
    for part in range(parts):
        put(heap, part, worth[part])
    left = parts
    while left > goal:
        least, bridge = first(heap), first(bridges)
        if bridge < 0 or worth[least] <= price[bridge]:
            take(heap, least)
            alive[least] = False
            left -= 1
            continue
        take(bridges, bridge)
        a, b = _root(group, owner[ends[bridge, 0]]), _root(group, owner[ends[bridge, 1]])
        if a != b and alive[a] and alive[b]:
            # Both are worth more than the bridge: each is worth at least `worth[least]`.
            group[b] = a
            worth[a] += worth[b] - price[bridge]
            take(heap, b)
            put(heap, a, worth[a])
            left -= 1
            for end in ends[bridge]:
                unit = end
                while not out_chosen[unit]:
                    out_chosen[unit] = True
                    unit = before[unit]
    for unit in range(value.size):
        if out_chosen[unit] and not alive[_root(group, owner[unit])]:
            out_chosen[unit] = False


@inner_kernel
def _absorb(indptr, indices, value, out_chosen):
    """Add the units of positive value that touch a chosen one, and those that touch them."""
    stack = np.empty(value.size, np.int64)
    height = 0
    for unit in range(value.size):
        if out_chosen[unit]:
            stack[height] = unit
            height += 1
    while height > 0:
        height -= 1
        for other in indices[indptr[stack[height]] : indptr[stack[height] + 1]]:
            if not out_chosen[other] and value[other] > 0.0:
                out_chosen[other] = True
                stack[height] = other
                height += 1
