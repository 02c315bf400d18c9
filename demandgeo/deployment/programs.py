"""Linear and mixed-integer programs in HiGHS, solved the same way every time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import highspy
import numpy as np
from numpy.typing import ArrayLike

from demandgeo.domain.record import Floats, Integers
from demandgeo.errors import ModelError

UNBOUNDED = highspy.kHighsInf

OPTIMAL, NODE_LIMIT, TIME_LIMIT, INFEASIBLE = "optimal", "node limit", "time limit", "infeasible"

_STATUS = {
    highspy.HighsModelStatus.kOptimal: OPTIMAL,
    highspy.HighsModelStatus.kSolutionLimit: NODE_LIMIT,
    highspy.HighsModelStatus.kTimeLimit: TIME_LIMIT,
    highspy.HighsModelStatus.kInfeasible: INFEASIBLE,
}


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to look for a proof.

    Parameters
    ----------
    gap
        Relative gap at which a choice counts as optimal.
    nodes
        Most branch-and-bound nodes of each integer program: the limit that leaves a result reproducible.
    seconds
        Wall clock; None for none. A result that hits it may differ in another run.
    seed
        Of the solver and of random starts.
    started
        `time.monotonic` when the search began.
    """

    gap: float
    nodes: int
    seconds: float | None
    seed: int
    started: float

    @property
    def left(self) -> float:
        """Seconds until the wall-clock limit."""
        if self.seconds is None:
            return float("inf")
        return max(0.0, self.seconds - (time.monotonic() - self.started))


@dataclass(frozen=True, slots=True)
class Solution:
    """What a solve found: values and reduced costs of the columns, the objective, and the bound that was proven."""

    values: Floats
    reduced: Floats
    objective: float
    bound: float
    status: str


class Program:
    """Minimise a linear cost; rows can be added and columns fixed between solves.

    Parameters
    ----------
    cost, lower, upper
        float64 [columns].
    seed
        Of the solver.
    presolve
        Whether the solver may restate the program first.
    """

    def __init__(
        self, cost: ArrayLike, lower: ArrayLike, upper: ArrayLike, *, seed: int, presolve: bool = True
    ) -> None:
        self._highs: Any = highspy.Highs()  # type: ignore[no-untyped-call]
        # One thread and a fixed seed: with more, which of several optima comes back depends on timing.
        options: dict[str, Any] = {"output_flag": False, "threads": 1, "parallel": "off", "random_seed": seed}
        for name, value in (options if presolve else options | {"presolve": "off"}).items():
            self._highs.setOptionValue(name, value)
        costs, least, most = (np.ascontiguousarray(part, np.float64) for part in (cost, lower, upper))
        start = np.zeros(costs.size, np.int32)
        self._highs.addCols(costs.size, costs, least, most, 0, start, np.empty(0, np.int32), np.empty(0))
        self._cost = costs
        self._integers: Integers = np.empty(0, np.int64)

    def add_rows(self, lower: ArrayLike, upper: ArrayLike, start: Any, column: Any, coefficient: Any) -> None:
        """Add rows in compressed form; `start` [rows] is where each begins in `column` and `coefficient`."""
        least, most = np.ascontiguousarray(lower, np.float64), np.ascontiguousarray(upper, np.float64)
        self._highs.addRows(
            least.size,
            least,
            most,
            len(column),
            np.ascontiguousarray(start, np.int32),
            np.ascontiguousarray(column, np.int32),
            np.ascontiguousarray(coefficient, np.float64),
        )

    def add_row(self, lower: float, upper: float, column: Any, coefficient: Any = 1.0) -> None:
        """Add one row; a single coefficient holds for every column."""
        columns = np.asarray(column)
        self.add_rows([lower], [upper], [0], columns, np.broadcast_to(np.asarray(coefficient, float), columns.shape))

    def make_integer(self, columns: Any) -> None:
        """Make columns integer."""
        self._integers = np.asarray(columns, np.int64)
        kind = np.full(self._integers.size, int(highspy.HighsVarType.kInteger), np.uint8)
        self._highs.changeColsIntegrality(self._integers.size, self._integers.astype(np.int32), kind)

    def bound(self, columns: Any, lower: ArrayLike, upper: ArrayLike) -> None:
        """Set the least and greatest value of columns."""
        which = np.asarray(columns, np.int32)
        limits = (np.ascontiguousarray(np.broadcast_to(part, which.shape), np.float64) for part in (lower, upper))
        self._highs.changeColsBounds(which.size, which, *limits)

    def drop_slack_rows(self, keep: int) -> None:
        """Forget the rows after the first `keep` that are slack in the last solution: they only cost time."""
        basis = self._highs.getBasis().row_status
        slack = [row for row in range(keep, len(basis)) if basis[row] == highspy.HighsBasisStatus.kBasic]
        if slack:
            self._highs.deleteRows(len(slack), np.array(slack, np.int32))

    def value(self, values: Floats) -> float:
        """Return the objective of given values."""
        return float(self._cost @ values)

    def suggest(self, values: Floats) -> None:
        """Offer a solution to start from."""
        known = highspy.HighsSolution()
        known.col_value = values.tolist()
        self._highs.setSolution(known)

    def solve(self, effort: Effort, *, gap: float | None = None) -> Solution:
        """Solve it as far as the effort allows.

        Raises
        ------
        ModelError
            If the solver stops for another reason than those that `Solution.status` names.
        """
        options = {
            "mip_rel_gap": effort.gap if gap is None else gap,
            "mip_abs_gap": 0.0,
            "mip_max_nodes": effort.nodes,
            "time_limit": effort.left,
        }
        for name, value in options.items():
            self._highs.setOptionValue(name, value)
        self._highs.run()
        status = _STATUS.get(self._highs.getModelStatus())
        if status is None:
            raise ModelError(f"the solver stopped: {self._highs.modelStatusToString(self._highs.getModelStatus())}")
        info, found = self._highs.getInfo(), self._highs.getSolution()
        bound = info.mip_dual_bound if self._integers.size else info.objective_function_value
        values = np.array(found.col_value) if found.value_valid else np.empty(0)
        reduced = np.array(found.col_dual) if found.dual_valid else np.empty(0)
        return Solution(values, reduced, float(info.objective_function_value), float(bound), status)
