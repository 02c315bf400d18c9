"""Kernels on networks: the same bytes on any number of threads, and what their twins give."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import integrate

from demandgeo.kernels.chains import join
from demandgeo.kernels.profiles import Profile, half_mass, height, line_height, line_support
from tests.kernels import reference_network as twin
from tests.kernels.threads import assert_same_bytes

needs_jit = pytest.mark.skipif(numba.config.DISABLE_JIT, reason="NUMBA_DISABLE_JIT is set: nothing is compiled")

MADE = """
from demandgeo.domain import Events, Network
from demandgeo.sources import read_streets
from demandgeo.synthetic import perturbed_grid
from demandgeo.roads import waves
from demandgeo.roads.intensity import Kernel, by_shortest_path, by_wave
from demandgeo.roads.placing import Placed
from demandgeo.kernels.profiles import Profile
from demandgeo.statistics.snapping import nearest

waves.FEW = 0
net = read_streets(perturbed_grid(400, seed=2))
rng = np.random.default_rng(1)
x = rng.uniform(net.node_x.min(), net.node_x.max(), 300)
y = rng.uniform(net.node_y.min(), net.node_y.max(), 300)
events = Events.at(x, y, crs=net.crs)


def made():
    found = nearest(net, x, y)
    yield from found
    placed = Placed.of(events, net, lixel=10.0, max_distance=200.0)
    layer = np.arange(300) % 3
    for profile, step in ((Profile.QUARTIC, 5.0), (Profile.UNIFORM, 5.0), (Profile.GAUSSIAN, 40.0)):
        kernel = Kernel("continuous", profile, 100.0, step, "reflect")
        yield by_wave(placed.network, placed.links, placed.pulses(layer, 3), kernel)[0]
        yield by_wave(placed.network, placed.links, placed.pulses(), kernel, settled=True)[0]
    yield by_shortest_path(placed.links, placed.pulses(), kernel)
"""


@pytest.mark.threads
@needs_jit
@pytest.mark.parametrize("layer", ["workqueue", "omp"])
def test_waves_are_the_same_bytes_on_any_number_of_threads(layer, tmp_path):
    assert_same_bytes(layer, tmp_path, MADE)


@pytest.mark.parametrize("profile", list(Profile))
def test_profiles_are_densities_with_their_standard_deviation(profile):
    h = 70.0
    end = 9 * h if profile == Profile.GAUSSIAN else h
    for r in (0.0, 20.0, 69.0, 71.0, 150.0):
        assert height(int(profile), r, h) == pytest.approx(twin.height(profile, r, h), rel=1e-12)
        below = integrate.quad(lambda t: twin.height(profile, t, h), 0, min(r, end), epsabs=1e-12)[0]
        assert half_mass(int(profile), r, h) == pytest.approx(below, abs=1e-9)
    assert half_mass(int(profile), end, h) == pytest.approx(0.5, abs=1e-12)
    assert line_height(profile, h) == pytest.approx(height(int(profile), 0.0, h))
    spread = integrate.quad(lambda t: 2 * t * t * twin.height(profile, t, h), 0, end)[0]
    assert line_support(profile, spread**0.5) == pytest.approx(h)


@given(st.integers(1, 8), st.data())
def test_chains_hold_every_segment_once(m, data):
    nodes = data.draw(hnp.arrays(np.int64, 2 * m, elements=st.integers(0, m)))
    partner = np.full(2 * m, -1)
    for node in np.unique(nodes):
        here = np.flatnonzero(nodes == node)
        if len(here) == 2 and here[0] >> 1 != here[1] >> 1:
            partner[here] = here[::-1]
    length = data.draw(hnp.arrays(np.float64, m, elements=st.integers(1, 99).map(float)))
    chain, offset, turned = np.empty(m, np.int64), np.empty(m), np.empty(m, np.bool_)
    arm = np.empty((m, 2), np.int64)
    count = join(partner, length, chain, offset, turned, arm)
    expected = twin.chains(partner, length)
    assert count == len(expected)
    for number, parts in enumerate(expected):
        along = 0.0
        for segment, against in parts:
            assert (chain[segment], offset[segment], turned[segment]) == (number, along, against)
            along += length[segment]
        last, against = parts[-1]
        assert arm[number].tolist() == [2 * parts[0][0] + parts[0][1], 2 * last + (not against)]
