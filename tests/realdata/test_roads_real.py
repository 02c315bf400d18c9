<<<<<<< HEAD
"""Greater Manchester's casualties on LSOAs and a grid, and the published samples of STATS19."""

from __future__ import annotations

=======
"""Real streets and accidents: Montreal's cyclists, whose density another program has computed too."""

from __future__ import annotations

import warnings

import geopandas as gpd
>>>>>>> streets
import numpy as np
import pandas as pd
import pytest

<<<<<<< HEAD
from demandgeo import density, domain, outputs, roads, sources
from demandgeo.errors import SourceError

ROOT = "collisions/greater_manchester/casualties_2019-Jun2024.csv"
COLUMNS = {
    "lon": "lon",
    "lat": "lat",
    "time": "date",
    "category": "mode",
    "collision": "AREFNO",
    "severity": "casualty_severity",
    "district": "area_name",
}


@pytest.fixture(scope="module")
def path(shared_data):
    file = shared_data / ROOT
    if not file.is_file():
        pytest.skip(f"{file} is not there")
    return file


@pytest.fixture(scope="module")
def casualties(path):
    return roads.weigh_ksi(sources.read_incidents(path, COLUMNS, kind="casualty"))


@pytest.fixture(scope="module")
def lsoas(shared_data):
    path = shared_data / "boundaries" / "lsoa2011_bsc_greater_manchester.gpkg"
    return sources.read_boundaries(path, id="LSOA11CD", population="persons", group="la")


def test_ksi_by_quarter_is_that_of_the_file_and_of_the_ledger(path, casualties):
    account = casualties.ledger.files[0]
    assert (account.lines, account.parsed, account.used) == (20_435, 20_435, 20_435)
    table = pd.read_csv(path, dtype=str)
    quarter = pd.PeriodIndex(pd.to_datetime(table["date"]), freq="Q")
    expected = table["casualty_severity"].isin(["Fatal", "Serious"]).groupby(quarter).sum()
    found = pd.Series(casualties.weight).groupby(pd.PeriodIndex(casualties.time, freq="Q")).sum()
    pd.testing.assert_series_equal(found, expected.astype(float), check_names=False)
    assert found.sum() == casualties.weight.sum() == 4_165


def test_rows_that_look_alike_are_kept_and_collisions_are_those_of_the_file(path, casualties):
    collisions = roads.weigh_ksi(casualties, unit="collision")
    assert len(collisions) == 15_645
    table = pd.read_csv(path, dtype={"AREFNO": str}).drop_duplicates("AREFNO").set_index("AREFNO")
    size = table.loc[list(collisions.ids), "number_casualties"].to_numpy()
    np.testing.assert_array_equal(collisions.attributes["casualties"], size)
    worst = table.loc[list(collisions.ids), "collision_severity"].str.lower()
    assert list(collisions.attributes["severity"]) == worst.tolist()


def test_the_same_quarter_of_two_years_as_casualties_and_as_collisions(casualties):
    year = casualties.time.astype("datetime64[Y]").astype(int) + 1970
    table = roads.compare_periods(
        casualties.where(year == 2023), casualties.where(year == 2024), casualties.where(year < 2024), months=[1, 2, 3]
    )
    rows = table.rows.set_index("measure")
    assert rows["before"].tolist() == [166, 763, 156, 612]
    assert rows["after"].tolist() == [241, 758, 224, 614]
    # Poisson alone calls the rise certain; the quarters of 2019 to 2023, a pandemic among them, varied far more.
    assert rows.loc["KSI casualties", "p"] < 0.001
    assert rows.loc["KSI casualties", "dispersed_p"] > 0.1
    assert rows.loc["all collisions", "p"] > 0.5


def test_casualties_on_lsoas_and_a_grid_balance_and_are_drawn(casualties, lsoas, tmp_path):
    grid = density.grid(lsoas, cell=500)
    for support in (lsoas, grid):
        demand = density.count(casualties, support)
        assert demand.balance.total_events == 20_435
        assert demand.balance.total_weight == pytest.approx(4_165)
        assert float(np.nansum(demand.total)) == pytest.approx(demand.balance.weight[0])
        assert demand.balance.events[1] <= 25  # 18 lie in no polygon, says the data's own account
    pictures = outputs.figures({"ksi": demand}, tmp_path, about={})
    assert pictures[0].stat().st_size > 20_000
    assert isinstance(demand.support, domain.Grid)


