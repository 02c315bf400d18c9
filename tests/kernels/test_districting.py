"""Kernels that divide a map: equal to their twins, always connected, and the same on any number of threads."""

from __future__ import annotations

import networkx as nx
import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.spatial import Delaunay

from demandgeo.kernels.districting import TINY, anneal_areas, choose_centres, grow_areas, price_areas
from tests.kernels import reference_districting as reference
from tests.kernels.threads import assert_same_bytes

needs_jit = pytest.mark.skipif(numba.config.DISABLE_JIT, reason="NUMBA_DISABLE_JIT is set: nothing is compiled")

PENALTY = 50.0


def planar(rng, n: int) -> nx.Graph:
    """A random planar graph: a triangulation less some of its edges, still connected."""
    at = rng.uniform(0, 1, (n, 2))
    graph = nx.Graph()
    graph.add_nodes_from(range(n))
    for a, b, c in Delaunay(at).simplices:
        graph.add_edges_from([(a, b), (b, c), (a, c)])
    for edge in sorted(tuple(sorted(edge)) for edge in graph.edges):
        graph.remove_edge(*edge)
        if rng.uniform() > 0.3 or not nx.is_connected(graph):
            graph.add_edge(*edge)
    return graph


def rows(graph: nx.Graph):
    beside = [sorted(graph[unit]) for unit in range(len(graph))]
    return np.cumsum([0, *map(len, beside)]), np.array([other for part in beside for other in part], np.int64)


@st.composite
def cases(draw, most_units: int = 14):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(4, most_units))
    k = draw(st.integers(2, min(3, n)))
    graph = planar(rng, n)
    cost = rng.uniform(0, 9, (n, k)).round(2)
    load = rng.integers(0, 9, n) / 10.0
    fair = load.sum() / k
    start = np.full(n, -1)
    start[rng.choice(n, k, replace=False)] = np.arange(k)
    return graph, cost, load, np.full(k, 0.8 * fair), np.full(k, 1.2 * fair), start, draw(st.integers(0, 999))


@given(cases())
def test_growth_equals_its_twin_and_keeps_areas_connected(case):
    graph, cost, _, _, _, start, _ = case
    label = start.copy()
    grow_areas(*rows(graph), cost, label)
    assert np.array_equal(label, reference.grow_areas(graph, cost, start))
    assert all(reference.connected(graph, label, area) for area in range(cost.shape[1]))


def test_growth_leaves_what_it_cannot_reach():
    label = np.array([0, -1, -1])
    grow_areas(np.array([0, 1, 2, 2]), np.array([1, 0]), np.zeros((3, 1)), label)
    assert label.tolist() == [0, 0, -1]


def annealed(case, proposals, heat, locked=None):
    graph, cost, load, least, most, start, seed = case
    begin = start.copy()
    grow_areas(*rows(graph), cost, begin)
    locked = start >= 0 if locked else np.zeros(start.size, bool)
    label, result = np.empty((len(heat), start.size), np.int64), np.empty((len(heat), 2))
    anneal_areas(
        *rows(graph), cost, load, least, most, locked, begin, seed, proposals, np.array(heat), PENALTY, label, result
    )
    return begin, locked, label, result


@given(cases(), st.booleans())
def test_annealing_ends_connected_where_no_shift_and_no_chain_gains(case, lock):
    graph, cost, load, least, most, _, _ = case
    terms = cost, load, least, most, PENALTY
    begin, locked, label, result = annealed(case, 60, [0.0, 1.0], lock)
    for plan, (excess, spent) in zip(label, result, strict=True):
        assert all(reference.connected(graph, plan, area) for area in range(cost.shape[1]))
        assert np.array_equal(plan[locked], begin[locked])
        assert excess == pytest.approx(reference.outside(load, least, most, plan), abs=1e-12)
        assert spent == pytest.approx(cost[np.arange(plan.size), plan].sum())
        smallest = TINY * spent + 1e-9
        assert reference.gains_left(graph, terms, locked, plan, smallest) == []
    worth = [reference.total(terms, plan) for plan in (label[0], begin)]
    assert worth[0] <= worth[1] + 1e-9, "gains only"


