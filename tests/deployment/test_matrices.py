"""Travel times from files of other tools."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from demandgeo.deployment import read_cost_matrix
from demandgeo.errors import SourceError

PAIRS = "origin,destination,seconds\nB,x,60\nA,x,0\nA,y,12.5\n"
WIDE = "base,x,y\nB,60,\nA,0,12.5\n"
SECONDS = [[60.0, np.inf], [0.0, 12.5]]


@pytest.mark.parametrize("text", [PAIRS, WIDE, "\ufeff" + PAIRS, PAIRS.replace("\n", "\r\n")])
@pytest.mark.parametrize("parquet", [False, True])
def test_one_row_per_pair_or_per_origin(tmp_path, text, parquet):
    path = tmp_path / "times.csv"
    path.write_bytes(text.encode())
    if parquet:
        table = pd.read_csv(path, encoding="utf-8-sig")
        path = tmp_path / "times.parquet"
        table.to_parquet(path)
    made = read_cost_matrix(path)
    assert made.origins.ids == ("B", "A")
    assert made.destinations.ids == ("x", "y")
    assert made.seconds.tolist() == SECONDS
    assert made.profile == "imported"
    assert made.provenance["pairs_without_time"] == 1
    assert made.provenance["file"] == path.name


def test_names_units_and_an_index_of_origins(tmp_path):
    frame = pd.DataFrame({"x": [1.0, 0.5], "y": [np.nan, 2.0]}, index=pd.Index(["E01", "E02"], name="from"))
    frame.to_parquet(tmp_path / "t.parquet")
    made = read_cost_matrix(tmp_path / "t.parquet", origin="from", unit="minutes", profile="bus")
    assert made.origins.ids == ("E01", "E02")
    assert made.seconds.tolist() == [[60.0, np.inf], [30.0, 120.0]]
    assert made.profile == "bus"
    (tmp_path / "p.csv").write_text("von,nach,h\n1,01,0.5\n")
    made = read_cost_matrix(tmp_path / "p.csv", origin="von", destination="nach", time="h", unit="hours")
    assert (made.origins.ids, made.destinations.ids, made.seconds.tolist()) == (("1",), ("01",), [[1800.0]])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "origin,destination,seconds\nA,x,-3\nA,y,soon\n",
            r"times.csv:2: seconds: a travel time is '-3'.*\n.*csv:3:.*soon",
        ),
        ("origin,destination,seconds\nA,x,3\nB,x,1\nA,x,3\n", "1 pairs stand more than once, such as A to x"),
        ("origin,destination,secs\nA,x,3\n", "no column 'seconds'; did you mean \"secs\""),
        ("origin,seconds\nA,3\n", "no column 'destination'"),
        ("base,x\nA,3\nA,4\n", "the origin 'A' stands twice"),
        ("base,x,y\nA,3,nan\n", "a travel time is 'nan'"),
        ("base\nA\n", "no column beside the origins"),
        ("base,x\n", "no rows"),
        ("", "cannot be read"),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path, text, message):
    path = tmp_path / "times.csv"
    path.write_text(text)
    with pytest.raises(SourceError, match=message):
        read_cost_matrix(path)


def test_no_file_and_no_parquet(tmp_path):
    with pytest.raises(SourceError, match="no such file"):
        read_cost_matrix(tmp_path / "times.csv")
    (tmp_path / "times.parquet").write_text("no parquet")
    with pytest.raises(SourceError, match="cannot be read"):
        read_cost_matrix(tmp_path / "times.parquet")
