"""Choosing sites: swaps, a Lagrangian bound, and Benders cuts, on one matrix of costs.

`cost` is [sites, points]: what it costs if that site serves that point; infinite if it cannot. A choice costs, for
each point, the least over its open sites. ``ordered[i]`` holds the costs of point i ascending and ``site[i]`` whose
they are. `state` says of each site whether it is free (0), must be open (1) or closed (-1).
"""

from __future__ import annotations

import numpy as np

from demandgeo.kernels import inner_kernel, kernel

FREE, MUST, NEVER = 0, 1, -1
TINY = 1e-12


@inner_kernel
def _nearest_two(cost, chosen, first, second, place):
    """Fill the two least costs of each point over the chosen sites, and which of them is the first; return the sum."""
    total = 0.0
    for i in range(cost.shape[1]):
        low, next_low, at = np.inf, np.inf, 0
        for q in range(chosen.size):
            value = cost[chosen[q], i]
            if value < low:
                low, next_low, at = value, low, q
            elif value < next_low:
                next_low = value
        first[i], second[i], place[i] = low, next_low, at
        total += low
    return total


@kernel
def add_greedily(cost, state, out_chosen):
    """Fill out_chosen [p]: the sites that must be open, then whichever lowers the total most. Costs are finite."""
    sites, points = cost.shape
    least, is_in, count = np.full(points, np.inf), np.zeros(sites, np.bool_), 0
    for j in range(sites):
        if state[j] == MUST:
            out_chosen[count], is_in[j] = j, True
            count += 1
            for i in range(points):
                least[i] = min(least[i], cost[j, i])
    while count < out_chosen.size:
        best, best_total = -1, np.inf
        for j in range(sites):
            if is_in[j] or state[j] == NEVER:
                continue
            total = 0.0
            for i in range(points):
                total += min(least[i], cost[j, i])
            if total < best_total:
                best, best_total = j, total
        out_chosen[count], is_in[best] = best, True
        count += 1
        for i in range(points):
            least[i] = min(least[i], cost[best, i])


@inner_kernel
def _price_swaps(cost, first, second, place, base, loss):
    """Return what opening a site saves; fill what closing each open one then costs, from what it costs before."""
    gain = 0.0
    loss[:] = base
    for i in range(cost.size):
        value = cost[i]
        if value < first[i]:
            gain += first[i] - value
            loss[place[i]] -= second[i] - first[i]
        elif value < second[i]:
            loss[place[i]] -= second[i] - value
    return gain


@kernel
def swap_sites(cost, state, start, out_chosen):
    """Fill out_chosen from `start` by the best swap of an open and a closed site until none helps; return its total.

    One pass over the costs prices all swaps (Whitaker 1983; Resende and Werneck 2007). Costs are finite.
    """
    sites, points = cost.shape
    size = start.size
    is_in = np.zeros(sites, np.bool_)
    for q in range(size):
        out_chosen[q] = start[q]
        is_in[start[q]] = True
    first, second, place = np.empty(points), np.empty(points), np.empty(points, np.int64)
    base, loss = np.empty(size), np.empty(size)
    before, best_in, best_out, left = np.inf, -1, 0, -1
    while True:
        total = _nearest_two(cost, out_chosen, first, second, place)
        if total >= before:  # what a swap saves is a difference of sums: where it is all rounding, swaps would circle
            out_chosen[best_out] = left
            return before
        before = total
        base[:] = 0.0
        for i in range(points):
            base[place[i]] += second[i] - first[i]
        best, best_in, best_out = -TINY * total, -1, -1
        for j in range(sites):
            if is_in[j] or state[j] == NEVER:
                continue
            gain = _price_swaps(cost[j], first, second, place, base, loss)
            for q in range(size):
                if loss[q] - gain < best and state[out_chosen[q]] != MUST:
                    best, best_in, best_out = loss[q] - gain, j, q
        if best_in < 0:
            return total
        left = out_chosen[best_out]
        is_in[left] = False
        is_in[best_in] = True
        out_chosen[best_out] = best_in


@inner_kernel
def _dual(ordered, site, state, size, multiplier, reduced, is_open):
    """Fill the reduced cost of each site and the sites that a price of each point opens; return the bound it proves."""
    bound = 0.0
    reduced[:] = 0.0
    for i in range(ordered.shape[0]):
        price = multiplier[i]
        bound += price
        q = 0
        while q < ordered.shape[1] and ordered[i, q] < price:
            reduced[site[i, q]] += ordered[i, q] - price
            q += 1
    key = reduced.copy()
    for j in range(state.size):
        key[j] = -np.inf if state[j] == MUST else (np.inf if state[j] == NEVER else reduced[j])
    is_open[:] = False
    order = np.argsort(key)
    for q in range(size):
        is_open[order[q]] = True
        bound += reduced[order[q]]
    return bound


