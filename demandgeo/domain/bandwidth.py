"""A chosen bandwidth, with the whole curve that it was chosen on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from demandgeo.domain.record import frozen_mapping, frozen_table
from demandgeo.domain.table import Table
from demandgeo.errors import ModelError, Problems


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Bandwidth(Table):
    """A choice and its curve: `rows` has a column ``bandwidth_m``, ascending, and the criterion at each.

    Parameters
    ----------
    metres
        The bandwidth that was chosen: the radius of the kernel's support.

    Raises
    ------
    ModelError
        If it is not a number above 0, or not among the rows.
    """

    metres: float = np.nan

    def __post_init__(self) -> None:
        self._set(rows=frozen_table(self.rows), notes=tuple(self.notes), provenance=frozen_mapping(self.provenance))
        problems = Problems()
        problems.check(np.isfinite(self.metres) and self.metres > 0, f"the bandwidth is {self.metres}", "metres > 0")
        if problems.check("bandwidth_m" in self.rows, "the curve has no column bandwidth_m"):
            curve = self.rows["bandwidth_m"].to_numpy(np.float64)
            problems.check((np.diff(curve) > 0).all(), "the bandwidths of the curve do not ascend")
            problems.check(self.metres in curve, f"the choice, {self.metres} m, is not on the curve")
        problems.raise_as(ModelError)

    def __float__(self) -> float:
        return self.metres

    def summary(self) -> dict[str, object]:
        """Return the choice and what it was chosen by."""
        return {"bandwidth_m": self.metres, "title": self.title, "candidates": len(self.rows), "notes": self.notes}
