"""Which peaks of a surface are real, and the smallest areas that hold a share of demand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, get_args

import numpy as np
import pandas as pd
from pydantic import Field

from demandgeo.density.grids import Metres
from demandgeo.density.nulls import TIE, Exposure, Relabelling, Scene
from demandgeo.density.spacetime import M2_PER_KM2, Polynomial, on_units
from demandgeo.domain import COUNT, Demand, DensityRegions, Events, Grid, LocalStatistic, check_same_crs
from demandgeo.domain.record import Floats
from demandgeo.domain.regions import REGION_COLUMNS
from demandgeo.errors import ModelError, Problems, did_you_mean
from demandgeo.kernels.exceedance import BLOCK_ROWS, count_exceedances
from demandgeo.kernels.shapes import Shape
from demandgeo.registry import stage
from demandgeo.statistics.exposures import density_of
from demandgeo.statistics.multiple_testing import false_discovery_rates, monte_carlo_p


@stage("density.significant_peaks")
def significant_peaks(
    events: Events,
    grid: Grid,
    against: Events | Demand,
    *,
    bandwidth: Metres = 400.0,
    kernel: Polynomial = "quartic",
    subset: bool = False,
    replicates: Annotated[int, Field(ge=1)] = 999,
    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.05,
    least_expected: Annotated[float, Field(gt=0)] = 5.0,
    seed: int = 0,
) -> LocalStatistic:
    """Test where the density of events is higher than chance alone would make it, by Monte Carlo.

    Against other events, chance hands out the labels anew: any of the pooled events may belong to `events`, every
    choice of as many being as likely as any other. Against an exposure, chance drops each event anew, in proportion
    to it. Both take events as independent: crimes in series make more cells stand out than the level says.

    Parameters
    ----------
    events
        What is tested; those without a location are left out, and so are those off the grid against an exposure.
    grid
        Where, in the CRS of the events.
    against
        The events of another period, all events (with `subset`), or an exposure on the same grid, such as population.
    bandwidth, kernel
        Of the surface, as for `surface`.
    subset
        Whether the events are among `against` already (KSI among all collisions).
    replicates
        Surfaces that are drawn.
    alpha
        Level of the family-wise threshold: the chance that any cell of the grid exceeds it if all is chance.
    least_expected
        Cells where chance puts fewer events than this into the kernel (in effect, (sum k)^2 / sum k^2) are not
        tested: one event more or less would decide there, and set the threshold for all.
    seed
        Of the draws; each replicate has numbers of its own.

    Returns
    -------
    LocalStatistic
        `statistic` the density in incidents (or weight) per km2; `z` its distance from the mean of chance in standard
        deviations, both exact, not drawn; `p` one-sided, (1 + drawn surfaces at least as high) / (1 + replicates);
        `q` by Benjamini and Hochberg. As no p is below 1 / (1 + replicates), a q of alpha needs a peak of at least
        (cells tested) / (alpha (1 + replicates)) cells; smaller ones are told by the family-wise threshold of z in
        `provenance`: a cell above it stands out from the whole grid.

    Raises
    ------
    GeometryError
        If the inputs have different CRS.
    ModelError
        If the inputs cannot be compared, there are none, or the replicates are too few for alpha.

    Notes
    -----
    Pointwise p-values: Kelsall and Diggle (1995), Statistics in Medicine 14:2335-2342; the threshold by the greatest
    score of each surface: Westfall and Young (1993), Resampling-Based Multiple Testing. The mean and variance of a
    sum over a random subset are those of sampling without replacement (Cochran 1977, Sampling Techniques, ch. 2).

    Examples
    --------
    >>> grid = Grid.covering((0, 0, 2000, 2000), cell=100, crs="EPSG:27700")
    >>> place = np.random.default_rng(1).uniform(0, 2000, (2, 400))
    >>> before = Events.at(*place[:, :200], crs="EPSG:27700")
    >>> x, y = place[:, 200:].copy()
    >>> x[:40], y[:40] = 1550.0, 450.0
    >>> peaks = significant_peaks(Events.at(x, y, crs="EPSG:27700"), grid, before, bandwidth=300.0, replicates=199)
    >>> highest = int(np.nanargmax(peaks.z))
    >>> bool(peaks.z[highest] > peaks.provenance["family_wise_threshold"]), peaks.p[highest].item()
    (True, 0.005)
    """
    settings = {
        "kernel": kernel,
        "bandwidth_m": float(bandwidth),
        "replicates": replicates,
        "alpha": alpha,
        "least_expected": least_expected,
        "seed": seed,
    }
    _check(events, grid, against, settings, subset=subset)
    if isinstance(against, Events):
        null: Relabelling | Exposure = Relabelling.of(events, against, grid, subset=subset)
    else:
        null = Exposure.of(events, against, grid)
    scene = Scene(grid, float(bandwidth), Shape[kernel.upper()])
    mean, inverse_sd = _chance(null, scene, least_expected)
    observed = scene.fill(null.observed, np.empty(grid.shape))
    as_high, highest = _simulated(null, scene, observed, (mean, inverse_sd), seed=seed, replicates=replicates)
    tested = on_units(inverse_sd, grid) > 0
    p = np.where(tested, monte_carlo_p(on_units(as_high, grid), replicates), np.nan)
    z = np.where(tested, on_units((observed - mean) * inverse_sd, grid), np.nan)
    threshold = float(np.sort(highest)[-_rank(alpha, replicates)])
    return LocalStatistic(
        support=grid,
        statistic=on_units(observed, grid) * M2_PER_KM2,
        z=z,
        p=p,
        q=false_discovery_rates(p),
        name=events.kind,
        measure=("incidents" if events.weight_name == COUNT else "weight") + "/km2",
        provenance={
            "method": "Monte Carlo surfaces",
            **null.about,
            **settings,
            "family_wise_threshold": threshold,
            "units_above_threshold": int((z[tested] > threshold).sum()),
            "units_not_tested": int((~tested).sum()),
            "period": events.period,
        },
    )


def _rank(alpha: float, replicates: int) -> int:
    """Return which of the highest scores, counted from the highest, is the threshold of a level."""
    return int(alpha * (replicates + 1) * (1.0 + TIE))


def _chance(null: Relabelling | Exposure, scene: Scene, least_expected: float) -> tuple[Floats, Floats]:
    """Return the mean of every cell under chance, and 1 over its standard deviation (0 where it is not tested)."""
    mean, variance, effective = null.moments(scene)
    tested = scene.grid.inside & (effective >= least_expected) & (variance > 0)
    if not tested.any():
        raise ModelError(
            f"in no cell does chance put {least_expected:g} events within {scene.bandwidth:g} m",
            "some cells to test were needed",
            "give a larger bandwidth or a lower least_expected",
        )
    inverse = np.zeros(scene.grid.shape)
    np.divide(1.0, np.sqrt(variance), out=inverse, where=tested)
    return mean, inverse


def _simulated(
    null: Relabelling | Exposure,
    scene: Scene,
    observed: Floats,
    chance: tuple[Floats, Floats],
    *,
    seed: int,
    replicates: int,
) -> tuple[Floats, Floats]:
    """Return how many draws are as high as observed in each cell [rows, columns], and the highest score of each."""
    shape, lowest = scene.grid.shape, observed * (1.0 - TIE)
    counts, highest = np.zeros(shape, np.int32), np.empty(replicates)
    surface, of_block = np.empty(shape), np.empty(-(-shape[0] // BLOCK_ROWS))
    for replicate in range(replicates):
        scene.fill(null.draw(seed, replicate), surface)
        count_exceedances(surface, lowest, *chance, counts, of_block)
        highest[replicate] = of_block.max()
    return counts.astype(np.float64), highest


def _check(events: Events, grid: Grid, against: Events | Demand, settings: Mapping[str, Any], *, subset: bool) -> None:
    check_same_crs(events.crs, grid.crs, first_name="the table of events", second_name="the grid")
    problems, known = Problems(), get_args(Polynomial)
    kernel, bandwidth = settings["kernel"], settings["bandwidth_m"]
    alpha, replicates = settings["alpha"], settings["replicates"]
    problems.check(np.isfinite(bandwidth) and bandwidth > 0, f"the bandwidth is {bandwidth}", "metres > 0 were needed")
    problems.check(kernel in known, f"kernel is {kernel!r}", f"one of {', '.join(known)}", did_you_mean(kernel, known))
    problems.check(
        0 < alpha < 1 and _rank(alpha, replicates) >= 1,
        f"{replicates} replicates cannot tell a level of {alpha:g}",
        "alpha in (0, 1) and at least 1 / alpha - 1 replicates were needed",
    )
    problems.check(events.located.any(), "no event has a location", "some were needed")
    if isinstance(against, Events):
        check_same_crs(events.crs, against.crs, first_name="the table of events", second_name="what it is against")
        problems.check(
            events.weight_name == against.weight_name,
            f"the events are weighted by {events.weight_name!r}, the others by {against.weight_name!r}",
            "one weight was needed",
        )
    else:
        problems.check(not subset, "subset is set, and the events are tested against an exposure", "other events")
        problems.check(against.values.ndim == 1, "the exposure has layers", "a single one was needed")
        problems.check(
            events.weight_name == COUNT,
            f"the events are weighted by {events.weight_name!r}",
            "against an exposure each event must count once",
        )
    problems.raise_as(ModelError)


@stage("density.highest_density_regions")
def highest_density_regions(demand: Demand, *, shares: Sequence[float] = (0.25, 0.5)) -> DensityRegions:
    """Return the smallest areas that hold given shares of demand, wherever they lie.

    Units are taken in order of their density until the share is reached, so that no choice of units holds as much in
    less, but for the part of the last unit that was not needed. For contiguous areas use `priority.select`.

    Parameters
    ----------
    demand
        Counts or intensities; layers are summed. NaN is never in a region.
    shares
        Of demand, each in (0, 1].

    Returns
    -------
    DensityRegions
        Nested, from the smallest; `to_frame` gives one polygon per share.

    Raises
    ------
    ModelError
        If a share is not in (0, 1] or stands twice, or there is no demand.

    Notes
    -----
    Hyndman (1996), The American Statistician 50:120-126.

    Examples
    --------
    >>> from demandgeo.density import count
    >>> grid = Grid.covering((0, 0, 400, 100), cell=100, crs="EPSG:27700")
    >>> events = Events.at([50, 50, 50, 150, 250], [50] * 5, crs="EPSG:27700")
    >>> regions = highest_density_regions(count(events, grid), shares=[0.5, 0.8])
    >>> regions.labels.tolist(), regions.table["demand_share"].tolist()
    ([0, 1, -1, -1], [0.6, 0.8])
    """
    wanted = sorted(float(share) for share in shares)
    problems = Problems()
    problems.check(
        wanted and len(set(wanted)) == len(wanted) and 0 < wanted[0] <= wanted[-1] <= 1,
        f"shares is {list(shares)}",
        "distinct numbers in (0, 1] were needed",
    )
    density = density_of(demand)
    density = np.nan_to_num(density if density.ndim == 1 else density.sum(axis=0))
    extent = demand.support.extent
    problems.check(density.any(), "there is no demand", "some was needed")
    problems.raise_as(ModelError)
    order = np.argsort(-density, kind="stable")
    held = np.cumsum((density * extent)[order])
    ends = np.searchsorted(held, np.array(wanted) * held[-1] * (1.0 - TIE)) + 1
    labels = np.full(demand.support.n, -1)
    for region, end in reversed(list(enumerate(ends))):
        labels[order[:end]] = region
    size = np.cumsum(extent[order])[ends - 1]
    columns = (wanted, held[ends - 1] / held[-1], size, size / extent.sum(), ends, density[order[ends - 1]])
    return DensityRegions(
        support=demand.support,
        labels=labels,
        table=pd.DataFrame(dict(zip(REGION_COLUMNS, columns, strict=True))),
        provenance={
            "method": "units in order of density",
            "measure": demand.measure,
            "demand": dict(demand.provenance),
        },
    )
