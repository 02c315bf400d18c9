"""Graphs and lines become physical streets: nothing twice, nothing lost in silence."""

from __future__ import annotations

import geopandas as gpd
import networkx as nx
import numpy as np
import pytest
import shapely

from demandgeo.domain import Network
from demandgeo.errors import DataQualityWarning, GeometryError, SourceError
from demandgeo.sources import read_streets
from demandgeo.synthetic import perturbed_grid

CRS = "EPSG:27700"
PLACES = {1: (430_000.0, 434_000.0), 2: (430_100.0, 434_000.0), 3: (430_100.0, 434_080.0)}


def graph(*edges: tuple, kind=nx.MultiDiGraph, crs: str | None = CRS) -> nx.Graph:
    """A graph of some of the places; an edge is u, v and its data."""
    made = kind(**({"crs": crs} if crs else {}))
    for u, v, data in edges:
        for node in (u, v):
            made.add_node(node, x=PLACES[node][0], y=PLACES[node][1])
        made.add_edge(u, v, **data)
    return made


def arc(u: int, v: int, side: float = 30.0) -> shapely.LineString:
    a, b = np.array(PLACES[u]), np.array(PLACES[v])
    return shapely.LineString([a, (a + b) / 2 + side, b])


@pytest.fixture(scope="module")
def made() -> nx.MultiDiGraph:
    return perturbed_grid(300, seed=3)


def streets(net: Network) -> set:
    """What a network says, whatever order and direction it says it in."""
    lines = shapely.to_wkt(shapely.normalize(net.segments().geometry()), rounding_precision=2)
    return set(zip(lines.tolist(), net.highway, net.name, net.ref, (net.forward ^ net.backward).tolist(), strict=True))


def test_the_two_directions_of_a_street_are_one_segment(made):
    net = read_streets(made)
    physical = {data["osmid"]: data for *_, data in made.edges(data=True)}
    assert len(net.start) == len(physical)
    assert net.ledger.total("lines") == made.number_of_edges()
    assert net.ledger.files[0].repaired["two_way_merged"] == made.number_of_edges() - len(physical)
    length = {str(osmid): data["length"] for osmid, data in physical.items()}
    assert net.length == pytest.approx(np.array([length[osmid] for osmid in net.attributes["osmid"]]), rel=1e-9)
    oneway = np.array([physical[int(osmid)]["oneway"] for osmid in net.attributes["osmid"]])
    assert np.array_equal(net.forward & net.backward, ~oneway)
    assert net.forward.all()
    assert (net.start == net.end).sum() > 0
    degree = np.bincount(np.concatenate([net.start, net.end]))
    assert sorted(degree) == sorted(count for _, count in made.nodes(data="street_count"))
    assert np.unique(net.speed_forward.round(2)).tolist() == [32.19, 48.28, 64.37]
    assert np.array_equal(np.isnan(net.speed_backward), np.zeros(len(oneway), bool))
    assert net.attributes["aadt"].min() > 0


def test_graphml_and_geopackage_hold_the_same_streets(made, tmp_path):
    import osmnx

    osmnx.save_graphml(made, tmp_path / "streets.graphml")
    osmnx.save_graph_geopackage(made, filepath=tmp_path / "streets.gpkg", directed=True)
    memory = read_streets(made)
    for file in ("streets.graphml", "streets.gpkg"):
        net = read_streets(tmp_path / file)
        assert streets(net) == streets(memory)
        assert len(net.ledger.files[0].sha256) == 64
        assert np.array_equal(net.speed_forward, memory.speed_forward)


def test_lists_survive_simplification():
    data = {
        "highway": ["service", "residential"],
        "name": ["A", "B", "A"],
        "maxspeed": ["40 mph", "30 mph"],
        "osmid": [5, 6],
        "lanes": ["2", "1"],
    }
    net = read_streets(graph((1, 2, data)))
    assert [*net.highway, *net.attributes["highway_list"]] == ["residential", "service;residential"]
    assert [*net.name, *net.maxspeed, *net.attributes["osmid"]] == ["A;B", "40 mph;30 mph", "5;6"]
    assert net.speed_forward[0] == pytest.approx(48.28, abs=0.01)
    assert [*net.attributes["lanes"]] == ["2;1"]


