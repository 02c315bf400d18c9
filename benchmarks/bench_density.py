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
def stamp_every_event(x, y, x0, y0, dx, dy, h, out):
    """Add the quartic kernel of each event to each pixel of its disc."""
    rows, columns = out.shape
    for i in range(x.size):
        for row in range(max(0, int((y0 - y[i] - h) / dy)), min(rows, int((y0 - y[i] + h) / dy) + 1)):
            for column in range(max(0, int((x[i] - h - x0) / dx)), min(columns, int((x[i] + h - x0) / dx) + 1)):
                distance = np.hypot(x0 + (column + 0.5) * dx - x[i], y0 - (row + 0.5) * dy - y[i])
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
        stamp_every_event(x, y, grid.x0, grid.y0, grid.dx, grid.dy, BANDWIDTH, out)
        return out

    quartic, epanechnikov = Shape.QUARTIC, Shape.EPANECHNIKOV
    stage: Callable[[], np.ndarray] = lambda: surface(events, grid, bandwidth=BANDWIDTH, per="period").values / 1e6  # noqa: E731
    methods = [
        ("demandgeo, quartic: collapse + sort + sum", quartic, lambda: ours(Locations.of(x, y), quartic), 7),
        ("demandgeo, quartic: on cached locations", quartic, lambda: ours(places, quartic), 7),
        ("demandgeo, quartic: density.surface with all its checks", quartic, stage, 3),
        ("per-event stamping, quartic", quartic, stamped, 1),
        ("demandgeo, epanechnikov: collapse + sort + sum", epanechnikov, lambda: ours(Locations.of(x, y), epanechnikov), 7),
    ]  # fmt: skip
    rows = [_row(work, name, *_least(job, repeats), exact[shape], at) for name, shape, job, repeats in methods]
    rows.append(_scikit_learn(work, exact[epanechnikov], at))
    for row in rows:
        row["ratio"] = row["cpu_s"] / rows[4 if "epanechnikov" in row["method"] else 0]["cpu_s"]
    return rows


def _scikit_learn(work: Force, exact: np.ndarray, at: np.ndarray) -> dict[str, Any]:
    start = time.process_time()
    points = np.column_stack([work.events.x, work.events.y])
    tree = KernelDensity(bandwidth=BANDWIDTH, kernel="epanechnikov").fit(points)
    built = time.process_time()
    values = np.exp(tree.score_samples(np.column_stack(work.grid.centres())[at])) * len(points)
    spent = built - start + (time.process_time() - built) * work.grid.n / at.size
    return _row(work, "scikit-learn KernelDensity, epanechnikov (extrapolated)", spent, values, exact, None)


def _exact(places: Locations, grid: Any, at: np.ndarray, shape: Shape) -> np.ndarray:
    weight, (centre_x, centre_y) = places.total().astype(np.longdouble), grid.centres()
    x, y, h2 = places.x.astype(np.longdouble), places.y.astype(np.longdouble), np.longdouble(BANDWIDTH) ** 2
    sums = []
    for pixel in at:
        t = 1 - ((centre_x[pixel] - x) ** 2 + (centre_y[pixel] - y) ** 2) / h2
        sums.append((weight * np.where(t > 0, t, 0) ** int(shape)).sum() * (int(shape) + 1) / (np.pi * h2))
    return np.array(sums, np.longdouble)


def _least(job: Callable[[], np.ndarray], repeats: int) -> tuple[float, np.ndarray]:
    values, spent = job(), []  # the first call compiles
    for _ in range(repeats):
        start = time.process_time()
        values = job()
        spent.append(time.process_time() - start)
    return min(spent), values


def _row(
    work: Force, method: str, spent: float, values: np.ndarray, exact: np.ndarray, at: np.ndarray | None
) -> dict[str, Any]:
    got = values if at is None else values.ravel()[at]
    return {
        "workload": work.name,
        "method": method,
        "cpu_s": spent,
        "max_error": float(np.abs(got - exact).max() / exact.max()),
    }
