"""Travel times along streets: against a graph in which every place is a node, and against what a planner expects."""

from __future__ import annotations

import geopandas as gpd
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import shapely
import typeguard
from hypothesis import given
from hypothesis import strategies as st

from demandgeo.density import count
from demandgeo.deployment import straight_line_times, travel_times
from demandgeo.deployment.places import along_street, arriving, leaving
from demandgeo.deployment.speeds import SHARE, paces
from demandgeo.deployment.travel import FEW, _hierarchy
from demandgeo.domain import Demand, Events, Labels, Network, Points, Table
from demandgeo.errors import DataQualityWarning, GeometryError, ModelError
from demandgeo.statistics.snapping import nearest
from tests.domain.strategies import networks

CRS = "EPSG:27700"
BLUE = {"profile": "blue light"}


def streets(*lines, **columns):
    return Network.from_lines(shapely.linestrings(lines) if len(lines) == 1 else _lines(lines), crs=CRS, **columns)


def _lines(lines):
    return np.array([shapely.LineString(line) for line in lines], dtype=object)


def at(*places):
    x, y = np.array(places, float).T
    return x, y


def twin(net, pace, origins, destinations):
    """Cut every street at every place on it, and let networkx find the ways; float64 [origins, destinations]."""
    starts, ends = _places(origins), _places(destinations)
    graph = nx.MultiDiGraph()
    for segment, length in enumerate(net.length.tolist()):
        cuts = sorted({0.0, length, *(position for own, position in starts + ends if own == segment)})
        nodes = [_node(net, segment, position) for position in cuts]
        graph.add_nodes_from(nodes)
        for a, b, metres in zip(nodes[:-1], nodes[1:], np.diff(cuts).tolist(), strict=True):
            for tail, head, slow in ((a, b, pace[0, segment]), (b, a, pace[1, segment])):
                if np.isfinite(slow):
                    graph.add_edge(tail, head, seconds=metres * slow)
    out = np.full((len(starts), len(ends)), np.inf)
    for i, start in enumerate(starts):
        ways = (
            nx.single_source_dijkstra_path_length(graph, _node(net, *start), weight="seconds") if start[0] >= 0 else {}
        )
        out[i] = [ways.get(_node(net, *end), np.inf) if end[0] >= 0 else np.inf for end in ends]
    return out


def _places(found):
    return list(zip(found.segment.tolist(), found.position.tolist(), strict=True))


def _node(net, segment, position):
    if position in (0.0, net.length[segment]):
        return int((net.end if position else net.start)[segment])
    return segment, position


def close(got, right):
    got = np.asarray(got)
    np.testing.assert_array_equal(np.isinf(got), np.isinf(right))
    both = np.isfinite(right)
    assert (np.abs(got[both] - right[both]) <= 2e-7 * right[both] + 1e-6).all()


def along(net, rng, places):
    """Return places on the streets: anywhere, at junctions and half-way."""
    segment = rng.integers(0, len(net.start), places)
    position = rng.choice([0.0, 0.5, 1.0, rng.uniform()], places) * net.length[segment]
    return net.place(segment, position)


@pytest.mark.filterwarnings("ignore:.*lie more than")
@given(networks(), st.integers(0, 2**32 - 1), st.sampled_from(["day", "foot"]), st.booleans())
def test_times_are_those_of_a_graph_with_every_place_a_node(net, seed, profile, many):
    rng = np.random.default_rng(seed)
    sizes = (FEW + 1, FEW + 2) if many else (5, 3)
    origins, destinations = (along(net, rng, size) for size in sizes)
    destinations[0][:1] += 5_000.0
    got = travel_times(net, origins, destinations, profile=profile)
    assert got.provenance["method"].startswith("contraction" if many else "Dijkstra")
    on = [nearest(net, *places, max_distance=1000.0) for places in (origins, destinations)]
    for found in on:
        found.position[found.position < 1e-6] = 0.0
        length = net.length[found.segment]
        end = length - found.position < 1e-6
        found.position[end] = length[end]
    close(got, twin(net, paces(net, profile), *on))


