"""Which stretches of street are worse than chance alone would make them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import stats

from demandgeo.domain import COUNT, Demand, Events, LocalStatistic, Network, Snapped
from demandgeo.domain.record import Floats
from demandgeo.errors import ModelError, Problems
from demandgeo.kernels.profiles import Profile
from demandgeo.kernels.street_draws import add_squares, tally
from demandgeo.registry import stage
from demandgeo.roads.nulls import Relabelling, Scatter
from demandgeo.roads.placing import Placed, check_kernel
from demandgeo.roads.snapping import Metres
from demandgeo.roads.tiles import MEMORY
from demandgeo.roads.waves import Pulses, Wave

Smooth = Literal["quartic", "triweight"]

LAYERS = 32
"""Replicates that travel together: the least time per replicate, measured with 1 to 64."""

STEPS = 30
"""Time steps in a bandwidth. Observed and drawn densities have the same error, so that p does not depend on it."""

PILOT = 96
"""Draws that the spread of chance is taken from. They are no replicates, so that the scaled scores stay
exchangeable with what was observed."""

TIE = 1e-5
"""Densities that differ by less than this share are equal: single precision must not make a difference of a tie."""

BLOCK = 4096
M_PER_KM = 1e3


@stage("roads.significant_streets")
def significant_streets(
    events: Events | Snapped,
    network: Network,
    against: Events | Snapped | Demand | None = None,
    *,
    bandwidth: Metres = 300.0,
    kernel: Smooth = "quartic",
    lixel: Metres = 10.0,
    subset: bool = False,
    replicates: Annotated[int, Field(ge=1)] = 999,
    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.05,
    least_expected: Annotated[float, Field(gt=0)] = 0.5,
    max_distance: Metres = 50.0,
    seed: int = 0,
) -> LocalStatistic:
    """Test where along streets the density of events is higher than chance alone would make it, by Monte Carlo.

    Against other events, chance hands out the labels anew: with `subset`, KSI among all collisions, so that what is
    tested is severity, whatever the traffic. Against an exposure (or nothing, which is the length of street), chance
    drops each event anew in proportion to it. Both take events as independent.

    Parameters
    ----------
    events
        What is tested, each counting once; those that lie on no street are left out.
    network
        The streets, in the CRS of the events.
    against
        Other events, an exposure on the same streets (in lixels of this length, or whole segments), or None.
    bandwidth, kernel, lixel, max_distance
        Of the continuous density, as for `density`.
    subset
        Whether the events are among `against` already.
    replicates
        Densities that are drawn.
    alpha
        Level of the family-wise threshold: the chance that any lixel exceeds it if all is chance.
    least_expected
        Lixels where chance puts fewer events than this into the kernel (in effect: mean squared over variance) are not
        tested: there a single event is always surprising, and would set the threshold for all.
    seed
        Of the draws; each replicate has numbers of its own.

    Returns
    -------
    LocalStatistic
        On lixels: `statistic` the density per km; `z` its distance from the mean of chance in standard deviations;
        `p` one-sided, (1 + draws at least as high) / (1 + replicates); `q` by Benjamini and Hochberg; in `provenance`
        the family-wise threshold of z, from the highest score of each draw.

    Raises
    ------
    GeometryError
        If the inputs have different CRS.
    ModelError
        If the inputs cannot be compared, there are none, or the replicates are too few for alpha.

    Notes
    -----
    Pointwise p-values: Kelsall and Diggle (1995), Statistics in Medicine 14:2335-2342; the threshold: Westfall and
    Young (1993), Resampling-Based Multiple Testing.

    Examples
    --------
    >>> import shapely
    >>> streets = Network.from_lines(shapely.linestrings([[[0, 0], [4000, 0]]]), crs="EPSG:27700")
    >>> x = np.concatenate([np.linspace(5, 3995, 100), np.full(20, 1000.0)])
    >>> found = significant_streets(Events.at(x, 0 * x, crs="EPSG:27700"), streets, lixel=50.0, replicates=199)
    >>> highest = int(np.nanargmax(found.z))
    >>> found.support.unit_from[highest].item(), found.p[highest].item()
    (950.0, 0.005)
    """
    settings = {
        "kernel": kernel,
        "bandwidth_m": float(bandwidth),
        "lixel_m": float(lixel),
        "replicates": replicates,
        "alpha": alpha,
        "least_expected": least_expected,
        "seed": seed,
    }
    _check(events, against, settings, subset=subset)
    placed = Placed.of(events, network, lixel=lixel, max_distance=max_distance)
    if not len(placed.rows):
        raise ModelError("no event lies on a street", "some were needed", "give a larger max_distance")
    null: Relabelling | Scatter
    if isinstance(against, Events | Snapped):
        null = Relabelling.of(placed, against, subset=subset, max_distance=max_distance)
    else:
        null = Scatter.of(placed, against)
    return _judged(placed, null, settings)


def _judged(placed: Placed, null: Relabelling | Scatter, settings: dict[str, Any]) -> LocalStatistic:
    """Compare the density of the events with what chance makes."""
    seed, replicates = settings["seed"], settings["replicates"]
    scene = _Scene(placed, Profile[settings["kernel"].upper()], settings["bandwidth_m"])
    observed, mean = scene.density(null.observed), scene.density(null.mean())
    inverse_sd = _chance(null, scene, mean, seed=seed, least_expected=settings["least_expected"])
    as_high, highest = _simulated(null, scene, observed, (mean, inverse_sd), seed=seed, replicates=replicates)
    tested = inverse_sd > 0
    p = np.where(tested, (1.0 + as_high) / (1.0 + replicates), np.nan)
    q = p.copy()
    q[tested] = stats.false_discovery_control(p[tested])
    z = np.where(tested, (observed - mean) * inverse_sd, np.nan)
    threshold = float(np.sort(highest)[-_rank(settings["alpha"], replicates)])
    return LocalStatistic(
        support=placed.network,
        statistic=np.maximum(observed, 0.0) * M_PER_KM,
        z=z,
        p=p,
        q=q,
        name=placed.events.kind,
        measure="incidents/km",
        provenance={
            "method": "Monte Carlo densities along streets",
            **null.about,
            **settings,
            "step_m": scene.wave.step,
            "family_wise_threshold": threshold,
            "units_above_threshold": int((z[tested] > threshold).sum()),
            "units_not_tested": int((~tested).sum()),
            "not_on_a_street": len(placed.events) - len(placed.rows),
            "period": placed.events.period,
        },
    )


class _Scene:
    """Streets and kernel of the densities, in single precision."""

    def __init__(self, placed: Placed, profile: Profile, h: float) -> None:
        self.profile, self.h, self.n = profile, h, placed.network.n
        self.wave = Wave.on(placed.links, min(10.0, h / STEPS), dtype=np.float32)
        bytes_of_one = 4 * len(self.wave.source) * self.wave.steps(h)
        self.layers = max(2, min(LAYERS, MEMORY // bytes_of_one))

    def densities(self, pulses: Pulses) -> NDArray[np.float32]:
        """Return the density of each layer per metre, float32 [units, layers]."""
        out = np.zeros((self.n, pulses.channels), np.float32)
        self.wave.add_density(pulses, self.wave.run(pulses, self.h), self.profile, self.h, out)
        return out

    def density(self, pulses: Pulses) -> Floats:
        """Return the density of a single layer, by the arithmetic of several: to the last bit the same."""
        two = Pulses(pulses.link, pulses.place, pulses.weight, pulses.channel, 2)
        return self.densities(two)[:, 0].astype(np.float64)

    def draws(self, null: Relabelling | Scatter, seed: int, first: int, number: int) -> Iterator[NDArray[np.float32]]:
        """Yield the densities of the replicates first..first + number - 1, some at a time."""
        for begin in range(first, first + number, self.layers):
            count = min(self.layers, first + number - begin)
            # One layer more than needed rather than a single one, whose arithmetic is another.
            yield self.densities(null.draw(seed, begin, max(count, 2)))[:, :count]


def _chance(null: Relabelling | Scatter, scene: _Scene, mean: Floats, *, seed: int, least_expected: float) -> Floats:
    """Return 1 over the standard deviation of each unit under chance, 0 where it is not tested."""
    square = np.zeros(scene.n)
    # Replicates are numbered from 0 on; those of the pilot below.
    for values in scene.draws(null, seed, -PILOT, PILOT):
        add_squares(np.ascontiguousarray(values), mean, square)
    variance = square / PILOT
    effective = np.zeros(scene.n)
    np.divide(mean * mean * (1.0 - null.share), variance, out=effective, where=variance > 0)
    tested = effective >= least_expected
    if not tested.any():
        raise ModelError(
            f"nowhere does chance put {least_expected:g} events within {scene.h:g} m",
            "some streets to test were needed",
            "give a larger bandwidth or a lower least_expected",
        )
    inverse = np.zeros(scene.n)
    np.divide(1.0, np.sqrt(variance), out=inverse, where=tested)
    return inverse


def _simulated(
    null: Relabelling | Scatter,
    scene: _Scene,
    observed: Floats,
    chance: tuple[Floats, Floats],
    *,
    seed: int,
    replicates: int,
) -> tuple[Floats, Floats]:
    """Return how many draws are as high as observed at each unit, and the highest score of each draw."""
    counts, highest = np.zeros(scene.n, np.int32), []
    least = observed - np.abs(observed) * TIE
    for values in scene.draws(null, seed, 0, replicates):
        of_block = np.empty((-(-scene.n // BLOCK), values.shape[1]))
        tally(np.ascontiguousarray(values), least, *chance, BLOCK, counts, of_block)
        highest.append(of_block.max(axis=0))
    return counts.astype(np.float64), np.concatenate(highest)


def _rank(alpha: float, replicates: int) -> int:
    """Return which of the highest scores, counted from the highest, is the threshold of a level."""
    return int(alpha * (replicates + 1) * (1.0 + 1e-12))


def _check(
    events: Events | Snapped, against: Events | Snapped | Demand | None, settings: dict[str, Any], *, subset: bool
) -> None:
    problems = Problems()
    check_kernel(
        problems,
        kernel=settings["kernel"],
        bandwidth=settings["bandwidth_m"],
        bandwidth_kind=None,
        lixel=settings["lixel_m"],
        step=None,
    )
    problems.check(settings["kernel"] in get_args(Smooth), f"kernel is {settings['kernel']!r}", "quartic or triweight")
    alpha, replicates = settings["alpha"], settings["replicates"]
    problems.check(
        0 < alpha < 1 and _rank(alpha, replicates) >= 1,
        f"{replicates} replicates cannot tell a level of {alpha:g}",
        "alpha in (0, 1) and at least 1 / alpha - 1 replicates were needed",
    )
    for part in (events, against):
        rows = part.events if isinstance(part, Snapped) else part
        if isinstance(rows, Events):
            problems.check(
                rows.weight_name == COUNT or bool((rows.weight == 1.0).all()),
                f"events are weighted by {rows.weight_name!r}",
                "each must count once",
                "test those of one severity against all: subset=True",
            )
    problems.check(
        not subset or isinstance(against, Events | Snapped), "subset is set, and there are no events to be among"
    )
    problems.raise_as(ModelError)
