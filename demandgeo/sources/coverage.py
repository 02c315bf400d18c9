"""Force x month: which months are whole. A file that is there is not yet coverage."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from demandgeo.domain import Labels
from demandgeo.domain.ledger import COVERAGE_COLUMNS
from demandgeo.domain.record import Integers, Mask

PARTIAL_ABOVE = 0.2
"""A month of which more than this share cannot be used is partial."""

SUSPICIOUS_BELOW = 0.5
"""A month with fewer rows than this share of the force's own median is suspicious."""


@dataclass(frozen=True, slots=True)
class ForceMonths:
    """The force-month of each row.

    Parameters
    ----------
    group
        int64 [n]: index into `force` and `month`.
    force
        Name of the force of each group.
    month
        Month of each group as text, empty where no row and no file name states it.
    """

    group: Integers
    force: tuple[str, ...]
    month: tuple[str, ...]

    @classmethod
    def of(cls, force: Labels, month: NDArray[np.datetime64]) -> ForceMonths:
        """Group rows by force and month, in ascending order of both."""
        months, month_code = np.unique(month.astype("datetime64[M]").astype(np.int64), return_inverse=True)
        pairs, group = np.unique(force.codes.astype(np.int64) * len(months) + month_code, return_inverse=True)
        at_force, at_month = np.divmod(pairs, max(len(months), 1))
        names = [*force.names, "force not stated"]
        texts = ["" if text == "NaT" else text for text in months.astype("datetime64[M]").astype(str).tolist()]
        return cls(group, tuple(names[i] for i in at_force), tuple(texts[i] for i in at_month))

    @property
    def names(self) -> list[str]:
        """What messages call the groups."""
        return [f"{force} {month or 'undated'}" for force, month in zip(self.force, self.month, strict=True)]


def coverage(
    groups: ForceMonths,
    *,
    used: Mask,
    defective: Mask,
    expected: Sequence[str] | None,
    empty: Iterable[str] = (),
    named: Iterable[str] = (),
) -> pd.DataFrame:
    """Return the table force, month, rows, status of the ledger.

    Parameters
    ----------
    groups
        The force-month of each row.
    used, defective
        Where a row is used, or left out for a defect.
    expected
        Months asked for; the months from the first to the last present if None.
    empty
        Forces of which there is a file without a row.
    named
        Months that the names of the files state.
    """
    n = len(groups.force)
    rows = np.bincount(groups.group, used, minlength=n).astype(np.int64)
    bad = np.bincount(groups.group, defective, minlength=n)
    there = {
        (f, m): i for i, (f, m) in enumerate(zip(groups.force, groups.month, strict=True)) if m and rows[i] + bad[i]
    }
    present = sorted({month for _, month in there} | set(named))
    months = sorted(set(expected)) if expected is not None else _span(present)
    table = []
    for force in sorted({force for force, _ in there} | set(empty)):
        own = {month: i for (f, month), i in there.items() if f == force}
        median = float(np.median(rows[list(own.values())])) if own else 0.0
        for month in months:
            i = own.get(month)
            if i is None:
                table.append((force, month, 0, "absent"))
            elif bad[i] > PARTIAL_ABOVE * (rows[i] + bad[i]):
                table.append((force, month, int(rows[i]), "partial"))
            else:
                status = "suspicious" if rows[i] < SUSPICIOUS_BELOW * median else "complete"
                table.append((force, month, int(rows[i]), status))
    return pd.DataFrame(table, columns=list(COVERAGE_COLUMNS)).astype({"rows": np.int64})


def _span(months: Sequence[str]) -> list[str]:
    if not months:
        return []
    first, last = np.datetime64(months[0], "M"), np.datetime64(months[-1], "M")
    return np.arange(first, last + 1).astype(str).tolist()


def coverage_notes(table: pd.DataFrame) -> tuple[str, ...]:
    """Return one sentence per force and status other than complete."""
    notes = []
    for (force, status), here in table[table["status"] != "complete"].groupby(["force", "status"], sort=True):
        months = here["month"].tolist()
        named = ", ".join(months) if len(months) <= 6 else f"{len(months)} months, {months[0]} to {months[-1]}"
        notes.append(f"{force}: {status} in {named}")
    return tuple(notes)
