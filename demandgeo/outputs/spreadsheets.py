"""Tables as CSV that spreadsheets open safely, each with a text beside it that says what the numbers mean."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from demandgeo.domain import (
    Allocation,
    Frontier,
    Headline,
    Location,
    ParetoFront,
    PatrolAreas,
    PriorityAreas,
    Record,
    Scorecard,
    ShiftPlan,
)
from demandgeo.outputs.files import check_names, write_text
from demandgeo.outputs.wording import capital, words
from demandgeo.registry import writer

DIGITS = 6
"""Significant digits of a number that is not whole; digits before the point are always all there."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0")
"""A spreadsheet runs a text that starts so (CWE-1236); an apostrophe before it makes it text again."""


@writer("outputs.tables")
def tables(artifacts: Mapping[str, Record], folder: Path, *, about: Mapping[str, str]) -> list[Path]:
    """Write each artifact that has a table as ``NAME.csv``, and title, notes and sentence as ``NAME.txt``.

    UTF-8 with LF line ends. Artifacts without `rows` or `table` are not its subject. The timetable of a shift goes to
    ``NAME.visits.csv``; the ranking of a scorecard and its shifts to ``NAME.ranking.csv`` and ``NAME.shifts.csv``; the
    next best choices of sites to ``NAME.alternatives.csv``; the options beside a front to ``NAME.options.csv``.

    Parameters
    ----------
    artifacts
        By name, which becomes that of the files.
    folder
        Where to write; made if it is not there.
    about
        What the run says about itself (title, run, run_id, attribution, notes): ends the text.

    Returns
    -------
    list of Path
        Two files for each table, and those of its further tables.

    Raises
    ------
    OutputError
        If a name is unsafe, listing all such names, or a file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from demandgeo.domain import Table
    >>> table = Table("Crime", pd.DataFrame({"district": ["Leeds", "=1+1"], "rate": [12.3456789, 1234567.8]}))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     print(tables({"crime": table}, Path(folder), about={})[0].read_text())
    district,rate
    Leeds,12.3457
    '=1+1,1234568
    <BLANKLINE>
    """
    check_names(artifacts)
    written: list[Path] = []
    for name, record in artifacts.items():
        rows = _rows(record)
        if rows is not None:
            written.append(write_text(folder / f"{name}.csv", _csv(rows)))
            written.append(write_text(folder / f"{name}.txt", _text(name, record, about)))
        for part, further in _further(record).items():
            written.append(write_text(folder / f"{name}.{part}.csv", _csv(further)))
    return written


def _further(record: Record) -> dict[str, pd.DataFrame]:
    """Return the tables that an artifact has beside its rows."""
    if isinstance(record, ShiftPlan):
        return {"visits": record.visits}
    if isinstance(record, Scorecard):
        by_shift = {} if record.by_shift.empty else {"shifts": record.by_shift}
        return {"ranking": record.ranking.merge(record.ranks, on="option"), **by_shift}
    if isinstance(record, ParetoFront) and len(record.options):
        return {"options": record.options_frame()}
    if isinstance(record, Location) and len(record.alternatives):
        return {"alternatives": record.alternatives}
    return {}


def _rows(record: Record) -> pd.DataFrame | None:
    if isinstance(record, (PatrolAreas, PriorityAreas)):
        # Their frames say the extent with its unit (area_km2), as the layer does.
        return pd.DataFrame(record.to_frame().drop(columns="geometry"))
    if isinstance(record, (Frontier, ParetoFront)):
        return record.to_frame()
    rows = getattr(record, "rows", getattr(record, "table", None))
    return rows if isinstance(rows, pd.DataFrame) else None


def _csv(rows: pd.DataFrame) -> str:
    cells = [list(rows.columns), *rows.itertuples(index=False, name=None)]
    lines = [",".join(_quoted(_cell(value)) for value in row) for row in cells]
    # A reader skips an empty line, which a single empty cell would be.
    return "".join(f"{line or _quoted('', always=True)}\n" for line in lines)


def _quoted(text: str, *, always: bool = False) -> str:
    # Python 3.11's own writer leaves a carriage return bare where lines end in LF, and the row breaks in two.
    needed = always or any(mark in text for mark in ',"\r\n')
    return '"' + text.replace('"', '""') + '"' if needed else text


def _cell(value: Any) -> str:
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (float, np.floating)):
        return _number(float(value))
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return ""
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    text = str(value)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def _number(value: float) -> str:
    if not math.isfinite(value):
        return "" if math.isnan(value) else str(value)
    if 0 < abs(value) < 1e-6:
        return f"{value:.{DIGITS}g}"
    before_point = math.floor(math.log10(abs(value))) + 1 if value else 1
    text = f"{value:.{max(0, DIGITS - before_point)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _text(name: str, record: Record, about: Mapping[str, str]) -> str:
    if isinstance(record, (Allocation, Headline)):
        lines = [record.text()]
    else:
        sentence = getattr(record, "sentence", None)
        lines = [getattr(record, "title", words(name))]
        lines += [capital(sentence())] if sentence else []
        lines += [f"- {note}" for note in getattr(record, "notes", ())]
    lines += ["", *(f"{key.replace('_', ' ')}: {value}" for key, value in about.items())]
    return "\n".join(lines).rstrip() + "\n"
