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


def density_at_locations(x, y, weight, *, bandwidth, power):
    """Sum of weight (1 - r2 / h2)**p at every location, itself included."""
    r2 = (x[:, None] - x) ** 2 + (y[:, None] - y) ** 2
    return np.where(r2 <= bandwidth**2, weight * (1 - r2 / bandwidth**2) ** power, 0.0).sum(axis=1)


def left_out_likelihoods(x, y, weight, kept, *, bandwidths, power, scale, floor):
    """Sum of weight log(scale S + floor) for each bandwidth, S without the own weight of a location but for `kept`."""
    scores = []
    for h, factor in zip(bandwidths, scale, strict=True):
        sums = density_at_locations(x, y, weight, bandwidth=h, power=power) - weight + kept
        scores.append(math.fsum(weight * np.log(factor * np.maximum(sums, 0) + floor)))
    return np.array(scores)


def summed_over_pairs(x, y, weight, function):
    """Sum of weight_i weight_j function(r_ij) over the pairs, each once."""
    pairs = [(i, j) for i in range(x.size) for j in range(i)]
    return math.fsum(weight[i] * weight[j] * function(math.hypot(x[i] - x[j], y[i] - y[j])) for i, j in pairs)


def adaptive_intensity(x, y, weight, bandwidth, grid, *, power):
    """Kernel sum per m2 at every cell centre, each location with its own bandwidth; and how many reach each."""
    parts = [
        intensity(x[i : i + 1], y[i : i + 1], weight[i : i + 1], grid, bandwidth=bandwidth[i], power=power)
        for i in range(x.size)
    ]
    return sum(total for total, _ in parts), sum(reached for _, reached in parts)


def slice_weights(member, time, weight, locations, *, moment, radius, power):
    """Sum of weight (1 - u2)**p of the events of each location, in extended precision."""
    u = (np.longdouble(moment) - time) / np.longdouble(radius)
    total = np.zeros(locations, np.longdouble)
    np.add.at(total, member, weight * (1 - u * u) ** power)
    return total


def random_subset(numbers, taken):
    """The events taken by selection sampling, one number each."""
    chosen = []
    for event, number in enumerate(numbers):
        if number * (len(numbers) - event) < taken - len(chosen):
            chosen.append(event)
    return chosen


def random_places(numbers, cumulative):
    """Places of as many draws as numbers but one, ascending, by bisection."""
    waits = np.cumsum(-np.log(1 - numbers))
    return np.searchsorted(cumulative, waits[:-1] / waits[-1] * cumulative[-1], side="right")


def exceedances(surface, lowest, mean, inverse_sd, rows):
    """Where a surface is at least as high, and the highest score of each block of rows."""
    score = np.maximum((surface - mean) * inverse_sd, 0)
    return surface >= lowest, [score[row : row + rows].max() for row in range(0, len(surface), rows)]


def gaussian_intensity(x, y, weight, grid, *, sd):
    """Gaussian sum per m2 at every cell centre, term by term in extended precision."""
    rows, columns = grid.shape
    wide = np.longdouble
    centre_x = wide(grid.x0) + (np.arange(columns).astype(wide) + wide(0.5)) * wide(grid.dx)
    centre_y = wide(grid.y0) - (np.arange(rows).astype(wide) + wide(0.5)) * wide(grid.dy)
    total = np.zeros(grid.shape, wide)
    for px, py, w in zip(x, y, weight, strict=True):
        r2 = (centre_x[None, :] - wide(px)) ** 2 + (centre_y[:, None] - wide(py)) ** 2
        total += wide(w) * np.exp(-r2 / (2 * wide(sd) ** 2)) / (2 * wide(math.pi) * wide(sd) ** 2)
    return total


def lattice_spread(x, y, weight, lattice, shape):
    """Gaussian of each location at every node, nothing cut off; lattice: x0, y0, dx, dy, sd_x, sd_y."""
    (x0, y0, dx, dy, sd_x, sd_y), (rows, columns) = lattice, shape
    east = (np.asarray(x)[:, None] - x0) / dx - 0.5 - np.arange(columns)
    north = (y0 - np.asarray(y)[:, None]) / dy - 0.5 - np.arange(rows)
    along, across = np.exp(-0.5 * (north / sd_y) ** 2), np.exp(-0.5 * (east / sd_x) ** 2)
    return np.einsum("i,ij,ik->jk", weight, along, across), along, across


def gathered(nodes, first, taps):
    """Each line's rows weighed and summed, transposed."""
    width = taps.shape[1]
    return np.array([tap @ nodes[begin : begin + width] for begin, tap in zip(first, taps, strict=True)]).T


def layers_split(member, rank, layer, weight, layers):
    """The places and the weights there of each layer."""
    found: list[dict[int, float]] = [{} for _ in range(layers)]
    for m, one, w in zip(member, layer, weight, strict=True):
        found[one][int(rank[m])] = found[one].get(int(rank[m]), 0.0) + w
    return [sorted(own.items()) for own in found]
