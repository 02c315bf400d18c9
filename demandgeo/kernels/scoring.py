"""How options meet demand: all measures of an option in one pass over the points, for every scenario at once."""

from __future__ import annotations

from enum import IntEnum

import numba
import numpy as np

from demandgeo.kernels import inner_kernel, parallel_kernel


class Measure(IntEnum):
    """Rows of the result."""

    COVERAGE = 0
    BACKUP = 1
    EXPECTED = 2
    MEAN = 3
    P50 = 4
    P90 = 5
    P95 = 6
    GINI = 7
    GAP = 8
    UNREACHED = 9


MEASURES = 10


@inner_kernel
def _reach(seconds, sites, within, nearest, place, count):
    """Fill the least seconds of each point over the open sites, which of them that is, and how many are within."""
    nearest[:] = np.inf
    place[:] = 0
    count[:] = 0
    for q in range(sites.size):
        row = seconds[sites[q]]
        for i in range(nearest.size):
            if row[i] < nearest[i]:
                nearest[i] = row[i]
                place[i] = q
            count[i] += row[i] <= within


@inner_kernel
def _quantile(order, nearest, demand, total, share, out):
    """Fill the least time within which a share of demand is: from the farthest point down, which passes few points."""
    draws = demand.shape[1]
    beyond, open_draws = np.zeros(draws), draws
    found = np.zeros(draws, np.bool_)
    for k in range(order.size - 1, -1, -1):
        i = order[k]
        for s in range(draws):
            # What lies beyond this point is too much once it passes 1 - share: the point itself is the answer.
            beyond[s] += demand[i, s]
            if not found[s] and beyond[s] > (1.0 - share + 1e-12) * total[s]:
                found[s] = True
                out[s] = nearest[i]
                open_draws -= 1
        if open_draws == 0:
            break


@inner_kernel
def _gini(load, out):
    """Fill the Gini coefficient of the loads [sites, draws] of each draw; 0 where there is none."""
    sites = load.shape[0]
    for s in range(load.shape[1]):
        spread, total = 0.0, 0.0
        for a in range(sites):
            total += load[a, s]
            for b in range(a):
                spread += abs(load[a, s] - load[b, s])
        out[s] = spread / (sites * total) if total > 0.0 else 0.0


@inner_kernel
def _gap(met, held, out):
    """Fill the difference between the best and the worst covered district of each draw."""
    for s in range(met.shape[1]):
        low, high = np.inf, -np.inf
        for g in range(met.shape[0]):
            if held[g, s] > 0.0:
                share = met[g, s] / held[g, s]
                low, high = min(low, share), max(high, share)
        out[s] = high - low if high >= low else 0.0


@parallel_kernel
def score_options(seconds, first_site, site, demand, total, district, held, within, busy, out_score):
    """Fill out_score [options, measures, draws].

    Parameters
    ----------
    seconds
        float32 [sites, points], infinite where there is no way.
    first_site, site
        The open sites of each option, as compressed sparse rows; each option has one at least.
    demand, total
        float64 [points, draws] and its sum [draws].
    district, held
        int64 [points], and the demand of each district, float64 [districts, draws].
    within
        Seconds: the standard of coverage.
    busy
        Share of the time that a site cannot respond.
    """
    points, draws = demand.shape
    for o in numba.prange(first_site.size - 1):
        sites = site[first_site[o] : first_site[o + 1]]
        nearest, place = np.empty(points), np.empty(points, np.int64)
        count = np.empty(points, np.int64)
        _reach(seconds, sites, within, nearest, place, count)
        sums = np.zeros((5, draws))
        load, met = np.zeros((sites.size, draws)), np.zeros(held.shape)
        for i in range(points):
            reached = nearest[i] < np.inf
            first, second = 1.0 if count[i] > 0 else 0.0, 1.0 if count[i] > 1 else 0.0
            expected = 1.0 - busy ** count[i]
            # 0 for a point without a way: infinity times no demand would be NaN.
            time, way = (nearest[i], 1.0) if reached else (0.0, 0.0)
            own, local, row = load[place[i]], met[district[i]], demand[i]
            for s in range(draws):
                weight = row[s]
                sums[0, s] += first * weight
                sums[1, s] += second * weight
                sums[2, s] += expected * weight
                sums[3, s] += time * weight
                sums[4, s] += way * weight
                own[s] += way * weight
                local[s] += first * weight
        for s in range(draws):
            for k in range(3):
                out_score[o, k, s] = sums[k, s] / total[s]
            out_score[o, Measure.MEAN, s] = sums[3, s] / sums[4, s] if sums[4, s] > 0.0 else np.inf
            out_score[o, Measure.UNREACHED, s] = 1.0 - sums[4, s] / total[s] if sums[4, s] < total[s] else 0.0
        order = np.argsort(nearest)
        _quantile(order, nearest, demand, total, 0.5, out_score[o, Measure.P50])
        _quantile(order, nearest, demand, total, 0.9, out_score[o, Measure.P90])
        _quantile(order, nearest, demand, total, 0.95, out_score[o, Measure.P95])
        _gini(load, out_score[o, Measure.GINI])
        _gap(met, held, out_score[o, Measure.GAP])
