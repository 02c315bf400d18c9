"""What every test runs under: checked types, a fixed draw of examples, a fresh cache of kernels, no display."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

import hypothesis
import pytest
import typeguard

ROOT = Path(__file__).parents[1]


def _kernel_cache() -> Path:
    # Numba's own cache does not see that an inner kernel changed in another file; this folder's name does.
    sources = sorted((ROOT / "demandgeo" / "kernels").glob("*.py"))
    digest = hashlib.blake2b(b"".join(path.read_bytes() for path in sources), digest_size=8).hexdigest()
    return ROOT / ".pytest_cache" / "numba" / digest


class _CheckedTypes(typeguard.TypeguardFinder):
    def should_instrument(self, module_name: str) -> bool:
        # Not the kernels: what typeguard adds to a function, Numba cannot compile.
        return module_name.startswith("demandgeo.") and not module_name.startswith("demandgeo.kernels")


os.environ["MPLBACKEND"] = "Agg"
os.environ.setdefault("NUMBA_CACHE_DIR", str(_kernel_cache()))
os.environ.setdefault("DEMANDGEO_CACHE", str(ROOT / ".pytest_cache" / "ingest"))

early = sorted(name for name in sys.modules if name.startswith("demandgeo."))
assert not early, f"imported before the types could be checked: {early}"
typeguard.install_import_hook(["demandgeo"], cls=_CheckedTypes)

hypothesis.settings.register_profile("ci", derandomize=True, deadline=None, max_examples=50, print_blob=True)
hypothesis.settings.register_profile("long", deadline=None, max_examples=10_000, print_blob=True)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data that does not ship with the project."""
    folder = Path(os.environ.get("DEMANDGEO_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data: {folder} is no folder (set DEMANDGEO_DATA)")
    return folder


@pytest.fixture(scope="session")
def west_yorkshire():
    """The LSOAs of West Yorkshire that ship with the project."""
    from demandgeo import sources

    path = ROOT / "data" / "boundaries" / "west_yorkshire_lsoa_2011.gpkg"
    return sources.read_boundaries(path, id="LSOA11CD", population="persons", group="la")
