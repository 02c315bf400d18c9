"""A question of location as numbers: checked, with only the points that have demand and the rules on the sites."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from demandgeo.deployment.rules import Rules
from demandgeo.domain import CostMatrix, Demand, Points
from demandgeo.domain.events import counted_in
from demandgeo.domain.record import Floats, Integers, Mask
from demandgeo.errors import ModelError, Problems, did_you_mean
from demandgeo.kernels.siting import FREE, MUST, NEVER

LISTED = 5


@dataclass(frozen=True, slots=True)
class Question:
    """What a search for sites works on.

    Parameters
    ----------
    seconds
        float64 [sites, points]: the points with demand only.
    weight
        float64 [points], above 0.
    points
        int64 [points]: which of the destinations they are.
    demand
        float64 [destinations].
    rules
        Which choices are allowed.
    measure
        Unit of the demand.
    left_out, demand_left_out
        Points with demand that no allowed site reaches, and their demand, where they are left out.
    """

    seconds: Floats
    weight: Floats
    points: Integers
    demand: Floats
    rules: Rules
    measure: str
    left_out: int
    demand_left_out: float

    @classmethod
    def of(cls, matrix: CostMatrix, demand: Demand | NDArray[Any], settings: Mapping[str, Any]) -> Question:
        """State a question; `settings` are those of `deployment.locate`."""
        problems = Problems()
        weights = point_demand(matrix, demand, problems)
        _check_settings(settings, problems)
        rules = _rules(matrix.origins, settings, problems)
        problems.raise_as(ModelError)
        _check_rules(rules, settings)
        some = weights > 0
        usable = matrix.seconds[rules.state != NEVER]
        limit = settings["within"] if settings["model"] == "lscp" else np.finfo(np.float32).max
        served = (usable <= limit).any(axis=0)
        lost = some & ~served
        if settings["model"] in ("p-median", "p-centre", "lscp"):
            if settings["unreachable"] == "refuse":
                _refuse_unreachable(matrix.destinations, lost, settings)
            some &= served
        else:
            lost[:] = False
        if not some.any():
            raise ModelError("no demand point can be reached", "some were needed")
        points = np.flatnonzero(some)
        return cls(
            seconds=np.ascontiguousarray(matrix.seconds[:, points], np.float64),
            weight=weights[points],
            points=points,
            demand=weights,
            rules=rules,
            measure=_measure(demand) if isinstance(demand, Demand) else "demand",
            left_out=int(lost.sum()),
            demand_left_out=float(weights[lost].sum()),
        )

    def weighted(self, cost: Floats) -> Floats:
        """float64 [sites, points]: a cost per unit of demand times the demand."""
        return np.asarray(cost * self.weight)

    def nearest(self, chosen: Integers) -> Integers:
        """int64 [points]: the nearest open site, the first of equals; -1 where none has a way."""
        times = self.seconds[chosen]
        site = chosen[np.argmin(times, axis=0)]
        return np.where(np.isfinite(times.min(axis=0)), site, -1)

    def whole_assignment(self, assignment: Integers) -> Integers:
        """int64 [destinations]: the site of each destination; -1 for those without demand or left out."""
        whole = np.full(self.demand.size, -1)
        whole[self.points] = assignment
        return whole


def point_demand(matrix: CostMatrix, demand: Demand | NDArray[Any], problems: Problems) -> Floats:
    """Return the demand at each destination, float64 [n]; nodata counts 0."""
    values = np.nan_to_num(demand.total) if isinstance(demand, Demand) else np.asarray(demand, np.float64)
    n = len(matrix.destinations)
    fits = problems.check(
        values.shape == (n,),
        f"demand has the shape {values.shape}, the travel times {n} destinations",
        "one number per destination was needed",
    )
    if isinstance(demand, Demand) and fits and matrix.destinations.located.any():
        ids = tuple(map(str, demand.support.ids.tolist()))
        problems.check(
            ids == matrix.destinations.ids,
            "the travel times lead to other places than the demand is on",
            "the same places in the same order were needed",
            "give the demand, or its support, as the destinations of deployment.travel_times",
        )
    finite = problems.check(np.isfinite(values).all() and (values >= 0).all(), "a demand is negative or not finite")
    if finite:
        problems.check(values.any(), "there is no demand", "some above 0 was needed")
    return values


def _measure(demand: Demand) -> str:
    """Say what demand is: sums of weights are harm, or KSI."""
    return counted_in(demand.weight_name) if demand.measure == "weight" else demand.measure


def _check_settings(settings: Mapping[str, Any], problems: Problems) -> None:
    model, within, fading = settings["model"], settings["within"], settings["fading_to"]
    if model in ("mclp", "backup", "expected", "lscp", "gradual"):
        problems.check(within is not None and within >= 0, f"within is {within}", f"{model} needs seconds >= 0")
    if model == "gradual" and within is not None:
        problems.check(fading is not None and fading > within, f"fading_to is {fading}", f"seconds above {within}")
    problems.check(0 <= settings["busy"] < 1, f"busy is {settings['busy']}", "a share in [0, 1) was needed")
    problems.check(0 <= settings["backup_weight"] <= 1, f"backup_weight is {settings['backup_weight']}", "0 to 1")
    problems.check(settings["gap"] >= 0, f"gap is {settings['gap']}", "a share >= 0 was needed")
    for name, least in (("alternatives", 0), ("changed", 1), ("nodes", 1)):
        problems.check(settings[name] >= least, f"{name} is {settings[name]}", f"{least} or more was needed")
    needs_size = model != "lscp" and settings["budget"] is None
    problems.check(settings["p"] is not None or not needs_size, "p is not given", "a number of sites was needed")
    if settings["workload"] is not None:
        bounds = list(settings["workload"])
        problems.check(model == "p-median", f"workload is set for {model}", "it bounds a p-median")
        problems.check(len(bounds) == 2 and 0 <= bounds[0] <= bounds[1], f"workload is {bounds}", "least and most")
    problems.check(
        model != "p-centre" or not settings["alternatives"], "alternatives are not given for p-centre", "0 was needed"
    )


def _rules(sites: Points, settings: Mapping[str, Any], problems: Problems) -> Rules:
    state = np.full(len(sites), FREE)
    chosen = {name: _rows(sites, name, settings[name], problems) for name in ("fixed", "forbidden")}
    both = np.intersect1d(chosen["fixed"], chosen["forbidden"])
    problems.check(not both.size, f"{[sites.ids[i] for i in both]} are both fixed and forbidden")
    state[chosen["fixed"]], state[chosen["forbidden"]] = MUST, NEVER
    cost = np.ones(len(sites))
    if settings["budget"] is not None:
        given = sites.column("cost_per_year")
        if problems.check(given is not None, "a budget is given and sites have no costs", "a column cost_per_year"):
            cost = np.asarray(given, np.float64)
            problems.check((cost >= 0).all(), "a cost is negative or missing", "numbers >= 0 were needed")
    minima = tuple(_minima(sites, settings["district_minima"], problems))
    return Rules(state, settings["p"], cost, settings["budget"], minima)


def _rows(sites: Points, what: str, names: Sequence[str | int], problems: Problems) -> Integers:
    places = {name: row for row, name in enumerate(sites.ids)}
    rows = []
    for name in names:
        known = problems.check(
            str(name) in places, f"{what}: there is no site {str(name)!r}", remedy=did_you_mean(str(name), sites.ids)
        )
        rows += [places[str(name)]] if known else []
    return np.array(rows, np.int64)


def _minima(sites: Points, minima: Mapping[str, int] | None, problems: Problems) -> list[tuple[Integers, int]]:
    district = sites.column("district")
    if not minima or not problems.check(district is not None, "district minima are given and sites have no district"):
        return []
    found = []
    for name, number in minima.items():
        members = np.flatnonzero(district == name)
        problems.check(
            0 <= number <= members.size,
            f"district {name!r} needs {number} sites and has {members.size}",
            remedy=did_you_mean(name, map(str, np.unique(np.asarray(district, str)))) if not members.size else "",
        )
        found.append((members, number))
    return found


def _check_rules(rules: Rules, settings: Mapping[str, Any]) -> None:
    problems, size = Problems(), rules.size
    musts, usable = int((rules.state == MUST).sum()), int((rules.state != NEVER).sum())
    if size is not None:
        problems.check(
            1 <= size <= usable, f"p is {size} and {usable} sites may be open", "a number between 1 and that was needed"
        )
        problems.check(musts <= size, f"{musts} sites are fixed and p is {size}", "no more than p were needed")
        least = sum(number for _, number in rules.least)
        problems.check(least <= size, f"the district minima sum to {least} and p is {size}")
    if settings["budget"] is not None:
        spent = float(rules.cost[rules.state == MUST].sum())
        problems.check(
            spent <= settings["budget"], f"the fixed sites cost {spent:g}, the budget is {settings['budget']:g}"
        )
    problems.raise_as(ModelError)


def _refuse_unreachable(places: Points, lost: Mask, settings: Mapping[str, Any]) -> None:
    if lost.any():
        first = ", ".join(places.ids[i] for i in np.flatnonzero(lost)[:LISTED])
        limit = f" within {settings['within']:g} s" if settings["model"] == "lscp" else ""
        more = ", ..." if lost.sum() > LISTED else ""
        raise ModelError(
            f"no allowed site reaches {int(lost.sum())} demand points{limit} ({first}{more})",
            "a way from a site to every demand point was needed",
            'add sites, look at the network, or give unreachable="leave out"',
        )
