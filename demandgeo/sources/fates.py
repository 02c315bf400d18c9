"""The fate of every row: used, or left out for one reason of a closed list, with its file, line and value."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import cast

import numpy as np
import pandas as pd

from demandgeo.domain import FileLedger, Labels
from demandgeo.domain.ledger import EXCLUDED_COLUMNS
from demandgeo.domain.record import Integers, Mask
from demandgeo.errors import LISTED, DataQualityWarning, Problem, Problems, SourceError
from demandgeo.sources.columns import distinct
from demandgeo.sources.delimited import Text

REASONS = (
    "repeated_header",
    "bad_month",
    "future",
    "other_month",
    "other_year",
    "other_force",
    "no_collision",
    "bad_time",
    "unknown_category",
    "unknown_severity",
    "bad_weight",
    "bad_coordinate",
    "null_island",
    "outside_gb",
    "duplicate",
)
"""Why a row may be left out."""

WISHES = ("other_month", "other_year", "other_force")
"""Reasons that are a wish of the user; the others are defects of the data."""

USED = -1
WARN_SHARE = 0.01


class Fates:
    """What becomes of each row of some files.

    Parameters
    ----------
    text
        The files' rows.
    shown
        Which columns show a reader why, by reason.

    Attributes
    ----------
    codes
        int8 [n]: -1 for a row that is used, else the index of its reason.
    """

    def __init__(self, text: Text, shown: Mapping[str, Sequence[str]]) -> None:
        self.text = text
        self.shown = shown
        self.codes = np.full(len(text), USED, np.int8)

    @property
    def used(self) -> Mask:
        """Where a row is used."""
        return cast(Mask, self.codes == USED)

    @property
    def defective(self) -> Mask:
        """Where a row is left out for a defect of the data."""
        return ~self.used & ~np.isin(self.codes, [REASONS.index(wish) for wish in WISHES])

    def exclude(self, rows: Mask, reason: str) -> None:
        """Leave rows out, unless they are left out already."""
        self.codes[rows & self.used] = REASONS.index(reason)

    def identifiers(self, column: str) -> Labels:
        """Leave out rows that repeat the identifier of a row that is used; return those of the rows that stay.

        Rows without an identifier never repeat another. The names keep their order of appearance: a million
        identifiers are not worth sorting.
        """
        texts, codes = distinct(self.text.table[column])
        before = np.flatnonzero(self.used & (codes >= 0))
        rows = np.zeros(codes.size, bool)
        rows[before[pd.Series(codes[before]).duplicated().to_numpy()]] = True
        self.exclude(rows, "duplicate")
        return Labels(codes[self.used], tuple(texts))

    def refuse(self, rows: Mask, found: Callable[[int], str], needed: str, remedy: str) -> None:
        """Refuse the files if a row that is used meets a condition, naming the lines; `found` says what is wrong."""
        problems = Problems()
        bad = np.flatnonzero(rows & self.used)
        first = bad[: LISTED - 1]
        for row, (file, line) in zip(first.tolist(), self.text.places(first), strict=True):
            problems.add(Problem(found(row), needed, remedy, file=file, line=line))
        if bad.size > first.size:
            problems.add(f"{bad.size:,} such rows in all")
        problems.raise_as(SourceError)

    def excluded_rows(self) -> pd.DataFrame:
        """Return the table of the ledger: file, line, reason, value."""
        rows = np.flatnonzero(~self.used)
        left_out = self.text.table.take(rows)
        texts = {name: left_out[name].to_pylist() for names in self.shown.values() for name in names}
        table = []
        for i, (code, place) in enumerate(zip(self.codes[rows].tolist(), self.text.places(rows), strict=True)):
            reason = REASONS[code]
            table.append((*place, reason, ", ".join(texts[name][i] or "" for name in self.shown[reason])))
        return pd.DataFrame(table, columns=list(EXCLUDED_COLUMNS)).astype({"line": np.int64})

    def notes(self, unlocated: Mask) -> tuple[str, ...]:
        """Return what a reader should know: what is left out, has no place, or may be cut short."""
        n, here = int(self.used.sum()), int((unlocated & self.used).sum())
        notes = (
            [f"{here:,} of {n:,} records ({here / n:.1%}) state no location: they are in totals only"] if here else []
        )
        if n < len(self.codes):
            notes.append(
                f"{len(self.codes) - n:,} of {len(self.codes):,} records are left out: {self._why(~self.used)}"
            )
        cut = [file.name for file in self.text.files if "no_final_newline" in file.repaired]
        if cut:
            notes.append(f"no line end after the last record of {', '.join(cut)}: the download may be cut short")
            warnings.warn(notes[-1], DataQualityWarning, stacklevel=3)
        return tuple(notes)

    def accounts(self, unlocated: Mask) -> tuple[FileLedger, ...]:
        """Return one account per file; `unlocated` is where a row has no coordinates."""
        made = []
        for number, file in enumerate(self.text.files):
            part = slice(int(self.text.starts[number]), int(self.text.starts[number + 1]))
            codes, counts = np.unique(self.codes[part], return_counts=True)
            by_code = dict(zip(codes.tolist(), counts.tolist(), strict=True))
            made.append(
                FileLedger(
                    file=file.name,
                    sha256=file.sha256,
                    lines=file.lines,
                    parsed=file.rows,
                    malformed=0,
                    used=by_code.pop(USED, 0),
                    unlocated=int((unlocated[part] & self.used[part]).sum()),
                    excluded={REASONS[code]: count for code, count in by_code.items()},
                    repaired=file.repaired,
                )
            )
        return tuple(made)

    def check_shares(self, group: Integers, names: Sequence[str], allowed: float) -> None:
        """Refuse a group of which too much is left out for defects; warn of a group above 1 %.

        Parameters
        ----------
        group
            int64 [n]: the group (force-month, file) of each row.
        names
            The groups' names.
        allowed
            The highest share.
        """
        left_out = np.bincount(group, self.defective, minlength=len(names))
        share = left_out / np.maximum(np.bincount(group, minlength=len(names)), 1)
        problems = Problems()
        for i in np.flatnonzero(share > allowed).tolist():
            why = self._why(self.defective & (group == i))
            how = 'say how times are written, as time_format: "%d/%m/%Y"' if "bad_time" in why else "mend the file"
            problems.add(
                f"{names[i]}: {share[i]:.1%} of the rows cannot be used ({why})",
                f"at most {allowed:.0%} (allow_excluded_share)",
                f"{how}, or raise allow_excluded_share if the rest is worth having",
            )
        problems.raise_as(SourceError)
        much = [
            f"{names[i]} {share[i]:.1%} ({self._why(self.defective & (group == i))})"
            for i in np.flatnonzero(share > WARN_SHARE).tolist()
        ]
        if much:
            more = f" and {len(much) - 5} more" if len(much) > 5 else ""
            warnings.warn(
                f"rows left out: {'; '.join(much[:5])}{more}; each stands in ledger.excluded_rows "
                "(excluded.parquet of a run)",
                DataQualityWarning,
                stacklevel=3,
            )

    def _why(self, rows: Mask) -> str:
        codes, counts = np.unique(self.codes[rows], return_counts=True)
        return ", ".join(f"{count} {REASONS[code]}" for code, count in zip(codes, counts, strict=True))
