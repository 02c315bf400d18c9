"""What chance alone makes of events: surfaces under random labels, or in proportion to an exposure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from demandgeo.density.smoothing import Rows, rows_of
from demandgeo.domain import Demand, Events, Grid
from demandgeo.domain.record import Codes, Floats, Integers
from demandgeo.errors import ModelError
from demandgeo.kernels.exceedance import draw_places, draw_subset, sum_powers
from demandgeo.kernels.planar import add_kernel
from demandgeo.kernels.shapes import Shape, planar_scale
from demandgeo.statistics.exposures import check_same_support, density_of
from demandgeo.statistics.locations import Locations

TIE = 1e-12
"""Sums that differ by less than this share are equal: rounding must not make a difference of a tie."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Grid and kernel of the surfaces."""

    grid: Grid
    bandwidth: float
    shape: Shape

    def fill(self, rows: Rows, out: Floats) -> Floats:
        """Fill out [rows, columns] with the smoothed weight per m2."""
        grid, scale = self.grid, planar_scale(self.shape, self.bandwidth)
        geometry = (grid.x0, grid.y0, grid.dx, grid.dy)
        out.fill(0.0)
        add_kernel(rows.x, rows.y, rows.weight * scale, rows.start, *geometry, self.bandwidth, int(self.shape), out)
        return out

    def squared(self, rows: Rows) -> Floats:
        """Return the weights times the square of the kernel, summed, per m4."""
        grid, out = self.grid, np.empty(self.grid.shape)
        peak = planar_scale(self.shape, self.bandwidth) * self.bandwidth ** (2 * self.shape)
        geometry = (grid.x0, grid.y0, grid.dx, grid.dy)
        sum_powers(rows.x, rows.y, rows.weight, rows.start, *geometry, self.bandwidth, 2 * int(self.shape), out)
        return out * (peak * peak)


@dataclass(frozen=True, slots=True)
class Relabelling:
    """Chance takes a random subset of the pooled events.

    Parameters
    ----------
    places
        The locations by row of the grid, with the weight of the events that are tested.
    member, weight
        int32, float64 [pool]: location (ascending) and weight of each pooled event.
    taken
        How many events are tested.
    """

    places: Rows
    member: Codes
    weight: Floats
    taken: int
    about: dict[str, Any]

    @classmethod
    def of(cls, events: Events, against: Events, grid: Grid, *, subset: bool) -> Relabelling:
        """Pool the located events with the others, unless they are among them."""
        both = [part.where(part.located) for part in (events, against)]
        places = Locations.of(*(np.concatenate([getattr(part, name) for part in both]) for name in ("x", "y")))
        order, start = rows_of(places, grid)
        rank = np.empty(len(places), np.int32)
        rank[order] = np.arange(len(places), dtype=np.int32)
        member, weight = rank[places.member], np.concatenate([part.weight for part in both])
        taken = len(both[0])
        observed = _sums(member[:taken], weight[:taken], len(places))
        pool = slice(taken if subset else 0, None)
        if subset:
            _check_among(member, taken, len(places))
        at = np.argsort(member[pool], kind="stable")
        about = {
            "null": "random labels",
            "events": taken,
            "pooled_events": int(at.size),
            "without_location": len(events) + len(against) - len(both[0]) - len(both[1]),
        }
        rows = Rows(places.x[order], places.y[order], observed, start)
        return cls(rows, member[pool][at], weight[pool][at], taken, about)

    @property
    def observed(self) -> Rows:
        """The events that are tested."""
        return weighed(self.places, self.places.weight)

    def moments(self, scene: Scene) -> tuple[Floats, Floats, Floats]:
        """Return the mean, the variance and the effective number of events of each cell."""
        pool, locations = self.member.size, self.places.x.size
        sums = [_sums(self.member, self.weight**power, locations) for power in (1, 2)]
        first = scene.fill(weighed(self.places, sums[0]), np.empty(scene.grid.shape)) / pool
        second = scene.squared(weighed(self.places, sums[1])) / pool
        spread = self.taken * (pool - self.taken) / max(pool - 1, 1) * _difference(second, first * first)
        return self.taken * first, spread, _effective(self.taken, first, second)

    def draw(self, seed: int, replicate: int) -> Rows:
        """Draw as many of the pooled events."""
        weight = np.empty(self.places.x.size)
        draw_subset(seed, replicate, self.taken, self.member, self.weight, weight)
        return weighed(self.places, weight)


