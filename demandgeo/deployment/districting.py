"""Patrol areas: the map divided into connected areas of like workload, each as near to its base as can be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field
from scipy.spatial import KDTree

from demandgeo.deployment.dividing import (
    Division,
    Plan,
    balance_prices,
    centre_bound,
    divide,
    divide_and_centre,
)
from demandgeo.deployment.programs import Effort
from demandgeo.deployment.questions import LISTED, point_demand
from demandgeo.deployment.separators import PAIRS, by_separators
from demandgeo.deployment.travel import straight_line_times
from demandgeo.domain import CostMatrix, Demand, PatrolAreas, Points, Support
from demandgeo.domain.areas import share_text
from demandgeo.domain.beats import BEAT_COLUMNS, connected_parts, joined_neighbours
from demandgeo.domain.record import Floats, Integers, Texts
from demandgeo.errors import ModelError, Problems, did_you_mean
from demandgeo.registry import stage

Balance = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Teams = Annotated[float, Field(gt=0, allow_inf_nan=False)]

STEP_WORK = 700_000_000
"""Subgradient steps x centres x units: 360 steps for 1,400 zones and 60 for 5,000 (3 to 10 s)."""

NODES = 1_000
"""Most branch-and-bound nodes of a small map's integer program."""

BY_PROGRAM = "integer program with separator rows"
BY_SEARCH = "annealed shifts of border units"
BASE_BOUND = "linear program that may split units and areas"
CENTRE_BOUND = "prices of the units, which may be split, as may areas"


@stage("deployment.patrol_areas")
def patrol_areas(
    demand: Demand,
    times: CostMatrix | None = None,
    *,
    areas: Annotated[int, Field(ge=1)] | None = None,
    balance: Balance = 0.15,
    teams: dict[str, Teams] | None = None,
    islands: Literal["refuse", "join"] = "refuse",
    moves: Annotated[int, Field(ge=0)] = 1000,
    seed: int = 0,
) -> PatrolAreas:
    """Divide every unit into connected patrol areas of like workload, so that travel time is least.

    Parameters
    ----------
    demand
        The workload: weigh events by officer minutes or harm first, if they should not count alike. Layers are summed,
        nodata counts 0.
    times
        Seconds from each base to each unit: one area for each base is made, which may stand outside the map. Or, with
        `areas`, from each unit to each; without, straight line x 1.4 at 30 km/h (`deployment.straight_line_times`).
    areas
        How many areas there are, if there are no bases: each is then round the unit of its own from which its workload
        is nearest (Wheeler's p-median with workload and contiguity).
    balance
        Most that the workload per team of an area may differ from the mean: 0.15 is 15 %.
    teams
        Teams of each base, by name, in proportion to which workload is shared; equal shares if not given.
    islands
        ``"refuse"`` a map of parts that do not touch, or ``"join"`` each part to its nearest unit of the rest, which
        the result counts and says.
    moves
        Random shifts that each annealed run looks at, per unit.
    seed
        Of chance and of the solver.

    Returns
    -------
    PatrolAreas
        Labels, one row per area, mean travel time, and a bound that no division within the balance is below. If none
        within the balance was found, `balanced` is False, `reason` says so, and the bound is for the balance reached.

    Raises
    ------
    ModelError
        If there are more areas than units, a team for no base, a unit that no way leads to, parts of the map that do
        not touch, a unit with more workload than an area may have, or no balanced division even of split units. All
        mistakes are listed at once.

    Notes
    -----
    Wheeler (Policing 42, 2019, 373-388) states the problem. Bases: the linear program without contiguity gives a price
    for each base; ways plus prices give areas that hold together almost everywhere, which are mended by growth and
    improved by annealed shifts. No bases: centres move to the middle of their areas, from several starts. Maps of up to
    120 pairs of centre and unit are settled exactly. Fair areas for recorded demand are no evidence that crime falls.

    Examples
    --------
    >>> from demandgeo.domain import Balance as Fates, Grid
    >>> grid = Grid.covering((0, 0, 400, 100), cell=100, crs="EPSG:27700")
    >>> work = Demand(
    ...     grid, np.array([3.0, 1.0, 2.0, 2.0]), "incidents", Fates([8, 0, 0, 0], [8, 0, 0, 0]), "count", "2018"
    ... )
    >>> plan = patrol_areas(work, areas=2)
    >>> plan.labels.tolist(), plan.optimal, plan.relative_workload.tolist()
    ([0, 0, 1, 1], True, [1.0, 1.0])
    """
    problems = Problems()
    chosen = _centres_chosen(demand, times, areas, problems)
    problems.check(balance >= 0, f"balance is {balance}", "a share >= 0 was needed")
    problems.raise_as(ModelError)
    matrix = straight_line_times(demand, demand) if times is None else times
    work = point_demand(matrix, demand, problems)
    size = _team_sizes(matrix.origins, areas if chosen else None, teams, problems)
    problems.check(size.size <= work.size, f"{size.size} areas for {work.size} units", "no more than units were needed")
    problems.raise_as(ModelError)
    crossings = _crossings(demand.support, islands)
    graph = joined_neighbours(demand.support, crossings)
    seconds = np.asarray(matrix.seconds, np.float64)
    division = Division(graph, seconds, work / work.sum(), size / size.sum(), balance, chosen)
    _check_units(division, matrix.destinations)
    plan, bound, method = _best(division, seed, moves)
    settings = {
        "centres": "chosen" if chosen else "bases",
        "profile": matrix.profile,
        "travel": str(matrix.provenance.get("method", "given")),
        "islands": islands,
        "moves": moves,
        "seed": seed,
    }
    table = _table(demand, matrix.origins, division, plan).assign(teams=size)
    reason = ""
    if not plan.balanced:
        none = "there is" if BY_PROGRAM in method else "was found"
        reason = f"no division of connected areas within {share_text(balance)} {none}"
    return PatrolAreas(
        demand=demand,
        labels=plan.label,
        teams=size,
        table=table[list(BEAT_COLUMNS)],
        objective=plan.cost,
        bound=bound,
        gap=(plan.cost - bound) / plan.cost if plan.cost > 0 else 0.0,
        method=method,
        balance=balance,
        reason=reason,
        crossings=crossings,
        settings=settings,
    )


