"""Monte Carlo on streets: events drawn anew under a null hypothesis, many replicates side by side, and their tally."""

from __future__ import annotations

import math

from numba import prange

from demandgeo.kernels import inner_kernel, kernel, parallel_kernel
from demandgeo.kernels.chance import uniform


@kernel
def draw_subsets(seed, first_replicate, pool, out_event):
    """Fill out_event[replicate] with distinct events 0..pool - 1 in ascending order, every subset as likely as another.

    One pass with one number per event (selection sampling: Knuth 1997, The Art of Computer Programming 2, 3.4.2 S).

    Parameters
    ----------
    seed, first_replicate
        The numbers used are those of (seed, first_replicate + replicate, event).
    pool
        Number of events to choose from.
    out_event
        int64 [replicates, taken].
    """
    for replicate in range(out_event.shape[0]):
        taken = 0
        for event in range(pool):
            left = out_event.shape[1] - taken
            # A number below 1 times what remains is below it: the last are taken when exactly they are needed.
            if uniform(seed, first_replicate + replicate, event) * (pool - event) < left:
                out_event[replicate, taken] = event
                taken += 1


@kernel
def draw_units(seed, first_replicate, cumulative, out_unit, out_share):
    """Drop events on units in proportion to an exposure, and evenly along each.

    Parameters
    ----------
    seed, first_replicate
        The numbers used are those of (seed, first_replicate + replicate, 2 x event and 2 x event + 1).
    cumulative
        float64 [units]: running sum of the exposure; the last is above 0.
    out_unit, out_share
        int64, float64 [replicates, events]: unit, and how far along it, as a share.
    """
    for replicate in range(out_unit.shape[0]):
        for event in range(out_unit.shape[1]):
            number = uniform(seed, first_replicate + replicate, 2 * event) * cumulative[-1]
            out_unit[replicate, event] = _first_above(cumulative, number)
            out_share[replicate, event] = uniform(seed, first_replicate + replicate, 2 * event + 1)


@inner_kernel
def _first_above(cumulative, number):
    low, high = 0, cumulative.size - 1
    while low < high:
        middle = (low + high) // 2
        if cumulative[middle] > number:
            high = middle
        else:
            low = middle + 1
    return low


@parallel_kernel
def add_squares(values, mean, out_square):
    """Add to out_square[unit] the squared differences from the mean, channel by channel.

    Parameters
    ----------
    values
        float32 [units, channels].
    mean, out_square
        float64 [units].
    """
    for unit in prange(mean.size):
        # One replicate after the other, so that the sum does not depend on how many there are at a time.
        for c in range(values.shape[1]):
            out_square[unit] += (values[unit, c] - mean[unit]) ** 2


@parallel_kernel
def tally(values, least, mean, inverse_sd, block, out_count, out_highest):
    """Count the replicates that come up to what was observed, and find the highest score of each.

    Parameters
    ----------
    values
        float32 [units, channels]: one replicate per channel.
    least
        float64 [units]: what a replicate must reach to count.
    mean, inverse_sd
        float64 [units]: of chance; 0 where a unit is not tested.
    block
        Units of one parallel task: fixed, so that the work does not depend on the number of threads.
    out_count
        int32 [units]: added to.
    out_highest
        float64 [blocks, channels]: filled with the highest score within each block.
    """
    for b in prange(out_highest.shape[0]):
        for c in range(values.shape[1]):
            out_highest[b, c] = -math.inf
        for unit in range(b * block, min((b + 1) * block, mean.size)):
            if inverse_sd[unit] > 0.0:
                for c in range(values.shape[1]):
                    if values[unit, c] >= least[unit]:
                        out_count[unit] += 1
                    score = (values[unit, c] - mean[unit]) * inverse_sd[unit]
                    out_highest[b, c] = max(out_highest[b, c], score)
