"""What each district received: the table that an allocation is compared with."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd

from demandgeo.domain import Table
from demandgeo.errors import Problem, Problems, SourceError
from demandgeo.registry import reader

WEST_MIDLANDS = Path(__file__).parent / "grant_tables" / "west_midlands_2015_16.csv"
WEST_MIDLANDS_SOURCE = "West Midlands priority-area plan, Table 1 (funding 2015-16)"
COLUMNS = ("district", "gbp")


@reader("deployment.grant")
def read_grant(path: Path | None = None) -> Table:
    """Read a grant by district: Table 1 of 2015-16 of the West Midlands, or a file of your own.

    Parameters
    ----------
    path
        A CSV with the columns ``district`` and ``gbp`` (whole pounds >= 0; thousands commas are fine); the table that
        ships if None.

    Returns
    -------
    Table
        `rows` with district and gbp.

    Raises
    ------
    SourceError
        If the file cannot be read safely, with file and line.

    Examples
    --------
    >>> grant = read_grant()
    >>> len(grant.rows), grant.rows["gbp"].sum().item()
    (8, 6969000)
    """
    source = WEST_MIDLANDS if path is None else Path(path)
    rows = _rows(source)
    names = [name for name, _ in rows]
    frame = pd.DataFrame(
        {"district": pd.Series(names, dtype=str), "gbp": pd.Series([gbp for _, gbp in rows], dtype="int64")}
    )
    where = WEST_MIDLANDS_SOURCE if path is None else source.name
    return Table(f"Grant by district: {where}", frame, provenance={"source": where})


def _rows(path: Path) -> list[tuple[str, int]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reading = csv.DictReader(stream)
            lines = list(reading)
            header = reading.fieldnames or ()
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        found = f"cannot be read ({error})"
        raise SourceError(Problem(found, "a CSV of amounts by district was needed", file=str(path))) from error
    lacking = [name for name in COLUMNS if name not in header]
    if lacking:
        raise SourceError(Problem(f"there is no column {', '.join(lacking)}", file=str(path), line=1))
    problems, rows = Problems(), dict[str, int]()
    for line, row in enumerate(lines, 2):
        name, digits = (row["district"] or "").strip(), (row["gbp"] or "").replace(",", "").strip()
        if name and name not in rows and digits.isascii() and digits.isdigit() and len(digits) <= 15:
            rows[name] = int(digits)
        else:
            found = f"{row['district']}, {row['gbp']}"
            problems.add(Problem(found, "a district, each once, and whole pounds >= 0", file=str(path), line=line))
    if not lines:
        problems.add(Problem("there is no row", file=str(path)))
    problems.raise_as(SourceError)
    return list(rows.items())
