"""Profiles of areas: every number is that of a loop over the events."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from demandgeo.density import count
from demandgeo.domain import Events, Grid, Labels
from demandgeo.errors import GeometryError, ModelError
from demandgeo.priority import profile, select
from demandgeo.statistics.intervals import poisson_ratio

CRS = "EPSG:27700"
WEST = Labels.of(np.where(np.arange(100) % 10 < 5, "Westside", "Eastside").tolist())
CELLS = replace(Grid.covering((0, 0, 1000, 1000), cell=100, crs=CRS), group=WEST)
KINDS = ("arson", "drugs", "theft")


def events(seed=1, n=300, months=2, **fields):
    rng = np.random.default_rng(seed)
    time = (np.datetime64("2018-01") + rng.integers(months, size=n)).astype("datetime64[s]")
    place = np.array(["On or near High Street", "On or near Mill Lane", "No Location"], object)[rng.integers(3, size=n)]
    given = {"category": Labels.of(rng.choice(KINDS, n)), "time": time, "attributes": {"place": Labels.of(place)}}
    return Events.at(*rng.normal(500, 180, (2, n)).clip(0, 999), crs=CRS, **{**given, **fields})


@pytest.fixture(scope="module")
def areas():
    return select(count(events(1), CELLS), demand_share=0.4, max_areas=3)


def area_of(plan, given):
    unit = CELLS.locate(given.x, given.y)
    return np.where(unit >= 0, plan.labels[unit], -1)


def test_numbers_are_those_of_a_loop(areas):
    own, before = events(2), events(3, months=1)
    table = profile(areas, own, before, categories=2).table
    area = area_of(areas, own)
    district = np.array(CELLS.group.to_array())[CELLS.locate(own.x, own.y)]
    for row in table.itertuples():
        mine = area == row.area
        assert row.demand == row.events == mine.sum()
        assert row.demand_share == pytest.approx(mine.sum() / len(own))
        assert row.before == (area_of(areas, before) == row.area).sum()
        kinds = {kind: int((mine & (own.category == kind)).sum()) for kind in KINDS}
        assert row.main_category == max(sorted(kinds), key=kinds.get)
        assert row.main_category_share == pytest.approx(max(kinds.values()) / mine.sum())
        here = {name: int((mine & (district == name)).sum()) for name in ("Eastside", "Westside")}
        assert row.district == max(here, key=here.get)
        assert row.district_share == pytest.approx(here[row.district] / (district == row.district).sum())
        # Two months against one: the rate is per month.
        ratio = poisson_ratio(mine.sum(), row.before, exposure_ratio=2.0)
        assert (row.change, row.change_low, row.change_high) == pytest.approx(
            (ratio.ratio - 1, ratio.low - 1, ratio.high - 1)
        )
    columns = [name for name in table if name.startswith("demand_") and name != "demand_share"]
    assert len(columns) == 3
    assert columns[-1] == "demand_other categories"
    assert table[columns].sum(axis=1).to_numpy() == pytest.approx(table["demand"].to_numpy())
    months = table[["month_2018-01", "month_2018-02"]]
    assert months.sum(axis=1).to_numpy() == pytest.approx(table["demand"].to_numpy())
    assert table["busiest_month"].tolist() == [name[6:] for name in months.idxmax(axis=1)]


def test_an_area_is_named_by_its_streets_and_nameless_places_are_no_streets(areas):
    table = profile(areas, events(2)).table
    assert {name for names in table["places"] for name in names.split(", ")} <= {"High Street", "Mill Lane"}
    assert profile(areas, events(2), places=0).table["places"].tolist() == [""] * len(areas.table)


def test_without_streets_zones_name_an_area(west_yorkshire):
    inside = west_yorkshire.polygons[:40]
    rng = np.random.default_rng(1)
    which = rng.integers(40, size=400) ** 2 // 40
    points = [inside[i].representative_point() for i in which]
    own = Events.at([p.x for p in points], [p.y for p in points], crs=west_yorkshire.crs)
    plan = select(count(own, west_yorkshire), demand_share=0.3, max_areas=3)
    names = profile(plan, own).table["places"]
    assert all(name.split(", ")[0] in set(west_yorkshire.names) for name in names)


def test_trends_are_words_only_where_the_interval_leaves_no_doubt(areas):
    twice = events(4, n=900, months=1)
    table = profile(areas, twice, events(5, n=300, months=1)).table
    assert (table["trend"].str.startswith("up") == (table["change_low"] > 0)).all()
    assert table["trend"].str.startswith("up").any()
    assert profile(areas, twice).table["trend"].tolist() == [""] * len(table)


def test_the_road_is_a_column_where_there_is_one(areas):
    ksi = events(6, n=80, weight=np.where(np.arange(80) % 4 == 0, 1.0, 0.0), weight_name="ksi")
    by_events, by_demand = (profile(areas, events(2), None, road) for road in (ksi, count(ksi, CELLS)))
    area = area_of(areas, ksi)
    assert by_events.table["ksi"].tolist() == [ksi.weight[area == k].sum() for k in range(len(areas.table))]
    assert by_demand.table["ksi"].tolist() == by_events.table["ksi"].tolist()
    with pytest.raises(ModelError, match="other places"):
        profile(areas, events(2), None, count(ksi, Grid.covering((0, 0, 1000, 1000), cell=50, crs=CRS)))


def test_the_layer_has_columns_that_a_geopackage_takes(areas):
    frame = profile(areas, events(2), events(3)).to_frame()
    lower = [str(name).lower() for name in frame.columns]
    assert len(set(lower)) == len(lower)
    assert all(name.replace("_", "").isalnum() for name in lower)
    assert {"area_km2", "change_low", "month_2018_01", "demand_theft"} <= set(frame.columns)
    assert frame.geometry.area.sum() == pytest.approx(areas.support.extent[areas.selected].sum())


def test_sentences(areas):
    found = profile(areas, events(2), events(3))
    assert "of that in Westside" in found.sentence() or "of that in Eastside" in found.sentence()
    assert list(found.summary()) == [f"rank {rank + 1}" for rank in range(len(areas.table))]
    with pytest.raises(ModelError, match="area is 9"):
        found.sentence(9)


def test_other_weights_and_systems_are_refused(areas):
    with pytest.raises(ModelError, match="'harm'"):
        profile(areas, events(2, weight=np.ones(300), weight_name="harm"))
    with pytest.raises(ModelError, match="'harm'"):
        profile(areas, events(2), events(3, weight=np.ones(300), weight_name="harm"))
    with pytest.raises(GeometryError, match="EPSG:32630"):
        profile(areas, Events.at([1.0], [1.0], crs="EPSG:32630"))
