"""What became of every line of every file: nothing is lost in silence, the sums add up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from demandgeo.domain.record import Record, frozen_mapping, frozen_table, plain
from demandgeo.errors import Problems, SourceError

EXCLUDED_COLUMNS = ("file", "line", "reason", "value")
COVERAGE_COLUMNS = ("force", "month", "rows", "status")
COVERAGE_STATUS = ("complete", "partial", "absent", "suspicious")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FileLedger(Record):
    """The account of one file.

    Parameters
    ----------
    file
        Its name as the user gave it.
    sha256
        Hash of its bytes.
    lines
        Physical data lines (the header is none), counted apart from the parser.
    parsed
        Rows the parser made of them.
    malformed
        Lines that made no row.
    used
        Rows that became events (or zones).
    unlocated
        Rows among the used that have no coordinates: they stay in force totals and leave the point models.
    excluded
        Rows left out, by reason.
    repaired
        Lossless repairs, by kind.

    Raises
    ------
    SourceError
        Unless lines = parsed + malformed and parsed = used + sum(excluded).
    """

    file: str
    sha256: str
    lines: int
    parsed: int
    malformed: int
    used: int
    unlocated: int = 0
    excluded: Mapping[str, int] = field(default_factory=dict)
    repaired: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._set(excluded=frozen_mapping(self.excluded), repaired=frozen_mapping(self.repaired))
        left_out = sum(self.excluded.values())
        problems = Problems()
        problems.check(
            self.lines == self.parsed + self.malformed,
            f"{self.file}: {self.lines} lines are not {self.parsed} parsed + {self.malformed} malformed",
            remedy="this is a defect of the reader: please report it with the file",
        )
        problems.check(
            self.parsed == self.used + left_out,
            f"{self.file}: {self.parsed} parsed rows are not {self.used} used + {left_out} excluded",
            remedy="this is a defect of the reader: please report it with the file",
        )
        counts = (self.lines, self.parsed, self.malformed, self.used, *self.excluded.values(), *self.repaired.values())
        problems.check(min(counts) >= 0 and 0 <= self.unlocated <= self.used, f"{self.file}: a count is out of range")
        problems.raise_as(SourceError)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Ledger(Record):
    """The accounts of all files of one source.

    Parameters
    ----------
    files
        One account per file.
    excluded_rows
        Table of the rows left out: file, line, reason, value.
    coverage
        Table force x month: rows and status (complete, partial, absent, suspicious).
    ignored
        Files that stood beside the ones read and were not read.
    notes
        Sentences a reader of the result should see.
    transform
        The coordinate operation used and its accuracy: keys from, to, operation, accuracy_m.
    """

    files: tuple[FileLedger, ...] = ()
    excluded_rows: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(EXCLUDED_COLUMNS)))
    coverage: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(COVERAGE_COLUMNS)))
    ignored: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    transform: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._set(
            files=tuple(self.files),
            excluded_rows=frozen_table(self.excluded_rows),
            coverage=frozen_table(self.coverage),
            ignored=tuple(self.ignored),
            notes=tuple(self.notes),
            transform=frozen_mapping(self.transform),
        )
        problems = Problems()
        problems.check(
            tuple(self.excluded_rows.columns) == EXCLUDED_COLUMNS,
            f"excluded_rows has the columns {list(self.excluded_rows.columns)}",
            f"{list(EXCLUDED_COLUMNS)} were needed",
        )
        problems.check(
            tuple(self.coverage.columns) == COVERAGE_COLUMNS,
            f"coverage has the columns {list(self.coverage.columns)}",
            f"{list(COVERAGE_COLUMNS)} were needed",
        )
        left_out = sum(sum(account.excluded.values()) for account in self.files)
        problems.check(
            len(self.excluded_rows) == left_out,
            f"{len(self.excluded_rows)} excluded rows are listed, the files count {left_out}",
            remedy="this is a defect of the reader: please report it with the file",
        )
        problems.raise_as(SourceError)

    @classmethod
    def merged(cls, ledgers: tuple[Ledger, ...]) -> Ledger:
        """Join the ledgers of several sources; the transform is the first one's that has any."""
        if not ledgers:
            return cls()
        return cls(
            files=tuple(account for ledger in ledgers for account in ledger.files),
            excluded_rows=_stack([ledger.excluded_rows for ledger in ledgers]),
            coverage=_stack([ledger.coverage for ledger in ledgers]),
            ignored=tuple(dict.fromkeys(name for ledger in ledgers for name in ledger.ignored)),
            notes=tuple(dict.fromkeys(note for ledger in ledgers for note in ledger.notes)),
            transform=next((ledger.transform for ledger in ledgers if ledger.transform), {}),
        )

    def total(self, count: str) -> int:
        """Sum of one count (``lines``, ``parsed``, ``used``, ...) over the files."""
        return sum(int(getattr(account, count)) for account in self.files)

    def excluded(self) -> dict[str, int]:
        """Rows left out by reason, over all files."""
        sums: dict[str, int] = {}
        for account in self.files:
            for reason, count in account.excluded.items():
                sums[reason] = sums.get(reason, 0) + count
        return dict(sorted(sums.items()))

    def to_frame(self) -> pd.DataFrame:
        """One row per file."""
        names = ("file", "lines", "parsed", "malformed", "used", "unlocated")
        rows = [
            {name: getattr(account, name) for name in names} | {"excluded": sum(account.excluded.values())}
            for account in self.files
        ]
        return pd.DataFrame(rows, columns=[*names, "excluded"])

    def to_json(self) -> dict[str, Any]:
        """Return what ``ledger.json`` holds of it."""
        accounts = [{name: plain(getattr(account, name)) for name in FileLedger.__slots__} for account in self.files]
        return {
            "files": accounts,
            "coverage": self.coverage.to_dict("records"),
            "ignored": list(self.ignored),
            "notes": list(self.notes),
            "transform": plain(self.transform),
        }

    def summary(self) -> dict[str, object]:
        """Totals over the files."""
        totals = {count: self.total(count) for count in ("lines", "parsed", "malformed", "used", "unlocated")}
        return {"files": len(self.files), **totals, "excluded": self.excluded(), "transform": dict(self.transform)}


def _stack(tables: list[pd.DataFrame]) -> pd.DataFrame:
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else tables[0]
