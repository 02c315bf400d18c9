"""The best stretches of lines within a budget of length: dynamic programming over cells."""

from __future__ import annotations

import numpy as np

from demandgeo.kernels import kernel


@kernel
def best_stretches(cumulative, begin, least, most, budget, out_length, out_value):
    """Find runs of cells of the highest total score, at least one cell apart on a line.

    Parameters
    ----------
    cumulative
        float64 [n + 1]: sums of the scores of the first 0..n cells; lines stand one after the other.
    begin
        int64 [n]: the first cell of each cell's line.
    least, most
        Cells in a run.
    budget
        Cells in all runs together.
    out_length
        int16 [n + 1, budget + 1]: cells of the run that ends with cell i - 1 in the best choice among the first i cells
        with at most b cells; 0 if cell i - 1 is in none. The best choice is read from its last row backwards: after a
        run from cell j on, the cell before j is skipped unless j begins a line.
    out_value
        float64 [most + 2, budget + 1]: the scores of the last rows, in turn.

    Returns
    -------
    float64
        The total score.
    """
    n = begin.size
    # Scores are needed `most` rows back only; the whole table would take 8 bytes where the choices take 2.
    rows = most + 2
    for b in range(budget + 1):
        out_value[0, b] = 0.0
    for i in range(1, n + 1):
        here, before = out_value[i % rows], out_value[(i - 1) % rows]
        first = begin[i - 1]
        for b in range(budget + 1):
            here[b] = before[b]
            out_length[i, b] = 0
        for length in range(least, min(most, i - first) + 1):
            j = i - length
            gain = cumulative[i] - cumulative[j]
            # A run starts where its line does, or after a cell that is skipped: two that touch would be one.
            base = out_value[j % rows] if j == first else out_value[(j - 1) % rows]
            for b in range(length, budget + 1):
                total = base[b - length] + gain
                if total > here[b]:
                    here[b] = total
                    out_length[i, b] = length
    return out_value[n % rows, budget]


@kernel
def price_stretches(cumulative, begin, stop, least, most, price, out_before, out_after, out_length, out_through):
    """Find the best runs of cells where a cell costs a price, and what the best choice with each cell is worth.

    Lines do not depend on each other then.

    Parameters
    ----------
    cumulative
        float64 [n + 1]: sums of the scores of the first 0..n cells; lines stand one after the other.
    begin, stop
        int64 [n]: the first cell of each cell's line, and the one after its last.
    least, most
        Cells in a run.
    price
        Of a cell, on the scale of the scores.
    out_before
        float64 [n + 1]: worth of the best choice among the cells of a line up to cell i - 1; at the end of a line that
        of the whole line.
    out_after
        float64 [n + 1]: worth of the best choice among the cells of a line from cell i on; the last is not written.
    out_length
        int64 [n]: cells of the run that ends with each cell in the choice behind `out_before`; 0 if none does.
    out_through
        float64 [n]: worth of the best choice for the line among those that hold the cell; minus infinity if none can.
    """
    n = begin.size
    out_before[0] = 0.0
    for i in range(n):
        out_through[i] = -np.inf
    for i in range(1, n + 1):
        first = begin[i - 1]
        out_before[i] = 0.0 if i - 1 == first else out_before[i - 1]
        out_length[i - 1] = 0
        for length in range(least, min(most, i - first) + 1):
            j = i - length
            base = 0.0 if j - 1 <= first else out_before[j - 1]
            worth = base + cumulative[i] - cumulative[j] - price * length
            if worth > out_before[i]:
                out_before[i] = worth
                out_length[i - 1] = length
    for j in range(n - 1, -1, -1):
        last = stop[j]
        out_after[j] = 0.0 if j + 1 == last else out_after[j + 1]
        for length in range(least, min(most, last - j) + 1):
            i = j + length
            base = 0.0 if i + 1 >= last else out_after[i + 1]
            gain = cumulative[i] - cumulative[j] - price * length
            out_after[j] = max(out_after[j], base + gain)
            before = 0.0 if j - 1 <= begin[j] else out_before[j - 1]
            for cell in range(j, i):
                out_through[cell] = max(out_through[cell], before + gain + base)
