"""The ledger adds up for any file, with any faults put into it; and each fault is counted for what it is."""

from __future__ import annotations

import tempfile
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from demandgeo.errors import DataQualityWarning
from demandgeo.sources import read_police_uk

from .conftest import HEADER, street_row

FAULTS = {
    "repeated_header": lambda i: HEADER,
    "bad_month": lambda i: street_row(i, month="2018-00"),
    "future": lambda i: street_row(i, month="2999-12"),
    "unknown_category": lambda i: street_row(i, kind="Cyber crime"),
    "bad_coordinate": lambda i: street_row(i, lon=["inf", "x", ""][i % 3]),
    "null_island": lambda i: street_row(i, lon="0", lat="0"),
    "outside_gb": lambda i: street_row(i, lon="2.35", lat="48.85"),
    "duplicate": lambda i: street_row(10**6),
}
GOOD = {
    "good": street_row,
    "unlocated": lambda i: street_row(i, lon="", lat=""),
    "asb": lambda i: street_row(0, id="", kind="Anti-social behaviour"),
    "quoted": lambda i: street_row(i, place='"a, ""b""\nc"'),
}
KIND = st.sampled_from([*GOOD, *FAULTS])
REPAIRS = st.tuples(st.booleans(), st.booleans(), st.sampled_from(["\n", "\r\n"]))


@given(st.lists(st.tuples(KIND, st.integers(0, 2)), max_size=20), REPAIRS)
def test_ledger_identity(rows, repairs):
    mark, whole, end = repairs
    kinds = ["duplicate", *(kind for kind, _ in rows)]  # the first "duplicate" is no repeat yet
    text, line, lines = HEADER + end, 2, []
    for i, kind in enumerate(kinds):
        blanks = rows[i - 1][1] if i else 0
        row = (GOOD | FAULTS)[kind](i)
        lines.append(line + blanks)
        text += end * blanks + row + end
        line += blanks + 1 + row.count("\n")
    content = b"\xef\xbb\xbf" * mark + (text if whole else text[: -len(end)]).encode()
    # Twenty good rows of another file keep the share of Great Britain above a half.
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEMANDGEO_CACHE", f"{folder}/cache")  # one for all examples would grow to thousands of entries
        (Path(folder) / "2018-07-west-yorkshire-street.csv").write_bytes(content)
        good = [HEADER, *(street_row(2 * 10**6 + i, month="2018-08") for i in range(20))]
        (Path(folder) / "2018-08-west-yorkshire-street.csv").write_text("\n".join(good) + "\n")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataQualityWarning)
            events = read_police_uk(folder, unknown_category="exclude", allow_excluded_share=1.0)
    account, other = events.ledger.files
    expected = Counter(kind for kind in kinds[1:] if kind in FAULTS)
    assert account.lines == account.parsed == len(kinds)
    assert dict(account.excluded) == dict(expected)
    assert account.used == len(kinds) - expected.total()
    assert account.unlocated == sum(kind == "unlocated" for kind in kinds)
    assert account.repaired.get("byte_order_mark", 0) == mark
    assert account.repaired.get("blank_line", 0) == sum(blanks for _, blanks in rows)
    assert len(events) == account.used + other.used
    table = events.ledger.excluded_rows
    assert list(zip(table["line"], table["reason"], strict=True)) == [
        (at, kind) for at, kind in zip(lines[1:], kinds[1:], strict=True) if kind in FAULTS
    ]
    assert events.ledger.coverage["rows"].sum() == len(events)
    assert np.isfinite(events.x).sum() == len(events) - account.unlocated
