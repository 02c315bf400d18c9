"""Travel-time matrices: ours beside what a user would otherwise run, speed and accuracy in one table.

CPU seconds of one thread (`process_time`), the least of the repeats. The ratio is to the sweeps alone, which is what
each further matrix costs; what they need beforehand stands in rows of its own. The error is the greatest of
|ours - scipy's| / scipy's in double precision, over every reachable pair.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import peers
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra
from workloads import SEED, made_roads

from demandgeo.deployment import travel_times
from demandgeo.deployment.hierarchy import Access, Edges, Hierarchy, searched
from demandgeo.deployment.speeds import paces
from demandgeo.domain import Network

SIZES = {"small": (10_000, 200, 2_000), "full": (100_000, 1_000, 20_000)}
SEARCHED = 20
TOLERANCE = 2e-7, 1e-6
"""Relative, and seconds."""

NOTES = (
    f"searched: {SEARCHED} origins by Dijkstra's search in our kernel, scaled up to all",
    "scipy: csgraph.dijkstra, all origins, 50 at a time; without the choice of the destinations' columns",
    f"igraph: Graph.distances from {SEARCHED // 2} origins, scaled up to all; the graph is made beforehand",
    "travel_times: from the Network and points in metres to the checked result; the first call orders the junctions",
    f"checked: every pair within {TOLERANCE[0]:g} of scipy's time + {TOLERANCE[1]:g} s, and the same pairs unreachable",
)


def run(size: str) -> list[dict[str, Any]]:
    """Measure every method on one network."""
    numba.set_num_threads(1)
    nodes, m, n = SIZES[size]
    net = made_roads(nodes)
    rng = np.random.default_rng(SEED)
    origins, destinations = rng.integers(0, nodes, m), rng.integers(0, nodes, n)
    work = _Work(net, origins, destinations)
    name = f"{m:,} x {n:,} on {nodes:,} nodes, {int(np.isfinite(work.edges.seconds).sum()):,} directed edges"
    rows = _ours(name, work) + _peers(name, work)
    ours = next(row["cpu_s"] for row in rows if row["method"].startswith("sweeps"))
    return [row | {"ratio": row["cpu_s"] / ours} for row in rows]


class _Work:
    """One network's edges, and the nodes to travel between."""

    def __init__(self, net: Network, origins: np.ndarray, destinations: np.ndarray) -> None:
        self.net, self.origins, self.destinations = net, origins, destinations
        tail, head = np.concatenate([net.start, net.end]), np.concatenate([net.end, net.start])
        self.edges = Edges(tail, head, self.seconds("day"))
        self.starts, self.ends = _there(origins), _there(destinations)

    def seconds(self, profile: str) -> np.ndarray:
        return (self.net.length * paces(self.net, profile)).ravel()


def _there(nodes: np.ndarray) -> Access:
    return Access(nodes[:, None], np.zeros((len(nodes), 1)))


def _ours(name: str, work: _Work) -> list[dict[str, Any]]:
    net, (tail, head, seconds) = work.net, work.edges
    ordered, made = _least(lambda: Hierarchy.of(net.node_x, net.node_y, tail, head), 2)
    night = work.seconds("night")
    customised, _ = _least(lambda: made.customised(night), 7)
    arcs = made.customised(seconds)
    swept, times = _least(lambda: made.times(arcs, work.starts, work.ends), 5)
    few = Access(*(part[:SEARCHED] for part in work.starts))
    spent, _ = _least(lambda: searched(len(net.node_x), work.edges, few, work.ends), 2)
    work.times = times
    places = [(net.node_x[rows], net.node_y[rows]) for rows in (work.origins, work.destinations)]
    first, _ = _least(lambda: travel_times(net, *places), 1, warm=False)
    again, _ = _least(lambda: travel_times(net, *places, profile="night"), 2, warm=False)
    return [
        _row(name, "sweeps: the matrix, order and times of arcs made beforehand", swept, None),
        _row(name, "hierarchy: order and contract, once for a network", ordered, None),
        _row(name, "hierarchy: new times of all arcs, for another profile", customised, None),
        _row(name, "travel_times: first call", first, None),
        _row(name, "travel_times: another profile", again, None),
        _row(name, "searched: Dijkstra in our kernel, extrapolated", spent * len(work.origins) / SEARCHED, None),
    ]


def _peers(name: str, work: _Work) -> list[dict[str, Any]]:
    nodes, (tail, head, seconds) = len(work.net.node_x), work.edges
    open_ = np.isfinite(seconds)
    graph = csr_matrix((seconds[open_], (tail[open_], head[open_])), (nodes, nodes))
    spent, worst = 0.0, 0.0
    for first in range(0, len(work.origins), 50):
        begin = time.process_time()
        exact = dijkstra(graph, indices=work.origins[first : first + 50])
        spent += time.process_time() - begin
        worst = max(worst, _checked(work.times[first : first + 50], exact[:, work.destinations]))
    rows = [_row(name, "scipy csgraph.dijkstra", spent, None)]
    if peers.has("igraph"):
        import igraph

        made = igraph.Graph(n=nodes, edges=np.column_stack([tail, head])[open_].tolist(), directed=True)
        weights, some = seconds[open_].tolist(), work.origins[: SEARCHED // 2].tolist()
        took, _ = _least(lambda: made.distances(some, weights=weights), 2)
        rows.append(_row(name, "igraph distances, extrapolated", took * len(work.origins) / len(some), None))
    return [_row(name, "checked: sweeps against scipy, every pair", 0.0, worst), *rows]


def _checked(got: np.ndarray, exact: np.ndarray) -> float:
    reached = np.isfinite(exact)
    if not np.array_equal(np.isfinite(got), reached):
        raise AssertionError("other pairs are unreachable than scipy says")
    apart = np.abs(got[reached] - exact[reached])
    if not (apart <= TOLERANCE[0] * exact[reached] + TOLERANCE[1]).all():
        raise AssertionError(f"a time is {apart.max()} s from scipy's")
    return float(np.max(apart[exact[reached] > 0] / exact[reached][exact[reached] > 0], initial=0.0))


def _least(job: Callable[[], Any], repeats: int, *, warm: bool = True) -> tuple[float, Any]:
    values, spent = job() if warm else None, []  # the first call compiles
    for _ in range(repeats):
        start = time.process_time()
        values = job()
        spent.append(time.process_time() - start)
    return min(spent), values


def _row(workload: str, method: str, spent: float, error: float | None) -> dict[str, Any]:
    return {"workload": workload, "method": method, "cpu_s": spent, "max_error": error}
