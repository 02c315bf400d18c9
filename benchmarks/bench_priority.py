"""Priority areas: extent and time of ours beside what is otherwise done, for the same share and number of areas.

CPU seconds (`process_time`) of the second run of each, so that nothing compiles. ``max_error`` is the certified gap.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter
from sklearn.cluster import DBSCAN
from workloads import terrain

from demandgeo import density, priority, sources
from demandgeo.domain import Demand, PriorityAreas
from demandgeo.kernels.regions import label_parts

SHARE, AREAS = 0.25, 31
SIZES = {
    "small": (("smooth", 60, 60_000, 1), ("fragmented", 60, 60_000, 1)),
    "full": (
        ("smooth", 122, 900_000, 20150401),
        ("smooth", 122, 60_000, 20150401),
        ("fragmented", 122, 900_000, 20150401),
        ("fragmented", 122, 900_000, 1),
        ("more fragmented", 122, 900_000, 1),
        ("more fragmented", 122, 900_000, 2),
        ("smooth", 182, 2_000_000, 20150401),
        ("fragmented", 182, 2_000_000, 20150401),
        ("fragmented", 316, 6_000_000, 20150401),
    ),
}
NOTES = (
    f"each method holds {SHARE:.0%} of demand in at most {AREAS} areas; error / max is the certified gap of ours",
    "a peer ranks units, takes the fewest ranked units whose greatest parts, as many as allowed, hold the share, and "
    "uses the extent of those parts; plain restatements, not the packages themselves",
    "KDE: Gaussian of 1 and 2 cells; Gi*: z over the 3 x 3 cells; DBSCAN: scikit-learn, 1.5 cells, weighted",
)
DATA = Path(__file__).parents[1] / "data"


def run(size: str) -> list[dict[str, Any]]:
    """Measure every method on every workload of a size, and a proof of optimality on real zones."""
    rows = []
    for kind, side, events, seed in SIZES[size]:
        demand = terrain(kind, side, events, seed)
        rows += _compare(f"{kind}, {side * side:,} cells, {events:,} events, seed {seed}", demand)
    if size == "full" and (DATA / "police" / "west_yorkshire").is_dir():
        rows += _real()
    return rows


def _real() -> list[dict[str, Any]]:
    boundaries = DATA / "boundaries" / "west_yorkshire_lsoa_2011.gpkg"
    zones = sources.read_boundaries(boundaries, id="LSOA11CD", group="la")
    events = sources.read_police_uk(DATA / "police" / "west_yorkshire", months=["2016-07", "2017-07"])
    name = "West Yorkshire, July 2016 and 2017"
    on_zones = density.count(events, zones)
    rows = _compare(f"{name}, {zones.n:,} LSOAs", on_zones)
    spent, plan = _timed(lambda: priority.select(on_zones, demand_share=SHARE, max_areas=AREAS, prove=True))
    rows.append(_ours(f"{name}, {zones.n:,} LSOAs", "ours, prove=True", spent, plan))
    cells = density.grid(zones, cell=250.0)
    return rows + _compare(f"{name}, {cells.n:,} cells of 250 m", density.count(events, cells))


def _compare(workload: str, demand: Demand) -> list[dict[str, Any]]:
    spent, plan = _timed(lambda: priority.select(demand, demand_share=SHARE, max_areas=AREAS))
    rows = [_ours(workload, "ours", spent, plan)]
    least = plan.support.extent[plan.selected].sum()
    for name, job in _peers(demand).items():
        took, extent = _timed(job)
        share = f"{extent / demand.support.extent.sum():.3%}" if np.isfinite(extent) else "never reaches the share"
        text = f"{name}: {share}" + (f", {extent / least - 1:+.1%}" if np.isfinite(extent) else "")
        rows.append(_row(workload, text, took, None) | {"ratio": took / spent, "extent": float(extent)})
        assert extent >= least * (1 - 1e-12), (workload, name)
    return rows


def _ours(workload: str, name: str, spent: float, plan: PriorityAreas) -> dict[str, Any]:
    text = f"{name}: {plan.extent_share:.3%} in {len(plan.table)} areas ({plan.certificate.method})"
    extent = float(plan.support.extent[plan.selected].sum())
    return _row(workload, text, spent, plan.certificate.gap) | {"ratio": 1.0, "extent": extent}


def _peers(demand: Demand) -> dict[str, Callable[[], float]]:
    """Return the extent that each of the usual methods needs, as jobs."""
    support, total = demand.support, np.nan_to_num(demand.total)
    touching = support.neighbours("queen")
    near = np.add.reduceat(
        np.append(total[touching.indices], 0.0), np.minimum(touching.indptr[:-1], touching.indices.size)
    )
    near = np.where(np.diff(touching.indptr) > 0, near, 0.0) + total
    size = np.diff(touching.indptr) + 1.0
    spread = np.sqrt(np.maximum(size * (support.n - size) / (support.n - 1), 1e-12)) * total.std()
    ranks = {
        "top units": total / support.extent,
        "Gi* clumps": (near - size * total.mean()) / spread,
    }
    if hasattr(support, "to_raster"):
        raster = support.to_raster(total, outside=0.0)
        for sd in (1.0, 2.0):
            ranks[f"KDE contour, {sd:g} cells"] = gaussian_filter(raster, sd, mode="constant").ravel()[support.ids]
    jobs = {name: lambda rank=rank: _contour(demand, rank) for name, rank in ranks.items()}
    if hasattr(support, "to_raster"):
        jobs["DBSCAN"] = lambda: _dbscan(demand)
    return jobs


def _contour(demand: Demand, rank: np.ndarray) -> float:
    """Return the least extent over thresholds of a rank whose greatest parts hold the share, by bisection."""
    order = np.argsort(-rank, kind="stable")
    touching = demand.support.neighbours("rook")
    low, high, best = 0, order.size, np.inf
    while low < high:
        count = (low + high) // 2
        chosen, label = np.zeros(order.size, bool), np.empty(order.size, np.int64)
        chosen[order[:count]] = True
        label_parts(touching.indptr, touching.indices, chosen, label)
        held, extent = _greatest(demand, label)
        if held:
            best, high = min(best, extent), count
        else:
            low = count + 1
    return best


def _dbscan(demand: Demand) -> float:
    total = np.nan_to_num(demand.total)
    busy = np.flatnonzero(total > 0)
    points = np.column_stack(np.divmod(demand.support.ids[busy], demand.support.shape[1])).astype(float)
    low, high, best = total[busy].min(), total.sum(), np.inf
    for _ in range(25):
        weight = np.sqrt(low * high)
        label = np.full(total.size, -1)
        label[busy] = DBSCAN(eps=1.5, min_samples=max(1, round(weight))).fit(points, sample_weight=total[busy]).labels_
        held, extent = _greatest(demand, label)
        best, low, high = (min(best, extent), weight, high) if held else (best, low, weight)
    return best


def _greatest(demand: Demand, label: np.ndarray) -> tuple[bool, float]:
    """Return whether the parts of most demand, as many as allowed, hold the share, and their extent."""
    inside, total = label >= 0, np.nan_to_num(demand.total)
    if not inside.any():
        return False, np.inf
    held = np.bincount(label[inside], total[inside])
    extent = np.bincount(label[inside], demand.support.extent[inside])
    order = np.argsort(-held, kind="stable")[:AREAS]
    reached = np.cumsum(held[order]) >= SHARE * total.sum() * (1 - 1e-12)
    return bool(reached.any()), float(extent[order[: int(np.argmax(reached)) + 1]].sum())


def _timed(job: Callable[[], Any]) -> tuple[float, Any]:
    job()
    start = time.process_time()
    made = job()
    return time.process_time() - start, made


def _row(workload: str, method: str, spent: float, gap: float | None) -> dict[str, Any]:
    return {"workload": workload, "method": method, "cpu_s": spent, "max_error": gap}
