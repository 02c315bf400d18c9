"""Kernel sums over grids: against a term-by-term sum, on any number of threads, with and without the JIT."""

from __future__ import annotations

import itertools

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from demandgeo.domain import Grid
from demandgeo.kernels import planar
from demandgeo.kernels.shapes import Shape, planar_scale
from tests.kernels import reference
from tests.kernels.threads import assert_same_bytes

JIT = not numba.config.DISABLE_JIT
N = 20_000 if JIT else 300
needs_jit = pytest.mark.skipif(not JIT, reason="NUMBA_DISABLE_JIT is set: nothing is compiled")


def collapse(x, y):
    out_x, out_y, member = np.empty(x.size), np.empty(x.size), np.empty(x.size, np.int32)
    count = planar.collapse(x, y, out_x, out_y, member)
    return out_x[:count], out_y[:count], member


def sort_by_row(y, y0, dy, rows):
    order, start = np.empty(y.size, np.int64), np.empty(rows + 3, np.int64)
    planar.sort_by_row(y, y0, dy, order, start)
    return order, start


def kernel_sum(x, y, weight, grid, *, bandwidth, shape):
    order, start = sort_by_row(y, grid.y0, grid.dy, grid.shape[0])
    out = np.zeros(grid.shape)
    geometry = (grid.x0, grid.y0, grid.dx, grid.dy)
    scaled = weight[order] * planar_scale(shape, bandwidth)
    planar.add_kernel(x[order], y[order], scaled, start, *geometry, bandwidth, int(shape), out)
    return out


@pytest.mark.parametrize("distinct", [1, 40, N])
def test_collapse_finds_the_distinct_coordinates_in_order_of_first_sight(distinct):
    rng = np.random.default_rng(distinct)
    places = np.column_stack([rng.uniform(4e5, 5e5, distinct).round(1), rng.uniform(3e5, 4e5, distinct)])
    x, y = np.ascontiguousarray(places[rng.integers(distinct, size=N)].T)
    seen_x, seen_y, member = collapse(x, y)
    expected, expected_member = reference.collapsed(x, y)
    assert list(zip(seen_x.tolist(), seen_y.tolist(), strict=True)) == expected
    assert member.tolist() == expected_member


def test_collapse_tells_whole_metres_on_a_lattice_apart():
    side = 100 if JIT else 20
    x, y = (axis.ravel().astype(float) for axis in np.meshgrid(np.arange(side), np.arange(side)))
    assert len(collapse(x, y)[0]) == side * side


@given(st.lists(st.floats(-200, 700), max_size=30), st.sampled_from([7.0, 50.0]), st.integers(1, 12))
def test_rows_are_sorted_stably_and_what_lies_off_the_grid_stands_at_the_ends(y, dy, rows):
    order, start = sort_by_row(np.array(y), 500.0, dy, rows)
    expected, expected_start = reference.rows_in_order(np.array(y), 500.0, dy, rows)
    assert order.tolist() == expected.tolist()
    assert start.tolist() == [*expected_start[:-1], len(y)]


def scene(seed, n, grid, spread):
    rng = np.random.default_rng(seed)
    west, south, east, north = grid.bounds
    x = rng.uniform(west - spread, east + spread, n)
    y = rng.uniform(south - spread, north + spread, n)
    return x, y, rng.gamma(0.5, 20, n)


@pytest.mark.parametrize("shape", list(Shape))
@pytest.mark.parametrize("cell", [(40.0, 30.0), (33.3, 47.1)])
def test_the_sum_is_exact_at_the_centres_of_any_cells(shape, cell):
    grid = Grid.covering((430_000, 420_000, 433_000, 422_500), cell=cell, crs="EPSG:27700")
    x, y, weight = scene(1, 40 if JIT else 15, grid, 600)
    got = kernel_sum(x, y, weight, grid, bandwidth=400.0, shape=shape)
    expected, reached = reference.intensity(x, y, weight, grid, bandwidth=400.0, power=int(shape))
    assert np.abs(got - expected).max() <= 1e-14 * expected.max()
    assert (got >= 0).all()
    assert (got[reached == 0] == 0).all()
    assert (got[reached > 0] > 0).all()
    assert (reached == 0).any()


@pytest.mark.parametrize("bandwidth", [1.0, 20.0, 5000.0])
def test_bandwidths_below_a_cell_and_beyond_the_grid(bandwidth):
    grid = Grid.covering((0, 0, 800, 6000 if JIT else 600), cell=40, crs="EPSG:27700")
    x, y, weight = scene(2, 40 if JIT else 10, grid, 50)
    got = kernel_sum(x, y, weight, grid, bandwidth=bandwidth, shape=Shape.QUARTIC)
    expected, _ = reference.intensity(x, y, weight, grid, bandwidth=bandwidth, power=2)
    assert np.abs(got - expected).max() <= 1e-14 * float(max(expected.max(), 1e-12))


