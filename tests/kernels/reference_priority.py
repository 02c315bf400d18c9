"""Slow, obvious twins of the kernels of selection, and every choice of a small grid."""

from __future__ import annotations

import functools

import numpy as np

from tests.kernels.reference import parts


@functools.cache
def grid_choices(rows, columns):
    """Every set of cells of a small grid: uint32 [2**n] of bits, and its number of rook-connected parts, int8.

    Column by column: a set is what its first cells are and the last one. By bits: the parts of a set are those of the
    set without its lowest cell's part, plus one; that part grows by shifting until it stays as it is.
    """
    n = rows * columns
    sets = np.arange(2**n, dtype=np.uint32)
    at = np.arange(n).reshape(rows, columns)
    not_first, not_last = (np.uint32((1 << at[:, keep]).sum()) for keep in (slice(1, None), slice(None, -1)))
    number = np.zeros(sets.size, np.int8)
    for start in range(0, sets.size, 1 << 16):  # blocks that stay in the cache: four times as fast as whole arrays
        left = sets[start : start + (1 << 16)].copy()
        parts = number[start : start + (1 << 16)]
        while left.any():
            part = left & (~left + np.uint32(1))  # the lowest cell
            while True:
                grown = part | ((part & not_last) << np.uint32(1)) | ((part & not_first) >> np.uint32(1))
                grown |= (part << np.uint32(columns)) | (part >> np.uint32(columns))
                grown &= left
                if (grown == part).all():
                    break
                part = grown
            parts += part != 0
            left &= ~part
    return sets, number


def sums_over(values, dtype=np.float64):
    """Sum of a value per cell over every set of cells [2**n], by doubling."""
    total = np.zeros(1, dtype)
    for value in values:
        total = np.concatenate([total, total + value])
    return total


def least_part(rows, columns, extent):
    """Extent of the smallest part of every set [2**n], inf for the empty one."""
    sets, _ = grid_choices(rows, columns)
    n = rows * columns
    at = np.arange(n).reshape(rows, columns)
    not_first, not_last = (np.uint32((1 << at[:, keep]).sum()) for keep in (slice(1, None), slice(None, -1)))
    total, least = sums_over(extent), np.full(sets.size, np.inf)
    left = sets.copy()
    while left.any():
        part = left & (~left + np.uint32(1))
        while True:
            grown = part | ((part & not_last) << np.uint32(1)) | ((part & not_first) >> np.uint32(1))
            grown |= (part << np.uint32(columns)) | (part >> np.uint32(columns))
            grown &= left
            if (grown == part).all():
                break
            part = grown
        least = np.where(part != 0, np.minimum(least, total[part]), least)
        left &= ~part
    return least


def border_lengths(rows, columns):
    """Number of sides that every set shares with cells outside it, within the grid [2**n]."""
    n = rows * columns
    sets = np.arange(2**n, dtype=np.uint32)
    at = np.arange(n).reshape(rows, columns)
    pairs = [
        *zip(at[:, :-1].ravel(), at[:, 1:].ravel(), strict=True),
        *zip(at[:-1].ravel(), at[1:].ravel(), strict=True),
    ]
    sides = np.zeros(sets.size, np.int64)
    for a, b in pairs:
        sides += ((sets >> np.uint32(a)) ^ (sets >> np.uint32(b))) & np.uint32(1)
    return sides


def moat_bound(indptr, indices, value, most, toll):
    """Bound of `most_value`: each step finds the moat anew, in sets and dictionaries."""
    n = value.size
    near = [indices[indptr[unit] : indptr[unit + 1]].tolist() for unit in range(n)]
    clump = parts(indptr, indices, value > 0)
    clump[clump >= 0] = [np.flatnonzero(clump == part)[0] for part in clump[clump >= 0]]
    seats = sorted(set(clump[clump >= 0].tolist()))
    worth = {seat: float(value[clump == seat].sum()) for seat in seats}
    if len(seats) <= most:
        return sum(worth.values()), {}
    left = {(u, v): max(0.0, -float(value[v])) for v in range(n) for u in near[v]}
    budget, room, turn = dict(worth), dict.fromkeys(seats, toll), dict.fromkeys(seats, 0.0)
    widths = 0.0
    while turn:
        seat = min(turn, key=lambda s: (turn[s], s))
        del turn[seat]
        patience = 1.3 * min(turn.values()) if turn else np.inf
        tiny = 1e-12 * (budget[seat] + room[seat])
        while True:
            free = {arc for arc, cost in left.items() if cost <= tiny}
            moat = set(_spread({seat}, near, lambda a, b, free=free: (b, a) in free))
            cut = [(u, v) for v in moat for u in near[v] if u not in moat]
            held = [other for other in seats if other in moat]
            step = min([budget[seat], *(room[other] for other in held), *(left[arc] for arc in cut)])
            if step <= 0:
                break
            if len(cut) > patience:
                turn[seat] = float(len(cut))
                break
            widths += step
            budget[seat] -= step
            for other in held:
                room[other] -= step
            for arc in cut:
                left[arc] -= step
            if min([budget[seat], *(room[other] for other in held)]) <= tiny:
                break
    return sum(worth.values()) - widths + toll * most, left


def _spread(found, near, follows):
    """Units reached from those found, along pairs that follow."""
    stack = list(found)
    while stack:
        unit = stack.pop()
        for other in near[unit]:
            if other not in found and follows(unit, other):
                found.add(other)
                stack.append(other)
    return sorted(found)
