"""Mean weight of the events of a place: the class's where little is known, its own where much is."""

from __future__ import annotations

import numpy as np
import pytest

from demandgeo.statistics.captures import capture
from demandgeo.statistics.credibility import severity_of


def test_places_that_do_not_differ_have_the_mean_of_their_class():
    rng = np.random.default_rng(1)
    place = rng.integers(0, 2000, 6000)
    group = np.repeat(np.array([0, 1], np.int32), 1000)
    weight = (rng.random(6000) < np.array([0.1, 0.3])[group[place]]).astype(float)
    found = severity_of(weight, place, 2000, group)
    assert found.own < 0.1
    np.testing.assert_allclose(found.usual[[0, -1]], [0.1, 0.3], atol=0.02)


def test_true_differences_are_found_and_shrunk_as_they_deserve():
    rng = np.random.default_rng(2)
    true = 0.2 * rng.gamma(4, 1 / 4, 1500)
    place = np.repeat(np.arange(1500), rng.integers(1, 40, 1500))
    weight = (rng.random(place.size) < true[place]).astype(float)
    found = severity_of(weight, place, 1500, np.zeros(1500, np.int32))
    assert found.own == pytest.approx(0.25, abs=0.06)
    number = np.bincount(place)
    raw = np.bincount(place, weight) / number
    assert np.square(found.mean - true).mean() < 0.75 * np.square(raw - true).mean()
    variance = found.variation * np.square(found.mean / found.usual)
    assert (np.diff(variance[np.argsort(number)]) <= 1e-12).all()


def test_weights_of_one_change_nothing():
    found = severity_of(np.ones(5), np.array([0, 0, 1, 2, 2]), 4, np.zeros(4, np.int32))
    np.testing.assert_array_equal(found.mean, 1.0)
    np.testing.assert_array_equal(found.variation, 0.0)


def test_capture_takes_ties_in_proportion():
    score, extent, held = np.array([0.0, 0, 0, 0, 3]), np.ones(5), np.array([1.0, 0, 0, 1, 2])
    np.testing.assert_allclose(capture(score, extent, held, [0.1, 0.2, 0.6, 1.0]), [0.25, 0.5, 0.75, 1.0])
    assert np.isnan(capture(score, extent, 0 * held, [0.5])).all()
