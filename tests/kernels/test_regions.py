"""Choices of few connected parts: heaps, labels, bounds and trades, against naive twins and full enumeration."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from demandgeo.domain import Grid
from demandgeo.kernels import heaps, moats, regions, trading
from tests.kernels import reference
from tests.kernels import reference_priority as twins

JIT = not numba.config.DISABLE_JIT
seeds = st.integers(0, 2**32 - 1)


def graph(rows, columns, contiguity="rook"):
    grid = Grid.covering((0, 0, columns, rows), cell=1, crs="EPSG:27700")
    touching = grid.neighbours(contiguity)
    return touching.indptr, touching.indices


def parts(network, chosen):
    label = np.empty(chosen.size, np.int64)
    count = regions.label_parts(*network, chosen, label)
    assert count == label.max(initial=-1) + 1
    return label


def choose(network, value, most):
    chosen = np.zeros(value.size, bool)
    regions.choose_parts(*network, value, most, chosen)
    return chosen


def bounded(network, value, most, toll):
    left = np.empty(network[1].size)
    return moats.most_value(*network, value, most, toll, left), left


def trade(network, demand, extent, target, chosen, *, aim=trading.Aim.LEAST_COST, least=0.0, price=0.0):
    """Borders of length 1 between all neighbours, one district."""
    traded, degree = chosen.copy(), np.diff(network[0]).astype(float)
    one, none = np.zeros(demand.size, np.int64), np.zeros(1, np.int64)
    amounts = (np.ones(network[1].size), demand, extent, degree, price, one, np.zeros(1), none)
    trading.trade(*network, *amounts, least, int(aim), target, 4 * demand.size + 16, traded)
    return traded


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(-1, 5)), max_size=40))
def test_a_heap_gives_the_least_key_and_the_lower_item_on_a_tie(steps):
    heap, expected = heaps.new_heap(10), {}
    for item, key in steps:
        if key < 0:
            heaps.take(heap, item)
            expected.pop(item, None)
        else:
            heaps.put(heap, item, float(key))
            expected[item] = key
    given_out = []
    while (item := heaps.first(heap)) >= 0:
        heaps.take(heap, item)
        given_out.append(item)
    assert given_out == sorted(expected, key=lambda item: (expected[item], item))


@given(seeds, st.sampled_from(["rook", "queen"]))
def test_parts_are_those_of_the_naive_labelling(seed, contiguity):
    network = graph(6, 7, contiguity)
    chosen = np.random.default_rng(seed).random(42) < 0.5
    assert parts(network, chosen).tolist() == reference.parts(*network, chosen).tolist()


@given(seeds, st.integers(1, 3), st.floats(0, 8))
def test_the_bound_is_that_of_the_naive_moats(seed, most, toll):
    network = graph(5, 6)
    value = np.random.default_rng(seed).integers(-6, 5, 30).astype(float)
    bound, left = bounded(network, value, most, toll)
    expected, expected_left = twins.moat_bound(*network, value, most, toll)
    assert bound == pytest.approx(expected)
    rows = np.repeat(np.arange(30), np.diff(network[0]))
    for (tail, head), cost in expected_left.items():
        assert left[(rows == head) & (network[1] == tail)][0] == pytest.approx(cost, abs=1e-9)


@pytest.fixture(scope="module")
def choices():
    return reference.every_choice(4, 4) if JIT else reference.every_choice(3, 3)


@given(seed=seeds, most=st.integers(1, 3), toll=st.floats(0, 10))
def test_no_choice_beats_the_bound_and_ours_is_one_of_them(choices, seed, most, toll):
    chosen, number = choices
    side = int(chosen.shape[1] ** 0.5)
    network, rng = graph(side, side), np.random.default_rng(seed)
    value = rng.gamma(0.4, 5, side * side) - rng.uniform(0.5, 3, side * side)
    best = (chosen[number <= most] @ value).max()
    bound, left = bounded(network, value, most, toll)
    ours = choose(network, value, most)
    assert bound >= best - 1e-9
    # What is left of the cost of entering a unit is lost by every choice that holds it.
    rows = np.repeat(np.arange(value.size), np.diff(network[0]))
    for unit in np.flatnonzero(value < 0):
        holding = chosen[(number <= most) & chosen[:, unit]] @ value
        assert holding.max() <= bound - left[rows == unit].min() + 1e-9
    assert parts(network, ours).max(initial=-1) < most
    assert value[ours].sum() <= best + 1e-9


def test_where_all_clumps_fit_the_choice_is_the_best_there_is():
    value = np.where(np.random.default_rng(1).random(64) < 0.2, 1.0, -1.0)
    network = graph(8, 8)
    ours = choose(network, value, 64)
    assert (ours == (value > 0)).all()
    assert bounded(network, value, 64, 1.0)[0] == value[ours].sum()


def test_clumps_in_a_row_are_bounded_by_the_best_choice_where_moats_that_do_not_overlap_could_not():
    """Two clumps two steps apart, one part: the best joins both, 9 - 2; disjoint moats round them leave 9 - 1."""
    network = graph(1, 4)
    assert min(bounded(network, np.array([5.0, -1.0, -1.0, 4.0]), 1, toll)[0] for toll in (1.0, 2.0, 3.0)) == 7.0


@given(seeds, st.integers(1, 4))
def test_on_a_line_the_choice_is_the_best_there_is(seed, most):
    """A line's bridges are its gaps, so the forest is the graph and nothing is lost."""
    network, value = graph(1, 11), np.random.default_rng(seed).integers(-4, 5, 11).astype(float)
    sets = (np.arange(2**11)[:, None] >> np.arange(11)) & 1
    number = sets[:, 0] + (np.diff(sets, axis=1) == 1).sum(axis=1)
    assert value[choose(network, value, most)].sum() == (sets @ value)[number <= most].max()


