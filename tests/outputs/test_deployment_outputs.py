"""A grant and a shift as files: tables, timetable, map layers."""

from __future__ import annotations

import numpy as np
import pandas as pd

from demandgeo.deployment import allocate, patrol_areas, shift_plan
from demandgeo.domain import Balance, Demand, Grid, Points, Table
from demandgeo.outputs.cartography import map_layers
from demandgeo.outputs.spreadsheets import tables

PLACES = Points(("A", "B"), np.array([0.0, 900.0]), np.zeros(2), "EPSG:27700")


def test_a_shift_is_written_with_its_timetable_and_drawn(tmp_path):
    plan = shift_plan(PLACES)
    files = tables({"shift": plan}, tmp_path, about={})
    assert [path.name for path in files] == ["shift.csv", "shift.txt", "shift.visits.csv"]
    assert len(pd.read_csv(files[2])) == 6
    assert "no rota can do with fewer" in files[1].read_text()
    assert map_layers({"shift": plan})["shift"].column == "delivered_visits"


def test_a_grant_is_written_as_the_table_it_prints(tmp_path):
    need = Table("need", pd.DataFrame({"district": ["East", "West"], "people": [1.0, 2.0]}))
    paid = Table("paid", pd.DataFrame({"district": ["East", "West"], "gbp": [50, 50]}))
    grant = allocate((need,), paid, weights={"people": 1.0})
    files = tables({"grant": grant}, tmp_path, about={})
    assert "East" in files[1].read_text()
    assert "-34.0%" in files[1].read_text()
    assert pd.read_csv(files[0])["gbp"].tolist() == [33, 67]
    assert map_layers({"grant": grant}) == {}


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
