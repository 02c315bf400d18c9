"""Who is on duty where in each shift: options as the arrays that scoring works on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from demandgeo.deployment.location import locate
from demandgeo.domain import CostMatrix, Demand, Option, Options
from demandgeo.domain.record import Codes, Floats, Integers
from demandgeo.errors import ModelError, Problems, did_you_mean

NEAREST = -1


@dataclass(frozen=True, eq=False)
class Roster:
    """The bases on duty of each option in each shift, option after option.

    Attributes
    ----------
    first_site, site
        Compressed sparse rows [options * shifts]: rows of the travel times, ascending.
    teams, officers
        float64, at each of `site`.
    assigned, assigned_row
        int32 [rows, points]: the site that answers a point, -1 the nearest; int64 [options]: the row that holds for an
        option, -1 where the nearest site answers everything.
    hours
        float64 [shifts], length of each.
    """

    first_site: Integers
    site: Integers
    teams: Floats
    officers: Floats
    assigned: Codes
    assigned_row: Integers
    hours: Floats

    @classmethod
    def of(cls, options: Options, tt: CostMatrix, demand: Demand) -> Roster:
        """Lay out options whose bases are known.

        Raises
        ------
        ModelError
            If an option names a base that `tt` does not have, or assigns what is no unit and no district.
        """
        problems, place = Problems(), {name: row for row, name in enumerate(tt.origins.ids)}
        for option in options.options:
            for name in option.open:
                if name not in place:  # the nearest name is dear to find
                    found = f"option {option.name!r}: the travel times have no site {name!r}"
                    problems.add(found, remedy=did_you_mean(name, place))
        problems.raise_as(ModelError)
        first, site, teams, officers = [0], list[int](), list[float](), list[float]()
        for option in options.options:
            for shift in options.shift_names:
                duty = sorted((place[base], option.teams_at(base, shift)) for base in option.open)
                on = [(row, number) for row, number in duty if number]
                site += [row for row, _ in on]
                teams += [float(number) for _, number in on]
                officers += [number * option.officers_per_team for _, number in on]
                first.append(len(site))
        rows = [_assigned(option, place, demand, problems) for option in options.options]
        problems.raise_as(ModelError)
        kept = [row for row in rows if row is not None]
        number = np.cumsum([row is not None for row in rows]) - 1
        return cls(
            np.array(first, np.int64),
            np.array(site, np.int64),
            np.array(teams),
            np.array(officers),
            np.array(kept, np.int32).reshape(len(kept), demand.support.n),
            np.where([row is not None for row in rows], number, NEAREST).astype(np.int64),
            options.shift_hours,
        )

    @property
    def shifts(self) -> int:
        """Number of shifts."""
        return self.hours.size

    @property
    def options(self) -> int:
        """Number of options."""
        return self.assigned_row.size

    def duty(self, option: int, shift: int) -> slice:
        """Return where `site`, `teams` and `officers` of an option in a shift stand."""
        row = option * self.shifts + shift
        return slice(int(self.first_site[row]), int(self.first_site[row + 1]))

    def only(self, shift: int) -> Roster:
        """Return the roster of one shift alone."""
        parts = [self.duty(option, shift) for option in range(self.options)]
        first = np.concatenate([[0], np.cumsum([part.stop - part.start for part in parts])]).astype(np.int64)
        kept = np.concatenate([np.arange(part.start, part.stop) for part in parts]).astype(np.int64)
        return replace(
            self,
            first_site=first,
            hours=self.hours[shift : shift + 1],
            **{name: getattr(self, name)[kept] for name in ("site", "teams", "officers")},
        )

    def answering(self, tt: CostMatrix, option: int, shift: int) -> tuple[Floats, Integers]:
        """Return how soon each point is answered, float64 [points], and by whom, int64; inf and -1: by nobody."""
        sites, points = self.site[self.duty(option, shift)], len(tt.destinations)
        if not sites.size:
            return np.full(points, np.inf), np.full(points, -1)
        times = tt.seconds[sites].astype(np.float64)
        rank = times.argmin(axis=0)
        row = self.assigned_row[option]
        if row >= 0:
            own = np.searchsorted(sites, self.assigned[row]).clip(max=sites.size - 1)
            rank = np.where(sites[own] == self.assigned[row], own, rank)
        seconds: Floats = times[rank, np.arange(points)]
        return seconds, np.where(np.isfinite(seconds), sites[rank], -1)


def resolved(options: Options, tt: CostMatrix, demand: Demand) -> tuple[Options, dict[str, Any]]:
    """Search for the options that say how, on this demand; return their proofs beside.

    Fixed and closed bases bind every search.
    """
    made, proofs = [], {}
    for option in options.options:
        if not option.search:
            made.append(option)
            continue
        rules = dict(option.search)
        for status, key in (("fixed", "fixed"), ("closed", "forbidden")):
            names = [*rules.get(key, ()), *options.with_status(status)]
            if names:
                rules[key] = tuple(dict.fromkeys(map(str, names)))
        best = locate(tt, demand, **rules)
        made.append(replace(option, open=best.open_ids, search={}))
        proofs[option.name] = best.sentence()
    return replace(options, options=tuple(made)), proofs


def priced(tt: CostMatrix, options: Options) -> CostMatrix:
    """Return travel times whose origins cost what the options' bases say they cost."""
    stated = options.bases.dropna(subset="cost_per_year")
    if stated.empty:
        return tt
    unknown, problems = sorted(set(stated["base"]) - set(tt.origins.ids)), Problems()
    for name in unknown:
        problems.add(f"bases: the travel times have no site {name!r}", remedy=did_you_mean(name, tt.origins.ids))
    problems.raise_as(ModelError)
    own = tt.origins.column("cost_per_year")
    cost = np.full(len(tt.origins), np.nan) if own is None else np.array(own, np.float64)
    place = {name: row for row, name in enumerate(tt.origins.ids)}
    cost[[place[name] for name in stated["base"]]] = stated["cost_per_year"]
    table = tt.origins.table.reset_index(drop=True).assign(cost_per_year=cost)
    return replace(tt, origins=replace(tt.origins, table=table))


def _assigned(option: Option, place: dict[str, int], demand: Demand, problems: Problems) -> Codes | None:
    """Return the site that answers each unit, int32 [n], -1 the nearest; None if the nearest answers all."""
    if not option.assignment:
        return None
    support, group = demand.support, demand.support.group
    units = {str(name): row for row, name in enumerate(support.ids.tolist())}
    districts = () if group is None else group.names
    found = np.full(support.n, NEAREST, np.int32)
    # Districts first, so that what is said of a single unit holds.
    for name in sorted(option.assignment, key=lambda name: name in units):
        base = place[option.assignment[name]]
        if name in units:
            found[units[name]] = base
        elif group is not None and name in districts:
            found[group.codes == districts.index(name)] = base
        else:
            problems.add(
                f"option {option.name!r} assigns {name!r}, which is no unit and no district",
                remedy=did_you_mean(name, districts or units),
            )
    return found
