"""Streets before they are merged: edges of a graph or lines of a file, with whatever columns came along."""

from __future__ import annotations

import ast
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError

import defusedxml
import numpy as np
import pandas as pd
import pyogrio
import shapely
from defusedxml.ElementTree import iterparse

from demandgeo.domain.crs import parse_crs, short_name
from demandgeo.domain.record import Floats, Geometries, Integers
from demandgeo.errors import GeometryError, Problem, Problems, SourceError
from demandgeo.sources.vectors import DAMAGED, Vector, read_vector

GRAPHML = "{http://graphml.graphdrawing.org/xmlns}"
NODES, EDGES = "nodes", "edges"
"""What OSMnx calls the two layers of a graph in a GeoPackage."""

LINES = (shapely.GeometryType.LINESTRING, shapely.GeometryType.MULTILINESTRING)


@dataclass(slots=True)
class Edges:
    """Streets as a source gives them, in its own CRS.

    Attributes
    ----------
    file, sha256, features
        Where they come from, and how many there were.
    crs
        Theirs; ``""`` if none is stated.
    lines
        LineString [n], from tail to head.
    ids
        Name of each.
    columns
        One value per line and name, as read.
    directed
        Whether a line stands for its own direction only (a graph), or its column `oneway` says it (a layer).
    nodes
        tail, head (int64 [n]), x and y of the nodes; None where line ends are all that is known.
    excluded
        feature, reason and name of what is left out.
    repaired
        What was mended, by kind.
    """

    file: str
    sha256: str
    features: int
    crs: str
    lines: Geometries
    ids: list[str]
    columns: dict[str, list[Any]]
    directed: bool
    nodes: tuple[Integers, Integers, Floats, Floats] | None = None
    excluded: list[tuple[int, str, str]] = field(default_factory=list)
    repaired: Counter[str] = field(default_factory=Counter)
    drawn: np.ndarray[Any, np.dtype[np.bool_]] = field(default_factory=lambda: np.empty(0, np.bool_))


def edges_of_graph(graph: Any) -> Edges:
    """Take the edges of a networkx graph such as OSMnx makes."""
    if not hasattr(graph, "is_multigraph"):
        raise SourceError(
            f"a {type(graph).__name__} was given", "a path or a networkx graph was needed", "give the graph itself"
        )
    keyed = (
        graph.edges(keys=True, data=True) if graph.is_multigraph() else ((u, v, 0, d) for u, v, d in graph.edges.data())
    )
    crs = graph.graph.get("crs")
    return _from_graph(
        dict(graph.nodes(data=True)), list(keyed), crs, file=str(graph.graph.get("name") or "graph"), sha256="",
        directed=graph.is_directed(),
    )  # fmt: skip


def edges_of_graphml(path: Path) -> Edges:
    """Read a GraphML file; one with a document type or entities is refused before anything of it is used."""
    if not path.is_file():
        raise SourceError(f"{path} does not exist", "a street network was needed", "name the file")
    nodes: dict[Any, dict[str, Any]] = {}
    edges: list[tuple[Any, Any, Any, dict[str, Any]]] = []
    about: dict[str, Any] = {"directed": True}
    try:
        for kind, name, data in _graphml(path):
            if kind == "node":
                nodes[name] = data
            elif kind == "edge":
                edges.append((*name, data))
            else:
                about |= data
    except defusedxml.DefusedXmlException as error:
        raise SourceError(
            Problem(
                f"the file declares a document type or entities ({type(error).__name__})",
                "GraphML without them was needed: they can read other files or swell without end",
                "save it anew with osmnx.save_graphml",
                file=str(path),
            )
        ) from error
    except (ParseError, UnicodeDecodeError, KeyError) as error:
        found = f"the file is no GraphML ({error})"
        raise SourceError(Problem(found, "a whole file was needed", "save it again", file=str(path))) from error
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return _from_graph(nodes, edges, about.get("crs"), file=path.name, sha256=sha256, directed=about["directed"])


def edges_of_layer(path: Path, *, layer: str | None, crs: str | None, id: str | None) -> Edges:
    """Read the lines of a GeoPackage, GeoJSON or shapefile; a line of several parts is several streets."""
    vector = read_vector(path, layer=layer or _edge_layer(path), crs=crs)
    lines, feature, edges = _simple_lines(vector, path)
    frame = pd.DataFrame(vector.frame.drop(columns=vector.frame.geometry.name)).iloc[feature]
    if id is not None and id not in frame:
        raise SourceError(Problem(f"there is no column {id!r}", file=str(path), key="id"))
    names = [str(row + 1) for row in feature.tolist()] if id is None else frame[id].map(text).tolist()
    part = pd.Series(names).groupby(names).cumcount()
    several = pd.Series(names).duplicated(keep=False)
    edges.ids = [f"{name}.{k + 1}" if many else name for name, k, many in zip(names, part, several, strict=True)]
    edges.columns = {str(column): frame[column].tolist() for column in frame.columns}
    edges.lines, edges.drawn = lines, np.ones(len(lines), np.bool_)
    if {"u", "v"} <= set(edges.columns):
        edges.nodes = _stated_nodes(edges)
    return edges


