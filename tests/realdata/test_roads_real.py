"""Greater Manchester's casualties on LSOAs and a grid, and the published samples of STATS19."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

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