def test_directions_and_the_part_of_a_street_up_to_a_place():
    # A one-way ring of 4 x 100 m and a two-way street to it: 36 km/h are 10 m/s.
    ring = [[[0, 0], [100, 0]], [[100, 0], [100, 100]], [[100, 100], [0, 100]], [[0, 100], [0, 0]]]
    ways = np.array([False] * 4 + [True])
    net = streets(
        *ring, [[0, 0], [-50, 0]], backward=ways, speed_forward=np.full(5, 36.0), speed_backward=np.full(5, 36.0)
    )
    got = travel_times(net, at((30, 0), (-50, 0)), at((30, 0), (80, 0), (10, 0), (-20, 3), (0, 0)), **BLUE)
    # To a place behind on a one-way street the way is all round; the junction itself is 0 m up a closed street.
    np.testing.assert_allclose(got.seconds, [[0, 5, 38, 39, 37], [8, 13, 6, 3, 5]], rtol=1e-6)
    assert got.destinations.ids == ("0", "1", "2", "3", "4")
    assert got.provenance["destinations_off_street_max_m"] == 3.0
    walked = travel_times(net, at((30, 0)), at((10, 0)), profile="foot")
    np.testing.assert_allclose(walked.seconds, [[20 / 4.8 * 3.6]], rtol=1e-6)


def test_nothing_times_a_closed_street_is_no_time_and_never_nan():
    net = streets([[0, 0], [100, 0]], [[500, 0], [600, 0]], backward=np.array([False, True]))
    got = travel_times(net, at((0, 0), (100, 0), (500, 0)), at((0, 0), (100, 0), (600, 0)), **BLUE)
    assert not np.isnan(got.seconds).any()
    assert np.isinf(got.seconds).tolist() == [[False, False, True], [True, False, True], [True, True, False]]
    assert got.seconds[0, 0] == got.seconds[1, 1] == 0.0
    on = nearest(net, *at((0, 0), (100, 0)))
    pace = np.full((2, 2), np.inf)
    assert leaving(net, on, pace).seconds.tolist() == [[0, np.inf], [np.inf, 0]]
    assert arriving(net, on, pace).seconds.tolist() == [[0, np.inf], [np.inf, 0]]
    out = np.full((2, 2), np.inf, np.float32)
    along_street(on, on, pace, out)
    assert out.tolist() == [[0, np.inf], [np.inf, 0]]


def test_loops_and_parallel_streets():
    loop = [[0, 0], [60, 30], [60, -30], [0, 0]]
    net = streets(
        loop, [[0, 0], [-100, 0]], [[0, 0], [-50, 200], [-100, 0]], speed_forward=np.array([36.0, 18.0, 90.0])
    )
    close(
        travel_times(net, at((0, 0), (60, 0)), at((-100, 0), (60, 10)), **BLUE),
        twin(net, paces(net, "blue light"), nearest(net, *at((0, 0), (60, 0))), nearest(net, *at((-100, 0), (60, 10)))),
    )


def test_speeds_come_from_limits_classes_and_profiles():
    classes = Labels.of(["motorway", "residential", "made-up", None, "residential"])
    lines = [[[0, 10.0 * i], [1000, 10.0 * i]] for i in range(5)]
    limits = np.array([np.nan, np.nan, np.nan, np.nan, 40.0])
    net = streets(*lines, highway=classes, speed_forward=limits, speed_backward=limits)
    mph = 1.609344 * np.array([70, 30, 30, 30, 40 / 1.609344])
    for profile, share in SHARE.items():
        np.testing.assert_allclose(3.6 / paces(net, profile), [share * mph] * 2)
    assert (3.6 / paces(net, "foot"))[0].tolist() == pytest.approx([0, 4.8, 4.8, 4.8, 4.8])
    own = 3.6 / paces(net, "night", {"residential": 18.0, "made-up": 12.5})
    np.testing.assert_allclose(own[0], [0.85 * mph[0], 18, 12.5, 0.85 * mph[3], 18])


def test_a_limit_leaves_longer_times_out():
    net = streets([[0, 0], [1000, 0]], [[1000, 0], [3000, 0]])
    free = travel_times(net, at((0, 0)), at((100, 0), (900, 0), (2900, 0)), **BLUE).seconds
    cut = travel_times(net, at((0, 0)), at((100, 0), (900, 0), (2900, 0)), limit=float(free[0, 1]), **BLUE).seconds
    assert cut[0, :2].tolist() == free[0, :2].tolist()
    assert np.isinf(cut[0, 2])


