"""Tours: the shortest of every subset beside every order, and those of insertion beside plain lists."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demandgeo.kernels.touring import build_tours, fill_shortest_tours
from tests.kernels import reference_touring as twin


def travel_between(seed: int, n: int) -> np.ndarray:
    """One-way minutes that no way round shortens."""
    rng = np.random.default_rng(seed)
    place = rng.uniform(0, 30, (n, 2))
    ways = np.hypot(*(place[:, None] - place).transpose(2, 0, 1)) + rng.uniform(0, 4, (n, n))
    np.fill_diagonal(ways, 0.0)
    for by in range(n):
        ways = np.minimum(ways, ways[:, by, None] + ways[by])
    return ways


@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
@settings(max_examples=30)
def test_the_shortest_tour_of_every_subset(seed, n):
    travel = travel_between(seed, n)
    path, tour = np.empty((2**n, n)), np.empty(2**n)
    fill_shortest_tours(travel, path, tour)
    assert tour[0] == 0
    for subset in range(1, 2**n):
        areas = [area for area in range(n) if subset >> area & 1]
        assert tour[subset] == pytest.approx(twin.shortest_tour(travel, areas), abs=1e-9)
        assert np.isinf(path[subset]).sum() >= n - len(areas)


@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
@settings(max_examples=40)
def test_insertion_equals_its_twin(seed, n):
    rng = np.random.default_rng(seed)
    travel, visits, start = travel_between(seed, n), rng.integers(1, 5, n), int(rng.integers(n))
    following = np.empty(n, np.int64)
    minutes = build_tours(travel, 15.0, visits, 420.0, start, following)
    expected = twin.build_tours(travel, 15.0, visits, 420.0, start)
    assert minutes == pytest.approx(15.0 * n + sum(twin.closed(travel, tour) for tour in expected))
    for tour in expected:
        assert following[tour].tolist() == [*tour[1:], tour[0]]
