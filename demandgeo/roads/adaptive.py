"""Density along streets with a bandwidth for each event: narrow where there are many, wide where there are few."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from demandgeo.domain import Demand, Events, Network, Snapped, Zones
from demandgeo.domain.demand import LAYER_COLUMNS
from demandgeo.domain.record import Floats
from demandgeo.errors import ModelError, Problems
from demandgeo.registry import stage
from demandgeo.roads.intensity import Kernel, Per, by_wave, demand_on, period_of
from demandgeo.roads.placing import Placed, check_kernel, kernel_of, step_of
from demandgeo.roads.snapping import Metres
from demandgeo.roads.tiles import parts
from demandgeo.roads.waves import Pulses, Wave

Polynomial = Literal["epanechnikov", "quartic", "triweight"]
Trim = Annotated[float, Field(ge=1, allow_inf_nan=False)]

RATIO = 1.1
"""Bandwidths are carried in classes so far apart; an event between two classes is shared out between them."""


@stage("roads.adaptive_density")
def adaptive_density(
    events: Events | Snapped,
    network: Network,
    within: Zones | None = None,
    *,
    bandwidth: Metres = 300.0,
    pilot: Metres | None = None,
    trim: Trim = 3.0,
    kernel: Polynomial = "quartic",
    lixel: Metres = 10.0,
    per: Per | None = None,
    max_distance: Metres = 50.0,
    step: Metres | None = None,
) -> Demand:
    """Return the continuous density of events along streets, with a bandwidth for each event.

    Parameters
    ----------
    events, network, within, kernel, lixel, per, max_distance, step
        As for `density`.
    bandwidth
        Metres: the bandwidths of the events have this geometric mean, before they are trimmed.
    pilot
        Bandwidth of the density at the events that theirs are taken from, metres; that of `bandwidth` if not given.
    trim
        No bandwidth is wider than this times `bandwidth`, or narrower than `bandwidth` over it.

    Returns
    -------
    Demand
        As from `density`; `provenance` gives the least and greatest bandwidth, and the share of events trimmed.

    Raises
    ------
    GeometryError
        If the inputs have different CRS.
    ModelError
        If a setting is out of range, or the events were snapped to other streets.

    Notes
    -----
    Bandwidths go by the inverse square root of the pilot density (Abramson 1982, Annals of Statistics 10:1217-1223).
    Bandwidths are classes 10 % apart that travel together as layers.

    Examples
    --------
    >>> import shapely
    >>> streets = Network.from_lines(shapely.linestrings([[[0, 0], [3000, 0]]]), crs="EPSG:27700")
    >>> x = np.concatenate([np.full(30, 500.0), [2000.0]])
    >>> demand = adaptive_density(Events.at(x, 0 * x, crs="EPSG:27700"), streets, bandwidth=200.0)
    >>> about = demand.provenance
    >>> round(about["mass"], 6), round(about["least_bandwidth_m"]), round(about["greatest_bandwidth_m"])
    (1.0, 189, 600)
    """
    pilot = float(bandwidth if pilot is None else pilot)
    problems = Problems()
    for width in (float(bandwidth), pilot):
        check_kernel(problems, kernel=kernel, bandwidth=width, bandwidth_kind=None, lixel=lixel, step=step)
    problems.check(trim >= 1, f"trim is {trim}", "1 or more was needed")
    problems.raise_as(ModelError)
    placed = Placed.of(events, network, lixel=lixel, max_distance=max_distance)
    years = period_of(placed.events, per)
    wanted = _bandwidths(placed, float(bandwidth), pilot, kernel, float(trim))
    low, high = float(bandwidth / trim), float(bandwidth * trim)
    own = np.clip(wanted, low, high)
    values, mass, used_step = _spread(placed, own, kernel, step)
    total = float(placed.events.weight[placed.rows].sum())
    return demand_on(
        placed,
        values,
        mass / total if total > 0 else 0.0,
        years,
        method="continuous, adaptive",
        about={
            "kernel": kernel,
            "bandwidth_m": float(bandwidth),
            "pilot_bandwidth_m": pilot,
            "least_bandwidth_m": float(own.min(initial=high)),
            "greatest_bandwidth_m": float(own.max(initial=low)),
            "trimmed_share": float((own != wanted).mean()) if len(own) else 0.0,
            "step_m": used_step,
        },
        layers=pd.DataFrame(columns=list(LAYER_COLUMNS)),
        within=within,
    )


def _bandwidths(placed: Placed, bandwidth: float, pilot: float, kernel: str, trim: float) -> Floats:
    """Return the bandwidth of each placed event, metres."""
    weight = placed.events.weight[placed.rows]
    if not weight.sum() > 0:
        return np.full(len(weight), bandwidth)
    profile, h = kernel_of(kernel, pilot, None)
    spread = Kernel("continuous", profile, h, step_of(profile, h, None), "reflect")
    there = placed.links.at(placed.link, placed.place)
    found = by_wave(placed.network, there, placed.pulses(), spread)[0][:, 0]
    # An event without weight may stand where nothing has; it counts nothing whatever its bandwidth.
    known = found > 0
    mean = np.exp(np.average(np.log(found[known]), weights=weight[known]))
    wide = np.full(len(found), bandwidth * trim)
    wide[known] = bandwidth * np.sqrt(mean / found[known])
    return wide


def _spread(placed: Placed, own: Floats, kernel: str, step: float | None) -> tuple[Floats, float, float]:
    """Return the density per metre of each lixel, its integral, and the time step used."""
    levels = own.min(initial=np.inf) * RATIO ** np.arange(_classes(own))
    values = np.zeros((placed.network.n, 1))
    if not len(own):
        return values[:, 0], 0.0, 0.0
    profile, h = kernel_of(kernel, float(levels[-1]), None)
    used_step = step_of(profile, float(levels[0]), step)
    mass, pulses = 0.0, _shared_out(placed, own, levels)
    for near, part in parts(placed.network, placed.links, pulses, reach=h, step=used_step):
        wave = Wave.on(near, used_step)
        history = wave.run(part, h)
        for level, width in enumerate(levels.tolist()):
            single = part.layers(level, 1)
            if len(single.link):
                layer = np.ascontiguousarray(history[:, level :: len(levels)])
                wave.add_density(single, layer, profile, width, values)
                mass += float(wave.settle(single, layer, (profile, width), values).sum())
        used_step = min(used_step, wave.step)
    return values[:, 0], mass, used_step


def _classes(own: Floats) -> int:
    if not len(own):
        return 0
    return int(np.ceil(np.log(own.max() / own.min()) / np.log(RATIO) - 1e-9)) + 1


def _shared_out(placed: Placed, own: Floats, levels: Floats) -> Pulses:
    """Share out each event between the two classes about its bandwidth, so that their mean is its own."""
    lower = np.clip(np.searchsorted(levels, own * (1 + 1e-12), side="right") - 1, 0, len(levels) - 1)
    upper = np.minimum(lower + 1, len(levels) - 1)
    gap = levels[upper] - levels[lower]
    share = np.divide(own - levels[lower], gap, out=np.zeros(len(own)), where=gap > 0)
    weight: Any = placed.events.weight[placed.rows]
    twice = np.concatenate([weight * (1 - share), weight * share])
    some = twice > 0
    return Pulses.of(
        np.tile(placed.link, 2)[some],
        np.tile(placed.place, 2)[some],
        twice[some],
        np.concatenate([lower, upper])[some],
        len(levels),
    )
