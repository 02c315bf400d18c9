"""Density of events along streets."""

from __future__ import annotations

import warnings
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from demandgeo.domain import COUNT, Demand, Events, Network, Snapped, Zones
from demandgeo.domain.record import Floats
from demandgeo.errors import ModelError, PrecisionWarning, Problems, did_you_mean
from demandgeo.kernels.paths import add_by_shortest_path
from demandgeo.kernels.profiles import Profile
from demandgeo.registry import stage
from demandgeo.roads.links import Links
from demandgeo.roads.placing import (
    BandwidthKind,
    KernelName,
    Placed,
    check_kernel,
    kernel_of,
    step_of,
    units_within,
)
from demandgeo.roads.snapping import Metres
from demandgeo.roads.tiles import parts
from demandgeo.roads.waves import Pulses, Wave, reach_of
from demandgeo.statistics.layers import By, layers_of

Method = Literal["continuous", "discontinuous", "simple"]
DeadEnd = Literal["reflect", "absorb"]
Per = Literal["year", "period"]

M_PER_KM = 1e3
WORKERS = 8
"""Parts of the work of the simple method: fixed, so that it does not depend on the number of threads."""

LAYERS = 16
"""Layers that travel together."""


class Kernel(NamedTuple):
    """What spreads an event: its method and shape, support (the Gaussian's sd) and time step in metres, dead ends."""

    method: str
    profile: Profile
    h: float
    step: float
    dead_end: str

    @property
    def reach(self) -> float:
        """Metres beyond which nothing counts."""
        return reach_of(self.profile, self.h)


