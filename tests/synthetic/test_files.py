"""The files of a made city are those of the real sources, and the faults are where the list says."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import pytest
import shapely

from demandgeo.errors import OutputError
from demandgeo.synthetic import CATEGORIES, City, Fault

LINE_KINDS = {
    "null_island",
    "bad_coordinate",
    "bad_month",
    "future_month",
    "unknown_category",
    "decimal_comma",
    "extra_comma",
    "nul_byte",
    "duplicate",
    "repeated_header",
}


@pytest.fixture(scope="module")
def written(city: City, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Fault]]:
    folder = tmp_path_factory.mktemp("made") / "city"
    return folder, city.write(folder, periods=["train"], bad_months=True)


@pytest.fixture(scope="module")
def months(written: tuple[Path, list[Fault]]) -> pd.DataFrame:
    files = sorted((written[0] / "police").iterdir())
    assert [file.name for file in files] == [f"2022-{month:02d}-made-city-street.csv" for month in range(1, 13)]
    tables = [pd.read_csv(file, dtype=str, keep_default_na=False) for file in files]
    assert all((table["Month"] == file.name[:7]).all() for table, file in zip(tables, files, strict=True))
    return pd.concat(tables, ignore_index=True)


def test_police_files_hold_the_events_in_the_archives_columns(city: City, months: pd.DataFrame) -> None:
    events = city.crimes("train")
    assert list(months.columns) == [
        "Crime ID",
        "Month",
        "Reported by",
        "Falls within",
        "Longitude",
        "Latitude",
        "Location",
        "LSOA code",
        "LSOA name",
        "Crime type",
        "Last outcome category",
        "Context",
    ]
    assert months["Crime type"].tolist() == events.category.to_array().tolist()
    assert months["Month"].tolist() == events.time.astype("datetime64[M]").astype(str).tolist()
    assert months["LSOA code"].tolist() == [code or "" for code in events.zone_code]
    assert ((months["Longitude"] == "") == ~events.located).all()
    assert ((months["LSOA name"] == "") == ~events.located).all()
    asb = months["Crime type"] == "Anti-social behaviour"
    assert ((months["Crime ID"] == "") == asb).all()
    assert ((months["Last outcome category"] == "") == asb).all()
    assert months["Crime ID"][~asb].is_unique
    assert months["Crime ID"][~asb].str.fullmatch("[0-9a-f]{64}").all()
    repeated = months.duplicated()
    assert repeated.sum() > 1_000
    assert (repeated <= asb).all()


def test_longitude_and_latitude_lead_back_to_the_snap_points(city: City, months: pd.DataFrame) -> None:
    events = city.crimes("train")
    rows = events.located
    lon, lat = months.loc[rows, "Longitude"].astype(float), months.loc[rows, "Latitude"].astype(float)
    x, y = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:27700", always_xy=True).transform(lon, lat)
    # Six decimals of a degree are 0.11 m of latitude.
    assert np.hypot(x - events.x[rows], y - events.y[rows]).max() < 0.1


def test_police_files_end_their_lines_as_the_archive_does(written: tuple[Path, list[Fault]]) -> None:
    data = (written[0] / "police" / "2022-01-made-city-street.csv").read_bytes()
    assert data.endswith(b"\r\n")
    assert data.count(b"\n") == data.count(b"\r\n")
    data.decode("ascii")


def test_boundaries_and_tables_are_read_back(city: City, written: tuple[Path, list[Fault]]) -> None:
    frame = gpd.read_file(written[0] / "boundaries.gpkg", layer="zones")
    assert frame.crs.to_epsg() == 27700
    assert frame["code"].tolist() == city.zones().ids.tolist()
    assert shapely.equals_exact(shapely.get_parts(frame.geometry.to_numpy()), city.zones().polygons).all()
    made = city.collisions()
    text = {"collision_index": str, "collision_ref_no": str}
    for name, table in (("collision", made.collisions), ("casualty", made.casualties), ("vehicle", made.vehicles)):
        back = pd.read_csv(written[0] / "stats19" / f"{name}.csv", dtype=text)
        assert list(back.columns) == list(table.columns)
        assert back["collision_index"].tolist() == table["collision_index"].tolist()
    for name, table in city.estate().tables().items():
        assert len(pd.read_csv(written[0] / "estate" / f"{name}.csv")) == len(table)


def test_osmnx_loads_the_streets(city: City, written: tuple[Path, list[Fault]]) -> None:
    import osmnx

    loaded = osmnx.load_graphml(written[0] / "streets.graphml", edge_dtypes={"aadt": float})
    graph = city.streets()
    assert loaded.graph["crs"] == "EPSG:27700"
    assert dict(loaded.nodes(data=True)) == dict(graph.nodes(data=True))
    assert list(loaded.edges(data=True)) == list(graph.edges(data=True))
    edges = osmnx.convert.graph_to_gdfs(loaded, nodes=False)
    np.testing.assert_allclose(edges.length, edges["length"], rtol=1e-9)


def test_writing_again_gives_the_same_bytes(city: City, written: tuple[Path, list[Fault]], tmp_path: Path) -> None:
    again = city.write(tmp_path, periods=["train"], bad_months=True)
    city.write(tmp_path, periods=["train"], bad_months=True)
    assert again == written[1]
    assert digests(tmp_path) == digests(written[0])


def digests(folder: Path) -> dict[str, str]:
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def scan(lines: list[str], kind: str) -> list[int]:
    """Return the bad lines that a plain reading finds, counted from 1."""
    header = next(csv.reader(lines[:1]))
    known = {category.name for category in CATEGORIES}
    ids: Counter[str] = Counter()
    found = []
    for number, line in enumerate(lines[1:], start=2):
        cells = dict(zip(header, next(csv.reader([line.replace("\0", "")])), strict=False))
        ids[cells["Crime ID"]] += 1
        bad = {
            "null_island": cells["Longitude"] == cells["Latitude"] == "0.000000",
            "bad_coordinate": cells["Longitude"] in {"inf", "nan"},
            "bad_month": cells["Month"][5:] > "12" and cells["Month"].startswith("20"),
            "future_month": cells["Month"] > "2900" and cells["Month"] != "Month",
            "unknown_category": cells["Crime type"] not in known,
            "decimal_comma": "," in cells["Longitude"],
            "extra_comma": line.count(",") > len(header) - 1 and '"' not in line,
            "nul_byte": "\0" in line,
            "duplicate": cells["Crime ID"] != "" and ids[cells["Crime ID"]] > 1,
            "repeated_header": line == lines[0],
        }
        if bad[kind]:
            found.append(number)
    return found


def test_a_plain_scan_finds_each_listed_line_and_no_other(written: tuple[Path, list[Fault]]) -> None:
    folder, faults = written
    assert {fault.kind for fault in faults if fault.line} == LINE_KINDS
    for kind in sorted(LINE_KINDS):
        listed = [fault for fault in faults if fault.kind == kind]
        lines = (folder / listed[0].file).read_bytes().decode().split("\r\n")[:-1]
        assert scan(lines, kind) == [fault.line for fault in listed]
        assert [lines[fault.line - 1] for fault in listed] == [fault.value for fault in listed]
        assert len(listed) == 5


def test_good_months_have_no_fault(written: tuple[Path, list[Fault]]) -> None:
    lines = (written[0] / "police" / "2022-01-made-city-street.csv").read_bytes().decode().split("\r\n")[:-1]
    assert [number for kind in LINE_KINDS for number in scan(lines, kind)] == []


def test_each_file_that_is_wrong_as_a_whole_is_wrong_as_stated(written: tuple[Path, list[Fault]]) -> None:
    folder, faults = written
    whole = {fault.kind: (folder / fault.file).read_bytes() for fault in faults if fault.line is None}
    header = b"Crime ID,Month,Reported by,Falls within,Longitude,Latitude,Location"
    assert whole["byte_order_mark"].startswith(b"\xef\xbb\xbf" + header)
    assert whole["carriage_returns"].count(b"\r") == 1_001
    assert b"\n" not in whole["carriage_returns"]
    assert whole["utf16"].decode("utf-16").startswith(header.decode())
    with pytest.raises(UnicodeDecodeError):
        whole["latin1"].decode()
    assert b"," not in whole["semicolons"]
    assert b"Latitude" not in whole["missing_column"]
    assert whole["duplicated_column"].startswith(header.replace(b"Latitude", b"Longitude"))
    swapped = pd.read_csv(folder / next(f.file for f in faults if f.kind == "swapped"))
    assert swapped["Longitude"].min() > 49
    assert swapped["Latitude"].max() < 2
    last = whole["truncated"].split(b"\r\n")[-1]
    assert 0 < last.count(b",") < 11
    assert whole["header_only"].count(b"\r\n") == 1
    assert whole["empty"] == b""
    assert len(whole) == 11


def test_no_fault_is_injected_unless_asked_for(city: City, tmp_path: Path) -> None:
    assert city.write(tmp_path, periods=[]) == []
    assert not (tmp_path / "bad_months").exists()


def test_a_folder_that_cannot_be_written_is_said_so(city: City, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(OutputError, match="taken"):
        city.write(tmp_path / "taken", periods=[])
