"""The stretch of street with the clearest excess, wherever it lies and however long it is: a scan along streets."""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import Field

from demandgeo.domain import COUNT, Demand, Events, LocalStatistic, Network, Snapped
from demandgeo.domain.record import Floats, Integers
from demandgeo.errors import ModelError, Problems
from demandgeo.kernels.street_draws import draw_units
from demandgeo.kernels.windows import list_windows, scan
from demandgeo.registry import stage
from demandgeo.roads.clustering import scratch
from demandgeo.roads.intensity import WORKERS
from demandgeo.roads.links import Links
from demandgeo.roads.nulls import Scatter
from demandgeo.roads.placing import Placed
from demandgeo.roads.snapping import Metres

LAYERS = 32
MOST_PAIRS = 300_000_000
M_PER_KM = 1e3


@stage("roads.scan_streets")
def scan_streets(
    events: Events | Snapped,
    network: Network,
    exposure: Demand | None = None,
    *,
    longest: Metres = 500.0,
    rings: Annotated[int, Field(ge=1, le=100)] = 10,
    lixel: Metres = 50.0,
    replicates: Annotated[int, Field(ge=19)] = 999,
    max_distance: Metres = 50.0,
    seed: int = 0,
) -> LocalStatistic:
    """Scan the streets for the windows that hold the clearest excess of events.

    A window is every lixel whose middle lies within a distance, along streets, of the middle of another.

    Parameters
    ----------
    events
        Each counts once.
    network
        The streets.
    exposure
        What chance drops events in proportion to, on the same streets (lixels of this length, or whole segments);
        None: the length of street.
    longest, rings
        Greatest radius in metres along streets, and the number of equal radii up to it.
    lixel
        Greatest length of a lixel, metres.
    replicates, max_distance, seed
        As for `significant_streets`.

    Returns
    -------
    LocalStatistic
        On lixels: `statistic` the log likelihood ratio of the best window that holds the lixel; `z` the square root of
        twice that; `p` how often the best window of a whole draw is as good, so that it needs no further correction,
        and `q` the same. `provenance` gives the best window: its middle lixel, radius, events, expected events and p.

    Raises
    ------
    GeometryError
        If the inputs have different CRS.
    ModelError
        If a setting is out of range, no event lies on a street, or the windows would take too much memory.

    Notes
    -----
    Kulldorff (1997), Communications in Statistics 26:1481-1496, with windows along the streets.

    Examples
    --------
    >>> import shapely
    >>> streets = Network.from_lines(shapely.linestrings([[[0, 0], [9000, 0]]]), crs="EPSG:27700")
    >>> x = np.concatenate([np.linspace(10, 8990, 60), np.linspace(4000, 4150, 15)])
    >>> found = scan_streets(Events.at(x, 0 * x, crs="EPSG:27700"), streets, replicates=99)
    >>> found.provenance["events_in_best"], found.provenance["p_of_best"], round(found.z.max().item(), 1)
    (15, 0.01, 7.1)
    """
    _check(events, longest, rings, replicates)
    placed = Placed.of(events, network, lixel=lixel, max_distance=max_distance)
    if not len(placed.rows):
        raise ModelError("no event lies on a street", "some were needed", "give a larger max_distance")
    null, net = Scatter.of(placed, exposure), placed.network
    windows = _Windows.of(placed.links, float(longest) / rings, rings)
    total = len(placed.rows)
    expected = null.mass * (total / null.mass.sum())
    cases = np.bincount(placed.units()[placed.rows], minlength=net.n).astype(np.int32)[:, None]
    best, ring = (part[:, 0] for part in windows.best(cases, expected, total))
    highest = [
        windows.best(_drawn(null, net.n, seed, first, min(LAYERS, replicates - first)), expected, total)[0].max(axis=0)
        for first in range(0, replicates, LAYERS)
    ]
    statistic = windows.spread(best, ring)
    drawn = np.sort(np.concatenate(highest))
    as_good = len(drawn) - np.searchsorted(drawn, statistic * (1 - 1e-9), side="left").astype(np.float64)
    p = (1.0 + as_good) / (1.0 + len(drawn))
    centre = int(best.argmax())
    return LocalStatistic(
        support=net,
        statistic=statistic,
        z=np.sqrt(2 * statistic),
        p=p,
        q=p,
        name=placed.events.kind,
        measure="log likelihood ratio",
        provenance={
            "method": "scan along streets",
            **null.about,
            "longest_m": float(longest),
            "rings": rings,
            "lixel_m": float(lixel),
            "replicates": replicates,
            "seed": seed,
            **_best(net, centre, windows.units(centre, int(ring[centre])), cases, expected),
            "best_radius_m": float((ring[centre] + 1) * longest / rings),
            "p_of_best": float(p[centre]),
            "not_on_a_street": len(placed.events) - total,
            "period": placed.events.period,
        },
    )


