"""Deployment: sites with a proof, and scored options, beside what a user would otherwise run.

CPU seconds of one thread (`process_time`), the least of the repeats. The error is the difference of the objectives as a
share of the best, and of the scores as a share of the peer's.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import peers
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra, minimum_spanning_tree
from scipy.spatial import Delaunay

from demandgeo.deployment import locate
from demandgeo.kernels.scoring import MEASURES, Measure, score_options

SIZES = {"small": (5_000, 40, 125), "full": (100_000, 200, 5_000)}
"""Junctions of the town, candidate sites, demand points."""
NOTES = (
    "streets: a made town, a spanning tree and short Delaunay edges, 2.5 directed streets per junction, three speeds",
    "sites: travel times on those streets, gamma demand; CBC through spopt without a limit of time",
    "scoring: ours on 200 options, scipy's sparse products on 2, both scaled up to 10,000; ours gives all 16 measures "
    "(coverage, backup, expected, gradual, mean, p50, p90, p95, Gini, CV, max/mean, gap and worst part of two "
    "divisions, unreached), scipy 6 of them (coverage, backup, mean, p95, Gini, district gap)",
)


def run(size: str) -> list[dict[str, Any]]:
    """Measure every method on every workload of a size."""
    numba.set_num_threads(1)
    junctions, sites, points = SIZES[size]
    x, _, tail, head, seconds = town(junctions)
    times = _times(x.size, tail, head, seconds, sites=sites, points=points)
    return _sites(times, size) + _scoring(times)


def town(n: int) -> tuple[np.ndarray, ...]:
    """Return x, y of junctions and tail, head, seconds of directed streets."""
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 300 * np.sqrt(n), (2, n))
    place = np.column_stack([x, y])
    corners = Delaunay(place).simplices
    sides = np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [0, 2]]])
    pairs = np.unique(np.sort(sides, axis=1), axis=0)
    metres = np.hypot(*(place[pairs[:, 0]] - place[pairs[:, 1]]).T)
    tree = minimum_spanning_tree(csr_matrix((metres, pairs.T), (n, n))).tocoo()
    needed = np.isin(pairs @ [n, 1], tree.row.astype(np.int64) * n + tree.col)
    kept = np.argsort(np.where(needed, 0.0, metres * rng.uniform(0.3, 1.0, metres.size)))[: 5 * n // 4]
    pairs, metres = pairs[kept], metres[kept]
    one_way = metres / rng.choice([9.0, 13.0, 22.0], metres.size)
    tail, head = np.concatenate([pairs, pairs[:, ::-1]]).T
    return x, y, np.ascontiguousarray(tail), np.ascontiguousarray(head), np.concatenate([one_way, 1.1 * one_way])


def _times(n: int, tail, head, seconds, *, sites: int, points: int) -> np.ndarray:
    rng = np.random.default_rng(2)
    here, there = (np.sort(rng.choice(n, k, replace=False)) for k in (sites, points))
    graph = csr_matrix((seconds, (tail, head)), (n, n))
    times = dijkstra(graph, indices=here)[:, there].astype(np.float32)
    return np.ascontiguousarray(times[:, np.isfinite(times).all(axis=0)][np.isfinite(times).any(axis=1)])


def _sites(times: np.ndarray, size: str) -> list[dict[str, Any]]:
    demand = np.random.default_rng(3).gamma(1.0, 1.0, times.shape[1])
    name, rows = "sites: {} candidates, {:,} demand points", []
    whole = name.format(*times.shape)
    for p in (10, 20, 30) if size == "full" else (5,):
        for model, within in (("p-median", None), ("mclp", float(np.quantile(times.min(axis=0), 0.9) * 3))):
            spent, best = _least(lambda m=model, w=within, p=p: locate(times, demand, p=p, model=m, within=w), 1)
            rows.append(_row(whole, f"{model} p={p}: locate, gap {best.gap:.0e}", spent, None) | {"ratio": None})
    few, weight = np.ascontiguousarray(times[::2, ::4]), np.ascontiguousarray(demand[::4])
    if size == "small":
        few, weight = few[:, :60], weight[:60]
    p = 14 if size == "full" else 5
    spent, best = _least(lambda: locate(few, weight, p=p), 3)
    smaller = name.format(*few.shape)
    rows.append(_row(smaller, f"p-median p={p}: locate", spent, 0.0) | {"ratio": 1.0})
    start = time.perf_counter()
    other = peers.spopt_median(few, weight, p)
    if other is not None:
        error = abs(other - best.objective) / best.objective
        row = _row(smaller, f"p-median p={p}: spopt with CBC (wall clock)", time.perf_counter() - start, error)
        rows.append(row | {"ratio": row["cpu_s"] / spent})
    return rows


def _scoring(times: np.ndarray) -> list[dict[str, Any]]:
    rng = np.random.default_rng(4)
    sites, points = times.shape
    draws, options, p = 200, 10_000, min(30, sites // 2)
    demand = np.ascontiguousarray(rng.gamma(1.0, 1.0, (points, draws)))
    district = rng.integers(0, 7, points)
    # Two divisions of the seven groups, of which the peer takes the first.
    part = np.stack([np.arange(7), np.arange(7) % 5])
    held = np.zeros((2 * 7, draws))
    np.add.at(held, district, demand)
    np.add.at(held, 7 + part[1][district], demand)
    chosen = [np.sort(rng.choice(sites, p, replace=False)) for _ in range(200)]

    def ours() -> np.ndarray:
        first, site = np.arange(len(chosen) + 1) * p, np.concatenate(chosen)
        one, nobody = np.ones(site.size), np.full(len(chosen), -1)
        out = np.empty((len(chosen), MEASURES, draws))
        score_options(
            times, first, site, one, one, np.empty((0, points), np.int32), nobody, demand, demand.sum(axis=0),
            district, part, held, 480.0, 720.0, 0.3, out,
        )  # fmt: skip
        return out

    spent, found = _least(ours, 2)
    peer, right = _least(lambda: [_sparse_scores(times, own, demand, district, held[:7]) for own in chosen[:2]], 2)
    same = [Measure.COVERAGE, Measure.BACKUP, Measure.MEAN, Measure.P95, Measure.GINI, Measure.GAP]
    error = max(float(np.abs(found[k][same] / those - 1).max()) for k, those in enumerate(right))
    name = f"scoring: {options:,} options x {draws} scenarios, {points:,} points"
    own, other = spent * options / len(chosen), peer * options / 2
    return [
        _row(name, "score_options, extrapolated", own, error) | {"ratio": 1.0},
        _row(name, "numpy and scipy sparse products, extrapolated", other, 0.0) | {"ratio": other / own},
    ]


def _sparse_scores(times, own, demand, district, held) -> np.ndarray:
    """Return coverage, backup, mean, p95, Gini and gap of one option [6, draws], by sparse products."""
    here = times[own].astype(float)
    nearest, count = here.min(axis=0), (here <= 480).sum(axis=0)
    points = demand.shape[0]
    total, every = demand.sum(axis=0), np.arange(points)
    linear = csr_matrix(np.stack([count > 0, count > 1, nearest]).astype(float)) @ demand / total
    load = csr_matrix((np.ones(points), (here.argmin(axis=0), every)), (own.size, points)) @ demand
    met = csr_matrix(((count > 0).astype(float), (district, every)), (7, points)) @ demand / held
    order = np.argsort(nearest)
    passed = (np.cumsum(demand[order], axis=0) >= 0.95 * total).argmax(axis=0)
    ranked = np.sort(load, axis=0)
    gini = ((2 * np.arange(1, own.size + 1) - own.size - 1) @ ranked) / (own.size * ranked.sum(axis=0))
    return np.vstack([linear, nearest[order][passed], gini, met.max(axis=0) - met.min(axis=0)])


def _least(job: Callable[[], Any], repeats: int, *, warm: bool = True) -> tuple[float, Any]:
    values, spent = job() if warm else None, []  # the first call compiles
    for _ in range(repeats):
        start = time.process_time()
        values = job()
        spent.append(time.process_time() - start)
    return min(spent), values


def _row(workload: str, method: str, spent: float, error: float | None) -> dict[str, Any]:
    return {"workload": workload, "method": method, "cpu_s": spent, "max_error": error}
