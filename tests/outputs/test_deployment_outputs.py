"""A grant and a shift as files: tables, timetable, map layers."""

from __future__ import annotations

import numpy as np
import pandas as pd

from demandgeo.density import count
from demandgeo.deployment import (
    allocate,
    demand_scenarios,
    locate,
    patrol_areas,
    score,
    shift_plan,
    straight_line_times,
    time_changes,
)
from demandgeo.domain import Balance, CostMatrix, Demand, Events, Grid, Option, Options, Points, Table
from demandgeo.outputs import figures
from demandgeo.outputs.cartography import map_layers
from demandgeo.outputs.scorecards import MOST_OPTIONS, scorecard
from demandgeo.outputs.spreadsheets import tables

GRID = Grid.covering((0, 0, 2000, 1000), cell=250, crs="EPSG:27700")
SITES = Points(("West", "Middle", "East"), np.array([100.0, 1000.0, 1900.0]), np.full(3, 500.0), "EPSG:27700")
TIMES = straight_line_times(SITES, GRID, speed=4.0)
ABOUT = {"title": "Try", "run": "try", "attribution": "Nobody's data."}
PLACES = Points(("A", "B"), np.array([0.0, 900.0]), np.zeros(2), "EPSG:27700")


def test_a_shift_is_written_with_its_timetable_and_drawn(tmp_path):
    plan = shift_plan(PLACES)
    files = tables({"shift": plan}, tmp_path, about={})
    assert [path.name for path in files] == ["shift.csv", "shift.txt", "shift.visits.csv"]
    assert len(pd.read_csv(files[2])) == 6
    assert "no rota can do with fewer" in files[1].read_text()
    layer = map_layers({"shift": plan})["shift"]
    assert (layer.unit, layer.classes.labels) == ("officer", ("officer 1",))


def test_a_grant_is_written_as_the_table_it_prints(tmp_path):
    need = Table("need", pd.DataFrame({"district": ["East", "West"], "people": [1.0, 2.0]}))
    paid = Table("paid", pd.DataFrame({"district": ["East", "West"], "gbp": [50, 50]}))
    grant = allocate((need,), paid, weights={"people": 1.0})
    files = tables({"grant": grant}, tmp_path, about={})
    assert "East" in files[1].read_text()
    assert "-34.0%" in files[1].read_text()
    assert pd.read_csv(files[0])["gbp"].tolist() == [33, 67]
    assert map_layers({"grant": grant}) == {}


def demand(seed=1):
    x, y = np.random.default_rng(seed).uniform(0, [[2000], [1000]], (2, 200))
    return count(Events.at(x, y, crs="EPSG:27700"), GRID)


def card(*further):
    options = (Option("now", ("West",)), Option("moved", ("East",)), Option("both", ("West", "East")), *further)
    scenarios = demand_scenarios(demand(), demand(2), draws=20, seed=1)
    return score(Options(options, "now"), demand(), TIMES, None, scenarios, within=300, draws=200)


def texts(figure):
    return [text.get_text() for text in (*figure.texts, *(text for axes in figure.axes for text in axes.texts))]


def test_a_scorecard_says_value_change_held_out_and_ranks():
    made = card()
    said = texts(scorecard(made, ABOUT))
    row = made.rows.set_index(["option", "criterion"]).loc[("both", "coverage")]
    assert f"{100 * row['value']:.1f}%  ({100 * row['held_out']:.1f}%)" in said
    assert f"+{100 * row['change']:.1f} points" in said
    assert "status quo" in said
    assert any("no evidence that crime would fall" in text for text in said)
    first = made.ranking.set_index("option").loc["both", "probability_first"]
    assert f"{first:.0%}" in said
    assert "nowhere better than\nboth" in said


def test_a_page_holds_the_status_quo_and_the_best_of_many():
    many = card(*(Option(f"option {i}", ("Middle",)) for i in range(12)))
    said = texts(scorecard(many, ABOUT))
    assert "now" in said
    assert sum(name in said for name in many.options.names) == MOST_OPTIONS
    assert any("8 options" in text and "are not shown" in text for text in said)


def test_a_scorecard_is_written_whole_and_the_same_each_time(tmp_path):
    made = card()
    files = {path.name for path in tables({"card": made}, tmp_path, about={})}
    assert files == {"card.csv", "card.txt", "card.ranking.csv"}
    ranking = pd.read_csv(tmp_path / "card.ranking.csv")
    assert {"expected_rank", "topsis", "rank_1", "rank_3"} <= set(ranking.columns)
    one, two = (figures({"card": made}, tmp_path / name, about=ABOUT)[0].read_bytes() for name in "ab")
    assert one == two


def test_gains_and_losses_have_a_class_each():
    made = card()
    layer = map_layers({"losers": time_changes(made, demand(), TIMES, option="moved")})["losers"]
    change = layer.frame["change_min"].to_numpy()
    classes = layer.frame["class"].to_numpy()
    assert (classes[change > 5] == 4).all()
    assert (classes[change < -5] == 1).all()
    assert (classes[np.abs(change) <= 1] == 0).all()
    assert "later by more than 5 min" in layer.classes.labels
    seconds = np.asarray(TIMES).copy()
    seconds[2, :4] = np.inf
    cut = CostMatrix(TIMES.origins, TIMES.destinations, seconds, "cut")
    lost = map_layers({"losers": time_changes(made, demand(), cut, option="moved")})["losers"]
    assert (lost.frame["class"].to_numpy()[:4] == 5).all()
    assert lost.classes.labels[-1] == "nobody comes any more"


def test_chosen_sites_are_named_and_lie_on_top():
    layer = map_layers({"best": locate(TIMES, demand(), p=1)})["best"]
    assert layer.frame["standing"].tolist() == [1.0, 1.0, 2.0]
    assert layer.frame["label"].tolist() == ["", "", "Middle"]
    assert layer.support is not None
    assert "s on the mean to incidents" in layer.notes[0]


def test_patrol_areas_are_written_with_their_proof_and_drawn_so_that_neighbours_differ(tmp_path):
    grid = Grid.covering((0, 0, 800, 800), cell=100, crs="EPSG:27700")
    fates = Balance([64, 0, 0, 0], [64, 0, 0, 0])
    plan = patrol_areas(Demand(grid, np.ones(64), "incidents", fates, "count", "2018"), areas=6, moves=100)
    files = tables({"beats": plan}, tmp_path, about={})
    rows = pd.read_csv(files[0])
    assert rows["area_km2"].sum() == 0.64
    assert len(rows) == 6
    assert "6 patrol areas, each in one piece, divide 64 100 m cells" in files[1].read_text()
    layer = map_layers({"beats": plan})["beats"]
    colour = layer.frame["colour"].to_numpy()
    assert plan.neighbours()
    assert all(colour[first] != colour[second] for first, second in plan.neighbours())
    assert layer.classes is not None
    assert np.array_equal(layer.classes.of(colour), colour - 1)