def _best(net: Network, centre: int, inside: Integers, cases: Any, expected: Floats) -> dict[str, Any]:
    """Say where the best window is and what it holds."""
    segment = net.unit_segment[centre]
    return {
        "best_lixel": centre,
        "best_segment": str(net.segment_ids[segment]),
        "best_street": net.name.to_array()[segment],
        "best_length_km": float(net.extent[inside].sum() / M_PER_KM),
        "events_in_best": int(cases[inside].sum()),
        "expected_in_best": float(expected[inside].sum()),
    }


class _Windows(NamedTuple):
    """The units around each unit, with the ring each lies in: those of unit u are unit[first[u]:first[u + 1]]."""

    rings: int
    first: Integers
    unit: np.ndarray
    ring: np.ndarray

    @classmethod
    def of(cls, links: Links, width: float, rings: int) -> _Windows:
        """List the windows of every unit."""
        n, workers = len(links.unit), min(WORKERS, len(links.length))
        size, nothing = np.zeros(n, np.int64), np.empty(0, np.int64)
        given = (*links.arms(), links.start, links.end, links.length, links.first_unit, links.unit, links.middle)
        empty = np.empty(0, np.int32), np.empty(0, np.int8)
        list_windows(*given, width, rings, nothing, *scratch(links, workers), size, *empty)
        first = np.concatenate([[0], np.cumsum(size)])
        if first[-1] > MOST_PAIRS:
            raise ModelError(
                f"the windows hold {first[-1]:,} pairs of lixels",
                f"at most {MOST_PAIRS:,} were needed",
                "give a longer lixel or a smaller longest",
            )
        unit, ring = np.empty(first[-1], np.int32), np.empty(first[-1], np.int8)
        list_windows(*given, width, rings, first, *scratch(links, workers), size, unit, ring)
        return cls(rings, first, unit, ring)

    def best(self, cases: np.ndarray, expected: Floats, total: int) -> tuple[Floats, np.ndarray]:
        """Return the highest log likelihood ratio about each unit and its ring, [units, layers]."""
        n, layers = cases.shape
        log = np.log(np.maximum(np.arange(total + 1), 1))
        best, ring = np.empty((n, layers)), np.empty((n, layers), np.int8)
        sums = np.empty((n, self.rings * layers), np.int32)
        scan(self.first, self.unit, self.ring, cases, expected, total, self.rings, log, sums, best, ring)
        return best, ring

    def units(self, centre: int, ring: int) -> Integers:
        """Return the units of a window."""
        own = slice(self.first[centre], self.first[centre + 1])
        return self.unit[own][self.ring[own] <= ring].astype(np.int64)

    def spread(self, best: Floats, ring: np.ndarray) -> Floats:
        """Return for each unit the highest ratio among the windows that hold it."""
        centre = np.repeat(np.arange(len(best)), np.diff(self.first))
        held = self.ring <= ring[centre]
        out = best.copy()
        np.maximum.at(out, self.unit[held], best[centre[held]])
        return out


def _drawn(null: Scatter, units: int, seed: int, first: int, replicates: int) -> np.ndarray:
    """Draw the cases of each unit anew, int32 [units, replicates]."""
    shape = (replicates, len(null.observed.link))
    unit, share = np.empty(shape, np.int64), np.empty(shape)
    draw_units(seed, first, np.cumsum(null.mass), unit, share)
    flat = unit * replicates + np.arange(replicates)[:, None]
    return np.bincount(flat.ravel(), minlength=units * replicates).reshape(units, replicates).astype(np.int32)


def _check(events: Events | Snapped, longest: float, rings: int, replicates: int) -> None:
    problems, rows = Problems(), events.events if isinstance(events, Snapped) else events
    problems.check(np.isfinite(longest) and longest > 0, f"longest is {longest}", "metres > 0 were needed")
    problems.check(1 <= rings <= 100, f"rings is {rings}", "1 to 100 were needed")
    problems.check(replicates >= 19, f"replicates is {replicates}", "19 or more were needed")
    problems.check(
        rows.weight_name == COUNT or bool((rows.weight == 1.0).all()),
        f"the events are weighted by {rows.weight_name!r}",
        "each must count once",
    )
    problems.raise_as(ModelError)
