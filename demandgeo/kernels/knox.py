"""Pairs of events that are close in place and time, of the true times and of times dealt out anew."""

from __future__ import annotations

from numba import prange

from demandgeo.kernels import parallel_kernel
from demandgeo.kernels.chance import uniform


@parallel_kernel
def count_close_pairs(seed, first, second, band, time, limits, out):
    """Fill out[r, band * limits.size + t] with the pairs of a band of distance whose times are in band t.

    Row 0 has the times as they are; in every other row they are dealt out anew among all events (shuffled by Fisher
    and Yates, with the numbers of (seed, r, 0), (seed, r, 1), ...).

    Parameters
    ----------
    seed
        Of the draws.
    first, second
        int32 [pairs]: the two events of each pair.
    band
        int32 [pairs]: band of its distance.
    time
        float64 [events].
    limits
        float64 [bands of time], ascending: a pair is in the first band whose limit its difference does not exceed, in
        none if it exceeds all.
    out
        int64 [replicates + 1, bands of distance * bands of time].
    """
    bands = limits.size
    for r in prange(out.shape[0]):
        dealt = time.copy()
        if r > 0:
            for last in range(dealt.size - 1, 0, -1):
                other = min(int(uniform(seed, r, last) * (last + 1)), last)
                dealt[last], dealt[other] = dealt[other], dealt[last]
        out[r, :] = 0
        for pair in range(first.size):
            apart = abs(dealt[first[pair]] - dealt[second[pair]])
            if apart <= limits[bands - 1]:
                at = 0
                while apart > limits[at]:
                    at += 1
                out[r, band[pair] * bands + at] += 1
