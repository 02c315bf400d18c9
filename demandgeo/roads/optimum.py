"""The best runs of cells along lines within a budget, exactly: dynamic programming on what a price leaves."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from demandgeo.domain.record import Floats, Integers, Mask
from demandgeo.errors import ModelError
from demandgeo.kernels.stretches import best_stretches, price_stretches

Runs = Integers
"""int64 [runs, 2]: first cell and the cell after the last."""

MOST_CHOICES = 400_000_000
"""Cells times budget of the dynamic programme, two bytes each."""

MOST_WORK = 2_000_000_000
"""Cells times the square of the longest run: steps of one round of prices, some seconds."""

MOST_CELLS = 32_000
PRICES = 40
"""Halvings of the price: what is left of its range is below the rounding of the scores."""

SLACK = 1e-9
"""Relative: what rounding may do to a score."""


class _Priced(NamedTuple):
    """The best choice at a price: its score and cells, the worth of all lines, and what each cell is short of it."""

    score: float
    cells: int
    worth: float
    short: Floats


def optimal_runs(score: Floats, begin: Integers, least: int, most: int, budget: int) -> Runs:
    """Return the runs of cells with the highest total score, each of least to most cells, at most `budget` in all.

    Parameters
    ----------
    score
        float64 [n]: of each cell, lines one after the other.
    begin
        int64 [n]: the first cell of each cell's line.
    least, most, budget
        Cells. Two runs on a line are at least one cell apart.

    Raises
    ------
    ModelError
        If the task is too large.

    Notes
    -----
    With a price per cell, lines are independent and no choice within the budget scores more than price x budget + the
    worth of all lines (Everett 1963, Operations Research 11:399). A cell that a choice must fall short of that bound by
    more than the gap to the best choice found is in no optimal choice and is left out; the dynamic programme over cells
    and budget runs on the rest. A made force of 9,300 km keeps 2 % of its cells.

    Examples
    --------
    >>> optimal_runs(np.array([1.0, 2.0, -1.0, 3.0, 0.5]), np.zeros(5, np.int64), 1, 2, 3).tolist()
    [[0, 2], [3, 4]]
    """
    if score.size * most**2 > MOST_WORK or most > MOST_CELLS:
        raise ModelError(
            f"{score.size:,} cells with runs of up to {most:,} are too many to choose among exactly",
            f"at most {MOST_WORK:,} cells times the square of the longest run",
            "give longer cells, or a smaller max_length",
        )
    kept = _promising(score, begin, least, most, budget)
    cell = np.flatnonzero(kept)
    if (cell.size + 1) * (budget + 1) > MOST_CHOICES:
        raise ModelError(
            f"{cell.size:,} cells of promise with a budget of {budget:,} are too many to choose among exactly",
            f"at most {MOST_CHOICES:,} cells times budget",
            "give longer cells, or a smaller length_share",
        )
    own, lines = score[kept], _lines_of(begin, kept)
    length = np.zeros((cell.size + 1, budget + 1), np.int16)
    best_stretches(_sums(own), lines, least, most, budget, length, np.zeros((most + 2, budget + 1)))
    runs, i, left = [], cell.size, budget
    while i > 0:
        taken = int(length[i, left])
        if not taken:
            i -= 1
            continue
        first = i - taken
        runs.append((int(cell[first]), int(cell[i - 1]) + 1))
        left -= taken
        # The cell before a run is skipped, unless the run begins its line.
        i = first if first == lines[i - 1] else first - 1
    return np.array(runs[::-1], np.int64).reshape(-1, 2)


def _promising(score: Floats, begin: Integers, least: int, most: int, budget: int) -> Mask:
    """Return the cells that an optimal choice may hold."""
    low, high = 0.0, float(score.max(initial=0.0))
    found, limit = 0.0, np.full(score.size, np.inf)
    price = low
    for _ in range(PRICES):
        best = _priced(score, begin, least, most, price)
        # No choice within the budget that holds a cell scores more than this.
        limit = np.minimum(limit, price * budget + best.worth - best.short)
        if best.cells <= budget:
            found, high = max(found, best.score), price
        else:
            low = price
        if high - low <= SLACK * high:
            break
        price = (low + high) / 2
    return np.asarray(limit >= found - SLACK * (found + 1.0))


def _priced(score: Floats, begin: Integers, least: int, most: int, price: float) -> _Priced:
    n = score.size
    stop = _stops(begin)
    before, after, through = np.zeros(n + 1), np.zeros(n + 1), np.empty(n)
    length = np.zeros(n, np.int64)
    price_stretches(_sums(score), begin, stop, least, most, price, before, after, length, through)
    lasts = np.unique(stop)
    chosen = np.zeros(n, bool)
    for last in lasts.tolist():
        first, i = int(begin[last - 1]), last
        while i > first:
            taken = int(length[i - 1])
            if taken:
                chosen[i - taken : i] = True
            i = i - 1 if not taken else max(first, i - taken - 1)
    worth = before[lasts]
    return _Priced(float(score[chosen].sum()), int(chosen.sum()), float(worth.sum()), before[stop] - through)


def _stops(begin: Integers) -> Integers:
    """Return for each cell the one after the last of its line."""
    ends = np.append(np.flatnonzero(np.diff(begin)) + 1, begin.size)
    return ends[np.searchsorted(ends, np.arange(begin.size), side="right")]


def _sums(score: Floats) -> Floats:
    return np.concatenate([[0.0], np.cumsum(score)])


def _lines_of(begin: Integers, kept: Mask) -> Integers:
    """Return for each kept cell the first, among the kept ones, of those that follow on each other on its line."""
    cell = np.flatnonzero(kept)
    starts = np.diff(cell, prepend=-2) > 1
    starts |= np.diff(begin[cell], prepend=-1) != 0
    first = np.flatnonzero(starts)
    return first[np.cumsum(starts) - 1] if cell.size else np.empty(0, np.int64)
