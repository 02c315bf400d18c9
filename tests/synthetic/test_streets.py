"""Made streets have what real ones have."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
import shapely

from demandgeo.synthetic import City, perturbed_grid


@pytest.fixture(scope="module")
def graph(city: City) -> nx.MultiDiGraph:
    return city.streets()


def test_the_graph_is_what_osmnx_gives(graph: nx.MultiDiGraph) -> None:
    assert graph.graph["crs"] == "EPSG:27700"
    streets: dict[int, list[tuple[int, int, dict]]] = {}
    for u, v, data in graph.edges(data=True):
        streets.setdefault(data["osmid"], []).append((u, v, data))
        ends = [(graph.nodes[node]["x"], graph.nodes[node]["y"]) for node in (u, v)]
        line = data.get("geometry", shapely.LineString(ends))
        assert (line.coords[0], line.coords[-1]) == tuple(ends)
        assert data["length"] == pytest.approx(line.length, rel=1e-12)
        assert data["highway"] in {"primary", "secondary", "tertiary", "residential"}
        assert data["maxspeed"].endswith(" mph")
        assert data["name"].startswith("Made ")
        assert ("ref" in data) == (data["highway"] in {"primary", "secondary"})
        assert data["aadt"] > 0
    for directions in streets.values():
        (u, v, one), *back = directions
        assert one["oneway"] is not bool(back)
        assert all((a, b) == (v, u) and d["reversed"] is not one["reversed"] for a, b, d in back)


def test_there_are_one_way_streets_loops_parallels_and_dead_ends(graph: nx.MultiDiGraph) -> None:
    once = [(u, v, d) for u, v, d in graph.edges(data=True) if not d["reversed"]]
    assert 100 < sum(d["oneway"] for *_, d in once) < 0.2 * len(once)
    assert sum(u == v for u, v, _ in once) > 10
    assert len(once) - len({frozenset((u, v)) for u, v, _ in once}) > 40
    count = np.array([n for _, n in graph.nodes(data="street_count")])
    assert (count == 1).sum() > 50
    degree = dict.fromkeys(graph, 0)
    for u, v, _ in once:
        degree[u] += 1
        degree[v] += 1
    assert dict(graph.nodes(data="street_count")) == degree
    assert 0.4 < np.mean(["geometry" in d for *_, d in once]) < 0.7


def test_every_place_is_reached_from_every_other(graph: nx.MultiDiGraph) -> None:
    assert nx.is_strongly_connected(graph)


def test_main_roads_carry_more_traffic(graph: nx.MultiDiGraph) -> None:
    traffic: dict[str, list[float]] = {}
    for *_, data in graph.edges(data=True):
        traffic.setdefault(data["highway"], []).append(data["aadt"])
    means = [np.mean(traffic[kind]) for kind in ("primary", "secondary", "tertiary", "residential")]
    np.testing.assert_allclose(means, [21_000, 10_500, 4_200, 650], rtol=0.05)


def test_the_streets_fill_the_city(city: City, graph: nx.MultiDiGraph) -> None:
    x, y = np.array([(d["x"], d["y"]) for _, d in graph.nodes(data=True)]).T
    zone = city.zones().locate(x, y)
    assert (zone >= 0).all()
    assert len(np.unique(zone)) > 0.98 * city.zones().n


@pytest.mark.parametrize("edges", [5_000, 49_000])
def test_a_perturbed_grid_has_about_as_many_curved_streets_as_asked_for(edges: int) -> None:
    graph = perturbed_grid(edges, seed=3)
    streets = {data["osmid"]: data for *_, data in graph.edges(data=True)}
    assert len(streets) == pytest.approx(edges, rel=0.03)
    assert all(shapely.get_num_points(data["geometry"]) > 2 for data in streets.values())
    assert np.median([data["length"] for data in streets.values()]) == pytest.approx(105, rel=0.05)


def test_a_perturbed_grid_follows_its_seed_and_curvature() -> None:
    one, same, other = perturbed_grid(500, seed=3), perturbed_grid(500, seed=3), perturbed_grid(500, seed=4)
    assert nx.utils.graphs_equal(one, same)
    assert not nx.utils.graphs_equal(one, other)
    straight = perturbed_grid(500, seed=3, curved=0.0)
    bent = [data for *_, data in straight.edges(data=True) if "geometry" in data]
    assert 0 < len(bent) < 0.05 * straight.number_of_edges()
