"""The slow, obvious twin of `kernels.scoring`."""

from __future__ import annotations

import numpy as np


def scores(seconds, shifts, assigned, demand, *, group, part, within, fading_to, busy):
    """Every measure of one option under one demand [shifts * points], in the order of `Measure`.

    `shifts` is a list of (sites, teams, officers), `assigned` the site of each point or None.
    """
    time, near, load, duty = [], [], [], []
    for (sites, teams, officers), own in zip(shifts, demand.reshape(len(shifts), -1), strict=True):
        work = np.zeros(len(sites))
        for i, weight in enumerate(own):
            times = [float(seconds[a, i]) for a in sites]
            near.append(sum(int(n) for n, t in zip(teams, times, strict=True) if t <= within))
            q = int(np.argmin(times)) if len(sites) else -1
            if assigned is not None and assigned[i] in list(sites):
                q = list(sites).index(assigned[i])
            time.append(times[q] if len(sites) else np.inf)
            if time[-1] < np.inf:
                work[q] += weight
        load.extend(work / officers)
        duty.extend(officers)
    time, near, load = np.array(time), np.array(near), np.array(load)
    total, way = demand.sum(), np.isfinite(time)
    fading = np.where(time <= within, 1.0, 0.0)
    if fading_to > within:
        fading = np.clip((fading_to - time) / (fading_to - within), 0.0, 1.0)
    covered = time <= within
    held = demand[way].sum()
    return np.array(
        [
            demand[covered].sum() / total,
            demand[near > 1].sum() / total,
            (demand * (1.0 - busy**near)).sum() / total,
            (demand * fading).sum() / total,
            (demand[way] * time[way]).sum() / held if held else np.inf,
            *(quantile(time, demand, share) for share in (0.5, 0.9, 0.95)),
            *spread(load),
            *(value for parts in part for value in coverage(covered, demand, np.tile(parts[group], len(shifts)))),
            demand[~way].sum() / total,
        ]
    )


def quantile(time, demand, share):
    """The least time within which a share of demand is."""
    order = np.argsort(time, kind="stable")
    return time[order][np.flatnonzero(np.cumsum(demand[order]) >= (share - 1e-12) * demand.sum())[0]]


def spread(load):
    """Gini coefficient, coefficient of variation, and greatest over mean."""
    if not load.sum():
        return 0.0, 0.0, 1.0
    gini = np.abs(load[:, None] - load).sum() / (2 * load.size * load.sum())
    return gini, load.std() / load.mean(), load.max() / load.mean()


def coverage(covered, demand, part):
    """Coverage of the best covered part less that of the worst, and that of the worst."""
    shares = [
        demand[(part == p) & covered].sum() / demand[part == p].sum() for p in set(part) if demand[part == p].sum() > 0
    ]
    return max(shares) - min(shares), min(shares)