@dataclass(frozen=True, slots=True)
class Exposure:
    """Chance drops each event on the grid, in proportion to an exposure; it stands at the centre of its cell.

    Parameters
    ----------
    places
        The cells with exposure, by row, with their exposure.
    cumulative
        float64 [cells]: its running sum.
    observed
        The events that are tested.
    number
        How many they are.
    """

    places: Rows
    cumulative: Floats
    observed: Rows
    number: int
    about: dict[str, Any]

    @classmethod
    def of(cls, events: Events, exposure: Demand, grid: Grid) -> Exposure:
        """Take the events on the grid, and the cells with exposure."""
        check_same_support(grid, exposure.support, names=("the grid", "the exposure"))
        mass = np.nan_to_num(density_of(exposure) * grid.extent)
        some = np.flatnonzero(mass > 0)
        if not some.size:
            raise ModelError("the exposure is 0 everywhere", "some exposure was needed")
        x, y = grid.centres()
        centres = Locations(x[some], y[some], np.empty(0, np.int32))
        unit = np.full(len(events), -1)
        unit[events.located] = grid.locate(events.x[events.located], events.y[events.located])
        here = events.where(unit >= 0)
        found = Locations.of(here.x, here.y)
        about = {
            "null": f"in proportion to {exposure.name} ({exposure.measure})",
            "events": len(here),
            "left_out_off_the_grid": len(events) - len(here),
            "events_without_exposure": int((mass[unit[unit >= 0]] <= 0).sum()),
        }
        rows = Rows.of(centres, mass[some], grid)
        return cls(rows, np.cumsum(rows.weight), Rows.of(found, found.total(), grid), len(here), about)

    def moments(self, scene: Scene) -> tuple[Floats, Floats, Floats]:
        """Return the mean, the variance and the effective number of events of each cell."""
        rows = weighed(self.places, self.places.weight / self.cumulative[-1])
        first, second = scene.fill(rows, np.empty(scene.grid.shape)), scene.squared(rows)
        spread = self.number * _difference(second, first * first)
        return self.number * first, spread, _effective(self.number, first, second)

    def draw(self, seed: int, replicate: int) -> Rows:
        """Drop as many events anew."""
        place = np.empty(self.number, np.int64)
        draw_places(seed, replicate, self.cumulative, place)
        first = np.flatnonzero(np.diff(place, prepend=-1))
        return _some(self.places, place[first], np.diff(first, append=place.size).astype(np.float64))


def _sums(member: Codes, weight: Floats, locations: int) -> Floats:
    return np.bincount(member, weight, minlength=locations).astype(np.float64, copy=False)


def _some(places: Rows, at: Integers, weight: Floats) -> Rows:
    """Return the locations `at`, in ascending order, with weights of their own."""
    return Rows(places.x[at], places.y[at], weight, np.searchsorted(at, places.start))


def weighed(places: Rows, weight: Floats) -> Rows:
    """Return the locations that have weight."""
    at = np.flatnonzero(weight)
    return _some(places, at, weight[at])


def _difference(square: Floats, of_mean: Floats) -> Floats:
    """Return the mean square less the squared mean; what is left by rounding alone is 0."""
    difference = square - of_mean
    return cast(Floats, np.where(difference > TIE * square, difference, 0.0))


def _effective(number: int, first: Floats, second: Floats) -> Floats:
    out = np.zeros(first.shape)
    np.divide(number * first * first, second, out=out, where=second > 0)
    return out


def _check_among(member: Codes, taken: int, locations: int) -> None:
    mine, all_of = (np.bincount(part, minlength=locations) for part in (member[:taken], member[taken:]))
    lone = int(np.maximum(mine - all_of, 0).sum())
    if lone:
        raise ModelError(
            f"{lone} events are not among those they are tested against",
            "with subset, every event must stand there too, at the same place",
            "leave subset out if the two are apart",
        )
