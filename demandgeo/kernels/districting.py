"""Dividing a map into contiguous areas: growth from seeds, annealed shifts across borders, and a bound by prices.

`indptr` and `indices` are the graph of the units, as in `domain.Neighbours`. ``cost[i, j]``, finite, is what it costs
to have unit i in area j; `load` is what a unit adds to the workload of its area, which has bounds `least` and `most`.
"""

from __future__ import annotations

import numba
import numpy as np

from demandgeo.kernels import inner_kernel, kernel, parallel_kernel
from demandgeo.kernels.chance import uniform
from demandgeo.kernels.heaps import first, new_heap, put, take

TINY = 1e-12
"""Share of the cost below which a change is rounding."""

PASSES = 200
"""Sweeps of the final descent: 3 to 10 were needed."""


@kernel
def grow_areas(indptr, indices, regret, out_label):
    """Give each unit labelled -1 to an area beside it: always next the unit whose regret[unit, area] is least.

    Areas that are connected stay so. Units that no labelled unit can reach keep -1. Equal regrets go by the lower unit,
    then the lower area.
    """
    n = out_label.size
    heap, area = new_heap(n), np.full(n, -1)
    for unit in range(n):
        if out_label[unit] >= 0:
            _offer(indptr, indices, regret, unit, out_label, heap, area)
    unit = first(heap)
    while unit >= 0:
        take(heap, unit)
        out_label[unit] = area[unit]
        _offer(indptr, indices, regret, unit, out_label, heap, area)
        unit = first(heap)


@inner_kernel
def _offer(indptr, indices, regret, unit, label, heap, area):
    """Offer the area of a unit to its neighbours that have none."""
    j = label[unit]
    for other in indices[indptr[unit] : indptr[unit + 1]]:
        if label[other] >= 0:
            continue
        best = area[other]
        if best < 0 or regret[other, j] < regret[other, best] or (regret[other, j] == regret[other, best] and j < best):
            area[other] = j
            put(heap, other, regret[other, j])


@parallel_kernel
def anneal_areas(
    indptr, indices, cost, load, least, most, locked, start, seed, proposals, heat, penalty, out_label, out_result
):
    """Improve one plan in several runs: random shifts that cool, then shifts and chains of two that only gain.

    A shift gives a unit to an area beside it. It is taken if the old area keeps another unit and stays connected, and
    if cost + penalty x (workload outside the bounds) falls, or by Metropolis's rule at the run's heat. A chain shifts a
    second unit on from the area that took the first, so that workloads stay within narrow bounds (a swap, if it goes to
    the first area).

    Parameters
    ----------
    indptr, indices, cost, load, least, most
        See the module; float64 [units, areas], [units], [areas], [areas].
    locked
        bool [units]: those that keep their area.
    start
        int64 [units]: labels 0..areas - 1, every area connected.
    seed
        Of the chance, which differs by run.
    proposals
        Random shifts looked at in each run.
    heat
        float64 [runs]: cost at which a shift is taken with the chance 1/e at first; 0 for gains only.
    penalty
        Cost of a workload of 1 outside its bounds.
    out_label
        int64 [runs, units].
    out_result
        float64 [runs, 2]: workload outside the bounds, and cost.
    """
    for run in numba.prange(heat.size):
        label = out_label[run]
        label[:] = start
        _improve(
            (indptr, indices), (cost, load, least, most, locked, penalty), (seed, run, proposals, heat[run]), label
        )
        outside, total = _value(cost, load, least, most, label)
        out_result[run, 0], out_result[run, 1] = outside, total


@inner_kernel
def _improve(graph, terms, chances, label):
    n, k = terms[0].shape
    held, units = np.zeros(k), np.zeros(k, np.int64)
    state = (label, held, units, np.zeros(n, np.int64), np.empty(n, np.int64), np.zeros(1, np.int64))
    for unit in range(n):
        held[label[unit]] += terms[1][unit]
        units[label[unit]] += 1
    _cool(graph, terms, chances, state)
    members = np.empty(n, np.int64)
    smallest = TINY * max(_value(terms[0], terms[1], terms[2], terms[3], label)[1], 1e-300)
    for _ in range(PASSES):
        gained = False
        for unit in range(n):
            gained = _shift_or_chain(graph, terms, unit, smallest, members, state) or gained
        if not gained:
            return


