"""Records and lines, against Python's own csv module as the slow, obvious twin."""

from __future__ import annotations

import csv
import io

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from demandgeo.sources import lines as lines_module
from demandgeo.sources.lines import Lines, lines_of

FIELD = st.one_of(
    st.text("ab é", max_size=3), st.sampled_from(['"x"', '"a,b"', '"a\nb"', '"\n\n"', '"say ""hi"""', '""', '"é\r\nü"'])
)
RECORD = st.lists(FIELD, min_size=2, max_size=3).map(",".join)
LINE = st.one_of(RECORD, RECORD, st.just(""))


def twin(text: str) -> list[int]:
    """The line on which each record starts."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    starts, line = [], 1
    for record in reader:
        if record:
            starts.append(line)
        line = reader.line_num + 1
    return starts


@given(st.lists(LINE, min_size=1, max_size=12), st.sampled_from(["\n", "\r\n"]), st.booleans(), st.integers(3, 40))
@example(["a,b", "", '"\n\n"', "c,d"], "\n", False, 4)
def test_records_and_their_lines(rows, end, whole, block):
    text = end.join(rows) + end * whole
    before, lines_module.BLOCK = lines_module.BLOCK, block
    try:
        lines = Lines(io.BytesIO(text.encode()), "x.csv")
        pieces = list(lines.pieces())
    finally:
        lines_module.BLOCK = before
    starts = twin(text)
    assert b"".join(piece.text for piece in pieces) == text.encode()
    assert lines.records == sum(piece.records for piece in pieces) == len(starts)
    assert lines_of(lines.breaks(), np.arange(len(starts))).tolist() == starts
    for piece in pieces:
        assert len(twin(piece.text.decode())) == piece.records


@given(st.text("ab,\r\n", max_size=30), st.integers(1, 9))
def test_any_line_ends_are_one(text, block):
    before, lines_module.BLOCK = lines_module.BLOCK, block
    try:
        lines = Lines(io.BytesIO(text.encode()), "x.csv")
        sum(piece.records for piece in lines.pieces())
    finally:
        lines_module.BLOCK = before
    assert lines.records == sum(1 for line in text.splitlines() if line)
    assert lines.repaired["crlf"] == text.count("\r\n")
    assert lines.repaired["cr"] == text.count("\r") - text.count("\r\n")
