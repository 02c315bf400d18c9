"""The slow, obvious twin of `kernels.scoring`."""

from __future__ import annotations

import numpy as np


def scores(seconds, sites, demand, district, *, within, busy):
    """Every measure of one option under one demand [points], in the order of `Measure`."""
    times = seconds[sites].astype(float)
    nearest, count = times.min(axis=0), (times <= within).sum(axis=0)
    total, way = demand.sum(), np.isfinite(nearest)
    order = np.argsort(nearest, kind="stable")
    held = np.cumsum(demand[order])

    def quantile(share):
        return nearest[order][np.flatnonzero(held >= share * total * (1 - 1e-12))[0]]

    load = np.bincount(times.argmin(axis=0)[way], demand[way], minlength=len(sites))
    gini = np.abs(load[:, None] - load).sum() / (2 * len(sites) * load.sum()) if load.sum() else 0.0
    met = [
        demand[(district == g) & (count > 0)].sum() / demand[district == g].sum()
        for g in np.unique(district)
        if demand[district == g].sum() > 0
    ]
    return np.array(
        [
            demand[count > 0].sum() / total,
            demand[count > 1].sum() / total,
            (demand * (1 - busy**count)).sum() / total,
            (demand[way] * nearest[way]).sum() / demand[way].sum() if demand[way].sum() else np.inf,
            quantile(0.5),
            quantile(0.9),
            quantile(0.95),
            gini,
            max(met) - min(met),
            demand[~way].sum() / total,
        ]
    )