@inner_kernel
def _value(cost, load, least, most, label):
    """Return the workload outside the bounds, and the cost, both summed from nothing."""
    held, total = np.zeros(least.size), 0.0
    for unit in range(label.size):
        held[label[unit]] += load[unit]
        total += cost[unit, label[unit]]
    outside = 0.0
    for j in range(least.size):
        outside += max(0.0, held[j] - most[j], least[j] - held[j])
    return outside, total


@inner_kernel
def _outside(terms, j, held):
    return max(0.0, held - terms[3][j], terms[2][j] - held)


@inner_kernel
def _change(terms, unit, a, b, held):
    """Return what shifting a unit from area a to area b adds to cost and penalty."""
    cost, load, _, _, _, penalty = terms
    moved = load[unit]
    outside = _outside(terms, a, held[a] - moved) - _outside(terms, a, held[a])
    outside += _outside(terms, b, held[b] + moved) - _outside(terms, b, held[b])
    return cost[unit, b] - cost[unit, a] + penalty * outside


@inner_kernel
def _move(terms, unit, b, state):
    label, held, units = state[0], state[1], state[2]
    a = label[unit]
    held[a] -= terms[1][unit]
    held[b] += terms[1][unit]
    units[a] -= 1
    units[b] += 1
    label[unit] = b


@inner_kernel
def _may_leave(graph, terms, unit, state):
    """Whether the area of a unit can do without it: it has others, and they stay connected."""
    indptr, indices = graph
    label, _, units, seen, queue, ticks = state
    a = label[unit]
    if terms[4][unit] or units[a] == 1:
        return False
    ticks[0] += 2
    wanted_mark, found_mark, wanted = ticks[0] - 1, ticks[0], 0
    for other in indices[indptr[unit] : indptr[unit + 1]]:
        if label[other] == a:
            seen[other] = wanted_mark
            queue[0] = other
            wanted += 1
    if wanted <= 1:
        return True
    seen[unit] = seen[queue[0]] = found_mark
    found, head, tail = 1, 0, 1
    while head < tail and found < wanted:
        for other in indices[indptr[queue[head]] : indptr[queue[head] + 1]]:
            if label[other] == a and seen[other] != found_mark:
                found += seen[other] == wanted_mark
                seen[other] = found_mark
                queue[tail] = other
                tail += 1
        head += 1
    return found == wanted


@inner_kernel
def _cool(graph, terms, chances, state):
    """Propose random shifts across borders, ever less of them uphill."""
    indptr, indices = graph
    label, held = state[0], state[1]
    seed, run, proposals, heat = chances
    for step in range(proposals):
        unit = int(uniform(seed, run, 3 * step) * label.size)
        degree = indptr[unit + 1] - indptr[unit]
        if degree == 0:
            continue
        b = label[indices[indptr[unit] + int(uniform(seed, run, 3 * step + 1) * degree)]]
        if b == label[unit]:
            continue
        change = _change(terms, unit, label[unit], b, held)
        if change > 0.0:
            warmth = heat * (1.0 - step / proposals) ** 2
            if warmth <= 0.0 or uniform(seed, run, 3 * step + 2) >= np.exp(-change / warmth):
                continue
        # Last, because it is dear: most proposals fall before it.
        if _may_leave(graph, terms, unit, state):
            _move(terms, unit, b, state)


@inner_kernel
def _shift_or_chain(graph, terms, unit, smallest, members, state):
    """Take the first shift of a unit, or chain that begins with it, that gains; return whether there was one."""
    label, held = state[0], state[1]
    a = label[unit]
    checked = False
    for other in graph[1][graph[0][unit] : graph[0][unit + 1]]:
        b = label[other]
        if b == a:
            continue
        if not checked:
            if not _may_leave(graph, terms, unit, state):
                return False
            checked = True
        change = _change(terms, unit, a, b, held)
        if change < -smallest:
            _move(terms, unit, b, state)
            return True
        _move(terms, unit, b, state)
        if _pass_on(graph, terms, unit, change, smallest, members, state):
            return True
        _move(terms, unit, a, state)
    return False


