"""The real files of data.police.uk: their rows, places and identifiers, as counted when they were obtained."""

from __future__ import annotations

import csv
import gzip

import numpy as np
import pytest

from demandgeo.errors import DataQualityWarning
from demandgeo.sources import read_incidents, read_police_uk

ASB = "Anti-social behaviour"

# file: rows, rows without a place, ASB rows, rows without a Crime ID (counted by the collector of the files)
FILES = {
    "2016-07-west-yorkshire-street.csv.gz": (27_176, 1_347, 7_429, 7_429),
    "2017-07-west-yorkshire-street.csv.gz": (28_537, 1_541, 5_955, 5_955),
    "2018-07-west-yorkshire-street.csv": (31_635, 883, 5_442, 5_442),
    "2018-06-west-midlands-street.reconstructed.csv": (25_060, 0, 4_457, 4_630),
}


@pytest.fixture(autouse=True)
def private_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DEMANDGEO_CACHE", str(tmp_path))


@pytest.mark.parametrize("name", FILES)
def test_counts(shared_data, name):
    rows, unlocated, asb, without_id = FILES[name]
    events = read_police_uk(shared_data / "police" / name)
    (account,) = events.ledger.files
    assert (account.lines, account.parsed, account.malformed, account.used) == (rows, rows, 0, rows)
    assert account.unlocated == (~events.located).sum() == unlocated
    assert (events.category == ASB).sum() == asb
    assert (~events.ids.present).sum() == without_id
    assert set(events.ledger.coverage["status"]) == {"complete"}
    assert events.ledger.coverage["rows"].sum() == rows


def test_every_column_against_the_csv_module(shared_data):
    path = shared_data / "police" / "2017-07-west-yorkshire-street.csv.gz"
    events = read_police_uk(path)
    with gzip.open(path, "rt", newline="") as stream:
        rows = list(csv.DictReader(stream))
    for column, read in {
        "Crime ID": events.ids,
        "LSOA code": events.zone_code,
        "Crime type": events.category,
        "Falls within": events.attributes["force"],
        "Location": events.attributes["place"],
        "Last outcome category": events.attributes["outcome"],
    }.items():
        assert [row[column] or None for row in rows] == list(read)
    assert [row["Month"] for row in rows] == events.time.astype("datetime64[M]").astype(str).tolist()
    assert [bool(row["Longitude"]) for row in rows] == events.located.tolist()
    assert {row["Crime type"] for row in rows} == set(events.category.names)


def test_three_years(shared_data, tmp_path):
    folder = tmp_path / "months"
    folder.mkdir()
    for name in list(FILES)[:3]:
        (folder / name).symlink_to(shared_data / "police" / name)
    events = read_police_uk(folder, months=["2016-07", "2017-07", "2018-07"])
    assert len(events) == 27_176 + 28_537 + 31_635
    assert events.ledger.total("unlocated") == 1_347 + 1_541 + 883
    assert events.ledger.coverage["status"].tolist() == ["complete"] * 3
    whole = read_police_uk(folder).ledger.coverage["status"].value_counts().to_dict()
    assert whole == {"absent": 22, "complete": 3}


def test_england_and_wales_by_a_map_of_columns(shared_data):
    path = shared_data / "police" / "england_wales_2018-06_street.parquet"
    columns = {"lon": "lon", "lat": "lat", "time": "month", "category": "category", "id": "id", "zone_code": "LSOA11CD"}
    with pytest.warns(DataQualityWarning, match="outside_gb"):
        events = read_incidents(path, columns)
    (account,) = events.ledger.files
    assert account.lines == account.parsed == 512_755
    # Some 9,900 rows lie in Northern Ireland.
    assert account.excluded["outside_gb"] == pytest.approx(9_900, abs=60)
    assert set(account.excluded) == {"outside_gb"}
    assert events.resolution == "month"
    assert events.crs == "EPSG:27700"
    assert events.category.counts()["violent-crime"] > 100_000
    assert ((events.x > 80_000) & (events.x < 656_000) & (events.y > 5_000) & (events.y < 1_220_000)).all()


def test_ostn15_agrees_with_the_file(shared_data):
    pytest.importorskip("convertbng", reason="the extra demandgeo[ostn15] is not installed")
    import pandas as pd

    frame = pd.read_parquet(
        shared_data / "police" / "england_wales_2018-06_street.parquet", columns=["lon", "lat", "e", "n"]
    )
    from demandgeo.sources.projection import in_great_britain, project

    frame = frame[in_great_britain(frame["lon"].to_numpy(), frame["lat"].to_numpy())]
    x, y, _ = project(frame["lon"].to_numpy(), frame["lat"].to_numpy(), "EPSG:4326", "EPSG:27700")
    # The file's own grid references come from PROJ without the grid: 2 m in the middle, 4 m in Cornwall.
    away = np.hypot(x - frame["e"], y - frame["n"])
    assert away.median() < 2.5
    assert away.max() < 5
