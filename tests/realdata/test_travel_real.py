"""Travel times on real street graphs, against networkx and scipy."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from demandgeo.deployment import travel_times
from demandgeo.deployment.hierarchy import Hierarchy
from demandgeo.deployment.speeds import paces
from demandgeo.sources import read_streets


@pytest.fixture(scope="module")
def cambridge(shared_data):
    """4,708 junctions, 798 one-way streets, 31 loops, no maxspeed on every other street."""
    return read_streets(shared_data / "streets" / "cambridge_uk_drive.graphml")


def edges(net, profile):
    pace = paces(net, profile)
    seconds = (net.length * pace).ravel()
    tail, head = np.concatenate([net.start, net.end]), np.concatenate([net.end, net.start])
    return tail, head, seconds


def close(got, right):
    np.testing.assert_array_equal(np.isinf(got), np.isinf(right))
    both = np.isfinite(right)
    assert (np.abs(got[both] - right[both]) <= 2e-7 * right[both] + 1e-6).all()


def by_scipy(net, profile, rows=None):
    """Times between junctions in double precision; scipy adds up parallel streets, so the quickest is picked."""
    tail, head, seconds = edges(net, profile)
    order = np.lexsort((seconds, head, tail))
    order = order[np.isfinite(seconds[order])]
    _, first = np.unique(np.stack([tail, head])[:, order], axis=1, return_index=True)
    kept, n = order[first], len(net.node_x)
    graph = coo_array((seconds[kept], (tail[kept], head[kept])), shape=(n, n)).tocsr()
    return dijkstra(graph, indices=rows)


def by_networkx(net, profile):
    graph = nx.MultiDiGraph()
    graph.add_nodes_from(range(len(net.node_x)))
    rows = zip(*(part.tolist() for part in edges(net, profile)), strict=True)
    graph.add_edges_from((u, v, {"seconds": t}) for u, v, t in rows if np.isfinite(t))
    out = np.full((len(net.node_x), len(net.node_x)), np.inf)
    for u, found in nx.all_pairs_dijkstra_path_length(graph, weight="seconds"):
        out[u, list(found)] = list(found.values())
    return out


@pytest.mark.parametrize("profile", ["day", "blue light", "foot"])
def test_helsinki(shared_data, profile):
    net = read_streets(shared_data / "streets" / "helsinki_drive.graphml")
    right = by_networkx(net, profile)
    np.testing.assert_allclose(by_scipy(net, profile), right, rtol=1e-12)
    junctions = (net.node_x, net.node_y)
    close(travel_times(net, junctions, junctions, profile=profile).seconds, right)


def test_cambridge(cambridge):
    net = cambridge
    made = Hierarchy.of(net.node_x, net.node_y, *edges(net, "day")[:2])
    assert len(made.arc_head) < 4 * len(net.start)
    rng = np.random.default_rng(1)
    rows, columns = rng.choice(len(net.node_x), (2, 500), replace=False)
    for profile in ("day", "foot"):
        right = by_scipy(net, profile, rows)[:, columns]
        # 25 junctions lie off the largest strongly connected part, and nobody walks on the motorway.
        assert 0 < np.isinf(right).mean() < 0.02
        got = travel_times(net, *((net.node_x[at], net.node_y[at]) for at in (rows, columns)), profile=profile)
        close(got.seconds, right)
    few = travel_times(net, (net.node_x[rows[:9]], net.node_y[rows[:9]]), (net.node_x[columns], net.node_y[columns]))
    close(few.seconds, by_scipy(net, "day", rows[:9])[:, columns])


def test_nobody_arrives_sooner_than_the_crow_at_the_highest_speed(cambridge):
    net = cambridge
    rng = np.random.default_rng(2)
    segment = rng.integers(0, len(net.start), (2, 60))
    places = [net.place(rows, rng.uniform(size=60) * net.length[rows]) for rows in segment]
    got = travel_times(net, *places, profile="night")
    assert got.provenance["origins_off_street_max_m"] < 1e-6
    free = np.isfinite(got.seconds)
    crow = np.hypot(*(np.subtract.outer(places[0][axis], places[1][axis]) for axis in (0, 1)))
    fastest = paces(net, "night").min()
    assert (got.seconds[free] >= crow[free] * fastest * (1 - 1e-6)).all()
    assert free.mean() > 0.95
