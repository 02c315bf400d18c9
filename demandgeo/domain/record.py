"""What every domain type is: a frozen record of arrays, tables, numbers and other records, named by its content."""

from __future__ import annotations

import hashlib
import html
import json
from collections.abc import Iterable, Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import shapely
from numpy.typing import ArrayLike, NDArray

from demandgeo.registry import Artifact

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Codes = NDArray[np.int32]
Mask = NDArray[np.bool_]
Geometries = NDArray[np.object_]
Texts = NDArray[np.str_]

HASH_BYTES = 16


class Record(Artifact):
    """Base of the domain types: frozen dataclasses whose identity is their content.

    A subclass is ``@dataclass(frozen=True, slots=True, eq=False)``; its ``__post_init__`` checks everything,
    stores arrays through `frozen_array` and raises one error that lists every problem.
    """

    __slots__ = ()

    def content_hash(self) -> str:
        """Return the 128-bit BLAKE2b hash, in hex, of type, field names, dtypes, shapes and bytes."""
        digest = hashlib.blake2b(type(self).__name__.encode(), digest_size=HASH_BYTES)
        for item in fields(self):  # type: ignore[arg-type]
            digest.update(f"\0{item.name}\0".encode())
            for part in _hashed(getattr(self, item.name)):
                digest.update(part)
        return digest.hexdigest()

    def summary(self) -> dict[str, object]:
        """What a reader wants to see first, in order."""
        return {item.name: getattr(self, item.name) for item in fields(self)}  # type: ignore[arg-type]

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left'>{html.escape(key)}</th>"
            f"<td style='text-align:left'>{html.escape(_short(value))}</td></tr>"
            for key, value in self.summary().items()
        )
        return f"<table><caption>{html.escape(type(self).__name__)}</caption>{rows}</table>"

    def __repr__(self) -> str:
        inside = ", ".join(f"{key}={_short(value)}" for key, value in self.summary().items())
        return f"{type(self).__name__}({inside})"

    def _set(self, **values: object) -> None:
        """Set fields of a frozen record while it is being made."""
        for name, value in values.items():
            object.__setattr__(self, name, value)


def frozen_array(values: ArrayLike, dtype: Any = None) -> NDArray[Any]:
    """Return a C-contiguous read-only array; it copies only what its maker could still write to."""
    array = np.ascontiguousarray(values, dtype=dtype)
    if array.flags.writeable:
        array = array.copy() if array is values or array.base is not None else array
        array.flags.writeable = False
    return array


def frozen_geometries(values: Iterable[Any]) -> Geometries:
    """Return a read-only object array of shapely geometries."""
    array = np.array(values if isinstance(values, np.ndarray) else list(values), dtype=object)
    array.flags.writeable = False
    return array


def frozen_mapping(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a read-only copy of a mapping, nested mappings included."""
    return MappingProxyType(
        {str(key): frozen_mapping(value) if isinstance(value, Mapping) else value for key, value in values.items()}
    )


def plain(value: Any) -> Any:
    """Turn mappings, tuples and numpy scalars into what JSON knows."""
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(part) for part in value]
    if isinstance(value, np.generic):
        return value.item()
    return value


def _hashed(value: Any) -> Iterable[bytes]:
    if isinstance(value, Record):
        yield value.content_hash().encode()
    elif isinstance(value, pd.DataFrame):
        for column in value.columns:
            yield str(column).encode()
            yield from _hashed(value[column].to_numpy())
    elif isinstance(value, np.ndarray):
        yield f"{value.dtype.str}{value.shape}".encode()
        yield from _array_bytes(value)
    elif isinstance(value, Mapping):
        for key in sorted(value):
            yield f"\0{key}\0".encode()
            yield from _hashed(value[key])
    else:
        yield json.dumps(plain(value), sort_keys=True).encode()


def _array_bytes(array: NDArray[Any]) -> Iterable[bytes]:
    if array.dtype != object:
        yield np.ascontiguousarray(array).tobytes()
    elif array.size and isinstance(array.flat[0], shapely.Geometry):
        yield b"\0".join(shapely.to_wkb(array, include_srid=False).tolist())
    else:
        yield json.dumps([None if part is None or part != part else str(part) for part in array.tolist()]).encode()


def _short(value: object) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{list(value.shape)}"
    if isinstance(value, pd.DataFrame):
        return f"{len(value)} rows"
    if isinstance(value, float):
        return f"{value:,.6g}"
    text = repr(value) if isinstance(value, Record) else str(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
