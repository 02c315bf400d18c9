"""Counts on grids and zones: every event has one fate, and weights, layers and variance add up."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from demandgeo.density import count, grid
from demandgeo.domain import Events, Grid, Labels, Zones
from demandgeo.errors import DataQualityWarning, GeometryError, ModelError
from demandgeo.registry import STAGES

CRS = "EPSG:27700"
GRID = Grid.covering((0, 0, 300, 200), cell=100, crs=CRS)
ZONES = Zones(shapely.box([0, 100, 200], 0, [100, 200, 300], 200), np.array(["A", "B", "C"]), CRS)
rows = st.lists(
    st.tuples(
        st.none() | st.integers(-100, 400),
        st.sampled_from([None, "A", "C", "elsewhere"]),
        st.sampled_from([None, "theft", "arson"]),
        st.sampled_from(["NaT", "2018-07", "2018-08"]),
        st.integers(0, 9),
    ),
    max_size=30,
)


def events(drawn):
    x = np.array([np.nan if row[0] is None else row[0] for row in drawn], float)
    weight = np.array([row[4] for row in drawn], float)
    return Events.at(
        x,
        np.where(np.isnan(x), np.nan, 50.0),
        crs=CRS,
        zone_code=Labels.of([row[1] for row in drawn]),
        category=Labels.of([row[2] for row in drawn]),
        time=np.array([row[3] for row in drawn], "datetime64[s]"),
        weight=weight,
        weight_sd=weight / 2,
        weight_name="days",
    )


@pytest.mark.filterwarnings("ignore:.*state a code that names none")
@given(rows, st.sampled_from([GRID, ZONES]), st.sampled_from([None, "category", "month"]))
def test_everything_adds_up(drawn, support, by):
    ev = events(drawn)
    demand = count(ev, support, by=by)
    plain = count(ev, support)
    assert demand.balance.total_events == len(ev)
    assert demand.balance.total_weight == ev.weight.sum()
    assert demand.values.sum() == demand.balance.weight[0]
    assert demand.count.sum() == demand.balance.events[0]
    assert demand.total.tolist() == plain.values.tolist()
    assert demand.variance.tolist() == plain.variance.tolist()
    codes = [row[1] for row in drawn] if support is ZONES else []
    by_code = sum(code in ("A", "C") for code in codes)
    assert demand.provenance["code_of_no_zone"] == (codes.count("elsewhere") if by_code else 0)
    assert demand.provenance["placed_by_code"] == by_code
    assert demand.provenance["placed_by_location"] == demand.balance.events[0] - by_code


@given(rows)
def test_each_unit_holds_what_a_loop_over_its_events_finds(drawn):
    ev = events(drawn)
    demand = count(ev, GRID)
    for unit, cell in enumerate(GRID.geometry()):
        west, south, east, north = shapely.bounds(cell)
        inside = (ev.x >= west) & ((ev.x < east) | (ev.x == 300)) & (ev.x <= east) & (ev.y > south) & (ev.y <= north)
        assert demand.values[unit] == ev.weight[inside].sum()
        assert demand.count[unit] == inside.sum()
        assert demand.variance[unit] == (ev.weight_sd[inside] ** 2).sum()


@pytest.mark.filterwarnings("ignore:.*state a code that names none")
@given(rows)
def test_doubled_weights_double_the_demand(drawn):
    ev = events(drawn)
    twice = ev.weighted(2 * ev.weight, 2 * ev.weight_sd, "days")
    assert (count(twice, ZONES).values == 2 * count(ev, ZONES).values).all()
    assert (count(twice, ZONES).variance == 4 * count(ev, ZONES).variance).all()


def test_layers_are_named_and_what_has_no_name_stands_last():
    ev = events([(50, None, "theft", "2018-07", 1), (50, None, None, "2018-08", 2), (50, None, "arson", "NaT", 4)])
    by_category, by_month = count(ev, GRID, by="category"), count(ev, GRID, by="month")
    assert by_category.layers["category"].tolist() == ["arson", "theft", ""]
    assert by_category.values.sum(axis=1).tolist() == [4, 1, 2]
    assert set(by_category.layers["period"]) == {ev.period}
    assert by_month.layers["period"].tolist() == ["2018-07", "2018-08", ""]
    assert by_month.values.sum(axis=1).tolist() == [1, 2, 4]


def test_a_count_says_what_it_is():
    ev = Events.at([50.0], [50.0], crs=CRS, time=np.array(["2018-07"], "datetime64[s]"), kind="crime")
    demand = count(ev, ZONES)
    assert (demand.measure, demand.weight_name, demand.name, demand.period) == (
        "incidents",
        "count",
        "crime",
        "2018-07",
    )
    assert count(events([(50, None, None, "NaT", 3)]), ZONES).measure == "weight"


def test_no_events_make_no_demand():
    assert count(events([]), ZONES).values.tolist() == [0, 0, 0]
    assert count(events([]), ZONES, by="month").values.shape == (0, 3)


def test_two_coordinate_systems_are_refused():
    with pytest.raises(GeometryError, match="one CRS for both"):
        count(Events.at([1.0], [1.0], crs="EPSG:32630"), GRID)


def test_the_grid_of_zones_covers_them_exactly():
    made = grid(ZONES, cell=70.0)
    assert made.extent.sum() == pytest.approx(ZONES.extent.sum(), rel=1e-9)
    assert made.x0 % 70 == 0
    assert made.y0 % 70 == 0
    with pytest.raises(ModelError, match="sides > 0"):
        grid(ZONES, cell=-1.0)


def test_the_stages_of_the_room_take_what_a_configuration_gives():
    assert STAGES.find("density.count").settings(by="month").model_dump() == {"by": "month"}
    assert STAGES.find("density.grid").settings(cell=100).model_dump() == {"cell": 100.0}
    assert STAGES.find("density.surface").settings(kernel="triweight").model_dump()["bandwidth"] == 400.0
    assert isinstance(count(events([]), GRID).layers, pd.DataFrame)


def test_codes_of_another_edition_are_warned_of() -> None:
    x, y = np.full(50, 50.0), np.full(50, 50.0)
    codes = ["A"] * 48 + ["E01033999"] * 2
    events = Events.at(x, y, crs="EPSG:27700", zone_code=Labels.of(codes))
    with pytest.warns(DataQualityWarning, match=r"2 of 50 events lie inside .* such as E01033999"):
        demand = count(events, ZONES)
    assert demand.balance.events.tolist() == [48, 2, 0, 0]
    # Another force's code outside the zones is no surprise.
    away = Events.at(np.where(np.arange(50) < 48, x, 999.0), y, crs="EPSG:27700", zone_code=Labels.of(codes))
    assert count(away, ZONES).balance.events.tolist() == [48, 2, 0, 0]
