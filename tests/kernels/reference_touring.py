"""Slow, obvious twins of the touring kernels."""

from __future__ import annotations

import itertools
import math

import numpy as np


def closed(travel, tour) -> float:
    return sum(travel[i, j] for i, j in zip(tour, [*tour[1:], tour[0]], strict=True)) if len(tour) else 0.0


def shortest_tour(travel, areas) -> float:
    """Every order, the first area fixed."""
    first, *rest = areas
    return min(closed(travel, [first, *order]) for order in itertools.permutations(rest))


def build_tours(travel, visit, visits, shift, start) -> list[list[int]]:
    """Cheapest insertion on plain lists."""
    left, tours, first = set(range(len(travel))), [], start
    while left:
        tour = [first]
        left.remove(first)
        while True:
            work = (visit * len(tour) + closed(travel, tour)) * max(visits[i] for i in tour)
            best = (math.inf, None)
            for area in sorted(left):
                for place in range(1, len(tour) + 1):
                    longer = [*tour[:place], area, *tour[place:]]
                    more = (visit * len(longer) + closed(travel, longer)) * max(visits[i] for i in longer)
                    if more <= shift and more - work < best[0] - 1e-9:
                        best = (more - work, longer)
            if best[1] is None:
                break
            left -= set(best[1])
            tour = best[1]
        tours.append(tour)
        first = max(sorted(left), key=lambda area: travel[start, area]) if left else None
    return tours


def fewest_tours(travel, visit, visits, shift) -> int:
    """Every partition of the areas whose parts fit."""

    def fits(part) -> bool:
        minutes = visit * len(part) + shortest_tour(travel, list(part))
        return minutes * max(visits[i] for i in part) <= shift * (1 + 1e-9)

    def fewest(left: tuple[int, ...]) -> float:
        if not left:
            return 0
        first, *rest = left
        return min(
            (
                1 + fewest(tuple(area for area in rest if area not in others))
                for size in range(len(rest) + 1)
                for others in itertools.combinations(rest, size)
                if fits((first, *others))
            ),
            default=math.inf,
        )

    return int(fewest(tuple(range(len(travel)))))


def most_risk(travel, visit, visits, shift, risk, officers) -> float:  # noqa: PLR0917
    """Every set of areas that so many tours can serve."""
    n = len(travel)
    best = 0.0
    for size in range(1, n + 1):
        for areas in itertools.combinations(range(n), size):
            inside = np.array(areas)
            if risk[inside].sum() > best:
                part = travel[np.ix_(inside, inside)]
                if fewest_tours(part, visit, visits[inside], shift) <= officers:
                    best = risk[inside].sum()
    return best
