"""CSV files as columns of text: the parser's rows are checked against a count of their own, nothing is guessed."""

from __future__ import annotations

import csv
import functools
import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from demandgeo.domain.record import Integers
from demandgeo.errors import Problem, Problems, SourceError, did_you_mean
from demandgeo.sources.archive import Member
from demandgeo.sources.cache import cached
from demandgeo.sources.lines import Lines, Piece, lines_of

CACHE_VERSION = 1
"""To be raised whenever the same bytes would give other columns."""

ACCOUNT = b"demandgeo"

OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}


@dataclass(frozen=True, slots=True)
class TextFile:
    """The account of one file's text.

    Parameters
    ----------
    name, sha256
        What the ledger calls it, and the hash of its bytes.
    lines
        Records below the header, counted apart from the parser.
    rows
        Rows that the parser made of them.
    breaks
        Where its records and its lines part company (see `lines.lines_of`).
    repaired
        Lossless repairs by kind.
    month, force
        What its name states of a street-level file, else nothing.
    header
        Records above the first row.
    """

    name: str
    sha256: str
    lines: int
    rows: int
    breaks: Integers
    repaired: dict[str, int]
    month: str = ""
    force: str = ""
    header: int = 1

    def lines_of(self, rows: Integers) -> Integers:
        """Return the lines, from 1, of rows, from 0."""
        return lines_of(self.breaks, rows + self.header)


@dataclass(frozen=True, slots=True)
class Text:
    """Columns of text (dictionary-encoded but for identifiers) of several files, one below the other."""

    table: pa.Table
    files: tuple[TextFile, ...]
    starts: Integers = field(init=False)

    def __post_init__(self) -> None:
        starts = np.concatenate([[0], np.cumsum([file.rows for file in self.files])]).astype(np.int64)
        object.__setattr__(self, "starts", starts)

    def __len__(self) -> int:
        return int(self.starts[-1])

    @property
    def file_of(self) -> Integers:
        """int64 [n]: the file of each row."""
        return np.repeat(np.arange(len(self.files)), np.diff(self.starts))

    def places(self, rows: Integers) -> list[tuple[str, int]]:
        """Return the file and the line of each row."""
        numbers = np.searchsorted(self.starts, rows, side="right") - 1
        lines = np.empty(rows.size, np.int64)
        for number in np.unique(numbers).tolist():
            here = numbers == number
            lines[here] = self.files[number].lines_of(rows[here] - self.starts[number])
        return [(self.files[number].name, line) for number, line in zip(numbers.tolist(), lines.tolist(), strict=True)]


def read_text(members: Sequence[Member], columns: Sequence[str], *, identifier: str | None = None) -> Text:
    """Read the named columns of CSV files as text; only the empty string is missing.

    Parameters
    ----------
    members
        The files, in the order of the rows.
    columns
        Names in the header.
    identifier
        A column whose values hardly repeat: kept as plain text.

    Raises
    ------
    SourceError
        Listing what is wrong with each file: encoding, separator, columns, ragged or truncated lines, the same
        content twice.
    """
    problems = Problems()
    tables, files = [], []
    owners: dict[str, str] = {}
    for member in members:
        try:
            digest = member.sha256()
            before = owners.setdefault(digest, member.name)
            if before != member.name:
                problems.add(f"{member.name} has the same content as {before}", remedy="remove one of the two")
                continue
            key = hashlib.sha256(json.dumps([CACHE_VERSION, digest, columns, identifier]).encode()).hexdigest()
            table = cached(key, functools.partial(_parse, member, columns, identifier))
        except SourceError as error:
            problems.gathered.extend(error.problems)
            continue
        account = json.loads(table.schema.metadata[ACCOUNT])
        files.append(
            TextFile(
                name=member.name,
                sha256=digest,
                lines=account["lines"],
                rows=table.num_rows,
                breaks=np.array(account["breaks"], np.int64),
                repaired=account["repaired"],
                month=member.month,
                force=member.force,
            )
        )
        tables.append(table.replace_schema_metadata(None))
    problems.raise_as(SourceError)
    return Text(pa.concat_tables(tables).unify_dictionaries().combine_chunks(), tuple(files))


def header_of(member: Member) -> list[str]:
    """Return the names in a file's header.

    Raises
    ------
    SourceError
        If the file is empty or its header cannot be read.
    """
    with member.open() as stream:
        return _header(_first(Lines(stream, member.name).pieces(), member.name), member.name)[0]


def _first(pieces: Iterator[Piece], file: str) -> Piece:
    first = next(pieces, None)
    if first is None:
        raise SourceError(Problem("the file is empty", "a header was needed", "export it again", file=file))
    return first


