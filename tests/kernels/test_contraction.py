"""Order, contraction and customisation: against the elimination game and whole matrices."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from demandgeo.deployment.hierarchy import Access, Edges, Hierarchy, searched
from demandgeo.kernels import contraction, dijkstra, sweeps
from tests.kernels import reference_travel as reference
from tests.kernels.threads import assert_same_bytes

JIT = not numba.config.DISABLE_JIT
MOST = 24 if JIT else 10
needs_jit = pytest.mark.skipif(not JIT, reason="NUMBA_DISABLE_JIT is set: nothing is compiled")


def scene(seed, n, edges):
    """Return places and edges with loops, parallels, one-way and closed streets, zero seconds and separate parts."""
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 6, (2, n)) * 50.0
    tail, head = rng.integers(0, n, (2, edges))
    seconds = rng.choice([0.0, 1.0, 2.5, np.inf], edges, p=[0.2, 0.3, 0.3, 0.2]) * rng.uniform(0.5, 20, edges).round(2)
    with np.errstate(invalid="ignore"):
        return x, y, tail, head, seconds


def access(seed, n, places, k=2):
    rng = np.random.default_rng(seed)
    seconds = rng.choice([0.0, 1.0, np.inf], (places, k), p=[0.2, 0.6, 0.2]) * rng.uniform(1, 9, (places, k)).round(2)
    return Access(rng.integers(0, n, (places, k)), seconds)


@given(st.integers(0, 2**32 - 1), st.integers(1, MOST), st.integers(0, 60))
def test_contraction_is_the_elimination_game(seed, n, edges):
    x, y, tail, head, _ = scene(seed, n, edges)
    made = Hierarchy.of(x, y, tail, head)
    assert sorted(made.rank.tolist()) == list(range(n))
    higher = reference.eliminated(n, made.rank[tail], made.rank[head])
    assert made.parent.tolist() == reference.parents(higher)
    ends = [made.arc_head[a:b].tolist() for a, b in zip(made.first_arc[:-1], made.first_arc[1:], strict=True)]
    assert ends == [sorted(above) for above in higher]
    low, high = np.minimum(made.tail, made.head), np.maximum(made.tail, made.head)
    loop = low == high
    assert (made.edge_arc[loop] == -1).all()
    assert (made.arc_head[made.edge_arc[~loop]] == high[~loop]).all()
    assert (np.searchsorted(made.first_arc, made.edge_arc[~loop], side="right") - 1 == low[~loop]).all()


@given(st.integers(0, 2**32 - 1), st.integers(1, MOST), st.integers(0, 40))
def test_every_subtree_is_one_run_of_ranks(seed, n, edges):
    x, y, tail, head, _ = scene(seed, n, edges)
    made = Hierarchy.of(x, y, tail, head)
    for v in range(n):
        below = np.zeros(n, bool)
        contraction.mark_above(made.parent, np.array([v], np.int32), below)
        assert made.depth[v] == below.sum() - 1
    for v in range(n):
        under = [u for u in range(n) if _is_above(made.parent, u, v)]
        assert under == list(range(under[0], v + 1))


def _is_above(parent, u, v):
    while u >= 0 and u != v:
        u = parent[u]
    return u == v


@given(st.integers(0, 2**32 - 1), st.integers(1, MOST // 2), st.integers(0, 40))
def test_an_arc_takes_the_least_time_through_lower_nodes(seed, n, edges):
    x, y, tail, head, seconds = scene(seed, n, edges)
    made = Hierarchy.of(x, y, tail, head)
    up, down = made.customised(seconds)
    higher = reference.eliminated(n, made.tail, made.head)
    times = reference.arc_times(n, made.tail, made.head, seconds, higher)
    low = np.repeat(np.arange(n), np.diff(made.first_arc)).tolist()
    right = [(times[v, u], times[u, v]) for v, u in zip(low, made.arc_head.tolist(), strict=True)]
    np.testing.assert_allclose(np.column_stack([up, down]), np.array(right).reshape(-1, 2), rtol=1e-12, atol=0)


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, MOST),
    st.tuples(st.integers(0, 60), st.integers(0, 9), st.integers(0, 9)),
    st.sampled_from([np.inf, 25.0, 0.0]),
)
def test_sweeps_and_searches_find_the_least_times(seed, n, sizes, limit):
    streets, m, k = sizes
    x, y, tail, head, seconds = scene(seed, n, streets)
    edges = Edges(tail, head, seconds)
    starts, ends = access(seed + 1, n, m), access(seed + 2, n, k)
    made = Hierarchy.of(x, y, tail, head)
    swept = made.times(made.customised(seconds), starts, ends, limit)
    found = searched(n, edges, starts, ends, limit)
    right = reference.travel_times(n, edges, starts, ends, limit)
    for got in (swept, found):
        assert got.dtype == np.float32
        np.testing.assert_array_equal(np.isinf(got), np.isinf(right))
        np.testing.assert_allclose(got, right, rtol=1e-7, atol=0)


@given(st.integers(0, 2**32 - 1))
def test_new_times_need_no_new_order(seed):
    x, y, tail, head, seconds = scene(seed, 12, 40)
    rng = np.random.default_rng(seed)
    nodes = Access(np.arange(12)[:, None], np.zeros((12, 1)))
    made = Hierarchy.of(x, y, tail, head)
    for times in (seconds, rng.permutation(seconds), np.full(40, np.inf)):
        got = made.times(made.customised(times), nodes, nodes)
        np.testing.assert_allclose(got, reference.shortest(12, tail, head, times), rtol=1e-7)


def test_more_origins_than_one_sweep_serves_each_keep_their_row():
    n = 40 if JIT else 12
    x, y, tail, head, seconds = scene(5, n, 4 * n)
    made = Hierarchy.of(x, y, tail, head)
    starts, ends = access(1, n, 3 * sweeps.LANES + 1 if JIT else 3), access(2, n, 4 * sweeps.LANES if JIT else 4)
    got = made.times(made.customised(seconds), starts, ends)
    np.testing.assert_allclose(got, reference.travel_times(n, Edges(tail, head, seconds), starts, ends), rtol=1e-7)
    turned = Hierarchy.of(x, y, head, tail)
    np.testing.assert_array_equal(turned.times(turned.customised(seconds), ends, starts).T, got)


def test_a_grid_is_parted_along_its_narrow_side():
    side = 16 if JIT else 6
    node = np.arange(side * side).reshape(side, side)
    tail = np.concatenate([node[:, :-1].ravel(), node[:-1].ravel()])
    head = np.concatenate([node[:, 1:].ravel(), node[1:].ravel()])
    x, y = np.divmod(node.ravel(), side)
    made = Hierarchy.of(x * 100.0, y * 100.0, tail, head)
    # A line of `side` nodes parts a square; row after row would give a path of all nodes and side^3 arcs.
    assert made.depth.max() < 4 * side
    assert len(made.arc_head) < (0.6 if JIT else 0.8) * side**3


@needs_jit
def test_one_specialisation_of_each_kernel():
    x, y, tail, head, seconds = scene(5, 12, 40)
    for times in (seconds, seconds.copy()):
        times.flags.writeable = times is not seconds
        made = Hierarchy.of(x, y, tail, head)
        made.times(made.customised(times), access(1, 12, 3), access(2, 12, 4))
        searched(12, Edges(tail, head, times), access(1, 12, 3), access(2, 12, 4))
    used = (contraction.dissect, contraction.customise, sweeps.sweep_times, dijkstra.search_times)
    assert [len(kernel.signatures) for kernel in used] == [1, 1, 1, 1]


THREADS = """
from tests.kernels.test_contraction import access, scene
from demandgeo.deployment.hierarchy import Edges, Hierarchy, searched

def made():
    x, y, tail, head, seconds = scene(3, 300, 900)
    starts, ends = access(1, 300, 500), access(2, 300, 700)
    hierarchy = Hierarchy.of(x, y, tail, head)
    swept = hierarchy.times(hierarchy.customised(seconds), starts, ends)
    return [swept, searched(300, Edges(tail, head, seconds), starts, ends)]
"""


@pytest.mark.threads
@needs_jit
@pytest.mark.parametrize("layer", ["workqueue", "omp"])
def test_any_number_of_threads_gives_the_same_bytes(layer, tmp_path):
    assert_same_bytes(layer, tmp_path, THREADS)
