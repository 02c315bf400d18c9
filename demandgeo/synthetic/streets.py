"""Made streets: a perturbed grid with a hierarchy, curves, dead ends, loops, parallel and one-way streets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import networkx as nx
import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from demandgeo.domain.labels import Labels
from demandgeo.domain.network import Network
from demandgeo.domain.record import Floats, Geometries, Integers, Mask, Texts
from demandgeo.errors import ModelError, Problems
from demandgeo.synthetic.sizes import CENTRE, CRS, part_rng


class Road(NamedTuple):
    """A class of road: its OSM name, limit in mph, mean daily traffic, share kept and one-way, letter of its number."""

    highway: str
    limit: int
    traffic: float
    kept: float
    oneway: float
    letter: str


ROADS = (
    Road("primary", 40, 21_000.0, 1.0, 0.0, "A"),
    Road("secondary", 30, 10_500.0, 1.0, 0.02, "B"),
    Road("tertiary", 30, 4_200.0, 0.95, 0.04, ""),
    Road("residential", 20, 650.0, 0.78, 0.10, ""),
)

TREES = ("Alder", "Ash", "Beech", "Birch", "Cedar", "Elm", "Hazel", "Holly", "Larch", "Lime", "Maple", "Oak", "Rowan")
ENDINGS = ("Road", "Street", "Lane", "Avenue", "Close", "Drive", "Grove")

KM_PER_MILE = 1.609344

BOW = 0.08
"""A curved street leaves the straight line by up to this share of its length; a crescent by three times as much."""


@dataclass(frozen=True, slots=True, eq=False)
class Streets:
    """Physical streets, each once.

    Attributes
    ----------
    x, y
        float64 [nodes], metres.
    start, end
        int64 [streets]: the nodes a street joins; equal on a loop.
    lines
        LineString of each street, from start to end.
    road
        int64 [streets]: its class, an index into `ROADS`.
    names, refs
        Its name and, on main roads, its number.
    oneway
        Whether it may be driven from start to end only.
    traffic
        float64 [streets]: vehicles per day, annual average.
    """

    x: Floats
    y: Floats
    start: Integers
    end: Integers
    lines: Geometries
    road: Integers
    names: Texts
    refs: Texts
    oneway: Mask
    traffic: Floats

    @property
    def length(self) -> Floats:
        """float64 [streets], metres."""
        return cast(Floats, shapely.length(self.lines))

    def middle(self) -> Floats:
        """float64 [streets, 2]: the point half-way along each street."""
        return cast(Floats, shapely.get_coordinates(shapely.line_interpolate_point(self.lines, 0.5, normalized=True)))

    def graph(self) -> nx.MultiDiGraph:
        """Return the streets as OSMnx gives them; a two-way street, loops included, is two directed edges."""
        graph = nx.MultiDiGraph(crs=CRS, name="made streets", simplified=True)
        count = np.bincount(np.concatenate([self.start, self.end]), minlength=len(self.x))
        nodes = zip(range(1, len(self.x) + 1), self.x.tolist(), self.y.tolist(), count.tolist(), strict=True)
        graph.add_nodes_from((node, {"x": x, "y": y, "street_count": n}) for node, x, y, n in nodes)
        every = np.arange(len(self.lines))
        graph.add_edges_from(self._edges(every, self.start, self.end, self.lines, backwards=False))
        back = every[~self.oneway]
        lines = shapely.reverse(self.lines[back])
        graph.add_edges_from(self._edges(back, self.end[back], self.start[back], lines, backwards=True))
        return graph

    def network(self) -> Network:
        """Return the streets as a network; ids are the ``osmid`` of the graph."""
        speed = np.array([road.limit for road in ROADS])[self.road] * KM_PER_MILE
        return Network.from_lines(
            self.lines,
            crs=CRS,
            nodes=(self.start, self.end, self.x, self.y),
            segment_ids=np.arange(1, len(self.lines) + 1).astype(np.str_),
            highway=Labels.of([ROADS[i].highway for i in self.road.tolist()]),
            name=Labels.of(self.names.tolist()),
            ref=Labels.of(self.refs.tolist()),
            maxspeed=Labels.of([f"{ROADS[i].limit} mph" for i in self.road.tolist()]),
            forward=np.ones(len(self.lines), bool),
            backward=~self.oneway,
            speed_forward=speed,
            speed_backward=speed,
            attributes={"aadt": self.traffic},
        )

    def _edges(
        self, rows: Integers, tail: Integers, head: Integers, lines: Geometries, *, backwards: bool
    ) -> list[tuple[int, int, dict[str, Any]]]:
        roads = [ROADS[i] for i in self.road[rows].tolist()]
        curved = shapely.get_num_points(lines) > 2
        columns = zip(
            (tail + 1).tolist(),
            (head + 1).tolist(),
            rows.tolist(),
            roads,
            self.oneway[rows].tolist(),
            self.length[rows].tolist(),
            self.names[rows].tolist(),
            self.refs[rows].tolist(),
            self.traffic[rows].tolist(),
            lines.tolist(),
            curved.tolist(),
            strict=True,
        )
        edges = []
        for u, v, row, road, oneway, length, name, ref, traffic, line, bent in columns:
            data: dict[str, Any] = {"osmid": row + 1, "highway": road.highway, "oneway": oneway, "reversed": backwards}
            data |= {"length": length, "maxspeed": f"{road.limit} mph", "name": name, "aadt": traffic}
            data |= ({"ref": ref} if ref else {}) | ({"geometry": line} if bent else {})
            edges.append((u, v, data))
        return edges


def perturbed_grid(
    edges: int = 49_000, *, seed: int = 1, spacing: float = 105.0, curved: float = 1.0
) -> nx.MultiDiGraph:
    """Make a graph of about as many streets as asked for.

    Parameters
    ----------
    edges
        Number of physical streets, met within 3 % from 5,000 on; a two-way street is two directed edges of the graph.
    seed
        Of the chance that shapes it.
    spacing
        Metres between crossings.
    curved
        Share of streets with a curved geometry.

    Returns
    -------
    networkx.MultiDiGraph
        Strongly connected, as OSMnx would give it: ``graph["crs"]``, nodes with ``x, y, street_count``, edges with
        ``osmid, length, highway, oneway, reversed, maxspeed, name, aadt``, ``ref`` on main roads and ``geometry`` on
        curved streets.

    Raises
    ------
    ModelError
        If a number is out of its range.

    Examples
    --------
    >>> from demandgeo.synthetic import perturbed_grid
    >>> graph = perturbed_grid(500, seed=7)
    >>> graph.graph["crs"], len({osmid for *_, osmid in graph.edges(data="osmid")}) > 450
    ('EPSG:27700', True)
    """
    problems = Problems()
    problems.check(edges >= 100, f"edges is {edges}", "100 or more were needed")
    problems.check(spacing > 0, f"spacing is {spacing}", "a positive number of metres was needed")
    problems.check(0 <= curved <= 1, f"curved is {curved}", "a share in [0, 1] was needed")
    problems.raise_as(ModelError)
    side = max(8, round(np.sqrt(edges / 1.67)))  # 1.67 streets per crossing are left, measured on 5k to 200k streets
    return make_streets(side, spacing, part_rng(seed, "perturbed_grid"), curved=curved).graph()


def make_streets(
    side: int,
    spacing: float,
    rng: np.random.Generator,
    *,
    curved: float = 0.6,
    inside: Callable[[Floats, Floats], Mask] | None = None,
) -> Streets:
    """Make a square of side x side crossings, keep what lies inside, and make it one connected network."""
    offset = (np.arange(side) - (side - 1) / 2) * spacing
    column, row = np.meshgrid(np.arange(side), np.arange(side))
    x = CENTRE[0] + offset[column].ravel() + rng.uniform(-0.25, 0.25, side * side) * spacing
    y = CENTRE[1] + offset[row].ravel() + rng.uniform(-0.25, 0.25, side * side) * spacing
    pieces = _lattice(side)
    keep = rng.random(len(pieces.start)) < np.array([r.kept for r in ROADS])[pieces.road]
    if inside is not None:
        within = inside(x, y)
        keep &= within[pieces.start] & within[pieces.end]
    pieces, used = _largest_part(pieces.take(keep), side * side)
    x, y = x[used], y[used]
    pieces, bow = _extras(pieces, len(x), rng, curved)
    start, end, line, road = pieces
    oneway = rng.random(len(start)) < np.array([r.oneway for r in ROADS])[road]
    letters = np.array([r.letter for r in ROADS])[road]
    traffic = np.array([r.traffic for r in ROADS])[road] * rng.lognormal(-0.06, 0.35, len(road))
    return Streets(
        x=x,
        y=y,
        start=start,
        end=end,
        lines=_lines(np.column_stack([x, y]), start, end, bow, 0.2 * spacing),
        road=road,
        names=_names(line, rng),
        refs=np.where(letters == "", "", np.char.add(letters, (9_000 + line).astype(str))),
        oneway=_drivable(start, end, oneway, len(x)),
        traffic=traffic.round(),
    )


class Pieces(NamedTuple):
    """Streets before they are drawn: the nodes they join, the line of the grid they lie on, their class."""

    start: Integers
    end: Integers
    line: Integers
    road: Integers

    def take(self, rows: NDArray[Any]) -> Pieces:
        """Return the pieces of a mask or an index."""
        return Pieces(*(part[rows] for part in self))


def _lattice(side: int) -> Pieces:
    """Return the pieces of a square grid; lines are numbered rows first, then columns."""
    node = np.arange(side * side).reshape(side, side)
    start = np.concatenate([node[:, :-1].ravel(), node[:-1, :].ravel()])
    end = np.concatenate([node[:, 1:].ravel(), node[1:, :].ravel()])
    row = np.repeat(np.arange(side), side - 1)
    column = np.tile(np.arange(side), side - 1)
    line = np.concatenate([row, side + column])
    return Pieces(start, end, line, _road_class(line % side))


def _road_class(line: Integers) -> Integers:
    """Every 16th line is a primary road, every 8th a secondary, every 4th a tertiary."""
    place = line % 16
    return np.select([place == 8, place == 0, place % 4 == 0], [0, 1, 2], default=3)


def _largest_part(pieces: Pieces, n: int) -> tuple[Pieces, Integers]:
    """Keep the largest connected part and number its nodes anew; the second result is the old number of each."""
    part = _components(pieces.start, pieces.end, n, directed=False)
    kept = pieces.take(part[pieces.start] == np.argmax(np.bincount(part[pieces.start])))
    used, (start, end) = np.unique(np.stack([kept.start, kept.end]), return_inverse=True)
    return kept._replace(start=start, end=end), used


def _extras(pieces: Pieces, n: int, rng: np.random.Generator, curved: float) -> tuple[Pieces, Floats]:
    """Add a crescent beside 1 % of the streets and a loop at 0.5 % of the crossings.

    The second result says how far a street leaves the straight line, as a share of its length; infinite for a loop.
    """
    m = len(pieces.start)
    beside = pieces.take(np.sort(rng.choice(m, max(1, m // 100), replace=False)))
    at = np.sort(rng.choice(n, max(1, n // 200), replace=False))
    bow = np.where(rng.random(m) < curved, rng.uniform(0.02, BOW, m) * rng.choice([-1.0, 1.0], m), 0.0)
    bow = np.concatenate([bow, np.full(len(beside.start), 3 * BOW), np.full(len(at), np.inf)])
    crescents = beside.line + pieces.line.max() + 1
    loops = Pieces(at, at, crescents.max() + 1 + np.arange(len(at)), at)
    joined = Pieces(*map(np.concatenate, zip(pieces, beside._replace(line=crescents), loops, strict=True)))
    home = np.arange(len(bow)) >= m
    return joined._replace(road=np.where(home, len(ROADS) - 1, joined.road)), bow


def _lines(nodes: Floats, start: Integers, end: Integers, bow: Floats, loop_radius: float) -> Geometries:
    """Draw the streets: straight, bowed by half a sine wave of seven points, or round (a loop)."""
    lines = np.empty(len(start), dtype=object)
    straight, loop = bow == 0, np.isinf(bow)
    lines[straight] = shapely.linestrings(np.stack([nodes[start[straight]], nodes[end[straight]]], axis=1))
    bent = ~straight & ~loop
    t = np.linspace(0, 1, 7)[:, None]
    a, b = nodes[start[bent], None], nodes[end[bent], None]
    normal = (b - a)[:, :, ::-1] * [-1.0, 1.0]
    path = a + t * (b - a) + np.sin(np.pi * t) * bow[bent, None, None] * normal
    path[:, 0], path[:, -1] = a[:, 0], b[:, 0]
    lines[bent] = shapely.linestrings(path)
    angle = np.linspace(0, 2 * np.pi, 13)[:, None]
    ring = loop_radius * np.hstack([1 - np.cos(angle), np.sin(angle)])
    ring[-1] = 0.0
    lines[loop] = shapely.linestrings(nodes[start[loop], None] + ring)
    return lines


def _drivable(start: Integers, end: Integers, oneway: Mask, n: int) -> Mask:
    """Make a one-way street two-way where it would cut a place off: every place stays reachable from every other."""
    two_way = ~oneway
    tail, head = np.concatenate([start, end[two_way]]), np.concatenate([end, start[two_way]])
    part = _components(tail, head, n, directed=True)
    return cast(Mask, oneway & (part[start] == part[end]))


def _components(tail: Integers, head: Integers, n: int, *, directed: bool) -> Integers:
    matrix = coo_array((np.ones(len(tail), np.int8), (tail, head)), shape=(n, n))
    return cast(Integers, connected_components(matrix, directed=directed, connection="strong")[1])


def _names(line: Integers, rng: np.random.Generator) -> Texts:
    """Give each line of the grid one name; as in real towns, a name may come twice."""
    names = np.array([f"Made {tree} {ending}" for tree in TREES for ending in ENDINGS])
    return cast(Texts, names[rng.integers(len(names), size=int(line.max()) + 1)[line]])
