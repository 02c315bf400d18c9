"""The slow, obvious twin of the dynamic programme over stretches."""

from __future__ import annotations

import itertools

import numpy as np


def every_choice(lines, least, most, budget):
    """Every set of runs on some lines (cells each), runs of a line at least one cell apart, within the budget."""
    runs = []
    start = 0
    for cells in lines:
        runs += [
            (start + first, start + first + size, line_start)
            for line_start in [start]
            for size in range(least, most + 1)
            for first in range(cells - size + 1)
        ]
        start += cells
    for number in range(len(runs) + 1):
        for chosen in itertools.combinations(sorted(runs), number):
            if sum(last - first for first, last, _ in chosen) > budget:
                continue
            apart = all(b[0] > a[1] or (b[0] == a[1] and a[2] != b[2]) for a, b in itertools.pairwise(chosen))
            if apart:
                yield [(first, last) for first, last, _ in chosen]


def best_score(score, lines, least, most, budget):
    """The highest total score of any such choice."""
    return max(
        float(sum(np.sum(score[first:last]) for first, last in chosen))
        for chosen in every_choice(lines, least, most, budget)
    )


def worth_with(score, least, most, cell):
    """The highest total of a choice on one line (that holds a cell), minus infinity if there is none."""
    return max(
        (
            float(sum(np.sum(score[first:last]) for first, last in chosen))
            for chosen in every_choice([len(score)], least, most, len(score))
            if cell is None or any(first <= cell < last for first, last in chosen)
        ),
        default=-np.inf,
    )
