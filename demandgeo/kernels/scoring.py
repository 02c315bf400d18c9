"""How options meet demand: every measure of every option, for all scenarios at once.

An option is first put in order (`kernels.answering`): its points from the farthest to the nearest, and in runs that one
place answers, of one group and number of teams. Demand is then added up along both orders, some draws at a time: along
the first for quantiles, along the second for all the rest.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numba import prange

from demandgeo.kernels import inner_kernel, parallel_kernel
from demandgeo.kernels.answering import Of, answer, order_by_run, order_by_time


class Measure(IntEnum):
    """Rows of the result."""

    COVERAGE = 0
    BACKUP = 1
    EXPECTED = 2
    GRADUAL = 3
    MEAN = 4
    P50 = 5
    P90 = 6
    P95 = 7
    GINI = 8
    CV = 9
    RATIO = 10
    GAP = 11
    WORST = 12
    GAP2 = 13
    WORST2 = 14
    UNREACHED = 15


MEASURES = 16
TILE = 32
"""Draws added up together: 5,000 points of them stay in a cache of 2 MB."""
STEP = 8
"""Points between two running sums."""
SLACK = 1e-12
"""Share of the demand by which a quantile may be missed: the rounding of its sum."""
BATCH = 1 << 19
"""Points of options that are in order at a time, to bound the memory (32 bytes each)."""


@parallel_kernel
def score_options(
    seconds, first_site, site, teams, officers, assigned, assigned_row, demand, total, group, part, held,
    within, fading_to, busy, out_score,
):  # fmt: skip
    """Fill out_score [options, measures, draws]; all measures pool the shifts.

    Parameters
    ----------
    seconds
        float32 [sites, points], infinite where there is no way.
    first_site, site
        The open sites of each option in each shift, ascending, as compressed sparse rows: option o in shift h is row
        o * shifts + h, which may be empty.
    teams, officers
        float64, beside `site`: teams (whole numbers >= 1) and officers (> 0) on duty there.
    assigned
        int32 [rows, points]: the site that answers a point, where it is open in the shift; elsewhere, and where it is
        negative, the nearest open site does (the first of equals).
    assigned_row
        int64 [options]: which row of `assigned` holds, -1 if none.
    demand, total
        float64 [shifts * points, draws], shift by shift, and its sum [draws], > 0.
    group, part
        int64 [points], and which part of each division a group belongs to, int64 [2, groups].
    held
        float64 [2 * parts, draws]: the demand of the parts of the first division, then of the second; 0 where there is
        no such part.
    within, fading_to
        Seconds: the standard of coverage, and where gradual coverage ends (>= within).
    busy
        Probability that one team is busy.
    """
    options, draws, rows = out_score.shape[0], out_score.shape[2], demand.shape[0]
    shifts, tiles = (first_site.size - 1) // options, (draws + TILE - 1) // TILE
    tiled = np.empty((rows + 1) * ((draws + 15) // 16 * 16))
    for t in prange(tiles):
        _cut(demand, t * TILE, _tile(tiled, t, rows, draws))
    batch = min(options, max(1, BATCH // rows))
    far = np.empty((batch, (rows + STEP - 1) // STEP * STEP), np.uint32)
    nearest, time = np.empty((batch, rows), np.float32), np.empty((batch, rows), np.float32)
    row, run = np.empty((batch, rows), np.uint32), np.empty((batch, rows + 1, 4), np.int32)
    runs = np.empty(batch, np.int64)
    for begin in range(0, options, batch):
        many = min(batch, options - begin)
        for k in prange(many):
            o = begin + k
            own = first_site[o * shifts : (o + 1) * shifts + 1]
            answers = assigned[assigned_row[o]] if assigned_row[o] >= 0 else np.full(group.size, -1, np.int32)
            place, count, nobody = np.empty(rows, np.int32), np.empty(rows, np.int32), np.int32(own[shifts] - own[0])
            answer(seconds, own, site, teams, answers, within, nearest[k], place, count)
            order_by_time(nearest[k], far[k])
            runs[k] = order_by_run(
                nearest[k], place, count, group, part.shape[1], nobody, within, fading_to, row[k], time[k], run[k]
            )  # fmt: skip
        for item in prange(tiles * many):
            # Options of one tile follow each other, so that its demand stays in the cache.
            t, k = item // many, item % many
            o = begin + k
            duty = officers[first_site[o * shifts] : first_site[(o + 1) * shifts]]
            _measure(
                _tile(tiled, t, rows, draws), t * TILE, far[k], nearest[k], row[k], time[k], run[k, : runs[k] + 1],
                duty, total, part, held, within, fading_to, busy, out_score[o],
            )  # fmt: skip


@inner_kernel
def _tile(tiled, t, rows, draws):
    """Return the demand of the draws from t * TILE on: a number of them that vector instructions like."""
    width = min(TILE, (draws - t * TILE + 15) // 16 * 16)
    first = (rows + 1) * t * TILE
    return tiled[first : first + (rows + 1) * width].reshape(rows + 1, width)


@inner_kernel
def _cut(demand, first, tile):
    """Copy some draws of all points; the last draw stands for those beyond it, and a point without demand follows."""
    rows, draws = demand.shape
    width = min(tile.shape[1], draws - first)
    for i in range(rows):
        for s in range(width):
            tile[i, s] = demand[i, first + s]
        tile[i, width:] = demand[i, draws - 1]
    tile[rows] = 0.0


@inner_kernel
def _measure(
    tile, first, far, nearest, row, time, run, officers, total, part, held, within, fading_to, busy, out_score
):
    """Fill every measure of an option for the draws of a tile, the first of which is `first`."""
    width, draws, groups = tile.shape[1], total.size, part.shape[1]
    found, whole = np.zeros((MEASURES, width)), np.empty(width)
    for s in range(width):
        whole[s] = total[min(first + s, draws - 1)]
    load, met = np.zeros((officers.size + 1, width)), np.zeros((groups + 2, width))
    crews = np.zeros((run[:-1, Of.TEAMS].max() + 1, width))
    _tally(tile, row, time, run, load, met, crews, found[Measure.MEAN])
    _fade(tile, row, time, run, groups, within, fading_to, found[Measure.GRADUAL])
    _cover(load, met[:groups], crews, busy, whole, found)
    _quantiles(tile, far, nearest, whole, found)
    _spread(load[: officers.size], officers, found)
    _parts(met, part, held, first, found)
    for k in range(MEASURES):
        for s in range(min(width, draws - first)):
            out_score[k, first + s] = found[k, s]


@inner_kernel
def _tally(tile, row, time, run, load, met, crews, timed):
    """Add up demand by place, by slot and by number of teams, and demand times seconds."""
    # Four points at a time, and once per run what its points share: a third of the time of adding point by point.
    nothing, width = np.uint32(tile.shape[0] - 1), timed.size
    added = np.zeros(width)
    for r in range(run.shape[0] - 1):
        end, last = run[r + 1, Of.START], run[r + 1, Of.START] - 1
        for k in range(run[r, Of.START], end, 4):
            i, j = row[k], row[k + 1] if k + 1 < end else nothing
            m, n = row[k + 2] if k + 2 < end else nothing, row[k + 3] if k + 3 < end else nothing
            it, jt = float(time[k]), float(time[min(k + 1, last)])
            mt, nt = float(time[min(k + 2, last)]), float(time[min(k + 3, last)])
            for s in range(width):
                a, b, c, d = tile[i, s], tile[j, s], tile[m, s], tile[n, s]
                added[s] += (a + b) + (c + d)
                timed[s] += (it * a + jt * b) + (mt * c + nt * d)
        place, slot, teams = run[r, Of.PLACE], run[r, Of.SLOT], run[r, Of.TEAMS]
        for s in range(width):
            load[place, s] += added[s]
            met[slot, s] += added[s]
            crews[teams, s] += added[s]
            added[s] = 0.0


@inner_kernel
def _fade(tile, row, time, run, groups, within, fading_to, faded):
    """Add up what gradual coverage leaves of the points between the standard and where it ends."""
    start, end = 0, 0
    for r in range(run.shape[0] - 1):
        start = run[r + 1, Of.START] if run[r, Of.SLOT] < groups else start
        end = run[r + 1, Of.START] if run[r, Of.SLOT] <= groups else end
    share = np.zeros(end - start + 3)
    for k in range(start, end):
        share[k - start] = (fading_to - float(time[k])) / (fading_to - within)
    for k in range(start, end, 4):
        i, j, m, n = row[k], row[min(k + 1, end - 1)], row[min(k + 2, end - 1)], row[min(k + 3, end - 1)]
        at, bt, ct, dt = share[k - start], share[k - start + 1], share[k - start + 2], share[k - start + 3]
        for s in range(faded.size):
            faded[s] += (at * tile[i, s] + bt * tile[j, s]) + (ct * tile[m, s] + dt * tile[n, s])


@inner_kernel
def _add(added, weight, total):
    for s in range(added.size):
        total[s] += weight * added[s]


@inner_kernel
def _cover(load, met, crews, busy, whole, found):
    """Fill the shares of demand, and the mean time from its sum."""
    nobody, reached = load.shape[0] - 1, np.zeros(whole.size)
    for a in range(nobody):
        _add(load[a], 1.0, reached)
    for g in range(met.shape[0]):
        _add(met[g], 1.0, found[Measure.COVERAGE])
    _add(found[Measure.COVERAGE], 1.0, found[Measure.GRADUAL])
    for teams in range(1, crews.shape[0]):
        _add(crews[teams], 1.0 - busy**teams, found[Measure.EXPECTED])
        if teams > 1:
            _add(crews[teams], 1.0, found[Measure.BACKUP])
    _add(load[nobody], 1.0, found[Measure.UNREACHED])
    for s in range(whole.size):
        found[Measure.MEAN, s] = found[Measure.MEAN, s] / reached[s] if reached[s] > 0.0 else np.inf
        for k in (Measure.COVERAGE, Measure.BACKUP, Measure.EXPECTED, Measure.GRADUAL, Measure.UNREACHED):
            found[k, s] /= whole[s]


@inner_kernel
def _quantiles(tile, far, nearest, whole, found):
    """Fill the least times within which shares of demand are, from the farthest point on, which passes few points."""
    steps, done = far.size // STEP, 0
    beyond = np.empty((steps + 1, whole.size))
    beyond[0] = 0.0
    while done < steps:
        _step(tile, far[STEP * done : STEP * (done + 1)], done, beyond)
        done += 1
        if done % STEP == 0 and _half_beyond(beyond[done], whole):
            break
    for s in range(whole.size):
        for share, k in ((0.5, Measure.P50), (0.9, Measure.P90), (0.95, Measure.P95)):
            # What lies beyond a point is too much once it passes 1 - share: that point is the answer.
            limit = (1.0 - share + SLACK) * whole[s]
            found[k, s] = nearest[far[_first_above(tile, far, beyond[: done + 1], s, limit)]]


@inner_kernel
def _step(tile, rows, step, beyond):
    # By number, not as views of the rows, which take twice the time.
    a, b, c, d, e, f, g, h = rows[0], rows[1], rows[2], rows[3], rows[4], rows[5], rows[6], rows[7]
    for s in range(tile.shape[1]):
        half = beyond[step, s] + tile[a, s] + tile[b, s] + tile[c, s] + tile[d, s]
        beyond[step + 1, s] = half + tile[e, s] + tile[f, s] + tile[g, s] + tile[h, s]


@inner_kernel
def _half_beyond(beyond, whole):
    past = True
    for s in range(whole.size):
        past &= beyond[s] > (0.5 + SLACK) * whole[s]
    return past


@inner_kernel
def _first_above(tile, far, beyond, s, limit):
    """Return the first point at which a draw's running sum is above a limit."""
    low, high = 0, beyond.shape[0] - 1
    while high - low > 1:
        middle = (low + high) // 2
        above = beyond[middle, s] > limit
        high = middle if above else high
        low = low if above else middle
    passed, running = 0, beyond[low, s]
    for k in range(STEP * low, STEP * high - 1):
        running += tile[far[k], s]
        passed += running <= limit
    return STEP * low + passed


