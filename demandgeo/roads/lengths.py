"""Stretches of street to act on: how long a site should be is part of the answer."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

import numpy as np
from pydantic import Field

from demandgeo.domain import Events, Sites, check_same_crs
from demandgeo.domain.record import Floats
from demandgeo.errors import ModelError, Problems
from demandgeo.registry import stage
from demandgeo.roads.optimum import optimal_runs
from demandgeo.roads.profiles import Profile, Runs

Metres = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, lt=1)]
Method = Literal["optimal", "window", "peak"]


class _Limits(NamedTuple):
    """Cells in a run, cells in all, and the precision that a peak needs."""

    least: int
    most: int
    budget: int
    precision: float


@stage("roads.stretches")
def stretches(
    sites: Sites,
    events: Events,
    *,
    method: Method = "optimal",
    length_share: Share = 0.02,
    cell: Metres = 50.0,
    min_length: Metres = 100.0,
    max_length: Metres = 1000.0,
    precision: Share = 0.5,
    confidence: Share = 0.9,
) -> Sites:
    """Return stretches along streets that hold the most excess within a share of the street length.

    Streets are followed through junctions as people do (by name, then by the least turn) and cut into cells.

    Parameters
    ----------
    sites
        The whole result of `empirical_bayes`.
    events
        The events it was made of: they say where along a street the excess lies.
    method
        ``"optimal"``: lengths between `min_length` and `max_length`, chosen together so that their total excess is the
        greatest that the budget allows, exactly (dynamic programming; Lee et al. 2020, dynamic site length).
        ``"window"``: windows of `min_length` moved cell by cell, the best first, none over another.
        ``"peak"``: peak search: on each street the densest window, as short as the `precision` of its expected count
        allows (Highway Safety Manual 2010, section 4.4.3).
    length_share
        Budget: of the street length, in whole cells.
    cell, min_length, max_length
        Metres.
    precision
        For ``"peak"``: highest ratio of standard deviation to mean of the expected count.
    confidence
        Level of the intervals.

    Returns
    -------
    Sites
        Of kind ``stretch``, named by their streets, those of most excess first.

    Raises
    ------
    GeometryError
        If events and sites have different CRS.
    ModelError
        If the sites are not those of `empirical_bayes`, a length is below a cell, or the task is too large.

    Examples
    --------
    >>> from demandgeo.roads import empirical_bayes
    >>> import shapely
    >>> from demandgeo.domain import Network
    >>> rng = np.random.default_rng(1)
    >>> lines = shapely.linestrings([[[0, 50 * i], [1000, 50 * i]] for i in range(30)])
    >>> streets = Network.from_lines(lines, crs="EPSG:27700")
    >>> x, y = (
    ...     np.append(rng.uniform(0, 1000, 60), rng.uniform(300, 500, 20)),
    ...     50.0 * np.append(np.arange(60) % 30, [7] * 20),
    ... )
    >>> events = Events.at(x, y, crs="EPSG:27700", time=np.full(80, "2024-01-01", "datetime64[s]"), kind="collision")
    >>> found = stretches(empirical_bayes(events, streets, junction_radius=0), events, length_share=0.01)
    >>> found.table[["name", "length_m"]].values.tolist(), found.geometry[0].bounds
    ([['unnamed street', 200.0], ['unnamed street', 100.0]], (300.0, 350.0, 500.0, 350.0))
    """
    check_same_crs(events.crs, sites.crs, first_name="the table of events", second_name="the sites")
    _check(cell, min_length, max_length)
    profile = Profile.of(sites, events, cell)
    least, most = (max(1, round(length / cell)) for length in (min_length, max_length))
    limits = _Limits(least, most, int(length_share * profile.length.sum() / cell), precision)
    if limits.budget < least:
        raise ModelError(
            f"{length_share:.3%} of the street length are {limits.budget} cells of {cell:g} m",
            f"at least {least} (min_length) were needed",
        )
    excess = profile.expected - profile.modelled
    found = {"optimal": _optimal, "window": _windows, "peak": _peaks}[method](profile, excess, limits)
    return profile.sites(
        sites,
        found,
        "stretch",
        confidence=confidence,
        stretches=method,
        cell_m=cell,
        length_share=length_share,
        min_length_m=min_length,
        max_length_m=max_length,
    )


def _optimal(profile: Profile, excess: Floats, limits: _Limits) -> Runs:
    return optimal_runs(excess, profile.begin, limits.least, limits.most, limits.budget)


def _windows(profile: Profile, excess: Floats, limits: _Limits) -> Runs:
    """Return windows of the least length, the best first, none over another, until the budget is used."""
    first = np.arange(len(profile) - limits.least + 1)
    first = first[first + limits.least <= profile.stop[first]]
    runs = np.column_stack([first, first + limits.least])
    return _best_apart(runs, profile.sums(excess, runs), limits.budget)


def _peaks(profile: Profile, excess: Floats, limits: _Limits) -> Runs:
    """Return the peak of each stroke, the densest first, until the budget is used."""
    lines = np.unique(profile.begin)
    line_of = np.searchsorted(lines, profile.begin)
    peak, density = np.zeros((lines.size, 2), np.int64), np.full(lines.size, -np.inf)
    for size in range(limits.least, limits.most + 1):
        first = np.arange(len(profile) - size + 1)
        first = first[(first + size <= profile.stop[first]) & np.isinf(density[line_of[first]])]
        runs = np.column_stack([first, first + size])
        mean, variance = profile.sums(profile.expected, runs), profile.sums(profile.variance, runs)
        precise = np.sqrt(np.maximum(variance, 0.0)) <= limits.precision * mean
        gain = np.where(precise, profile.sums(excess, runs) / size, -np.inf)
        order = np.lexsort((first, -gain))
        line, at = np.unique(line_of[first[order]], return_index=True)
        best = order[at]
        found = np.isfinite(gain[best])
        peak[line[found]], density[line[found]] = runs[best[found]], gain[best[found]]
    good = density > 0
    return _best_apart(peak[good], density[good], limits.budget)


def _best_apart(runs: Runs, score: Floats, budget: int) -> Runs:
    """Return the runs of highest score that share no cell and fit the budget, in order along the strokes."""
    taken: set[int] = set()
    chosen = []
    for row in np.lexsort((runs[:, 0], -score)).tolist():
        cells = range(*runs[row].tolist())
        if score[row] <= 0 or not budget:
            break
        if len(cells) <= budget and taken.isdisjoint(cells):
            taken.update(cells)
            budget -= len(cells)
            chosen.append(row)
    return np.asarray(runs[sorted(chosen, key=lambda row: runs[row, 0])], np.int64).reshape(-1, 2)


def _check(cell: float, min_length: float, max_length: float) -> None:
    problems = Problems()
    problems.check(
        cell <= min_length <= max_length,
        f"cell, min_length and max_length are {cell:g}, {min_length:g} and {max_length:g} m",
        "each at least the one before was needed",
    )
    problems.raise_as(ModelError)
