"""Sums over pairs: against all pairs one by one, on any number of threads, with and without the JIT."""

from __future__ import annotations

import math

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate

from demandgeo.density.pairs import (
    Cells,
    kernel_sums,
    log_likelihoods,
    peaks,
    self_convolution,
    squared_error_terms,
)
from demandgeo.kernels import pairs
from demandgeo.kernels.shapes import Shape
from tests.kernels import reference
from tests.kernels.threads import assert_same_bytes

JIT = not numba.config.DISABLE_JIT
N = 150 if JIT else 12
CURVE = np.geomspace(50, 1000, 64 if JIT else 5)
needs_jit = pytest.mark.skipif(not JIT, reason="NUMBA_DISABLE_JIT is set: nothing is compiled")


def scene(seed, n=N, side=2500.0):
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0, side, (2, n)).round(1)
    x[: n // 3], y[: n // 3] = rng.normal(side / 2, 150, (2, n // 3))
    return x + 430_000, y + 420_000, np.ceil(rng.pareto(1.0, n))


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.floats(0.1, 900))
def test_cells_hold_every_location_once_and_whatever_lies_within_the_radius_is_in_reach(seed, n, radius):
    x, y, _ = scene(seed, n, side=500.0)
    cells = Cells.of(x, y, radius)
    assert sorted(cells.order.tolist()) == list(range(n))
    assert (np.diff(cells.start) >= 0).all()
    assert cells.start[-1] == n
    assert cells.start.size <= 40 * n + 40
    row, column = np.divmod(np.searchsorted(cells.start, np.arange(n), side="right") - 1, cells.columns)
    near = np.hypot(cells.x[:, None] - cells.x, cells.y[:, None] - cells.y) < radius
    assert (np.abs(row[:, None] - row)[near] <= cells.reach).all()
    assert (np.abs(column[:, None] - column)[near] <= cells.reach).all()


@pytest.mark.parametrize("shape", list(Shape))
@pytest.mark.parametrize("bandwidth", [1.0, 130.0, 9000.0])
def test_densities_at_the_locations_are_exact(shape, bandwidth):
    x, y, weight = scene(1)
    got = kernel_sums(x, y, weight, bandwidth=bandwidth, shape=shape)
    expected = reference.density_at_locations(x, y, weight, bandwidth=bandwidth, power=int(shape))
    assert np.abs(got / expected - 1).max() <= 1e-13


@pytest.mark.parametrize("shape", list(Shape))
@pytest.mark.parametrize("left", [0.0, 1.0])
def test_the_curve_of_likelihoods_is_exact_at_every_bandwidth(shape, left):
    x, y, weight = scene(2)
    kept = left * (weight - 1)
    got = log_likelihoods(x, y, weight, kept, bandwidths=CURVE, shape=shape, background=0.05)
    area = (np.ptp(x) + 100) * (np.ptp(y) + 100)
    scale = 0.95 * peaks(CURVE, shape) / weight.sum()
    settings = {"bandwidths": CURVE, "power": int(shape), "scale": scale, "floor": 0.05 / area}
    expected = reference.left_out_likelihoods(x, y, weight, kept, **settings) / weight.sum()
    assert np.abs(got / expected - 1).max() <= 1e-12