def test_two_clumps_are_bridged_where_that_costs_less_than_dropping_one():
    network = graph(1, 5)
    value = np.array([5.0, -1.0, -1.0, 4.0, -9.0])
    assert choose(network, value, 1).tolist() == [True, True, True, True, False]
    assert choose(network, value - [0, 2, 2, 0, 0], 1).tolist() == [True, False, False, False, False]


@given(seed=seeds, share=st.floats(0.05, 1.0), kind=st.sampled_from(["rook", "queen"]))
def test_trades_reach_the_target_add_no_part_and_cost_no_extent(seed, share, kind):
    rng, network = np.random.default_rng(seed), graph(7, 7, kind)
    demand, extent = rng.gamma(0.4, 5, 49), rng.uniform(0.2, 1, 49)
    target = share * demand.sum() * (1 - 1e-12)
    start = np.zeros(49, bool)
    start[rng.integers(49, size=3)] = True
    grown = trade(network, demand, extent, target, start)
    assert demand[grown].sum() >= target
    assert parts(network, grown).max() <= parts(network, start).max()
    again = trade(network, demand, extent, target, grown)
    assert demand[again].sum() >= target
    assert extent[again].sum() <= extent[grown].sum()
    whole = trade(network, demand, extent, target, np.ones(49, bool))
    assert demand[whole].sum() >= target
    assert parts(network, whole).max() == 0


def test_trades_take_all_that_the_parts_can_reach_where_the_target_is_out_of_reach():
    network = graph(1, 5)
    cut = (np.array([0, 1, 2, 2, 3, 4]), np.array([1, 0, 4, 3]))  # 0-1, 2 alone, 3-4
    start = np.array([True, False, False, False, False])
    assert trade(network, np.ones(5), np.ones(5), 9.0, start).all()
    assert trade(cut, np.ones(5), np.ones(5), 9.0, start).tolist() == [True, True, False, False, False]


def test_a_unit_that_holds_a_ring_together_the_other_way_round_may_leave():
    network = graph(3, 3)
    ring = np.ones(9, bool)
    ring[4] = False
    demand = np.array([5, 0.1, 5, 5, 0, 5, 5, 5, 5.0])
    left = trade(network, demand, np.ones(9), 35.0, ring)
    assert np.flatnonzero(ring & ~left).tolist() == [1]
    assert trade(network, demand, np.ones(9), 29.0, left).sum() == 6


@given(seed=seeds, share=st.floats(0.05, 0.9), price=st.sampled_from([0.0, 0.3]))
def test_trades_with_a_budget_keep_it_and_hold_no_less(seed, share, price):
    rng, network = np.random.default_rng(seed), graph(7, 7)
    demand, extent = rng.gamma(0.4, 5, 49), rng.uniform(0.2, 1, 49)
    start = np.zeros(49, bool)
    start[rng.integers(49, size=3)] = True
    budget = max(share * extent.sum(), extent[start].sum())
    held = trade(network, demand, extent, budget, start, aim=trading.Aim.MOST_DEMAND, price=price)
    assert extent[held].sum() <= budget
    assert demand[held].sum() >= demand[start].sum()
    assert parts(network, held).max() <= parts(network, start).max()


@given(seed=seeds, share=st.floats(0.05, 0.6))
def test_trades_enlarge_small_parts_and_price_the_border(seed, share):
    rng, network = np.random.default_rng(seed), graph(7, 7)
    demand, extent = rng.gamma(0.4, 5, 49), rng.uniform(0.2, 1, 49)
    target = share * demand.sum()
    start = np.zeros(49, bool)
    start[rng.integers(49, size=3)] = True
    large = trade(network, demand, extent, target, start, least=2.0)
    label = parts(network, large)
    assert np.bincount(label[large], extent[large]).min() >= 2.0
    assert demand[large].sum() >= target

    def cost(chosen):
        rows = np.repeat(np.arange(49), np.diff(network[0]))
        return extent[chosen].sum() + 0.5 * (chosen[rows] & ~chosen[network[1]]).sum()

    first = trade(network, demand, extent, target, start, price=0.5)
    assert cost(trade(network, demand, extent, target, first, price=0.5)) <= cost(first) + 1e-9


@pytest.mark.skipif(not JIT, reason="NUMBA_DISABLE_JIT is set: nothing is compiled")
def test_one_specialisation_each():
    network, value = graph(3, 3), np.arange(9.0) - 4
    for writable in (True, False):
        value.flags.writeable = writable
        choose(network, value, 2)
        bounded(network, value, 2, 1.0)
        trade(network, value + 4, np.ones(9), 5.0, value > 0)
    for kernel in (regions.choose_parts, moats.most_value, regions.label_parts, trading.trade):
        assert len(kernel.signatures) == 1, kernel.__name__