@stage("roads.density")
def density(
    events: Events | Snapped,
    network: Network,
    within: Zones | None = None,
    *,
    method: Method = "continuous",
    kernel: KernelName = "quartic",
    bandwidth: Metres = 300.0,
    bandwidth_kind: BandwidthKind | None = None,
    lixel: Metres = 10.0,
    per: Per | None = None,
    by: By | None = None,
    dead_end: DeadEnd = "reflect",
    max_distance: Metres = 50.0,
    step: Metres | None = None,
) -> Demand:
    """Return the density of events along streets, per km, at the middle of every lixel.

    Parameters
    ----------
    events
        Their weights are spread along the streets. Those not snapped yet are placed on the nearest street.
    network
        The streets, in the CRS of the events.
    within
        The study area. Streets outside it are a buffer: events on them spread into it, and their own lixels are
        nodata. Without a buffer streets end at the border; there the continuous kernel reflects, so that no weight is
        lost.
    method
        ``"continuous"``: at a junction of n street ends a kernel goes on with 2/n into each other street and returns
        with 2/n - 1; the density is continuous, and its integral is the weight of the events on any network.
        ``"discontinuous"``: it goes on with 1/(n - 1) and does not return. ``"simple"``: the kernel of the shortest
        path. It counts an event in full on every branch: its mass is above 1, and junctions look worse than they are.
    kernel
        Shape (1 - r2/h2)^p: uniform (p = 0), epanechnikov (1), quartic (2) or triweight (3); or gaussian.
    bandwidth, bandwidth_kind
        Metres along the streets. ``"support"``: beyond it an event counts exactly 0; ``"sd"``: standard deviation. None
        means the support, and for the Gaussian, whose support has no end, its standard deviation.
    lixel
        Greatest length of a lixel, metres.
    per
        ``"year"`` divides by the length of the events' period, ``"period"`` does not; None means per year where the
        events have dates.
    by
        One layer per ``"category"``, ``"month"``, ``"year"`` or name of a text attribute (a user group), or per
        combination of several; None for a single one.
    dead_end
        Of the discontinuous method: whether a kernel that comes to a dead end is reflected, or lost (as its definition
        has it).
    max_distance
        Metres within which an event is placed on a street.
    step
        Metres by which pulses are carried at a time; None takes 5 m (1 m for kernels that end with a jump or a
        kink), or less for narrow kernels.

    Returns
    -------
    Demand
        `values` [lixels] or [layers, lixels] in incidents (or weight) per km and year; `count` the events on each
        lixel. `provenance["mass"]`: the exact integral of the density over the weight of the events placed.

    Raises
    ------
    GeometryError
        If the inputs have different CRS.
    ModelError
        If a setting is out of range, the events were snapped to other streets, or no street lies in the study area.

    Warns
    -----
    PrecisionWarning
        If the method is ``"simple"``: with the mass it gave.

    Notes
    -----
    Equal-split kernels: Okabe, Satoh and Sugihara (2009), International Journal of Geographical Information Science
    23:7-32; McSwiggan, Baddeley and Nair (2017), Scandinavian Journal of Statistics 44:324-345. They are sums over all
    paths, which grow in number without bound; here amplitudes travel as a wave (`kernels.waves`), at a cost that does
    not depend on the number of events. At the default step the greatest error against all paths was 6e-5 of the peak
    for the quartic of 300 m, 1e-5 for the triweight, 3e-5 for the Gaussian, 4e-4 for the Epanechnikov.

    Examples
    --------
    >>> import shapely
    >>> cross = shapely.linestrings([[[-500, 0], [0, 0]], [[0, 0], [500, 0]], [[0, 0], [0, 500]]])
    >>> streets = Network.from_lines(cross, crs="EPSG:27700")
    >>> demand = density(Events.at([-40.0], [3.0], crs="EPSG:27700"), streets, bandwidth=300.0)
    >>> demand.measure, round(demand.values.max().item(), 3), round(demand.provenance["mass"], 6)
    ('incidents/km', 2.282, 1.0)
    """
    _check(
        method, dead_end, per, kernel=kernel, bandwidth=bandwidth, bandwidth_kind=bandwidth_kind, lixel=lixel, step=step
    )
    profile, h = kernel_of(kernel, float(bandwidth), bandwidth_kind)
    spread = Kernel(method, profile, h, step_of(profile, h, step), dead_end)
    placed = Placed.of(events, network, lixel=lixel, max_distance=max_distance)
    years = period_of(placed.events, per)
    table, layer = layers_of(placed.events, by)
    layers = 1 if by is None else len(table)
    values, mass, used_step = _spread(placed, placed.pulses(layer, layers), spread)
    about = {
        "kernel": kernel,
        "bandwidth_m": float(bandwidth),
        "bandwidth_kind": bandwidth_kind or ("sd" if kernel == "gaussian" else "support"),
        "step_m": used_step,
        "dead_end": dead_end if method == "discontinuous" else None,
    }
    if method == "simple":
        _warn_of_mass(mass, placed)
    values = values[:, 0] if by is None else values
    return demand_on(placed, values, mass, years, method=method, about=about, layers=table, within=within)


def period_of(events: Events, per: str | None) -> float:
    """Return the years to divide by; 0 for none."""
    if per == "year" and not events.years > 0:
        raise ModelError("no event has a date", "dated events were needed for a density per year", 'give per="period"')
    return 0.0 if per == "period" else events.years


def demand_on(
    placed: Placed,
    values: Floats,
    mass: float,
    years: float,
    *,
    method: str,
    about: dict[str, Any],
    layers: Any,
    within: Zones | None = None,
) -> Demand:
    """Make demand of densities per metre, [lixels] or [lixels, layers].

    A density is 0 or more; what falls below by the error of the method is set to 0, and its share is told.
    """
    events, network = placed.events, placed.network
    inside = units_within(network, within)
    unit = placed.units(inside)
    below = float(-np.minimum(values, 0.0).min(initial=0.0) / max(values.max(initial=0.0), np.finfo(float).tiny))
    per_km = np.maximum(values.T, 0.0) * (M_PER_KM / (years or 1.0))
    if inside is not None:
        per_km[..., ~inside] = np.nan
    per_km = np.ascontiguousarray(per_km)
    per_km.flags.writeable = False
    distance = placed.snapped.distance[placed.rows]
    return Demand(
        support=network,
        values=per_km,
        measure=("incidents" if events.weight_name == COUNT else "weight") + ("/km/yr" if years else "/km"),
        balance=placed.balance(unit),
        weight_name=events.weight_name,
        period=events.period,
        name=events.kind,
        count=np.bincount(unit[unit >= 0], minlength=network.n).astype(np.float64),
        layers=layers,
        provenance={
            "method": method,
            **{key: value for key, value in about.items() if value is not None},
            "lixel_m": network.lixel,
            "mass": mass,
            "lowest_before_zero": below,
            "links": len(placed.links.length),
            "max_distance_m": placed.snapped.max_distance,
            "median_distance_m": float(np.median(distance)) if distance.size else None,
            "records_left_out": sum(events.ledger.excluded().values()),
            "years": years or None,
        },
    )


