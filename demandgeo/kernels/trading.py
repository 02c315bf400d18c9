"""Improvement of a choice of contiguous parts: trade units of low density for units of high density at the border.

The cost of a unit is its extent, and `price` times the border that choosing it would add (or that giving it up would
save). Its density is its demand over its cost.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from demandgeo.kernels import inner_kernel, kernel
from demandgeo.kernels.heaps import first, new_heap, put, take
from demandgeo.kernels.regions import label_clumps

_LOOK = 96
"""Units looked at to see whether a part stays connected without a unit; beyond it the unit counts as needed."""


_PATIENCE = 400
"""Trades without a new best state, after which there will be none."""


class Aim(IntEnum):
    """What is asked of a choice."""

    LEAST_COST = 0
    """Hold the demand `limit` at least cost."""
    MOST_DEMAND = 1
    """Hold as much demand as fits into the extent `limit`."""


@kernel
def trade(
    indptr,
    indices,
    border,
    demand,
    extent,
    rim,
    price,
    district,
    floor,
    quota,
    least,
    aim,
    limit,
    moves,
    out_chosen,
):
    """Bring a choice to what is asked of it, as far as single units added and given up can.

    First parts below the least extent, then districts below their floor grow by their densest neighbours; then all
    parts do until the demand is held. Then the least dense unit that is not needed is given up as long as the demand
    stays held, and the densest neighbour added to make room for the next one to be given up (in a budget of extent: the
    other way round). The best state on the way is kept; no part is added or split. Whoever calls checks whether the
    rules are kept: they are whenever the choice kept them at first, or could grow so far.

    Parameters
    ----------
    indptr, indices
        int64, the graph.
    border
        float64, as `indices`: length of the border between two units.
    demand, extent, rim
        float64 [n]: demand >= 0, extent > 0, length of the border of each unit.
    price
        Cost of a length of border, >= 0.
    district
        int64 [n]: the district of each unit, 0..m-1; neighbours are in one district, or there is only one.
    floor, quota
        float64 [m] demand and int64 [m] parts that each district must have at least.
    least
        Least extent of a part.
    aim
        A code of `Aim`.
    limit
        Demand to be held, or extent that may be used.
    moves
        Greatest number of trades.
    out_chosen
        bool [n]: the choice, at first the one to be improved.
    """
    n = demand.size
    graph, amounts = (indptr, indices, border), (demand, extent, rim, price, district)
    rules = (floor, quota, least, aim, limit)
    heaps, scratch = (new_heap(n), new_heap(n)), (np.full(n, -1), np.empty(n, np.int64), np.zeros(1, np.int64))
    parts = (np.empty(n, np.int64), np.zeros(n), np.zeros(n, np.int64), np.zeros(quota.size, np.int64))
    sums = (np.zeros(floor.size), np.zeros(3))
    state = (out_chosen, heaps, scratch, parts, sums)
    _take_stock(graph, amounts, state)
    _enlarge_parts(graph, amounts, rules, state)
    _reach_floors(graph, amounts, rules, state)
    _reach_limit(graph, amounts, rules, state)
    log = np.empty(moves, np.int64)
    done, best = _trades(graph, amounts, rules, state, log)
    for move in range(done - 1, best - 1, -1):
        out_chosen[log[move]] = not out_chosen[log[move]]
    _take_stock(graph, amounts, state)
    if aim == Aim.LEAST_COST:
        _squeeze(graph, amounts, rules, state)
    else:
        _fill(graph, amounts, rules, state)


@inner_kernel
def _take_stock(graph, amounts, state):
    """Label the parts, sum what they hold, and file every unit that might be gained or lost."""
    chosen, (gain, loss), _, (label, reach, units, counts), (held, totals) = state
    parts = label_clumps(graph[0], graph[1], chosen, label)
    demand, extent, _, _, district = amounts
    reach[:parts], units[:parts], counts[:], held[:], totals[:] = 0.0, 0, 0, 0.0, 0.0
    for unit in range(chosen.size):
        if chosen[unit]:
            reach[label[unit]] += extent[unit]
            counts[district[unit]] += units[label[unit]] == 0
            units[label[unit]] += 1
            held[district[unit]] += demand[unit]
            totals[0] += demand[unit]
            totals[1] += extent[unit]
    gain[2][:], gain[3][0], loss[2][:], loss[3][0] = -1, 0, -1, 0
    # Only round what is chosen: to file every unit took nine tenths of the time at 15,000 cells.
    for unit in range(chosen.size):
        if chosen[unit]:
            put(loss, unit, _density(graph, amounts, unit, chosen))
            for other in graph[1][graph[0][unit] : graph[0][unit + 1]]:
                if not chosen[other] and gain[2][other] < 0:
                    put(gain, other, -_density(graph, amounts, other, chosen))


@inner_kernel
def _cost(graph, amounts, unit, chosen):
    """Return what choosing the unit costs, or giving it up saves."""
    _, extent, rim, price, _ = amounts
    if price == 0.0:
        return extent[unit]
    shared = 0.0
    for arc in range(graph[0][unit], graph[0][unit + 1]):
        if chosen[graph[1][arc]]:
            shared += graph[2][arc]
    return extent[unit] + price * (rim[unit] - 2.0 * shared)


@inner_kernel
def _density(graph, amounts, unit, chosen):
    cost = _cost(graph, amounts, unit, chosen)
    return amounts[0][unit] / cost if cost > 0.0 else 1e300


@inner_kernel
def _refresh(graph, amounts, unit, chosen, gain, loss):
    """File a unit where it belongs: chosen ones may be lost, neighbours of chosen ones may be gained."""
    if chosen[unit]:
        put(loss, unit, _density(graph, amounts, unit, chosen))
        take(gain, unit)
        return
    take(loss, unit)
    touches = False
    for other in graph[1][graph[0][unit] : graph[0][unit + 1]]:
        touches = touches or chosen[other]
    if touches:
        put(gain, unit, -_density(graph, amounts, unit, chosen))
    else:
        take(gain, unit)


@inner_kernel
def _flip(graph, amounts, unit, state):
    """Choose a unit or give it up, and file anew whatever that may free: the units up to two steps away."""
    chosen, (gain, loss), _, (label, reach, units, counts), (held, totals) = state
    demand, extent, _, _, district = amounts
    sign = -1 if chosen[unit] else 1
    chosen[unit] = not chosen[unit]
    held[district[unit]] += sign * demand[unit]
    totals[0] += sign * demand[unit]
    totals[1] += sign * extent[unit]
    if sign < 0:
        part = label[unit]
        reach[part] -= extent[unit]
        units[part] -= 1
        counts[district[unit]] -= units[part] == 0
        label[unit] = -1
    else:
        _join(graph, amounts, unit, state)
    _refresh(graph, amounts, unit, chosen, gain, loss)
    for other in graph[1][graph[0][unit] : graph[0][unit + 1]]:
        _refresh(graph, amounts, other, chosen, gain, loss)
        for third in graph[1][graph[0][other] : graph[0][other + 1]]:
            if chosen[third]:
                put(loss, third, _density(graph, amounts, third, chosen))


@inner_kernel
def _join(graph, amounts, unit, state):
    """Label a unit just chosen as its largest neighbour, and all that it links to that part."""
    chosen, _, (_, queue, _), (label, reach, units, counts), _ = state
    extent, district = amounts[1], amounts[4]
    part = -1
    for other in graph[1][graph[0][unit] : graph[0][unit + 1]]:
        if chosen[other] and (part < 0 or units[label[other]] > units[part]):
            part = label[other]
    label[unit] = part
    reach[part] += extent[unit]
    units[part] += 1
    queue[0], head, tail = unit, 0, 1
    while head < tail:
        for other in graph[1][graph[0][queue[head]] : graph[0][queue[head] + 1]]:
            if chosen[other] and label[other] != part:
                old = label[other]
                reach[old] -= extent[other]
                units[old] -= 1
                counts[district[other]] -= units[old] == 0
                label[other] = part
                reach[part] += extent[other]
                units[part] += 1
                queue[tail] = other
                tail += 1
        head += 1


@inner_kernel
def _may_join(graph, amounts, rules, unit, state):
    """Whether choosing a unit leaves the district as many parts as it must have."""
    chosen, _, _, (label, _, _, counts), _ = state
    where = amounts[4][unit]
    spare = counts[where] - rules[1][where]
    start, stop = graph[0][unit], graph[0][unit + 1]
    linked = 0
    for at in range(start, stop):
        if not chosen[graph[1][at]]:
            continue
        new = True
        for before in range(start, at):
            new = new and not (chosen[graph[1][before]] and label[graph[1][before]] == label[graph[1][at]])
        linked += new
    return linked <= 1 or linked - 1 <= spare


@inner_kernel
def _densest(graph, amounts, rules, state):
    """Return the densest unit that may be gained, -1 if there is none; others leave the heap."""
    gain = state[1][0]
    unit = first(gain)
    while unit >= 0 and not _may_join(graph, amounts, rules, unit, state):
        take(gain, unit)
        unit = first(gain)
    return unit


@inner_kernel
def _weakest(graph, amounts, rules, state):
    """Return the least dense unit that its part and its district can do without, -1 if there is none; others leave."""
    loss = state[1][1]
    unit = first(loss)
    while unit >= 0 and not _may_leave(graph, amounts, rules, unit, state):
        take(loss, unit)
        unit = first(loss)
    return unit


@inner_kernel
def _may_leave(graph, amounts, rules, unit, state):
    chosen, _, scratch, (label, reach, units, counts), (held, _) = state
    demand, extent, _, _, district = amounts
    floor, quota, least, _, _ = rules
    where, part = district[unit], label[unit]
    if held[where] - demand[unit] < floor[where] or _cost(graph, amounts, unit, chosen) <= 0.0:
        return False
    if units[part] == 1:
        return counts[where] > quota[where]
    return reach[part] - extent[unit] >= least and _stays_connected(graph, unit, scratch, chosen)


@inner_kernel
def _stays_connected(graph, unit, scratch, chosen):
    """Whether the chosen neighbours of a unit stay connected without it, as far as a short look around shows."""
    indptr, indices, _ = graph
    seen, queue, ticks = scratch
    ticks[0] += 2
    found_mark, wanted_mark, wanted = ticks[0], ticks[0] - 1, 0
    for other in indices[indptr[unit] : indptr[unit + 1]]:
        if chosen[other]:
            seen[other] = wanted_mark
            queue[0] = other
            wanted += 1
    if wanted <= 1:
        return True
    seen[unit] = seen[queue[0]] = found_mark
    found, head, tail = 1, 0, 1
    while head < tail < _LOOK and found < wanted:
        for other in indices[indptr[queue[head]] : indptr[queue[head] + 1]]:
            if chosen[other] and seen[other] != found_mark:
                found += seen[other] == wanted_mark
                seen[other] = found_mark
                queue[tail] = other
                tail += 1
        head += 1
    return found == wanted


@inner_kernel
def _enlarge_parts(graph, amounts, rules, state):
    """Let each part below the least extent grow by its densest neighbours; one that cannot is given up."""
    chosen, _, (_, queue, _), (label, reach, _, counts), _ = state
    for unit in range(chosen.size):
        while chosen[unit] and reach[label[unit]] < rules[2]:
            tail = 0
            for member in range(chosen.size):
                if label[member] == label[unit]:
                    queue[tail] = member
                    tail += 1
            members = queue[:tail].copy()
            best = _densest_next_to(graph, amounts, rules, members, state)
            if best >= 0:
                _flip(graph, amounts, best, state)
            elif counts[amounts[4][unit]] > rules[1][amounts[4][unit]]:
                for member in members:
                    _flip(graph, amounts, member, state)
            else:
                return


@inner_kernel
def _densest_next_to(graph, amounts, rules, members, state):
    best, most = -1, -1.0
    for member in members:
        for other in graph[1][graph[0][member] : graph[0][member + 1]]:
            if state[0][other] or not _may_join(graph, amounts, rules, other, state):
                continue
            density = _density(graph, amounts, other, state[0])
            if density > most:
                best, most = other, density
    return best


@inner_kernel
def _reach_floors(graph, amounts, rules, state):
    """Let the parts of each district below its floor grow by their densest neighbours."""
    held = state[4][0]
    for where in range(held.size):
        while held[where] < rules[0][where]:
            best = _densest_in(graph, amounts, rules, where, state)
            if best < 0:
                break
            _flip(graph, amounts, best, state)


@inner_kernel
def _densest_in(graph, amounts, rules, where, state):
    gain, best = state[1][0], -1
    for unit in range(state[0].size):
        if gain[2][unit] < 0 or amounts[4][unit] != where or amounts[0][unit] == 0.0:
            continue
        if (best < 0 or gain[0][unit] < gain[0][best]) and _may_join(graph, amounts, rules, unit, state):
            best = unit
    return best


@inner_kernel
def _reach_limit(graph, amounts, rules, state):
    """Grow until the demand is held, or shrink into the budget."""
    totals, limit = state[4][1], rules[4]
    if rules[3] == Aim.LEAST_COST:
        unit = _densest(graph, amounts, rules, state)
        while totals[0] < limit and unit >= 0:
            _flip(graph, amounts, unit, state)
            unit = _densest(graph, amounts, rules, state)
    else:
        unit = _weakest(graph, amounts, rules, state)
        while totals[1] > limit and unit >= 0:
            _flip(graph, amounts, unit, state)
            unit = _weakest(graph, amounts, rules, state)


@inner_kernel
def _trades(graph, amounts, rules, state, log):
    """Trade until no trade promises anything; return the number of moves, and how many of them lead to the best."""
    chosen, totals, demand = state[0], state[4][1], amounts[0]
    aim, limit = rules[3], rules[4]
    done, best, change, record = 0, 0, 0.0, 0.0
    keeps = totals[0] >= limit if aim == Aim.LEAST_COST else totals[1] <= limit
    while keeps and done < log.size and done - best < _PATIENCE:
        weak, dense = _weakest(graph, amounts, rules, state), _densest(graph, amounts, rules, state)
        unit = -1
        if aim == Aim.LEAST_COST:
            if weak >= 0 and totals[0] - demand[weak] >= limit:
                unit = weak
        elif dense >= 0 and demand[dense] > 0.0 and totals[1] + amounts[1][dense] <= limit:
            unit = dense
        if unit < 0:
            if weak < 0 or dense < 0:
                break
            if _density(graph, amounts, dense, chosen) <= _density(graph, amounts, weak, chosen):
                break
            unit = dense if aim == Aim.LEAST_COST else weak
        sign = -1.0 if chosen[unit] else 1.0
        change += sign * (_cost(graph, amounts, unit, chosen) if aim == Aim.LEAST_COST else -demand[unit])
        _flip(graph, amounts, unit, state)
        log[done] = unit
        done += 1
        if change < record:
            best, record = done, change
    return done, best


@inner_kernel
def _squeeze(graph, amounts, rules, state):
    """Give up, from the least dense on, every unit that no rule and no part needs."""
    unit = _weakest(graph, amounts, rules, state)
    while unit >= 0:
        take(state[1][1], unit)
        if state[4][1][0] - amounts[0][unit] >= rules[4]:
            _flip(graph, amounts, unit, state)
        unit = _weakest(graph, amounts, rules, state)


@inner_kernel
def _fill(graph, amounts, rules, state):
    """Add, from the densest on, every unit that still fits."""
    unit = _densest(graph, amounts, rules, state)
    while unit >= 0:
        take(state[1][0], unit)
        if amounts[0][unit] > 0.0 and state[4][1][1] + amounts[1][unit] <= rules[4]:
            _flip(graph, amounts, unit, state)
        unit = _densest(graph, amounts, rules, state)
