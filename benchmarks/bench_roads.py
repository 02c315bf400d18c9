"""Streets: density, snapping and Monte Carlo beside what a user would otherwise run, speed and accuracy in one table.

CPU seconds of one thread (`process_time`), the least of the repeats. The error of a density is the greatest difference
from the sum over all paths at any lixel, as a share of the peak; that of snapping the greatest difference in metres.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numba
import numpy as np
import shapely

from demandgeo.domain import Events, Network
from demandgeo.kernels.profiles import Profile
from demandgeo.roads import choose_bandwidth, density, significant_streets, snap
from demandgeo.roads.intensity import Kernel, by_wave
from demandgeo.roads.placing import Placed, step_of
from demandgeo.roads.waves import reach_of
from demandgeo.sources import read_streets
from demandgeo.statistics.snapping import nearest
from demandgeo.synthetic import perturbed_grid

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT))
from tests.kernels import reference_network  # noqa: E402

SEED = 1
MOST_WALKED = 300_000_000
"""Streets that the enumeration of paths may walk before it is given up, some 10 s."""

NOTES = (
    "path enumeration: every path until it is longer than the bandwidth, compiled; errors are taken from it",
    f"given up: it would have walked more than {MOST_WALKED:,} streets",
    "made streets: synthetic.perturbed_grid, seed 1 (accuracy: 600 edges, seed 3), events at random on them, seed 1",
    "growth: the exponent of a power law fitted to the times, in the last row of each",
    "memory: greatest resident size of a fresh process that makes one density, streets and libraries included",
)


def run(size: str) -> list[dict[str, Any]]:
    """Measure every method on every workload of a size."""
    numba.set_num_threads(1)
    full = size == "full"
    edges = 49_000 if full else 2_000
    made = streets(edges)
    rows = _accuracy() + _montreal(full=full) + _events(made) + _bandwidths(made) + _edges(full=full)
    return rows + _snapping(edges, made) + _monte_carlo(made, full=full) + (_memory() if full else [])


def streets(edges: int) -> Network:
    """Made streets of about so many edges."""
    return read_streets(perturbed_grid(edges, seed=SEED))


def anywhere(net: Network, n: int) -> Events:
    """Events at random along the streets."""
    rng = np.random.default_rng(SEED)
    segment = rng.choice(len(net.start), n, p=net.length / net.length.sum())
    return Events.at(*net.place(segment, rng.random(n) * net.length[segment]), crs=net.crs)


@functools.cache
def _walk() -> tuple[Any, Any]:
    return numba.njit(reference_network.walk_paths), numba.njit(reference_network.height)


def _all_paths(placed: Placed, profile: Profile, h: float, *, continuous: bool = True) -> tuple[np.ndarray, int]:
    walk, height = _walk()
    net, rows = placed.network, placed.rows
    return walk(
        net.start, net.end, net.length, *net.arms(), net.first_unit, placed.snapped.segment[rows],
        placed.snapped.position[rows], placed.events.weight[rows], int(profile), h, reach_of(profile, h), continuous,
        True, MOST_WALKED, height,
    )  # fmt: skip


def _accuracy() -> list[dict[str, Any]]:
    net = read_streets(perturbed_grid(600, seed=3))
    placed, rows = Placed.of(anywhere(net, 60), net, lixel=10.0, max_distance=50.0), []
    for profile in Profile:
        h = 60.0 if profile == Profile.GAUSSIAN else 300.0
        exact, _ = _all_paths(placed, profile, h)
        for step in (5.0, None):
            kernel = Kernel("continuous", profile, h, step_of(profile, h, step), "reflect")
            rows.append(_wave_row("accuracy, 600 made edges, 60 events", placed, kernel, exact))
    return rows


def _wave_row(workload: str, placed: Placed, kernel: Kernel, exact: np.ndarray | None) -> dict[str, Any]:
    job = functools.partial(by_wave, placed.network, placed.links, placed.pulses(), kernel, settled=True)
    spent, (values, _, step) = _least(job, 3)
    error = None if exact is None else float(np.abs(values[:, 0] - exact).max() / exact.max())
    return _row(workload, f"{kernel.profile.name.lower()} {kernel.h:g} m, step {step:.3g} m", spent, error)


def _montreal(*, full: bool) -> list[dict[str, Any]]:
    folder = Path(os.environ.get("DEMANDGEO_DATA", ROOT.parent / "shared" / "data")) / "collisions" / "montreal"
    if not folder.is_dir():
        return []
    net = read_streets(folder / "mtl_network.gpkg")
    events = Events.from_frame(gpd.read_file(folder / "bike_accidents.gpkg"))
    workload, rows = "Montreal: 2,945 edges, 347 accidents, 10 m lixels", []
    placed = Placed.of(events, net, lixel=10.0, max_distance=50.0)
    for h in (300.0, 500.0, 1000.0):
        kernel = Kernel("continuous", Profile.QUARTIC, h, 5.0, "reflect")
        start = time.process_time()
        exact, walked = _all_paths(placed, Profile.QUARTIC, h) if full or h == 300 else (None, -1)
        spent = time.process_time() - start
        own = _wave_row(workload, placed, kernel, exact if walked > 0 else None)
        whole, _ = _least(lambda h=h: density(events, net, bandwidth=h), 3)
        rows += [own | {"ratio": 1.0}, _row(workload, f"roads.density with all its checks, {h:g} m", whole, None)]
        name = f"path enumeration {h:g} m, " + (f"{walked:,} streets walked" if walked > 0 else "given up")
        rows.append(_row(workload, name, spent, 0.0 if walked > 0 else None) | {"ratio": spent / own["cpu_s"]})
        simple, _ = _least(lambda h=h: _quiet(events, net, h), 2)
        rows.append(_row(workload, f"simple {h:g} m", simple, None))
    curve, _ = _least(lambda: choose_bandwidth(events, net), 2)
    rows.append(_row(workload, "leave-one-out curve of 20 bandwidths to 1,000 m", curve, None))
    return rows


def _quiet(events: Events, net: Network, h: float) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        density(events, net, bandwidth=h, method="simple")


def _events(net: Network) -> list[dict[str, Any]]:
    workload, rows = f"growth with events: {len(net.start):,} edges, 500 m", []
    for n in (2_000, 20_000, 200_000):
        events = snap(anywhere(net, n), net)
        spent, _ = _least(lambda events=events: density(events, net, bandwidth=500.0), 3)
        rows.append(_row(workload, f"{n:,} events", spent, None))
    return [row | {"ratio": row["cpu_s"] / rows[0]["cpu_s"]} for row in rows]


def _bandwidths(net: Network) -> list[dict[str, Any]]:
    events, widths = snap(anywhere(net, 2_000), net), (300.0, 500.0, 1000.0)
    jobs = {f"{h:g} m": functools.partial(density, events, net, bandwidth=h) for h in widths}
    return _grown(f"growth with bandwidth: {len(net.start):,} edges", jobs, widths)


def _edges(*, full: bool) -> list[dict[str, Any]]:
    sizes = (12_500, 25_000, 50_000, 100_000, 200_000) if full else (1_000, 2_000)
    nets = [streets(n) for n in sizes]
    jobs = {}
    for net in nets:
        events = snap(anywhere(net, 2_000), net)
        jobs[f"{len(net.start):,} edges"] = functools.partial(density, events, net, bandwidth=300.0)
    return _grown("growth with edges: 300 m, 2,000 events", jobs, [len(net.start) for net in nets])


def _grown(workload: str, jobs: dict[str, Callable[[], Any]], sizes: Any) -> list[dict[str, Any]]:
    rows = [_row(workload, name, _least(job, 3)[0], None) for name, job in jobs.items()]
    power = np.polyfit(np.log(sizes), np.log([row["cpu_s"] for row in rows]), 1)[0]
    return [*rows, rows[-1] | {"method": "exponent of the fitted power law", "ratio": float(power)}]


def _snapping(edges: int, net: Network) -> list[dict[str, Any]]:
    import osmnx

    graph, rng = perturbed_grid(edges, seed=SEED), np.random.default_rng(2)
    low, high = net.vertex.min(axis=0), net.vertex.max(axis=0)
    x, y = (rng.uniform(a, b, 20_000) for a, b in zip(low, high, strict=True))
    workload = f"snapping: 20,000 points, {len(net.start):,} curved edges"
    own, found = _least(lambda: nearest(net, x, y, max_distance=np.inf), 5)
    theirs, (_, distance) = _least(lambda: osmnx.nearest_edges(graph, x, y, return_dist=True), 2)

    def tree() -> np.ndarray:
        index = shapely.STRtree(net.geometry())
        return index.query_nearest(shapely.points(x, y), return_distance=True, all_matches=False)[1]

    shapelys, metres = _least(tree, 3)
    rows = [_row(workload, "index and exact nearest place", own, 0.0)]
    rows.append(_row(workload, "osmnx.nearest_edges", theirs, float(np.abs(found.distance - distance).max())))
    rows.append(_row(workload, "shapely STRtree", shapelys, float(np.abs(found.distance - metres).max())))
    return [row | {"ratio": row["cpu_s"] / own} for row in rows]


def _monte_carlo(net: Network, *, full: bool) -> list[dict[str, Any]]:
    every = anywhere(net, 20_000 if full else 1_000)
    severe, replicates = every.where(np.arange(len(every)) % 6 == 0), 999 if full else 99
    job = functools.partial(significant_streets, severe, net, every, subset=True, replicates=replicates)
    by_label, _ = _least(job, 1)
    by_length, _ = _least(functools.partial(significant_streets, severe, net, replicates=replicates), 1)
    workload = f"Monte Carlo: {replicates} densities, 300 m, {len(net.start):,} edges, {net.lixels(10.0).n:,} lixels"
    return [
        _row(workload, f"labels of {len(severe):,} among {len(every):,} events", by_label, None),
        _row(workload, f"{len(severe):,} events by length of street", by_length, None),
    ]


def _memory() -> list[dict[str, Any]]:
    script = (
        "import resource, time, sys; sys.path.insert(0, 'benchmarks'); from bench_roads import *; "
        "numba.set_num_threads(1); net = streets(200_000); events = snap(anywhere(net, 20_000), net); "
        "start = time.process_time(); made = density(events, net, bandwidth=1000.0); "
        "print(time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, "
        "made.provenance['mass'] - 1)"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment, cwd=ROOT
    )
    spent, gigabytes, lost = map(float, done.stdout.split())
    name = f"quartic 1,000 m: {gigabytes:.2f} GB resident, mass - 1 = {lost:.0e}"
    return [_row("memory: 200,000 edges, 20,000 events", name, spent, None)]


def _least(job: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    if repeats > 1:
        job()  # the first call compiles
    spent = []
    for _ in range(repeats):
        start = time.process_time()
        made = job()
        spent.append(time.process_time() - start)
    return min(spent), made


def _row(workload: str, method: str, spent: float, error: float | None) -> dict[str, Any]:
    return {"workload": workload, "method": method, "cpu_s": spent, "max_error": error, "ratio": None}