@inner_kernel
def _spread(load, officers, found):
    """Fill how unevenly work falls on officers; the loads are put in order on the way."""
    places, width = load.shape
    found[Measure.RATIO, :] = 1.0
    if places == 0:
        return
    total, squares, ranked = np.zeros(width), np.zeros(width), np.zeros(width)
    for a in range(places):
        for s in range(width):
            load[a, s] /= officers[a]
            total[s] += load[a, s]
    for a in range(places):
        for s in range(width):
            away = load[a, s] - total[s] / places
            squares[s] += away * away
    _sort_rows(load)
    for a in range(places):
        _add(load[a], 2.0 * a + 1.0 - places, ranked)
    for s in range(width):
        if total[s] > 0.0:
            found[Measure.GINI, s] = ranked[s] / (places * total[s])
            found[Measure.CV, s] = np.sqrt(squares[s] / places) / (total[s] / places)
            found[Measure.RATIO, s] = load[places - 1, s] / (total[s] / places)


@inner_kernel
def _sort_rows(table):
    """Sort each column by Batcher's merge exchange, whose swaps are those of whole rows (Knuth 1998, 5.2.2 M)."""
    n = table.shape[0]
    top = 1
    while 2 * top < n:
        top *= 2
    p = top if n > 1 else 0
    while p > 0:
        q, r, d = top, 0, p
        while True:
            for a in range(n - d):
                if a & p == r:
                    _exchange(table, a, a + d)
            if q == p:
                break
            d, q, r = q - p, q // 2, p
        p //= 2


@inner_kernel
def _exchange(table, a, b):
    for s in range(table.shape[1]):
        least, most = min(table[a, s], table[b, s]), max(table[a, s], table[b, s])
        table[a, s], table[b, s] = least, most


@inner_kernel
def _parts(met, part, held, first, found):
    """Fill coverage, and for each division the gap between its parts and the worst of them."""
    width, draws, parts = met.shape[1], held.shape[1], held.shape[0] // 2
    for division in range(2):
        covered = np.zeros((parts, width))
        for g in range(part.shape[1]):
            _add(met[g], 1.0, covered[part[division, g]])
        least, most = np.full(width, np.inf), np.full(width, -np.inf)
        for p in range(parts):
            for s in range(width):
                has = held[division * parts + p, min(first + s, draws - 1)]
                if has > 0.0:
                    share = covered[p, s] / has
                    least[s], most[s] = min(least[s], share), max(most[s], share)
        found[Measure.GAP + 2 * division] = most - least
        found[Measure.WORST + 2 * division] = least
