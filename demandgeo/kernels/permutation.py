"""Sums of values drawn without replacement: their exact law by Fourier transform, and counts over drawn subsets."""

from __future__ import annotations

import numpy as np
from numba import prange

from demandgeo.kernels import kernel, parallel_kernel
from demandgeo.kernels.chance import uniform

BLOCK_UNITS = 4096
"""Units of one parallel task: fixed, so that the work does not depend on the number of threads."""


@parallel_kernel
def transform_subset_sums(spectrum, newton, out):
    """Fill out[k, f] with the transform, at frequency f, of the law of a sum of k values drawn from all of them.

    Newton's identities turn the power sums of the numbers exp(-2 pi i f y / length) into their elementary symmetric
    ones. The j-th power sum at f is the first at j f, so that one transform of the histogram serves all.

    Parameters
    ----------
    spectrum
        complex128 [length], a power of two: the transform of the values' histogram over their number.
    newton
        float64 [most + 1, most + 1]: coefficient of the product of sum k - j and power sum j, at [k, j].
    out
        complex128 [most + 1, length // 2 + 1].
    """
    length = spectrum.size
    most = newton.shape[0] - 1
    for f in prange(out.shape[1]):
        out[0, f] = 1.0
        for k in range(1, most + 1):
            total = 0.0 + 0.0j
            for j in range(1, k + 1):
                total += newton[k, j] * out[k - j, f] * spectrum[(j * f) & (length - 1)]
            out[k, f] = total


@parallel_kernel
def tails_without_own(tails, leave_out, own, drawn, level, out_at_least, out_above):
    """Fill out with the chances that drawn[i] of all values but own[i] sum to at least level[i], and to more.

    With C_k(s) subsets of k values that sum to s, those without the value y are C_k(s) - C_(k-1)(s - y) + C_(k-2)(s -
    2 y) - ...: k + 1 look-ups, no second transform.

    Parameters
    ----------
    tails
        float64 [most + 1, length + 2]: chance that k of all values sum to at least s; the last two are 0.
    leave_out
        float64 [most + 1, most + 1]: coefficient of the tail of k - j values, at [k, j].
    own, drawn, level
        int64 [n]: the value left out, how many others are drawn (at most `most`), and the sum.
    out_at_least, out_above
        float64 [n].
    """
    last = tails.shape[1] - 2
    for i in prange(own.size):
        k = drawn[i]
        at_least, above = 0.0, 0.0
        for j in range(k + 1):
            # Both look-ups fall on one line of the cache: the second is almost free.
            rest = min(max(level[i] - j * own[i], -1), last)
            at_least += leave_out[k, j] * tails[k - j, max(rest, 0)]
            above += leave_out[k, j] * tails[k - j, rest + 1]
        out_at_least[i] = min(max(at_least, 0.0), 1.0)
        out_above[i] = min(max(above, 0.0), 1.0)


@parallel_kernel
def sum_neighbours(indptr, indices, values, out):
    """Fill out[i] with the sum of the values of the neighbours of unit i, in their order.

    A third of the time of a weighted `bincount` over the pairs.
    """
    for i in prange(out.size):
        total = values[0] * 0
        for place in range(indptr[i], indptr[i + 1]):
            total += values[indices[place]]
        out[i] = total


@kernel
def draw_ids(seed, others, out):
    """Fill each row of out with distinct integers of 0 .. others - 1, every choice and order as likely as any other.

    An integer that the row already has is drawn anew: rows are short beside the number of units. The numbers used by
    row r are those of (seed, r, 0), (seed, r, 1), ...
    """
    for row in range(out.shape[0]):
        draw = 0
        for column in range(out.shape[1]):
            is_new = False
            while not is_new:
                found = min(int(uniform(seed, row, draw) * others), others - 1)
                draw += 1
                is_new = True
                for before in range(column):
                    if out[row, before] == found:
                        is_new = False
            out[row, column] = found


@parallel_kernel
def count_extreme_draws(values, drawn, observed, ids, order, start, out_as_large, out_as_small):
    """Count, for each unit, the replicates whose sum is at least, and at most, the observed one.

    Replicate r draws for unit i the values of ids[r, : drawn[i]], counted among all units but i. From one unit to the
    next few of these change (those whose id is i), so the sums are carried along: one comparison per unit and
    replicate, not one gather per unit, replicate and neighbour (50 times slower for 8 neighbours of 100,000 units).

    Parameters
    ----------
    values
        int64 [n].
    drawn, observed
        int64 [n]: how many values are drawn, and the observed sum.
    ids
        int64 [replicates, most]: 0 .. n - 2, distinct in a row.
    order, start
        int64 [replicates * most], [n]: the places of ids in ascending order of id, and where those of each id start.
    out_as_large, out_as_small
        int64 [n].
    """
    n = values.size
    replicates, most = ids.shape
    for block in prange((n + BLOCK_UNITS - 1) // BLOCK_UNITS):
        first = block * BLOCK_UNITS
        sums = np.zeros((most + 1, replicates), np.int64)
        for r in range(replicates):
            for j in range(most):
                found = ids[r, j]
                sums[j + 1, r] = sums[j, r] + values[found + (found >= first)]
        for i in range(first, min(first + BLOCK_UNITS, n)):
            if i > first and values[i - 1] != values[i]:
                change = values[i - 1] - values[i]
                for place in range(start[i - 1], start[i]):
                    r = order[place] // most
                    for j in range(order[place] % most + 1, most + 1):
                        sums[j, r] += change
            own, level = sums[drawn[i]], observed[i]
            large, small = 0, 0
            for r in range(replicates):
                large += own[r] >= level
                small += own[r] <= level
            out_as_large[i] = large
            out_as_small[i] = small
