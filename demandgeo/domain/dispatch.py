"""Who answers which call when the nearest team is busy."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from demandgeo.domain.record import Floats, frozen_array
from demandgeo.domain.table import Table
from demandgeo.errors import ModelError, Problems

DISPATCH_COLUMNS = ("team", "workload", "workload_se", "calls_per_hour", "own_share", "travel_minutes")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Dispatch(Table):
    """How busy each team is, and which areas it is sent to.

    `rows` has one row per team: team; workload, the share of its time that it is busy, and its standard error (0 where
    it is not drawn by chance); calls_per_hour it is sent to at once; own_share, the part of them from areas to which
    no team is nearer; travel_minutes, their mean.

    Parameters
    ----------
    sent
        float64 [areas, teams]: share of an area's calls to which a team goes at once. What a row lacks to 1 finds all
        teams busy.
    all_busy
        Share of all calls that find all teams busy: they wait, or are lost.
    travel_minutes
        Mean over the calls that a team goes to at once.
    method
        ``"exact"``, ``"simulated"`` or ``"approximate"``.

    Raises
    ------
    ModelError
        If a share is outside 0 to 1 or the columns are others.
    """

    sent: Floats = field(kw_only=True)
    all_busy: float = field(kw_only=True)
    travel_minutes: float = field(kw_only=True)
    method: str = field(kw_only=True)

    def __post_init__(self) -> None:
        Table.__post_init__(self)
        self._set(sent=frozen_array(self.sent, np.float64))
        columns, problems = tuple(self.rows.columns), Problems()
        problems.check(columns == DISPATCH_COLUMNS, f"the rows have the columns {columns}", f"{DISPATCH_COLUMNS}")
        problems.check(self.sent.ndim == 2 and self.sent.shape[1] == len(self.rows), "sent has no column per team")
        problems.raise_as(ModelError)
        shares = np.concatenate([self.sent.sum(axis=1), self.rows["workload"], [self.all_busy]])
        problems.check(((shares >= 0) & (shares <= 1 + 1e-9)).all(), "a share is outside 0 to 1")
        problems.raise_as(ModelError)

    def sentence(self) -> str:
        """One line: workloads, travel time and how many calls find all teams busy."""
        load = self.rows["workload"]
        return (
            f"{len(self.rows)} teams are busy {load.mean():.0%} of their time ({load.min():.0%} to {load.max():.0%}); "
            f"a call answered at once has a team on the road for {self.travel_minutes:.1f} minutes; "
            f"{self.all_busy:.1%} of calls find all teams busy ({self.method})."
        )

    def summary(self) -> dict[str, object]:
        """Return teams, workloads, travel time, share that finds all busy, and method."""
        load = self.rows["workload"]
        return {
            "teams": len(self.rows),
            "workload": f"{load.min():.3f} to {load.max():.3f}, mean {load.mean():.3f}",
            "travel_minutes": self.travel_minutes,
            "all_busy": self.all_busy,
            "method": self.method,
        }
