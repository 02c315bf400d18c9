"""What every domain type is: a frozen record of arrays, tables, numbers and other records, named by its content."""

from __future__ import annotations

import copyreg
import hashlib
import html
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import shapely
from numpy.typing import ArrayLike, NDArray

from demandgeo.errors import ModelError
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
    stores arrays, mappings and tables through `frozen_array`, `frozen_mapping` and `frozen_table`, and raises one
    error that lists every problem. A tuple holds text, numbers or records.
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
        """Return what a reader wants to see first, in order."""
        return {item.name: getattr(self, item.name) for item in fields(self)}  # type: ignore[arg-type]

    def __reduce__(self) -> tuple[Any, ...]:
        # Through the constructor, so that what arrives in another process is checked and read-only again.
        return type(self), tuple(getattr(self, item.name) for item in fields(self))  # type: ignore[arg-type]

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
    """Return a C-contiguous read-only array; only what nobody can write to is shared, all else is copied.

    Raises
    ------
    ModelError
        If the values are Python objects.
    """
    if isinstance(values, np.ndarray) and not _writable(values):
        array = np.ascontiguousarray(values, dtype=dtype)
    else:
        array = np.array(values, dtype=dtype, order="C", ndmin=1)
    if array.dtype == object:
        raise ModelError("an array holds Python objects", "numbers or dates were needed", "give text as Labels")
    array.flags.writeable = False
    return array


def frozen_geometries(values: Iterable[Any]) -> Geometries:
    """Return a read-only object array of shapely geometries."""
    array = np.array(values if isinstance(values, np.ndarray) else list(values), dtype=object)
    array.flags.writeable = False
    return array


def frozen_mapping(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a read-only copy of a mapping and of all that it holds; lists become tuples."""
    return MappingProxyType({str(key): _frozen(value) for key, value in values.items()})


def frozen_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a copy of a table, its rows numbered from 0, with the types that Parquet keeps.

    Raises
    ------
    ModelError
        If a column mixes types.
    """
    # Parquet has neither times in whole seconds nor categories that no row uses.
    kept: dict[Any, Any] = {}
    for name, dtype in frame.dtypes.items():
        if isinstance(dtype, pd.CategoricalDtype):
            kept[name] = dtype.categories.dtype
        elif dtype == "datetime64[s]":
            kept[name] = "datetime64[ms]"
    try:
        table: pd.DataFrame = pa.Table.from_pandas(frame.astype(kept), preserve_index=False).to_pandas()
    except (ValueError, TypeError) as error:  # Arrow's own errors are both
        raise ModelError(
            f"a table cannot be stored: {'; '.join(map(str, error.args))}", "one type per column was needed"
        ) from error
    return table


def plain(value: Any) -> Any:
    """Turn mappings, tuples and numpy scalars into what JSON knows."""
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(part) for part in value]
    if isinstance(value, np.generic):
        return value.item()
    return value


def is_text(value: Any) -> bool:
    """Whether it is a tuple of nothing but text (a million names, at times)."""
    return isinstance(value, tuple) and set(map(type, value)) <= {str}


def _writable(array: NDArray[Any]) -> bool:
    # A read-only view of a writable array, such as pandas gives, changes when its owner writes.
    return array.flags.writeable or (isinstance(array.base, np.ndarray) and _writable(array.base))


def _frozen(value: Any) -> Any:
    if isinstance(value, Mapping):
        return frozen_mapping(value)
    if isinstance(value, (list, tuple)):
        return tuple(map(_frozen, value))
    if isinstance(value, np.ndarray):
        return frozen_array(value)
    if isinstance(value, pd.DataFrame):
        return frozen_table(value)
    value = plain(value)
    if value is None or isinstance(value, (str, int, float, Record)):
        return value
    raise TypeError(f"a record cannot hold {value!r}, a {type(value).__name__}: give text or a number")


def _hashed(value: Any) -> Iterator[bytes | memoryview]:
    if isinstance(value, Record):
        yield value.content_hash().encode()
    elif isinstance(value, np.ndarray):
        yield f"{value.dtype.str}{value.shape}".encode()
        yield _array_bytes(value)
    elif isinstance(value, pd.DataFrame):
        yield from _hashed({f"{i} {name}": value.iloc[:, i].to_numpy() for i, name in enumerate(value.columns)})
    elif isinstance(value, Mapping):
        yield f"{len(value)} keys".encode()
        for key in sorted(value):
            yield f"\0{key}\0".encode()
            yield from _hashed(value[key])
    elif is_text(value):
        yield json.dumps(value).encode()
    elif isinstance(value, tuple):
        yield f"{len(value)} parts".encode()
        for part in value:
            yield from _hashed(part)
    else:
        yield f"\0{json.dumps(plain(value))}".encode()


def _array_bytes(array: NDArray[Any]) -> bytes | memoryview:
    if array.dtype != object:
        return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data
    if array.size and isinstance(array.flat[0], shapely.Geometry):
        return b"\0".join(shapely.to_wkb(array, include_srid=False).tolist())
    missing = pd.isna(array)
    return json.dumps([None if gone else str(part) for part, gone in zip(array, missing, strict=True)]).encode()


def _short(value: object) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{list(value.shape)}"
    if isinstance(value, pd.DataFrame):
        return f"{len(value)} rows"
    if isinstance(value, float):
        return f"{value:,.6g}"
    text = repr(value) if isinstance(value, Record) else str(value)
    return text if len(text) <= 120 else f"{text[:117]}..."


# Read-only mappings have no pickled form of their own; records hold them and travel between processes.
copyreg.pickle(MappingProxyType, lambda values: (frozen_mapping, (dict(values),)))  # type: ignore[arg-type,return-value]
