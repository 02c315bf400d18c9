"""Fastest ways: the hierarchy and Dijkstra's algorithm against each other and against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from demandgeo.deployment.ways import SMALL, Graph, Hierarchy
from tests.kernels.threads import assert_same_bytes


@st.composite
def graphs(draw):
    """Directed graphs with one-way, parallel and disconnected streets, loops, places that coincide, and times of 0."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n = int(rng.integers(1, 25))
    m = int(rng.integers(0, 3 * n + 1))
    x, y = rng.integers(0, 6, (2, n)).astype(float)
    tail, head = rng.integers(0, n, (2, m))
    seconds = rng.integers(0, 9, m) * rng.choice([0.25, 1.0, 1e-3, 1e6])
    return x, y, tail, head, seconds, rng


def all_pairs(n, tail, head, seconds):
    """Every pair, from the matrix of direct ways (Floyd 1962): by way of each junction in turn."""
    direct = np.full((n, n), np.inf)
    np.minimum.at(direct, (tail, head), seconds)
    np.fill_diagonal(direct, 0.0)
    for k in range(n):
        direct = np.minimum(direct, direct[:, [k]] + direct[[k], :])
    return direct


@given(graphs())
def test_every_pair_is_that_of_floyd_and_warshall(graph):
    x, y, tail, head, seconds, rng = graph
    expected = all_pairs(x.size, tail, head, seconds)
    sources, targets = (rng.integers(0, x.size, int(rng.integers(1, 40))) for _ in range(2))
    right = expected[np.ix_(sources, targets)]
    assert x.size < SMALL
    for found in (
        Graph(x, y, tail, head).matrix(seconds, sources, targets),
        Hierarchy.of(x, y, tail, head).timed(seconds).matrix(sources, targets),
    ):
        assert found.dtype == np.float32
        assert not np.isnan(found).any()
        assert np.array_equal(np.isinf(found), np.isinf(right))
        np.testing.assert_allclose(found, right, rtol=2e-7, atol=1e-6)


def street_grid(side, seed=0):
    """A street grid with a tenth of its streets missing and some one-way; junctions moved at random."""
    rng = np.random.default_rng(seed)
    at = np.arange(side * side).reshape(side, side)
    pairs = np.concatenate(
        [np.stack([at[:, :-1].ravel(), at[:, 1:].ravel()], 1), np.stack([at[:-1].ravel(), at[1:].ravel()], 1)]
    )
    pairs = pairs[rng.random(len(pairs)) < 0.9]
    back = pairs[rng.random(len(pairs)) < 0.9][:, ::-1]
    tail, head = np.concatenate([pairs, back]).T
    x, y = (np.indices((side, side)).reshape(2, -1)[::-1] + rng.uniform(-0.3, 0.3, (2, side * side))) * 100.0
    seconds = np.hypot(x[tail] - x[head], y[tail] - y[head]) / rng.choice([5.0, 8.0, 13.0], tail.size)
    return x, y, np.ascontiguousarray(tail), np.ascontiguousarray(head), seconds, rng


def test_the_hierarchy_of_a_town_and_new_speeds_for_it():
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import dijkstra

    x, y, tail, head, seconds, rng = street_grid(60)
    prepared = Hierarchy.of(x, y, tail, head)
    sources, targets = rng.integers(0, x.size, 50), rng.integers(0, x.size, 300)
    for times in (seconds, seconds * rng.uniform(0.5, 2.0, seconds.size)):
        found = prepared.timed(times).matrix(sources, targets)
        expected = dijkstra(csr_matrix((times, (tail, head)), (x.size, x.size)), indices=sources)[:, targets]
        assert np.array_equal(np.isinf(found), np.isinf(expected))
        reached = np.isfinite(expected)
        np.testing.assert_allclose(found[reached], expected[reached], rtol=2e-7, atol=1e-6)


THREADS = """
from tests.kernels.test_hierarchy import street_grid
from demandgeo.deployment.ways import Hierarchy
x, y, tail, head, seconds, rng = street_grid(20)
sources, targets = rng.integers(0, x.size, 70), rng.integers(0, x.size, 90)
prepared = Hierarchy.of(x, y, tail, head)

def made():
    return [prepared.timed(seconds).matrix(sources, targets)]
"""


@pytest.mark.threads
@pytest.mark.parametrize("layer", ["workqueue", "omp"])
def test_any_number_of_threads_gives_the_same_bytes(layer, tmp_path):
    assert_same_bytes(layer, tmp_path, THREADS)
