"""Density surfaces: ours beside what a user would otherwise run, speed and accuracy in one table.

CPU seconds of one thread (`process_time`), the least of the repeats. The error is the greatest difference from the sum
taken term by term at a sample of pixels, as a share of the greatest value.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from sklearn.neighbors import KernelDensity
from workloads import Force, force

from demandgeo.density import surface
from demandgeo.density.surfaces import Rows, smoothed
from demandgeo.kernels.shapes import Shape
from demandgeo.statistics.locations import Locations

SIZES = {"small": ((20_000, 250),), "full": ((100_000, 1000), (1_000_000, 1000))}
BANDWIDTH = 400.0
SAMPLE = 500
NOTES = (
    "per-event stamping: the algorithm of QGIS's heatmap (each event adds the kernel to the pixels of its disc), "
    "restated here in compiled float64 without reading or writing files: a stand-in, not QGIS itself",
    f"scikit-learn: building its tree, plus {SAMPLE} pixels scaled up to all of them",
)


@numba.njit(cache=True)
def stamp_every_event(x, y, frame, h, out):
    """Add the quartic kernel of each event to each pixel of its disc."""
    rows, columns = out.shape
    x0, y0, dx, dy = frame
    for i in range(x.size):
        for row in range(max(0, int((y0 - y[i] - h) / dy)), min(rows, int((y0 - y[i] + h) / dy) + 1)):
            for column in range(max(0, int((x[i] - h - x0) / dx)), min(columns, int((x[i] + h - x0) / dx) + 1)):
                east, north = x0 + (column + 0.5) * dx - x[i], y0 - (row + 0.5) * dy - y[i]
                distance = np.sqrt(east * east + north * north)
                if distance <= h:
                    out[row, column] += 3 / (np.pi * h * h) * (1 - (distance / h) ** 2) ** 2


def run(size: str) -> list[dict[str, Any]]:
    """Measure every method on every workload of a size."""
    numba.set_num_threads(1)
    return [row for n, pixels in SIZES[size] for row in _compare(force(n, pixels=pixels))]


def _compare(work: Force) -> list[dict[str, Any]]:
    events, grid = work.events, work.grid
    x, y = events.x, events.y
    places = Locations.of(x, y)
    at = np.random.default_rng(1).choice(grid.n, min(SAMPLE, grid.n), replace=False)
    exact = {shape: _exact(places, grid, at, shape) for shape in (Shape.QUARTIC, Shape.EPANECHNIKOV)}

    def ours(found: Locations, shape: Shape) -> np.ndarray:
        return smoothed(Rows.of(found, found.total(), grid), grid, bandwidth=BANDWIDTH, shape=shape)

    def stamped() -> np.ndarray:
        out = np.zeros(grid.shape)
        stamp_every_event(x, y, (grid.x0, grid.y0, grid.dx, grid.dy), BANDWIDTH, out)
        return out

    quartic, epanechnikov = Shape.QUARTIC, Shape.EPANECHNIKOV

    def stage() -> np.ndarray:
        return surface(events, grid, bandwidth=BANDWIDTH, per="period").values / 1e6

    methods = (
        ("quartic: collapse + sort + sum", quartic, lambda: ours(Locations.of(x, y), quartic), 7),
        ("quartic: on cached locations", quartic, lambda: ours(places, quartic), 7),
        ("quartic: density.surface with all its checks", quartic, stage, 3),
        ("quartic: per-event stamping", quartic, stamped, 1),
        ("epanechnikov: collapse + sort + sum", epanechnikov, lambda: ours(Locations.of(x, y), epanechnikov), 7),
    )
    rows = []
    for name, shape, job, repeats in methods:
        spent, values = _least(job, repeats)
        rows.append(_row(work, name, spent, error=_error(values.ravel()[at], exact[shape])))
    rows.append(_scikit_learn(work, exact[epanechnikov], at))
    first = {row["method"].partition(":")[0]: row["cpu_s"] for row in reversed(rows)}
    return [row | {"ratio": row["cpu_s"] / first[row["method"].partition(":")[0]]} for row in rows]


def _scikit_learn(work: Force, exact: np.ndarray, at: np.ndarray) -> dict[str, Any]:
    points = np.column_stack([work.events.x, work.events.y])
    pixels = np.column_stack(work.grid.centres())[at]
    build, tree = _least(lambda: KernelDensity(bandwidth=BANDWIDTH, kernel="epanechnikov").fit(points), 1)
    score, logs = _least(lambda: tree.score_samples(pixels), 3)
    spent, values = build + score * work.grid.n / at.size, np.exp(logs) * len(points)
    return _row(work, "epanechnikov: scikit-learn KernelDensity, extrapolated", spent, error=_error(values, exact))


def _exact(places: Locations, grid: Any, at: np.ndarray, shape: Shape) -> np.ndarray:
    weight, (centre_x, centre_y) = places.total().astype(np.longdouble), grid.centres()
    x, y, h2 = places.x.astype(np.longdouble), places.y.astype(np.longdouble), np.longdouble(BANDWIDTH) ** 2
    sums = []
    for pixel in at:
        t = 1 - ((centre_x[pixel] - x) ** 2 + (centre_y[pixel] - y) ** 2) / h2
        sums.append((weight * np.where(t > 0, t, 0) ** int(shape)).sum() * (int(shape) + 1) / (np.pi * h2))
    return np.array(sums, np.longdouble)


def _least(job: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    values, spent = job(), []  # the first call compiles
    for _ in range(repeats):
        start = time.process_time()
        values = job()
        spent.append(time.process_time() - start)
    return min(spent), values


def _error(got: np.ndarray, exact: np.ndarray) -> float:
    return float(np.abs(got - exact).max() / exact.max())


def _row(work: Force, method: str, spent: float, *, error: float) -> dict[str, Any]:
    return {"workload": work.name, "method": method, "cpu_s": spent, "max_error": error}
