from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demandgeo.errors import OutputError
from demandgeo.outputs.files import check_names, replacing, write_text

# What a full disk does, done by the system itself: no file may grow beyond 20,000 bytes.
FULL_DISK = """
import resource, sys
from pathlib import Path
import geopandas, numpy as np, pandas as pd, shapely
from demandgeo import outputs
from demandgeo.domain import Balance, Demand, Grid, Table
from demandgeo.errors import OutputError
grid = Grid.covering((0, 0, 200_000, 200_000), cell=1000, crs="EPSG:27700")
values = np.random.default_rng(1).random(grid.n)
demand = Demand(grid, values, "incidents", Balance(np.zeros(4), np.zeros(4)), "count", "2018-07")
records = {"demand": demand, "table": Table("Numbers", pd.DataFrame({"value": values}))}
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
for writer in sys.argv[2:]:
    try:
        getattr(outputs, writer)(records, Path(sys.argv[1]), about={})
    except OutputError as error:
        print(writer, "refused:", "free space" in str(error))
"""


@pytest.mark.parametrize(
    "name", ["", "../up", "a/b", ".hidden", "Upper", "é", "x" * 81, "gpkg_contents", "layer_styles"]
)
def test_unsafe_names_are_refused(name):
    with pytest.raises(OutputError, match="the artifact is called"):
        check_names([name])


def test_every_unsafe_name_is_listed_at_once():
    with pytest.raises(OutputError) as caught:
        check_names(["good", "Bad one", "areas.next-2", "so/bad"])
    assert [problem.found for problem in caught.value.problems] == [
        "the artifact is called 'Bad one'",
        "the artifact is called 'so/bad'",
    ]


@given(st.text(max_size=90))
def test_a_safe_name_never_leaves_its_folder(name):
    try:
        check_names([name])
    except OutputError:
        return
    assert Path("folder", name).parent == Path("folder")
    assert name == name.strip() == name.lower()


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = write_text(tmp_path / "result.txt", "old\n")

    def fail() -> None:
        with replacing(path) as part:
            part.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert path.read_bytes() == b"old\n"
    assert [*tmp_path.iterdir()] == [path]


def test_a_folder_that_cannot_be_made_is_an_error_for_people(tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(OutputError, match=r"result.txt cannot be written.*rights of the folder"):
        write_text(tmp_path / "taken" / "result.txt", "x")


def test_a_symbolic_link_is_replaced_and_not_followed(tmp_path):
    outside = tmp_path / "outside.txt"
    outside.write_text("mine")
    (tmp_path / "result.txt").symlink_to(outside)
    write_text(tmp_path / "result.txt", "result")
    assert outside.read_text() == "mine"


def test_a_full_disk_leaves_the_old_results_whole(tmp_path):
    names = ["layers.gpkg", "demand.tif", "demand.png", "table.csv"]
    for name in names:
        (tmp_path / name).write_text("old")
    writers = ["layers", "rasters", "figures", "tables"]
    ran = subprocess.run(
        [sys.executable, "-c", FULL_DISK, tmp_path, *writers], capture_output=True, text=True, check=True
    )
    assert ran.stdout.splitlines() == [f"{writer} refused: True" for writer in writers], ran.stderr
    assert {name: (tmp_path / name).read_text() for name in names} == dict.fromkeys(names, "old")
    assert {path.name for path in tmp_path.iterdir()} == {*names}
