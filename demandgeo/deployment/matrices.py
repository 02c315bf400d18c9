"""Travel times that another tool computed, from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from demandgeo.domain import CostMatrix, Points
from demandgeo.domain.record import Floats
from demandgeo.errors import Problem, Problems, SourceError, did_you_mean
from demandgeo.registry import reader

SECONDS_IN = {"seconds": 1.0, "minutes": 60.0, "hours": 3600.0}


@reader("deployment.cost_matrix")
def read_cost_matrix(
    path: Path | str,
    *,
    origin: str = "origin",
    destination: str = "destination",
    time: str = "seconds",
    unit: Literal["seconds", "minutes", "hours"] = "seconds",
    profile: str = "imported",
) -> CostMatrix:
    r"""Read travel times from CSV or Parquet.

    Parameters
    ----------
    path
        Either one row per pair, with the columns `origin`, `destination` and `time`; or one row per origin, whose name
        is in the column `origin` (else in the first), and one column per destination.
    origin, destination, time
        Names of the columns.
    unit
        Of the times.
    profile
        What the times are of, in the result.

    Returns
    -------
    CostMatrix
        Infinite where a pair is missing or its cell is empty; ``provenance`` says how many are. Places stand in the
        order of the file, by name and without a location.

    Raises
    ------
    SourceError
        If a time is no number or negative, a pair or a name stands twice, or columns are missing.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "times.csv"
    >>> _ = file.write_text("origin,destination,minutes\nA,x,5\nA,y,7.5\nB,x,2\n")
    >>> times = read_cost_matrix(file, time="minutes", unit="minutes")
    >>> times.origins.ids, times.destinations.ids, times.seconds.tolist()
    (('A', 'B'), ('x', 'y'), [[300.0, 450.0], [120.0, inf]])
    """
    path = Path(path)
    table = _table(path)
    scale = _scale(path, unit)
    if time in table or destination in table:
        rows, columns, values = _pairs(path, table, origin, destination, time)
    else:
        rows, columns, values = _wide(path, table, origin)
    seconds = (values * scale).astype(np.float32)
    missing = int(np.isinf(seconds).sum())
    provenance = {"method": "imported", "file": path.name, "unit": unit, "pairs_without_time": missing}
    return CostMatrix(_named(rows), _named(columns), seconds, profile, provenance)


def _scale(path: Path, unit: str) -> float:
    if unit not in SECONDS_IN:
        raise SourceError(Problem(f"the unit is {unit!r}", remedy=did_you_mean(unit, SECONDS_IN), file=str(path)))
    return SECONDS_IN[unit]


def _table(path: Path) -> pd.DataFrame:
    """Return the columns as text (CSV) or as they are (Parquet)."""
    if not path.is_file():
        raise SourceError(Problem("there is no such file", "a CSV or Parquet file was needed", file=str(path)))
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            table = pd.read_parquet(path)
            named = [table.index.name] if table.index.name is not None else []
            table = table.reset_index() if named else table
        else:
            table = pd.read_csv(path, dtype=str, encoding="utf-8-sig", keep_default_na=False)
    except (OSError, ValueError, pd.errors.ParserError) as error:  # Arrow's and Unicode's errors are ValueErrors
        found = f"the file cannot be read: {str(error).splitlines()[0]}"
        raise SourceError(Problem(found, "CSV (UTF-8) or Parquet was needed", file=str(path))) from error
    if table.empty:
        raise SourceError(Problem("the file has no rows", "travel times were needed", file=str(path)))
    table.columns = [str(name) for name in table.columns]
    return table


def _pairs(
    path: Path, table: pd.DataFrame, origin: str, destination: str, time: str
) -> tuple[list[str], list[str], Floats]:
    problems = Problems()
    for name in (origin, destination, time):
        if name not in table:
            problems.add(
                Problem(f"there is no column {name!r}", remedy=did_you_mean(name, list(table.columns)), file=str(path))
            )
    problems.raise_as(SourceError)
    values = _times(path, table[[time]])[:, 0]
    (i, rows), (j, columns) = (pd.factorize(table[name].astype(str)) for name in (origin, destination))
    key = i * len(columns) + j
    _, at, count = np.unique(key, return_index=True, return_counts=True)
    if (count > 1).any():
        twice = int(at[count > 1].min())
        pair = f"{table[origin].iloc[twice]} to {table[destination].iloc[twice]}"
        found = f"{int((count > 1).sum())} pairs stand more than once, such as {pair}"
        raise SourceError(Problem(found, "one time per pair was needed", file=str(path)))
    full = np.full((len(rows), len(columns)), np.inf)
    full[i, j] = values
    return list(map(str, rows)), list(map(str, columns)), full


def _wide(path: Path, table: pd.DataFrame, origin: str) -> tuple[list[str], list[str], Floats]:
    name = origin if origin in table else str(table.columns[0])
    rows = table[name].astype(str).tolist()
    others = table.drop(columns=name)
    problems = Problems()
    for what, names in (("origin", rows), ("destination", list(others.columns))):
        for value in pd.Series(names)[pd.Series(names).duplicated()].unique().tolist():
            problems.add(Problem(f"the {what} {value!r} stands twice", "distinct names were needed", file=str(path)))
    problems.check(others.shape[1], "there is no column beside the origins", "one per destination was needed")
    problems.raise_as(SourceError)
    return rows, list(others.columns), _times(path, others)


def _times(path: Path, table: pd.DataFrame) -> Floats:
    """Return the numbers of a table; an empty cell is infinite."""
    values = np.empty(table.shape)
    problems = Problems()
    for place, name in enumerate(table.columns):
        column = table[name]
        if pd.api.types.is_numeric_dtype(column):
            numbers, empty = column.to_numpy(np.float64, na_value=np.nan), column.isna()
        else:
            numbers = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, copy=True)
            empty = column.isna() | (column.astype(str).str.strip() == "")
        numbers = np.where(empty, np.inf, numbers)
        for row in np.flatnonzero(~(numbers >= 0)).tolist():
            found = f"a travel time is {column.iloc[row]!r}"
            problems.add(Problem(found, "a number >= 0, or nothing", file=str(path), line=row + 2, key=str(name)))
        values[:, place] = numbers
    problems.raise_as(SourceError)
    return values


def _named(ids: list[str]) -> Points:
    nowhere = np.full(len(ids), np.nan)
    return Points(tuple(ids), nowhere, nowhere)
