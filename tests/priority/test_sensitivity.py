"""Sensitivity to the zone system: frames, hexagons, and what all cuts agree on."""

from __future__ import annotations

import math

import numpy as np
import pytest
import shapely

from demandgeo.density import count
from demandgeo.domain import Events, Grid, Zones
from demandgeo.errors import GeometryError, ModelError
from demandgeo.priority import select, sensitivity, tessellations
from demandgeo.synthetic import make_city

CRS = "EPSG:27700"
AREA = shapely.Polygon([(430_000, 430_000), (434_300, 430_400), (433_900, 433_600), (430_700, 433_100)])
ZONES = Zones(np.array([AREA]), np.array(["A"]), CRS)


def events(n=800, sd=250.0, **fields):
    place = np.random.default_rng(3).normal([[431_900], [431_700]], sd, (2, n))
    return Events.at(*place, crs=CRS, **fields)


def test_the_first_variant_is_the_plain_selection():
    found = sensitivity(events(), ZONES, resized=[], turned=[], shifted=False, hexagons=False, max_areas=3)
    grid = Grid.over(ZONES, cell=250.0)
    plain = select(count(events(), grid), max_areas=3)
    row = found.table.iloc[0]
    assert (row["units"], row["extent_share"], row["agreement"]) == (grid.n, plain.extent_share, 1.0)
    assert set(np.unique(found.share)) == {0.0, 1.0}
    unit = grid.locate(*found.grid.centres())
    assert (found.share == ((unit >= 0) & plain.selected[unit])).all()


def test_every_variant_covers_the_study_area_and_counts_every_event():
    cuts = tessellations._cuts(ZONES, 250.0, [200.0], [15.0, 45.0], shifted=True)
    assert len(cuts) == 7
    inside = shapely.contains_xy(AREA, events().x, events().y).sum()
    for cut in cuts:
        assert cut.support.extent.sum() == pytest.approx(AREA.area, rel=1e-9)
        demand = tessellations._counted(events(), events(), cut)
        assert demand.values.sum() == inside
        assert demand.balance.total_events == len(events())


@pytest.mark.parametrize("degrees", [0.0, 30.0, 90.0])
def test_a_turned_frame_turns_the_grid_that_way(degrees):
    middle = (10.0, 20.0)
    frame = tessellations._turn(degrees, middle)
    # A point on the grid's own axis, turned by so many degrees from east to north, is due east in the frame.
    x = np.array([middle[0] + 5 * math.cos(math.radians(degrees))])
    y = np.array([middle[1] + 5 * math.sin(math.radians(degrees))])
    assert np.concatenate(frame(x, y)) == pytest.approx([15.0, 20.0])


def test_hexagons_tile_the_area_with_six_neighbours_each():
    tiles = tessellations._hexagons(ZONES, 250.0)
    assert tiles.extent.sum() == pytest.approx(AREA.area, rel=1e-6)
    whole = np.isclose(tiles.extent, 250.0**2, rtol=1e-4)
    assert whole.sum() > 100
    number = np.diff(tiles.neighbours().indptr)
    deep = whole & shapely.contains_properly(AREA.buffer(-300), tiles.polygons)
    assert deep.sum() > 50
    assert (number[deep] == 6).all()
    assert (number <= 6).all()


def test_a_sharp_peak_is_chosen_whatever_the_cut():
    found = sensitivity(events(sd=120.0), ZONES, turned=[20.0], max_areas=1, demand_share=0.8)
    middle = found.grid.locate(np.array([431_900.0]), np.array([431_700.0]))
    assert found.share[middle] == 1.0
    assert 0 < found.chosen_by(1.0) <= found.chosen_by(0.5) <= found.chosen_by(0.1)
    assert (found.table["demand_share"] >= 0.8 - 1e-9).all()
    assert (found.table["bound_share"] <= found.table["extent_share"]).all()
    assert found.table["sentence"].str.contains("no choice that keeps the same rules").all()
    assert "Cut in 8 ways" in found.sentence()
    frame = found.to_frame()
    assert len(frame) == (found.share > 0).sum()
    assert frame["chosen_share"].min() > 0


def test_codes_of_other_zones_are_not_looked_at():
    city = make_city("small", seed=2)
    crimes = city.crimes("train")
    found = sensitivity(crimes, city.zones(), cell=400, resized=[], turned=[30.0], shifted=False, max_areas=5)
    assert found.table["demand_share"].min() >= 0.25 - 1e-9
    assert found.table["agreement"].between(0.2, 1.0).all()


def test_what_cannot_be_cut_is_refused():
    with pytest.raises(ModelError) as caught:
        sensitivity(events(), ZONES, cell=-1.0, reference=0.0, demand_share=25.0)
    for part in ("cell is -1", "reference is 0", "demand_share is 25"):
        assert part in str(caught.value)
    with pytest.raises(GeometryError, match="EPSG:32630"):
        sensitivity(Events.at([1.0], [1.0], crs="EPSG:32630"), ZONES)
    with pytest.raises(ModelError, match="none of the 1 events"):
        sensitivity(Events.at([1.0], [1.0], crs=CRS), ZONES)
