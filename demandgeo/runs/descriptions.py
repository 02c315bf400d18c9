"""What can be said about stages, readers and the installation."""

from __future__ import annotations

import inspect
import platform
import textwrap
import typing
from collections.abc import Iterator
from importlib import metadata, util
from typing import Any

import numba
import pyogrio
import rasterio

import demandgeo
from demandgeo.errors import ConfigError, did_you_mean
from demandgeo.registry import CRITERIA, READERS, STAGES, WRITERS, Entry

LIBRARIES = ("numpy", "numba", "scipy", "pandas", "geopandas", "shapely", "pyproj", "pyogrio", "rasterio", "pyarrow")


def listed() -> str:
    """List every reader, stage, criterion and writer with inputs (``?``: optional), result, purpose and settings."""
    return "\n".join(_lines())


def described(name: str) -> str:
    """Describe inputs, settings and purpose of one reader or stage.

    Raises
    ------
    ConfigError
        If there is none of that name.
    """
    entries = {**READERS.entries(), **STAGES.entries()}
    if name not in entries:
        raise ConfigError(f"no stage or reader is called {name!r}", remedy=did_you_mean(name, entries))
    entry = entries[name]
    inputs = [f"  {key}: {wanted}{' (optional)' * wanted.optional}" for key, wanted in entry.inputs.items()]
    settings = [f"  {key}: {_setting(entry, key)}" for key in entry.settings.model_fields]
    parts = [f"{name} -> {_made(entry)}", *(["inputs:", *inputs] if inputs else [])]
    parts += ["settings:", *settings] if settings else []
    return "\n".join([*parts, "", inspect.getdoc(entry.function) or ""])


def installation() -> dict[str, str]:
    """Versions, threads and the accuracy of the transformation to the British National Grid."""
    exact = util.find_spec("convertbng") is not None
    facts = {"demandgeo": demandgeo.__version__, "python": platform.python_version(), "system": platform.platform()}
    facts |= {name: metadata.version(name) for name in LIBRARIES}
    return facts | {
        "GDAL in rasterio": rasterio.__gdal_version__,
        "GDAL in pyogrio": ".".join(map(str, pyogrio.__gdal_version__)),
        "numba threads": str(numba.get_num_threads()),
        "WGS84 to EPSG:27700": "OSTN15, 0.1 m" if exact else "about 2 m; the ostn15 extra (convertbng) makes it 0.1 m",
    }


def _lines() -> Iterator[str]:
    for register in (READERS, STAGES, CRITERIA, WRITERS):
        entries = register.entries()
        if entries:
            yield f"{register.kind}s"
        for name, entry in entries.items():
            inputs = ", ".join(f"{key}: {wanted}{'?' * wanted.optional}" for key, wanted in entry.inputs.items())
            yield f"  {name:24} {inputs + ' -> ' if inputs else ''}{_made(entry)}"
            yield f"  {'':24} {entry.summary}"
            settings = ", ".join(_brief(entry, key) for key in entry.settings.model_fields)
            if settings:
                yield from textwrap.wrap(settings, 92, initial_indent=" " * 27, subsequent_indent=" " * 29)


def _brief(entry: Entry, key: str) -> str:
    field = entry.settings.model_fields[key]
    return key if field.is_required() else f"{key}={field.default!r}"


def _made(entry: Entry) -> str:
    return str(entry.output) if typing.get_args(entry.output) else entry.output.__name__


def _setting(entry: Entry, key: str) -> str:
    field = entry.settings.model_fields[key]
    kind: Any = field.annotation
    shown = kind.__name__ if isinstance(kind, type) else str(kind).replace("typing.", "")
    return shown if field.is_required() else f"{shown} = {field.default!r}"
