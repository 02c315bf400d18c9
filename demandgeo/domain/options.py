"""Deployment options, and the demand that they may have to meet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from demandgeo.domain.demand import Demand
from demandgeo.domain.record import Floats, Record, frozen_array, frozen_mapping, frozen_table
from demandgeo.errors import ModelError, Problems, did_you_mean

EVERY = ""
"""Stands for every open base, or for every shift."""

BASE_COLUMNS = ("base", "status", "cost_per_year")
STATUSES = ("fixed", "candidate", "closed")

DAY_MINUTES = 24 * 60


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Option(Record):
    """One way to deploy: which bases are open, or the search that finds them, and who is on duty there.

    Parameters
    ----------
    name
        Of the option.
    open
        Names of the open bases; empty if they are searched for.
    search
        Settings of `deployment.locate`.
    teams
        Teams on duty by base and shift, ``{base: {shift: teams}}``; the name ``""`` stands for every open base, or for
        every shift. Empty: one team at each open base around the clock.
    officers_per_team
        Above 0.
    assignment
        The base that answers a unit or a whole district, by its name; the nearest one answers all others.
    patrol
        ``officers`` on hot-spot patrol in a shift and ``visits`` to each priority area, a number or one per area; empty
        if there are none.

    Raises
    ------
    ModelError
        Listing every rule that is broken.
    """

    name: str
    open: tuple[str, ...] = ()
    search: Mapping[str, Any] = field(default_factory=dict)
    teams: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    officers_per_team: float = 1.0
    assignment: Mapping[str, str] = field(default_factory=dict)
    patrol: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._set(
            open=tuple(map(str, self.open)),
            **{name: frozen_mapping(getattr(self, name)) for name in ("search", "teams", "assignment", "patrol")},
        )
        problems = Problems()
        problems.check(
            bool(self.open) != bool(self.search), f"option {self.name!r} needs open sites, or a search, and not both"
        )
        problems.check(len(set(self.open)) == len(self.open), f"option {self.name!r} opens a site twice")
        numbers = [number for shifts in self.teams.values() for number in shifts.values()]
        problems.check(
            all(isinstance(number, int) and number >= 0 for number in numbers),
            f"option {self.name!r} has teams {numbers}",
            "whole numbers >= 0 were needed",
        )
        problems.check(not numbers or any(numbers), f"option {self.name!r} has no team on duty", "one was needed")
        good = 0 < self.officers_per_team < np.inf
        problems.check(good, f"option {self.name!r} has {self.officers_per_team} officers per team", "more than 0")
        if self.open:
            for base in {*self.teams, *self.assignment.values()} - {EVERY, *self.open}:
                problems.add(
                    f"option {self.name!r} uses the base {base!r} and does not open it",
                    "a base that is open was needed",
                    did_you_mean(base, self.open),
                )
        for key in self.patrol.keys() - {"officers", "visits"}:
            problems.add(f"option {self.name!r}: patrol has {key!r}", remedy=did_you_mean(key, ("officers", "visits")))
        problems.raise_as(ModelError)

    def teams_at(self, base: str, shift: str) -> int:
        """Return how many teams a base has on duty in a shift."""
        if not self.teams:
            return 1
        for who in (base, EVERY):
            for when in (shift, EVERY):
                if when in self.teams.get(who, {}):
                    return int(self.teams[who][when])
        return 0


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Options(Record):
    """Options to compare, which of them is the status quo, the shifts of a day, and what may be done with each base.

    Parameters
    ----------
    options
        With distinct names.
    status_quo
        Name of the option that changes are counted from.
    shifts
        When each begins and ends, ``{"late": ("15:00", "23:00")}``; together they fill the day once. Empty: one shift
        around the clock.
    bases
        One row each: base, status (``"fixed"`` stays open in every option, ``"candidate"``, ``"closed"`` may not be
        opened), cost_per_year (NaN: the sites' own column says it). Bases that it does not name are candidates.

    Raises
    ------
    ModelError
        Listing every rule that is broken.

    Examples
    --------
    >>> options = Options.of({"now": ["A", "B"], "east": ["B", "C"]}, status_quo="now")
    >>> options.names
    ('now', 'east')
    """

    options: tuple[Option, ...]
    status_quo: str
    shifts: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    bases: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(BASE_COLUMNS)))

    def __post_init__(self) -> None:
        self._set(options=tuple(self.options), shifts=frozen_mapping(self.shifts), bases=frozen_table(self.bases))
        problems = Problems()
        problems.check(len(set(self.names)) == len(self.names), "an option's name stands twice", "distinct names")
        problems.check(
            self.status_quo in self.names,
            f"the status quo {self.status_quo!r} is no option",
            remedy=did_you_mean(self.status_quo, self.names),
        )
        columns = tuple(self.bases.columns)
        problems.check(columns == BASE_COLUMNS, f"bases have the columns {columns}", f"{BASE_COLUMNS}")
        for problem in _day(self.shifts):
            problems.add(*problem)
        problems.raise_as(ModelError)
        self._check_bases(problems)
        for option in self.options:
            for shift in {shift for teams in option.teams.values() for shift in teams} - {EVERY, *self.shifts}:
                known = tuple(self.shifts)
                problems.add(
                    f"option {option.name!r} has teams in the shift {shift!r}",
                    f"one of {', '.join(known)}" if known else "shifts, which the options do not state",
                    did_you_mean(shift, known),
                )
        problems.raise_as(ModelError)

    def _check_bases(self, problems: Problems) -> None:
        for status in sorted(set(self.bases["status"]) - set(STATUSES)):
            problems.add(f"a base is {status!r}", f"one of {', '.join(STATUSES)}", did_you_mean(status, STATUSES))
        problems.check(self.bases["base"].is_unique, "a base stands twice")
        problems.check(not (self.bases["cost_per_year"] < 0).any(), "a base costs less than 0")
        fixed, closed = self.with_status("fixed"), self.with_status("closed")
        for option in self.options:
            if option.open:
                for base in fixed:
                    problems.check(base in option.open, f"option {option.name!r} closes {base!r}, which is fixed")
                for base in closed:
                    problems.check(base not in option.open, f"option {option.name!r} opens {base!r}, which is closed")

    @classmethod
    def of(cls, open_sites: Mapping[str, Sequence[str]], *, status_quo: str) -> Options:
        """Make options from the open sites of each."""
        return cls(tuple(Option(name, tuple(map(str, sites))) for name, sites in open_sites.items()), status_quo)

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each option."""
        return tuple(option.name for option in self.options)

    @property
    def shift_names(self) -> tuple[str, ...]:
        """Name of each shift; one without a name if none are stated."""
        return tuple(self.shifts) or (EVERY,)

    @property
    def shift_hours(self) -> Floats:
        """float64 [shifts]: length of each."""
        spans = [(minute_of(begins), minute_of(ends)) for begins, ends in self.shifts.values()]
        minutes = [(ends - begins) % DAY_MINUTES or DAY_MINUTES for begins, ends in spans]
        return np.array(minutes or [DAY_MINUTES], np.float64) / 60.0

    def with_status(self, status: str) -> list[str]:
        """Return the bases of a status."""
        return [str(base) for base in self.bases["base"][self.bases["status"] == status]]

    def summary(self) -> dict[str, object]:
        """Return the names, the status quo and the shifts."""
        return {"options": self.names, "status_quo": self.status_quo, "shifts": dict(self.shifts)}


def minute_of(clock: str) -> int:
    """Return the minute of the day of a time such as ``"07:00"``."""
    return int(clock[:2]) * 60 + int(clock[3:])


def _day(shifts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Say what keeps shifts from filling the day exactly once."""
    clocks = [clock for hours in shifts.values() for clock in hours]
    for clock in clocks:
        shaped = isinstance(clock, str) and len(clock) == 5 and clock[2] == ":" and (clock[:2] + clock[3:]).isdigit()
        if not (shaped and int(clock[:2]) < 24 and int(clock[3:]) < 60):
            yield f"a shift begins or ends at {clock!r}", "a time such as '07:00' was needed (in quotes)"
            return
    for name, hours in shifts.items():
        if len(hours) != 2:
            yield f"shift {name!r} has {len(hours)} times", "when it begins and when it ends were needed"
            return
    ordered = sorted(shifts, key=lambda name: minute_of(shifts[name][0]))
    for name, following in zip(ordered, [*ordered[1:], *ordered[:1]], strict=True):
        ends, begins = shifts[name][1], shifts[following][0]
        if ends != begins:
            yield (
                f"shift {name!r} ends at {ends} and {following!r} begins at {begins}",
                "shifts that fill the day once, without a gap or an overlap, were needed",
            )


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Scenarios(Record):
    """Demand that might have been recorded instead, and the demand of a period that is held out.

    Parameters
    ----------
    values
        float64 [n, draws], >= 0; with shifts [shifts * n, draws], shift after shift.
    held_out
        Scored apart; no search sees it.
    provenance
        Method and seed.
    """

    values: Floats
    held_out: Demand | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._set(values=frozen_array(self.values, np.float64), provenance=frozen_mapping(self.provenance))
        problems = Problems()
        two = problems.check(self.values.ndim == 2, f"scenarios have {self.values.ndim} dimensions", "[n, draws]")
        finite = np.isfinite(self.values).all() and (self.values >= 0).all()
        problems.check(finite, "a demand is negative or not finite", "numbers >= 0 were needed")
        if two:
            problems.check((self.values.sum(axis=0) > 0).all(), "a scenario has no demand", "some was needed in each")
        problems.raise_as(ModelError)

    def summary(self) -> dict[str, object]:
        """Return the number of draws, the method and the held-out period."""
        held = "none" if self.held_out is None else self.held_out.period
        return {"draws": self.values.shape[1], "held_out": held, **self.provenance}
