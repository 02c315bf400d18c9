"""Streets: an OSMnx graph, its GraphML or lines of a vector file become a network of physical streets."""

from __future__ import annotations

import re
import warnings
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely

from demandgeo.domain import FileLedger, Labels, Ledger, Network
from demandgeo.domain.crs import parse_crs
from demandgeo.domain.ledger import EXCLUDED_COLUMNS
from demandgeo.domain.record import Floats, Mask
from demandgeo.errors import DataQualityWarning, GeometryError, Problem, SourceError
from demandgeo.registry import reader
from demandgeo.sources.edges import (
    Edges,
    check_crs,
    edges_of_graph,
    edges_of_graphml,
    edges_of_layer,
    numbers,
    text,
)
from demandgeo.sources.projection import check_not_swapped, default_crs, lonlat, project, transform_note
from demandgeo.sources.vectors import FORMATS

KM_PER_MILE = 1.609344
SPEED = re.compile(r"(\d+(?:\.\d+)?)\s*(mph|km/?h|kph)?")

CLASSES = (
    "motorway", "trunk", "primary", "secondary", "tertiary", "motorway_link", "trunk_link", "primary_link",
    "secondary_link", "tertiary_link", "unclassified", "residential", "living_street", "service",
)  # fmt: skip
"""Classes of OpenStreetMap, most important first: that is the one a street of several classes is filed under."""

AHEAD, BACK = frozenset({"true", "yes", "1", "forward", "ft"}), frozenset({"-1", "reverse", "tf"})
"""What a column `oneway` says; anything else is two-way."""

LENGTH_TOLERANCE = 0.02
"""OSMnx states lengths on a sphere, up to 0.6 % from those of the ellipsoid; beyond this the two do not agree."""

MANY = 0.05
USED_UP = ("length", "reversed", "u", "v", "key", "from", "to", "id")


@reader("streets")
def read_streets(
    path: Path | str | Any,
    layer: str | None = None,
    to_crs: str | None = None,
    *,
    crs: str | None = None,
    id: str | None = None,
    highway: str = "highway",
    name: str = "name",
    ref: str = "ref",
    maxspeed: str = "maxspeed",
    oneway: str = "oneway",
) -> Network:
    """Read streets, each physical street once.

    The two directions of a two-way street become one segment that keeps both directions of travel. Loops, parallel
    streets, dead ends and separate parts are kept. Lengths are those of the lines in true metres; where an edge has no
    line of its own and states a greater length than the straight one, the stated length counts.

    Parameters
    ----------
    path
        A GraphML file (as OSMnx saves it), a GeoPackage, GeoJSON or shapefile of lines, or a networkx graph.
    layer
        Layer of the file; needed if it has several, but for the two that OSMnx writes.
    to_crs
        Projected CRS of the network; the source's own if that has true metres, else EPSG:27700 in Great Britain, else
        the UTM zone.
    crs
        CRS of a source that states none.
    id
        Column that names each line of a layer; numbers from 1 if not given.
    highway, name, ref, maxspeed, oneway
        Attributes of road class, name, number, speed limit (km/h unless it says mph) and, of layers, direction. Those
        that the source has not stay empty. All others come along in `attributes`.

    Returns
    -------
    Network
        Units are segments; `lixels` cuts them.

    Raises
    ------
    SourceError
        If the file is damaged, declares XML entities, holds other shapes, or a column is missing.
    GeometryError
        If there is no CRS, or the coordinates cannot be in it.

    Examples
    --------
    >>> import networkx as nx
    >>> graph = nx.MultiDiGraph(crs="EPSG:27700")
    >>> graph.add_node(1, x=430_000.0, y=434_000.0)
    >>> graph.add_node(2, x=430_120.0, y=434_050.0)
    >>> for u, v in ((1, 2), (2, 1)):
    ...     _ = graph.add_edge(u, v, length=130.0, highway=["residential", "tertiary"], maxspeed="30 mph")
    >>> net = read_streets(graph)
    >>> len(net.start), net.length.tolist(), net.highway.names, net.speed_backward.round(1).tolist()
    (1, [130.0], ('tertiary',), [48.3])
    """
    edges = _edges(path, layer, crs, id)
    transform = _project(edges, check_crs(edges, crs), to_crs)
    _drop_points(edges)
    streets = _merged(edges, oneway)
    row = streets.row
    columns = {label: _column(edges, column, row) for label, column in (("name", name), ("ref", ref))}
    speed = _speeds(edges.columns.get(maxspeed), len(edges.lines))
    classes = [text(value) for value in edges.columns.get(highway, [""] * len(edges.lines))]
    taken = {highway, name, ref, maxspeed, oneway, *USED_UP}
    length, notes = _lengths(edges, streets)
    net = Network.from_lines(
        edges.lines[row],
        crs=transform["to"],
        nodes=None if edges.nodes is None else _renumbered(edges, row),
        **columns,
        length=length,
        segment_ids=np.array([edges.ids[i] for i in row.tolist()]),
        highway=Labels.of([_main_class(classes[i]) for i in row.tolist()]),
        maxspeed=_column(edges, maxspeed, row),
        forward=streets.forward,
        backward=streets.backward,
        speed_forward=speed[row],
        speed_backward=speed[streets.partner],
        attributes=_attributes(edges, row, taken) | _class_lists(classes, row),
    )
    notes += (*_parts(net), *transform_note(transform))
    return _with_ledger(net, edges, transform, notes)