def _centres_chosen(demand: Demand, times: CostMatrix | None, areas: int | None, problems: Problems) -> bool:
    n = demand.support.n
    if areas is None:
        problems.check(times is not None, "neither bases nor a number of areas are given", "times from bases, or areas")
        return False
    problems.check(1 <= areas <= n, f"areas is {areas} and there are {n} units", "a number between 1 and that")
    problems.check(
        times is None or times.shape == (n, n),
        f"{areas} areas are to be made, and the times lead from {len(times.origins) if times else 0} origins",
        f"times from each of the {n} units were needed, or none",
        "leave areas out to make one area for each base",
    )
    return True


def _team_sizes(origins: Points, areas: int | None, teams: Mapping[str, float] | None, problems: Problems) -> Floats:
    """float64 [areas]: the teams of each."""
    if areas is not None:
        problems.check(not teams, "teams are given and there are no bases", "give times from the bases")
        return np.ones(areas)
    if teams is None:
        return np.ones(len(origins))
    for name, number in teams.items():
        problems.check(name in origins.ids, f"teams: there is no base {name!r}", remedy=did_you_mean(name, origins.ids))
        problems.check(0 < number < np.inf, f"base {name!r} has {number} teams", "a number above 0 was needed")
    for name in origins.ids:
        problems.check(name in teams, f"base {name!r} has no number of teams", "one for each base was needed")
    return np.array([teams.get(name, 1.0) for name in origins.ids], np.float64)


def _crossings(support: Support, islands: str) -> Integers:
    """int64 [c, 2]: the pairs of units that join the parts of the map, each the nearest between a part and the rest."""
    part = connected_parts(np.zeros(support.n, np.int64), support.neighbours())
    names, sizes = np.unique(part, return_counts=True)
    joined = part == names[np.argmax(sizes)]
    if joined.all():
        return np.empty((0, 2), np.int64)
    if islands == "refuse":
        lost = np.flatnonzero(~joined)
        raise ModelError(
            f"{lost.size} units do not touch the rest of the map ({_listed(support.ids, lost)})",
            "one connected map was needed, or no area round them is in one piece",
            'give islands="join" to join each part to its nearest unit, or leave them out of the support',
        )
    places = Points.of_units(support)
    at = np.column_stack([places.x, places.y])
    found = []
    while not joined.all():
        inside, outside = np.flatnonzero(joined), np.flatnonzero(~joined)
        distance, near = KDTree(at[inside]).query(at[outside])
        nearest = int(np.argmin(distance))
        found.append((int(inside[near[nearest]]), int(outside[nearest])))
        joined |= part == part[outside[nearest]]
    return np.array(found, np.int64)


def _listed(ids: Any, rows: Integers) -> str:
    return ", ".join(str(ids[row]) for row in rows[:LISTED]) + (", ..." if rows.size > LISTED else "")


