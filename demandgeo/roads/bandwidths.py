"""Which bandwidth describes events along streets best: the likelihood of each event by all the others."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
import pandas as pd
from pydantic import Field
from scipy.spatial import KDTree

from demandgeo.domain import Bandwidth, Events, Network, Snapped
from demandgeo.domain.record import Floats, Integers
from demandgeo.errors import ModelError, Problems
from demandgeo.kernels.profiles import Profile
from demandgeo.registry import stage
from demandgeo.roads.placing import STEP, KernelName, Placed, check_kernel
from demandgeo.roads.snapping import Metres
from demandgeo.roads.tiles import parts
from demandgeo.roads.waves import Pulses, Wave, reach_of

EVEN = 0.01
"""Share of the density that is spread evenly over all streets: an event far from all others counts as unlikely, not as
impossible, which a single one would make of every bandwidth."""

LAYERS = 32
"""Groups of events that travel together."""

STEPS = 15
"""Least number of time steps in the narrowest kernel: an error of some 0.1 %, which moves no maximum."""


@stage("roads.choose_bandwidth")
def choose_bandwidth(
    events: Events | Snapped,
    network: Network,
    *,
    lowest: Metres = 50.0,
    highest: Metres = 1000.0,
    candidates: Annotated[int, Field(ge=2)] = 20,
    kernel: KernelName = "quartic",
    max_distance: Metres = 50.0,
    most_events: Annotated[int, Field(ge=2)] = 2000,
) -> Bandwidth:
    """Choose the bandwidth of the continuous density by leave-one-out likelihood.

    One transport serves every candidate. What an event itself adds to the density at its place, all the ways back to
    it included, is taken away exactly: events farther apart than the widest kernel reaches travel together, and where
    one of them stands there is nothing but itself.

    Parameters
    ----------
    events, network, kernel, max_distance
        As for `density`. Events at the very place of another are as likely as it makes them: repeats of one record
        favour narrow kernels.
    lowest, highest, candidates
        The bandwidths, in equal ratios, metres.
    most_events
        The score is the mean over at most so many events, evenly taken from all; each is compared with all others.

    Returns
    -------
    Bandwidth
        `metres`, and in `rows` for each bandwidth the mean log likelihood of an event (per metre).

    Raises
    ------
    GeometryError
        If the inputs have different CRS.
    ModelError
        If a setting is out of range, or fewer than two events lie on the streets.

    Notes
    -----
    Habbema, Hermans and van den Broek (1974), Compstat 1974, 101-110. The density of the other events integrates to
    1 on any network, so that the likelihood needs no other term; 1 % of it is spread evenly over the streets.

    Examples
    --------
    >>> import shapely
    >>> streets = Network.from_lines(shapely.linestrings([[[0, 0], [9000, 0]]]), crs="EPSG:27700")
    >>> x = np.random.default_rng(1).normal(4000, 300, 200)
    >>> choice = choose_bandwidth(Events.at(x, 0 * x, crs="EPSG:27700"), streets, highest=2000.0, candidates=8)
    >>> round(choice.metres)
    243
    """
    _check(lowest, highest, candidates, most_events, kernel)
    placed = Placed.of(events, network, lixel=max(10.0, float(network.length.max())), max_distance=max_distance)
    if len(placed.rows) < 2:
        raise ModelError(f"{len(placed.rows)} events lie on a street", "two or more were needed")
    widths, profile = np.geomspace(lowest, highest, candidates), Profile[kernel.upper()]
    scored = np.unique(np.linspace(0, len(placed.rows) - 1, min(most_events, len(placed.rows))).astype(np.int64))
    curve = _Curve(profile, widths, min(STEP, float(lowest) / STEPS))
    rows = np.arange(len(placed.rows))
    everything = curve.densities(placed, rows, np.zeros(len(rows), np.int64), scored)[:, :, 0]
    itself, groups = _of_themselves(placed, curve, scored)
    weight = placed.events.weight[placed.rows]
    others = (everything - itself) / (weight.sum() - weight[scored])[None, :]
    even = 1.0 / network.length.sum()
    likely = np.log((1 - EVEN) * np.maximum(others, 0.0) + EVEN * even)
    score = np.average(likely, axis=1, weights=weight[scored])
    best = int(np.argmax(score))
    notes: tuple[str, ...] = ()
    if best in (0, candidates - 1):
        notes = (f"the best candidate, {widths[best]:g} m, is at the end of the range: widen it",)
    return Bandwidth(
        "Bandwidth along streets by leave-one-out likelihood",
        pd.DataFrame({"bandwidth_m": widths, "score": score}),
        notes,
        {
            "method": "leave-one-out likelihood",
            "kernel": kernel,
            "events": len(placed.rows),
            "events_scored": len(scored),
            "groups": groups,
            "step_m": curve.step,
        },
        float(widths[best]),
    )


class _Curve(NamedTuple):
    """The kernels whose densities are compared: shape, supports (or sd) and time step in metres."""

    profile: Profile
    widths: Floats
    step: float

    @property
    def reach(self) -> float:
        """How far the widest reaches, metres."""
        return reach_of(self.profile, float(self.widths[-1]))

    def densities(self, placed: Placed, rows: Integers, layer: Integers, at: Integers) -> Floats:
        """Return the density per metre of some placed events, by layer, at others: [widths, at, layers]."""
        links = placed.links.at(placed.link[at], placed.place[at])
        weight = placed.events.weight[placed.rows[rows]]
        pulses = Pulses.of(placed.link[rows], placed.place[rows], weight, layer, int(layer.max()) + 1)
        values = np.zeros((len(self.widths), len(at), pulses.channels))
        for near, own in parts(placed.network, links, pulses, reach=self.reach, step=self.step):
            wave = Wave.on(near, self.step)
            history = wave.run(own, self.reach)
            for width, out in zip(self.widths.tolist(), values, strict=True):
                wave.add_density(own, history, self.profile, width, out)
        return values


def _of_themselves(placed: Placed, curve: _Curve, scored: Integers) -> tuple[Floats, int]:
    """Return what each scored event adds to the density at its own place [widths, scored], and how many groups."""
    group, out = _groups(placed, scored, curve.reach), np.empty((len(curve.widths), len(scored)))
    groups = int(group.max()) + 1
    for first in range(0, groups, LAYERS):
        own = np.flatnonzero((group >= first) & (group < first + LAYERS))
        layer = group[own] - first
        values = curve.densities(placed, scored[own], layer, scored[own])
        out[:, own] = values[:, np.arange(len(own)), layer]
    return out, groups


def _groups(placed: Placed, scored: Integers, reach: float) -> Integers:
    """Return a group for each scored event; those of a group are farther apart than `reach` (first fit, in order)."""
    snapped = placed.snapped
    rows = placed.rows[scored]
    x, y = snapped.network.place(snapped.segment[rows], snapped.position[rows])
    near = KDTree(np.column_stack([x, y])).query_pairs(reach, output_type="ndarray")
    near = np.sort(near, axis=1)
    order = np.lexsort((near[:, 0], near[:, 1]))
    first = np.searchsorted(near[order, 1], np.arange(len(scored) + 1))
    group = np.zeros(len(scored), np.int64)
    for event in range(len(scored)):
        taken = np.unique(group[near[order[first[event] : first[event + 1]], 0]])
        free = np.flatnonzero(taken != np.arange(len(taken)))
        group[event] = free[0] if free.size else len(taken)
    return group


def _check(lowest: float, highest: float, candidates: int, most_events: int, kernel: str) -> None:
    problems = Problems()
    problems.check(
        0 < lowest < highest < np.inf, f"the candidates run from {lowest} to {highest} m", "0 < lowest < highest"
    )
    problems.check(candidates >= 2, f"candidates is {candidates}", "2 or more were needed")
    problems.check(most_events >= 2, f"most_events is {most_events}", "2 or more were needed")
    check_kernel(problems, kernel=kernel, bandwidth=1e9, bandwidth_kind=None, lixel=1.0, step=None)
    problems.raise_as(ModelError)
