"""Demand by shift, and demand that might have been: Poisson, and blocks of time drawn again."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from demandgeo.density import count
from demandgeo.deployment import demand_scenarios, shift_demand
from demandgeo.domain import Events, Grid, Option, Options
from demandgeo.errors import ModelError

CRS = "EPSG:27700"
GRID = Grid.covering((0, 0, 300, 200), cell=100, crs=CRS)
SHIFTS = {"early": ("07:00", "15:00"), "late": ("15:00", "23:00"), "night": ("23:00", "07:00")}
OPTIONS = Options((Option("now", ("A",)),), "now", SHIFTS)


def events(seed, n=400, days=70, weight=None):
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0, [[300], [200]], (2, n))
    minutes = rng.integers(0, days * 1440, n).astype("timedelta64[m]")
    time = (np.datetime64("2024-01-01T00:00") + minutes).astype("datetime64[s]")
    return Events.at(x, y, crs=CRS, time=time, weight=weight)


@given(st.integers(0, 2**32 - 1))
def test_every_event_is_in_the_shift_of_its_hour(seed):
    made = events(seed, 60)
    demand = shift_demand(made, GRID, OPTIONS)
    unit = GRID.locate(made.x, made.y)
    hour = pd.DatetimeIndex(made.time).hour
    for number, inside in enumerate(((hour >= 7) & (hour < 15), (hour >= 15) & (hour < 23), (hour >= 23) | (hour < 7))):
        np.testing.assert_array_equal(demand.values[number], np.bincount(unit[inside], minlength=GRID.n))
    np.testing.assert_allclose(demand.total, count(made, GRID).values)
    assert demand.balance.total_events == 60


def test_events_without_hours_need_one_stated_profile():
    months = dataclasses.replace(events(1), resolution="month")
    with pytest.raises(ModelError, match="dated to the month and have no hours"):
        shift_demand(months, GRID, OPTIONS)
    hourly = [1.0] * 7 + [2.0] * 8 + [3.0] * 8 + [1.0]
    demand = shift_demand(months, GRID, OPTIONS, hourly=hourly)
    np.testing.assert_allclose(demand.values.sum(axis=1) / 400, np.array([16, 24, 8]) / 48)
    np.testing.assert_allclose(demand.total, count(months, GRID).values)
    for wrong in ([1.0] * 23, [-1.0] * 24, [0.0] * 24):
        with pytest.raises(ModelError, match="24 numbers"):
            shift_demand(months, GRID, OPTIONS, hourly=wrong)
    with pytest.raises(ModelError, match="one of the two"):
        shift_demand(events(1), GRID, OPTIONS, hourly=hourly)
    with pytest.raises(ModelError, match="state no shifts"):
        shift_demand(events(1), GRID, Options((Option("now", ("A",)),), "now"))


def test_events_without_a_time_are_spread_as_the_others_are():
    made = events(2)
    time = made.time.copy()
    time[:40] = np.datetime64("NaT")
    demand = shift_demand(dataclasses.replace(made, time=time), GRID, OPTIONS)
    timed = shift_demand(_of(made, np.arange(400) >= 40), GRID, OPTIONS)
    np.testing.assert_allclose(demand.values.sum(), 400)
    np.testing.assert_allclose(demand.values.sum(axis=1) / 400, timed.values.sum(axis=1) / timed.values.sum())
    assert demand.provenance["without_time"] == 40


def test_a_block_bootstrap_draws_whole_weeks():
    made = events(3, weight=np.random.default_rng(3).uniform(1, 5, 400))
    demand = shift_demand(made, GRID, OPTIONS)
    scenarios = demand_scenarios(demand, None, made, draws=300, seed=4)
    assert scenarios.values.shape == (3 * GRID.n, 300)
    assert scenarios.provenance["method"] == "10 weeks drawn with replacement"
    # Every scenario is a sum of ten weeks: solve for how often each was drawn.
    week = (made.time - np.datetime64("2024-01-01")) // np.timedelta64(7, "D")
    weeks = np.stack([shift_demand(_of(made, week == w), GRID, OPTIONS).values.ravel() for w in range(10)], axis=1)
    times = np.linalg.lstsq(weeks, scenarios.values, rcond=None)[0]
    np.testing.assert_allclose(times, np.round(times), atol=1e-6)
    assert (times.sum(axis=0).round() == 10).all()
    np.testing.assert_allclose(scenarios.values.mean(axis=1).sum(), demand.values.sum(), rtol=0.03)
    same = demand_scenarios(demand, None, made, draws=300, seed=4)
    assert same.content_hash() == scenarios.content_hash()


def _of(made, rows):
    return Events.at(made.x[rows], made.y[rows], crs=CRS, time=made.time[rows], weight=made.weight[rows])


def test_blocks_of_weeks_vary_more_than_poisson_where_events_come_in_series():
    rng = np.random.default_rng(5)
    busy = rng.choice(10, 3, replace=False)
    day = np.concatenate([np.repeat(busy * 7, 100), rng.integers(0, 70, 30), [0, 69]])
    time = (np.datetime64("2024-01-01T12:00") + day.astype("timedelta64[D]")).astype("datetime64[s]")
    x, y = rng.uniform(0, [[300], [200]], (2, day.size))
    made = Events.at(x, y, crs=CRS, time=time)
    demand = count(made, GRID)
    blocks = demand_scenarios(demand, None, made, draws=400).values.sum(axis=0)
    alone = demand_scenarios(demand, draws=400).values.sum(axis=0)
    assert blocks.std() > 3 * alone.std()


def test_months_for_events_that_know_only_the_month():
    months = dataclasses.replace(events(6, days=300), resolution="month")
    demand = count(months, GRID)
    with pytest.raises(ModelError, match="write block: month"):
        demand_scenarios(demand, None, months)
    values = demand_scenarios(demand, None, months, block="month", draws=50).values
    assert values.shape == (GRID.n, 50)
    by_shift = shift_demand(months, GRID, OPTIONS, hourly=[1.0] * 24)
    drawn = demand_scenarios(by_shift, None, months, block="month", draws=50).values
    np.testing.assert_allclose(drawn.reshape(3, GRID.n, 50).sum(axis=0), values)


def test_months_that_nothing_is_known_of_are_no_blocks():
    early, late = events(7, days=28), events(8, days=28)
    time = np.concatenate([early.time, late.time + np.timedelta64(366, "D")])
    made = Events.at(np.r_[early.x, late.x], np.r_[early.y, late.y], crs=CRS, time=time)
    scenarios = demand_scenarios(count(made, GRID), None, made, draws=20)
    assert scenarios.provenance["method"].startswith(("8 ", "9 ", "10 "))


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (lambda made: _of(made, np.arange(400) < 300), "not those of the demand"),
        (lambda made: dataclasses.replace(made, time=np.full(400, np.datetime64("NaT", "s"))), "no event has a date"),
        (lambda made: dataclasses.replace(made, time=np.full(400, made.time[0])), "span 1 weeks"),
    ],
)
def test_what_cannot_be_drawn_is_refused(other, message):
    made = events(9)
    with pytest.raises(ModelError, match=message):
        demand_scenarios(count(made, GRID), None, other(made))


def test_a_held_out_period_has_the_same_shifts():
    made = events(10)
    with pytest.raises(ModelError, match="other shifts"):
        demand_scenarios(shift_demand(made, GRID, OPTIONS), count(made, GRID))
    without = dataclasses.replace(count(made, GRID), count=None)
    with pytest.raises(ModelError, match="no counts"):
        demand_scenarios(without)


def test_poisson_draws_keep_shifts_apart():
    made = events(11)
    demand = shift_demand(made, GRID, OPTIONS)
    values = demand_scenarios(demand, draws=500, seed=1).values
    np.testing.assert_allclose(values.mean(axis=1), demand.values.ravel(), rtol=0.25, atol=0.5)
