"""Gaussians in two steps: each step against its twin, and the adjoint of the first."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from demandgeo.kernels import gaussian, planar
from tests.kernels import reference
from tests.kernels.threads import assert_same_bytes

JIT = not numba.config.DISABLE_JIT
needs_jit = pytest.mark.skipif(not JIT, reason="NUMBA_DISABLE_JIT is set: nothing is compiled")
LATTICE = (1000.0, 5000.0, 40.0, 30.0)
ROWS, COLUMNS = (150, 90) if JIT else (75, 12)


def scene(seed, n=30 if JIT else 6, margin=300.0):
    rng = np.random.default_rng(seed)
    x0, y0, dx, dy = LATTICE
    x = rng.uniform(x0 - margin, x0 + COLUMNS * dx + margin, n)
    y = rng.uniform(y0 - ROWS * dy - margin, y0 + margin, n)
    return x, y, rng.gamma(1, 3, n)


def spread(x, y, weight, sd):
    order, start = np.empty(y.size, np.int64), np.empty(ROWS + 3, np.int64)
    planar.sort_by_row(y, LATTICE[1], LATTICE[3], order, start)
    out = np.zeros((ROWS, COLUMNS))
    gaussian.spread(x[order], y[order], weight[order], start, *LATTICE, *sd, out)
    return out


@given(st.integers(0, 2**32 - 1), st.sampled_from([(1.5, 1.5), (0.05, 4.0), (2.3, 0.7)]))
def test_nodes_hold_the_gaussian_of_every_location(seed, sd):
    x, y, weight = scene(seed)
    got = spread(x, y, weight, sd)
    expected, *_ = reference.lattice_spread(x, y, weight, (*LATTICE, *sd), (ROWS, COLUMNS))
    assert np.abs(got - expected).max() <= 1e-13 * max(expected.max(), weight.max())
    near = expected > 1e-9 * weight.max()
    assert (np.abs(got - expected)[near] <= 1e-7 * expected[near]).all()


@given(st.integers(0, 2**32 - 1))
def test_probing_is_the_adjoint_of_spreading(seed):
    x, y, weight = scene(seed)
    cells = np.random.default_rng(seed).random((ROWS, COLUMNS))
    out = np.empty(x.size)
    gaussian.probe(x, y, *LATTICE, 1.5, 2.0, cells, out)
    assert weight @ out == pytest.approx((spread(x, y, weight, (1.5, 2.0)) * cells).sum(), rel=1e-12)
    _, along, across = reference.lattice_spread(x, y, weight, (*LATTICE, 1.5, 2.0), (ROWS, COLUMNS))
    assert out == pytest.approx(np.einsum("ij,jk,ik->i", along, cells, across), rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("columns", [1, 255, 257] if JIT else [1, 5])
@pytest.mark.parametrize("lines", [1, 16, 37])
def test_lines_gather_their_rows_and_are_turned(columns, lines):
    rng = np.random.default_rng(columns + lines)
    nodes, first, taps = rng.random((60, columns)), rng.integers(0, 52, lines), rng.random((lines, 8))
    out = np.empty((columns, lines))
    gaussian.gather(nodes, first, taps, out)
    assert out == pytest.approx(reference.gathered(nodes, first, taps), rel=1e-14)


@needs_jit
def test_one_specialisation_each():
    x, y, weight = scene(1)
    x.flags.writeable = False
    spread(x, y, weight, (1.0, 1.0))
    for kernel in (gaussian.spread, gaussian.gather, gaussian.probe):
        assert len(kernel.signatures) <= 1, kernel.__name__


THREADS = """
from demandgeo.density.edges import share_at_locations
from demandgeo.density.smoothing import Rows, Smoother
from demandgeo.domain import Grid
from demandgeo.statistics.locations import Locations

rng = np.random.default_rng(5)
places = Locations.of(rng.uniform(0, 20000, 20000), rng.uniform(0, 20000, 20000))
grid = Grid.covering((0, 0, 20000, 20000), cell=40, crs="EPSG:27700")

def made():
    for kernel, bandwidth in (("gaussian", 300.0), ("gaussian", 60.0), ("quartic", 3000.0)):
        smoother = Smoother.of(grid, kernel, bandwidth)
        out = np.zeros(grid.shape)
        smoother.fill(Rows.of(places, places.total(), smoother.on), out)
        assert out.min() > 0 or kernel == "gaussian"
        yield out
        yield share_at_locations(places.x, places.y, smoother)
"""


@pytest.mark.threads
@needs_jit
@pytest.mark.parametrize("layer", ["workqueue", "omp"])
def test_one_and_two_threads_give_the_same_bytes(layer, tmp_path):
    assert_same_bytes(layer, tmp_path, THREADS)
