"""Closed tours through areas: the shortest of every subset, and tours built by cheapest insertion."""

from __future__ import annotations

import math

from demandgeo.kernels import inner_kernel, kernel


@kernel
def fill_shortest_tours(travel, out_path, out_tour):
    """Fill the shortest closed tour of every subset of areas (Held and Karp 1962).

    Parameters
    ----------
    travel
        float64 [n, n], minutes, 0 on the diagonal; n at most some 16.
    out_path
        float64 [2^n, n]: of each subset (bit i: area i) the shortest path from its lowest area through all of it to
        each area of it; infinite where there is none.
    out_tour
        float64 [2^n]: the same closed; 0 for none and one.
    """
    n = travel.shape[0]
    out_path[:] = math.inf
    out_tour[:] = math.inf
    out_tour[0] = 0.0
    for subset in range(1, 1 << n):
        first = 0
        while subset >> first & 1 == 0:
            first += 1
        if subset == 1 << first:
            out_path[subset, first] = 0.0
        for last in range(first + 1, n):
            if subset >> last & 1:
                rest = subset ^ (1 << last)
                for before in range(first, n):
                    found = out_path[rest, before] + travel[before, last]
                    out_path[subset, last] = min(out_path[subset, last], found)
        for last in range(first, n):
            out_tour[subset] = min(out_tour[subset], out_path[subset, last] + travel[last, first])


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