def test_loops_parallel_streets_and_dead_ends_stay():
    loop = shapely.LineString([PLACES[1], (430_000, 433_950), (430_050, 433_950), PLACES[1]])
    net = read_streets(
        graph(
            (1, 2, {}),
            (2, 1, {"geometry": arc(1, 2).reverse()}),
            (1, 2, {"geometry": arc(1, 2)}),
            (1, 2, {"length": 140.0}),
            (1, 1, {"geometry": loop}),
            (1, 1, {"geometry": loop.reverse()}),
            (2, 3, {}),
        )
    )
    assert len(net.start) == 5
    assert (net.forward & net.backward).sum() == 2
    assert sorted(net.length.round(0)) == [80, 100, 121, 140, 171]
    assert any("stated length kept" in note for note in net.ledger.notes)


@pytest.mark.parametrize(
    ("maxspeed", "km_h"),
    [("30 mph", 48.28), ("50", 50), (60, 60), ("80 km/h", 80), ("none", np.nan), ("GB:rural", np.nan)],
)
def test_speed_limits(maxspeed, km_h):
    net = read_streets(graph((1, 2, {"maxspeed": maxspeed})))
    assert net.speed_forward[0] == pytest.approx(km_h, abs=0.01, nan_ok=True)


def test_undirected_graphs_go_by_their_oneway():
    net = read_streets(graph((1, 2, {"oneway": True}), (2, 3, {"oneway": False}), kind=nx.MultiGraph))
    assert (net.forward.tolist(), net.backward.tolist()) == ([True, True], [False, True])


def test_a_line_drawn_from_head_to_tail_is_turned():
    net = read_streets(graph((1, 2, {"geometry": arc(1, 2).reverse()})))
    assert net.ledger.files[0].repaired == {"line_turned": 1}
    assert net.vertex[0].tolist() == list(PLACES[1])


def test_degrees_are_projected():
    crs = "EPSG:4326"
    made = nx.MultiDiGraph(crs=crs)
    made.add_node(1, x=-1.55, y=53.80)
    made.add_node(2, x=-1.54, y=53.80)
    made.add_edge(1, 2, length=658.0)
    net = read_streets(made)
    assert net.crs == CRS
    assert net.length[0] == pytest.approx(659, abs=2)
    assert net.ledger.transform["accuracy_m"] in (0.1, 2.0)
    assert read_streets(made, to_crs="EPSG:32630").crs == "EPSG:32630"


def test_lengths_that_do_not_fit_are_told():
    with pytest.warns(DataQualityWarning, match="is the CRS right"):
        net = read_streets(graph((1, 2, {"geometry": arc(1, 2), "length": 70.0})))
    assert net.length[0] == pytest.approx(arc(1, 2).length)


def frame(*lines: shapely.Geometry, **columns) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(columns, geometry=[*lines], crs=CRS)


def test_lines_of_a_layer(tmp_path):
    one, other = arc(1, 2), arc(2, 3)
    parts = shapely.MultiLineString([[(0, 0), (10, 0)], [(50, 0), (60, 0)]])
    touching = shapely.MultiLineString([[(0, 0), (10, 0)], [(10, 0), (10, 20)]])
    shapes = (one, one.reverse(), other, other, parts, touching, None, shapely.LineString([(5, 5), (5, 5)]))
    file = tmp_path / "lines.gpkg"
    frame(*shapes, kind=[*"aabbcdef"], way=["yes", "yes", "-1", "-1", "", "", "", ""]).to_file(file)
    net = read_streets(file, highway="kind", oneway="way")
    assert net.segment_ids.tolist() == ["1", "3", "5.1", "5.2", "6"]
    assert (net.forward.tolist(), net.backward.tolist()) == (
        [True, False, True, True, True],
        [True, True, True, True, True],
    )
    assert net.length[-1] == 30.0
    account = net.ledger.files[0]
    assert account.repaired == {"parts_made_streets": 1, "two_way_merged": 1}
    assert account.excluded == {"empty_geometry": 1, "repeats_another_line": 1, "no_length": 1}
    assert net.ledger.excluded_rows["line"].tolist() == [7, 8, 4]


