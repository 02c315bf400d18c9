"""Street networks: every metre of street in one unit, whichever way it is cut."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from demandgeo.domain import Labels, Network
from demandgeo.errors import GeometryError, ModelError
from tests.domain.strategies import CRS, networks

BENT = np.array([shapely.LineString([(0, 0), (30, 0), (30, 25)]), shapely.LineString([(30, 25), (30, 65)])])
LOOP = shapely.LineString([(0, 0), (0, -20), (20, -20), (0, 0)])


def network(*lines: shapely.Geometry, **columns) -> Network:
    return Network.from_lines(np.array(lines, dtype=object), crs=CRS, **columns)


def test_ends_that_meet_are_one_junction():
    net = network(*BENT, LOOP)
    assert (net.start.tolist(), net.end.tolist()) == ([0, 1, 0], [1, 2, 0])
    assert net.summary()["loops"] == 1
    assert net.components().tolist() == [0, 0, 0]
    apart = network(BENT[0], shapely.LineString([(30, 25.01), (30, 40)]))
    assert apart.summary()["parts"] == 2
    joined = network(BENT[0], shapely.LineString([(30, 25.0004), (30, 40)]))
    assert joined.summary()["parts"] == 1


def test_arms_list_each_street_end_once_and_a_loop_twice():
    indptr, arm = network(*BENT, LOOP).arms()
    assert indptr.tolist() == [0, 3, 5, 6]
    assert arm.tolist() == [0, 4, 5, 1, 2, 3]


def test_travel_keeps_the_directions_that_are_allowed():
    net = network(
        *BENT,
        forward=np.array([True, False]),
        backward=np.array([True, True]),
        speed_forward=np.array([50.0, np.nan]),
        speed_backward=np.array([30.0, 20.0]),
    )
    travel = net.travel()
    assert list(zip(travel.tail.tolist(), travel.head.tolist(), travel.segment.tolist(), strict=True)) == [
        (0, 1, 0),
        (1, 0, 0),
        (2, 1, 1),
    ]
    assert travel.speed.tolist() == [50.0, 30.0, 20.0]


@given(networks(), st.floats(3.0, 400.0))
def test_lixels_share_out_every_metre(net, lixel):
    cut = net.lixels(lixel)
    assert cut.extent.sum() == pytest.approx(net.length.sum(), rel=1e-12)
    assert (cut.extent <= lixel * (1 + 1e-8)).all()
    whole = cut.unit_to[cut.first_unit[1:] - 1]
    assert whole == pytest.approx(net.length, rel=1e-12)
    assert (cut.unit_from[cut.first_unit[:-1]] == 0).all()
    assert np.array_equal(np.bincount(cut.unit_segment), cut.pieces)
    assert cut.segments().content_hash() == net.segments().content_hash()
    lines = cut.geometry()
    assert len(lines) == cut.n
    assert shapely.length(lines).sum() == pytest.approx(shapely.length(net.segments().geometry()).sum(), rel=1e-9)
    middle = (cut.unit_from + cut.unit_to) / 2
    assert np.array_equal(cut.unit_at(cut.unit_segment, middle), np.arange(cut.n))
    x, y = cut.place(cut.unit_segment, middle)
    assert shapely.distance(shapely.points(x, y), lines).max() < 1e-6


@given(networks())
def test_neighbours_are_the_units_that_meet(net):
    for support in (net.segments(), net.lixels(40.0)):
        first, last = (shapely.get_coordinates(shapely.get_point(support.geometry(), end)) for end in (0, -1))
        ends = np.stack([first, last], axis=1).round(6)
        touching = {
            (i, j)
            for i in range(support.n)
            for j in range(support.n)
            if i != j and (np.abs(ends[i][:, None] - ends[j][None]).max(axis=-1) < 1e-5).any()
        }
        found = support.neighbours()
        assert touching == set(zip(found.rows.tolist(), found.indices.tolist(), strict=True))
        assert np.array_equal(support.neighbours("queen").indices, found.indices)


def test_a_point_belongs_to_the_nearest_street_within_reach():
    net = network(*BENT).lixels(10.0)
    x, y = np.array([4.0, 31.0, 500.0, np.nan, 30.0]), np.array([3.0, 64.0, 0.0, 0.0, 25.0])
    assert net.locate(x, y).tolist() == [0, 9, -1, -1, 5]
    assert net.segments().locate(x, y).tolist() == [0, 1, -1, -1, 0]


def test_a_row_says_which_street_and_where_along_it():
    net = network(*BENT, name=Labels.of(["High Street", None]), district=Labels.of(["North", "South"])).lixels(20.0)
    frame = net.to_frame()
    assert frame["segment"].tolist() == ["1", "1", "1", "2", "2"]
    assert frame["to_m"].round(2).tolist() == [18.33, 36.67, 55.0, 20.0, 40.0]
    assert frame["name"].fillna("").tolist() == ["High Street"] * 3 + [""] * 2
    assert frame["district"].tolist() == ["North"] * 3 + ["South"] * 2
    assert frame["length_km"].sum() == pytest.approx(0.095)
    assert net.unit_name == "20 m lixels"


def test_positions_are_stretched_to_a_stated_length():
    net = network(BENT[0], length=np.array([110.0]))
    x, y = net.place(np.array([0, 0, 0]), np.array([0.0, 60.0, 110.0]))
    assert (x.tolist(), y.tolist()) == ([0.0, 30.0, 30.0], [0.0, 0.0, 25.0])


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"length": np.array([1.0, 0.0])}, "segment 2 is 0.0 m long"),
        ({"segment_ids": np.array(["a", "a"])}, "segment a stands twice"),
        ({"forward": np.array([True])}, "forward has 1 rows"),
        ({"speed_forward": np.array([0.0, 1.0])}, "a speed is not above 0"),
        ({"lixel": -1.0}, "lixel is -1.0"),
        ({"lixel": 1e-9}, "it is in metres"),
        ({"attributes": {"aadt": np.zeros(3)}}, "aadt has 3 rows"),
        ({"nodes": (np.array([0, 5]), np.array([1, 1]), np.zeros(2), np.zeros(2))}, "ends at no junction"),
    ],
)
def test_what_is_no_network_is_refused(columns, message):
    with pytest.raises(ModelError, match=message):
        network(*BENT, **columns)


def test_degrees_and_a_lixel_of_nothing_are_refused():
    with pytest.raises(GeometryError, match="degree"):
        Network.from_lines(BENT, crs="EPSG:4326")
    with pytest.raises(ModelError, match="there is no street"):
        Network.from_lines(BENT[:0], crs=CRS)
    with pytest.raises(ModelError, match="the lixel is 0 m"):
        network(*BENT).lixels(0)
