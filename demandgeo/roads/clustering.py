"""Do events cluster along streets, at which distances, and about what: network K and cross-K functions."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field

from demandgeo.domain import COUNT, Events, Network, Snapped, Table
from demandgeo.domain.record import Floats, Integers
from demandgeo.errors import ModelError, Problems
from demandgeo.kernels.windows import count_pairs
from demandgeo.registry import stage
from demandgeo.roads.intensity import WORKERS
from demandgeo.roads.links import Links
from demandgeo.roads.nulls import Scatter
from demandgeo.roads.placing import Placed
from demandgeo.roads.snapping import Metres
from demandgeo.roads.waves import Pulses

LAYERS = 32
"""Replicates whose pairs are counted together: the ways along the streets are found once for all of them."""


@stage("roads.k_function")
def k_function(
    events: Events | Snapped,
    network: Network,
    about: Events | Snapped | None = None,
    *,
    longest: Metres = 1000.0,
    bins: Annotated[int, Field(ge=1, le=1000)] = 20,
    replicates: Annotated[int, Field(ge=19)] = 199,
    max_distance: Metres = 50.0,
    seed: int = 0,
) -> Table:
    """Return the network K function: how much street length of average density holds what lies around an event.

    Parameters
    ----------
    events
        What may cluster; each counts once.
    network
        The streets.
    about
        Other events that they may cluster about (schools, junctions, collisions): the cross-K function. None: about
        each other.
    longest, bins
        Greatest distance along streets, and the number of equal distances up to it.
    replicates
        Draws in which `events` fall anywhere along the streets, evenly by length; `about` stays.
    max_distance, seed
        As for `significant_streets`.

    Returns
    -------
    Table
        For each distance: `k` in metres of street, its mean and its 2.5 and 97.5 % points under chance, and `p`
        (one-sided: clustering). `provenance["p"]` is the p-value of the whole curve.

    Raises
    ------
    GeometryError
        If the inputs have different CRS.
    ModelError
        If a setting is out of range, or too few events lie on the streets.

    Notes
    -----
    K(r) = L / (n (n - 1)) x pairs within r, of a set with itself, L / (n m) x pairs of two sets, L the length of all
    streets (Okabe and Yamada 2001, Geographical Analysis 33:271-290). It depends on the shape of the network, as do
    its draws: it is compared with nothing else. The whole curve is tested by its greatest distance from the mean in
    standard deviations (Myllymaki et al. 2017, Journal of the Royal Statistical Society B 79:381-404).

    Examples
    --------
    >>> import shapely
    >>> streets = Network.from_lines(shapely.linestrings([[[0, 0], [9000, 0]]]), crs="EPSG:27700")
    >>> x = np.concatenate([np.linspace(10, 8990, 30), np.linspace(4000, 4100, 15)])
    >>> table = k_function(Events.at(x, 0 * x, crs="EPSG:27700"), streets, longest=400.0, bins=4, replicates=39)
    >>> table.rows["distance_m"].tolist(), table.provenance["p"]
    ([100.0, 200.0, 300.0, 400.0], 0.025)
    """
    _check(events, longest, bins, replicates)
    placed = Placed.of(events, network, lixel=max(10.0, float(network.length.max())), max_distance=max_distance)
    others = None if about is None else Placed.of(about, network, lixel=placed.network.lixel, max_distance=max_distance)
    least = 2 if others is None else 1
    if len(placed.rows) < least or (others is not None and not len(others.rows)):
        raise ModelError(f"{len(placed.rows)} events lie on a street", f"{least} or more of each were needed")
    null = Scatter.of(placed, None)
    width = float(longest) / bins
    scale = float(network.length.sum()) / _pairs_of(len(placed.rows), None if others is None else len(others.rows))
    observed = _k(placed.links, null.observed, others, width, bins) * scale
    drawn = [
        _k(placed.links, null.draw(seed, first, min(LAYERS, replicates - first)), others, width, bins) * scale
        for first in range(0, replicates, LAYERS)
    ]
    rows, p = _compared(observed[0], np.concatenate(drawn), width)
    kind = placed.events.kind
    what = f"{kind}: clustering" if others is None else f"{kind} about {others.events.kind}"
    chance = f"Compared with {replicates} draws of as many events anywhere along the streets"
    return Table(
        f"{what} along streets",
        rows,
        (f"{chance}; p of the whole curve {p:g}.",),
        {
            "method": "network K function" if others is None else "network cross-K function",
            "events": len(placed.rows),
            "about": None if others is None else len(others.rows),
            "replicates": replicates,
            "length_km": float(network.length.sum() / 1e3),
            "seed": seed,
            "p": p,
        },
    )


def _pairs_of(n: int, others: int | None) -> float:
    return float(n * (n - 1) if others is None else n * others)


def _k(links: Links, pulses: Pulses, others: Placed | None, width: float, bins: int) -> Floats:
    """Return the number of pairs up to each distance, float64 [layers, bins]."""
    about, layers = pulses, pulses.channels
    if others is not None:
        n = len(others.rows)
        layer = np.repeat(np.arange(layers), n)
        link, place = np.tile(others.link, layers), np.tile(others.place, layers)
        about = Pulses.of(link, place, np.ones(n * layers), layer, layers)
    count = np.zeros((min(WORKERS, len(links.length)), layers * bins), np.int64)
    count_pairs(
        *links.arms(), links.start, links.end, links.length, about.first_of(links), about.place, about.channel,
        pulses.first_of(links), pulses.place, pulses.channel, others is None, width, bins,
        *scratch(links, len(count)), count,
    )  # fmt: skip
    return np.cumsum(count.sum(axis=0).reshape(layers, bins), axis=1).astype(np.float64)


def scratch(links: Links, workers: int) -> tuple[Floats, Integers, Integers, Integers]:
    """Return what `kernels.windows` works with: distances, junctions, marks and streets, by worker."""
    n, m = links.junctions, len(links.length)
    return (
        np.full((workers, 2 * n), np.inf),
        np.empty((workers, 2 * n), np.int64),
        np.full((workers, m), -1),
        np.empty((workers, m), np.int64),
    )


def _compared(observed: Floats, drawn: Floats, width: float) -> tuple[pd.DataFrame, float]:
    """Return the table of distances, and the p-value of the whole curve."""
    replicates, bins = drawn.shape
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    # The observed curve is one of all: else its deviation would be measured with another ruler than the draws'.
    every = np.concatenate([observed[None], drawn])
    mean, spread = every.mean(axis=0), every.std(axis=0)
    score = np.divide(every - mean, spread, out=np.zeros_like(every), where=spread > 0).max(axis=1)
    rows = pd.DataFrame(
        {
            "distance_m": width * np.arange(1, bins + 1),
            "k": observed,
            "mean": drawn.mean(axis=0),
            "low": low,
            "high": high,
            "p": (1 + (drawn >= observed).sum(axis=0)) / (1 + replicates),
        }
    )
    return rows, float((1 + (score[1:] >= score[0]).sum()) / (1 + replicates))


def _check(events: Events | Snapped, longest: float, bins: int, replicates: int) -> None:
    problems, rows = Problems(), events.events if isinstance(events, Snapped) else events
    problems.check(np.isfinite(longest) and longest > 0, f"longest is {longest}", "metres > 0 were needed")
    problems.check(bins >= 1, f"bins is {bins}", "1 or more were needed")
    problems.check(replicates >= 19, f"replicates is {replicates}", "19 or more were needed")
    problems.check(
        rows.weight_name == COUNT or bool((rows.weight == 1.0).all()),
        f"the events are weighted by {rows.weight_name!r}",
        "each must count once",
    )
    problems.raise_as(ModelError)
