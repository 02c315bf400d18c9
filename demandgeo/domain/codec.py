"""One codec for every record: a folder named by its content, arrays as .npy, tables as Parquet, the rest as JSON.

A record inside a record is stored once, by reference to its hash. Nothing is pickled; arrays are memory-mapped when
read. A folder appears under its final name only when it is whole.
"""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely

from demandgeo.domain.disk import sync
from demandgeo.domain.record import Record, is_text, plain
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
    if final.exists():
        # Checked, not trusted: a damaged folder left in place would be found damaged in every later run.
        if verified(name, store) is not None:
            return name
        shutil.rmtree(final, ignore_errors=True)
    part = store / f"{name}.part-{uuid.uuid4().hex}"
    try:
        _fill(part, record, store)
        part.rename(final)
        sync(store)
    except OSError as error:
        if not (final / FIELDS).exists():  # else another run wrote the same content first
            raise OutputError(f"{final}: cannot be written: {error}", remedy="free some space, or move it") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
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
        whole = record.content_hash() == name
    except Exception:  # noqa: BLE001  what a damaged file raises in its reader is no closed list
        return None
    return record if whole else None


def references(name: str, store: Path) -> set[str]:
    """Return the hash of a stored record and of every record inside it."""
    found = {name}
    try:
        described = json.loads((store / name / FIELDS).read_text())["fields"]
    except (OSError, ValueError):
        return found
    for inner in _nested({"mapping": described}):
        found |= references(inner, store)
    return found


def _nested(described: Mapping[str, Any]) -> list[str]:
    ((how, value),) = described.items()
    if how == "record":
        return [value]
    parts = value.values() if how == "mapping" else value if how == "tuple" else ()
    return [name for part in parts for name in _nested(part)]


def _fill(folder: Path, record: Record, store: Path) -> None:
    folder.mkdir(parents=True)
    named = {item.name: getattr(record, item.name) for item in fields(record)}  # type: ignore[arg-type]
    described = {name: _write(value, folder, name, store) for name, value in named.items()}
    (folder / FIELDS).write_text(json.dumps({"type": type(record).__name__, "fields": described}, sort_keys=True))
    for path in (*folder.iterdir(), folder):
        sync(path)


def _write(value: Any, folder: Path, name: str, store: Path) -> Any:
    if isinstance(value, Record):
        return {"record": save(value, store)}
    if isinstance(value, np.ndarray):
        return _write_array(value, folder, name)
    if isinstance(value, pd.DataFrame):
        value.to_parquet(folder / f"{name}.parquet", index=False)
        return {"table": f"{name}.parquet"}
    return _write_parts(value, folder, name, store)


def _write_array(array: np.ndarray[Any, Any], folder: Path, name: str) -> Any:
    if array.dtype == object:
        column = pd.DataFrame({"wkb": shapely.to_wkb(array, include_srid=False)})
        column.to_parquet(folder / f"{name}.parquet", index=False)
        return {"geometry": f"{name}.parquet"}
    np.save(folder / f"{name}.npy", array, allow_pickle=False)
    return {"array": f"{name}.npy"}


def _write_parts(value: Any, folder: Path, name: str, store: Path) -> Any:
    if isinstance(value, Mapping):
        # Numbered, because a key may hold what a file name must not.
        parts = enumerate(value.items())
        return {"mapping": {key: _write(part, folder, f"{name}.{i}", store) for i, (key, part) in parts}}
    if is_text(value):
        return {"texts": value}
    if isinstance(value, tuple):
        return {"tuple": [_write(part, folder, f"{name}.{i}", store) for i, part in enumerate(value)]}
    return {"value": plain(value)}


def _read(described: Any, folder: Path, store: Path) -> Any:
    ((how, value),) = described.items()
    if how in _FILES:
        return _FILES[how](folder / value)
    if how == "record":
        return load(value, store)
    if how == "mapping":
        return {key: _read(part, folder, store) for key, part in value.items()}
    if how == "tuple":
        return tuple(_read(part, folder, store) for part in value)
    return tuple(value) if how == "texts" else value


def _read_array(path: Path) -> np.ndarray[Any, Any]:
    return np.load(path, mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]


def _read_geometry(path: Path) -> Any:
    return shapely.from_wkb(pd.read_parquet(path)["wkb"].to_numpy())


_FILES: Mapping[str, Callable[[Path], Any]] = {
    "array": _read_array,
    "geometry": _read_geometry,
    "table": pd.read_parquet,
}


def _kinds(kind: type[Record]) -> list[type[Record]]:
    return [kind, *(inner for child in kind.__subclasses__() for inner in _kinds(child))]
