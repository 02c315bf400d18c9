"""Locations: collapsed where coordinates repeat, left apart where they do not."""

from __future__ import annotations

import numpy as np

from demandgeo.statistics.locations import Locations


def test_few_repeats_are_left_apart_and_many_collapsed():
    rng = np.random.default_rng(1)
    x, y = rng.random(20_000), rng.random(20_000)
    apart, together = Locations.for_sums(x, y), Locations.for_sums(x.round(2), y.round(1))
    assert len(apart) == 20_000
    assert apart.member.tolist() == list(range(20_000))
    assert len(together) == len(Locations.of(x.round(2), y.round(1))) < 2_000
    assert len(Locations.for_sums(x[:0], y[:0])) == 0


def test_a_short_table_is_always_collapsed():
    assert len(Locations.for_sums(np.array([1.0, 1.0]), np.array([2.0, 2.0]))) == 1
