"""Which open site answers each point, and the orders of points along which demand is added up."""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from demandgeo.kernels import inner_kernel


class Of(IntEnum):
    """Columns that say what a run of points is."""

    START = 0
    PLACE = 1
    SLOT = 2
    TEAMS = 3


@inner_kernel
def answer(seconds, own, site, teams, answers, within, nearest, place, count):
    """Fill how many seconds each point waits, from which place on duty, and how many teams are within the standard.

    Parameters
    ----------
    seconds, site, teams, within
        As in `kernels.scoring.score_options`.
    own
        int64 [shifts + 1]: which places of `site` are on duty in each shift of the option; they are numbered from 0.
    answers
        int32 [points]: the site that answers where it is open, or -1.
    nearest, place, count
        float32, int32, int32 [shifts * points]. Infinite and 0 where nobody is on duty or has a way.
    """
    points = seconds.shape[1]
    for h in range(own.size - 1):
        here, duty = slice(h * points, (h + 1) * points), slice(own[h], own[h + 1])
        _reach(seconds, site[duty], teams[duty], within, nearest[here], place[here], count[here])
        _assign(seconds, site[duty], answers, nearest[here], place[here])
        place[here] += np.int32(own[h] - own[0])


@inner_kernel
def _reach(seconds, sites, teams, within, nearest, place, count):
    """Let the nearest open site answer; count the teams of all of them."""
    # Compared as float32, which takes half the time: no float32 lies between this and the standard.
    limit = np.float32(within)
    if float(limit) > within:
        limit = np.nextafter(limit, np.float32(0.0))
    nearest[:] = np.inf
    place[:] = 0
    count[:] = 0
    for q in range(sites.size):
        times, at, crews = seconds[sites[q]], np.int32(q), np.int32(teams[q])
        for i in range(nearest.size):
            closer = times[i] < nearest[i]
            nearest[i] = times[i] if closer else nearest[i]
            place[i] = at if closer else place[i]
            count[i] += crews if times[i] <= limit else np.int32(0)


@inner_kernel
def _assign(seconds, sites, answers, nearest, place):
    """Let the assigned site of a point answer where it is open."""
    seat = np.full(seconds.shape[0], -1, np.int32)
    for q in range(sites.size):
        seat[sites[q]] = q
    for i in range(answers.size):
        if answers[i] >= 0 and seat[answers[i]] >= 0:
            place[i] = seat[answers[i]]
            nearest[i] = seconds[answers[i], i]


@inner_kernel
def order_by_time(nearest, far):
    """Fill the points from the farthest to the nearest; what is left of `far` is a point beyond the last."""
    # The bits of floats >= 0 are in the order of the floats; adding 0 makes -0 a 0.
    bits = (nearest + np.float32(0.0)).view(np.int32)
    key = np.empty(nearest.size, np.int64)
    for i in range(nearest.size):
        key[i] = -bits[i]
    far[nearest.size :] = nearest.size
    _sort(key, far)


@inner_kernel
def order_by_run(nearest, place, count, group, groups, nobody, within, fading_to, row, time, run):
    """Fill the points in runs of one slot, place and number of teams; return how many runs there are.

    The slot of a point is its group if its answering site is within the standard, else `groups` where gradual coverage
    fades, and `groups + 1` beyond. The place of points that nobody reaches is `nobody`, and their time 0: infinity
    times no demand would be NaN.
    """
    n, points = nearest.size, group.size
    key, slot, crews = np.empty(n, np.int64), np.empty(n, np.int32), np.int64(count.max())
    for h in range(n // points):
        for p in range(points):
            i = h * points + p
            seconds = float(nearest[i])
            slot[i] = group[p] if seconds <= within else (groups if seconds < fading_to else groups + 1)
            place[i] = place[i] if nearest[i] < np.inf else nobody
            key[i] = (np.int64(slot[i]) * (nobody + 1) + place[i]) * (crews + 1) + count[i]
    _sort(key, row)
    runs, last = 0, np.int64(-1)
    for k in range(n):
        i = row[k]
        time[k] = nearest[i] if place[i] < nobody else np.float32(0.0)
        if key[i] != last:
            last = key[i]
            run[runs, Of.START], run[runs, Of.PLACE] = k, place[i]
            run[runs, Of.SLOT], run[runs, Of.TEAMS] = slot[i], count[i]
            runs += 1
    run[runs, Of.START] = n
    return runs


@inner_kernel
def _sort(key, order):
    """Fill the stable order of whole numbers, least first, by their digits (argsort takes six times as long)."""
    n, least, most = key.size, key.min(), key.max()
    bits, room = 0, 1
    while (most - least) >> bits > 0:
        bits += 1
    while n >> room > 0:
        room += 1
    turns = (bits + 10) // 11
    digit = (bits + turns - 1) // turns if turns > 0 else 0
    # A key and its place in one number: a turn then reads and writes in one place (20 % less time).
    pairs, other = np.empty(n, np.int64), np.empty(n, np.int64)
    for i in range(n):
        pairs[i] = (key[i] - least) << room | i
    start = np.empty((1 << digit) + 1, np.int64)
    for turn in range(turns):
        shift, mask = room + turn * digit, (1 << digit) - 1
        start[:] = 0
        for i in range(n):
            start[((pairs[i] >> shift) & mask) + 1] += 1
        for b in range(mask + 1):
            start[b + 1] += start[b]
        for i in range(n):
            b = (pairs[i] >> shift) & mask
            other[start[b]] = pairs[i]
            start[b] += 1
        pairs, other = other, pairs
    for i in range(n):
        order[i] = pairs[i] & ((1 << room) - 1)