@dataclass(frozen=True, slots=True)
class _Streets:
    """Physical streets: the edge each is drawn by, the edge of its other direction (or itself), directions allowed."""

    row: np.ndarray[Any, np.dtype[np.int64]]
    partner: np.ndarray[Any, np.dtype[np.int64]]
    forward: Mask
    backward: Mask


def _edges(path: Any, layer: str | None, crs: str | None, id: str | None) -> Edges:
    if not isinstance(path, (str, Path)):
        return edges_of_graph(path)
    path = Path(path)
    if path.suffix.lower() in (".graphml", ".xml"):
        return edges_of_graphml(path)
    if path.is_file() and path.suffix.lower() not in FORMATS:
        raise SourceError(
            Problem(
                f"files {path.suffix or 'without a suffix'} are not read",
                f"streets in one of {', '.join(('.graphml', *FORMATS))} were needed",
                "convert it, or save the graph with osmnx.save_graphml",
                file=str(path),
            )
        )
    return edges_of_layer(path, layer=layer, crs=crs, id=id)


def _project(edges: Edges, crs: str, to_crs: str | None) -> dict[str, Any]:
    """Project lines and nodes; return what was done."""
    places, of = shapely.get_coordinates(edges.lines), len(edges.lines)
    x, y = places.T
    if not np.isfinite(places).all():
        raise SourceError(Problem("a coordinate is not finite", "finite numbers were needed", file=edges.file))
    degrees = bool(((np.abs(x) <= 180) & (np.abs(y) <= 90)).all())
    if parse_crs(crs).is_geographic != degrees:
        what = "degrees" if degrees else f"not degrees (the first is {x[0]:g}, {y[0]:g})"
        found = f"the CRS is {crs}, but the coordinates of {of} lines are {what}"
        raise GeometryError(Problem(found, remedy="mend the CRS of the source", file=edges.file))
    lon, lat = lonlat(x, y, crs)
    if degrees:
        check_not_swapped(lon, lat, to_crs)
    target = to_crs or default_crs(crs, lon, lat)
    x, y, transform = project(x, y, crs, target)
    edges.lines = shapely.set_coordinates(edges.lines.copy(), np.column_stack([x, y]))
    lost = not np.isfinite(x).all()
    if edges.nodes is not None:
        tail, head, node_x, node_y = edges.nodes
        node_x, node_y, _ = project(node_x, node_y, crs, target)
        edges.nodes = tail, head, node_x, node_y
        lost |= not np.isfinite(node_x).all()
    if lost:
        found = f"some streets lie outside the area of {target}"
        raise GeometryError(Problem(found, remedy="give to_crs: that reaches them", file=edges.file))
    return transform


