"""Who walks which tour: the fewest officers that meet every area's visits, or the most risk that so many can serve.

An officer walks one closed tour over and over, as often as its most demanding area needs visits, so that visits to an
area are evenly spaced. A tour fits if all its rounds fit the shift.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import highspy
import numpy as np

from demandgeo.domain.record import Floats, Integers, Mask
from demandgeo.errors import ModelError
from demandgeo.kernels.touring import build_tours, fill_shortest_tours

MOST_EXACT = 14
"""Up to so many areas every subset is looked at: 16,384 of them."""

PARTS = (1.0, 0.97, 0.94, 0.9)
"""Parts of the shift that constructions fill: a little less makes other tours, which go together better."""

NODES = 200
"""Branch-and-bound nodes that go into choosing among the tours built: a limit that every machine reaches alike."""

SLACK = 1e-9
"""Rounding of sums of minutes."""

EXACT = "set cover over all tours, solved to optimality"
WORK = "visits and the least travel to and from each area, over the shift"
APART = "areas no two of which fit one tour"


@dataclass(frozen=True)
class Beat:
    """The areas of a patrol problem.

    Parameters
    ----------
    travel
        float64 [n, n], minutes; the shortest way, by way of other areas too.
    visit
        Minutes of one visit.
    visits
        int64 [n], visits to each area in a shift.
    shift
        Minutes.
    risk
        float64 [n], shares that sum to 1.
    """

    travel: Floats
    visit: float
    visits: Integers
    shift: float
    risk: Floats

    @property
    def n(self) -> int:
        """Number of areas."""
        return len(self.visits)

    def minutes(self, tour: Sequence[int]) -> float:
        """Minutes of one round: its visits, and the ways between them and back."""
        following = [*tour[1:], *tour[:1]]
        return self.visit * len(tour) + float(sum(self.travel[i, j] for i, j in zip(tour, following, strict=True)))

    def fits(self, tour: Sequence[int]) -> bool:
        """Whether the shift holds the rounds that the tour's areas need."""
        return self.minutes(tour) * int(self.visits[list(tour)].max()) <= self.shift * (1 + SLACK)

    @property
    def work(self) -> Floats:
        """float64 [n]: officer-minutes per shift that an area takes at least on any tour.

        A tour of two or more goes to and from each area once a round; an area with a tour of its own takes a whole
        shift. Each leg is shared by the areas at its ends.
        """
        apart = self.travel + np.diag(np.full(self.n, np.inf))
        ways = (apart.min(axis=0) + apart.min(axis=1)) / 2.0 if self.n > 1 else np.zeros(1)
        least: Floats = np.minimum((self.visit + ways) * self.visits, self.shift)
        return least


@dataclass(frozen=True)
class Rota:
    """Tours, one per officer, with what is proven about their number and about what they serve.

    Parameters
    ----------
    tours
        The areas of each in order.
    least
        No rota that meets every area's visits has fewer officers.
    most_served
        No rota of so many officers serves a greater share of the risk.
    method
        How `least` was proven.
    """

    tours: tuple[tuple[int, ...], ...]
    least: int
    most_served: float
    method: str


def find_rota(beat: Beat, officers: int | None = None) -> Rota:
    """Return the fewest tours that serve every area, or with fewer `officers` those that serve the most risk."""
    if beat.n <= MOST_EXACT:
        return _exact(beat, officers)
    tours = _built(beat)
    least, method = least_officers(beat)
    if officers is None or officers >= len(tours):
        return Rota(tours, least, 1.0, method)
    by_risk = sorted(tours, key=lambda tour: (-beat.risk[list(tour)].sum(), tour))
    return Rota(tuple(by_risk[:officers]), least, most_served(beat, officers), method)


def least_officers(beat: Beat) -> tuple[int, str]:
    """Return a number of officers that no rota can do without, and how it is known."""
    by_work = int(np.ceil(beat.work.sum() / beat.shift * (1 - SLACK)))
    pairs = beat.visit * 2 + beat.travel + beat.travel.T
    together = pairs * np.maximum(beat.visits, beat.visits[:, None]) <= beat.shift * (1 + SLACK)
    apart: list[int] = []
    for area in np.argsort(together.sum(axis=1), kind="stable").tolist():
        if not together[area, apart].any():
            apart.append(area)
    return max((by_work, WORK), (len(apart), APART), key=lambda bound: bound[0])


def most_served(beat: Beat, officers: int) -> float:
    """Return a share of risk that so many officers cannot exceed: the densest areas first, the last one in part."""
    left, served = officers * beat.shift, 0.0
    for area in np.argsort(-beat.risk / beat.work, kind="stable"):
        part = min(1.0, left / beat.work[area])
        served += part * float(beat.risk[area])
        left -= part * float(beat.work[area])
    return min(1.0, served * (1 + SLACK))


def shortest_tour(beat: Beat, areas: Sequence[int]) -> tuple[int, ...]:
    """Return the areas in the order of a short closed tour: the shortest, up to 14 of them."""
    inside = list(areas)
    if len(inside) <= MOST_EXACT:
        travel = beat.travel[np.ix_(inside, inside)]
        path, _ = _shortest(travel)
        return tuple(inside[i] for i in _order(travel, path, (1 << len(inside)) - 1))
    following, once = np.empty(len(inside), np.int64), np.ones(len(inside), np.int64)
    build_tours(np.ascontiguousarray(beat.travel[np.ix_(inside, inside)]), 0.0, once, np.inf, 0, following)
    return tuple(inside[i] for i in _cycles(following)[0])


def _shortest(travel: Floats) -> tuple[Floats, Floats]:
    n = len(travel)
    path, tour = np.empty((1 << n, n)), np.empty(1 << n)
    fill_shortest_tours(np.ascontiguousarray(travel), path, tour)
    return path, tour


