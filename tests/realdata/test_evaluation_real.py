"""Real data: West Midlands in June 2018, split into halves between which nothing changes but chance."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest

from demandgeo import density, priority, severity, sources
from demandgeo.priority.rolling import KNOWN, UNCHANGED

BOUNDARIES = "boundaries/lsoa2011_bsc_west_midlands.gpkg"
STREET = "police/2018-06-west-midlands-street.reconstructed.csv"


@pytest.fixture(scope="module")
def zones(shared_data):
    return sources.read_boundaries(shared_data / BOUNDARIES, layer="lsoa", id="LSOA11CD", name="LSOA11NM", group="la")


@pytest.fixture(scope="module")
def harm(shared_data, tmp_path_factory):
    # The reader wants the name that the archive gives.
    folder = tmp_path_factory.mktemp("west_midlands")
    shutil.copy(shared_data / STREET, folder / "2018-06-west-midlands-street.csv")
    return severity.weigh(sources.read_police_uk(folder), index="ons-css")


def test_halves_of_a_month_differ_as_the_ceiling_says(zones, harm):
    first = np.random.default_rng(1).random(len(harm)) < 0.5
    month = np.where(first, np.datetime64("2018-06"), np.datetime64("2018-07"))
    halves = replace(harm, time=month.astype("datetime64[s]"))
    rows = priority.rolling_backtest(halves, zones, draws=12, seed=1).rows.set_index("method")
    ours, ceiling = rows.loc["selection"], rows.loc[UNCHANGED]
    assert ceiling["low"] - 0.01 <= ours["demand_share"] <= ceiling["high"] + 0.01
    assert ours["pai"] == pytest.approx(ceiling["pai"], rel=0.1)
    assert ours["pai"] < rows.loc[KNOWN, "pai"]
    # Every rival of at most 31 areas takes more ground, and captures less per ground.
    rivals = rows.loc[["kde_contour", "gi_clumps", "dbscan"]]
    assert (rivals["areas"] <= 31).all()
    assert (rivals["extent_share"] > ours["extent_share"]).all()
    assert (rivals["pai"] < ours["pai"]).all()


def test_the_expected_share_of_harm_is_what_thinning_finds(zones, harm):
    areas = priority.select(density.count(harm, zones), demand_share=0.25, max_areas=31)
    sure = priority.membership(areas, harm, draws=40)
    assert sure.expected_share == pytest.approx(sure.thinned_share, abs=0.02)
    assert sure.expected_share < areas.demand_share - 0.01


def test_crime_is_more_concentrated_than_chance_in_every_category(zones, harm):
    counts = harm.weighted(np.ones(len(harm)), np.zeros(len(harm)), "count")
    rows = priority.concentration(density.count(counts, zones, by="category"), draws=29).rows
    assert (rows["unit_share"] < rows["unit_low"]).all()
    assert rows["category"].nunique() == 15


def test_profiles_name_streets_and_districts(zones, harm):
    areas = priority.select(density.count(harm, zones), demand_share=0.25, max_areas=31)
    table = priority.profile(areas, harm).table
    assert set(table["district"]) <= set(zones.group.names)
    assert not table["places"].str.contains("On or near", regex=False).any()
    assert table["events"].sum() == areas.table["events"].sum()
