"""The slow, obvious twin of each kernel."""

from __future__ import annotations

import itertools
import math

import numpy as np


def collapsed(x, y):
    """Distinct coordinates in order of first sight, and the location of each event."""
    seen: dict[tuple[float, float], int] = {}
    member = [seen.setdefault(pair, len(seen)) for pair in zip(x.tolist(), y.tolist(), strict=True)]
    return list(seen), member


def rows_in_order(y, y0, dy, rows):
    """Locations by grid row (north of the grid first, south of it last), stably, and where each row starts."""
    row = np.clip(np.floor((y0 - y) / dy), -1, rows).astype(int)
    return np.argsort(row, kind="stable"), np.searchsorted(np.sort(row), np.arange(-1, rows + 2))


def intensity(x, y, weight, grid, *, bandwidth, power):
    """Kernel sum per m2 at every cell centre, term by term in extended precision; and how many points reach each."""
    rows, columns = grid.shape
    wide = np.longdouble
    centre_x = wide(grid.x0) + (np.arange(columns).astype(wide) + wide(0.5)) * wide(grid.dx)
    centre_y = wide(grid.y0) - (np.arange(rows).astype(wide) + wide(0.5)) * wide(grid.dy)
    total, reached = np.zeros(grid.shape, wide), np.zeros(grid.shape, int)
    h2 = wide(bandwidth) ** 2
    scale = (power + 1) / (wide(math.pi) * h2)
    for px, py, w in zip(x, y, weight, strict=True):
        r2 = (centre_x[None, :] - wide(px)) ** 2 + (centre_y[:, None] - wide(py)) ** 2
        within = r2 <= h2
        total += np.where(within, wide(w) * scale * (1 - r2 / h2) ** power, 0)
        reached += within
    return total, reached


def parts(indptr, indices, chosen):
    """Connected part of each chosen unit, in order of its lowest unit; -1 elsewhere."""
    label = np.where(chosen, np.arange(chosen.size), -1)
    while True:
        before = label.copy()
        for unit in np.flatnonzero(chosen):
            for other in indices[indptr[unit] : indptr[unit + 1]]:
                if chosen[other]:
                    label[unit] = min(label[unit], label[other])
        if (before == label).all():
            return np.array([-1 if part < 0 else np.unique(label[label >= 0]).tolist().index(part) for part in label])


def moat_bound(indptr, indices, value, most):
    """Bound of `most_value`, territories found by relaxing every edge until nothing changes."""
    label = parts(indptr, indices, value > 0)
    clumps = label.max() + 1
    worth = np.array([value[label == clump].sum() for clump in range(clumps)])
    if clumps <= most:
        return worth.sum()
    cost = np.where(label >= 0, 0.0, np.inf)
    edges = [(u, v) for u in range(value.size) for v in indices[indptr[u] : indptr[u + 1]]]
    for _ in range(value.size):
        for u, v in edges:
            cost[v] = min(cost[v], cost[u] + max(0.0, -value[v]))
    owner = label.copy()
    for _ in range(value.size):
        for u, v in edges:
            if owner[v] < 0 <= owner[u] and cost[v] == cost[u] + max(0.0, -value[v]):
                owner[v] = owner[u]
    moat = worth.copy()
    for u, v in edges:
        if owner[u] >= 0 and owner[v] != owner[u]:
            moat[owner[u]] = min(moat[owner[u]], cost[u])
    return (worth - moat).sum() + np.sort(moat)[::-1][:most].sum()


def every_choice(rows, columns):
    """Every set of cells of a small grid [2**n, n], and its number of rook-connected parts."""
    n = rows * columns
    chosen = ((np.arange(2**n)[:, None] >> np.arange(n)) & 1).astype(bool)
    left = chosen.reshape(-1, rows, columns).copy()
    number = np.zeros(2**n, int)
    while left.any():
        flat = left.reshape(2**n, n)
        part = np.zeros_like(flat)
        part[np.arange(2**n), flat.argmax(axis=1)] = flat.any(axis=1)
        part = part.reshape(left.shape)
        for _ in itertools.count():
            grown = part.copy()
            grown[:, 1:] |= part[:, :-1]
            grown[:, :-1] |= part[:, 1:]
            grown[:, :, 1:] |= part[:, :, :-1]
            grown[:, :, :-1] |= part[:, :, 1:]
            grown &= left
            if (grown == part).all():
                break
            part = grown
        number += part.any(axis=(1, 2))
        left &= ~part
    return chosen, number
