"""How options meet demand: what every criterion reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from demandgeo.deployment.people import FIFTHS, People
from demandgeo.deployment.rosters import Roster
from demandgeo.domain import CostMatrix, Demand, Options, PriorityAreas
from demandgeo.domain.record import Codes, Floats, Integers
from demandgeo.domain.travel import Seconds
from demandgeo.kernels.scoring import MEASURES, Measure, score_options
from demandgeo.registry import Artifact

HOURS_OF_A_DAY = 24.0


@dataclass(frozen=True, slots=True)
class Standards:
    """What options are held to; see `deployment.score`."""

    within: float
    fading_to: float
    busy: float
    worse_by: float
    minutes_per_call: float | None
    calls_per_hour: float | None
    visits: int
    visit_minutes: float
    patrol_shift: tuple[str, str]
    officer_cost: float | None
    officer_hours: float
    seed: int


@dataclass(frozen=True, eq=False)
class Performance(Artifact):
    """How options met demand.

    Attributes
    ----------
    tt, demand, options, roster
        Travel times, demand, the options with their bases, and who is on duty.
    columns
        float64 [shifts * n, draws]: demand, scenarios, held-out demand, one after the other.
    standards
        What options are held to.
    areas, people
        Priority areas and residents, where they are given.
    """

    tt: CostMatrix
    demand: Demand
    options: Options
    roster: Roster
    columns: Floats
    standards: Standards
    areas: PriorityAreas | None = None
    people: People | None = None

    def of(self, measure: Measure) -> Floats:
        """float64 [options, draws]: one measure of the kernel."""
        return np.asarray(self._measures[:, measure])

    def each(self, judged: Callable[[int], Floats | float]) -> Floats:
        """float64 [options, draws]: what `judged` says of each option, by draw or for all draws alike."""
        rows = [np.broadcast_to(judged(option), self.draws) for option in range(self.roster.options)]
        return np.array(rows, np.float64)

    def has(self, need: str) -> bool:
        """Whether what a criterion needs is there."""
        return not need or bool(self._given[need])

    @property
    def draws(self) -> int:
        """Number of columns of demand."""
        return int(self.columns.shape[1])

    @property
    def status_quo(self) -> int:
        """Number of the option that is the status quo."""
        return self.options.names.index(self.options.status_quo)

    @cached_property
    def total(self) -> Floats:
        """float64 [draws]: all demand."""
        return np.asarray(self.columns.sum(axis=0))

    @cached_property
    def by_shift(self) -> Floats:
        """float64 [shifts, n, draws]: demand."""
        return self.columns.reshape(self.roster.shifts, -1, self.draws)

    @cached_property
    def seconds(self) -> Seconds:
        """float32 [options, shifts, n]: how soon each place is answered; infinite where nobody comes."""
        return self._answers[0]

    @cached_property
    def answering(self) -> Codes:
        """int32 [options, shifts, n]: the site that answers, -1 nobody."""
        return self._answers[1]

    @cached_property
    def calls(self) -> Floats:
        """float64 [shifts, n, draws]: calls per hour, in proportion to demand."""
        calls = self.standards.calls_per_hour or 0.0
        return self.by_shift / self.total * calls * HOURS_OF_A_DAY / self.roster.hours[:, None, None]

    def only(self, shift: int) -> Performance:
        """Return how options met the demand of one shift, on the demand given alone."""
        columns = np.ascontiguousarray(self.by_shift[shift, :, :1])
        calls, share = self.standards.calls_per_hour, float(columns.sum() / self.total[0])
        standards = replace(self.standards, calls_per_hour=None if calls is None else calls * share)
        return replace(self, roster=self.roster.only(shift), columns=columns, standards=standards)

    @cached_property
    def _answers(self) -> tuple[Seconds, Codes]:
        shape = (self.roster.options, self.roster.shifts, len(self.tt.destinations))
        seconds: Seconds = np.empty(shape, np.float32)
        site: Codes = np.empty(shape, np.int32)
        for option, shift in np.ndindex(shape[:2]):
            seconds[option, shift], site[option, shift] = self.roster.answering(self.tt, option, shift)
        return seconds, site

    @cached_property
    def _given(self) -> dict[str, bool]:
        costed, standards = self._costed, self.standards
        return {
            "districts": self.demand.support.group is not None,
            "residents": self.people is not None,
            "deprivation": self.people is not None and self.people.deprivation is not None,
            "calls": standards.calls_per_hour is not None and standards.minutes_per_call is not None,
            "teams": any(option.teams for option in self.options.options),
            "areas": self.areas is not None,
            "patrols": self.areas is not None and any(option.patrol for option in self.options.options),
            "site costs": costed,
            "all costs": costed and standards.officer_cost is not None,
        }

    @property
    def _costed(self) -> bool:
        """Whether it is known what every open base costs."""
        cost, place = self.tt.origins.column("cost_per_year"), {name: i for i, name in enumerate(self.tt.origins.ids)}
        used = {place[base] for option in self.options.options for base in option.open}
        return cost is not None and bool(np.isfinite(np.asarray(cost, np.float64)[sorted(used)]).all())

    @cached_property
    def _measures(self) -> Floats:
        roster, standards = self.roster, self.standards
        group, part = self._groups
        held = np.zeros((part.shape[0], int(part.max()) + 1, self.draws))
        for kind in range(part.shape[0]):
            np.add.at(held[kind], np.tile(part[kind, group], roster.shifts), self.columns)
        out = np.empty((roster.options, MEASURES, self.draws))
        score_options(
            self.tt.seconds,
            roster.first_site,
            roster.site,
            roster.teams,
            roster.officers,
            roster.assigned,
            roster.assigned_row,
            self.columns,
            self.total,
            group,
            part,
            held.reshape(-1, self.draws),
            standards.within,
            standards.fading_to,
            standards.busy,
            out,
        )
        return out

    @property
    def _groups(self) -> tuple[Integers, Integers]:
        """The group of each place, and the district and the fifth of deprivation of each group, int64 [2, groups]."""
        own = self.demand.support.group
        district = np.zeros(self.demand.support.n, np.int64) if own is None else own.codes.astype(np.int64) + 1
        fifth = np.zeros_like(district) if self.people is None else self.people.fifths()
        numbers, group = np.unique(district * FIFTHS + fifth, return_inverse=True)
        return group.astype(np.int64), np.ascontiguousarray([numbers // FIFTHS, numbers % FIFTHS], np.int64)


NEEDS = {
    "districts": "a district for each place: give group= when the zones are read",
    "residents": "residents: give score zones with a population, or a table of deployment.residents",
    "deprivation": "residents with a column deprivation",
    "calls": "calls_per_hour and minutes_per_call",
    "teams": "teams in the options",
    "areas": "priority areas",
    "patrols": "priority areas, and patrol: {officers, visits} in the options",
    "site costs": "what every open base costs: cost_per_year of the bases, or a column cost_per_year of the origins",
    "all costs": "what sites cost (cost_per_year), and officer_cost",
}
"""What criteria may need, and how it is given."""