def _check_units(division: Division, places: Points) -> None:
    problems = Problems()
    lost = np.flatnonzero(~np.isfinite(division.seconds).any(axis=0))
    problems.check(
        not lost.size,
        f"no way leads to {lost.size} units ({_listed(places.ids, lost)})",
        "a way from a base to every unit was needed",
        "look at the network, give times without a limit, or leave these units out of the support",
    )
    large = np.flatnonzero(division.share > division.most.max())
    if large.size:
        largest = int(np.argmax(division.share))
        does = division.share[largest] / division.fair.max() - 1.0
        problems.add(
            f"{large.size} units alone have more workload than an area may have ({_listed(places.ids, large)})",
            f"no area may be more than {share_text(division.balance)} above its fair share",
            f"a balance of {np.ceil(1000 * does) / 1000:g} or more would do for {places.ids[largest]}; "
            "or make fewer areas, or smaller units",
        )
    problems.raise_as(ModelError)


def _best(division: Division, seed: int, moves: int) -> tuple[Plan, float, str]:
    """Return the best plan, its bound, and how they were found."""
    effort = Effort(0.0, NODES, None, seed, 0.0)
    if division.seconds.size > PAIRS:
        return _searched(division, effort, moves)
    proven = by_separators(division, effort)
    if proven.plan is not None and proven.plan.balanced:
        return proven.plan.in_order(), max(0.0, min(proven.bound, proven.plan.cost)), BY_PROGRAM
    plan, bound, method = _searched(division, effort, moves)
    if proven.finished:
        return plan, bound, f"{method}; that none is balanced: {BY_PROGRAM}"
    return plan, max(bound, min(proven.bound, plan.cost)) if plan.balanced else bound, method


def _searched(division: Division, effort: Effort, moves: int) -> tuple[Plan, float, str]:
    if division.chosen:
        steps = max(60, min(800, STEP_WORK // division.seconds.size))
        plan, bound = divide_and_centre(division, seed=effort.seed, moves=moves, steps=steps)
        if not plan.balanced:
            bound = centre_bound(division.within(division.reached(plan.label)), plan, steps)[0]
        way = CENTRE_BOUND
    else:
        prices = balance_prices(division, effort)
        if prices is None:
            raise ModelError(
                f"no division is within {share_text(division.balance)} of even workload, even if units are split",
                "ways from the bases to enough units were needed",
                "give a greater balance, or look at the units that few bases can reach",
            )
        plan = divide(division, prices, seed=effort.seed, moves=moves)
        bound = prices.bound(division.within(max(division.balance, division.reached(plan.label))))
        way = BASE_BOUND
    return plan.in_order(), max(0.0, min(bound, plan.cost)), f"{BY_SEARCH}; bound: {way}"


def _table(demand: Demand, origins: Points, division: Division, plan: Plan) -> pd.DataFrame:
    """One row per area, without its teams."""
    k, support, work = division.areas, demand.support, np.nan_to_num(demand.total)
    label, centre = plan.label, plan.centre
    seconds = division.seconds[centre[label], np.arange(label.size)]
    lost = np.flatnonzero(~np.isfinite(seconds))
    if lost.size:
        raise ModelError(
            f"no way leads to {lost.size} units from the base of their area ({_listed(support.ids, lost)}), and no "
            "connected areas that avoid it were found",
            "ways from every base to the units about it were needed",
        )
    held = np.bincount(label, work, minlength=k)
    spent = np.bincount(label, work * seconds, minlength=k)
    longest = np.zeros(k)
    np.maximum.at(longest, label, seconds)
    base = np.array(origins.ids)[centre]
    columns = {
        "area": np.arange(k),
        "name": _names(support, centre) if division.chosen else base,
        "base": base,
        "units": np.bincount(label, minlength=k),
        "extent": np.bincount(label, support.extent, minlength=k),
        "demand": held,
        "demand_share": held / work.sum(),
        "relative_workload": held / work.sum() / division.fair,
        "mean_seconds": np.divide(spent, held, out=np.full(k, np.nan), where=held > 0),
        "max_seconds": longest,
        "districts": _districts(support, label, k),
    }
    return pd.DataFrame(columns)


def _names(support: Support, centre: Integers) -> Texts:
    names = np.asarray(getattr(support, "names", support.ids)).astype(str)
    return np.asarray(names[centre], np.str_)


def _districts(support: Support, label: Integers, k: int) -> Integers:
    """int64 [areas]: the districts that each meets; 0 where the support has none."""
    if support.group is None:
        return np.zeros(k, np.int64)
    known = support.group.codes >= 0
    pairs = np.unique(np.column_stack([label[known], support.group.codes[known]]), axis=0)
    return np.bincount(pairs[:, 0], minlength=k)
