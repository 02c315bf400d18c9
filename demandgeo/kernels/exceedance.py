"""Monte-Carlo surfaces: draws under two null hypotheses, and how often and how far the drawn surface exceeds."""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from demandgeo.kernels import inner_kernel, kernel, parallel_kernel
from demandgeo.kernels.chance import uniform

BLOCK_ROWS = 64
"""Rows of one parallel task: fixed, so that the work does not depend on the number of threads."""


@kernel
def draw_subset(seed, replicate, taken, member, weight, out):
    """Take `taken` of all events, every subset as likely as any other, and sum their weights by location.

    One pass with one number per event (selection sampling: Knuth 1997, The Art of Computer Programming 2, 3.4.2 S).

    Parameters
    ----------
    seed, replicate
        The draw; the numbers used are those of (seed, replicate, event).
    taken
        How many events are taken.
    member
        int32 [n]: the location of each event.
    weight
        float64 [n].
    out
        float64 [locations].
    """
    out[:] = 0.0
    left = taken
    for event in range(member.size):
        # A number below 1 times what remains is below it: the last events are taken when exactly they are needed.
        if uniform(seed, replicate, event) * (member.size - event) < left:
            out[member[event]] += weight[event]
            left -= 1


@kernel
def draw_places(seed, replicate, cumulative, out):
    """Fill out with independent draws of places, ascending, each in proportion to its exposure.

    Sums of exponential waits over their total are uniforms in order (Devroye 1986, Non-Uniform Random Variate
    Generation, section V.3.1): one walk along the exposure, no table to look up.

    Parameters
    ----------
    seed, replicate
        The draw; the numbers used are those of (seed, replicate, 0 .. draws).
    cumulative
        float64 [places]: running sum of the exposure; each place has some.
    out
        int64 [draws].
    """
    fill_places(seed, replicate, cumulative, out)


@inner_kernel
def fill_places(seed, replicate, cumulative, out):
    """Fill out as `draw_places` does."""
    wait = np.empty(out.size)
    total = 0.0
    for draw in range(out.size):
        total -= math.log(1.0 - uniform(seed, replicate, draw))
        wait[draw] = total
    total -= math.log(1.0 - uniform(seed, replicate, out.size))
    place, last = 0, cumulative.size - 1
    for draw in range(out.size):
        level = wait[draw] / total * cumulative[last]
        while place < last and cumulative[place] <= level:
            place += 1
        out[draw] = place


@parallel_kernel
def sum_powers(x, y, weight, start, x0, y0, dx, dy, bandwidth, power, out):
    """Fill out with the sum of weight * (1 - r2 / h2)**power at the centre of each cell.

    Any power, where `planar.add_kernel` has a loop for each shape: the variance of a surface needs the square of its
    kernel. Arguments as there.
    """
    rows, columns = out.shape
    reach = int(min(math.ceil(bandwidth / dy) + 1.0, float(rows + 1)))
    for row in prange(rows):
        out[row, :] = 0.0
        for i in range(start[max(row - reach + 1, 0)], start[min(row + reach + 2, rows + 2)]):
            d = (y[i] - y0) + (row + 0.5) * dy
            rest = bandwidth * bandwidth - d * d
            if rest >= 0.0:
                west = x0 - x[i]
                first = int(min(max(math.floor((-bandwidth - west) / dx - 0.5), 0.0), float(columns)))
                last = int(min(max(math.ceil((bandwidth - west) / dx - 0.5) + 1.0, 0.0), float(columns)))
                for column in range(first, last):
                    d = west + (column + 0.5) * dx
                    # In the order of `planar.add_kernel`: a centre on the edge is within for both or for neither.
                    t = rest - d * d
                    if t >= 0.0:
                        out[row, column] += weight[i] * (t / (bandwidth * bandwidth)) ** power


@parallel_kernel
def count_exceedances(surface, lowest, mean, inverse_sd, out_count, out_highest):
    """Count where a drawn surface is at least as high as the observed one, and find its highest score.

    Parameters
    ----------
    surface
        float64 [rows, columns]: the drawn surface.
    lowest
        float64 [rows, columns]: the least value that counts as being as high.
    mean, inverse_sd
        float64 [rows, columns]: the score is (surface - mean) * inverse_sd; an inverse of 0 leaves a cell out.
    out_count
        int32 [rows, columns], added to.
    out_highest
        float64 [blocks of rows]: the highest score of each block; 0 if none is above.
    """
    rows, columns = surface.shape
    for block in prange(out_highest.size):
        highest = 0.0
        for row in range(block * BLOCK_ROWS, min((block + 1) * BLOCK_ROWS, rows)):
            for column in range(columns):
                out_count[row, column] += surface[row, column] >= lowest[row, column]
                score = (surface[row, column] - mean[row, column]) * inverse_sd[row, column]
                highest = max(highest, score)
        out_highest[block] = highest