def test_places_may_be_given_in_many_ways():
    net = streets([[0, 0], [1000, 0]], [[1000, 0], [1000, 500]])
    x, y = at((100, 0), (1000, 300))
    frame = gpd.GeoDataFrame({"name": ["A", "B"]}, geometry=gpd.points_from_xy(x, y), crs=CRS)
    table = Table("bases", pd.DataFrame({"id": ["A", "B"], "x": x, "y": y, "cost": [1, 2]}))
    made = [
        travel_times(net, places, places)
        for places in ((x, y), np.column_stack([x, y]), frame, table, Points(("A", "B"), x, y, CRS))
    ]
    for one in made[1:]:
        assert one.seconds.tolist() == made[0].seconds.tolist()
    assert [one.origins.ids for one in made] == [("0", "1")] * 2 + [("A", "B")] * 3
    demand = count(Events.at(x, y, crs=CRS, time=np.full(2, "2018-07", "datetime64[s]")), net.lixels(250.0))
    assert isinstance(demand, Demand)
    assert travel_times(net, frame, demand).shape == (2, 6)
    assert travel_times(net, net, frame).destinations.ids == ("A", "B")


def test_places_far_from_every_street_are_counted_and_have_no_way():
    net = streets([[0, 0], [1000, 0]])
    with pytest.warns(DataQualityWarning, match="1 of 2 destinations lie more than 500 m from every street"):
        got = travel_times(net, at((0, 0)), at((10, 0), (10, 600)), reach=500.0)
    assert np.isinf(got.seconds).tolist() == [[False, True]]
    assert got.provenance["destinations_without_street"] == 1
    assert np.isfinite(travel_times(net, at((0, 0)), at((10, 600)), reach=np.inf).seconds).all()


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"profile": "dya"}, ModelError, 'did you mean "day"'),
        ({"speeds": {"residental": 20.0}}, ModelError, 'did you mean "residential"'),
        ({"speeds": {"residential": 0.0}}, ModelError, "km/h > 0"),
        ({"limit": -1.0}, ModelError, "limit is -1"),
        ({"reach": 0.0}, ModelError, "reach is 0"),
        ({"origins": (np.array([0.0]), np.array([np.nan]))}, ModelError, "x without y"),
        ({"origins": (np.array([np.nan]), np.array([np.nan]))}, ModelError, "have no location, such as 0"),
        ({"origins": np.zeros((2, 3))}, ModelError, r"an array \[2, 3\]"),
        ({"origins": (np.zeros(2), np.zeros(3))}, ModelError, "2 x and 3 y"),
        ({"origins": Table("t", pd.DataFrame({"lon": [1.0]}))}, ModelError, "no column x and y, only lon"),
        ({"origins": Points(("A",), np.zeros(1), np.zeros(1), "EPSG:32630")}, GeometryError, "EPSG:32630"),
    ],
)
def test_what_cannot_be_computed_is_refused(change, error, text):
    net, here = streets([[0, 0], [1000, 0]]), at((10, 0))
    # A wrong word is refused by the types in this suite, and by the function everywhere else.
    with typeguard.suppress_type_checks(), pytest.raises(error, match=text):
        travel_times(net, **({"origins": here, "destinations": here} | change))


def test_straight_lines_where_there_are_no_streets():
    origins, destinations = at((0, 0), (3, 4)), at((3000, 4000))
    got = straight_line_times(origins, destinations, crs=CRS, profile="night", detour=1.25)
    np.testing.assert_allclose(got.seconds[0], [5000 * 1.25 * 3.6 / 40], rtol=1e-7)
    assert got.profile == "night, straight line"
    assert got.provenance["method"] == "straight line x 1.25 at 40 km/h"
    points = Points(("A", "B"), *origins, CRS)
    without = straight_line_times(points, destinations, profile="foot")
    np.testing.assert_allclose(without.seconds[0], [5000 * 1.4 / (4.8 / 3.6)], rtol=1e-7)
    with pytest.raises(ModelError, match="plain coordinates"):
        straight_line_times(origins, destinations)
    with pytest.raises(ModelError, match=r"detour is 0\.9"):
        straight_line_times(points, points, detour=0.9)


def test_the_order_of_junctions_is_made_once_for_all_profiles():
    net = streets([[0, 0], [1000, 0]], [[1000, 0], [1000, 500]])
    places = tuple(np.linspace(0, 1000, FEW + 1) * part for part in (1.0, 0.0))
    before = _hierarchy.cache_info().misses
    day, night = (travel_times(net, places, places, profile=profile) for profile in ("day", "night"))
    assert _hierarchy.cache_info().misses == before + 1
    np.testing.assert_allclose(night.seconds / 0.65, day.seconds / 0.85, rtol=1e-6)
