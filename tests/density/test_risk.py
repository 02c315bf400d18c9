"""Relative risk: a ratio of densities, with nothing divided by next to nothing, and nothing lost in silence."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from demandgeo.density import count, relative_risk, surface
from demandgeo.domain import Events, Grid, Zones
from demandgeo.errors import ModelError

CRS = "EPSG:27700"
GRID = Grid.covering((0, 0, 3000, 2000), cell=100, crs=CRS)


def scene(seed, n=300):
    x, y = np.random.default_rng(seed).uniform(0, [[3000], [2000]], (2, n))
    return Events.at(x, y, crs=CRS)


def smooth(events):
    return surface(events, GRID, bandwidth=400.0, per="period")


def made(cases, controls, **settings):
    return relative_risk(smooth(cases), smooth(controls), **settings)


@given(st.integers(0, 2**32 - 1), st.floats(0, 0.9))
def test_the_ratio_is_that_of_the_densities_and_averages_to_one(seed, floor_share):
    cases, controls = smooth(scene(seed)), smooth(scene(seed + 1))
    risk = relative_risk(cases, controls, floor_share=floor_share)
    below = controls.values <= floor_share * controls.values.mean()
    assert (np.isnan(risk.values) == below).all()
    expected = (cases.values / cases.values.sum() / (controls.values / controls.values.sum()))[~below]
    assert risk.values[~below] == pytest.approx(expected, rel=1e-12)
    assert risk.provenance["units_below_floor"] == below.sum()
    lost = risk.provenance["cases_below_floor"]
    assert lost == pytest.approx(cases.values[below].sum() / cases.values.sum())
    weight = controls.values / controls.values.sum()
    assert np.nansum(risk.values * weight) + lost == pytest.approx(1)


def test_the_same_events_on_both_sides_have_a_risk_of_one():
    risk = made(scene(1), scene(1), floor_share=0.0)
    assert risk.values == pytest.approx(1, rel=1e-12)
    assert risk.measure == "relative risk"


def test_a_rate_is_a_share_where_the_cases_are_among_the_controls():
    everything = scene(2)
    rate = made(everything.where(np.arange(300) < 60), everything, scale="rate")
    assert np.nanmax(rate.values) <= 1
    assert np.nanmean(rate.values) == pytest.approx(0.2, abs=0.05)
    assert rate.measure == "incidents per incidents"


def test_counts_and_intensities_of_one_density_agree():
    counts, others = count(scene(3), GRID), count(scene(4, 5000), GRID)
    intensity = replace(counts, values=counts.values / 0.01, measure="incidents/km2")
    both = [relative_risk(part, others, scale="rate").values for part in (counts, intensity)]
    assert np.array_equal(*both, equal_nan=True)


def test_an_absolute_floor_replaces_the_share():
    controls = smooth(scene(5))
    risk = relative_risk(smooth(scene(6)), controls, floor=60.0)
    assert (np.isnan(risk.values) == (controls.values <= 60)).all()
    assert risk.provenance["floor"] == 60


def test_layers_are_divided_one_by_one():
    cases = smooth(scene(7))
    layers = replace(
        count(scene(7), GRID, by="category"),
        values=np.array([cases.values, 3 * cases.values]),
        measure=cases.measure,
        layers=cases.layers.reindex(range(2)).fillna(""),
    )
    risk = relative_risk(layers, smooth(scene(8)))
    single = relative_risk(cases, smooth(scene(8)))
    assert np.allclose(risk.values, single.values, rtol=1e-12, equal_nan=True)
    assert risk.provenance["units_below_floor"] == (single.provenance["units_below_floor"],) * 2
    with pytest.raises(ModelError, match="layers of the cases"):
        relative_risk(cases, layers)


def zones(**columns):
    boxes = shapely.box([0, 1500], [0, 0], [1500, 2500], [2000, 2000])
    frame = gpd.GeoDataFrame({"code": ["A", "B"], **columns}, geometry=boxes, crs=CRS)
    return Zones.from_frame(frame, id="code", population="people" if columns else None)


def test_population_of_zones_on_themselves_and_on_a_grid():
    area = zones(people=[3000.0, 1000.0])
    cases = count(scene(9, 400), area)
    rate = relative_risk(cases, area, scale="rate", floor_share=0.0)
    assert rate.values == pytest.approx(cases.values / [3000, 1000])
    assert rate.measure == "incidents per residents"
    cells = relative_risk(smooth(scene(9)), area, scale="rate", floor_share=0.0)
    assert cells.provenance["units_without_value"] == 5 * 20  # east of both zones
    east = GRID.centres()[0] > 2500
    assert np.isnan(cells.values[east]).all()
    west = GRID.centres()[0] < 1500
    assert cells.values[west] == pytest.approx(smooth(scene(9)).values[west] / 1000)


def test_what_cannot_be_divided_is_refused_in_words():
    cases = smooth(scene(1))
    with pytest.raises(ModelError, match="different supports"):
        relative_risk(cases, count(scene(1), Grid.covering((0, 0, 3000, 2000), cell=200, crs=CRS)))
    with pytest.raises(ModelError, match="no population"):
        relative_risk(cases, zones())
    with pytest.raises(ModelError, match="lower the floor"):
        relative_risk(cases, cases, floor=1e9)
    with pytest.raises(ModelError, match="no cases"):
        relative_risk(smooth(Events.at([np.nan], [np.nan], crs=CRS)), cases)
