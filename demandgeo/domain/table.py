"""A table of results for people: what a stage returns when its answer is rows, not places."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from demandgeo.domain.record import Record, frozen_mapping, frozen_table


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Table(Record):
    """Rows with a title and notes.

    Parameters
    ----------
    title
        One line.
    rows
        The table; units are in the names of its columns.
    notes
        What a reader must know, printed below the table.
    provenance
        Method and parameters.
    """

    title: str
    rows: pd.DataFrame
    notes: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._set(rows=frozen_table(self.rows), notes=tuple(self.notes), provenance=frozen_mapping(self.provenance))

    def to_frame(self) -> pd.DataFrame:
        """Return a copy of the rows."""
        return self.rows.copy()

    def summary(self) -> dict[str, object]:
        """Title, size and notes."""
        return {"title": self.title, "rows": len(self.rows), "columns": list(self.rows.columns), "notes": self.notes}