def _order(travel: Floats, path: Floats, subset: int) -> list[int]:
    """Trace the shortest closed tour of a subset back from its last area."""
    first = (subset & -subset).bit_length() - 1
    last, backwards = int(np.argmin(path[subset] + travel[:, first])), []
    while subset:
        backwards.append(last)
        subset ^= 1 << last
        last = int(np.argmin(path[subset] + travel[:, last])) if subset else last
    return backwards[::-1]


def _built(beat: Beat) -> tuple[tuple[int, ...], ...]:
    """Return the fewest of the tours that cheapest insertion builds, from every area and for shifts of less length.

    Tours of several constructions together cover the areas with fewer than those of any one.
    """
    travel, pool = np.ascontiguousarray(beat.travel), dict[tuple[int, ...], None]()
    for part in PARTS:
        for start in range(beat.n):
            following = np.empty(beat.n, np.int64)
            build_tours(travel, beat.visit, beat.visits, beat.shift * part * (1 + SLACK), start, following)
            pool |= dict.fromkeys(tour for tour in _cycles(following) if beat.fits(tour))
    member = np.zeros((len(pool), beat.n), bool)
    for row, tour in enumerate(pool):
        member[row, list(tour)] = True
    tours, left = [], set(range(beat.n))
    for row in _cover(member, nodes=NODES):
        areas = [area for area in np.flatnonzero(member[row]).tolist() if area in left]
        left -= set(areas)
        if areas:
            tours.append(shortest_tour(beat, areas))
    # A limit on nodes may end the search before it has a cover.
    return tuple(sorted([*tours, *((area,) for area in left)]))


def _cycles(following: Integers) -> tuple[tuple[int, ...], ...]:
    tours, seen = [], set[int]()
    for area in range(len(following)):
        tour = []
        while area not in seen:
            seen.add(area)
            tour.append(area)
            area = int(following[area])  # noqa: PLW2901
        if tour:
            tours.append(tuple(tour))
    return tuple(tours)


def _exact(beat: Beat, officers: int | None) -> Rota:
    path, length = _shortest(beat.travel)
    member = (np.arange(1 << beat.n)[:, None] >> np.arange(beat.n) & 1).astype(bool)
    fits = (length + beat.visit * member.sum(axis=1)) * np.where(member, beat.visits, 0).max(axis=1) <= beat.shift * (
        1 + SLACK
    )
    columns = _largest(fits, member)
    needed = _cover(member[columns])
    chosen, served = needed, 1.0
    if officers is not None and officers < len(needed):
        chosen = _cover(member[columns], beat.risk, officers)
        served = float(beat.risk[member[columns[chosen]].any(axis=0)].sum())
    tours, left = [], np.ones(beat.n, bool)
    for subset in columns[chosen]:
        areas = np.flatnonzero(member[subset] & left)
        left[areas] = False
        if len(areas):
            tours.append(tuple(_order(beat.travel, path, int((1 << areas).sum()))))
    return Rota(tuple(sorted(tours)), len(needed), min(1.0, served), EXACT)


def _largest(fits: Mask, member: Mask) -> Integers:
    """Return the subsets that fit and that no area can join: ways are shortest, so their parts fit too."""
    subsets = np.flatnonzero(fits)[1:]
    grows = np.zeros(len(subsets), bool)
    for area in range(member.shape[1]):
        grows |= ~member[subsets, area] & fits[subsets | 1 << area]
    largest: Integers = subsets[~grows]
    return largest


def _cover(member: Mask, value: Floats | None = None, most: int = 0, *, nodes: int | None = None) -> Integers:
    """Return the fewest columns that cover every area, or those `most` that cover the greatest value.

    With a limit on branch-and-bound nodes they are the best that was found.
    """
    columns, areas = member.shape
    count = areas if value is not None else 0
    cost = np.concatenate([np.full(columns, 0.0 if count else 1.0), -value if value is not None else []])
    solver: Any = highspy.Highs()  # type: ignore[no-untyped-call]
    options: dict[str, Any] = {"output_flag": False, "threads": 1, "random_seed": 0, "mip_rel_gap": 0.0}
    for name, option in (options if nodes is None else options | {"mip_max_nodes": nodes}).items():
        solver.setOptionValue(name, option)
    for one in cost:
        solver.addCol(float(one), 0.0, 1.0, 0, np.empty(0, np.int32), np.empty(0))
    for area in range(areas):
        inside = np.flatnonzero(member[:, area]).astype(np.int32)
        if count:
            index = np.append(inside, np.int32(columns + area))
            solver.addRow(0.0, highspy.kHighsInf, len(index), index, np.append(np.ones(len(inside)), -1.0))
        else:
            solver.addRow(1.0, highspy.kHighsInf, len(inside), inside, np.ones(len(inside)))
    if count:
        solver.addRow(0.0, float(most), columns, np.arange(columns, dtype=np.int32), np.ones(columns))
    kinds = np.full(columns, int(highspy.HighsVarType.kInteger), np.uint8)
    solver.changeColsIntegrality(columns, np.arange(columns, dtype=np.int32), kinds)
    solver.run()
    limited = highspy.HighsModelStatus.kSolutionLimit
    allowed = (highspy.HighsModelStatus.kOptimal, *([limited] if nodes is not None else []))
    if solver.getModelStatus() not in allowed:
        raise ModelError(f"the cover of {areas} areas was not solved: {solver.getModelStatus()}", "an optimum")
    values = np.array(solver.getSolution().col_value)[:columns]
    chosen: Integers = np.flatnonzero(values > 0.5)
    return chosen
