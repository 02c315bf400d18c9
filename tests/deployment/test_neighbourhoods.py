"""The approximate hypercube beside the exact one and long simulations: within 0.02, and sums that are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from demandgeo.deployment import hypercube, neighbourhoods
from demandgeo.domain import CostMatrix, Table
from demandgeo.errors import ModelError
from tests.kernels.test_queueing import random_scene


def a_city(seed: int, fewest: int, most: int, load: float | None = None):
    """Travel times and calls per hour (of one hour each); in every second city all crowd around three centres."""
    rng = np.random.default_rng(seed)
    teams = int(rng.integers(fewest, most + 1))
    areas = int(rng.integers(teams, 41)) if teams < 40 else 3 * teams
    here, there = rng.uniform(0, 1, (areas, 2)), rng.uniform(0, 1, (teams, 2))
    if seed // 2 % 2:
        centres = rng.uniform(0, 1, (3, 2))
        here = centres[rng.integers(0, 3, areas)] + rng.normal(0, 0.1, (areas, 2))
        there = centres[rng.integers(0, 3, teams)] + rng.normal(0, 0.1, (teams, 2))
    calls = rng.gamma(1.0, 1.0, areas)
    calls *= (load or rng.uniform(0.2, 0.8)) * teams / calls.sum()
    return np.hypot(*(there[:, None] - here).transpose(2, 0, 1)), calls


def both(seed, fewest, most, method, load=None, **settings):
    apart, calls = a_city(seed, fewest, most, load)
    given = CostMatrix.of(apart), Table("calls", pd.DataFrame({"calls_per_hour": calls}))
    settings |= {"minutes_per_call": 60.0, "queue": seed % 2 == 1}
    return hypercube(*given, **settings, method="approximate"), hypercube(*given, **settings, method=method)


def apart_by(found, expected) -> tuple[float, float]:
    """Largest error of a workload, and of a share."""
    workload = np.abs(found.rows["workload"] - expected.rows["workload"]).max()
    return workload, np.abs(found.sent - expected.sent).max()


def test_200_cities_of_2_to_12_teams_are_within_two_hundredths():
    errors = np.array([apart_by(*both(seed, 2, 12, "exact")) for seed in range(200)])
    assert errors[:, 0].max() < 0.02
    assert errors[:, 1].max() < 0.02


def test_100_cities_of_10_to_12_teams_where_some_are_always_outside():
    errors = np.array([apart_by(*both(seed, 10, 12, "exact")) for seed in range(1100, 1200)])
    assert errors[:, 0].max() < 0.02
    assert np.median(errors[:, 0]) < 0.003
    assert errors[:, 1].max() < 0.04


@pytest.mark.parametrize(("teams", "load", "bound"), [(20, 0.5, 0.02), (20, 0.8, 0.02), (40, 0.5, 0.03)])
def test_many_teams_beside_a_long_simulation(teams, load, bound):
    for seed in (0, 3):
        found, drawn = both(seed, teams, teams, "simulated", load, events=100_000)
        gap = np.abs(found.rows["workload"] - drawn.rows["workload"])
        assert gap.max() < bound + 3 * drawn.rows["workload_se"].max()
        assert gap.median() < 0.01


def test_up_to_nine_teams_are_exact():
    for seed in range(6):
        assert max(apart_by(*both(seed, 9, 9, "exact"))) < 1e-5


@pytest.mark.parametrize("queue", [True, False])
@pytest.mark.parametrize("load", [0.01, 0.5, 0.97])
def test_sums_are_exact_at_any_load(load, queue):
    apart, calls = a_city(2, 14, 14, load)
    found = hypercube(
        CostMatrix.of(apart), Table("calls", pd.DataFrame({"calls_per_hour": calls})), minutes_per_call=60.0,
        queue=queue, method="approximate",
    )  # fmt: skip
    answered = calls.sum() * (1.0 if queue else 1.0 - found.all_busy)
    assert found.rows["workload"].sum() == pytest.approx(answered, rel=1e-9)
    np.testing.assert_allclose(found.sent.sum(axis=1), 1 - found.all_busy, rtol=1e-12)
    assert found.sent.min() >= 0
    assert found.rows["workload"].between(0, 1).all()


def test_more_calls_than_teams_can_take_are_lost_and_none_is_busier_than_always():
    apart, calls = a_city(1, 12, 12, 3.0)
    busy, _ = neighbourhoods.lost_calls(calls, np.argsort(apart, axis=0).T.copy(), 1.0)
    assert ((busy > 0.85) & (busy <= 1)).all()


def test_a_city_that_is_alike_all_round_is_busy_alike_all_round():
    around = np.array([0, 1, -1, 2, -2, 3, -3, 4, -4, 5, -5, 6, -6, 7])
    preferences = np.ascontiguousarray((np.arange(14)[:, None] + around) % 14)
    busy, sent = neighbourhoods.lost_calls(np.full(14, 0.6), preferences, 1.0)
    np.testing.assert_allclose(busy, busy[0], rtol=1e-6)
    np.testing.assert_allclose(
        np.take_along_axis(sent, preferences, 1), sent[0, preferences[0]][None].repeat(14, 0), atol=1e-6
    )


def test_what_does_not_settle_is_said(monkeypatch):
    arrivals, preferences = random_scene(12, 12)
    monkeypatch.setattr(neighbourhoods, "MOST_ROUNDS", 1)
    with pytest.raises(ModelError, match="did not settle in 1 rounds"):
        neighbourhoods.lost_calls(arrivals, preferences, 1.0)
