"""Clusters of events by Kulldorff's scan statistic, against the extent, residents or any other exposure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, get_args

import numpy as np
import pandas as pd
import shapely
from pydantic import Field

from demandgeo.domain import Demand, ScanClusters, Zones
from demandgeo.domain.clusters import CLUSTER_COLUMNS
from demandgeo.domain.record import Codes, Floats, Integers
from demandgeo.domain.support import Contiguity, Neighbours
from demandgeo.errors import ModelError, Problems, did_you_mean
from demandgeo.kernels.scan import scan_observed, scan_replicates, sum_expected
from demandgeo.priority.windows import WindowName, Windows
from demandgeo.registry import stage
from demandgeo.statistics.exposures import amounts_of
from demandgeo.statistics.multiple_testing import monte_carlo_p

LEAST_RATIO = 1e-9
"""A log likelihood ratio below this is what rounding leaves of 0."""

MOST_EVENTS = 1 << 24
"""Up to here single precision counts exactly."""


@stage("priority.scan")
def scan(
    demand: Demand,
    exposure: Demand | Zones | None = None,
    *,
    window: WindowName = "circular",
    max_exposure_share: Annotated[float, Field(gt=0, le=0.5)] = 0.05,
    max_units: Annotated[int, Field(ge=1)] = 400,
    contiguity: Contiguity = "queen",
    replicates: Annotated[int, Field(ge=1)] = 999,
    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.05,
    max_clusters: Annotated[int, Field(ge=1)] = 50,
    seed: int = 0,
) -> ScanClusters:
    """Find the windows that hold more events than their share of an exposure, by Kulldorff's scan statistic.

    A window grows about every unit, nearest units first. The one with the highest likelihood ratio is the most likely
    cluster; its p is the rank of that ratio among those of `replicates` maps on which all events are dropped anew, in
    proportion to the exposure. It holds for the whole map: no adjustment for many windows is needed. Secondary
    clusters are compared with the same maxima, which errs to the safe side.

    Parameters
    ----------
    demand
        Counts of events on any support, each of weight 1; layers are summed.
    exposure
        What the events are expected in proportion to: an amount or intensity on the same support, or zones, whose
        residents are spread evenly over each. None: the extent.
    window
        ``"circular"`` about the centre of each unit, ``"elliptic"`` (19 ellipses besides), or ``"graph"``: nearest
        along the units that touch, so that every cluster is contiguous.
    max_exposure_share, max_units
        The largest windows, in exposure and in units.
    contiguity
        What makes units touch; for ``"graph"``.
    replicates, seed
        Of the draws.
    alpha
        Level for secondary clusters; the most likely one is always given, with its p.
    max_clusters
        How many are given at most.

    Returns
    -------
    ScanClusters
        `labels` per unit; `table` with events, expected, relative risk, log likelihood ratio and p of each cluster.
        Units without exposure or value are left out, with their events, and counted in `provenance`, as is how many
        centres `max_units` holds below the share.

    Raises
    ------
    ModelError
        If the demand is no count, there are no events or no exposure, or a setting is out of range.
    GeometryError
        If exposure and demand have different CRS.

    Notes
    -----
    Kulldorff (1997), Communications in Statistics 26:1481-1496. With c events in a window where E of C are expected
    the log likelihood ratio is c ln(c / E) + (C - c) ln((C - c) / (C - E)) if c > E, and else 0. Events are taken as
    independent: crimes in series, or counts that vary more than Poisson's, make p too small.

    Examples
    --------
    >>> from demandgeo.density import count
    >>> from demandgeo.domain import Events, Grid
    >>> grid = Grid.covering((0, 0, 2000, 2000), cell=100, crs="EPSG:27700")
    >>> x, y = np.random.default_rng(1).uniform(0, 2000, (2, 400))
    >>> x[:40], y[:40] = x[:40] % 300 + 1000, y[:40] % 300 + 500
    >>> found = scan(count(Events.at(x, y, crs="EPSG:27700"), grid), replicates=99)
    >>> found.table[["units", "events", "p"]].to_numpy().tolist()
    [[9.0, 50.0, 0.01]]
    """
    _check(demand, window, max_exposure_share, replicates, max_units)
    scene = _Scene.of(demand, exposure)
    windows = Windows.of(window, scene.points, scene.neighbours(demand, contiguity), max_units)
    found, highest = _scanned(scene, windows, max_exposure_share, replicates, seed)
    p = monte_carlo_p((highest[None, :] >= found.ratio[:, None]).sum(axis=1), replicates)
    labels = np.full(demand.support.n, -1)
    labels[scene.units], table = _clusters(scene, windows, found, p, alpha=alpha, most=max_clusters)
    return ScanClusters(
        support=demand.support,
        labels=labels,
        table=table,
        name=demand.name,
        provenance={
            "method": "Poisson scan statistic",
            "null": scene.null,
            "window": window,
            "max_exposure_share": max_exposure_share,
            "max_units": max_units,
            "centres_cut_by_max_units": found.cut,
            "windows": found.windows,
            "replicates": replicates,
            "alpha": alpha,
            "seed": seed,
            "events": int(scene.count.sum()),
            "units_left_out": demand.support.n - scene.units.size,
            "events_left_out": float(np.nansum(demand.total) - scene.count.sum()),
            "period": demand.period,
        },
    )


@dataclass(frozen=True, slots=True)
class _Scene:
    """The units that can be scanned.

    Parameters
    ----------
    units
        int64 [m]: their number on the support.
    points
        float64 [m, 2]: their centres.
    count, expected
        float64 [m]: events, and those to be expected; the sums are the same.
    extent
        float64 [m].
    null
        What chance is, in words.
    """

    units: Integers
    points: Floats
    count: Floats
    expected: Floats
    extent: Floats
    null: str

    @classmethod
    def of(cls, demand: Demand, exposure: Demand | Zones | None) -> _Scene:
        """Take the units that have a value and some exposure."""
        support, values = demand.support, demand.total
        amounts = support.extent if exposure is None else amounts_of(exposure, support)
        units = np.flatnonzero(~np.isnan(values) & (np.nan_to_num(amounts) > 0))
        count = values[units]
        problems = Problems()
        problems.check(units.size > 1, f"{units.size} units have exposure", "at least 2 were needed")
        problems.check(count.sum() > 0, "there are no events where there is exposure", "some were needed")
        problems.raise_as(ModelError)
        centres = shapely.centroid(support.geometry()[units])
        expected = amounts[units] * (count.sum() / amounts[units].sum())
        points = np.column_stack([shapely.get_x(centres), shapely.get_y(centres)])
        return cls(units, points, count, expected, support.extent[units], _null(demand, exposure))

    def neighbours(self, demand: Demand, contiguity: Contiguity) -> Neighbours:
        """Return which of them touch."""
        touching = demand.support.neighbours(contiguity)
        number = np.full(demand.support.n, -1)
        number[self.units] = np.arange(self.units.size)
        first, second = number[touching.rows], number[touching.indices]
        once = (first >= 0) & (first < second)
        return Neighbours.from_pairs(self.units.size, first[once], second[once], touching.weight[once])


@dataclass(frozen=True, slots=True)
class _Found:
    """The best window of each centre.

    Parameters
    ----------
    ratio
        float64 [m]: log likelihood ratio.
    shape, size
        int64 [m]: its shape and how many units it holds.
    windows, cut
        How many windows there were, and how many centres had their largest one held by the number of units.
    """

    ratio: Floats
    shape: Integers
    size: Integers
    windows: int
    cut: int


def _scanned(scene: _Scene, windows: Windows, share: float, replicates: int, seed: int) -> tuple[_Found, Floats]:
    """Return the best window of each centre, and the highest ratio of each replicate."""
    n, total = scene.units.size, float(scene.count.sum())
    ratio, shape, size, highest = np.zeros(n), np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(replicates)
    number, cut = 0, 0
    cumulative, unit = np.cumsum(scene.expected), np.arange(n)
    for which, centres in windows.blocks():
        member, members = windows.members(which, centres)
        expected, kept = np.empty(member.shape), np.empty(centres.size, np.int64)
        sum_expected(member, members, scene.expected, share * total, expected, kept)
        best, window = np.empty(centres.size), np.empty(centres.size, np.int64)
        scan_observed(scene.count, total, member, kept, expected, best, window)
        better = best > ratio[centres]
        at = centres[better]
        ratio[at], shape[at], size[at] = best[better], which, window[better] + 1
        scan_replicates(seed, int(total), cumulative, unit, member, kept, expected, highest)
        number += int(kept.sum())
        cut += int(((kept == windows.most) & (members == windows.most)).sum()) if windows.most < n else 0
    return _Found(ratio, shape, size, number, cut), highest


def _clusters(
    scene: _Scene, windows: Windows, found: _Found, p: Floats, *, alpha: float, most: int
) -> tuple[Integers, pd.DataFrame]:
    """Take the windows in order of their ratio, but none that meets one already taken."""
    cluster, rows = np.full(scene.units.size, -1), list[tuple[Any, ...]]()
    for centre in np.argsort(-found.ratio, kind="stable"):
        if not found.ratio[centre] > LEAST_RATIO or len(rows) == most or (rows and p[centre] > alpha):
            break
        if cluster[centre] < 0:
            member = windows.members(int(found.shape[centre]), np.array([centre]))[0][0, : found.size[centre]]
            if (cluster[member] < 0).all():
                cluster[member] = len(rows)
                rows.append((len(rows), member.size, *_facts(scene, member), found.ratio[centre], p[centre]))
    table = pd.DataFrame(rows, columns=list(CLUSTER_COLUMNS))
    return cluster, table.astype({name: int if name in ("cluster", "units") else float for name in CLUSTER_COLUMNS})


def _facts(scene: _Scene, member: Codes) -> tuple[float, ...]:
    """Return extent, x, y, radius, events, expected and relative risk of a window; its first member is the centre."""
    (x, y), total = scene.points[member[0]], float(scene.count.sum())
    radius = float(np.hypot(*(scene.points[member] - [x, y]).T).max())
    events, expected = float(scene.count[member].sum()), float(scene.expected[member].sum())
    outside = (total - events) / (total - expected)
    risk = events / expected / outside if outside > 0 else np.nan
    return float(scene.extent[member].sum()), x, y, radius, events, expected, risk


def _null(demand: Demand, exposure: Demand | Zones | None) -> str:
    if exposure is None:
        return f"in proportion to {'area' if demand.support.extent_unit == 'm2' else 'street length'}"
    if isinstance(exposure, Zones):
        return "in proportion to the residents of the zones"
    return f"in proportion to {exposure.name} ({exposure.measure})"


def _check(demand: Demand, window: str, share: float, replicates: int, max_units: int) -> None:
    values, known, problems = demand.total, get_args(WindowName), Problems()
    whole = np.nan_to_num(values)
    problems.check(window in known, f"window is {window!r}", f"one of {', '.join(known)}", did_you_mean(window, known))
    problems.check(0 < share <= 0.5, f"max_exposure_share is {share}", "a share in (0, 0.5] was needed")
    problems.check(replicates >= 1, f"replicates is {replicates}", "at least 1 was needed")
    problems.check(max_units >= 1, f"max_units is {max_units}", "at least 1 was needed")
    problems.check(
        demand.is_count and bool((whole == np.rint(whole)).all()),
        f"the demand is in {demand.measure}, weighted by {demand.weight_name!r}",
        "whole numbers of events, each of weight 1, were needed: the null is Poisson's",
        "count the events without severity weights",
    )
    problems.check(whole.sum() < MOST_EVENTS, f"there are {whole.sum():,.0f} events", f"fewer than {MOST_EVENTS:,}")
    problems.raise_as(ModelError)
