"""Closed tours through areas: the shortest of every subset that fits, and tours built by cheapest insertion."""

from __future__ import annotations

import math

from demandgeo.kernels import inner_kernel, kernel


@inner_kernel
def _row(subsets, subset):
    """Return the row of a subset in ascending subsets, -1 if it is not there."""
    low, high = 0, subsets.size
    while low < high:
        middle = (low + high) // 2
        if subsets[middle] < subset:
            low = middle + 1
        else:
            high = middle
    return low if low < subsets.size and subsets[low] == subset else -1


@inner_kernel
def _paths(travel, subsets, path, grown, first, out_path):
    """Fill the shortest paths from the first area of a grown subset to each other, and return its closed tour.

    Infinite if a part of it is not among the subsets: then it cannot fit either.
    """
    n = travel.shape[0]
    out_path[:] = math.inf
    tour = math.inf
    for last in range(first + 1, n):
        if grown >> last & 1:
            rest = _row(subsets, grown ^ (1 << last))
            if rest < 0:
                return math.inf
            for before in range(first, n):
                out_path[last] = min(out_path[last], path[rest, before] + travel[before, last])
            tour = min(tour, out_path[last] + travel[last, first])
    return tour


@kernel
def grow_subsets(travel, visit, visits, shift, subsets, path, out_subsets, out_path, out_tour):
    """Fill the subsets of one area more whose shortest closed tour fits a shift (Held and Karp 1962).

    Parameters
    ----------
    travel
        float64 [n, n], minutes, 0 on the diagonal; the shortest ways, so that what is part of a tour that fits fits.
    visit, visits, shift
        As for `build_tours`.
    subsets
        int64 [m], ascending: the subsets of so many areas that fit (bit i: area i).
    path
        float64 [m, n]: the shortest path from the lowest area of each through all of it to each area of it; infinite
        where there is none.
    out_subsets, out_path, out_tour
        The grown subsets in no order, their paths, and their closed tours (minutes of travel).

    Returns
    -------
    int
        How many there are; -1 if they are more than `out_subsets` holds.
    """
    n, count = travel.shape[0], 0
    for row in range(subsets.size):
        size, first, most, top = 0, -1, 0, 0
        for area in range(n):
            if subsets[row] >> area & 1:
                size += 1
                first = area if first < 0 else first
                most = max(most, visits[area])
                top = area
        for area in range(top + 1, n):
            if count == out_subsets.size:
                return -1
            grown = subsets[row] | (1 << area)
            tour = _paths(travel, subsets, path, grown, first, out_path[count])
            if (tour + visit * (size + 1)) * max(most, visits[area]) <= shift:
                out_subsets[count] = grown
                out_tour[count] = tour
                count += 1
    return count


@inner_kernel
def _farthest(travel, start, following):
    """Return the area without a tour that is farthest from the start, -1 if every one has a tour."""
    found = -1
    for area in range(travel.shape[0]):
        if following[area] < 0 and (found < 0 or travel[start, area] > travel[start, found]):
            found = area
    return found


@inner_kernel
def _extend(travel, visit, visits, shift, first, following):
    """Grow the tour of `first` by what lengthens an officer's work least, as long as the shift holds it."""
    n = travel.shape[0]
    length, most = visit, visits[first]
    following[first] = first
    while True:
        least, what, after = math.inf, -1, -1
        for area in range(n):
            if following[area] >= 0:
                continue
            rounds = max(most, visits[area])
            here = first
            while True:
                detour = travel[here, area] + travel[area, following[here]] - travel[here, following[here]]
                work = (length + visit + detour) * rounds
                if work <= shift and work - length * most < least:
                    least, what, after = work - length * most, area, here
                here = following[here]
                if here == first:
                    break
        if what < 0:
            return length
        length += visit + travel[after, what] + travel[what, following[after]] - travel[after, following[after]]
        most = max(most, visits[what])
        following[what] = following[after]
        following[after] = what


@kernel
def build_tours(travel, visit, visits, shift, start, out_next):
    """Build closed tours by cheapest insertion, and return the minutes of one round of all of them.

    Each tour begins with the area that is farthest from `start` among those without one; `start` is the first.

    Parameters
    ----------
    travel
        float64 [n, n], minutes, 0 on the diagonal.
    visit
        Minutes of a visit; one visit to each area fits its part of the shift.
    visits
        int64 [n], visits to each area per shift: a tour is walked as often as its most demanding area needs.
    shift
        Minutes that all rounds of a tour may take.
    start
        Where the first tour begins.
    out_next
        int64 [n]: which area follows each on its tour; a cycle is a tour.
    """
    out_next[:] = -1
    total = 0.0
    first = start
    while first >= 0:
        total += _extend(travel, visit, visits, shift, first, out_next)
        first = _farthest(travel, start, out_next)
    return total