@given(cases(10))
def test_random_shifts_equal_their_twin(case):
    graph, cost, load, least, most, _, seed = case
    begin, locked, label, _ = annealed(case, 40, [0.0, 2.0])
    for run, heat in enumerate([0.0, 2.0]):
        cooled = reference.cool(graph, (cost, load, least, most, PENALTY), locked, begin, (seed, run, 40, heat))
        # The descent from the twin's plan, without any random shift, must come to the same plan.
        again, result = np.empty((1, begin.size), np.int64), np.empty((1, 2))
        anneal_areas(
            *rows(graph), cost, load, least, most, locked, cooled, seed, 0, np.zeros(1), PENALTY, again, result
        )
        assert np.array_equal(label[run], again[0])


@given(st.integers(0, 2**32 - 1), st.integers(2, 12), st.integers(1, 3), st.floats(0.0, 0.5))
def test_areas_are_worth_what_their_twin_says_and_the_least_are_chosen(seed, n, k, slack):
    rng = np.random.default_rng(seed)
    seconds, load = rng.integers(0, 9, (n, n)).astype(float), rng.integers(1, 6, n).astype(float)
    k = min(k, n)
    prices, fair = rng.integers(0, 9, n).astype(float), load.sum() / k
    least, most = fair * (1 - slack), fair * (1 + slack)
    value, edge = np.empty(n), np.empty(n)
    price_areas(seconds, load, most, prices, value, edge)
    assert value == pytest.approx([reference.price(row, load, 0.0, most, prices) for row in seconds])
    centres, worth, last = np.empty(k, np.int64), np.empty(k), np.empty(k)
    choose_centres(seconds, load, least, most, prices, value, edge, centres, worth, last)
    each = np.array([reference.price(row, load, least, most, prices) for row in seconds])
    assert worth == pytest.approx(each[centres])
    assert np.sort(worth) == pytest.approx(np.sort(each)[:k])
    assert len(set(centres.tolist())) == k
    below = np.arange(n)[:, None] * 0.0 + (seconds[centres] - prices).T < last
    assert (below.T @ load <= most + 1e-9).all(), "what is below the edge fits"


def test_an_area_is_worth_what_a_linear_program_says():
    rng = np.random.default_rng(5)
    for _ in range(20):
        gain, load = rng.normal(0, 3, 9), rng.uniform(0.5, 3, 9)
        least, most = 0.4 * load.sum(), 0.6 * load.sum()
        found = linprog(gain * load, A_ub=[load, -load], b_ub=[most, -least], bounds=(0, 1))
        assert reference.price(gain, load, least, most, np.zeros(9)) == pytest.approx(found.fun)


SCRIPT = """
from demandgeo.kernels.districting import anneal_areas, price_areas

def made():
    side, k, rng = 12, 4, np.random.default_rng(3)
    unit = np.arange(side * side).reshape(side, side)
    pairs = np.vstack([np.column_stack([unit[:, :-1].ravel(), unit[:, 1:].ravel()]),
                       np.column_stack([unit[:-1].ravel(), unit[1:].ravel()])])
    pairs = np.vstack([pairs, pairs[:, ::-1]])
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    indptr = np.r_[0, np.cumsum(np.bincount(pairs[:, 0], minlength=unit.size))]
    cost, load = rng.uniform(0, 1, (unit.size, k)), rng.uniform(0, 1, unit.size)
    start = np.repeat(np.arange(k), unit.size // k)
    fair = np.full(k, load.sum() / k)
    label, result = np.empty((8, unit.size), np.int64), np.empty((8, 2))
    anneal_areas(indptr, pairs[:, 1].copy(), cost, load, 0.9 * fair, 1.1 * fair, np.zeros(unit.size, np.bool_), start,
                 7, 4000, np.linspace(0, 1, 8), 9.0, label, result)
    value, edge = np.empty(unit.size), np.empty(unit.size)
    price_areas(rng.uniform(0, 9, (unit.size, unit.size)), load, 3.0, np.full(unit.size, 4.0), value, edge)
    return label, result, value, edge
"""


@needs_jit
@pytest.mark.parametrize("layer", ["workqueue", "omp"])
def test_any_number_of_threads_gives_the_same_bytes(layer, tmp_path):
    assert_same_bytes(layer, tmp_path, SCRIPT)
