"""Streets in short cells along their strokes, with what each cell saw and must expect."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import shapely
from scipy import special

from demandgeo.domain import Events, Network, Sites
from demandgeo.domain.record import Floats, Geometries, Integers
from demandgeo.errors import ModelError
from demandgeo.roads.facilities import EMPTY, Facilities, street_names
from demandgeo.roads.snapping import snap
from demandgeo.roads.strokes import strokes
from demandgeo.roads.tallies import snapping_of

Runs = Integers
"""int64 [runs, 2]: first cell and the cell after the last, in order along the strokes."""

NAMED = 2


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """Cells in order along the strokes.

    Attributes
    ----------
    network
        The streets cut into cells.
    unit
        int64 [n]: the unit of the network that each cell is.
    begin, stop
        int64 [n]: the first cell of the cell's stroke, and the one after its last.
    length
        float64 [n], metres.
    observed, expected, modelled
        float64 [n]: as in the table of the sites, split over their cells.
    variance
        float64 [n]: of what is known of the true mean.
    """

    network: Network
    unit: Integers
    begin: Integers
    stop: Integers
    length: Floats
    observed: Floats
    expected: Floats
    modelled: Floats
    variance: Floats

    @classmethod
    def of(cls, sites: Sites, events: Events, cell: float) -> Profile:
        """Split every site over its cells.

        The true mean of a site is taken as a gamma process along its length (Hauer 2001): a cell has its share of the
        shape, and its own events; the cells of a site add up to the site.
        """
        facilities, row = _facilities(sites)
        network = sites.network.segments().lixels(cell)
        order, begin, stop = _along(network)
        table = sites.table.iloc[row].reset_index(drop=True)
        shape, modelled = table["shape"].to_numpy(), table["modelled"].to_numpy()
        worth = table["expected"].to_numpy() / (shape + table["events"].to_numpy())
        snapped = snap(events, facilities.network, **snapping_of(sites))
        place = facilities.at(snapped.segment, snapped.position)
        there = np.flatnonzero(place >= 0)
        unit, place = network.unit_at(snapped.segment[there], snapped.position[there]), place[there]

        def summed(per_place: Floats, per_event: Floats) -> Floats:
            by_length = sum(share * per_place[of] for of, share in _overlaps(network, facilities))
            return np.asarray(by_length + np.bincount(unit, per_event, minlength=network.n), np.float64)[order]

        return cls(
            network,
            order,
            begin,
            stop,
            network.extent[order],
            observed=summed(np.zeros(len(facilities)), events.weight[there]),
            expected=summed(shape * worth, worth[place]),
            modelled=summed(modelled, np.zeros(there.size)),
            variance=summed(shape * np.square(worth), np.square(worth[place])),
        )

    def __len__(self) -> int:
        return int(self.unit.size)

    def sums(self, column: Floats, runs: Runs) -> Floats:
        """Return the sum of a column over the cells of each run."""
        total = np.concatenate([[0.0], np.cumsum(column)])
        return np.asarray(total[runs[:, 1]] - total[runs[:, 0]], np.float64)

    def sites(self, sites: Sites, runs: Runs, kind: str, *, confidence: float, **settings: Any) -> Sites:
        """Return runs of cells as sites, those of most excess first."""
        length, observed, expected, modelled, variance = (
            self.sums(column, runs)
            for column in (self.length, self.observed, self.expected, self.modelled, self.variance)
        )
        order = np.lexsort((runs[:, 0], modelled - expected))
        spread = np.maximum(variance, np.finfo(float).tiny)
        shape, rate = np.square(expected) / spread, expected / spread
        tail = (1.0 - confidence) / 2.0
        table = pd.DataFrame(
            {
                "rank": 0,
                "site": [f"{kind} {i}" for i in range(1, len(runs) + 1)],
                "kind": kind,
                "name": self._names(runs),
                "length_m": length,
                "observed": np.maximum(observed, 0.0),
                "expected": expected,
                "excess": expected - modelled,
                "modelled": modelled,
                "low": special.gammaincinv(shape, tail) / rate,
                "high": special.gammaincinv(shape, 1.0 - tail) / rate,
                "p_excess": special.gammaincc(shape, modelled * rate),
            }
        )
        for name, column in (("cost_per_year", expected), ("excess_cost_per_year", expected - modelled)):
            if name in sites.table:
                table[name] = column * _unit_cost(sites)
        table = table.iloc[order].reset_index(drop=True)
        table["rank"] = np.arange(1, len(runs) + 1)
        table["site"] = [f"{kind} {i}" for i in range(1, len(runs) + 1)]
        lines = np.empty(len(runs), object)
        cells = self.network.geometry()
        lines[:] = [_joined_line(cells[self.unit[first:last]]) for first, last in runs[order].tolist()]
        none = np.full(len(runs), -1)
        return Sites(
            network=self.network.segments(),
            geometry=lines,
            table=table,
            segment=none,
            node=none,
            name=sites.name,
            weight_name=sites.weight_name,
            period=sites.period,
            years=sites.years,
            balance=sites.balance,
            model={**sites.model, **settings},
            notes=sites.notes,
        )

    def _names(self, runs: Runs) -> list[str]:
        """Return the streets of each run, the one with most length first."""
        streets, segment = street_names(self.network), self.network.unit_segment[self.unit]
        names = []
        for first, last in runs.tolist():
            metres: dict[str, float] = {}
            for own, length in zip(segment[first:last].tolist(), self.length[first:last].tolist(), strict=True):
                metres[streets[own]] = metres.get(streets[own], 0.0) + length
            names.append(", ".join(sorted(metres, key=lambda name: (-metres[name], name))[:NAMED]))
        return names


def _joined_line(pieces: Geometries) -> shapely.Geometry:
    joined = shapely.line_merge(shapely.union_all(pieces))
    return shapely.multilinestrings(pieces) if shapely.is_empty(joined) else joined


def _facilities(sites: Sites) -> tuple[Facilities, Integers]:
    """Return the segments and junctions that sites of `empirical_bayes` are, and the row of each in the table."""
    radius = sites.model.get("junction_radius_m")
    whole = radius is not None and {"shape", "events", "modelled"} <= set(sites.table.columns)
    found = Facilities.of(sites.network, float(radius)) if whole and radius is not None else None
    if found is None or len(found) != len(sites.table):
        raise ModelError(
            "the sites are not all segments and junctions of a network",
            "the whole result of roads.empirical_bayes was needed",
        )
    owner = np.where(sites.segment >= 0, sites.segment, len(sites.network.start) + sites.node)
    place = np.where(found.segment >= 0, found.segment, len(sites.network.start) + found.node)
    by_owner = np.argsort(owner, kind="stable")
    return found, by_owner[np.searchsorted(owner[by_owner], place)]


def _along(network: Network) -> tuple[Integers, Integers, Integers]:
    """Return the units of a network in order along its strokes, the first cell of each one's stroke and its stop."""
    found = strokes(network)
    pieces, first = network.pieces[found.segment], network.first_unit[:-1][found.segment]
    start = np.concatenate([[0], np.cumsum(pieces)])
    turn = np.arange(start[-1]) - np.repeat(start[:-1], pieces)
    ahead = np.repeat(found.forward, pieces)
    unit = np.repeat(first, pieces) + np.where(ahead, turn, np.repeat(pieces, pieces) - 1 - turn)
    bounds = start[found.indptr]
    cells = np.diff(bounds)
    return unit, np.repeat(bounds[:-1], cells), np.repeat(bounds[1:], cells)


def _overlaps(network: Network, facilities: Facilities) -> list[tuple[Integers, Floats]]:
    """Return the three places that each unit may be of, with the share of their length that lies in the unit.

    They are the junction at the start of its segment, the segment between, and the junction at its end.
    """
    segment = network.unit_segment
    head, length = facilities.head[segment], network.length[segment]
    tail = length - facilities.tail[segment]
    bounds = (np.zeros(len(segment)), head, tail, length)
    found = []
    for low, high in itertools.pairwise(bounds):
        inside = np.minimum(network.unit_to, high) - np.maximum(network.unit_from, low)
        row = facilities.at(segment, (low + high) / 2)
        there = (inside > 0) & (high - low > EMPTY)
        share = np.where(there, np.maximum(inside, 0.0) / np.maximum(facilities.length[row], EMPTY), 0.0)
        found.append((row, share))
    return found


def _unit_cost(sites: Sites) -> float:
    table = sites.table
    total = float(table["expected"].sum())
    return float(table["cost_per_year"].sum()) / total if total else 0.0
