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
from demandgeo.kernels.touring import build_tours, grow_subsets

MOST_SUBSETS = 60_000
"""Up to so many sets of areas that fit one tour, every one is looked at."""

MOST_ORDERED = 12
"""Up to so many areas on one tour their shortest order is found: 4,096 subsets."""

PARTS = (1.0, 0.97, 0.94, 0.9)
"""Parts of the shift that constructions fill: a little less makes other tours, which go together better."""

NODES = 500
"""Branch-and-bound nodes that go into a choice of tours: a limit that every machine reaches alike."""

SLACK = 1e-9
"""Rounding of sums of minutes."""

EXACT = "set cover over every tour that fits"
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
    fitting = _fitting(beat, MOST_SUBSETS)
    if fitting is not None:
        return _chosen(beat, fitting, officers)
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
    """Return the areas in the order of a short closed tour: the shortest, up to 12 of them."""
    inside = list(areas)
    travel, once = np.ascontiguousarray(beat.travel[np.ix_(inside, inside)]), np.ones(len(inside), np.int64)
    if len(inside) <= MOST_ORDERED:
        every = _fitting(Beat(travel, 0.0, once, np.inf, once / len(inside)), 1 << len(inside))
        if every is not None:
            return tuple(inside[i] for i in every.order(travel, len(every.subsets) - 1))
    following = np.empty(len(inside), np.int64)
    build_tours(travel, 0.0, once, np.inf, 0, following)
    return tuple(inside[i] for i in _cycles(following)[0])


@dataclass(frozen=True)
class _Fitting:
    """Every set of areas whose shortest tour fits a shift, in ascending order of its number (bit i: area i)."""

    subsets: Integers
    path: Floats

    @property
    def member(self) -> Mask:
        inside: Mask = (self.subsets[:, None] >> np.arange(self.path.shape[1]) & 1).astype(bool)
        return inside

    def order(self, travel: Floats, row: int) -> list[int]:
        """Trace the shortest closed tour of a set back from its last area."""
        subset = int(self.subsets[row])
        first = (subset & -subset).bit_length() - 1
        last, backwards = int(np.argmin(self.path[row] + travel[:, first])), []
        while subset:
            backwards.append(last)
            subset ^= 1 << last
            if subset:
                row = int(np.searchsorted(self.subsets, subset))
                last = int(np.argmin(self.path[row] + travel[:, last]))
        return backwards[::-1]

    def largest(self) -> Integers:
        """Return the rows of the sets that no area can join: ways are shortest, so their parts fit too."""
        member, grows = self.member, np.zeros(len(self.subsets), bool)
        for area in range(member.shape[1]):
            grows |= ~member[:, area] & np.isin(self.subsets | 1 << area, self.subsets)
        return np.flatnonzero(~grows)


def _fitting(beat: Beat, most: int) -> _Fitting | None:
    """Return every set of areas that fits one tour; None if there are more than `most`."""
    n = beat.n
    if n > 62:  # bits of a set's number
        return None
    travel, path = np.ascontiguousarray(beat.travel), np.full((n, n), np.inf)
    np.fill_diagonal(path, 0.0)
    levels = [(np.int64(1) << np.arange(n, dtype=np.int64), path)]
    while len(levels[-1][0]):
        room = most - sum(len(subsets) for subsets, _ in levels) + 1
        if room <= 0:
            return None
        subsets, path, tour = np.empty(room, np.int64), np.empty((room, n)), np.empty(room)
        given = (travel, beat.visit, beat.visits, beat.shift * (1 + SLACK), *levels[-1])
        count = grow_subsets(*given, subsets, path, tour)
        if count < 0:
            return None
        order = np.argsort(subsets[:count])
        levels.append((subsets[order], path[order]))
    together = np.concatenate([subsets for subsets, _ in levels])
    order = np.argsort(together)
    return _Fitting(together[order], np.concatenate([path for _, path in levels])[order])


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
    for row in _cover(member).columns:
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


def _chosen(beat: Beat, fitting: _Fitting, officers: int | None) -> Rota:
    """Choose among all tours that fit."""
    rows = fitting.largest()
    member = fitting.member[rows]
    cover = _cover(member)
    chosen, least = cover.columns, int(np.ceil(cover.bound - 1e-6))
    served = 1.0
    if officers is not None and officers < len(chosen):
        most = _cover(member, beat.risk, officers)
        chosen, served = most.columns, min(1.0, -most.bound * (1 + SLACK))
    tours, left = [], set(range(beat.n))
    for row in chosen:
        areas = [area for area in np.flatnonzero(member[row]).tolist() if area in left]
        left -= set(areas)
        if areas:
            kept = int(np.searchsorted(fitting.subsets, sum(1 << area for area in areas)))
            tours.append(tuple(fitting.order(beat.travel, kept)))
    return Rota(tuple(sorted(tours)), least, served, EXACT)


@dataclass(frozen=True)
class _Cover:
    """The chosen columns, and a bound that no choice goes below."""

    columns: Integers
    bound: float


def _cover(member: Mask, value: Floats | None = None, most: int = 0) -> _Cover:
    """Choose the fewest columns that cover every area, or `most` of them that cover the greatest value (at cost -1)."""
    columns, areas = member.shape
    cost = np.ones(columns) if value is None else np.append(np.zeros(columns), -value)
    solver: Any = highspy.Highs()  # type: ignore[no-untyped-call]
    options = {"output_flag": False, "threads": 1, "random_seed": 0, "mip_rel_gap": 0.0, "mip_max_nodes": NODES}
    for name, option in options.items():
        solver.setOptionValue(name, option)
    for one in cost:
        solver.addCol(float(one), 0.0, 1.0, 0, np.empty(0, np.int32), np.empty(0))
    for area in range(areas):
        inside = np.flatnonzero(member[:, area]).astype(np.int32)
        ones = np.ones(len(inside))
        if value is None:
            solver.addRow(1.0, highspy.kHighsInf, len(inside), inside, ones)
        else:
            with_served = np.append(inside, np.int32(columns + area))
            solver.addRow(0.0, highspy.kHighsInf, len(with_served), with_served, np.append(ones, -1.0))
    if value is not None:
        solver.addRow(0.0, float(most), columns, np.arange(columns, dtype=np.int32), np.ones(columns))
    kinds = np.full(columns, int(highspy.HighsVarType.kInteger), np.uint8)
    solver.changeColsIntegrality(columns, np.arange(columns, dtype=np.int32), kinds)
    solver.run()
    if solver.getModelStatus() not in (highspy.HighsModelStatus.kOptimal, highspy.HighsModelStatus.kSolutionLimit):
        raise ModelError(f"the cover of {areas} areas was not solved: {solver.getModelStatus()}", "a solution")
    values = np.array(solver.getSolution().col_value)[:columns]
    return _Cover(np.flatnonzero(values > 0.5), float(solver.getInfo().mip_dual_bound))