def _parse(member: Member, columns: Sequence[str], identifier: str | None) -> pa.Table:
    with member.open() as stream:
        lines = Lines(stream, member.name)
        pieces = lines.pieces()
        names, body = _header(_first(pieces, member.name), member.name)
        _check_header(names, columns, member.name)
        kinds = {c: pa.string() if c == identifier else pa.dictionary(pa.int32(), pa.string()) for c in columns}
        parser = _Parser(member.name, lines, names, kinds)
        tables = [parser.parse(body), *map(parser.parse, pieces)]
    parser.problems.raise_as(SourceError)
    table = pa.concat_tables(tables).unify_dictionaries()
    account = {"lines": lines.records - 1, "breaks": lines.breaks().tolist(), "repaired": dict(lines.repaired)}
    return table.replace_schema_metadata({ACCOUNT: json.dumps(account)})


def _header(piece: Piece, file: str) -> tuple[list[str], Piece]:
    """Return the names in the header, and the piece without it."""
    reader = csv.reader(io.TextIOWrapper(io.BytesIO(piece.text), "utf-8", newline="\n"))
    try:
        names = next((record for record in reader if record), [])
    except csv.Error as error:
        raise SourceError(Problem(f"the header cannot be read ({error})", file=file, line=1)) from error
    below = piece.text.split(b"\n", reader.line_num)[reader.line_num :]
    return [name.strip() for name in names], Piece(below[0] if below else b"", 1, max(piece.records - 1, 0))


def _check_header(names: Sequence[str], columns: Sequence[str], file: str) -> None:
    problems = Problems()
    for separator, called in OTHER_SEPARATORS.items():
        if len(names) == 1 and separator in names[0]:
            raise SourceError(
                Problem(
                    f"the separator is {separator!r} ({called})",
                    "commas were needed",
                    "export it with commas",
                    file=file,
                    line=1,
                )
            )
    for column in columns:
        count = names.count(column)
        if count == 0:
            hint = did_you_mean(column, [name for name in names if name and name not in columns] or names)
            problems.add(Problem(f"there is no column {column!r}", remedy=hint, file=file, line=1))
        elif count > 1:
            problems.add(Problem(f"the column {column!r} stands {count} times", "once was needed", file=file, line=1))
    problems.raise_as(SourceError)


class _Parser:
    """Parses the pieces of one file and gathers the lines that are no rows."""

    def __init__(self, file: str, lines: Lines, names: Sequence[str], kinds: dict[str, pa.DataType]) -> None:
        self.file = file
        self.lines = lines
        self.kinds = kinds
        # Columns that are not read may share a name, or have none.
        self.names = [name if name in kinds else f"{i} {name}" for i, name in enumerate(names)]
        self.problems = Problems()

    def parse(self, piece: Piece) -> pa.Table:
        """Return the rows of a piece; a ragged line becomes a problem."""
        schema = pa.schema(self.kinds.items())
        if piece.records == 0:
            return schema.empty_table()
        ragged: list[pa_csv.InvalidRow] = []

        def note(row: pa_csv.InvalidRow) -> str:
            ragged.append(row)
            return "skip"

        try:
            table = pa_csv.read_csv(
                pa.py_buffer(piece.text),
                pa_csv.ReadOptions(use_threads=False, column_names=self.names, block_size=len(piece.text) + 1),
                pa_csv.ParseOptions(newlines_in_values=b'"' in piece.text, invalid_row_handler=note),
                pa_csv.ConvertOptions(
                    column_types=self.kinds,
                    include_columns=list(self.kinds),
                    null_values=[""],
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=True,
                ),
            )
        except pa.ArrowInvalid as error:
            raise SourceError(
                Problem(f"cannot be parsed ({error})", remedy="export it again", file=self.file)
            ) from error
        for row in ragged:
            self._note_ragged(row, piece)
        if table.num_rows + len(ragged) != piece.records:
            raise SourceError(
                Problem(
                    f"{piece.records} lines gave {table.num_rows} rows and {len(ragged)} malformed ones",
                    remedy="this is a defect of the reader: please report it with the file",
                    file=self.file,
                )
            )
        return table

    def _note_ragged(self, row: pa_csv.InvalidRow, piece: Piece) -> None:
        record = piece.first + row.number - 1
        last = record == self.lines.records - 1 and "no_final_newline" in self.lines.repaired
        if last and row.actual_columns < row.expected_columns:
            remedy = "the file is truncated here: download it again"
        elif row.actual_columns > row.expected_columns:
            remedy = "quote the field that holds a comma"
        else:
            remedy = "complete the line, or export the file again"
        self.problems.add(
            Problem(
                f"{row.actual_columns} fields ({row.text[:80]!r})",
                f"{row.expected_columns} were needed",
                remedy,
                file=self.file,
                line=int(lines_of(self.lines.breaks(), np.array([record]))[0]),
            )
        )