GRAPHML = """<?xml version="1.0"?>{doctype}
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
<key id="x" for="node" attr.name="x"/><key id="y" for="node" attr.name="y"/><key id="c" for="graph" attr.name="crs"/>
<graph edgedefault="directed"><data key="c">EPSG:27700</data>
<node id="1"><data key="x">{x}</data><data key="y">434000</data></node>
<node id="2"><data key="x">430100</data><data key="y">434000</data></node>
{edge}</graph></graphml>"""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"doctype": '<!DOCTYPE g [<!ENTITY e SYSTEM "other.txt">]>', "x": "&e;"},
            "document type or entities",
        ),
        ({"doctype": '<!DOCTYPE g SYSTEM "g.dtd">'}, "document type or entities"),
        ({"x": "east"}, "node 1 has no x and y"),
        ({"x": "inf"}, "not finite"),
        ({"edge": ""}, "has no edge|holds no edge"),
        ({"edge": "<edge"}, "is no GraphML"),
        ({"edge": '<edge source="1"/>'}, "is no GraphML"),
    ],
)
def test_graphml_that_is_not_safe_or_whole_is_refused(tmp_path, change, message):
    good = {"doctype": "", "x": "430000", "edge": '<edge source="1" target="2"/>'}
    file = tmp_path / "streets.graphml"
    file.write_text(GRAPHML.format(**good))
    assert read_streets(file).length.tolist() == [100.0]
    file.write_text(GRAPHML.format(**good | change))
    with pytest.raises(SourceError, match=message):
        read_streets(file)


def test_other_bad_input(tmp_path):
    with pytest.raises(SourceError, match="does not exist"):
        read_streets(tmp_path / "none.graphml")
    with pytest.raises(SourceError, match="a list was given"):
        read_streets([1, 2])
    with pytest.raises(SourceError, match="has no edge"):
        read_streets(nx.MultiDiGraph(crs=CRS))
    with pytest.raises(SourceError, match="no street has a length"):
        read_streets(graph((1, 1, {})))
    with pytest.raises(GeometryError, match="states no CRS"):
        read_streets(graph((1, 2, {}), crs=None))
    assert read_streets(graph((1, 2, {}), crs=None), crs=CRS).crs == CRS
    with pytest.raises(GeometryError, match="crs is EPSG:32630"):
        read_streets(graph((1, 2, {})), crs="EPSG:32630")
    with pytest.raises(GeometryError, match="not degrees"):
        read_streets(graph((1, 2, {}), crs="EPSG:4326"))
    with pytest.raises(SourceError, match="no LineString"):
        read_streets(graph((1, 2, {"geometry": shapely.Point(0, 0)})))
    file = tmp_path / "points.gpkg"
    frame(shapely.Point(0, 0)).to_file(file)
    with pytest.raises(SourceError, match="feature 1 is a Point"):
        read_streets(file)
    frame(arc(1, 2)).to_file(file, layer="two")
    with pytest.raises(SourceError, match="holds 2 layers"):
        read_streets(file)
    with pytest.raises(SourceError, match="no column 'code'"):
        read_streets(file, "two", id="code")


def test_a_file_of_another_kind_is_refused_naming_graphml_too(tmp_path):
    (tmp_path / "streets.md").write_text("no streets")
    with pytest.raises(SourceError, match=r"streets\.md: files \.md are not read; streets in one of \.graphml, \.gpkg"):
        read_streets(tmp_path / "streets.md")
