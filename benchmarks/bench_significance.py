"""Local statistics and the scan: ours beside what a user would otherwise run, and what each kind of p discovers.

CPU seconds of one thread (`process_time`), the least of the repeats. The error is the greatest difference from the
peer's own figure: z of esda, the log likelihood ratio of numpy.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree
from workloads import CRS, SEED

from demandgeo.domain import Balance, Demand, Grid
from demandgeo.kernels.scan import scan_observed, scan_replicates, sum_expected
from demandgeo.priority import getis_ord
from demandgeo.priority.inference import Lags, exact_tails
from demandgeo.priority.local import gi_scores

SIDES = {"small": (60,), "full": (122, 316)}
WINDOWS = {"small": (60, 100, 99), "full": (122, 400, 999)}
PASSES = 3
NOTES = (
    "esda: G_Local with 999 permutations, n_jobs=1, without keeping the draws; its weights are made beforehand, as our "
    "neighbours are, but for the rows that say so",
    "discoveries: units with q <= 0.05 (Benjamini and Hochberg) stand behind each method",
    f"numpy: gather, running sums and logarithms of all windows at once, {PASSES} passes scaled up to all replicates",
)


def clustered(side: int, events: float = 2.0) -> Demand:
    """Return counts on side x side cells: a smooth random intensity with hot cores, and cells unlike each other."""
    rng = np.random.default_rng(SEED)
    row, column = np.indices((side, side))
    field = 8.0 * gaussian_filter(rng.normal(size=(side, side)), 3)
    for r, c in rng.integers(0, side, (side * side // 372, 2)):
        field += 2.5 * np.exp(((row - r) ** 2 + (column - c) ** 2) / -8.0)
    mean = np.exp(field) * rng.gamma(2.0, 0.5, field.shape)
    counts = rng.poisson(mean / np.exp(field).mean() * events).astype(float).ravel()
    placed = np.array([counts.sum(), 0, 0, 0])
    grid = Grid.covering((0, 0, side * 250, side * 250), cell=250, crs=CRS)
    return Demand(grid, counts, "incidents", Balance(placed, placed), "count", "made")


def run(size: str) -> list[dict[str, Any]]:
    """Measure local statistics and the scan."""
    numba.set_num_threads(1)
    rows = [row for side in SIDES[size] for row in _local(side)]
    return rows + _scan(*WINDOWS[size])


def _local(side: int) -> list[dict[str, Any]]:
    demand = clustered(side)
    touching = demand.support.neighbours("queen")
    work = f"Gi*, {demand.support.n:,} cells, {demand.total.sum():,.0f} events, 8 neighbours"

    def alone() -> np.ndarray:
        lags = Lags.of(demand.total, touching)
        _, z = gi_scores(lags, star=True)
        return exact_tails(lags, None).of("greater"), z

    esda = {"generator": "esda", "seed": 12, "alternative": "directed"}
    spent, (_, z) = _least(alone, 9)
    peer_s, peer = _least(lambda: _esda(demand, side), 2)
    rows = [_row(work, "exact: z and p, neighbours given", spent, error=float(np.abs(z - peer.Zs).max()))]
    for name, repeats, settings in (
        ("exact", 5, {}),
        ("permutation (999, counter)", 5, {"inference": "permutation"}),
        ("permutation (999, esda's draws)", 2, {"inference": "permutation", **esda}),
        ("normal", 5, {"inference": "normal"}),
    ):
        spent, made = _least(lambda settings=settings: getis_ord(demand, **settings), repeats)
        found = f"{int(made.significant().sum()):,} discoveries" if "generator" not in settings else _equal(made, peer)
        rows.append(_row(work, f"{name}: getis_ord whole, neighbours and q too; {found}", spent, error=None))
    rows.append(_row(work, "esda: G_Local, 999 permutations, n_jobs=1", peer_s, error=None))
    return [row | {"ratio": row["cpu_s"] / rows[0]["cpu_s"]} for row in rows]


def _esda(demand: Demand, side: int) -> Any:
    with warnings.catch_warnings():
        # It announces a change of its default alternative on every call.
        warnings.simplefilter("ignore")
        from esda.getisord import G_Local
        from libpysal.weights import lat2W

        if side not in _WEIGHTS:
            _WEIGHTS[side] = lat2W(side, side, rook=False)
        settings = {"transform": "B", "star": True, "permutations": 999, "n_jobs": 1, "seed": 12}
        return G_Local(demand.total, _WEIGHTS[side], keep_simulations=False, **settings)


_WEIGHTS: dict[int, Any] = {}


def _equal(made: Any, peer: Any) -> str:
    return f"p equal to esda's at {int((made.p.astype(np.float32) == peer.p_sim).sum()):,} cells"


def _scan(side: int, most: int, replicates: int) -> list[dict[str, Any]]:
    rng, n = np.random.default_rng(SEED), side * side
    exposure, count = rng.gamma(2.0, 1.0, n), clustered(side, 4.0).total
    total = float(count.sum())
    expected = exposure * total / exposure.sum()
    points = np.column_stack(np.divmod(np.arange(n), side)).astype(float)
    member = cKDTree(points).query(points, most)[1].astype(np.int32)
    level, size = np.empty(member.shape), np.empty(n, np.int64)
    sum_expected(member, np.full(n, most), expected, np.inf, level, size)
    cumulative, unit = np.cumsum(expected), np.arange(n)

    def ours() -> tuple[float, int, int]:
        ratio, window, highest = np.empty(n), np.empty(n, np.int64), np.zeros(replicates)
        scan_observed(count, total, member, size, level, ratio, window)
        scan_replicates(SEED, int(total), cumulative, unit, member, size, level, highest)
        centre = int(ratio.argmax())
        return float(ratio[centre]), centre, int(window[centre])

    def plain(drawn: np.ndarray) -> tuple[float, int, int]:
        held = np.cumsum(drawn[member], axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = held * np.log(held / level) + (total - held) * np.log((total - held) / (total - level))
        ratio = np.where(held > level, ratio, 0.0)
        centre, window = divmod(int(ratio.argmax()), most)
        return float(ratio[centre, window]), centre, window

    def passes() -> list[tuple[float, int, int]]:
        draws = np.random.default_rng(SEED)
        return [plain(draws.multinomial(int(total), expected / total).astype(float)) for _ in range(PASSES)]

    spent, found = _least(ours, 2)
    peer_s, _ = _least(passes, 1)
    right = plain(count)
    same = "the same cluster" if found[1:] == right[1:] else f"cluster {found[1:]}, numpy {right[1:]}"
    work = f"scan, {n:,} centres x {most} windows x {replicates} replicates, {total:,.0f} events"
    scaled = peer_s / PASSES * (replicates + 1)
    return [
        _row(work, f"scan_observed and scan_replicates: {same}", spent, error=abs(found[0] - right[0]))
        | {"ratio": 1.0},
        _row(work, "numpy, extrapolated", scaled, error=None) | {"ratio": scaled / spent},
    ]


def _least(job: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    values, spent = job(), []  # the first call compiles
    for _ in range(repeats):
        start = time.process_time()
        values = job()
        spent.append(time.process_time() - start)
    return min(spent), values


def _row(workload: str, method: str, spent: float, *, error: float | None) -> dict[str, Any]:
    return {"workload": workload, "method": method, "cpu_s": spent, "max_error": error}
