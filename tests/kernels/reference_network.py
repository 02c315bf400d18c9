"""The slow, obvious twins of the kernels on street networks.

The first two are plain loops over numbers, so that a test may compile them: there are millions of paths.
"""

from __future__ import annotations

import heapq
import itertools
import math

import numpy as np


def height(profile, r, h):
    """The kernel's height at a distance, from its definition."""
    u = r / h
    if profile == 4:
        return math.exp(-0.5 * u * u) / (math.sqrt(2.0 * math.pi) * h)
    if u >= 1.0:
        return 0.0
    if profile == 0:
        return 0.5 / h
    if profile == 1:
        return 0.75 * (1.0 - u * u) / h
    if profile == 2:
        return 0.9375 * (1.0 - u * u) ** 2 / h
    return 1.09375 * (1.0 - u * u) ** 3 / h


def walk_paths(  # noqa: C901, PLR0917
    start, end, length, indptr, arm, first_unit, segment, place, weight, profile, h, reach, continuous, reflect, most,
    kernel_height,
):  # fmt: skip
    """Follow every path from every event until it is longer than the kernel reaches; no other end to it.

    At a junction of n street ends a path goes on with 2/n into each other one and back with 2/n - 1 (continuous), or
    with 1/(n - 1) and not back (discontinuous; at a dead end back with 1 if it reflects). Returns the density at the
    middle of every unit and the number of streets walked, -1 if that passed `most`.
    """
    density, walked = np.zeros(first_unit[-1]), 0
    for event in range(len(segment)):
        s = segment[event]
        waiting = [(2 * s, -place[event], weight[event]), (2 * s + 1, place[event] - length[s], weight[event])]
        while len(waiting) > 0:
            leaving, begun, share = waiting.pop()
            s = leaving >> 1
            walked += 1
            if walked > most:
                return density, -1
            piece = length[s] / (first_unit[s + 1] - first_unit[s])
            for unit in range(first_unit[s], first_unit[s + 1]):
                along = (unit - first_unit[s] + 0.5) * piece
                far = begun + (length[s] - along if leaving & 1 else along)
                if far == 0.0:  # at the event itself both ways meet
                    density[unit] += 0.5 * share * kernel_height(profile, 0.0, h)
                elif 0.0 < far < reach:
                    density[unit] += share * kernel_height(profile, far, h)
            done = begun + length[s]
            if done >= reach:
                continue
            junction = start[s] if leaving & 1 else end[s]
            n = indptr[junction + 1] - indptr[junction]
            for k in range(indptr[junction], indptr[junction + 1]):
                if arm[k] == leaving ^ 1:
                    factor = 2.0 / n - 1.0 if continuous else (1.0 if n == 1 and reflect else 0.0)
                else:
                    factor = 2.0 / n if continuous else 1.0 / (n - 1)
                if factor != 0.0:
                    waiting.append((arm[k], done, share * factor))
    return density, walked


def shortest(net, segment, place):
    """Shortest way from a place to every junction, by Dijkstra with a list of neighbours."""
    distance = [math.inf] * len(net.node_x)
    queue = [(place, int(net.start[segment])), (net.length[segment] - place, int(net.end[segment]))]
    heapq.heapify(queue)
    while queue:
        far, node = heapq.heappop(queue)
        if far >= distance[node]:
            continue
        distance[node] = far
        for a, b in ((net.start, net.end), (net.end, net.start)):
            for street in np.flatnonzero(a == node):
                heapq.heappush(queue, (far + net.length[street], int(b[street])))
    return np.array(distance)


def between(net, segment, place, other, there):
    """Shortest way between two places on streets."""
    distance = shortest(net, segment, place)
    ways = [distance[net.start[other]] + there, distance[net.end[other]] + net.length[other] - there]
    return min([*ways, abs(place - there)] if segment == other else ways)


def by_shortest_path(net, segment, place, weight, *, profile, h, reach):
    """The simple density: kernel of the shortest way from each event to the middle of each unit."""
    density, own = np.zeros(net.n), net.unit_segment
    middle = (net.unit_from + net.unit_to) / 2
    for s, p, w in zip(segment.tolist(), place.tolist(), weight.tolist(), strict=True):
        distance = shortest(net, s, p)
        for unit in range(net.n):
            t = own[unit]
            far = min(distance[net.start[t]] + middle[unit], distance[net.end[t]] + net.length[t] - middle[unit])
            if s == t:
                far = min(far, abs(p - middle[unit]))
            density[unit] += w * height(profile, far, h) if far < reach else 0.0
    return density


def nearest_pieces(x, y, *, ax, ay, bx, by):
    """Distance from each point to each straight piece, [points, pieces]."""
    px, py = x[:, None], y[:, None]
    dx, dy = bx - ax, by - ay
    squared = dx * dx + dy * dy
    share = np.where(squared > 0, ((px - ax) * dx + (py - ay) * dy) / np.where(squared > 0, squared, 1.0), 0.0)
    share = np.clip(share, 0.0, 1.0)
    return np.hypot(ax + share * dx - px, ay + share * dy - py)


def chains(partner, length):
    """Segments joined where exactly two meet: for each chain the list of (segment, runs against it)."""
    left, found = set(range(len(length))), []
    first = [arm for arm in range(len(partner)) if partner[arm] < 0]
    for arm in itertools.chain(first, (2 * s for s in range(len(length)))):
        here, chain = arm, []
        while here >= 0 and here >> 1 in left:
            left.remove(here >> 1)
            chain.append((here >> 1, bool(here & 1)))
            here = int(partner[here ^ 1])
        if chain:
            found.append(chain)
    return found
