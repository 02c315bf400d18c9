"""What lies within a distance along streets: pairs of events, and windows about each unit."""

from __future__ import annotations

import math

from numba import prange

from demandgeo.kernels import inner_kernel, parallel_kernel
from demandgeo.kernels.heaps import new_heap
from demandgeo.kernels.paths import clear, spread


@inner_kernel
def _between(street, here, other, there, start, end, length, from_start, from_end):
    """Return the shortest way between two places, by the distances of all junctions from the ends of the first."""
    after = length[street] - here
    to_start = min(here + from_start[start[other]], after + from_end[start[other]])
    to_end = min(here + from_start[end[other]], after + from_end[end[other]])
    distance = min(to_start + there, to_end + length[other] - there)
    return min(distance, abs(here - there)) if street == other else distance


@inner_kernel
def _streets_near(street, count, near, indptr, arm, found, seen, out_street):
    """Add to a list the streets that end in any of some junctions; return its length."""
    for i in range(count):
        for k in range(indptr[near[i]], indptr[near[i] + 1]):
            other = arm[k] >> 1
            if seen[other] != street:
                seen[other] = street
                out_street[found] = other
                found += 1
    return found


@parallel_kernel
def count_pairs(
    indptr, arm, start, end, length, first_from, place_from, layer_from, first_to, place_to, layer_to, alike, width,
    bins, out_distance, out_reached, out_seen, out_near, out_count,
):  # fmt: skip
    """Count the pairs of events of one layer, one from each set, by their distance along streets.

    Parameters
    ----------
    indptr, arm, start, end, length
        As in `paths.spread`.
    first_from, place_from, layer_from, first_to, place_to, layer_to
        int64 [streets + 1], float64, int64 [events]: the two sets, by street.
    alike
        Whether the two sets are one: an event is then no pair with itself.
    width, bins
        Distances are counted in bins so wide, in metres: bin b holds b width < distance <= (b + 1) width, 0 included
        in the first.
    out_distance, out_reached, out_seen, out_near
        As in `paths.add_by_shortest_path`; int64 [workers, streets].
    out_count
        int64 [workers, layers x bins]: added to.
    """
    workers, n = out_seen.shape[0], indptr.size - 1
    for worker in prange(workers):
        heap, near = new_heap(n), out_near[worker]
        from_start, from_end = out_distance[worker, :n], out_distance[worker, n:]
        at_start, at_end = out_reached[worker, :n], out_reached[worker, n:]
        for street in range(worker, length.size, workers):
            if first_from[street] == first_from[street + 1]:
                continue
            one = spread(start[street], width * bins, indptr, arm, start, end, length, heap, from_start, at_start)
            two = spread(end[street], width * bins, indptr, arm, start, end, length, heap, from_end, at_end)
            found = _streets_near(street, one, at_start, indptr, arm, 0, out_seen[worker], near)
            found = _streets_near(street, two, at_end, indptr, arm, found, out_seen[worker], near)
            for i in range(found):
                _count(
                    street, near[i], start, end, length, first_from, place_from, layer_from, first_to, place_to,
                    layer_to, alike, width, bins, from_start, from_end, out_count[worker],
                )  # fmt: skip
            clear(at_start, one, from_start)
            clear(at_end, two, from_end)


@inner_kernel
def _count(
    street, other, start, end, length, first_from, place_from, layer_from, first_to, place_to, layer_to, alike, width,
    bins, from_start, from_end, out_count,
):  # fmt: skip
    for i in range(first_from[street], first_from[street + 1]):
        for j in range(first_to[other], first_to[other + 1]):
            if layer_from[i] != layer_to[j] or (alike and i == j):
                continue
            distance = _between(street, place_from[i], other, place_to[j], start, end, length, from_start, from_end)
            if distance <= width * bins:
                out_count[layer_from[i] * bins + max(math.ceil(distance / width) - 1, 0)] += 1