def _drop_points(edges: Edges) -> None:
    """Leave out what has no length: an edge from a node to itself without a line, a line of one place."""
    stated = numbers(edges.columns.get("length", [])) if edges.directed else None
    own = np.zeros(len(edges.lines)) if stated is None or not stated.size else np.where(edges.drawn, 0.0, stated)
    flat = (shapely.length(edges.lines) <= 0) & ~(own > 0)
    if flat.all():
        raise SourceError(Problem("no street has a length", "lines of some metres were needed", file=edges.file))
    edges.excluded += [(row + 1, "no_length", edges.ids[row]) for row in np.flatnonzero(flat).tolist()]
    _keep(edges, ~flat)


def _keep(edges: Edges, kept: Mask) -> None:
    if kept.all():
        return
    rows = np.flatnonzero(kept).tolist()
    edges.lines, edges.drawn = edges.lines[kept], edges.drawn[kept]
    edges.ids = [edges.ids[i] for i in rows]
    edges.columns = {name: [values[i] for i in rows] for name, values in edges.columns.items()}
    if edges.nodes is not None:
        tail, head, x, y = edges.nodes
        edges.nodes = tail[kept], head[kept], x, y


def _merged(edges: Edges, oneway: str) -> _Streets:
    """Make one street of the edges that lie on one another, whichever way they run."""
    flags = [text(value).lower() for value in edges.columns.get(oneway, [""] * len(edges.lines))]
    lengths = numbers(edges.columns.get("length", []))
    lengths = lengths if lengths is not None and lengths.size else shapely.length(edges.lines)
    places: dict[tuple[Any, ...], tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    rounded, of = shapely.get_coordinates(edges.lines, return_index=True)
    rounded = np.round(rounded, 3) + 0.0
    cut = np.searchsorted(of, np.arange(len(edges.lines) + 1))
    for row in range(len(edges.lines)):
        one = rounded[cut[row] : cut[row + 1]]
        ahead, back = one.tobytes(), one[::-1].tobytes()
        ends = () if edges.nodes is None else tuple(sorted((int(edges.nodes[0][row]), int(edges.nodes[1][row]))))
        places[(*ends, min(ahead, back))][back < ahead].append(row)
    found: list[tuple[int, int, bool, bool]] = []
    repeats: list[int] = []
    for ahead_rows, back_rows in places.values():
        if edges.directed:
            found += _paired(ahead_rows, back_rows, lengths)
        else:
            found.append(_united(ahead_rows, back_rows, flags))
            repeats += [*ahead_rows[1:], *back_rows[1:]]
    found.sort()
    merged = len(edges.lines) - len(found) - len(repeats)
    if merged:
        edges.repaired["two_way_merged"] = merged
    edges.excluded += [(_feature(edges, row), "repeats_another_line", edges.ids[row]) for row in sorted(repeats)]
    return _Streets(*(np.array(part) for part in zip(*found, strict=True)))


def _paired(ahead: list[int], back: list[int], lengths: Floats) -> list[tuple[int, int, bool, bool]]:
    """Pair the edges of the two directions; of several on one line those of like length belong together."""
    ahead, back = (sorted(rows, key=lambda row: (lengths[row], row)) for rows in (ahead, back))
    pairs = []
    for one, other in zip_longest(ahead, back):
        rows = sorted(row for row in (one, other) if row is not None)
        pairs.append((rows[0], rows[-1], True, len(rows) == 2))
    return pairs


def _united(ahead: list[int], back: list[int], flags: list[str]) -> tuple[int, int, bool, bool]:
    """Take all lines on one place for one street, drawn by the first; each allows what its `oneway` says."""
    row = min(ahead + back)
    same, other = (ahead, back) if row in ahead else (back, ahead)
    forward = any(flags[i] not in BACK for i in same) or any(flags[i] not in AHEAD for i in other)
    backward = any(flags[i] not in AHEAD for i in same) or any(flags[i] not in BACK for i in other)
    return row, other[0] if other else row, forward, backward


def _feature(edges: Edges, row: int) -> int:
    number = edges.ids[row].partition(".")[0]
    return int(number) if number.isdigit() else row + 1


def _renumbered(edges: Edges, row: np.ndarray[Any, Any]) -> tuple[Any, Any, Floats, Floats]:
    """Return start, end, x and y of the nodes that streets join; nodes without a street are left."""
    assert edges.nodes is not None
    tail, head, x, y = edges.nodes
    used, (start, end) = np.unique(np.stack([tail[row], head[row]]), return_inverse=True)
    return start, end, x[used], y[used]


def _lengths(edges: Edges, streets: _Streets) -> tuple[Floats, tuple[str, ...]]:
    """Return the length of each street, and what the check against the stated lengths found."""
    drawn = shapely.length(edges.lines[streets.row])
    stated = numbers(edges.columns.get("length", [])) if edges.directed or edges.nodes is not None else None
    if stated is None or not stated.size:
        return drawn, ()
    stated = stated[streets.row]
    chord = ~edges.drawn[streets.row] & (stated > drawn * (1.0 + LENGTH_TOLERANCE))
    apart = ~chord & (np.abs(stated - drawn) > LENGTH_TOLERANCE * drawn + 1.0)
    notes: tuple[str, ...] = ()
    if chord.any():
        notes += (f"{chord.sum():,} streets without a line of their own are longer than straight: stated length kept",)
    if apart.any():
        notes += (f"the stated length of {apart.sum():,} streets is not that of their lines, which was taken",)
    if apart.mean() > MANY:
        warnings.warn(f"{edges.file}: {notes[-1]}; is the CRS right?", DataQualityWarning, stacklevel=4)
    return np.where(chord, stated, drawn), notes


def _column(edges: Edges, column: str, row: np.ndarray[Any, Any]) -> Labels:
    values = edges.columns.get(column)
    return Labels.of([text(values[i]) if values else "" for i in row.tolist()])


def _main_class(classes: str) -> str:
    """Return the most important of the classes of a street, the first of those that are not known."""
    known = {name: rank for rank, name in enumerate(CLASSES)}
    return min(classes.split(";"), key=lambda name: known.get(name, len(known)))


def _class_lists(classes: list[str], row: np.ndarray[Any, Any]) -> dict[str, Labels]:
    several = [classes[i] if ";" in classes[i] else "" for i in row.tolist()]
    return {"highway_list": Labels.of(several)} if any(several) else {}


def _speeds(values: list[Any] | None, n: int) -> Floats:
    return np.array([_speed(text(value)) for value in values]) if values else np.full(n, np.nan)


def _speed(stated: str) -> float:
    """Return km/h, the lowest of several limits; NaN for what is no number, such as ``none`` or ``signals``."""
    limits = [SPEED.fullmatch(part.strip().lower()) for part in stated.split(";")]
    km_h = [float(found[1]) * (KM_PER_MILE if found[2] == "mph" else 1.0) for found in limits if found]
    return min((speed for speed in km_h if speed > 0), default=np.nan)


def _attributes(edges: Edges, row: np.ndarray[Any, Any], taken: set[str]) -> dict[str, Any]:
    """Return the other columns: numbers where all are, else text; those without any value are left."""
    made: dict[str, Any] = {}
    for name, values in edges.columns.items():
        own = [values[i] for i in row.tolist()]
        if name in taken or not any(map(text, own)):
            continue
        column = None if name == "osmid" else numbers(own)
        made[name] = Labels.of([*map(text, own)]) if column is None or np.isinf(column).any() else column
    return made


def _parts(net: Network) -> tuple[str, ...]:
    part = net.components()
    length = np.bincount(part[net.start], net.length)
    if len(length) == 1:
        return ()
    share = 1.0 - length.max() / length.sum()
    return (f"the streets are {len(length):,} separate parts; {share:.1%} of their length is not in the largest",)


def _with_ledger(net: Network, edges: Edges, transform: dict[str, Any], notes: tuple[str, ...]) -> Network:
    rows = [(edges.file, line, reason, value) for line, reason, value in edges.excluded]
    parts = edges.features + edges.repaired.get("parts_made_streets", 0)
    account = FileLedger(
        file=edges.file,
        sha256=edges.sha256,
        lines=parts,
        parsed=parts,
        malformed=0,
        used=parts - len(rows),
        excluded=Counter(reason for _, reason, _ in edges.excluded),
        repaired=dict(edges.repaired),
    )
    table = pd.DataFrame(rows, columns=list(EXCLUDED_COLUMNS)).astype({"line": np.int64})
    return replace(net, ledger=Ledger(files=(account,), excluded_rows=table, notes=notes, transform=transform))
