from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from demandgeo.outputs.classes import classify, classify_ranks

VALUES = st.lists(
    st.one_of(st.just(0.0), st.floats(1e-9, 1e9), st.integers(1, 500).map(float)), min_size=1, max_size=60
)


@given(VALUES)
def test_each_value_above_zero_is_in_one_class_and_no_class_is_empty(values):
    values = np.array(values)
    classes = classify(values)
    members = [np.flatnonzero((low < values) & (values <= high)).tolist() for low, high in pairwise(classes.bounds)]
    assert sorted(row for rows in members for row in rows) == np.flatnonzero(values > 0).tolist()
    assert all(members)
    assert classes.has_zero == (values == 0).any()
    found = classes.of(values)
    assert [found[rows].tolist() for rows in members] == [[i] * len(rows) for i, rows in enumerate(members)]
    assert (found[values == 0] == -1).all()


@given(VALUES)
def test_labels_and_colours_go_with_the_classes(values):
    classes = classify(np.array(values))
    assert len(classes.labels) == len(classes.colours) == len(set(classes.colours)) == max(0, len(classes.bounds) - 1)
    assert len(classes.labels) <= 6


@given(st.lists(st.integers(0, 5000).map(float), min_size=1, max_size=60))
def test_labels_of_whole_numbers_name_exactly_the_numbers_of_their_class(values):
    classes = classify(np.array(values))
    for (low, high), label in zip(pairwise(classes.bounds), classes.labels, strict=True):
        ends = [int(text.replace(",", "")) for text in label.split(" to ")]
        assert (ends[0], ends[-1]) == (low + 1, high)


def test_missing_values_have_a_class_of_their_own():
    classes = classify(np.array([np.nan, 0.0, 2.0]))
    assert classes.has_missing
    assert classes.of(np.array([np.nan, 0.0, 2.0])).tolist() == [-2, -1, 0]


@pytest.mark.parametrize("values", [[], [0.0, 0.0], [np.nan]])
def test_nothing_above_zero_makes_no_class(values):
    assert classify(np.array(values)).labels == ()


def test_breaks_are_round_numbers_that_narrow_towards_the_top():
    values = np.random.default_rng(3).gamma(0.5, 1000.0, 20_000)
    bounds = classify(values).bounds
    assert [float(f"{bound:.1e}") for bound in bounds[1:-1]] == [*bounds[1:-1]]
    shares = [(values <= bound).mean() for bound in bounds[1:-1]]
    np.testing.assert_allclose(shares, [0.4, 0.65, 0.8, 0.9, 0.97], atol=0.02)


@pytest.mark.parametrize(
    ("areas", "labels"),
    [
        (1, ("rank 1",)),
        (3, ("rank 1", "rank 2", "rank 3")),
        (31, ("rank 1 to 5", "rank 6 to 10", "rank 11 to 20", "rank 21 to 31")),
        (6, ("rank 1 to 5", "rank 6")),
    ],
)
def test_ranks(areas, labels):
    classes = classify_ranks(areas)
    assert classes.labels == labels
    assert len(classes.colours) == len(labels)
    assert set(range(len(labels))) == set(classes.of(np.arange(1.0, areas + 1)).tolist())


def test_the_first_ranks_are_darkest():
    light = [sum(int(colour[i : i + 2], 16) for i in (1, 3, 5)) for colour in classify_ranks(31).colours]
    assert light == sorted(light)
