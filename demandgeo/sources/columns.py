"""Columns of text into numbers, times and labels: each distinct text is read once, by a strict grammar."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from demandgeo.domain.labels import Labels
from demandgeo.domain.record import Floats, Mask
from demandgeo.sources.archive import MONTH

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
NO_MONTH = np.datetime64("NaT", "M")


def distinct(column: pa.ChunkedArray) -> tuple[list[str], NDArray[np.int32]]:
    """Return the distinct texts of a column and each row's index into them, -1 where it is missing."""
    array = column.combine_chunks()
    if not pa.types.is_dictionary(array.type):
        array = pc.dictionary_encode(array)
    codes = array.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return array.dictionary.to_pylist(), codes.astype(np.int32, copy=False)


def per_text(column: pa.ChunkedArray, function: Callable[[str], Any], missing: Any, dtype: Any) -> NDArray[Any]:
    """Apply a function to each distinct text and spread the answers over the rows."""
    texts, codes = distinct(column)
    answers = np.array([*(function(text) for text in texts), missing], dtype=dtype)
    return answers[codes]


def blank(column: pa.ChunkedArray) -> Mask:
    """Where a column has no text."""
    return cast(Mask, column.is_null().to_numpy())


def numbers(column: pa.ChunkedArray) -> Floats:
    """Return float64 [n]: NaN where there is no text, infinity where the text is no finite number."""
    return per_text(column, number, np.nan, np.float64)


def number(text: str) -> float:
    """Read a decimal number; infinity if it is none, so that one test finds all that is wrong.

    Examples
    --------
    >>> number(" -1.5e2 "), number("nan"), number("1,5"), number("1e309")
    (-150.0, inf, inf, inf)
    """
    text = text.strip()
    return float(text) if NUMBER.fullmatch(text) else np.inf


def month(text: str) -> np.datetime64:
    """Read ``YYYY-MM``; NaT if it is none."""
    text = text.strip()
    return np.datetime64(text, "M") if MONTH.fullmatch(text) else NO_MONTH


def this_month() -> np.datetime64:
    """Return the current month (UTC): what lies after it cannot have happened."""
    return np.datetime64(datetime.now(UTC).strftime("%Y-%m"), "M")


def labels(column: pa.ChunkedArray, rename: Callable[[str], str] = str) -> Labels:
    """Return the column as labels with sorted names; only names that occur are kept."""
    texts, codes = distinct(column)
    used = np.unique(codes[codes >= 0])
    renamed = {int(code): rename(texts[code]) for code in used}
    names = sorted(set(renamed.values()))
    place = {name: i for i, name in enumerate(names)}
    lookup = np.full(len(texts) + 1, -1, np.int32)
    for code, name in renamed.items():
        lookup[code] = place[name]
    return Labels(lookup[codes], tuple(names))