@parallel_kernel
def list_windows(
    indptr, arm, start, end, length, first_unit, unit, middle, width, bins, first, out_distance, out_reached, out_seen,
    out_near, out_size, out_unit, out_ring,
):  # fmt: skip
    """List the units around each unit, and the ring in which each lies.

    Called twice: with empty lists it only counts.

    Parameters
    ----------
    indptr, arm, start, end, length, first_unit, unit, middle
        As in `paths.add_by_shortest_path`.
    width, bins
        Width of a ring in metres, and number of rings.
    first
        int64 [units + 1]: where the list of each unit starts; empty to count.
    out_distance, out_reached, out_seen, out_near
        As in `count_pairs`.
    out_size
        int64 [units]: how many units lie around each.
    out_unit, out_ring
        int32, int8 [sum of sizes]: filled.
    """
    workers, n = out_seen.shape[0], indptr.size - 1
    for worker in prange(workers):
        heap, near = new_heap(n), out_near[worker]
        from_start, from_end = out_distance[worker, :n], out_distance[worker, n:]
        at_start, at_end = out_reached[worker, :n], out_reached[worker, n:]
        for street in range(worker, length.size, workers):
            one = spread(start[street], width * bins, indptr, arm, start, end, length, heap, from_start, at_start)
            two = spread(end[street], width * bins, indptr, arm, start, end, length, heap, from_end, at_end)
            found = _streets_near(street, one, at_start, indptr, arm, 0, out_seen[worker], near)
            found = _streets_near(street, two, at_end, indptr, arm, found, out_seen[worker], near)
            for at in range(first_unit[street], first_unit[street + 1]):
                size = 0
                for i in range(found):
                    for k in range(first_unit[near[i]], first_unit[near[i] + 1]):
                        distance = _between(
                            street, middle[at], near[i], middle[k], start, end, length, from_start, from_end
                        )
                        if distance <= width * bins:
                            if first.size > 0:
                                out_unit[first[unit[at]] + size] = unit[k]
                                out_ring[first[unit[at]] + size] = max(math.ceil(distance / width) - 1, 0)
                            size += 1
                out_size[unit[at]] = size
            clear(at_start, one, from_start)
            clear(at_end, two, from_end)


@parallel_kernel
def scan(first, unit, ring, cases, expected, total, rings, log, out_sum, out_best, out_ring):
    """Find for each unit and layer the window about it of highest Poisson log likelihood ratio.

    Parameters
    ----------
    first, unit, ring
        The windows, from `list_windows`.
    cases
        int32 [units, layers].
    expected
        float64 [units].
    total
        Number of cases, and sum of `expected`.
    rings
        Number of rings.
    log
        float64 [total + 1]: logarithm of each number of cases.
    out_sum
        int32 [units, rings x layers]: scratch.
    out_best, out_ring
        float64, int8 [units, layers]: ratio (0 where no window holds more than expected) and its widest ring.
    """
    for centre in prange(first.size - 1):
        layers = cases.shape[1]
        for k in range(rings * layers):
            out_sum[centre, k] = 0
        for k in range(first[centre], first[centre + 1]):
            ring_sum = out_sum[centre, ring[k] * layers : (ring[k] + 1) * layers]
            here = cases[unit[k]]
            for c in range(layers):
                ring_sum[c] += here[c]
        for c in range(layers):
            out_best[centre, c], out_ring[centre, c] = 0.0, -1
        chance = 0.0
        for r in range(rings):
            chance += _expected_in(r, first[centre], first[centre + 1], unit, ring, expected)
            ring_sum = out_sum[centre, r * layers : (r + 1) * layers]
            if r > 0:
                inner = out_sum[centre, (r - 1) * layers : r * layers]
                for c in range(layers):
                    ring_sum[c] += inner[c]
            if 0.0 < chance < total:
                _compare(r, ring_sum, chance, total, log, out_best[centre], out_ring[centre])


@inner_kernel
def _expected_in(r, low, high, unit, ring, expected):
    chance = 0.0
    for k in range(low, high):
        if ring[k] == r:
            chance += expected[unit[k]]
    return chance


@inner_kernel
def _compare(r, count, chance, total, log, out_best, out_ring):
    """Compare the log likelihood ratio of a window in each layer with the best so far."""
    inside, outside = math.log(chance), math.log(total - chance)
    for c in range(count.size):
        if count[c] > chance:
            ratio = count[c] * (log[count[c]] - inside)
            if count[c] < total:
                ratio += (total - count[c]) * (log[total - count[c]] - outside)
            if ratio > out_best[c]:
                out_best[c], out_ring[c] = ratio, r
