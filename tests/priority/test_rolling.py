"""Rolling back-tests: windows, methods and ceilings."""

from __future__ import annotations

import numpy as np
import pytest
from typeguard import suppress_type_checks

from demandgeo.density import count
from demandgeo.domain import Events, Grid
from demandgeo.errors import GeometryError, ModelError
from demandgeo.priority import backtest, rolling_backtest, scores, select
from demandgeo.priority.questions import Question
from demandgeo.priority.redraws import Reselection
from demandgeo.priority.rolling import KNOWN, METHODS, UNCHANGED
from demandgeo.synthetic import make_city
from tests.priority.test_memberships import true_demand

CRS = "EPSG:27700"
CELLS = Grid.covering((0, 0, 2000, 2000), cell=100, crs=CRS)


def months(number, n=300, seed=1, **fields):
    rng = np.random.default_rng(seed)
    time = np.repeat(np.datetime64("2018-01") + np.arange(number), n).astype("datetime64[s]")
    place = rng.normal(1000, 250, (2, n * number)).clip(0, 1999)
    return Events.at(*place, crs=CRS, time=time, **fields)


def test_each_window_is_tested_on_the_period_that_follows():
    events = months(4)
    table = rolling_backtest(events, CELLS, max_areas=4, window=2, draws=2)
    assert table.rows["tested"].unique().tolist() == ["2018-03", "2018-04"]
    assert table.rows["chosen_on"].unique().tolist() == ["2018-01, 2018-02", "2018-02, 2018-03"]
    assert table.rows["method"].tolist() == 2 * [*METHODS, UNCHANGED, KNOWN]
    bounded = table.rows[table.rows["method"] != "top_cells"]
    assert (bounded["areas"] <= 4).all()
    assert (table.rows["chosen_share"].dropna() >= 0.25 - 1e-9).all()


def test_the_rows_of_the_selection_are_those_of_single_backtests():
    events = months(3)
    rows = rolling_backtest(events, CELLS, max_areas=4, methods=["selection"], draws=0).rows
    month = events.time.astype("datetime64[M]")
    before = None
    for row, tested in zip(rows.itertuples(), ("2018-02", "2018-03"), strict=True):
        areas = select(count(events.where(month == np.datetime64(tested) - 1), CELLS), max_areas=4)
        after = events.where(month == np.datetime64(tested))
        held = backtest(areas, after)
        assert (row.demand_share, row.pai) == (held.demand_share, held.pai)
        assert row.extent_share == areas.extent_share
        values = count(after, CELLS).values
        assert row.pei_star == scores.capture_efficiency(values, CELLS.extent, areas.selected)
        if before is None:
            assert np.isnan(row.jaccard)
        else:
            assert row.jaccard == scores.jaccard(before, areas.selected, CELLS.extent)
        before = areas.selected


def test_years_are_periods_too_and_undated_events_are_left_out():
    events = months(24, n=40)
    undated = Events.at([1.0], [1.0], crs=CRS)
    assert rolling_backtest(events, CELLS, period="year", methods=["selection"], draws=0).rows["tested"].tolist() == [
        "2019"
    ]
    with pytest.raises(ModelError, match=r"of 0 periods \(undated\)"):
        rolling_backtest(undated, CELLS)


def test_harm_is_tested_as_harm():
    weight = np.random.default_rng(2).choice([1.0, 40.0], 600)
    table = rolling_backtest(
        months(2, weight=weight, weight_name="harm"), CELLS, max_areas=4, methods=["selection"], draws=3
    )
    assert table.provenance["weight"] == "harm"
    assert table.rows["demand_share"].between(0.05, 0.5).all()


def test_the_ceilings_are_those_of_the_known_truth():
    # Drawn from the truth itself: what areas chosen on one period of the made city hold of another, and how alike
    # they are; and what areas chosen on the truth hold of it.
    found, true = [], []
    for seed in (40, 41):
        city = make_city("small", seed=seed)
        support = Grid.over(city.zones(), cell=250.0)
        share = 0.15
        truth = true_demand(city, support, share)
        rng = np.random.default_rng(seed)
        rules = Reselection.of(truth, Question(demand_share=0.25, max_areas=10))
        best = rules.choose(truth.values)
        drawn = []
        for _ in range(25):
            one, two = rng.poisson(truth.values, (2, support.n)).astype(float)
            first, second = rules.choose(one), rules.choose(two)
            drawn.append((scores.hit_rate(two, first), scores.jaccard(first, second, support.extent)))
        true.append([*np.mean(drawn, axis=0), scores.accuracy(truth.values, support.extent, best)])
        crimes = city.crimes("train")
        crimes = crimes.where(crimes.located & (rng.random(len(crimes)) < share))
        # The whole year is the window; a few later events make the period that follows.
        later = np.where(np.arange(len(crimes)) < 50, np.datetime64("2023-01"), np.datetime64("2022-01"))
        dated = Events.at(crimes.x, crimes.y, crs=crimes.crs, time=later.astype("datetime64[s]"))
        rows = rolling_backtest(dated, support, max_areas=10, methods=["top_cells"], draws=25).rows.set_index("method")
        found.append([*rows.loc[UNCHANGED, ["demand_share", "jaccard"]], rows.loc[KNOWN, "pai"]])
    held, overlap, pai = np.mean(true, axis=0)
    assert np.mean(found, axis=0)[0] == pytest.approx(held, abs=0.01)
    assert np.mean(found, axis=0)[1] == pytest.approx(overlap, abs=0.08)
    assert np.mean(found, axis=0)[2] == pytest.approx(pai, rel=0.08)


def test_mistakes_are_all_named_at_once():
    with pytest.raises(ModelError) as caught, suppress_type_checks():
        rolling_backtest(months(2), CELLS, window=2, methods=["selektion"], draws=-1, demand_share=25.0)
    for part in ("demand_share is 25", "draws is -1", "of 2 periods", 'did you mean "selection"'):
        assert part in str(caught.value)
    with pytest.raises(GeometryError, match="EPSG:32630"):
        rolling_backtest(Events.at([1.0], [1.0], crs="EPSG:32630"), CELLS)
    elsewhere = months(2)
    far = Events.at(np.where(np.arange(600) < 300, elsewhere.x, 9e5), elsewhere.y, crs=CRS, time=elsewhere.time)
    with pytest.raises(ModelError, match="2018-02 has no demand on the support"):
        rolling_backtest(far, CELLS)
