"""Snapping: exact, sure of itself only where it can be, and nothing lost in silence."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from typeguard import suppress_type_checks

from demandgeo.domain import Events, Labels, Network, Snapped
from demandgeo.errors import GeometryError, ModelError
from demandgeo.roads import snap
from demandgeo.sources import read_streets
from demandgeo.statistics.snapping import nearest
from demandgeo.synthetic import perturbed_grid
from tests.domain.strategies import networks
from tests.kernels import reference_network as twin

CRS = "EPSG:27700"


@given(networks(), st.integers(1, 12), st.sampled_from([np.inf, 60.0]), st.data())
def test_the_nearest_street_is_that_of_brute_force(net, n, most, data):
    x, y = (data.draw(hnp.arrays(np.float64, n, elements=st.floats(-500, 900))) for _ in "xy")
    found = nearest(net, x, y, max_distance=most)
    inside = np.ones(len(net.vertex), bool)
    inside[net.first_vertex[1:] - 1] = False
    a = np.flatnonzero(inside)
    (ax, ay), (bx, by) = net.vertex[a].T, net.vertex[a + 1].T
    distance = twin.nearest_pieces(x, y, ax=ax, ay=ay, bx=bx, by=by)
    segment = np.repeat(np.arange(len(net.start)), np.diff(net.first_vertex))[a]
    least = distance.min(axis=1)
    on = least <= most
    assert np.array_equal(found.segment >= 0, on)
    assert found.distance[on] == pytest.approx(least[on], abs=1e-9)
    # Of equally near streets the first.
    first = [segment[distance[i] <= least[i]].min() for i in range(n)]
    assert np.array_equal(found.segment[on], np.array(first)[on])
    px, py = net.place(found.segment[on], found.position[on])
    assert np.hypot(px - x[on], py - y[on]) == pytest.approx(least[on], abs=1e-6)
    assert ((found.ambiguity >= 0) & (found.ambiguity <= 1)).all()


def test_distances_are_those_of_shapely_on_made_streets():
    net = read_streets(perturbed_grid(500, seed=2))
    rng = np.random.default_rng(1)
    x = rng.uniform(net.node_x.min() - 300, net.node_x.max() + 300, 2000)
    y = rng.uniform(net.node_y.min() - 300, net.node_y.max() + 300, 2000)
    found = nearest(net, x, y, max_distance=np.inf)
    points, lines = shapely.points(x, y), net.geometry()
    _, distance = shapely.STRtree(lines).query_nearest(points, return_distance=True, all_matches=False)
    assert found.distance == pytest.approx(distance, abs=1e-9)
    assert np.array_equal(net.locate(x, y) >= 0, found.distance <= 50.0)


def test_ambiguity_is_high_where_another_street_is_as_near():
    lines = shapely.linestrings([[[0, 0], [100, 0]], [[0, 30], [100, 30]], [[100, 0], [200, 0]]])
    names = Labels.of(["High Street", "Back Lane", "High Street"])
    net = Network.from_lines(lines, crs=CRS, name=names)
    found = nearest(net, np.array([50.0, 50.0, 100.0, 150.0]), np.array([1.0, 15.0, 1.0, 1.0]))
    assert found.ambiguity[1] == 1.0
    assert found.ambiguity[0] < 0.02
    # At the joint of two segments of one street there is no doubt about the street.
    assert found.segment[2] == 0
    assert found.ambiguity[2] < 0.02


def roads(*rows: tuple[str, str]) -> dict[str, Labels]:
    road_class, number = zip(*rows, strict=True)
    return {"first_road_class": Labels.of(road_class), "first_road_number": Labels.of(number)}


@pytest.mark.parametrize(
    ("road", "segment"),
    [
        (("A", "38"), 1),
        (("3", "38"), 1),
        (("A", "4540"), 0),  # neither has that number: the nearest
        (("Unclassified", "0"), 0),
        (("6", "-1"), 0),
        (("B", "0"), 0),  # neither is of that class
        (("A", "0"), 1),
        (("Motorway", "6"), 2),
        (("A(M)", "38"), 3),
        (("", ""), 0),
    ],
)
def test_a_record_that_names_its_road_lies_on_it(road, segment):
    lines = shapely.linestrings([[[0, 0], [100, 0]], [[0, 12], [100, 12]], [[0, 20], [100, 20]], [[0, 24], [100, 24]]])
    net = Network.from_lines(
        lines,
        crs=CRS,
        highway=Labels.of(["residential", "primary", "motorway", "motorway"]),
        ref=Labels.of([None, "A 41; A38", "M6", "A38(M)"]),
    )
    events = Events.at([50.0], [4.0], crs=CRS, attributes=roads(road))
    assert snap(events, net, match="road").segment.tolist() == [segment]
    assert snap(events, net).segment.tolist() == [0]


def test_dual_carriageways_and_crossings_are_told_apart_by_the_road_named():
    """A main road with lanes beside it: records scatter by 8 m, and name their road."""
    rng = np.random.default_rng(3)
    level = np.arange(20) * 60.0
    lines = [shapely.LineString([(0, y + dy), (2000, y + dy)]) for y in level for dy in (0.0, 14.0)]
    ref = Labels.of([f"A{k}" if part == 0 else None for k in range(20) for part in (0, 1)])
    highway = Labels.of(["primary", "residential"] * 20)
    net = Network.from_lines(np.array(lines, dtype=object), crs=CRS, highway=highway, ref=ref)
    truth = rng.integers(0, 40, 1000)
    x, y = net.place(truth, rng.uniform(0, 2000, 1000))
    named = [("A", str(k // 2)) if k % 2 == 0 and k else ("Unclassified", "0") for k in truth.tolist()]
    events = Events.at(x + rng.normal(0, 8, 1000), y + rng.normal(0, 8, 1000), crs=CRS, attributes=roads(*named))
    known = truth > 0  # no road is called A0
    by_distance = (snap(events, net).segment == truth)[known].mean()
    by_road = (snap(events, net, match="road").segment == truth)[known].mean()
    assert by_distance < 0.85
    assert by_road > 0.95


def test_every_event_has_a_fate():
    net = read_streets(perturbed_grid(200, seed=2))
    x, y = net.place(np.array([3, 5]), np.array([10.0, 20.0]))
    events = Events.at([*x, x[0] + 40_000, np.nan], [*y, y[0], np.nan], crs=CRS)
    found = snap(events, net)
    assert found.segment.tolist() == [3, 5, -1, -1]
    assert found.position[:2] == pytest.approx([10.0, 20.0], abs=1e-6)
    assert found.balance.events.tolist() == [2, 0, 1, 1]
    frame = found.to_frame()
    assert frame["segment"].tolist()[:2] == net.segment_ids[[3, 5]].tolist()
    assert frame.geometry.is_empty.tolist() == [False, False, True, True]
    assert found.summary()["balance"]["unsnapped"] == 1
    assert found.units(net.lixels(5.0))[:2].tolist() == net.lixels(5.0).locate(x, y).tolist()


def test_what_cannot_be_snapped_is_refused():
    net = read_streets(perturbed_grid(200, seed=2))
    events = Events.at([0.0], [0.0], crs=CRS)
    with pytest.raises(GeometryError, match="EPSG:32630"):
        snap(Events.at([0.0], [0.0], crs="EPSG:32630"), net)
    with pytest.raises(ModelError, match="no attribute first_road_class"):
        snap(events, net, match="road")
    with suppress_type_checks(), pytest.raises(ModelError, match=r"max_distance is -1(?s:.*)match is 'name'"):
        snap(events, net, max_distance=-1.0, match="name")
    with pytest.raises(ModelError, match="a position lies beyond its segment"):
        Snapped(events, net, np.array([0]), np.array([1e6]), np.zeros(1), np.zeros(1), 50.0)
    with pytest.raises(ModelError, match="position is not known of the placed alone"):
        Snapped(events, net, np.array([-1]), np.zeros(1), np.array([np.nan]), np.array([np.nan]), 50.0)
