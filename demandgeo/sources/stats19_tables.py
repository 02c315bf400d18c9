"""The three tables of STATS19 under one set of names, whatever the era of their headers, and what their codes mean."""

from __future__ import annotations

import csv
import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from demandgeo.domain import Labels
from demandgeo.errors import Problem, Problems, SourceError
from demandgeo.sources.archive import Member, table_files
from demandgeo.sources.columns import distinct, labels
from demandgeo.sources.delimited import Text, TextFile, header_of, read_text

INDEX = "collision_index"

ALIASES = {
    "acc_index": INDEX,
    "1st_road_class": "first_road_class",
    "1st_road_number": "first_road_number",
    "adjusted_serious": "casualty_adjusted_severity_serious",
    "lsoa_of_collision": "lsoa_of_collision_location",
    "collision_reference": "collision_ref_no",
}
"""What stays different once case, punctuation and the word accident are out of the way."""

MISSING = frozenset({"", "-1", "null", "na", "n/a", "none", "data missing or out of range"})
CODES = Path(__file__).with_name("stats19_codes.csv")


@dataclass(frozen=True, slots=True)
class Rows:
    """One table: its rows under the names of today, and which columns its files had.

    Parameters
    ----------
    text
        A column for every name asked for, empty where no file has it; what means missing is missing.
    known
        Columns that every file has.
    ignored
        Files of the archives that hold other tables.
    """

    text: Text
    known: frozenset[str]
    ignored: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.text)

    def column(self, name: str) -> pa.ChunkedArray:
        """Return a column of text."""
        return self.text.table[name]

    def labels(self, name: str) -> Labels:
        """Return a column as labels: by the table of codes where it has the code, else as it is written."""
        meaning = codes(name)
        return without_name(labels(self.column(name), lambda text: meaning.get(text.strip(), text.strip().lower())), "")


def today(name: str) -> str:
    """Return the name that a header of any era has today.

    Examples
    --------
    >>> today("Accident_Index"), today("accident_reference"), today("LSOA_of_Accident_Location")
    ('collision_index', 'collision_ref_no', 'lsoa_of_collision_location')
    """
    plain = re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_").replace("accident", "collision")
    return ALIASES.get(plain, plain)


def read_rows(paths: Sequence[Path], needed: Sequence[str], wanted: Sequence[str], *, table: str) -> Rows:
    """Read one table from its files, which may be of different eras.

    Parameters
    ----------
    paths
        ``.csv``, ``.csv.gz`` or ``.zip``; of an archive the files that have the needed columns.
    needed, wanted
        Columns by their names of today: what each file must have, and what is taken where it is there.
    table
        What messages call it.

    Raises
    ------
    SourceError
        If a file lacks a needed column, has one twice or cannot be read safely.
    """
    problems, parts, ignored = Problems(), [], []
    for path in paths:
        members = table_files(Path(path))
        headers = {member: _columns(member) for member in members}
        chosen = [member for member in members if len(members) == 1 or set(needed) <= set(headers[member])]
        ignored += [member.name for member in members if member not in chosen]
        problems.check(chosen, f"{path} holds no table of {table}", f"the columns {', '.join(needed)} were needed")
        for member in chosen:
            lacking = [name for name in needed if name not in headers[member]]
            if lacking:
                found = f"this table of {table} has no column {', '.join(lacking)}"
                eras = "accident in place of collision, and any case, is understood"
                problems.add(Problem(found, eras, file=member.name, line=1))
            else:
                parts.append(
                    (member, {name: headers[member][name] for name in (*needed, *wanted) if name in headers[member]})
                )
    problems.raise_as(SourceError)
    return _joined(
        [(_read(member, columns), frozenset(columns)) for member, columns in parts], (*needed, *wanted), tuple(ignored)
    )


def _columns(member: Member) -> dict[str, str]:
    """Return the file's own name of each column, by its name of today."""
    own: dict[str, str] = {}
    for name in header_of(member):
        before = own.setdefault(today(name), name)
        if before != name and today(name) == INDEX:
            raise SourceError(
                Problem(f"{before} and {name} are one column", "one was needed", file=member.name, line=1)
            )
    return own


def _read(member: Member, columns: Mapping[str, str]) -> Text:
    text = read_text([member], list(columns.values()), identifier=columns[INDEX])
    return Text(text.table.rename_columns(list(columns)), text.files)


def _joined(parts: Sequence[tuple[Text, frozenset[str]]], names: Sequence[str], ignored: tuple[str, ...]) -> Rows:
    files: list[TextFile] = [file for text, _ in parts for file in text.files]
    tables = []
    for text, _ in parts:
        there = text.table.column_names
        empty = pa.nulls(len(text), pa.dictionary(pa.int32(), pa.string()))
        tables.append(pa.table({name: _present(text.table[name], name) if name in there else empty for name in names}))
    owners: dict[str, str] = {}
    for file in files:
        before = owners.setdefault(file.sha256, file.name)
        if before != file.name:
            raise SourceError(f"{file.name} has the same content as {before}", remedy="remove one of the two")
    table = pa.concat_tables(tables).unify_dictionaries().combine_chunks()
    return Rows(Text(table, tuple(files)), frozenset.intersection(*(known for _, known in parts)), ignored)


def _present(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """Return the column without what means that there is no value; a longitude may well be -1."""
    if name == INDEX:
        return column
    texts, code = distinct(column)
    gone = [text.strip().lower() in MISSING and not (name == "longitude" and text == "-1") for text in texts]
    lost = np.array([*gone, True])[code]
    return pa.chunked_array([pa.DictionaryArray.from_arrays(pa.array(code, mask=lost), pa.array(texts, pa.string()))])


@functools.cache
def codes(variable: str) -> Mapping[str, str]:
    """Return the meaning of each code of a variable, none if it has no codes."""
    with CODES.open(encoding="utf-8", newline="") as stream:
        return {row["code"]: row["label"] for row in csv.DictReader(stream) if row["variable"] == variable}


def without_name(column: Labels, name: str) -> Labels:
    """Return labels in which one name means missing."""
    if name not in column.names:
        return column
    at = column.names.index(name)
    renumbered = np.array([*(i - (i > at) if i != at else -1 for i in range(len(column.names))), -1])
    return Labels(renumbered[column.codes], tuple(other for other in column.names if other != name))