def _spread(placed: Placed, pulses: Pulses, kernel: Kernel) -> tuple[Floats, float, float | None]:
    """Return the density per metre [lixels, layers], its mass per weight, and the time step used, if any."""
    total = float(pulses.weight.sum())
    if kernel.method == "simple":
        values = by_shortest_path(placed.links, pulses, kernel)
        mass, step = float((values.sum(axis=1) * placed.network.extent).sum()), None
    else:
        values, mass, step = by_wave(placed.network, placed.links, pulses, kernel, settled=True)
    return values, mass / total if total > 0 else 0.0, step


def by_wave(
    network: Network, links: Links, pulses: Pulses, kernel: Kernel, *, settled: bool = False
) -> tuple[Floats, float, float]:
    """Return the density per metre [units, layers], its integral, and the time step used.

    Unless `settled`, for units that are mere places, the integral is not taken, and 0.
    """
    values = np.zeros((len(links.unit), pulses.channels))
    mass, step = 0.0, kernel.step
    for first in range(0, pulses.channels, LAYERS):
        layers = pulses.layers(first, min(LAYERS, pulses.channels - first))
        block = np.zeros((len(links.unit), layers.channels))
        for near, own in parts(network, links, layers, reach=kernel.reach, step=kernel.step):
            wave = Wave.on(near, kernel.step, continuous=kernel.method == "continuous", dead_end=kernel.dead_end)
            history = wave.run(own, kernel.reach)
            wave.add_density(own, history, kernel.profile, kernel.h, block)
            if settled:
                mass += float(wave.settle(own, history, (kernel.profile, kernel.h), block).sum())
            step = min(step, wave.step)
        values[:, first : first + layers.channels] = block
    return values, mass, step


def by_shortest_path(links: Links, pulses: Pulses, kernel: Kernel) -> Floats:
    """Return the density per metre [lixels, layers] by the simple method."""
    out = np.zeros((len(links.unit), pulses.channels))
    n, m = links.junctions, len(links.length)
    workers = min(WORKERS, m)
    scratch = np.full((workers, 2 * n), np.inf), np.empty((workers, 2 * n), np.int64), np.full((workers, m), -1)
    add_by_shortest_path(
        *links.arms(), links.start, links.end, links.length, links.first_unit, links.unit, links.middle,
        pulses.first_of(links), pulses.place, pulses.weight, pulses.channel, int(kernel.profile), kernel.h,
        kernel.reach, *scratch, out,
    )  # fmt: skip
    return out


def _warn_of_mass(mass: float, placed: Placed) -> None:
    if len(placed.rows):
        warnings.warn(
            f"the simple method gives each event a mass of {mass:.3g}, not 1: it counts it in full on every branch of "
            'the streets; for a density give method="continuous"',
            PrecisionWarning,
            stacklevel=3,
        )


def _check(method: str, dead_end: str, per: str | None, **kernel: Any) -> None:
    problems = Problems()
    for name, value, known in (
        ("method", method, get_args(Method)),
        ("dead_end", dead_end, get_args(DeadEnd)),
        ("per", "year" if per is None else per, get_args(Per)),
    ):
        problems.check(value in known, f"{name} is {value!r}", f"one of {', '.join(known)}", did_you_mean(value, known))
    check_kernel(problems, **kernel)
    problems.raise_as(ModelError)
