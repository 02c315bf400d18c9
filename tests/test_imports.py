"""What importing the library costs and gives, in fresh processes."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = [
    "geopandas",
    "libpysal",
    "esda",
    "osmnx",
    "matplotlib",
    "numba",
    "pandas",
    "scipy",
    "shapely",
    "pyproj",
    "rasterio",
    "statsmodels",
    "highspy",
]


def fresh(code: str) -> str:
    """Run code in a fresh interpreter with warnings as errors."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_import_demandgeo_loads_nothing_heavy():
    loaded = fresh(f"import demandgeo, sys; dir(demandgeo); print([n for n in {HEAVY!r} if n in sys.modules])")
    assert loaded == "[]"


def test_the_registry_and_the_errors_load_nothing_heavy():
    loaded = fresh(
        f"import demandgeo.registry, demandgeo.errors, sys; print([n for n in {HEAVY!r} if n in sys.modules])"
    )
    assert loaded == "[]"


def test_the_test_would_notice_a_heavy_import():
    assert fresh("import demandgeo, sys; demandgeo.domain.Grid; print('geopandas' in sys.modules)") == "True"


def test_a_wrong_name_is_an_attribute_error_and_every_listed_name_is_offered():
    import demandgeo

    with pytest.raises(AttributeError, match="densty"):
        demandgeo.densty  # noqa: B018
    assert set(dir(demandgeo)) == set(demandgeo.__all__)


def test_kernels_run_without_the_domain_or_pandas():
    foreign = ["pandas", "shapely", "pydantic"]
    assert fresh(f"import sys, demandgeo.kernels.chance; print([n for n in {foreign} if n in sys.modules])") == "[]"
