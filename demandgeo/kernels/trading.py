"""Improvement of a choice of contiguous parts: trade units of low density for units of high density at the border."""

from __future__ import annotations

import numpy as np

from demandgeo.kernels import inner_kernel, kernel
from demandgeo.kernels.heaps import first, new_heap, put, take

_LOOK = 96
"""Units looked at to see whether a part stays connected without a unit; beyond it the unit counts as needed."""


@kernel
def trade(indptr, indices, demand, extent, target, moves, out_chosen):
    """Reach the target demand with as little extent as single trades allow; return the demand chosen.

    Grows the parts by their densest neighbours until the target is reached. Then drops the least dense unit that no
    part needs to stay connected, as long as the target stays reached, and adds the densest neighbour to make room for
    the next drop. The best state on the way is kept; no part is added or split.

    Parameters
    ----------
    indptr, indices
        int64, the graph.
    demand, extent
        float64 [n], demand >= 0 and extent > 0.
    target
        Demand to be reached; where the parts cannot grow so far, all that they can reach is chosen.
    moves
        Greatest number of trades.
    out_chosen
        bool [n]: the choice, at first the one to be improved.
    """
    n = demand.size
    density = demand / extent
    gain, loss = new_heap(n), new_heap(n)
    graph, scratch = (indptr, indices), (np.zeros(n, np.int64), np.empty(n, np.int64), np.zeros(1, np.int64))
    log = np.empty(moves, np.int64)
    total = 0.0
    for unit in range(n):
        if out_chosen[unit]:
            total += demand[unit]
        _refresh(graph, density, unit, out_chosen, gain, loss)
    unit = first(gain)
    while total < target and unit >= 0:
        total += demand[unit]
        _flip(graph, density, unit, out_chosen, gain, loss)
        unit = first(gain)
    done, best, change, least = 0, 0, 0.0, 0.0
    while done < moves and total >= target:
        unit = _weakest(graph, loss, scratch, out_chosen)
        if unit < 0:
            break
        if total - demand[unit] >= target:
            total -= demand[unit]
            change -= extent[unit]
        else:
            other = first(gain)
            if other < 0 or density[other] <= density[unit]:
                break
            unit = other
            total += demand[unit]
            change += extent[unit]
        _flip(graph, density, unit, out_chosen, gain, loss)
        log[done] = unit
        done += 1
        if change < least:
            best, least = done, change
    for move in range(done - 1, best - 1, -1):
        total += -demand[log[move]] if out_chosen[log[move]] else demand[log[move]]
        _flip(graph, density, log[move], out_chosen, gain, loss)
    return _squeeze(graph, demand, density, target, total, scratch, out_chosen, gain, loss)


@inner_kernel
def _squeeze(graph, demand, density, target, total, scratch, chosen, gain, loss):
    """Drop, from the least dense on, every unit that neither its part nor the target needs; return what is left."""
    for unit in range(chosen.size):
        if chosen[unit]:
            put(loss, unit, density[unit])
    unit = _weakest(graph, loss, scratch, chosen)
    while unit >= 0:
        take(loss, unit)
        if total - demand[unit] >= target:
            total -= demand[unit]
            _flip(graph, density, unit, chosen, gain, loss)
        unit = _weakest(graph, loss, scratch, chosen)
    return total


@inner_kernel
def _refresh(graph, density, unit, chosen, gain, loss):
    """File a unit where it belongs: chosen ones may be lost, neighbours of chosen ones may be gained."""
    if chosen[unit]:
        put(loss, unit, density[unit])
        take(gain, unit)
        return
    take(loss, unit)
    touches = False
    for other in graph[1][graph[0][unit] : graph[0][unit + 1]]:
        touches = touches or chosen[other]
    if touches:
        put(gain, unit, -density[unit])
    else:
        take(gain, unit)


@inner_kernel
def _flip(graph, density, unit, chosen, gain, loss):
    """Choose a unit or give it up, and file anew whatever that may free: the units up to two steps away."""
    chosen[unit] = not chosen[unit]
    _refresh(graph, density, unit, chosen, gain, loss)
    for other in graph[1][graph[0][unit] : graph[0][unit + 1]]:
        _refresh(graph, density, other, chosen, gain, loss)
        for third in graph[1][graph[0][other] : graph[0][other + 1]]:
            if chosen[third]:
                put(loss, third, density[third])


@inner_kernel
def _weakest(graph, loss, scratch, chosen):
    """Return the least dense unit that its part can do without, -1 if there is none; others leave the heap."""
    unit = first(loss)
    while unit >= 0 and not _can_leave(graph, unit, scratch, chosen):
        take(loss, unit)
        unit = first(loss)
    return unit


@inner_kernel
def _can_leave(graph, unit, scratch, chosen):
    """Whether the chosen neighbours of a unit stay connected without it, as far as a short look around shows."""
    indptr, indices = graph
    seen, queue, ticks = scratch
    ticks[0] += 1
    tick, wanted = ticks[0], 0
    for other in indices[indptr[unit] : indptr[unit + 1]]:
        if chosen[other]:
            seen[other] = -tick
            queue[0] = other
            wanted += 1
    if wanted <= 1:
        return True
    seen[unit] = seen[queue[0]] = tick
    found, head, tail = 1, 0, 1
    while head < tail < _LOOK and found < wanted:
        for other in indices[indptr[queue[head]] : indptr[queue[head] + 1]]:
            if chosen[other] and seen[other] != tick:
                found += seen[other] == -tick
                seen[other] = tick
                queue[tail] = other
                tail += 1
        head += 1
    return found == wanted
