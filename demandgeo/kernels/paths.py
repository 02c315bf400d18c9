"""Shortest paths on a street network, as far as they are needed."""

from __future__ import annotations

import math

from numba import prange

from demandgeo.kernels import inner_kernel, parallel_kernel
from demandgeo.kernels.heaps import first, new_heap, put, take
from demandgeo.kernels.profiles import height

FAR = math.inf


@inner_kernel
def spread(source, limit, indptr, arm, start, end, length, heap, out_distance, out_reached):
    """Find the junctions within `limit` of one of them; return how many.

    Parameters
    ----------
    source, limit
        Junction, metres.
    indptr, arm
        int64: the street ends at each junction; 2s at the start of street s, 2s + 1 at its end.
    start, end, length
        int64, int64, float64 [streets].
    heap
        Empty, of all junctions.
    out_distance
        float64 [junctions]: infinite on entry.
    out_reached
        int64 [junctions]: those reached.
    """
    count = 0
    out_distance[source] = 0.0
    put(heap, source, 0.0)
    here = first(heap)
    while here >= 0:
        take(heap, here)
        out_reached[count] = here
        count += 1
        for k in range(indptr[here], indptr[here + 1]):
            street = arm[k] >> 1
            there = end[street] if arm[k] & 1 == 0 else start[street]
            distance = out_distance[here] + length[street]
            if distance <= limit and distance < out_distance[there]:
                out_distance[there] = distance
                put(heap, there, distance)
        here = first(heap)
    return count


@inner_kernel
def clear(reached, count, out_distance):
    """Make the distances infinite again."""
    for i in range(count):
        out_distance[reached[i]] = FAR


@parallel_kernel
def add_by_shortest_path(
    indptr, arm, start, end, length, first_unit, unit, middle, first_event, place, weight, channel, profile, h, reach,
    out_distance, out_reached, out_seen, out,
):  # fmt: skip
    """Add the kernel of the shortest-path distance to every event, at the middle of every unit.

    Parameters
    ----------
    indptr, arm, start, end, length
        As in `spread`.
    first_unit, unit, middle
        int64 [streets + 1], int64 [units], float64 [units]: as in `waves.collect`.
    first_event, place, weight, channel
        int64 [streets + 1], then [events], by street.
    profile, h, reach
        Kernel, its support or standard deviation, and the distance beyond which it counts nothing.
    out_distance, out_reached, out_seen
        float64 (infinite), int64 [workers, 2 x junctions], int64 [workers, streets] (-1): scratch.
    out
        float64 [units, channels]: added to.
    """
    workers, n = out_seen.shape[0], indptr.size - 1
    for worker in prange(workers):
        heap = new_heap(n)
        from_start, from_end = out_distance[worker, :n], out_distance[worker, n:]
        near_start, near_end = out_reached[worker, :n], out_reached[worker, n:]
        for street in range(worker, length.size, workers):
            if first_unit[street] == first_unit[street + 1]:
                continue
            at_start = spread(start[street], reach, indptr, arm, start, end, length, heap, from_start, near_start)
            at_end = spread(end[street], reach, indptr, arm, start, end, length, heap, from_end, near_end)
            for side in range(2):
                for i in range(at_start if side == 0 else at_end):
                    junction = near_start[i] if side == 0 else near_end[i]
                    for k in range(indptr[junction], indptr[junction + 1]):
                        other = arm[k] >> 1
                        if out_seen[worker, other] == street:
                            continue
                        out_seen[worker, other] = street
                        if first_event[other] < first_event[other + 1]:
                            _add_events(
                                street, other, start, end, length, first_unit, unit, middle, first_event, place, weight,
                                channel, profile, h, reach, from_start, from_end, out,
                            )  # fmt: skip
            clear(near_start, at_start, from_start)
            clear(near_end, at_end, from_end)


@inner_kernel
def _add_events(
    street, other, start, end, length, first_unit, unit, middle, first_event, place, weight, channel, profile, h, reach,
    from_start, from_end, out,
):  # fmt: skip
    for at in range(first_unit[street], first_unit[street + 1]):
        before, after = middle[at], length[street] - middle[at]
        to_start = min(before + from_start[start[other]], after + from_end[start[other]])
        to_end = min(before + from_start[end[other]], after + from_end[end[other]])
        for event in range(first_event[other], first_event[other + 1]):
            distance = min(to_start + place[event], to_end + length[other] - place[event])
            if street == other:
                distance = min(distance, abs(middle[at] - place[event]))
            if distance < reach:
                out[unit[at], channel[event]] += weight[event] * height(profile, distance, h)