def test_a_uniform_kernel_holds_its_edge_and_a_smooth_one_is_zero_there():
    grid = Grid.covering((0, 0, 300, 100), cell=100, crs="EPSG:27700")
    at = (np.array([50.0]), np.array([50.0]), np.array([1.0]))
    assert (kernel_sum(*at, grid, bandwidth=200.0, shape=Shape.UNIFORM) > 0).tolist() == [[True, True, True]]
    assert (kernel_sum(*at, grid, bandwidth=200.0, shape=Shape.EPANECHNIKOV) > 0).tolist() == [[True, True, False]]


@pytest.mark.parametrize("shape", list(Shape))
def test_the_scale_makes_the_volume_one(shape):
    grid = Grid.covering((-60, -60, 60, 60), cell=0.5 if JIT else 2.0, crs="EPSG:27700")
    volume = (
        kernel_sum(np.zeros(1), np.zeros(1), np.ones(1), grid, bandwidth=50.0, shape=shape).sum() * grid.dx * grid.dy
    )
    assert volume == pytest.approx(1.0, abs=0.01 if shape == Shape.UNIFORM else 1e-3)


@needs_jit
def test_many_locations_on_one_cell_keep_their_digits():
    grid = Grid.covering((430_000, 420_000, 431_000, 421_000), cell=500, crs="EPSG:27700")
    x, y, _ = scene(4, 4 * planar.LOCATIONS_PER_SUM, grid, 0)
    got = kernel_sum(x, y, np.ones(x.size), grid, bandwidth=800.0, shape=Shape.QUARTIC)
    expected, _ = reference.intensity(x, y, np.ones(x.size), grid, bandwidth=800.0, power=2)
    assert np.abs(got - expected).max() <= 1e-14 * expected.max()


@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_layers_hold_the_weights_of_their_own_events(seed, layers):
    rng = np.random.default_rng(seed)
    n, m = int(rng.integers(0, 40)), 7
    member, layer = rng.integers(0, m, n).astype(np.int32), rng.integers(0, layers, n)
    rank, weight = rng.permutation(m), rng.random(n)
    first, place, sums = np.empty(layers + 1, np.int64), np.empty(n, np.int64), np.empty(n)
    planar.split_layers(member, rank, layer, weight, layers, first, place, sums)
    got = [
        list(zip(place[a:b].tolist(), sums[a:b].tolist(), strict=True)) for a, b in itertools.pairwise(first.tolist())
    ]
    assert got == reference.layers_split(member, rank, layer, weight, layers)


@pytest.mark.parametrize("shape", list(Shape))
def test_probing_is_the_adjoint_of_adding(shape):
    grid = Grid.covering((430_000, 420_000, 433_000, 422_500), cell=(80, 70), crs="EPSG:27700")
    x, y, weight = scene(5, 40 if JIT else 10, grid, 600)
    cells = np.random.default_rng(6).random(grid.shape)
    out = np.empty(x.size)
    planar.probe_kernel(x, y, grid.x0, grid.y0, grid.dx, grid.dy, 400.0, int(shape), cells, out)
    surface, _ = reference.intensity(x, y, weight, grid, bandwidth=400.0, power=int(shape))
    assert weight @ out * planar_scale(shape, 400.0) == pytest.approx(float((surface * cells).sum()), rel=1e-12)


@needs_jit
def test_one_specialisation_serves_every_shape_and_caller():
    grid = Grid.covering((0, 0, 400, 400), cell=40, crs="EPSG:27700")
    x, y, weight = scene(3, 10, grid, 0)
    for array in (x, y):
        array.flags.writeable = False
    for shape in Shape:
        kernel_sum(x, y, weight, grid, bandwidth=100.0, shape=shape)
    collapse(x, y)
    for kernel in (planar.collapse, planar.sort_by_row, planar.add_kernel):
        assert len(kernel.signatures) == 1, kernel.__name__


THREADS = """
from demandgeo.kernels.planar import add_kernel, sort_by_row

rng = np.random.default_rng(5)
x, y, weight = rng.uniform(0, 20000, 5000), rng.uniform(0, 20000, 5000), rng.gamma(1, 1, 5000)
order, start = np.empty(x.size, np.int64), np.empty(503, np.int64)
sort_by_row(y, 20000.0, 40.0, order, start)

def made():
    out = np.zeros((500, 500))
    add_kernel(x[order], y[order], weight[order], start, 0.0, 20000.0, 40.0, 40.0, 900.0, 2, out)
    assert out.max() > 0
    yield out
"""


@pytest.mark.threads
@needs_jit
@pytest.mark.parametrize("layer", ["workqueue", "omp"])
def test_one_and_two_threads_give_the_same_bytes(layer, tmp_path):
    assert_same_bytes(layer, tmp_path, THREADS)
