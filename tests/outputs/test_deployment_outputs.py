"""A grant and a shift as files: tables, timetable, map layers."""

from __future__ import annotations

import numpy as np
import pandas as pd

from demandgeo.deployment import allocate, shift_plan
from demandgeo.domain import Points, Table
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
