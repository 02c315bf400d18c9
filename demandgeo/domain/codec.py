"""One codec for every record: a folder named by its content, arrays as .npy, tables as Parquet, the rest as JSON.

A record inside a record is stored once, by reference to its hash. Nothing is pickled; arrays are memory-mapped when
read. A folder appears under its final name only when it is whole.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely

from demandgeo.domain.record import Record, plain
from demandgeo.errors import OutputError

FIELDS = "fields.json"


def save(record: Record, store: Path) -> str:
    """Write a record below `store`, unless it is there; return its content hash.

    Examples
    --------
    >>> import tempfile
    >>> from demandgeo.domain import Labels
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     name = save(Labels.of(["a", "b", "a"]), Path(folder))
    ...     load(name, Path(folder)).names
    ('a', 'b')
    """
    name = record.content_hash()
    final = store / name
    if (final / FIELDS).exists():
        return name
    part = store / f"{name}.part-{os.getpid()}"
    part.mkdir(parents=True)
    described = {item.name: _write(getattr(record, item.name), part, item.name, store) for item in fields(record)}  # type: ignore[arg-type]
    (part / FIELDS).write_text(json.dumps({"type": type(record).__name__, "fields": described}, sort_keys=True))
    for path in part.iterdir():
        _sync(path)
    try:
        part.rename(final)
    except OSError:  # another run wrote the same content first
        shutil.rmtree(part)
    _sync(store)
    return name


def load(name: str, store: Path) -> Any:
    """Read the record of a content hash.

    Raises
    ------
    OutputError
        If it is missing or of a type that is not known.
    """
    folder = store / name
    try:
        described = json.loads((folder / FIELDS).read_text())
    except (OSError, ValueError) as error:
        raise OutputError(f"{folder}: no whole artifact is stored there", remedy="run the step again") from error
    kinds = {kind.__name__: kind for kind in _kinds(Record)}
    kind = kinds.get(described["type"])
    if kind is None:
        raise OutputError(f"{folder}: holds a {described['type']}, which is no known type")
    return kind(**{key: _read(value, folder, store) for key, value in described["fields"].items()})


def verified(name: str, store: Path) -> Any | None:
    """Read a record and check its content against its name; None if it is missing or damaged."""
    try:
        record = load(name, store)
        return record if record.content_hash() == name else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def references(name: str, store: Path) -> set[str]:
    """Return the hash of a stored record and of every record inside it."""
    found = {name}
    try:
        described = json.loads((store / name / FIELDS).read_text())["fields"]
    except (OSError, ValueError):
        return found
    for value in described.values():
        for inner in _nested(value):
            found |= references(inner, store)
    return found


def _nested(value: Any) -> list[str]:
    if not isinstance(value, dict):
        return []
    if "record" in value:
        return [value["record"]]
    inside = value.get("mapping", {})
    parts = inside.values() if isinstance(inside, dict) else value.get("tuple", [])
    return [name for part in (*parts, *value.get("tuple", [])) for name in _nested(part)]


def _write(value: Any, folder: Path, name: str, store: Path) -> Any:
    if isinstance(value, Record):
        return {"record": save(value, store)}
    if isinstance(value, np.ndarray):
        return _write_array(value, folder, name)
    if isinstance(value, pd.DataFrame):
        value.to_parquet(folder / f"{name}.parquet", index=False)
        return {"table": f"{name}.parquet"}
    if isinstance(value, Mapping):
        return {"mapping": {key: _write(part, folder, f"{name}.{key}", store) for key, part in value.items()}}
    if isinstance(value, tuple):
        return {"tuple": [_write(part, folder, f"{name}.{i}", store) for i, part in enumerate(value)]}
    return {"value": plain(value)}


def _write_array(array: np.ndarray[Any, Any], folder: Path, name: str) -> Any:
    if array.dtype == object:
        column = pd.DataFrame({"wkb": shapely.to_wkb(array, include_srid=False)})
        column.to_parquet(folder / f"{name}.parquet", index=False)
        return {"geometry": f"{name}.parquet"}
    np.save(folder / f"{name}.npy", array, allow_pickle=False)
    return {"array": f"{name}.npy"}


def _read(described: Any, folder: Path, store: Path) -> Any:
    (how, value), = described.items()
    if how == "record":
        return load(value, store)
    if how == "array":
        return np.load(folder / value, mmap_mode="r", allow_pickle=False)
    if how == "geometry":
        return shapely.from_wkb(pd.read_parquet(folder / value)["wkb"].to_numpy())
    if how == "table":
        return pd.read_parquet(folder / value)
    if how == "mapping":
        return {key: _read(part, folder, store) for key, part in value.items()}
    if how == "tuple":
        return tuple(_read(part, folder, store) for part in value)
    return value


def _kinds(kind: type[Record]) -> list[type[Record]]:
    return [kind, *(inner for child in kind.__subclasses__() for inner in _kinds(child))]


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
