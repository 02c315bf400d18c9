"""Results on disk: styled GeoPackage layers, cloud-optimised rasters, tables and pictures.

Each writer takes the artifacts by name, a folder and what the run says about itself, writes what it knows how to
write, and returns the files. Each file appears whole under its name or not at all, and the same artifacts give the
same bytes.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from demandgeo.outputs.geopackage import layers as layers
    from demandgeo.outputs.geotiff import rasters as rasters
    from demandgeo.outputs.mosaics import mosaic as mosaic
    from demandgeo.outputs.pictures import figures as figures
    from demandgeo.outputs.spreadsheets import tables as tables

_MODULES = {
    "figures": "pictures",
    "layers": "geopackage",
    "mosaic": "mosaics",
    "rasters": "geotiff",
    "tables": "spreadsheets",
}

__all__ = [
    "figures",
    "layers",
    "mosaic",
    "rasters",
    "tables",
]


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return getattr(importlib.import_module(f"demandgeo.outputs.{_MODULES[name]}"), name)
    raise AttributeError(f"module 'demandgeo.outputs' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