@pytest.mark.parametrize("shape", list(Shape))
def test_the_curve_of_squared_errors_is_exact_at_every_bandwidth(shape):
    x, y, weight = scene(3, n=N // 2)
    square, cross = squared_error_terms(x, y, weight, bandwidths=CURVE, shape=shape)
    for k in range(0, CURVE.size, max(1, CURVE.size // 6)):
        h, peak = CURVE[k], peaks(CURVE, shape)[k]
        near = reference.summed_over_pairs(x, y, weight, lambda r, h=h: (r < h) * (1 - (r / h) ** 2) ** int(shape))
        wide = reference.summed_over_pairs(x, y, weight, lambda r, h=h: convolved(r / h, shape))
        assert cross[k] == pytest.approx(2 * peak * near, rel=1e-12)
        own = (weight**2).sum() * math.pi / (2 * shape + 1)
        # The lens of two discs closes like a power 3/2: moments up to 5 say less of it than of smoother kernels.
        limit = 1e-8 if shape == Shape.UNIFORM else 1e-12
        assert square[k] == pytest.approx((peak * h) ** 2 * (2 * wide + own), rel=limit)


def convolved(distance, shape):
    return float(self_convolution(np.array([distance]), shape)[0])


@pytest.mark.parametrize("shape", list(Shape))
def test_the_self_convolution_is_that_of_numerical_integration(shape):
    def strip(u, d):
        top = math.sqrt(max(1 - u * u, 0.0))
        return integrate.quad(lambda v: ((1 - u * u - v * v) * (1 - (u - d) ** 2 - v * v)) ** int(shape), -top, top)[0]

    for d in (0.3, 1.1, 1.9):
        # Of the lens, the half nearer to d: there the edge is that of the first disc.
        expected = 2 * integrate.quad(strip, d / 2, 1.0, args=(d,), epsabs=1e-12)[0]
        assert convolved(d, shape) == pytest.approx(expected, abs=1e-10)
    assert convolved(0.0, shape) == pytest.approx(math.pi / (2 * shape + 1), rel=1e-13)
    assert abs(convolved(2.0, shape)) <= 1e-13
    lens = [2 * math.acos(d / 2) - d / 2 * math.sqrt(4 - d * d) for d in (0.5, 1.0, 1.5)]
    assert [convolved(d, Shape.UNIFORM) for d in (0.5, 1.0, 1.5)] == pytest.approx(lens, abs=1e-12)


def test_pairs_are_counted_once_whatever_the_blocks():
    x, y, weight = scene(4, n=N // 2)
    edges = np.linspace(0, 1000, 11)
    first = np.arange(10)
    for blocks in (1, 3, 7):
        cells = Cells.of(x, y, 1000.0)
        out = np.zeros((blocks, 10, pairs.MOMENTS))
        at = (cells.x, cells.y, weight[cells.order], cells.start, cells.columns, cells.reach)
        pairs.add_pairs(*at, edges, first, out)
        for b in range(10):
            expected = reference.summed_over_pairs(x, y, weight, lambda r, b=b: edges[b] <= r < edges[b + 1])
            assert out.sum(axis=0)[b, 0] == pytest.approx(expected, rel=1e-13)


@needs_jit
def test_one_specialisation_each():
    x, y, weight = scene(5)
    for writable in (True, False):
        for array in (x, y, weight):
            array.flags.writeable = writable
        for shape in Shape:
            kernel_sums(x, y, weight, bandwidth=100.0, shape=shape)
            log_likelihoods(x, y, weight, 0 * weight, bandwidths=CURVE, shape=shape, background=0.1)
            squared_error_terms(x, y, weight, bandwidths=CURVE, shape=shape)
    for kernel in (pairs.sort_by_cell, pairs.add_density, pairs.left_out_scores, pairs.add_pairs):
        assert len(kernel.signatures) == 1, kernel.__name__


THREADS = """
from demandgeo.density.adaptive import adaptive_surface
from demandgeo.density.pairs import kernel_sums, log_likelihoods, squared_error_terms
from demandgeo.domain import Events, Grid
from demandgeo.kernels.shapes import Shape

rng = np.random.default_rng(5)
x, y, weight = rng.uniform(0, 20000, 4000), rng.uniform(0, 20000, 4000), rng.gamma(1, 1, 4000)
curve, quartic = np.geomspace(50, 1000, 64), Shape.QUARTIC
grid = Grid.covering((0, 0, 20000, 20000), cell=100, crs="EPSG:27700")
events = Events.at(x, y, crs="EPSG:27700", weight=weight)

def made():
    parts = [
        kernel_sums(x, y, weight, bandwidth=400.0, shape=quartic),
        log_likelihoods(x, y, weight, 0 * weight, bandwidths=curve, shape=quartic, background=0.05),
        *squared_error_terms(x, y, weight, bandwidths=curve, shape=quartic),
        adaptive_surface(events, grid, per="period").values,
    ]
    assert all(np.abs(part).max() > 0 for part in parts)
    return parts
"""


@pytest.mark.threads
@needs_jit
@pytest.mark.parametrize("layer", ["workqueue", "omp"])
def test_one_and_two_threads_give_the_same_bytes(layer, tmp_path):
    assert_same_bytes(layer, tmp_path, THREADS, OPENBLAS_NUM_THREADS="1")
