"""Sites people can act on: stretches, corridors, council clusters, and the curve on road length."""

from __future__ import annotations

import itertools

import networkx as nx
import numpy as np
import pytest
import shapely

from demandgeo import priority
from demandgeo.domain import Events, Labels, Network
from demandgeo.errors import ModelError
from demandgeo.roads import clusters, corridors, empirical_bayes, on_network, stretches
from demandgeo.roads.nearby import within_streets
from demandgeo.roads.profiles import Profile
from demandgeo.roads.strokes import strokes


@pytest.fixture(scope="module")
def profile(sites, collisions):
    return Profile.of(sites, collisions, 50.0)


def test_the_cells_of_all_sites_add_up_to_the_sites(profile, sites):
    for column in ("observed", "expected", "modelled"):
        assert getattr(profile, column).sum() == pytest.approx(sites.table[column].sum())
    assert profile.length.sum() == pytest.approx(sites.network.length.sum())
    assert sorted(profile.unit.tolist()) == list(range(profile.network.n))


def test_the_optimal_stretches_hold_more_than_any_other_method(sites, collisions):
    found = {m: stretches(sites, collisions, method=m, length_share=0.01) for m in ("optimal", "window", "peak")}
    budget = 0.01 * sites.network.length.sum()
    excess = {method: one.table["excess"].sum() for method, one in found.items()}
    assert excess["optimal"] == max(excess.values())
    for one in found.values():
        assert one.table["length_m"].sum() <= budget + 1e-6
        assert one.table["length_m"].max() <= 1000 + 1e-6
        np.testing.assert_allclose([line.length for line in one.geometry], one.table["length_m"], rtol=1e-3)
        assert (one.table["excess"] > 0).all()
    assert found["optimal"].table["name"].str.contains("Made ").all()
    assert "cost_per_year" in found["optimal"].table


def test_what_is_not_the_whole_result_is_refused(sites, collisions):
    with pytest.raises(ModelError, match=r"whole result of roads\.empirical_bayes"):
        stretches(sites.where(np.arange(5)), collisions)
    with pytest.raises(ModelError, match="each at least the one before"):
        stretches(sites, collisions, cell=200, min_length=100)
    with pytest.raises(ModelError, match="min_length"):
        stretches(sites, collisions, length_share=1e-6)
    with pytest.raises(ModelError, match="too many to choose"):
        stretches(sites, collisions, cell=5.0, min_length=5.0)


def test_corridors_take_in_what_lies_between(sites, collisions):
    narrow, wide = (corridors(sites, collisions, length_share=0.02, gap=gap) for gap in (0.0, 300.0))
    assert len(wide.table) < len(narrow.table)
    assert wide.table["length_m"].sum() > narrow.table["length_m"].sum()
    assert wide.table["excess"].is_monotonic_decreasing
    with pytest.raises(ModelError, match="no corridor is left"):
        corridors(sites, collisions, length_share=0.001, min_length=1e6)


def test_strokes_hold_every_street_once_and_join_at_junctions(streets):
    found = strokes(streets)
    assert sorted(found.segment.tolist()) == list(range(len(streets.start)))
    first = np.where(found.forward, streets.start[found.segment], streets.end[found.segment])
    last = np.where(found.forward, streets.end[found.segment], streets.start[found.segment])
    inside = np.ones(len(first), bool)
    inside[found.indptr[:-1]] = False
    np.testing.assert_array_equal(first[inside], last[np.flatnonzero(inside) - 1])
    assert len(found.indptr) - 1 < 0.3 * len(streets.start)


def test_a_loop_and_a_ring_are_strokes_too():
    ring = [[[0, 0], [100, 0]], [[100, 0], [100, 100]], [[100, 100], [0, 0]], [[0, 0], [-9, 9], [-9, 0], [0, 0]]]
    lines = np.array([shapely.LineString(part) for part in ring], dtype=object)
    found = strokes(Network.from_lines(lines, crs="EPSG:27700"))
    assert sorted(found.segment.tolist()) == [0, 1, 2, 3]


def test_expected_counts_on_the_network_keep_their_sum(sites):
    demand = on_network(sites)
    assert demand.values.sum() == pytest.approx(sites.table["expected"].sum())
    costs = on_network(sites, what="excess_cost_per_year")
    assert costs.measure == "GBP/yr"
    assert costs.values.sum() == pytest.approx(sites.table["excess_cost_per_year"].clip(lower=0).sum())


def test_areas_are_chosen_on_street_length():
    net, segment, position = crowd(120)
    x, y = net.place(segment, position)
    when = np.full(120, "2024-01-01", "datetime64[s]")
    events = Events.at(x, y, crs="EPSG:27700", time=when, kind="collision")
    areas = priority.select(on_network(empirical_bayes(events, net)), demand_share=0.25, max_areas=8)
    assert areas.demand_share >= 0.25
    assert areas.extent_share <= 0.3
    assert "street length" in areas.sentence()


def crowd(n=40, seed=1):
    rng = np.random.default_rng(seed)
    lines = [shapely.LineString([(0, 100 * i), (800, 100 * i)]) for i in range(5)]
    lines += [shapely.LineString([(100 * i, 0), (100 * i, 400)]) for i in range(9)]
    pieces = shapely.get_parts(shapely.union_all(lines))
    net = Network.from_lines(np.array(list(pieces), dtype=object), crs="EPSG:27700")
    segment = rng.integers(0, len(net.start), n)
    position = rng.uniform(0, net.length[segment])
    return net, segment, position


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("radius", [30.0, 150.0])
def test_distances_along_streets_are_those_of_every_pair(seed, radius):
    net, segment, position = crowd(seed=seed)
    graph = nx.Graph()
    for s in range(len(net.start)):
        own = sorted((position[e], f"e{e}") for e in np.flatnonzero(segment == s))
        stops = [(0.0, int(net.start[s])), *own, (float(net.length[s]), int(net.end[s]))]
        for (a, u), (b, v) in itertools.pairwise(stops):
            graph.add_edge(u, v, weight=b - a)
    within = within_streets(net, segment, position, radius)
    for event, rows in enumerate(within):
        reach = nx.single_source_dijkstra_path_length(graph, f"e{event}", cutoff=radius)
        assert rows.tolist() == sorted(int(name[1:]) for name in reach if isinstance(name, str))


def test_a_council_rule_finds_what_it_says(collisions, streets):
    found = clusters(collisions, streets)
    assert found.table["observed"].min() >= 4
    assert found.table["observed"].is_monotonic_decreasing
    assert found.table["expected"].isna().all()
    assert "a rule does not say" in found.sentence()
    by_street = clusters(collisions, streets, metric="network")
    assert by_street.table["observed"].sum() <= found.table["observed"].sum()
    assert len(clusters(collisions, streets, collisions=8).table) < len(found.table)


def test_clusters_share_no_collision():
    net, segment, position = crowd(60)
    x, y = net.place(segment, position)
    when = np.resize(np.array(["2022-01-01", "2024-12-31"], "datetime64[s]"), 60)
    events = Events.at(x, y, crs="EPSG:27700", time=when, kind="collision", category=Labels.constant("c", 60))
    found = clusters(events, net, collisions=2, radius=80.0)
    assert found.table["observed"].sum() <= 60
    assert (found.table["observed"] >= 2).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"rule": "walse"}, 'did you mean "wales"'), ({"years": 9.0}, "108 months were needed")],
)
def test_a_rule_that_cannot_be_kept_is_refused(collisions, streets, settings, message):
    with pytest.raises(ModelError, match=message):
        clusters(collisions, streets, **settings)
