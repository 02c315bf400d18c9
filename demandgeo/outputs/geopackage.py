"""All layers in one GeoPackage, with the styles that QGIS puts on them by itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import pandas as pd
import pyogrio

from demandgeo.domain import Record
from demandgeo.errors import OutputError, Problems
from demandgeo.outputs.cartography import map_layers
from demandgeo.outputs.files import check_names, replacing
from demandgeo.outputs.maplayers import MapLayer
from demandgeo.outputs.styles import vector_style
from demandgeo.registry import writer

FILE = "layers.gpkg"

RESERVED = ("fid", "geom")
"""Columns that a GeoPackage brings along."""

STAMP = "1970-01-01T00:00:00.000Z"
"""Stands for every time of writing, so that the same layers are the same bytes."""

_STYLE_TABLE = """
CREATE TABLE layer_styles (
  id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, f_table_catalog TEXT(256), f_table_schema TEXT(256),
  f_table_name TEXT(256), f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT, styleSLD TEXT,
  useAsDefault BOOLEAN, description TEXT, owner TEXT(30), ui TEXT(30), update_time DATETIME)
"""

# The table is QGIS's own convention; without this row other software does not list it.
_STYLE_CONTENT = """
INSERT INTO gpkg_contents (table_name, data_type, identifier, last_change)
  VALUES ('layer_styles', 'attributes', 'layer_styles', ?)
"""

# QGIS looks for an empty catalog and schema, not for NULL.
_STYLE_ROW = """
INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, styleName, styleQML,
                          styleSLD, useAsDefault, description, owner, update_time)
  VALUES ('', '', ?, 'geom', 'default', ?, '', 1, ?, '', ?)
"""


@writer("outputs.layers")
def layers(artifacts: Mapping[str, Record], folder: Path, *, about: Mapping[str, str]) -> list[Path]:
    """Write every artifact that has geometry as a styled layer of ``layers.gpkg``.

    GeoPackage 1.2, which every QGIS since 3.0 reads without a warning. Artifacts without geometry are not its
    subject: `tables` writes them.

    Parameters
    ----------
    artifacts
        By name, which becomes the name of the layer.
    folder
        Where to write; made if it is not there.
    about
        What the run says about itself (title, run, run_id, attribution, notes): goes into the metadata.

    Returns
    -------
    list of Path
        The file, or nothing if no artifact has geometry.

    Raises
    ------
    OutputError
        If names of artifacts or of columns are unsafe, listing them all, or the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from demandgeo.domain import Grid
    >>> grid = Grid.covering((0, 0, 1000, 500), cell=250, crs="EPSG:27700")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [path.name for path in layers({"grid": grid}, Path(folder), about={"run": "try"})]
    ['layers.gpkg']
    """
    check_names(artifacts)
    shown = map_layers(artifacts)
    if not shown:
        return []
    _check_columns(shown)
    target = folder / FILE
    with replacing(target, RuntimeError, sqlite3.Error) as part, _fixed_date():
        for name, layer in shown.items():
            _write_layer(part, name, layer, about)
        _write_styles(part, shown)
    return [target]


def _write_layer(path: Path, name: str, layer: MapLayer, about: Mapping[str, str]) -> None:
    described = layer.described(about)
    pyogrio.write_dataframe(
        layer.frame,
        path,
        layer=name,
        driver="GPKG",
        promote_to_multi=layer.kind != "marker",
        geometry_type={"fill": "MultiPolygon", "line": "MultiLineString", "marker": "Point"}[layer.kind],
        dataset_options=None if path.exists() else {"VERSION": "1.2"},
        layer_options={"IDENTIFIER": _identifier(name, layer), "DESCRIPTION": _description(described)},
        layer_metadata=described,
    )


def _identifier(name: str, layer: MapLayer) -> str:
    # The standard wants identifiers apart from one another; titles may repeat, names do not.
    return f"{name}: {layer.title.partition(': ')[2] or layer.subtitle}".removesuffix(": ")


def _description(described: Mapping[str, str]) -> str:
    plain = ("title", "subtitle", "notes_on_layer")
    rest = [f"{key.replace('_', ' ')}: {value}" for key, value in described.items() if key not in plain]
    return "\n".join([*(described[key] for key in plain if key in described), *rest])


def _check_columns(shown: Mapping[str, MapLayer]) -> None:
    problems = Problems()
    for name, layer in shown.items():
        columns = [str(column) for column in layer.frame.columns if column != layer.frame.geometry.name]
        lower = pd.Index([*RESERVED, *(column.lower() for column in columns)])
        for column in lower[lower.duplicated()]:
            problems.add(
                f"layer {name} has a column {column!r} too many",
                f"columns that differ not only in capitals, and none called {' or '.join(RESERVED)}, were needed",
                "rename it",
            )
    problems.raise_as(OutputError)


def _write_styles(path: Path, shown: Mapping[str, MapLayer]) -> None:
    rows = [(name, vector_style(layer), layer.title, STAMP) for name, layer in shown.items()]
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(_STYLE_TABLE)
        database.execute(_STYLE_CONTENT, (STAMP,))
        database.executemany(_STYLE_ROW, rows)
        found = database.execute("PRAGMA integrity_check").fetchone()[0]
    if found != "ok":
        raise OutputError(f"{path.name} is damaged: {found}", remedy="look at the disk and run again")


@contextmanager
def _fixed_date() -> Iterator[None]:
    before = pyogrio.get_gdal_config_option("OGR_CURRENT_DATE")
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": STAMP})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": before})