@inner_kernel
def _turn(ordered, site, price, is_open, scale, direction):
    """Turn the direction towards the slope of the bound, 1 - open sites below each price; return its length."""
    length = 0.0
    for i in range(ordered.shape[0]):
        slope, q = 1.0, 0
        while q < ordered.shape[1] and ordered[i, q] < price[i]:
            if is_open[site[i, q]]:
                slope -= 1.0
            q += 1
        direction[i] = slope + 0.6 * direction[i]
        length += scale[i] * direction[i] * direction[i]
    return length


@kernel
def raise_bound(ordered, site, state, size, scale, start, upper, steps, enough, out_price, out_reduced, out_openness):
    """Fill prices [points] and reduced costs [sites] of the best bound that subgradient steps find; return it.

    `out_openness` [sites] is the share of the late steps in which a site was among the open: near 1 and 0 where the
    answer is plain, between them where it is open whether it belongs in.

    Any prices prove sum price + the `size` least reduced costs (Cornuejols, Fisher and Nemhauser 1977), so the bound
    needs no tolerance. Steps are Polyak's towards `upper`, with the metric of `scale` (the weight of each point: a
    step is then in the unit of unweighted cost, without which a point of weight 100 is stepped over) and a direction
    that keeps 0.6 of the one before. They end once the bound is `enough`.
    """
    points, sites = ordered.shape
    price, direction = start.copy(), np.zeros(points)
    reduced, is_open = np.empty(sites), np.empty(sites, np.bool_)
    # No price above a point's dearest cost proves more; without the cap a target out of reach blows prices up to where
    # their sum has no digits left.
    dearest = np.empty(points)
    for i in range(points):
        q = sites - 1
        while ordered[i, q] == np.inf:
            q -= 1
        dearest[i] = ordered[i, q]
    best, agility, stalled = -np.inf, 1.0, 0
    out_openness[:] = 0.0
    for _ in range(steps):
        bound = _dual(ordered, site, state, size, price, reduced, is_open)
        for j in range(sites):
            out_openness[j] += 0.03 * (is_open[j] - out_openness[j])
        if bound > best:
            stalled = stalled if bound - best < 1e-6 * abs(best) else 0
            best = bound
            out_price[:] = price
            out_reduced[:] = reduced
        else:
            stalled += 1
        if stalled >= 20:
            agility *= 0.6
            stalled = 0
            price[:] = out_price
            direction[:] = 0.0
        if best >= enough or agility < 1e-4:
            break
        length = _turn(ordered, site, price, is_open, scale, direction)
        if length <= 0.0:
            break
        step = agility * max(upper - bound, 1e-9 * abs(upper)) / length
        for i in range(points):
            price[i] = min(max(price[i] + step * scale[i] * direction[i], ordered[i, 0]), dearest[i])
    return best


@kernel
def critical_ranks(ordered, site, opened, out_rank, out_value):
    """Fill, for each point, the rank of its most violated Benders cut at fractional sites, and the cut's value there.

    The rank is the first at which the opened sites sum to 1, in order of cost (Duran-Mateluna, Ales and Elloumi 2023);
    where the sites that can serve a point sum to less, the last of them.
    """
    points, sites = ordered.shape
    for i in range(points):
        filled, rank = 0.0, 0
        while rank < sites and ordered[i, rank] < np.inf:
            filled += opened[site[i, rank]]
            if filled >= 1.0 - 1e-9:
                break
            rank += 1
        if rank == sites or ordered[i, rank] == np.inf:
            rank -= 1
        level = ordered[i, rank]
        value = level
        for q in range(rank):
            value -= (level - ordered[i, q]) * opened[site[i, q]]
        out_rank[i], out_value[i] = rank, value


@kernel
def write_cuts(ordered, site, points, rank, out_start, out_column, out_coefficient, out_level):
    """Fill the rows of Benders cuts: served + sum over cheaper sites of (level - cost) opened >= level.

    One row per entry of `points`, whose level is the cost at its `rank`. Columns are the sites, then the points.
    Returns the number of entries.
    """
    filled = 0
    for k in range(points.size):
        i = points[k]
        level = ordered[i, rank[k]]
        out_start[k], out_level[k] = filled, level
        for q in range(rank[k]):
            if level > ordered[i, q]:
                out_column[filled] = site[i, q]
                out_coefficient[filled] = level - ordered[i, q]
                filled += 1
        out_column[filled] = ordered.shape[1] + i
        out_coefficient[filled] = 1.0
        filled += 1
    return filled