@inner_kernel
def _pass_on(graph, terms, taken, change, smallest, members, state):
    """Shift another unit out of the area that took one, if both together gain; return whether there was one."""
    indptr, indices = graph
    label, held = state[0], state[1]
    b, count = label[taken], 0
    for unit in range(label.size):
        if label[unit] == b and unit != taken:
            members[count] = unit
            count += 1
    for unit in members[:count]:
        last = -1
        for other in indices[indptr[unit] : indptr[unit + 1]]:
            c = label[other]
            if c in (b, last):
                continue
            last = c
            if change + _change(terms, unit, b, c, held) < -smallest and _may_leave(graph, terms, unit, state):
                _move(terms, unit, c, state)
                return True
    return False


@parallel_kernel
def price_areas(seconds, load, most, price, out_value, out_edge):
    """Fill what an area round each centre is worth at given prices: the least sum of load x (seconds - price), <= 0.

    Units may be split, and the area holds no more than `most`: it takes units in order of seconds - price as long as
    that is negative. ``out_edge`` is the key of the last one taken if there is no room for all, else 0.

    Parameters
    ----------
    seconds
        float64 [centres, units], finite.
    load, price
        float64 [units], loads above 0, prices in seconds.
    most
        Greatest load of an area.
    out_value, out_edge
        float64 [centres].
    """
    for j in numba.prange(out_value.size):
        out_value[j], out_edge[j] = _price(seconds[j], load, 0.0, most, price)


@kernel
def choose_centres(seconds, load, least, most, price, value, edge, out_centres, out_value, out_edge):
    """Fill the centres of the areas worth least when each holds `least` too; `value` and `edge` are of `price_areas`.

    A least load only raises a value, so it is looked at only for centres that are among the least without it (some 60
    of 1,388 for 12 areas).
    """
    worth, last, exact = value.copy(), edge.copy(), np.zeros(value.size, np.bool_)
    count = 0
    while count < out_centres.size:
        j = np.argmin(worth)
        if exact[j]:
            out_centres[count], out_value[count], out_edge[count] = j, worth[j], last[j]
            worth[j] = np.inf
            count += 1
        else:
            worth[j], last[j] = _price(seconds[j], load, least, most, price)
            exact[j] = True


@inner_kernel
def _price(seconds, load, least, most, price):
    gain, weight = np.empty(load.size), np.empty(load.size)
    count, held, value = _gather(seconds, load, price, 0.0, gain, weight)
    if held > most:
        return _filled(gain, weight, count, most)
    if held < least:
        count, _, _ = _gather(seconds, load, price, np.inf, gain, weight)
        return _filled(gain, weight, count, least)
    return value, 0.0


@inner_kernel
def _gather(seconds, load, price, below, gain, weight):
    """Gather the units whose seconds - price is below a limit; return how many, their load and what they are worth."""
    count, held, value = 0, 0.0, 0.0
    for i in range(load.size):
        key = seconds[i] - price[i]
        if key < below:
            gain[count], weight[count] = key, load[i]
            count += 1
            held += load[i]
            value += load[i] * key
    return count, held, value


@inner_kernel
def _filled(gain, weight, count, room):
    """Return the worth of the least gains up to a load, and the last of them.

    A quickselect by load: sorting took six times as long.
    """
    low, high, value = 0, count, 0.0
    while low < high:
        pivot = gain[(low + high) // 2]
        less, at, greater, load_less, load_equal, worth = low, low, high, 0.0, 0.0, 0.0
        while at < greater:
            key, load = gain[at], weight[at]
            if key > pivot:
                greater -= 1
                gain[at], gain[greater] = gain[greater], key
                weight[at], weight[greater] = weight[greater], load
                continue
            if key < pivot:
                load_less += load
                worth += load * key
                gain[at], gain[less] = gain[less], key
                weight[at], weight[less] = weight[less], load
                less += 1
            else:
                load_equal += load
            at += 1
        if load_less >= room:
            high = less
        elif load_less + load_equal >= room:
            return value + worth + (room - load_less) * pivot, pivot
        else:
            value += worth + load_equal * pivot
            room -= load_less + load_equal
            low = greater
    return value, 0.0