def text(value: Any) -> str:
    """Return a value as text: nothing for a missing one, the parts of a list apart by semicolons, 5.0 as 5."""
    if isinstance(value, (list, tuple, set, np.ndarray)):
        return ";".join(dict.fromkeys(text(part) for part in value))
    if value is None or value != value:  # noqa: PLR0124  NaN is not itself
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    found = str(value).strip()
    if found.startswith("[") and found.endswith("]"):
        try:
            return text(ast.literal_eval(found))
        except (ValueError, SyntaxError):
            return found
    return found


def _graphml(path: Path) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Yield every node, edge and the graph itself, with its data by name."""
    names: dict[str, str] = {}
    number = 0
    for _, element in iterparse(path, forbid_dtd=True):
        kind = element.tag.removeprefix(GRAPHML)
        if kind == "key":
            names[element.attrib["id"]] = element.attrib["attr.name"]
        elif kind == "node":
            yield "node", element.attrib["id"], _data(element, names)
            element.clear()
        elif kind == "edge":
            number += 1
            ends = element.attrib["source"], element.attrib["target"]
            yield "edge", (*ends, element.attrib.get("id", number)), _data(element, names)
            element.clear()
        elif kind == "graph":
            yield "graph", "", {**_data(element, names), "directed": element.attrib["edgedefault"] != "undirected"}
        elif kind == "graphml" and not number:
            raise KeyError("it holds no edge")


def _data(element: Element, names: Mapping[str, str]) -> dict[str, Any]:
    return {names[part.attrib["key"]]: part.text or "" for part in element.findall(f"{GRAPHML}data")}


def _from_graph(
    nodes: Mapping[Any, Mapping[str, Any]],
    edges: list[tuple[Any, Any, Any, dict[str, Any]]],
    crs: Any,
    *,
    file: str,
    sha256: str,
    directed: bool,
) -> Edges:
    if not edges:
        raise SourceError(Problem("the graph has no edge", "streets were needed", file=file))
    x, y = _node_places(nodes, file)
    row = {name: i for i, name in enumerate(nodes)}
    tail = np.array([row[u] for u, *_ in edges])
    head = np.array([row[v] for _, v, *_ in edges])
    straight = shapely.linestrings(np.stack([np.stack([x[tail], y[tail]], -1), np.stack([x[head], y[head]], -1)], 1))
    drawn = [_line(data.get("geometry"), file, u, v) for u, v, _, data in edges]
    lines = np.array([line if line is not None else chord for line, chord in zip(drawn, straight, strict=True)])
    names = dict.fromkeys(name for *_, data in edges for name in data if name != "geometry")
    made = Edges(
        file=file,
        sha256=sha256,
        features=len(edges),
        crs="" if crs in (None, "") else short_name(parse_crs(str(crs))),
        lines=lines,
        ids=[f"{u}-{v}-{key}" for u, v, key, _ in edges],
        columns={str(name): [data.get(name) for *_, data in edges] for name in names},
        directed=directed,
        nodes=(tail, head, x, y),
        drawn=np.array([line is not None for line in drawn]),
    )
    _turn_to_tail(made)
    return made


def _node_places(nodes: Mapping[Any, Mapping[str, Any]], file: str) -> tuple[Floats, Floats]:
    problems, places = Problems(), np.full((2, len(nodes)), np.nan)
    for i, (name, data) in enumerate(nodes.items()):
        try:
            places[:, i] = float(data["x"]), float(data["y"])
        except (KeyError, TypeError, ValueError):
            problems.add(Problem(f"node {name} has no x and y in numbers", "both were needed", file=file))
    problems.raise_as(SourceError)
    if not np.isfinite(places).all():
        raise SourceError(Problem("the x or y of a node is not finite", "finite numbers were needed", file=file))
    return places[0], places[1]


def _line(value: Any, file: str, u: Any, v: Any) -> shapely.Geometry | None:
    if value is None or value == "":
        return None
    try:
        line = shapely.from_wkt(value) if isinstance(value, str) else value
    except shapely.errors.GEOSException as error:
        found = f"the geometry of edge {u}-{v} cannot be read ({error})"
        raise SourceError(Problem(found, "a WKT LineString was needed", file=file)) from error
    if getattr(line, "geom_type", "") != "LineString":
        raise SourceError(Problem(f"the geometry of edge {u}-{v} is no LineString", "one line per edge", file=file))
    return shapely.force_2d(line)


def _turn_to_tail(edges: Edges) -> None:
    """Turn the lines that run from head to tail."""
    assert edges.nodes is not None
    tail, head, x, y = edges.nodes
    first, last = (shapely.get_coordinates(shapely.get_point(edges.lines, end)) for end in (0, -1))
    node = np.column_stack([x, y])
    as_is = np.hypot(*(first - node[tail]).T) + np.hypot(*(last - node[head]).T)
    turned = np.hypot(*(last - node[tail]).T) + np.hypot(*(first - node[head]).T)
    wrong = turned < as_is
    if wrong.any():
        edges.repaired["line_turned"] = int(wrong.sum())
        edges.lines[wrong] = shapely.reverse(edges.lines[wrong])


def _edge_layer(path: Path) -> str | None:
    """Return the layer of edges where a file holds just what OSMnx writes; else nothing is assumed."""
    try:
        names = {str(name) for name, _ in pyogrio.list_layers(path)} if path.is_file() else set()
    except DAMAGED:
        return None  # read_vector says what is wrong with the file
    return EDGES if {NODES, EDGES} <= names else None


def _simple_lines(vector: Vector, path: Path) -> tuple[Geometries, Integers, Edges]:
    """Return single lines in two dimensions, the feature each is of, and the edges yet to be filled."""
    shapes = vector.frame.geometry.to_numpy().copy()
    edges = Edges(path.name, vector.sha256, vector.features, vector.crs, shapes, [], {}, directed=False)
    empty = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    kept = np.flatnonzero(~empty)
    wrong = kept[~np.isin(shapely.get_type_id(shapes[kept]), LINES)]
    problems = Problems()
    for feature in wrong.tolist():
        found = f"feature {feature + 1} is a {shapes[feature].geom_type}"
        problems.add(Problem(found, "lines were needed", "name the layer of streets", file=str(path)))
    problems.check(kept.size, f"{path} holds no line: {empty.size} features, none with a geometry")
    problems.raise_as(SourceError)
    edges.excluded = [(feature + 1, "empty_geometry", "") for feature in np.flatnonzero(empty).tolist()]
    heights = int(shapely.has_z(shapes[kept]).sum())
    if heights:
        edges.repaired["z_dropped"] = heights
    several = shapely.get_num_geometries(shapes) > 1
    merged = shapely.line_merge(shapes[several])
    shapes[several] = np.where(shapely.is_empty(merged), shapes[several], merged)  # parts of no length merge to nothing
    parts, of = shapely.get_parts(shapely.force_2d(shapes[kept]), return_index=True)
    if len(parts) > len(kept):
        edges.repaired["parts_made_streets"] = len(parts) - len(kept)
    return parts, kept[of], edges


def _stated_nodes(edges: Edges) -> tuple[Integers, Integers, Floats, Floats] | None:
    """Return the nodes that the columns u and v name, if every line end lies where its node does."""
    names = [*map(text, edges.columns["u"]), *map(text, edges.columns["v"])]
    code, found = pd.factorize(pd.Series(names, dtype=object))
    ends = np.concatenate([shapely.get_coordinates(shapely.get_point(edges.lines, end)) for end in (0, -1)])
    place = np.zeros((len(found), 2))
    place[code[::-1]] = ends[::-1]
    if "" in found or not np.array_equal(place[code], ends):
        return None
    tail, head = code.astype(np.int64).reshape(2, -1)
    return tail, head, place[:, 0].copy(), place[:, 1].copy()


def numbers(values: Iterable[Any]) -> Floats | None:
    """Return a column as float64, NaN where it is missing; None unless every other value is a number."""
    texts = [text(value) for value in values]
    try:
        return np.array([float(found) if found else np.nan for found in texts])
    except ValueError:
        return None


def check_crs(edges: Edges, given: str | None) -> str:
    """Return the CRS of the edges, stated or given; a missing one is refused."""
    if not edges.crs and given is None:
        raise GeometryError(
            Problem("the graph states no CRS", "where its numbers lie", "give crs=, e.g. EPSG:27700", file=edges.file)
        )
    if edges.crs and given is not None and parse_crs(given) != parse_crs(edges.crs):
        found = f"the source states {edges.crs}, crs is {given}"
        raise GeometryError(Problem(found, "one CRS was needed", "leave crs out", file=edges.file))
    return edges.crs or short_name(parse_crs(str(given)))
