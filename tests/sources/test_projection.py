"""To metres by a stated operation, with the OSTN15 grid and without."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from demandgeo.errors import GeometryError, PrecisionWarning
from demandgeo.sources import read_police_uk
from demandgeo.sources.projection import default_crs, in_great_britain, project

# Caister water tower: WGS 84 and National Grid as in Ordnance Survey's worked example, to the digits published.
TOWER = (np.array([1.716073973]), np.array([52.658007833]))
TOWER_GRID = (651409.804, 313177.450)


def test_with_the_grid():
    pytest.importorskip("convertbng", reason="the extra demandgeo[ostn15] is not installed")
    x, y, transform = project(*TOWER, "EPSG:4326", "EPSG:27700")
    assert (x[0], y[0]) == pytest.approx(TOWER_GRID, abs=0.01)
    assert transform["operation"].startswith("OSTN15 (convertbng")
    assert transform["accuracy_m"] == 0.1
    mercator = project(*TOWER, "EPSG:4326", "EPSG:32631")[:2]
    x, y, transform = project(*mercator, "EPSG:32631", "EPSG:27700")
    assert (x[0], y[0]) == pytest.approx(TOWER_GRID, abs=0.02)


@pytest.fixture
def no_grid(monkeypatch):
    monkeypatch.setitem(sys.modules, "convertbng", None)


@pytest.mark.parametrize("source", ["EPSG:4326", "EPSG:4258"])
def test_without_the_grid(no_grid, source):
    x, y, transform = project(*TOWER, source, "EPSG:27700")
    assert (x[0], y[0]) == pytest.approx(TOWER_GRID, abs=4.3)
    assert (x[0], y[0]) != pytest.approx(TOWER_GRID, abs=0.5)
    assert transform["operation"].startswith("PROJ: ")
    assert transform["accuracy_m"] == 2.0


def test_the_ledger_states_which(street, no_grid):
    ledger = read_police_uk(street()).ledger
    assert ledger.transform["accuracy_m"] == 2.0
    assert any("good to 2 m; pip install demandgeo[ostn15]" in note for note in ledger.notes)


def test_the_same_for_any_number_of_threads(tmp_path):
    pytest.importorskip("convertbng", reason="the extra demandgeo[ostn15] is not installed")
    program = (
        "import numpy, hashlib; from convertbng import cutil; r = numpy.random.default_rng(1);"
        "x, y = cutil.convert_bng(r.uniform(-5, 1, 200_000), r.uniform(50, 58, 200_000));"
        "print(hashlib.sha256(x.tobytes() + y.tobytes()).hexdigest())"
    )
    runs = [
        subprocess.run([sys.executable, "-c", program], env={"RAYON_NUM_THREADS": n}, capture_output=True, check=True)
        for n in ("1", "4")
    ]
    assert runs[0].stdout == runs[1].stdout != b""


@pytest.mark.parametrize(
    ("lon", "lat", "crs"),
    [
        (-1.9, 52.5, "EPSG:27700"),
        (-1.14, 60.15, "EPSG:27700"),
        (-6.3, 49.92, "EPSG:27700"),
        (-5.93, 54.6, "EPSG:32630"),
        (-6.26, 53.35, "EPSG:32629"),
        (1.86, 50.95, "EPSG:32631"),
        (151.2, -33.9, "EPSG:32756"),
        (180.0, 10.0, "EPSG:32601"),
    ],
)
def test_default_crs(lon, lat, crs):
    assert default_crs("EPSG:4326", np.array([lon]), np.array([lat])) == crs


def test_default_keeps_true_metres_only():
    here = np.array([-1.9]), np.array([52.5])
    assert default_crs("EPSG:3797", *here) == "EPSG:3797"
    assert default_crs("EPSG:3857", *here) == "EPSG:27700"
    assert default_crs("ESRI:102649", np.array([-111.8]), np.array([33.4])) == "EPSG:32612"


def test_great_britain_and_its_neighbours():
    inside = [(-5.71, 50.07), (1.76, 52.48), (-6.5, 55.7), (-5.8, 55.32), (-8.58, 57.81), (-0.85, 60.8), (-4.6, 54.2)]
    outside = [(-6.15, 55.22), (-5.45, 54.45), (-5.53, 54.67), (1.6, 50.7), (-1.6, 49.65), (0.0, 0.0), (2.35, 48.9)]
    assert in_great_britain(*np.array(inside).T).all()
    assert not in_great_britain(*np.array(outside).T).any()


def test_a_shift_of_unstated_accuracy_is_told():
    with pytest.warns(PrecisionWarning, match="no accuracy"):
        transform = project(np.array([6e6]), np.array([2e6]), "EPSG:2230", "EPSG:27700")[2]
    assert transform["accuracy_m"] is None


@pytest.mark.parametrize("target", ["EPSG:4326", "EPSG:3857", "nonsense"])
def test_bad_targets(street, target):
    with pytest.raises(GeometryError):
        read_police_uk(street(), to_crs=target)


def test_other_targets(street):
    events = read_police_uk(street(), to_crs="EPSG:32630")
    assert events.crs == "EPSG:32630"
    assert 500_000 < events.x[0] < 700_000


def test_northern_ireland_goes_to_its_utm_zone(street):
    events = read_police_uk(street(*[{"lon": "-7.3", "lat": "54.99"}] * 3, good=0))
    assert events.crs == "EPSG:32629"
    with pytest.raises(GeometryError, match="no point lies in Great Britain"):
        read_police_uk(street(*[{"lon": "-7.3", "lat": "54.99"}] * 3, good=0), to_crs="EPSG:27700")
