"""Bad months: copies of a good month with one kind of fault each, and the list of what is wrong where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from demandgeo.synthetic.files import POLICE_COLUMNS, writing

ROWS = 1_000
FAULTY = (17, 180, 411, 560, 702)
"""Which of the rows with a Crime ID get a fault, so that 0.5 % of the rows are bad."""

ENDING = "\r\n"


@dataclass(frozen=True, slots=True)
class Fault:
    """One injected fault.

    Attributes
    ----------
    kind
        What is wrong.
    file
        Path below the folder that was written.
    line
        Physical line, counted from 1 (the header is line 1); None if the file as a whole is wrong.
    value
        What stands there, in full; for a whole file, what is wrong with it.
    """

    kind: str
    file: str
    line: int | None
    value: str


CELLS = {
    "null_island": {"Longitude": "0.000000", "Latitude": "0.000000"},
    "bad_coordinate": {"Longitude": "inf"},
    "bad_month": {"Month": "2022-13"},
    "future_month": {"Month": "2999-01"},
    "unknown_category": {"Crime type": "Made-up crime"},
    "decimal_comma": {"Longitude": '"-1,234567"'},
    "extra_comma": {"Location": "On or near Made, Street"},
    "nul_byte": {"Location": "On or near Made\0Street"},
}
"""Rows with other cells in place of the good ones."""

INSERTED: dict[str, Callable[[str], str]] = {
    "duplicate": lambda row: row,
    "repeated_header": lambda _: ",".join(POLICE_COLUMNS),
}
"""Lines that stand between the good ones, made from the row before."""

FILES: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "byte_order_mark": ("begins with EF BB BF", lambda data: b"\xef\xbb\xbf" + data),
    "carriage_returns": ("lines end in CR alone", lambda data: data.replace(b"\r\n", b"\r")),
    "utf16": ("is UTF-16", lambda data: data.decode().encode("utf-16")),
    "latin1": ("has bytes that are not UTF-8", lambda data: data.replace(b"near Made", b"near M\xe9de")),
    "semicolons": ("is separated by semicolons", lambda data: data.replace(b",", b";")),
    "missing_column": ("Latitude is called Lat", lambda data: data.replace(b"Latitude", b"Lat", 1)),
    "duplicated_column": ("Longitude stands twice", lambda data: data.replace(b"Latitude", b"Longitude", 1)),
    "swapped": (
        "Longitude holds latitudes and Latitude longitudes",
        lambda data: data.replace(b"Longitude,Latitude", b"Latitude,Longitude", 1),
    ),
    "truncated": ("ends in the middle of a row", lambda data: data[: data.rindex(b",-1.") + 5]),
    "header_only": ("has no row", lambda data: data[: data.index(b"\r\n") + 2]),
    "empty": ("has no byte", lambda _: b""),
}
"""Files that are wrong as a whole: what is wrong, and how it is made so."""


def write_bad_months(folder: Path, month: str, table: pd.DataFrame) -> list[Fault]:
    """Write ``FAULT/YYYY-MM-made-city-street.csv`` below the folder for each kind of fault; return all of them."""
    good = table.iloc[:ROWS].to_csv(index=False, lineterminator=ENDING)
    rows = np.flatnonzero(table["Crime ID"].iloc[:ROWS] != "")[list(FAULTY)]
    faults: list[Fault] = []
    for kind in (*CELLS, *INSERTED, *FILES):
        path = folder / kind / f"{month}-made-city-street.csv"
        file = path.relative_to(folder.parent).as_posix()
        if kind in FILES:
            value, spoil = FILES[kind]
            data = spoil(good.encode())
            faults.append(Fault(kind, file, None, value))
        else:
            lines, bad = _spoiled(kind, good.split(ENDING), (rows + 1).tolist())
            data = ENDING.join(lines).encode()
            faults += [Fault(kind, file, at + 1, lines[at]) for at in bad]
        with writing(path.parent):
            path.write_bytes(data)
    return faults


def _spoiled(kind: str, lines: list[str], rows: list[int]) -> tuple[list[str], list[int]]:
    """Return the lines with faults at or after the given rows, and the positions of the bad ones."""
    lines = list(lines)
    bad = rows
    if kind in INSERTED:
        bad = [row + turn + 1 for turn, row in enumerate(rows)]
        for at in bad:
            lines.insert(at, INSERTED[kind](lines[at - 1]))
    else:
        for at in bad:
            cells = dict(zip(POLICE_COLUMNS, lines[at].split(","), strict=True)) | CELLS[kind]
            lines[at] = ",".join(cells.values())
    return lines, bad
