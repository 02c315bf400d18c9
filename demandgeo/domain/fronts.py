"""Pareto fronts of plans: what one criterion costs in another, and how far each option is from the best possible."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from demandgeo.domain.record import Floats, Record, frozen_mapping, frozen_table
from demandgeo.errors import ModelError, Problems

POINT_COLUMNS = ("limit", "against", "objective", "bound", "gap", "status", "open_count", "open_sites")
OPTION_COLUMNS = {
    "option": str,
    "allowed": bool,
    "against": float,
    "objective": float,
    "best": float,
    "bound": float,
    "gap": float,
    "status": str,
    "dominated_by": int,
    "open_count": int,
    "open_sites": str,
    "best_sites": str,
}
TOLERANCE = 1e-9
"""Relative: what sums of float64 in another order differ."""

KNEE_POINTS = 3


class Criterion(NamedTuple):
    """How a criterion is written: column, axis with its unit, and whether less of it is better."""

    column: str
    label: str
    least: bool


CRITERIA = {
    "mean_time": Criterion("mean_time_s", "Mean travel time (s)", True),
    "coverage": Criterion("coverage_share", "Demand covered (share)", False),
    "sites": Criterion("sites", "Open sites", True),
    "sites_cost": Criterion("cost_per_year", "Cost of the open sites per year", True),
    "worst_district": Criterion("worst_district_share", "Demand covered in the worst covered district (share)", False),
}
OBJECTIVES, LIMITED = ("mean_time", "coverage"), ("sites", "sites_cost", "coverage", "worst_district")


def option_table(rows: Sequence[Sequence[Any]] = ()) -> pd.DataFrame:
    """Make a table of options, whose columns have their types with no row as well."""
    frame = pd.DataFrame(rows, columns=list(OPTION_COLUMNS))
    return frame.astype({name: kind for name, kind in OPTION_COLUMNS.items() if kind is not str})


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ParetoFront(Record):
    """Plans none of which beats another on both of two criteria, each with what no plan can beat, and options beside.

    Parameters
    ----------
    objective
        What plans are best in: ``"mean_time"`` or ``"coverage"``.
    against
        What is limited: ``"sites"``, ``"sites_cost"``, ``"coverage"`` or ``"worst_district"``.
    table
        One row per plan, ascending in `against`: the limit on it, what the plan has of it, the objective, the bound
        that no allowed plan within the limit passes, the gap between them, how the search ended, the open sites
        (names separated by ``"; "``).
    options
        One row per option: whether it keeps the rules of the plans, its two values, the objective of the best plan
        found that does no worse in `against`, the bound that no such plan passes, the option's own gap to that bound,
        the row of `table` (from 1) that beats it, 0 for none.
    status_quo
        Name of an option; ``""`` without options.
    notes
        What a reader must know.
    settings
        The rules all plans keep, and how many limits were solved.

    Raises
    ------
    ModelError
        If a plan or an allowed option passes its bound, a gap is missing or below 0, or a plan beats another.

    Notes
    -----
    A gap is |bound - objective| over the larger of the two, 1 where the objective is infinite and the bound is not.
    """

    objective: str
    against: str
    table: pd.DataFrame
    options: pd.DataFrame
    status_quo: str = ""
    notes: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._set(
            table=frozen_table(self.table),
            options=frozen_table(self.options),
            notes=tuple(self.notes),
            settings=frozen_mapping(self.settings),
        )
        problems = Problems()
        problems.check(self.objective in OBJECTIVES, f"the objective is {self.objective!r}", f"one of {OBJECTIVES}")
        problems.check(
            self.against in LIMITED and self.against != self.objective, f"against is {self.against!r}", f"{LIMITED}"
        )
        for name, part, columns in (
            ("table", self.table, POINT_COLUMNS),
            ("options", self.options, tuple(OPTION_COLUMNS)),
        ):
            problems.check(tuple(part.columns) == columns, f"{name} has the columns {list(part)}", f"{list(columns)}")
        problems.raise_as(ModelError)
        self._check_points(problems)
        self._check_options(problems)
        problems.raise_as(ModelError)

    def _check_points(self, problems: Problems) -> None:
        numbers = self.table[["limit", "against", "objective", "bound", "gap"]].to_numpy(np.float64)
        problems.check(len(numbers) > 0, "the front has no plan")
        problems.check(np.isfinite(numbers).all(), "a value, bound or gap of a plan is missing", "finite numbers")
        problems.check((self.table["gap"] >= 0).all(), "a gap is below 0")
        problems.check((np.diff(self.table["against"]) > 0).all(), f"plans are not ascending in {self.against}")
        better = np.diff(self.cost_of("objective")) * (1 if CRITERIA[self.against].least else -1)
        problems.check((better < 0).all(), "a plan beats another on both criteria")
        passed = self.cost_of("bound") - self.cost_of("objective")
        problems.check(
            (passed <= TOLERANCE * self.table["objective"].abs()).all(), "a plan passes the bound that no plan passes"
        )

    def _check_options(self, problems: Problems) -> None:
        rows = self.options
        values = rows[["against", "objective", "best", "bound", "gap"]]
        problems.check(not values.isna().any(axis=None), "a value, bound or gap of an option is missing")
        problems.check(rows["gap"].between(0, 1).all(), "a gap of an option is not in [0, 1]")
        sign = 1 if CRITERIA[self.objective].least else -1
        kept = rows[rows["allowed"] & np.isfinite(rows["objective"])]
        passed = sign * (kept["bound"] - kept["objective"]) > TOLERANCE * kept["objective"].abs()
        problems.check(not passed.any(), "an option passes the bound that no allowed plan passes")
        problems.check(rows["dominated_by"].between(0, len(self.table)).all(), "an option is beaten by no row")
        named = self.status_quo in set(rows["option"]) or (not len(rows) and not self.status_quo)
        problems.check(named, f"the status quo {self.status_quo!r} is no option")

    def cost_of(self, column: str) -> Floats:
        """float64 [plans]: a column so turned that less is better."""
        name = self.against if column in ("limit", "against") else self.objective
        return self.table[column].to_numpy(np.float64) * (1.0 if CRITERIA[name].least else -1.0)

    @property
    def time_limited(self) -> bool:
        """Whether a wall-clock limit ended a search, so that another run may find other plans."""
        return "time limit" in {*self.table["status"], *self.options["status"]}

    @property
    def whole(self) -> bool:
        """Whether the laxest plan is the best of all plans that keep the rules, with no limit at all."""
        side = 1 if CRITERIA[self.against].least else -1
        last = float(self.cost_of("limit").max())
        return last >= side * float(self.settings.get("laxest_limit", np.inf * side))

    @property
    def title(self) -> str:
        """One line."""
        return f"{CRITERIA[self.objective].label} against {CRITERIA[self.against].label.lower()}"

    @property
    def knee(self) -> int | None:
        """Row of the plan where the front bends most: farthest from the line between its ends; None below 3 plans."""
        if len(self.table) < KNEE_POINTS:
            return None
        axes = [self.table[name].to_numpy(np.float64) for name in ("against", "objective")]
        x, y = ((part - part.min()) / np.ptp(part) for part in axes)
        off = np.abs((y[-1] - y[0]) * (x - x[0]) - (x[-1] - x[0]) * (y - y[0]))
        return int(np.argmax(off))

    def to_frame(self) -> pd.DataFrame:
        """One row per plan, the criteria under their own names with their units."""
        return self.table.rename(columns=self._names())

    def options_frame(self) -> pd.DataFrame:
        """One row per option, the criteria under their own names with their units."""
        return self.options.rename(columns=self._names())

    def sentence(self) -> str:
        """Say how far the status quo is from the best possible, what beats it, and where the front bends most."""
        parts = [self._certificate(row) for row in self.options.to_dict("records") if row["option"] == self.status_quo]
        if not parts:
            first, last = (self._plan(row) for row in (0, -1))
            parts = [f"{len(self.table)} plans, from one {first} to one {last}."]
        knee = self.knee
        if knee is not None:
            parts.append(f"The front bends most at the plan {self._plan(knee)}.")
        return " ".join([*parts, f"Widest gap between a plan and its bound: {self.table['gap'].max():.2%}."])

    def summary(self) -> dict[str, object]:
        """Return what is traded, the plans, the widest gap, and how far each option is from the best possible."""
        return {
            "objective": self.objective,
            "against": self.against,
            "plans": len(self.table),
            "widest_gap": float(self.table["gap"].max()),
            "options": {row["option"]: f"{row['gap']:.1%} from the best" for row in self.options.to_dict("records")},
        }

    def _names(self) -> dict[str, str]:
        own, other = CRITERIA[self.objective].column, CRITERIA[self.against].column
        return {
            "limit": f"{other}_limit",
            "against": other,
            "objective": own,
            "best": f"{own}_best",
            "bound": f"{own}_bound",
        }

    def _certificate(self, row: Mapping[Hashable, Any]) -> str:
        subject = f"{row['option']!r} {self._reaches(row['objective'])} {self._amount(row['against'])}"
        limit = {
            "sites": "with as few sites",
            "sites_cost": "as cheap",
            "coverage": "that covers as much",
            "worst_district": "whose worst district is covered as well",
        }[self.against]
        if not row["best_sites"]:
            return f"{subject}; no allowed plan {limit} was found."
        verb = "takes less" if self.objective == "mean_time" else "covers more"
        parts = [f"{subject}; no allowed plan {limit} {verb} than {self._value(row['bound'])} (proven):"]
        parts.append("none is better." if row["gap"] < 5e-4 else f"{row['gap']:.1%} from the best possible.")
        enough = self._as_good(row)
        if enough is not None:
            plan = self.table.iloc[enough]
            parts.append(f"Already a plan {self._amount(plan['against'])} {self._reaches(plan['objective'])}.")
        return " ".join(parts)

    def _as_good(self, row: Mapping[Hashable, Any]) -> int | None:
        """Row of the plan that does best in `against` among those as good in the objective, if it beats an option."""
        signs = [1.0 if CRITERIA[name].least else -1.0 for name in (self.against, self.objective)]
        slack = TOLERANCE * abs(row["objective"]) if np.isfinite(row["objective"]) else 0.0
        good = np.flatnonzero(self.cost_of("objective") <= signs[1] * row["objective"] + slack)
        if not good.size:
            return None
        best = int(good[np.argmin(self.cost_of("against")[good])])
        gained = signs[0] * row["against"] - self.cost_of("against")[best]
        return best if gained > TOLERANCE * abs(row["against"]) else None

    def _plan(self, row: int) -> str:
        plan = self.table.iloc[row]
        return f"{self._amount(plan['against'])} that {self._reaches(plan['objective'])}"

    def _value(self, value: float) -> str:
        return f"{value:,.0f} s" if self.objective == "mean_time" else f"{value:.1%}"

    def _reaches(self, value: float) -> str:
        if self.objective == "coverage":
            return f"covers {value:.1%} within {self.settings.get('within', np.nan):g} s"
        return f"takes {value:,.0f} s on the mean" if np.isfinite(value) else "does not reach all demand"

    def _amount(self, value: float) -> str:
        if self.against == "sites":
            return f"with {value:.0f} site{'s' if value != 1 else ''}"
        if self.against == "sites_cost":
            return f"at {value:,.0f} a year"
        where = "covered" if self.against == "coverage" else "covered in its worst covered district"
        return f"with {value:.1%} {where}"
