"""Typed tables (Parquet, vector files) as columns of text, so that every file is read by one grammar."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import shapely

from demandgeo.errors import Problem, Problems, SourceError, did_you_mean
from demandgeo.sources.archive import Member
from demandgeo.sources.delimited import Text, TextFile
from demandgeo.sources.vectors import read_vector

POINT_COLUMNS = ("x of the point", "y of the point")


def parquet_text(path: Path, columns: Sequence[str]) -> Text:
    """Read columns of a Parquet file as text.

    Raises
    ------
    SourceError
        If the file is damaged or a column is missing or no plain value.
    """
    try:
        with pq.ParquetFile(path) as file:
            _check_columns(columns, file.schema_arrow.names, path)
            rows = file.metadata.num_rows
            table = file.read(columns=list(columns))
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(Problem(f"cannot be read ({error})", remedy="export it again", file=str(path))) from error
    return _text(path, {name: table[name] for name in columns}, rows, Member(path, path.name).sha256())


def vector_text(path: Path, columns: Sequence[str], *, layer: str | None, crs: str | None) -> tuple[Text, str]:
    """Read columns of a vector file, and the coordinates of its points, as text; return them with their CRS."""
    vector = read_vector(path, layer=layer, crs=crs)
    frame = vector.frame
    _check_columns(columns, [str(name) for name in frame.columns if name != frame.geometry.name], path)
    points = frame.geometry.to_numpy()
    there = ~(shapely.is_missing(points) | shapely.is_empty(points))
    wrong = np.flatnonzero(there & (shapely.get_type_id(points) != shapely.GeometryType.POINT))
    if wrong.size:
        found = f"feature {wrong[0] + 1} and {wrong.size - 1} others are no points"
        raise SourceError(Problem(found, "points were needed", file=str(path)))
    coordinates = zip(POINT_COLUMNS, (shapely.get_x(points), shapely.get_y(points)), strict=True)
    arrays = {name: pa.chunked_array([pa.array(frame[name], from_pandas=True)]) for name in columns}
    arrays |= {name: pa.chunked_array([pa.array(values)]) for name, values in coordinates}
    return _text(path, arrays, vector.features, vector.sha256), vector.crs


def _check_columns(columns: Sequence[str], known: Sequence[str], path: Path) -> None:
    problems = Problems()
    for column in columns:
        if column not in known:
            problems.add(Problem(f"there is no column {column!r}", remedy=did_you_mean(column, known), file=str(path)))
    problems.raise_as(SourceError)


def _text(path: Path, columns: dict[str, pa.ChunkedArray], rows: int, sha256: str) -> Text:
    texts = {}
    for name, column in columns.items():
        try:
            texts[name] = _as_text(column)
        except pa.ArrowException as error:
            found = f"the column {name!r} holds {column.type}"
            raise SourceError(Problem(found, "text, numbers or times were needed", file=str(path))) from error
    table = pa.table(texts)
    file = TextFile(path.name, sha256, rows, table.num_rows, np.empty(0, np.int64), {}, header=0)
    return Text(table, (file,))


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_floating(column.type):
        # A table that came through pandas has NaN where it means that there is no value.
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    text = column.cast(pa.string())
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
