"""A front as picture and tables."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from demandgeo.deployment import pareto_front
from demandgeo.domain import Balance, CostMatrix, Demand, Grid, Options, ParetoFront
from demandgeo.outputs import figures, tables
from demandgeo.outputs.tradeoffs import impossible, pareto

SECONDS = 60.0 * np.array([[1, 5, 9, 9], [5, 1, 5, 9], [9, 9, 2, 1.0]])


def front(options: Options | None, **settings: object) -> ParetoFront:
    grid = Grid.covering((0, 0, 400, 100), cell=100, crs="EPSG:27700")
    balance = Balance(np.array([9, 0, 0, 0]), np.array([9.0, 0, 0, 0]))
    demand = Demand(grid, np.array([4.0, 1, 1, 3]), "incidents", balance, "count", "2018-07")
    return pareto_front(demand, CostMatrix.of(SECONDS), options, **settings)


OPTIONS = Options.of({"today": ["1"], "wide": ["0", "1"], "all $5": ["0", "1", "2"]}, status_quo="today")


def test_a_front_is_written_as_two_tables_a_text_and_a_picture(tmp_path):
    made = front(OPTIONS)
    names = [path.name for path in tables({"front": made}, tmp_path, about={})]
    assert names == ["front.csv", "front.txt", "front.options.csv"]
    assert pd.read_csv(tmp_path / "front.csv")["sites"].tolist() == [1, 2, 3]
    assert pd.read_csv(tmp_path / "front.options.csv")["option"].tolist() == list(OPTIONS.names)
    assert "no evidence that crime would fall" in (tmp_path / "front.txt").read_text()
    drawn = [figures({"front": made}, tmp_path / place, about={})[0].read_bytes() for place in ("a", "b")]
    assert drawn[0] == drawn[1]


def test_without_options_there_is_no_table_of_them(tmp_path):
    assert [path.name for path in tables({"front": front(None)}, tmp_path, about={})] == ["front.csv", "front.txt"]
    assert figures({"front": front(None)}, tmp_path, about={})[0].stat().st_size > 5000


def test_the_picture_names_axes_directions_options_and_what_is_proven():
    made = front(OPTIONS)
    figure = pareto(made, {})
    (axes,) = figure.axes
    assert axes.get_xlabel() == "Open sites: less is better"
    assert axes.get_ylabel() == "Mean travel time (s): less is better"
    key = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "A  today (status quo): 15.1% from the best" in key
    assert "Proven: no allowed plan is here" in key
    said = " ".join(text.get_text() for text in figure.texts).replace("\n", " ")
    assert made.sentence() in said
    where = {text.get_text(): text.xy for text in axes.texts if text.get_text()}
    assert where == {
        letter: (row.against, row.objective) for letter, row in zip("ABC", made.options.itertuples(), strict=True)
    }


@pytest.mark.parametrize(("against", "more"), [("sites", {}), ("coverage", {"p": 2, "within": 120.0})])
def test_no_plan_lies_in_what_is_shaded_and_the_shade_touches_every_plan(against, more):
    made = front(None, against=against, **more)
    ends = (0.0, 9.0) if against == "sites" else (1.0, 0.0)
    x, y = impossible(made, *ends)
    assert (x[0], x[-1]) == ends
    turned = 1 if against == "sites" else -1
    for row in made.table.itertuples():
        held = y[turned * x >= turned * row.against - 1e-12]
        assert held[0] <= row.objective
    short = dataclasses.replace(made, settings={**made.settings, "laxest_limit": turned * 1e9})
    assert impossible(short, *ends)[0][-1] == made.table["limit"].iloc[-1 if against == "sites" else 0]


def test_an_option_out_of_reach_is_in_the_key_and_not_drawn():
    made = front(OPTIONS)
    lost = made.options.assign(objective=[360.0, np.inf, 60.0], gap=[0.2, 1.0, 0.0])
    lost["bound"] = lost["best"] = [300.0, 90.0, 60.0]
    figure = pareto(dataclasses.replace(made, options=lost), {})
    key = [text.get_text() for text in figure.legends[0].get_texts()]
    assert any("wide" in text and "out of reach" in text for text in key)
