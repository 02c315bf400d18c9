"""A street network: every physical street once, as a set of places and as a graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, cast

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from demandgeo.domain.crs import metric_crs
from demandgeo.domain.labels import MISSING, Labels
from demandgeo.domain.ledger import Ledger
from demandgeo.domain.record import Floats, Geometries, Integers, Mask, Texts, frozen_array, frozen_mapping
from demandgeo.domain.support import ROOK, Neighbours, Support, check_contiguity
from demandgeo.errors import ModelError, Problems

REACH = 50.0
"""Metres: a point farther than this from every street belongs to none (`Network.locate`)."""

MOST_UNITS = 100_000_000
JOINED = 1e-3
"""Metres: line ends so close are one junction; files round their coordinates to a millimetre."""

LABELS = ("highway", "name", "ref", "maxspeed")


class Arms(NamedTuple):
    """The street ends that meet at each junction, as compressed sparse rows.

    Attributes
    ----------
    indptr
        int64 [junctions + 1].
    arm
        int64 [2 x segments], ascending within a junction: 2s leaves segment s at its start, 2s + 1 at its end. A loop
        is twice in its junction's row. The arm at the other end of arm a is ``a ^ 1``.
    """

    indptr: Integers
    arm: Integers


class Travel(NamedTuple):
    """The directions in which streets may be driven.

    Attributes
    ----------
    tail, head
        int64 [directions]: from which junction to which.
    segment
        int64 [directions]: along which segment.
    speed
        float64 [directions], km/h; NaN where the file states none.
    """

    tail: Integers
    head: Integers
    segment: Integers
    speed: Floats


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Network(Support):
    """Streets between junctions (segments), or the same streets cut into lixels of about equal length.

    A two-way street is one segment; loops, parallel streets and dead ends are kept. `lixels` cuts it, `segments`
    undoes the cut; all else is the same in both.

    Parameters
    ----------
    node_x, node_y
        float64 [junctions], metres.
    start, end
        int64 [segments]: the junctions a segment joins; equal on a loop.
    length
        float64 [segments], metres, > 0.
    vertex
        float64 [vertices, 2]: the lines, one after the other, each from start to end.
    first_vertex
        int64 [segments + 1]: those of segment s are ``vertex[first_vertex[s]:first_vertex[s + 1]]``, two or more.
    crs
        Projected, in metres.
    segment_ids
        Name of each segment in its source, distinct.
    highway, name, ref, maxspeed
        Class of road, name, number and stated speed limit of each segment; missing where there is none.
    forward, backward
        bool [segments]: whether it may be driven from start to end, and from end to start.
    speed_forward, speed_backward
        float64 [segments]: speed limit in km/h, NaN where unknown.
    lixel
        Greatest length of a unit in metres; 0 where the units are whole segments.
    district
        The district of each segment.
    attributes
        Further columns by name: arrays [segments] or `Labels`.
    ledger
        What became of the streets of the file: merged, left out, projected.

    Raises
    ------
    ModelError, GeometryError
        Listing every rule that is broken.
    """

    node_x: Floats
    node_y: Floats
    start: Integers
    end: Integers
    length: Floats
    vertex: Floats
    first_vertex: Integers
    crs: str
    segment_ids: Texts
    highway: Labels
    name: Labels
    ref: Labels
    maxspeed: Labels
    forward: Mask
    backward: Mask
    speed_forward: Floats
    speed_backward: Floats
    lixel: float = 0.0
    district: Labels | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    ledger: Ledger = field(default_factory=Ledger)

    def __post_init__(self) -> None:
        dtypes: dict[str, Any] = dict.fromkeys(("start", "end", "first_vertex"), np.int64)
        dtypes |= dict.fromkeys(("node_x", "node_y", "length", "vertex", "speed_forward", "speed_backward"), np.float64)
        dtypes |= dict.fromkeys(("forward", "backward"), np.bool_)
        self._set(
            **{name: frozen_array(getattr(self, name), dtype) for name, dtype in dtypes.items()},
            # Through a list, so that the width, and with it the content hash, is that of the longest text.
            segment_ids=frozen_array(np.array(np.asarray(self.segment_ids).tolist(), dtype=np.str_)),
            crs=metric_crs(self.crs, what="the street network"),
            lixel=float(self.lixel),
            attributes=frozen_mapping(
                {k: v if isinstance(v, Labels) else frozen_array(v) for k, v in self.attributes.items()}
            ),
        )
        self._check_shapes()
        self._check_values()

    def _check_shapes(self) -> None:
        problems, m = Problems(), len(self.start)
        columns = ("end", "length", "segment_ids", *LABELS, "forward", "backward", "speed_forward", "speed_backward")
        named = {name: getattr(self, name) for name in columns} | dict(self.attributes)
        if self.district is not None:
            named["district"] = self.district
        for name, column in named.items():
            problems.check(len(column) == m, f"{name} has {len(column)} rows", f"{m} (one per segment) were needed")
        problems.check(m > 0, "there is no street")
        problems.check(self.node_x.shape == self.node_y.shape, "node_x and node_y differ in length")
        problems.check(self.vertex.ndim == 2 and self.vertex.shape[1:] == (2,), "vertex is not [vertices, 2]")
        run = self.first_vertex
        whole = run.shape == (m + 1,) and m > 0 and run[0] == 0 and run[-1] == len(self.vertex)
        problems.check(whole and (np.diff(run) >= 2).all(), "first_vertex does not give each segment its vertices")
        problems.raise_as(ModelError)

    def _check_values(self) -> None:
        problems = Problems()
        places = (self.node_x, self.node_y, self.vertex)
        problems.check(all(np.isfinite(place).all() for place in places), "a coordinate is not finite")
        ends = np.concatenate([self.start, self.end])
        problems.check(ends.min() >= 0 and ends.max() < len(self.node_x), "a segment ends at no junction")
        bad = np.flatnonzero(~(np.isfinite(self.length) & (self.length > 0)))
        for row in bad.tolist():
            problems.add(f"segment {self.segment_ids[row]} is {self.length[row]} m long", "a length > 0 was needed")
        for column in (self.speed_forward, self.speed_backward):
            problems.check(not (column <= 0).any() and not np.isinf(column).any(), "a speed is not above 0")
        names, count = np.unique(self.segment_ids, return_counts=True)
        for name in names[count > 1].tolist():
            problems.add(f"segment {name} stands twice", "distinct segment_ids were needed")
        problems.check(np.isfinite(self.lixel) and self.lixel >= 0, f"lixel is {self.lixel}", "metres >= 0")
        problems.raise_as(ModelError)
        if self.lixel and (self.length / self.lixel).sum() > MOST_UNITS:
            raise ModelError(
                f"lixels of {self.lixel:g} m would be {(self.length / self.lixel).sum():,.0f}",
                f"at most {MOST_UNITS:,} were needed",
                "give a larger lixel: it is in metres",
            )

    @classmethod
    def from_lines(
        cls,
        lines: Geometries,
        *,
        crs: str,
        nodes: tuple[Integers, Integers, Floats, Floats] | None = None,
        **columns: Any,
    ) -> Network:
        """Make a network of lines, with a neutral value for each column that is not given.

        Parameters
        ----------
        lines
            LineString [segments], metres.
        crs
            Projected, in metres.
        nodes
            start, end, node_x and node_y; without them, ends within 1 mm of each other are one junction.
        **columns
            Any other field of `Network`.

        Examples
        --------
        >>> net = Network.from_lines(shapely.linestrings([[[0, 0], [30, 0]], [[30, 0], [30, 40]]]), crs="EPSG:27700")
        >>> net.length.tolist(), net.start.tolist(), net.end.tolist()
        ([30.0, 40.0], [0, 1], [1, 2])
        """
        vertex, segment = shapely.get_coordinates(lines, return_index=True)
        m = len(lines)
        first = np.concatenate([[0], np.cumsum(np.bincount(segment, minlength=m))])
        start, end, node_x, node_y = _junctions(vertex, first) if nodes is None else nodes
        none = Labels(np.full(m, MISSING, np.int32), ())
        neutral: dict[str, Any] = {
            **dict.fromkeys(LABELS, none),
            **dict.fromkeys(("forward", "backward"), np.ones(m, np.bool_)),
            **dict.fromkeys(("speed_forward", "speed_backward"), np.full(m, np.nan)),
            "length": shapely.length(lines),
            "segment_ids": np.arange(1, m + 1).astype(np.str_),
        }
        own = {"node_x": node_x, "node_y": node_y, "start": start, "end": end, "vertex": vertex, "first_vertex": first}
        return cls(crs=crs, **(neutral | own | columns))

    def lixels(self, length: float = 10.0) -> Network:
        """Return the same streets, each cut into the fewest equal pieces of at most `length` metres."""
        if not length > 0:
            raise ModelError(f"the lixel is {length} m", "a number of metres > 0 was needed", "10 m is usual")
        return replace(self, lixel=float(length))

    def segments(self) -> Network:
        """Return the same streets with whole segments as units."""
        return self if not self.lixel else replace(self, lixel=0.0)

    @property
    def pieces(self) -> Integers:
        """int64 [segments]: units that each segment is cut into."""
        if not self.lixel:
            return np.ones(len(self.start), np.int64)
        return cast(Integers, np.maximum(1, np.ceil(self.length / self.lixel - 1e-9)).astype(np.int64))

    @property
    def first_unit(self) -> Integers:
        """int64 [segments + 1]: the units of segment s are first_unit[s]..first_unit[s + 1] - 1, from start to end."""
        return np.concatenate([[0], np.cumsum(self.pieces)])

    @property
    def n(self) -> int:
        """Number of units."""
        return int(self.pieces.sum())

    @property
    def unit_segment(self) -> Integers:
        """int64 [n]: the segment that each unit is of."""
        return np.repeat(np.arange(len(self.start)), self.pieces)

    @property
    def unit_from(self) -> Floats:
        """float64 [n]: metres from the segment's start to the unit's."""
        return self._rank() * self.extent

    @property
    def unit_to(self) -> Floats:
        """float64 [n]: metres from the segment's start to the unit's end."""
        return (self._rank() + 1) * self.extent

    @property
    def ids(self) -> NDArray[Any]:  # type: ignore[override]
        """Name of each segment; number of each lixel, int64."""
        return np.arange(self.n) if self.lixel else self.segment_ids

    @property
    def extent(self) -> Floats:  # type: ignore[override]
        """float64 [n]: length in metres."""
        return np.repeat(self.length / self.pieces, self.pieces) if self.lixel else self.length

    @property
    def extent_unit(self) -> str:
        """``m``."""
        return "m"

    @property
    def group(self) -> Labels | None:  # type: ignore[override]
        """The district of each unit."""
        return self.district if self.district is None or not self.lixel else self.district.take(self.unit_segment)

    @property
    def unit_name(self) -> str:
        """``street segments``, or ``10 m lixels``."""
        return f"{self.lixel:g} m lixels" if self.lixel else "street segments"

    def unit_at(self, segment: Integers, position: Floats) -> Integers:
        """Return the unit at a position (metres from the start) of a segment; -1 where the segment is -1."""
        pieces, first = self.pieces[segment], self.first_unit[:-1][segment]
        rank = np.floor(position * pieces / self.length[segment]).astype(np.int64)
        return np.where(segment < 0, -1, first + np.clip(rank, 0, pieces - 1))

    def place(self, segment: Integers, position: Floats) -> tuple[Floats, Floats]:
        """Return x and y at a position (metres from the start) of a segment."""
        at = self.vertex_position
        # One ascending run of numbers: each segment's positions begin where those before it end.
        offset = np.concatenate([[0.0], np.cumsum(self.length + 1.0)])
        run = at + np.repeat(offset[:-1], np.diff(self.first_vertex))
        before = np.searchsorted(run, offset[segment] + position, side="right") - 1
        before = np.clip(before, self.first_vertex[segment], self.first_vertex[segment + 1] - 2)
        stretch = at[before + 1] - at[before]
        share = np.divide(position - at[before], stretch, out=np.zeros(len(before)), where=stretch > 0)
        share = np.clip(share, 0.0, 1.0)[:, None]
        x, y = (self.vertex[before] * (1.0 - share) + self.vertex[before + 1] * share).T
        return x, y

    def arms(self) -> Arms:
        """Return the street ends that meet at each junction."""
        node = np.stack([self.start, self.end], axis=1).ravel()
        count = np.bincount(node, minlength=len(self.node_x))
        return Arms(np.concatenate([[0], np.cumsum(count)]), np.argsort(node, kind="stable"))

    def travel(self) -> Travel:
        """Return the directions in which streets may be driven, all forward ones first."""
        ahead, back = np.flatnonzero(self.forward), np.flatnonzero(self.backward)
        return Travel(
            np.concatenate([self.start[ahead], self.end[back]]),
            np.concatenate([self.end[ahead], self.start[back]]),
            np.concatenate([ahead, back]),
            np.concatenate([self.speed_forward[ahead], self.speed_backward[back]]),
        )

    def components(self) -> Integers:
        """Return which connected part each junction is in, int64 [junctions]; directions of travel do not matter."""
        nodes = len(self.node_x)
        links = coo_array((np.ones(len(self.start), np.int8), (self.start, self.end)), shape=(nodes, nodes))
        return cast(Integers, connected_components(links, directed=False)[1].astype(np.int64))

    def geometry(self) -> Geometries:
        """Return one LineString per unit, from start to end."""
        if not self.lixel:
            return cast(Geometries, shapely.linestrings(self.vertex, indices=self._vertex_segment()))
        at, segment, n = self.vertex_position, self._vertex_segment(), self.n
        inner = np.ones(len(at), np.bool_)
        inner[self.first_vertex[:-1]] = inner[self.first_vertex[1:] - 1] = False
        unit = np.concatenate([np.arange(n), self.unit_at(segment[inner], at[inner]), np.arange(n)])
        cuts = [self.place(self.unit_segment, position) for position in (self.unit_from, self.unit_to)]
        places = np.concatenate([np.column_stack(cuts[0]), self.vertex[inner], np.column_stack(cuts[1])])
        order = np.argsort(unit, kind="stable")
        return cast(Geometries, shapely.linestrings(places[order], indices=unit[order]))

    def neighbours(self, contiguity: str = ROOK) -> Neighbours:
        """Return the units that share a junction, or a cut between lixels (rook and queen alike), with weight 1."""
        check_contiguity(contiguity)
        first_unit, (indptr, arm) = self.first_unit, self.arms()
        end_unit = np.stack([first_unit[:-1], first_unit[1:] - 1], axis=1).ravel()[arm]
        node = np.repeat(np.arange(len(self.node_x)), np.diff(indptr))
        inside = np.setdiff1d(np.arange(self.n - 1), first_unit[1:-1] - 1)
        pairs = [np.stack([inside, inside + 1])]
        for gap in range(1, int(np.diff(indptr).max())):
            together = node[gap:] == node[:-gap]
            pairs.append(np.sort(np.stack([end_unit[:-gap][together], end_unit[gap:][together]]), axis=0))
        joined = np.concatenate(pairs, axis=1)
        # Loops touch themselves, parallel streets each other twice.
        first, second = np.unique(joined[:, joined[0] != joined[1]], axis=1)
        return Neighbours.from_pairs(self.n, first, second, np.ones(len(first)))

    def locate(self, x: Floats, y: Floats) -> Integers:
        """Return the unit of the street nearest to each point, -1 farther than `REACH` metres from every street.

        Of streets equally near, the first counts. `roads.snap` also says how near, and how sure.
        """
        x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
        lines = shapely.linestrings(self.vertex, indices=self._vertex_segment())
        known = np.isfinite(x) & np.isfinite(y)
        points = np.where(known, shapely.points(x, y), None)
        point, near = shapely.STRtree(lines).query_nearest(points, max_distance=REACH)
        segment = np.full(len(x), len(lines))
        np.minimum.at(segment, point, near)
        segment[segment == len(lines)] = -1
        found = np.flatnonzero(segment >= 0)
        along = shapely.line_locate_point(lines[segment[found]], points[found], normalized=True)
        unit = np.full(len(x), -1)
        unit[found] = self.unit_at(segment[found], along * self.length[segment[found]])
        return unit

    def to_frame(self) -> gpd.GeoDataFrame:
        """Return one row per unit: id, segment and position of a lixel, class, name, number, length in km, geometry."""
        frame, own = Support.to_frame(self), self.unit_segment
        columns: dict[str, Any] = {name: getattr(self, name).take(own).to_array() for name in LABELS[:3]}
        if self.lixel:
            cut = {"segment": self.segment_ids[own], "from_m": self.unit_from, "to_m": self.unit_to}
            columns = cut | columns
        for place, (column, values) in enumerate(columns.items(), start=1):
            frame.insert(place, column, values)
        return frame

    def summary(self) -> dict[str, object]:
        """Return streets, junctions, length, separate parts and one-way streets."""
        return {
            "segments": len(self.start),
            "junctions": len(self.node_x),
            "units": f"{self.n} {self.unit_name}",
            "length_km": float(self.length.sum() / 1e3),
            "parts": int(self.components().max()) + 1,
            "loops": int((self.start == self.end).sum()),
            "one_way": int((self.forward ^ self.backward).sum()),
            "crs": self.crs,
        }

    def _rank(self) -> Integers:
        """Return the place of each unit within its segment, from 0."""
        return np.arange(self.n) - np.repeat(self.first_unit[:-1], self.pieces)

    def _vertex_segment(self) -> Integers:
        return np.repeat(np.arange(len(self.start)), np.diff(self.first_vertex))

    @property
    def vertex_position(self) -> Floats:
        """float64 [vertices]: metres along its segment; the last vertex of a segment lies at its length."""
        step = np.hypot(*np.diff(self.vertex, axis=0, prepend=self.vertex[:1]).T)
        step[self.first_vertex[:-1]] = 0.0
        along = np.cumsum(step)
        along -= np.repeat(along[self.first_vertex[:-1]], np.diff(self.first_vertex))
        drawn = along[self.first_vertex[1:] - 1]
        scale = np.divide(self.length, drawn, out=np.ones(len(drawn)), where=drawn > 0)
        return cast(Floats, along * np.repeat(scale, np.diff(self.first_vertex)))


def _junctions(vertex: Floats, first: Integers) -> tuple[Integers, Integers, Floats, Floats]:
    """Join line ends that lie within a millimetre; junctions are numbered in order of first sight."""
    m = len(first) - 1
    ends = vertex[np.stack([first[:-1], first[1:] - 1], axis=1).ravel()]
    pairs = KDTree(ends).query_pairs(JOINED, output_type="ndarray")
    links = coo_array((np.ones(len(pairs), np.int8), tuple(pairs.T)), shape=(2 * m, 2 * m))
    cluster = connected_components(links, directed=False)[1]
    _, seen, node = np.unique(cluster, return_index=True, return_inverse=True)
    order = np.argsort(seen, kind="stable")
    number = np.empty(len(order), np.int64)
    number[order] = np.arange(len(order))
    start, end = number[node].reshape(m, 2).T
    x, y = ends[seen[order]].T
    return start, end, x, y
