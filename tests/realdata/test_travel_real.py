"""Travel times on real streets, against networkx."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from demandgeo.deployment import travel_times
from demandgeo.deployment.speeds import street_seconds
from demandgeo.sources import read_streets


@pytest.mark.parametrize("name", ["helsinki_drive", "cambridge_uk_drive"])
def test_every_pair_is_that_of_networkx(shared_data, name):
    net = read_streets(shared_data / "streets" / f"{name}.graphml")
    tail, head, seconds = street_seconds(net, "day", None, None)
    graph = nx.DiGraph()
    for a, b, s in zip(tail.tolist(), head.tolist(), seconds.tolist(), strict=True):
        if not graph.has_edge(a, b) or graph[a][b]["weight"] > s:
            graph.add_edge(a, b, weight=s)
    nodes = np.unique(np.concatenate([tail, head]))
    at = np.random.default_rng(1).choice(nodes, 12, replace=False)
    here = np.column_stack([net.node_x[at], net.node_y[at]])
    there = np.column_stack([net.node_x[nodes], net.node_y[nodes]])
    found = np.asarray(travel_times(net, here, there))
    for row, source in zip(found, at.tolist(), strict=True):
        ways = nx.single_source_dijkstra_path_length(graph, source)
        right = np.array([ways.get(node, np.inf) for node in nodes.tolist()])
        assert np.array_equal(np.isinf(row), np.isinf(right))
        np.testing.assert_allclose(row, right, rtol=2e-7, atol=1e-6)
