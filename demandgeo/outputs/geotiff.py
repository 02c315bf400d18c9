"""Demand on a grid as cloud-optimised GeoTIFF, with the style that QGIS puts on it by itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from rasterio.crs import CRS
from rasterio.io import MemoryFile
from rasterio.transform import Affine

from demandgeo.domain import Demand, Grid, Record
from demandgeo.outputs.classes import classify
from demandgeo.outputs.files import check_names, write_bytes, write_text
from demandgeo.outputs.maplayers import demand_facts, layer_names
from demandgeo.outputs.styles import raster_style
from demandgeo.outputs.wording import unit, words
from demandgeo.registry import writer

OUTSIDE = -9999.0
"""Marks cells outside the study area and without data. Demand is never below 0, and no software stumbles over it as
some do over NaN."""

_FORMAT = {
    "driver": "COG",
    "dtype": "float32",
    "compress": "DEFLATE",
    "predictor": "FLOATING_POINT",
    "overview_resampling": "AVERAGE",
    "num_threads": "1",
}


@writer("outputs.rasters")
def rasters(artifacts: Mapping[str, Record], folder: Path, *, about: Mapping[str, str]) -> list[Path]:
    """Write each Demand on a Grid as ``NAME.tif`` and its style ``NAME.qml``.

    float32, one band for each layer of the demand; the tags of the file say measure, weight, period, method and run.
    Other artifacts are not its subject.

    Parameters
    ----------
    artifacts
        By name, which becomes that of the files.
    folder
        Where to write; made if it is not there.
    about
        What the run says about itself (title, run, run_id, attribution, notes): goes into the tags.

    Returns
    -------
    list of Path
        Two files for each raster.

    Raises
    ------
    OutputError
        If a name is unsafe, listing all such names, or a file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from demandgeo.domain import Balance
    >>> grid = Grid.covering((0, 0, 500, 250), cell=250, crs="EPSG:27700")
    >>> balance = Balance(np.array([3, 0, 0, 0]), np.array([3.0, 0, 0, 0]))
    >>> demand = Demand(grid, np.array([1.0, 2.0]), "incidents", balance, "count", "2018-07")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [path.name for path in rasters({"demand": demand}, Path(folder), about={"run": "try"})]
    ['demand.tif', 'demand.qml']
    """
    check_names(artifacts)
    written: list[Path] = []
    for name, record in artifacts.items():
        if isinstance(record, Demand) and isinstance(record.support, Grid):
            written.append(_write_raster(folder / f"{name}.tif", record, record.support, about))
            style = raster_style(classify(np.atleast_2d(record.values)[0]), unit(record))
            written.append(write_text(folder / f"{name}.qml", style))
    return written


def _write_raster(path: Path, demand: Demand, grid: Grid, about: Mapping[str, str]) -> Path:
    bands = np.stack([grid.to_raster(layer) for layer in np.atleast_2d(demand.values)])
    names = layer_names(demand) if demand.values.ndim == 2 else [words(demand.name)]
    rows, columns = grid.shape
    place = {"crs": CRS.from_string(grid.crs), "transform": Affine(grid.dx, 0, grid.x0, 0, -grid.dy, grid.y0)}
    # Through memory: the raster is compressed when its file is closed, where a full disk would raise what no one names.
    with MemoryFile() as memory:
        with memory.open(**_FORMAT, **place, count=len(bands), height=rows, width=columns, nodata=OUTSIDE) as file:
            file.write(np.where(np.isnan(bands), OUTSIDE, bands).astype(np.float32))
            file.update_tags(**{**about, **demand_facts(demand), "unit": unit(demand)})
            for band, name in enumerate(names, start=1):
                file.set_band_description(band, f"{name}, {unit(demand)}")
                file.set_band_unit(band, unit(demand))
        return write_bytes(path, memory.read())
