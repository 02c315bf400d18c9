"""Which unit an event falls in: its own code first, else its location; and events collapsed to locations."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from demandgeo.domain import Events, Grid, Labels, Zones
from demandgeo.errors import GeometryError
from demandgeo.statistics.assignment import assign, coded
from demandgeo.statistics.locations import Locations

CRS = "EPSG:27700"
ZONES = Zones(shapely.box([0, 100, 200], 0, [100, 200, 300], 100), np.array(["A", "B", "C"]), CRS)


def events(x, codes=None, crs=CRS):
    zone_code = Labels.of(codes if codes is not None else [None] * len(x))
    return Events.at(x, np.where(np.isnan(x), np.nan, 50.0), crs=crs, zone_code=zone_code)


def test_the_code_of_the_file_wins_over_the_location():
    assert assign(events([50.0, 50.0, 50.0], ["B", None, "A"]), ZONES).tolist() == [1, 0, 0]


def test_a_code_of_no_zone_is_outside_wherever_the_event_lies():
    assert assign(events([50.0, 50.0], ["elsewhere", "C"]), ZONES).tolist() == [-1, 2]


def test_an_event_without_a_location_counts_where_its_code_says():
    assert assign(events([np.nan, np.nan], ["C", None]), ZONES).tolist() == [2, -1]


def test_codes_of_another_geography_leave_the_location_to_decide():
    beats = events([50.0, 250.0, 999.0], ["beat 1", "beat 2", "beat 2"])
    assert assign(beats, ZONES).tolist() == [0, 2, -1]
    assert not coded(beats, ZONES).any()


def test_on_a_shared_border_the_lowest_code_holds_the_point_once():
    assert assign(events([100.0, 200.0, 300.0]), ZONES).tolist() == [0, 1, 2]


def test_on_a_grid_the_location_decides():
    grid = Grid.covering((0, 0, 300, 100), cell=100, crs=CRS)
    assert assign(events([50.0, 250.0, 301.0, np.nan], ["C", "A", "A", "A"]), grid).tolist() == [0, 2, -1, -1]


def test_two_coordinate_systems_are_refused():
    with pytest.raises(GeometryError, match="EPSG:27700"):
        assign(events([50.0], crs="EPSG:32630"), ZONES)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.floats(0, 9)), max_size=40))
def test_locations_keep_every_event_and_its_weight(rows):
    x, y, weight = (np.array([row[i] for row in rows], float) for i in range(3))
    places = Locations.of(x, y)
    assert len(places) == len({(a, b) for a, b, _ in rows})
    assert (places.x[places.member] == x).all()
    assert (places.y[places.member] == y).all()
    assert places.total().sum() == len(rows)
    assert places.total(weight).sum() == pytest.approx(weight.sum())
