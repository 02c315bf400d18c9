"""Tours: the shortest of every subset beside every order, and those of insertion beside plain lists."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demandgeo.kernels.touring import build_tours, grow_subsets
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


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.sampled_from([60.0, 120.0, np.inf]))
@settings(max_examples=30)
def test_every_subset_that_fits_grows_with_its_shortest_tour(seed, n, shift):
    travel, visits = travel_between(seed, n), np.random.default_rng(seed).integers(1, 4, n)
    subsets, path = 1 << np.arange(n, dtype=np.int64), np.full((n, n), np.inf)
    np.fill_diagonal(path, 0.0)
    # A shift that holds every area's own visits, as the kernel is told.
    shift = max(shift, 15.0 * visits.max())
    for size in range(2, n + 1):
        expected = {}
        for areas in itertools.combinations(range(n), size):
            tour = twin.shortest_tour(travel, list(areas))
            if (15.0 * size + tour) * visits[list(areas)].max() <= shift:
                expected[sum(1 << area for area in areas)] = tour
        grown, longer, tours = np.empty(2**n, np.int64), np.empty((2**n, n)), np.empty(2**n)
        count = grow_subsets(travel, 15.0, visits, shift, subsets, path, grown, longer, tours)
        assert dict(zip(grown[:count].tolist(), tours[:count].tolist(), strict=True)) == pytest.approx(expected)
        assert count == len(expected)
        order = np.argsort(grown[:count])
        subsets, path = grown[:count][order], longer[:count][order]


def test_more_subsets_than_there_is_room_for_are_said():
    travel, path = np.zeros((4, 4)), np.zeros((4, 4))
    out = np.empty(2, np.int64), np.empty((2, 4)), np.empty(2)
    subsets = 1 << np.arange(4, dtype=np.int64)
    assert grow_subsets(travel, 1.0, np.ones(4, np.int64), 9.0, subsets, path, *out) == -1


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
