"""Kulldorff's scan statistic under the Poisson model: the best window of observed and of drawn events."""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from demandgeo.kernels import inner_kernel, parallel_kernel
from demandgeo.kernels.exceedance import fill_places
from demandgeo.kernels.heaps import first, new_heap, put, take

LANES = 32
"""Replicates that go through the windows together: one look at a window's members and expectation serves them all,
and the comparison runs in vector registers (0.6 ns for a window and replicate; 3 ns one by one)."""

SLACK = 1e-6
"""Single precision decides where to look closer, so it must err to that side: its own rounding is a tenth of this."""

BLOCK_CENTRES = 64
"""Centres of one parallel task: fixed, so that the work does not depend on the number of threads."""


@inner_kernel
def log_likelihood_ratio(held, expected, total):
    """Return that of a window with more events than expected; 0 for any other."""
    if held <= expected:
        return 0.0
    ratio = held * math.log(held / expected)
    rest = total - held
    return ratio + rest * math.log(rest / (total - expected)) if rest > 0.0 else ratio


@parallel_kernel
def sum_expected(member, size, expected, most, out, out_size):
    """Fill out[i, w] with the events to expect in the first w + 1 members of window list i.

    Parameters
    ----------
    member
        int32 [centres, windows]: units in the order in which the window takes them in.
    size
        int64 [centres]: how many of them there are.
    expected
        float64 [units].
    most
        Windows with more to expect than this are left out, but for the first.
    out
        float64 [centres, windows].
    out_size
        int64 [centres]: how many windows are left.
    """
    for i in prange(member.shape[0]):
        total, kept = 0.0, 0
        for w in range(size[i]):
            total += expected[member[i, w]]
            out[i, w] = total
            if total > most and w > 0:
                break
            kept = w + 1
        out_size[i] = kept


@parallel_kernel
def scan_observed(count, total, member, size, expected, out_ratio, out_window):
    """Find the best window of each centre.

    Parameters
    ----------
    count
        float64 [units].
    total
        All events.
    member, size, expected
        As `sum_expected` takes and makes them.
    out_ratio
        float64 [centres]: the highest log likelihood ratio, 0 if no window has more events than expected.
    out_window
        int64 [centres]: the window that has it, the smallest of equals.
    """
    for i in prange(member.shape[0]):
        held, best, at = 0.0, 0.0, 0
        for w in range(size[i]):
            held += count[member[i, w]]
            ratio = log_likelihood_ratio(held, expected[i, w], total)
            if ratio > best:
                best, at = ratio, w
        out_ratio[i] = best
        out_window[i] = at


@parallel_kernel
def scan_replicates(seed, events, cumulative, unit, member, size, expected, out):
    """Raise out[r] to the highest log likelihood ratio of replicate r: all events dropped anew.

    With ln x <= x - 1 in both terms, the ratio is at most d^2 / E * C / (C - E), where d is what C events put into a
    window beyond its E: the logarithms are taken only where that beats the best so far.

    Parameters
    ----------
    seed
        The numbers used by replicate r are those of (seed, r, 0 .. events).
    events
        How many are dropped.
    cumulative
        float64 [places]: running sum of the exposure of the units that have some.
    unit
        int64 [places]: which unit each is.
    member, size, expected
        As `sum_expected` takes and makes them.
    out
        float64 [replicates].
    """
    units = unit.max() + 1
    for batch in prange((out.size + LANES - 1) // LANES):
        lanes = min(LANES, out.size - batch * LANES)
        count = np.zeros((units, LANES), np.float32)
        # Lanes without a replicate are never looked at closer.
        best, place = np.full(LANES, np.inf), np.empty(events, np.int64)
        for lane in range(lanes):
            best[lane] = out[batch * LANES + lane]
            fill_places(seed, batch * LANES + lane, cumulative, place)
            for event in range(events):
                count[unit[place[event]], lane] += np.float32(1.0)
        _raise_best(count, float(events), member, size, expected, best)
        for lane in range(lanes):
            out[batch * LANES + lane] = best[lane]


@inner_kernel
def _raise_best(count, total, member, size, expected, out):
    """Raise out[lane] to the highest ratio of a lane; count is float32 [units, LANES]."""
    held, bar = np.zeros(LANES, np.float32), np.empty(LANES, np.float32)
    for lane in range(LANES):
        bar[lane] = math.sqrt(out[lane]) * (1.0 - SLACK)
    for i in range(member.shape[0]):
        held[:] = np.float32(0.0)
        for w in range(size[i]):
            own, level = member[i, w], expected[i, w]
            spread = np.float32(math.sqrt(level * (total - level) / total))
            low = np.float32(level * (1.0 - SLACK))
            beaten = np.int32(0)
            for lane in range(LANES):
                sum_of_lane = held[lane] + count[own, lane]
                held[lane] = sum_of_lane
                beaten += np.int32(sum_of_lane - low > bar[lane] * spread)
            if beaten > 0:
                for lane in range(LANES):
                    if held[lane] - low > bar[lane] * spread:
                        ratio = log_likelihood_ratio(float(held[lane]), level, total)
                        if ratio > out[lane]:
                            out[lane] = ratio
                            bar[lane] = math.sqrt(ratio) * (1.0 - SLACK)


@parallel_kernel
def fill_nearest_on_graph(indptr, indices, length, centre, out, out_size):
    """Fill out[i] with the units nearest to centre[i] along the neighbours, the centre first; equals by their number.

    Parameters
    ----------
    indptr, indices, length
        int64, int64, float64: neighbours as compressed sparse rows, and the metres to each.
    centre
        int64 [centres].
    out
        int32 [centres, most].
    out_size
        int64 [centres]: how many were found; fewer than asked for where the graph ends.
    """
    for block in prange((centre.size + BLOCK_CENTRES - 1) // BLOCK_CENTRES):
        heap = new_heap(indptr.size - 1)
        done = np.full(indptr.size - 1, -1)
        for i in range(block * BLOCK_CENTRES, min((block + 1) * BLOCK_CENTRES, centre.size)):
            put(heap, centre[i], 0.0)
            found = 0
            while first(heap) >= 0:
                unit = first(heap)
                distance = heap[0][unit]
                take(heap, unit)
                if found < out.shape[1]:
                    done[unit] = i
                    out[i, found] = unit
                    found += 1
                    for place in range(indptr[unit], indptr[unit + 1]):
                        other = indices[place]
                        if done[other] != i:
                            way = distance + length[place]
                            if heap[2][other] < 0 or way < heap[0][other]:
                                put(heap, other, way)
            out_size[i] = found
