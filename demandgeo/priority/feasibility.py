"""Why there can be no plan: each reason given here is a proof."""

from __future__ import annotations

import numpy as np

from demandgeo.domain.areas import share_text
from demandgeo.errors import ModelError, Problems
from demandgeo.priority.problem import Problem
from demandgeo.priority.searching import pieces_needed

PROVABLE = 2_000
"""Units up to which it is worth asking the solver whether there is any plan at all."""


def refuse_impossible(problem: Problem) -> None:
    """Raise a ModelError if counting alone shows that no choice keeps the rules.

    A part lies in one connected piece of its district, so pieces of too little extent hold none, a floor takes at least
    as many parts as its greatest pieces, and so many parts hold at most what so many pieces hold.
    """
    problems = Problems()
    _check_pieces(problem, problems)
    problems.raise_as(ModelError)
    _check_counts(problem, problems)
    problems.raise_as(ModelError)
    if problem.most_demand:
        _check_budget(problem, problems)
    else:
        _check_reach(problem, problems)
    problems.raise_as(ModelError)


def unsolved(problem: Problem, *, proved: bool) -> ModelError:
    """Return the error of a problem for which no plan was found; it names the rules that only together are too many."""
    rules = problem.rules
    given = {
        "min_area": rules.least > 0,
        "quota": rules.quota.any(),
        "quota_share": rules.floor.any(),
        "max_areas": True,
        "the share": True,
    }
    named = ", ".join(name for name, there in given.items() if there)
    if proved:
        return ModelError(
            f"no choice of units keeps all of these rules at once: {named}",
            "it is proved by integer programming",
            "loosen one of them",
        )
    return ModelError(
        f"no plan was found that keeps all of these rules at once: {named}",
        "it is not proved that there is none",
        "loosen one of them, or set prove=True to have it decided",
    )


def _pieces(problem: Problem) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return demand, extent and district of each connected piece."""
    piece = problem.pieces
    district = np.zeros(piece.max() + 1, np.int64)
    district[piece] = problem.district
    return np.bincount(piece, problem.demand), np.bincount(piece, problem.extent), district


def _check_pieces(problem: Problem, problems: Problems) -> None:
    held, reach, district = _pieces(problem)
    rules = problem.rules
    large = reach >= rules.least
    problems.check(
        bool(large.any()),
        f"min_area is {_extent(problem, rules.least)}",
        f"the largest connected piece of the support has {_extent(problem, reach.max())}",
        "lower min_area, or drop within=",
    )
    for where in np.flatnonzero(rules.floor):
        own = float(held[(district == where) & large].sum())
        problems.check(
            own >= rules.floor[where],
            f"{problem.names[where]} must hold {rules.floor[where]:,.6g} of its demand",
            f"its connected pieces of at least min_area hold {own:,.6g}",
            "lower quota_share or min_area",
        )
    for where in np.flatnonzero(rules.quota):
        own = reach[(district == where) & large]
        room = int((own / max(rules.least, problem.extent[problem.district == where].min())).sum() + 1e-9)
        problems.check(
            room >= rules.quota[where],
            f"{problem.names[where]} must have {rules.quota[where]} areas",
            f"it has room for {room}",
            "lower quota or min_area",
        )


def _check_counts(problem: Problem, problems: Problems) -> None:
    needed, most = pieces_needed(problem), problem.rules.most
    problems.check(
        sum(needed) <= most,
        f"the quotas of the districts take {sum(needed)} areas",
        f"max_areas is {most}",
        "raise max_areas, or lower the quotas",
    )


def _check_reach(problem: Problem, problems: Problems) -> None:
    held, reach, district = _pieces(problem)
    rules, total = problem.rules, problem.demand.sum()
    order = np.argsort(-held, kind="stable")
    order = order[reach[order] >= rules.least]
    needed = np.array(pieces_needed(problem))
    taken = np.zeros(held.size, bool)
    for where, count in enumerate(needed):
        taken[order[district[order] == where][:count]] = True
    rest = order[~taken[order]]
    taken[rest[: max(rules.most - int(needed.sum()), 0)]] = True
    most = float(held[taken].sum())
    if most >= rules.limit:
        return
    reached = np.cumsum(held[order])
    enough = int(np.searchsorted(reached, rules.limit)) + 1 if reached[-1] >= rules.limit else 0
    too_small = f" of at least min_area {_extent(problem, rules.least)}" if rules.least else ""
    problems.add(
        f"the support falls into {held.size} unconnected pieces; the {int(taken.sum())} with most demand{too_small} "
        f"hold {share_text(most / total)} of it together",
        f"{share_text(rules.limit / total)} in at most {rules.most} contiguous areas was needed",
        (f"allow {enough} areas, " if enough > rules.most else "")
        + "lower demand_share, or drop within= and its quotas",
    )


def _check_budget(problem: Problem, problems: Problems) -> None:
    rules, extent = problem.rules, problem.extent
    least = max(rules.least, float(extent.min()))
    count = max(int(rules.quota.sum()), 1)
    problems.check(
        count * least <= rules.limit,
        f"extent_share leaves {_extent(problem, rules.limit)}",
        f"{count} of the smallest areas allowed, {_extent(problem, least)}, take {_extent(problem, count * least)}",
        "raise extent_share, or lower min_area or the quotas",
    )
    taken = 0.0
    for where in np.flatnonzero(rules.floor):
        own = np.flatnonzero(problem.district == where)
        order = own[np.argsort(-problem.demand[own] / extent[own], kind="stable")]
        reached = np.cumsum(problem.demand[order])
        last = int(np.searchsorted(reached, rules.floor[where]))
        rest = 1.0 - (reached[last] - rules.floor[where]) / problem.demand[order[last]]
        taken += float(extent[order[:last]].sum() + rest * extent[order[last]])
    problems.check(
        taken * (1 - 1e-9) <= rules.limit,
        f"extent_share leaves {_extent(problem, rules.limit)}",
        f"the densest units that hold each district's quota_share take {_extent(problem, taken)}",
        "raise extent_share, or lower quota_share",
    )


def _extent(problem: Problem, value: float) -> str:
    per, name = {"m2": (1e6, "km2"), "m": (1e3, "km")}[problem.extent_unit]
    return f"{value / per:,.4g} {name}"
