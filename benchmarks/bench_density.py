"""Density surfaces: ours beside what a user would otherwise run, speed and accuracy in one table.

CPU seconds of one thread (`process_time`), the least of the repeats. The error is the greatest difference from the sum
taken term by term at a sample of pixels, as a share of the greatest value.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
import peers
from scipy.stats import gaussian_kde
from sklearn.neighbors import KernelDensity
from workloads import CRS, Force, distinct, force, layered

from demandgeo.density import adaptive_surface, choose_bandwidth, significant_peaks, spacetime_surface, surface
from demandgeo.density.smoothing import Rows, Smoother
from demandgeo.domain import Events, Grid
from demandgeo.statistics.layers import layers_of
from demandgeo.statistics.locations import Locations

SIZES = {"small": ((20_000, 250),), "full": ((100_000, 1000), (1_000_000, 1000))}
BANDWIDTH = 400.0
SD = 150.0
SAMPLE = 500
PICTURE = Path(__file__).parent / "results" / "density_growth.png"
NOTES = (
    "per-event stamping: the algorithm of QGIS's heatmap (each event adds the kernel to the pixels of its disc), "
    "restated here in compiled float64 without reading or writing files: a stand-in, not QGIS itself",
    f"scikit-learn and scipy: building, plus {SAMPLE} (scipy 20) pixels scaled up to all of them",
    "libkdv sums over twice the bandwidth it is given, has a scale of its own (its error is after the best one), and "
    "is timed on the extent of the events, text in and out included; KDEpy is timed on the grid that it lays itself",
    "growth: one setting changes at a time, from 1,000,000 events at 35,000 places, 1000 x 1000 pixels, 400 m",
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
    rows = [row for n, pixels in SIZES[size] for row in _compare(force(n, pixels=pixels))]
    n, pixels = SIZES[size][-1]
    rows += [_distinct(n, pixels), _layered(n, pixels), *_models(SIZES[size][0][0], n, pixels)]
    growth = _growth(n, pixels)
    if size == "full":
        _draw(growth)
    return rows + growth


def summed(places: Locations, grid: Grid, kernel: str, bandwidth: float) -> np.ndarray:
    """Return the surface of collapsed locations, per m2."""
    smoother, out = Smoother.of(grid, kernel, bandwidth), np.zeros(grid.shape)
    smoother.fill(Rows.of(places, places.total(), smoother.on), out)
    return out


def _compare(work: Force) -> list[dict[str, Any]]:
    events, grid = work.events, work.grid
    x, y = events.x, events.y
    places = Locations.of(x, y)
    at = np.random.default_rng(1).choice(grid.n, min(SAMPLE, grid.n), replace=False)
    centres = np.column_stack(grid.centres())[at]
    width = {"quartic": BANDWIDTH, "epanechnikov": BANDWIDTH, "gaussian": SD}
    exact = {kernel: _exact(places, centres, kernel) for kernel in width}

    def stamped() -> np.ndarray:
        out = np.zeros(grid.shape)
        stamp_every_event(x, y, (grid.x0, grid.y0, grid.dx, grid.dy), BANDWIDTH, out)
        return out

    def stage() -> np.ndarray:
        return surface(events, grid, bandwidth=BANDWIDTH, per="period").values / 1e6

    methods: list[tuple[str, str, Callable[[], np.ndarray], int]] = []
    for kernel, h in width.items():
        cold = f"{kernel}: collapse + sort + sum"
        methods.append((cold, kernel, lambda k=kernel, h=h: summed(Locations.for_sums(x, y), grid, k, h), 7))
        cached = f"{kernel}: on cached locations"
        methods.append((cached, kernel, lambda k=kernel, h=h: summed(places, grid, k, h), 7))
    methods += [
        ("quartic: density.surface with all its checks", "quartic", stage, 3),
        ("quartic: per-event stamping", "quartic", stamped, 1),
    ]
    rows = []
    for name, kernel, job, repeats in methods:
        spent, values = _least(job, repeats)
        rows.append(_row(work.name, name, spent, error=_error(values.ravel()[at], exact[kernel])))
    rows += _peers(work, places, centres, exact)
    first = {row["method"].partition(":")[0]: row["cpu_s"] for row in reversed(rows)}
    cached_s = next(row["cpu_s"] for row in rows if row["method"] == "epanechnikov: on cached locations")
    first["epanechnikov, collapsed"] = cached_s
    return [row | {"ratio": row["cpu_s"] / first[row["method"].partition(":")[0]]} for row in rows]


def _peers(work: Force, places: Locations, centres: np.ndarray, exact: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    x, y, (pixels, _) = work.events.x, work.events.y, work.grid.shape
    points, rows = np.column_stack([x, y]), []
    build, tree = _least(lambda: KernelDensity(bandwidth=BANDWIDTH, kernel="epanechnikov").fit(points), 1)
    score, logs = _least(lambda: tree.score_samples(centres), 3)
    error = _error(np.exp(logs) * x.size, exact["epanechnikov"])
    spent = build + score * work.grid.n / len(centres)
    rows.append(_row(work.name, "epanechnikov: scikit-learn KernelDensity, extrapolated", spent, error=error))

    # scipy scales the data's covariance: one factor cannot give a round kernel, and the work is that of any other.
    few = gaussian_kde(points.T)
    score, _ = _least(lambda: few(centres[:20].T), 1)
    spent = score * work.grid.n / 20
    rows.append(_row(work.name, "gaussian: scipy gaussian_kde, extrapolated", spent, error=None))
    if peers.has("KDEpy"):
        spent, (nodes, values) = _least(lambda: peers.kdepy(x, y, pixels=pixels, sd=SD), 2)
        some = np.random.default_rng(2).choice(len(nodes), SAMPLE, replace=False)
        error = _error(values[some], _exact(places, nodes[some], "gaussian"))
        rows.append(_row(work.name, "gaussian: KDEpy FFTKDE", spent, error=error))
    if peers.has("libkdv"):
        for name, x_in, y_in, given in (
            ("epanechnikov: libkdv, given 200 m: the same radius", x, y, BANDWIDTH / 2),
            ("epanechnikov: libkdv, given 400 m: twice the radius", x, y, BANDWIDTH),
            ("epanechnikov, collapsed: libkdv on our locations, the same radius", places.x, places.y, BANDWIDTH / 2),
            ("epanechnikov, collapsed: libkdv on our locations, given 400 m", places.x, places.y, BANDWIDTH),
        ):
            job = functools.partial(peers.libkdv, x_in, y_in, pixels=pixels, bandwidth=given)
            spent, values = _least(job, 1, warm=x_in.size <= 100_000 and given < BANDWIDTH)
            if given == BANDWIDTH:
                rows.append(_row(work.name, name, spent, error=None))
                continue
            there = peers.libkdv_grid(x_in, y_in, pixels)
            some = np.random.default_rng(2).choice(there.n, SAMPLE, replace=False)
            weigh = places if x_in is x else Locations.of(x_in, y_in)
            right = _exact(weigh, np.column_stack(there.centres())[some], "epanechnikov").astype(float)
            got = values.ravel()[some]
            rows.append(_row(work.name, name, spent, error=_error(got * (got @ right / (got @ got)), right)))
    return rows


def _distinct(n: int, pixels: int) -> dict[str, Any]:
    work = distinct(n, pixels=pixels)
    x, y = work.events.x, work.events.y
    spent, values = _least(lambda: summed(Locations.for_sums(x, y), work.grid, "quartic", BANDWIDTH), 3)
    at = np.random.default_rng(1).choice(work.grid.n, 50, replace=False)
    exact = _exact(Locations.of(x, y), np.column_stack(work.grid.centres())[at], "quartic")
    return _row(work.name, "quartic: sort + sum", spent, error=_error(values.ravel()[at], exact)) | {"ratio": 1.0}


def _layered(n: int, pixels: int) -> dict[str, Any]:
    work = layered(n, pixels=pixels)
    events, smoother = work.events, Smoother.of(work.grid, "quartic", BANDWIDTH)

    def job() -> np.ndarray:
        table, layer = layers_of(events, ("category", "month"))
        places, out = Locations.for_sums(events.x, events.y), np.zeros((len(table), *work.grid.shape))
        for own, raster in zip(Rows.by_layer(places, events.weight, layer, len(table), smoother.on), out, strict=True):
            smoother.fill(own, raster)
        return out

    spent, made = _least(job, 2)
    last = events.where(layers_of(events, ("category", "month"))[1] == len(made) - 1)
    at = np.random.default_rng(1).choice(work.grid.n, SAMPLE, replace=False)
    exact = _exact(Locations.of(last.x, last.y), np.column_stack(work.grid.centres())[at], "quartic")
    name = f"quartic: {len(made)} layers by category and month"
    return _row(work.name, name, spent, error=_error(made[-1].ravel()[at], exact)) | {"ratio": 1.0}


def _models(few: int, n: int, pixels: int) -> list[dict[str, Any]]:
    """Measure what is made of many sums: slices in time, a width of its own for each place, a curve, 999 surfaces."""
    work, part = force(n, pixels=pixels), force(few, pixels=pixels)
    rng = np.random.default_rng(3)
    minutes = np.datetime64("2018-01-01", "m") + rng.integers(364 * 24 * 60, size=n)
    timed = Events.at(work.events.x, work.events.y, crs=CRS, time=minutes.astype("datetime64[s]"))
    serious = part.events.where(rng.random(few) < 0.2)
    cube = functools.partial(
        spacetime_surface, timed, work.grid, every_days=7.0, time_bandwidth_days=28.0, bandwidth=BANDWIDTH
    )
    jobs: list[tuple[str, str, Callable[[], Any], int]] = [
        (work.name, "space-time: 52 weeks of 28 days, quartic x Epanechnikov", cube, 2),
        (work.name, "adaptive (Abramson): quartic", lambda: adaptive_surface(work.events, work.grid), 3),
        (
            part.name,
            "bandwidth: a curve of 64 candidates, one location left out",
            lambda: choose_bandwidth(part.events, candidates=64),
            3,
        ),
        (
            part.name,
            "significant peaks: 999 surfaces, relabelled",
            lambda: significant_peaks(serious, part.grid, part.events, subset=True, bandwidth=BANDWIDTH),
            1,
        ),
    ]
    return [
        _row(name, what, _least(job, repeats)[0], error=None) | {"ratio": None} for name, what, job, repeats in jobs
    ]


def _growth(n: int, pixels: int) -> list[dict[str, Any]]:
    """Measure the growth with one setting at a time."""
    steps = {
        "events": [(m, pixels, 1.0) for m in (n // 100, n // 10, n // 3, n, 3 * n)],
        "pixels a side": [(n, side, 1.0) for side in (pixels // 4, pixels // 2, pixels, 2 * pixels)],
        "times the bandwidth": [(n, pixels, factor) for factor in (0.5, 1.0, 2.0, 4.0, 8.0, 20.0)],
    }
    rows = []
    for what, settings in steps.items():
        for m, side, factor in settings:
            work = force(m, pixels=side)
            value = {"events": m, "pixels a side": side, "times the bandwidth": factor}[what]
            for kernel, h in (("quartic", BANDWIDTH), ("gaussian", SD)):
                x, y = work.events.x, work.events.y
                job = functools.partial(_cold, x, y, work.grid, kernel, factor * h)
                spent, _ = _least(job, 3)
                row = _row(f"growth with {what}", f"{kernel}: {value:,}", spent, error=None)
                rows.append(row | {"ratio": None, "value": value})
    return rows


def _cold(x: np.ndarray, y: np.ndarray, grid: Grid, kernel: str, h: float) -> np.ndarray:
    return summed(Locations.for_sums(x, y), grid, kernel, h)


def _draw(rows: list[dict[str, Any]]) -> None:
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    names = list(dict.fromkeys(row["workload"] for row in rows))
    figure, axes = plt.subplots(1, len(names), figsize=(11, 3.6), sharey=True, layout="constrained")
    for axis, name in zip(axes, names, strict=True):
        for kernel, mark in (("quartic", "o-"), ("gaussian", "s--")):
            own = [row for row in rows if row["workload"] == name and row["method"].startswith(kernel)]
            axis.loglog([row["value"] for row in own], [row["cpu_s"] * 1e3 for row in own], mark, label=kernel)
        axis.set_xticks(values := [row["value"] for row in own], [f"{value:,g}" for value in values], rotation=30)
        axis.minorticks_off()
        axis.set_xlabel(name.removeprefix("growth with "))
        axis.grid(visible=True, which="both", alpha=0.3)
    axes[0].set_ylabel("CPU ms, one thread")
    axes[0].legend()
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE, dpi=120)


def _exact(places: Locations, at: np.ndarray, kernel: str) -> np.ndarray:
    weight = places.total().astype(np.longdouble)
    x, y = places.x.astype(np.longdouble), places.y.astype(np.longdouble)
    power = {"epanechnikov": 1, "quartic": 2}.get(kernel)
    sums = []
    for east, north in at:
        r2 = (east - x) ** 2 + (north - y) ** 2
        if power is None:
            term = np.exp(-r2 / (2 * np.longdouble(SD) ** 2)) / (2 * np.pi * SD**2)
        else:
            t = 1 - r2 / np.longdouble(BANDWIDTH) ** 2
            term = np.where(t > 0, t, 0) ** power * (power + 1) / (np.pi * BANDWIDTH**2)
        sums.append((weight * term).sum())
    return np.array(sums, np.longdouble)


def _least(job: Callable[[], Any], repeats: int, *, warm: bool = True) -> tuple[float, Any]:
    values, spent = job() if warm else None, []  # the first call compiles
    for _ in range(repeats):
        start = time.process_time()
        values = job()
        spent.append(time.process_time() - start)
    return min(spent), values


def _error(got: np.ndarray, exact: np.ndarray) -> float:
    return float(np.abs(got - exact).max() / exact.max())


def _row(workload: str, method: str, spent: float, *, error: float | None) -> dict[str, Any]:
    return {"workload": workload, "method": method, "cpu_s": spent, "max_error": error}