def test_the_published_samples_of_each_era_are_read_or_refused_by_name(shared_data):
    folder = shared_data / "collisions" / "stats19_samples"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    found = sources.read_stats19(folder / "accidents_sample_raw.csv", unit="collision", severity="recorded")
    assert list(found.ids) == ["2023010451590", "2023471310743", "2023522301107"]
    np.testing.assert_array_equal(found.weight, [0, 1, 1])
    np.testing.assert_array_equal(found.x, [530_265, 487_614, 369_566])
    assert list(found.attributes["force"]) == ["Metropolitan Police", "Sussex", "Avon and Somerset"]
    assert found.time[0] == np.datetime64("2023-06-24T17:58")
    with pytest.raises(SourceError, match="no row belongs to a collision"):
        sources.read_stats19(
            folder / "accidents_sample_raw.csv", folder / "casualties_sample_raw.csv", severity="recorded"
        )
=======
from demandgeo.domain import Events
from demandgeo.errors import PrecisionWarning
from demandgeo.kernels.profiles import Profile
from demandgeo.roads import choose_bandwidth, density, scan_streets, significant_streets, snap
from demandgeo.roads.placing import Placed
from demandgeo.sources import read_streets
from tests.roads.conftest import all_paths


@pytest.fixture(scope="module")
def montreal(shared_data):
    folder = shared_data / "collisions" / "montreal"
    frame = gpd.read_file(folder / "bike_accidents.gpkg")
    frame["day"] = pd.to_datetime(frame["Date"])
    return read_streets(folder / "mtl_network.gpkg", highway="ClsRte"), Events.from_frame(frame, time="day")


def test_every_accident_lies_on_its_street(montreal):
    net, events = montreal
    found = snap(events, net)
    assert found.balance.events.tolist() == [347, 0, 0, 0]
    assert found.distance.max() < 1e-3


@pytest.mark.parametrize("method", ["continuous", "discontinuous"])
def test_density_is_that_of_every_path(montreal, method):
    net, events = montreal
    few = events.where(np.arange(len(events)) % 6 == 0)
    demand = density(few, net, method=method, bandwidth=300.0, step=5.0, per="period")
    placed = Placed.of(few, net, lixel=10.0, max_distance=50.0)
    exact, walked = all_paths(
        placed.network,
        placed.snapped.segment,
        placed.snapped.position,
        few.weight,
        kernel=Profile.QUARTIC,
        h=300.0,
        continuous=method == "continuous",
    )
    assert walked > 5_000
    assert np.abs(demand.values / 1e3 - exact).max() <= 1e-4 * exact.max()
    assert demand.provenance["mass"] == pytest.approx(1.0, abs=1e-6)
    assert (demand.values * demand.support.extent).sum() / 1e3 == pytest.approx(len(few), rel=1e-4)


def test_the_mass_of_the_simple_method_is_what_others_found(montreal):
    net, events = montreal
    with pytest.warns(PrecisionWarning):
        demand = density(events, net, method="simple", bandwidth=300.0)
    # spNetwork 0.4.5 gives 3.681 on the same streets, accidents and bandwidth.
    assert demand.provenance["mass"] == pytest.approx(3.681, abs=0.001)


def test_absorbing_dead_ends_lose_what_others_found(montreal):
    net, events = montreal
    demand = density(events, net, method="discontinuous", bandwidth=300.0, dead_end="absorb")
    # spNetwork 0.4.5 gives 0.990, its integral by middles of lixels.
    assert demand.provenance["mass"] == pytest.approx(0.990, abs=0.002)


def test_what_stands_out_and_how_wide_to_look(montreal):
    net, events = montreal
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = significant_streets(events, net, lixel=25.0, replicates=99)
        assert found.provenance["units_above_threshold"] > 0
        best = scan_streets(events, net, replicates=99).provenance
        assert best["p_of_best"] == pytest.approx(0.01)
        assert best["events_in_best"] > 3 * best["expected_in_best"]
        assert 400 < choose_bandwidth(events, net, candidates=8).metres < 1000


def test_a_city_of_loops_and_one_way_streets_keeps_its_weight(shared_data):
    net = read_streets(shared_data / "streets" / "cambridge_uk_drive.graphml")
    rng = np.random.default_rng(1)
    segment = rng.integers(0, len(net.start), 500)
    x, y = net.place(segment, rng.random(500) * net.length[segment])
    demand = density(Events.at(x, y, crs=net.crs), net)
    assert demand.provenance["mass"] == pytest.approx(1.0, abs=1e-9)
>>>>>>> streets
