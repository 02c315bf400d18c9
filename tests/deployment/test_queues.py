"""Waits and workloads as planners ask for them: checked input, known answers, all that is lost is said."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from demandgeo.deployment import erlang_c, hypercube
from demandgeo.domain import Balance, CostMatrix, Demand, Dispatch, Grid, Table
from demandgeo.errors import ModelError


def calls(*per_hour: float) -> Table:
    return Table("calls", pd.DataFrame({"calls_per_hour": per_hour}))


def test_one_team_waits_as_the_textbook_says():
    row = erlang_c(1.0, 30.0, 1, within_minutes=[0.0, 60.0], quantiles=[0.25, 0.5, 0.9]).rows.iloc[0]
    # M/M/1 at rho = 1/2 and mean service 30: P(W > t) = 1/2 exp(-t / 60), mean wait 30.
    assert row["wait_share"] == pytest.approx(0.5)
    assert row["mean_wait_minutes"] == pytest.approx(30.0)
    assert row["within_0_minutes_share"] == pytest.approx(0.5)
    assert row["within_60_minutes_share"] == pytest.approx(1 - 0.5 / np.e)
    assert row["wait_p25_minutes"] == row["wait_p50_minutes"] == 0.0
    assert row["wait_p90_minutes"] == pytest.approx(60 * np.log(5))
    assert not row["approximate"]


def test_quantiles_and_shares_are_one_distribution():
    rows = erlang_c(5.0, [20.0, 30.0, 45.0], 4, quantiles=[0.95]).rows
    for load, minutes, wait in zip(
        rows["load_erlangs"], rows["minutes_per_call"], rows["wait_p95_minutes"], strict=True
    ):
        again = erlang_c(60 * load / minutes, minutes, 4, within_minutes=[wait]).rows.iloc[0]
        share = again[f"within_{wait:g}_minutes_share"]
        assert share == pytest.approx(0.95) or (wait == 0 and share > 0.95)


def test_other_minutes_are_marked_and_exact_for_one_team():
    rows = erlang_c(1.0, 30.0, 1, variation=[0.0, 1.0, 2.0]).rows
    # Pollaczek and Khinchine: 30 x (1 + cv^2) / 2 at rho = 1/2.
    assert rows["mean_wait_minutes"].tolist() == pytest.approx([15.0, 30.0, 75.0])
    assert rows["approximate"].tolist() == [True, False, True]


def test_waits_are_those_of_a_simulated_queue():
    rng, teams, n = np.random.default_rng(3), 3, 60_000
    arrive, lasts = np.cumsum(rng.exponential(10.0, n)), rng.exponential(24.0, n)
    free, waits = np.zeros(teams), np.empty(n)
    for i in range(n):
        team = int(np.argmin(free))
        start = max(arrive[i], free[team])
        waits[i], free[team] = start - arrive[i], start + lasts[i]
    row = erlang_c(6.0, 24.0, 3).rows.iloc[0]
    blocks = waits.reshape(60, -1)
    for found, expected in [
        ((blocks > 0).mean(axis=1), row["wait_share"]),
        (blocks.mean(axis=1), row["mean_wait_minutes"]),
    ]:
        assert abs(found.mean() - expected) < stats.norm.ppf(0.995) * found.std() / np.sqrt(60)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((6.0, 30.0, 3), r"row 0: 3 teams would fall behind.* 3; .*give at least 4"),
        (([1.0, 60.0], 30.0, 3), "row 1: 3 teams.*give at least 31"),
        ((-1.0, 30.0, 3), "calls_per_hour in row 0 is -1"),
        ((1.0, np.nan, 3), "minutes_per_call in row 0 is nan"),
        ((1.0, 30.0, 2.5), "teams in row 0 is 2.5; a whole number"),
        ((1.0, 30.0, 0), "teams in row 0 is 0"),
        (([1.0, 2.0], [1.0, 2.0, 3.0], 2), "do not go together"),
        (("many", 30.0, 3), "do not go together"),
    ],
)
def test_what_has_no_steady_state_is_refused(given, message):
    with pytest.raises(ModelError, match=message):
        erlang_c(*given)


def test_bad_settings_are_refused_all_at_once():
    with pytest.raises(ModelError) as refused:
        erlang_c(1.0, 1.0, 1, variation=-1.0, within_minutes=[-1.0], quantiles=[1.0])
    assert len(refused.value.problems) == 3


def ring(teams: int) -> CostMatrix:
    at = np.arange(teams)
    apart = np.abs(at[:, None] - at)
    return CostMatrix.of(60.0 * np.minimum(apart, teams - apart) + 60.0)


@pytest.mark.parametrize("queue", [True, False])
@pytest.mark.parametrize("method", ["exact", "simulated", "approximate"])
def test_all_methods_agree(queue, method):
    teams = hypercube(ring(5), calls(*[0.9] * 5), minutes_per_call=30.0, queue=queue, method=method)
    exact = hypercube(ring(5), calls(*[0.9] * 5), minutes_per_call=30.0, queue=queue)
    assert exact.method == "exact"
    np.testing.assert_allclose(teams.rows["workload"], exact.rows["workload"], atol=0.03)
    assert teams.all_busy == pytest.approx(exact.all_busy, abs=0.005)
    assert teams.travel_minutes == pytest.approx(exact.travel_minutes, abs=0.05)
    np.testing.assert_allclose(teams.sent.sum(axis=1), 1 - teams.all_busy, atol=0.01)
    if queue:
        assert exact.rows["workload"].mean() == pytest.approx(0.45, abs=1e-9)
        assert exact.all_busy == pytest.approx(erlang_c(4.5, 30.0, 5).rows["wait_share"].item(), abs=1e-9)


def test_a_simulation_says_how_sure_it_is_and_repeats_itself():
    matrix, demand = ring(14), calls(*np.linspace(0.2, 1.5, 14))
    one = hypercube(matrix, demand, minutes_per_call=30.0, seed=3, events=5000)
    assert one.method == "simulated"
    assert (one.rows["workload_se"] > 0).all()
    assert one.content_hash() == hypercube(matrix, demand, minutes_per_call=30.0, seed=3, events=5000).content_hash()
    assert one.content_hash() != hypercube(matrix, demand, minutes_per_call=30.0, seed=4, events=5000).content_hash()
    exact = hypercube(matrix, demand, minutes_per_call=30.0, method="exact")
    assert (np.abs(one.rows["workload"] - exact.rows["workload"]) < 6 * one.rows["workload_se"]).all()


def test_demand_shares_out_the_calls():
    grid = Grid.covering((0, 0, 1000, 500), cell=500, crs="EPSG:27700")
    demand = Demand(
        grid,
        np.array([3.0, 1.0]),
        "incidents",
        Balance(np.array([4, 0, 0, 0]), np.array([4.0, 0, 0, 0])),
        "count",
        "2018-07",
    )
    matrix = CostMatrix.of([[60.0, 300.0], [300.0, 60.0]])
    shared = hypercube(matrix, demand, minutes_per_call=20.0, calls_per_hour=2.0)
    stated = hypercube(matrix, calls(1.5, 0.5), minutes_per_call=20.0)
    assert shared.content_hash() == stated.content_hash()
    assert "2 teams are busy 33% of their time" in shared.sentence()
    with pytest.raises(ModelError, match="calls_per_hour is None"):
        hypercube(matrix, demand, minutes_per_call=20.0)


@pytest.mark.parametrize(
    ("matrix", "table", "settings", "message"),
    [
        ([[1.0, np.inf], [1.0, 1.0]], calls(1.0, 1.0), {}, "team 0 cannot reach area 1"),
        ([[1.0, 1.0]], calls(1.0), {}, "calls of 1 areas, times to 2"),
        ([[1.0, 1.0]], calls(1.0, np.nan), {}, "not numbers >= 0"),
        ([[1.0, 1.0]], calls(0.0, 0.0), {}, "with one above 0"),
        ([[1.0, 1.0]], calls(1.0, 1.0), {"minutes_per_call": 30.0}, "1 teams have 1 teams' worth of work"),
        ([[1.0, 1.0]], calls(1.0, 1.0), {"minutes_per_call": -1.0}, "minutes_per_call is -1"),
        ([[1.0, 1.0]], calls(1.0, 1.0), {"calls_per_hour": 2.0}, "given twice"),
        ([[1.0, 1.0]], Table("calls", pd.DataFrame({"n": [1.0]})), {}, "no column 'calls_per_hour'"),
        (np.ones((17, 2)), calls(1.0, 1.0), {"method": "exact"}, "at most 16"),
    ],
)
def test_what_the_hypercube_cannot_answer_is_refused(matrix, table, settings, message):
    with pytest.raises(ModelError, match=message):
        hypercube(CostMatrix.of(matrix), table, **{"minutes_per_call": 20.0} | settings)


def test_a_dispatch_checks_itself():
    good = hypercube(ring(2), calls(1.0, 1.0), minutes_per_call=20.0)
    fields = {"title": "", "rows": good.rows, "travel_minutes": 1.0, "method": "exact"}
    with pytest.raises(ModelError, match="outside 0 to 1"):
        Dispatch(sent=good.sent, all_busy=1.5, **fields)
    with pytest.raises(ModelError, match="column per team"):
        Dispatch(sent=good.sent[:, :1], all_busy=0.1, **fields)
    assert good.summary()["method"] == "exact"
