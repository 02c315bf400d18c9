"""Kernels that have a bandwidth each: against a term-by-term sum."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from demandgeo.domain import Grid
from demandgeo.kernels.adaptive import add_adaptive
from demandgeo.kernels.planar import sort_by_row
from demandgeo.kernels.shapes import Shape, planar_scale
from tests.kernels import reference

JIT = not numba.config.DISABLE_JIT


def adaptive_sum(x, y, weight, bandwidth, grid, *, shape):
    order, start = np.empty(x.size, np.int64), np.empty(grid.shape[0] + 3, np.int64)
    sort_by_row(y, grid.y0, grid.dy, order, start)
    scaled = weight * [planar_scale(shape, h) for h in bandwidth]
    out, geometry = np.zeros(grid.shape), (grid.x0, grid.y0, grid.dx, grid.dy)
    at = (x[order], y[order], scaled[order], bandwidth[order])
    add_adaptive(*at, start, float(bandwidth.max()), *geometry, int(shape), out)
    return out


@pytest.mark.parametrize("shape", list(Shape))
@pytest.mark.parametrize("cell", [(40.0, 30.0), (33.3, 47.1)])
def test_the_sum_is_exact_with_any_bandwidths(shape, cell):
    grid = Grid.covering((430_000, 420_000, 433_000, 425_500 if JIT else 421_000), cell=cell, crs="EPSG:27700")
    rng = np.random.default_rng(1)
    n, (west, south, east, north) = 60 if JIT else 10, grid.bounds
    x, y = rng.uniform(west - 600, east + 600, n), rng.uniform(south - 600, north + 600, n)
    weight, bandwidth = rng.gamma(0.5, 20, n), rng.choice([3.0, 60.0, 400.0, 1500.0], n)
    got = adaptive_sum(x, y, weight, bandwidth, grid, shape=shape)
    expected, reached = reference.adaptive_intensity(x, y, weight, bandwidth, grid, power=int(shape))
    assert np.abs(got - expected).max() <= 1e-14 * expected.max()
    assert (got >= 0).all()
    assert (got[reached == 0] == 0).all()


def test_equal_bandwidths_are_one_bandwidth():
    grid = Grid.covering((0, 0, 2000, 2000), cell=50, crs="EPSG:27700")
    rng = np.random.default_rng(2)
    x, y, weight = rng.uniform(0, 2000, 20), rng.uniform(0, 2000, 20), rng.gamma(1, 1, 20)
    got = adaptive_sum(x, y, weight, np.full(20, 300.0), grid, shape=Shape.QUARTIC)
    expected, _ = reference.intensity(x, y, weight, grid, bandwidth=300.0, power=2)
    assert np.abs(got - expected).max() <= 1e-14 * expected.max()


@pytest.mark.skipif(not JIT, reason="NUMBA_DISABLE_JIT is set: nothing is compiled")
def test_one_specialisation_serves_every_shape_and_caller():
    grid = Grid.covering((0, 0, 400, 400), cell=40, crs="EPSG:27700")
    x = np.arange(5.0) * 80
    for writable in (True, False):
        x.flags.writeable = writable
        for shape in Shape:
            adaptive_sum(x, x, np.ones(5), np.full(5, 60.0), grid, shape=shape)
    assert len(add_adaptive.signatures) == 1
