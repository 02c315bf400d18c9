from __future__ import annotations

import csv
import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from demandgeo.domain import Table
from demandgeo.outputs import tables
from demandgeo.outputs.spreadsheets import FORMULA_STARTS, _csv, _number


def test_every_table_is_written_with_what_it_means(artifacts, about, tmp_path):
    written = tables(artifacts, tmp_path, about=about)
    assert [path.name for path in written] == [
        f"{name}.{kind}" for name in ("areas", "headline", "holdout", "numbers") for kind in ("csv", "txt")
    ]
    assert (tmp_path / "numbers.csv").read_bytes() == b"district,rate\nWestside,1.5\n"
    text = (tmp_path / "numbers.txt").read_text()
    assert "- Small numbers." in text
    assert "run id: 3fa9c2d1" in text
    assert artifacts["areas"].sentence() in (tmp_path / "areas.txt").read_text()
    assert "- Robbery is not in this source." in (tmp_path / "headline.txt").read_text()
    header, first, second = (tmp_path / "areas.csv").read_text().splitlines()
    assert header == "area,rank,name,units,area_km2,extent_share,demand,demand_share,events"
    assert first.startswith("0,1,Eastside 1,2,8,")
    assert second.startswith("1,2,'=Westside 1,1,4,")


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), min_size=1, max_size=5))
def test_no_text_can_run_and_every_text_can_be_read_back(texts):
    cells = [row[0] for row in csv.reader(io.StringIO(_csv(pd.DataFrame({"t": texts})), newline=""))][1:]
    assert not any(cell.startswith(FORMULA_STARTS) for cell in cells)
    guarded = [f"'{text}" if text.startswith(FORMULA_STARTS) else text for text in texts]
    assert cells == guarded


@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_numbers_keep_six_digits_and_every_digit_before_the_point(value):
    text = _number(value)
    assert float(text) == pytest.approx(value, rel=5.1e-6, abs=0)
    if abs(value) >= 1e6:
        assert abs(float(text) - value) <= 0.5


def test_cells_of_every_type():
    frame = pd.DataFrame(
        {
            "yes": [True, False],
            "n": pd.array([3, None], dtype="Int64"),
            "x": [-0.125, np.nan],
            "time": pd.to_datetime(["2018-07-01", None]),
            "text": ["-5", None],
            "+column": ["tab\tinside", "\ttab first"],
        }
    )
    assert _csv(frame).splitlines() == [
        "yes,n,x,time,text,'+column",
        "true,3,-0.125,2018-07-01 00:00:00,'-5,tab\tinside",
        "false,,,,,'\ttab first",
    ]


def test_a_table_without_rows_has_its_header(tmp_path):
    tables({"none": Table("Nothing", pd.DataFrame({"a": [], "b": []}))}, tmp_path, about={})
    assert (tmp_path / "none.csv").read_text() == "a,b\n"
