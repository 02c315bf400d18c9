"""Artifacts kept between runs: a step's result is found again by what went into it."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import platform
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import pyproj
import shapely

from demandgeo.domain import Record, codec
from demandgeo.runs.folders import sha256, write_text
from demandgeo.runs.plans import Call, input_files

TABLES = (".py", ".csv")
LIBRARIES = ("numpy", "numba", "scipy", "pandas", "shapely", "pyproj", "highspy")
GB = 1e9
STALE_SECONDS = 3600
"""A half-written artifact this old belongs to no run under way."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What the cache knows of a step's result.

    Attributes
    ----------
    artifact
        Content hash.
    crs
        CRS of the result, empty if it has none.
    """

    artifact: str
    crs: str = ""


@dataclass(frozen=True, slots=True)
class Ingredients:
    """What decides a step's result, and so its key.

    Attributes
    ----------
    stage
        Name of the stage or reader.
    settings
        Its settings as JSON, without paths.
    inputs
        Content hash of each input artifact and of each file's bytes.
    code
        Hash of the code and of the versions of the libraries that compute.
    """

    stage: str
    settings: str
    inputs: Mapping[str, str]
    code: str

    @property
    def key(self) -> str:
        """Hash of all of it."""
        text = json.dumps([self.stage, self.settings, sorted(self.inputs.items()), self.code])
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    def difference(self, before: Mapping[str, Any]) -> str:
        """Say why a step cannot be taken from the cache, given its ingredients of the last run."""
        if not before:
            return "new"
        if before["stage"] != self.stage:
            return f"was {before['stage']}"
        if before["settings"] != self.settings:
            return "settings changed: " + ", ".join(_changed(json.loads(before["settings"]), json.loads(self.settings)))
        if dict(before["inputs"]) != dict(self.inputs):
            return "input changed: " + ", ".join(_changed(before["inputs"], self.inputs))
        return "code or library versions changed" if before["code"] != self.code else "its artifact is gone"


class Cache:
    """Artifacts by content hash, and the index from step keys to them.

    Parameters
    ----------
    folder
        Made if missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.artifacts, self.steps = folder / "artifacts", folder / "steps"

    def find(self, key: str) -> Kept | None:
        """Return what is kept under a key, if it is whole."""
        try:
            kept = Kept(**json.loads((self.steps / f"{key}.json").read_text()))
        except (OSError, ValueError, TypeError):
            return None
        names = codec.references(kept.artifact, self.artifacts)
        return kept if all((self.artifacts / name / codec.FIELDS).exists() for name in names) else None

    def keep(self, key: str, record: Record) -> Kept:
        """Store a result under its key."""
        self.artifacts.mkdir(parents=True, exist_ok=True)
        self.steps.mkdir(parents=True, exist_ok=True)
        name = codec.save(record, self.artifacts)
        kept = Kept(name, str(getattr(record, "crs", "") or ""))
        write_text(self.steps / f"{key}.json", json.dumps({"artifact": kept.artifact, "crs": kept.crs}))
        return kept

    def load(self, kept: Kept) -> Record | None:
        """Return an artifact, or None (and forget it) if it is damaged."""
        record: Record | None = codec.verified(kept.artifact, self.artifacts)
        if record is None:
            shutil.rmtree(self.artifacts / kept.artifact, ignore_errors=True)
        return record

    def remember(self, run: str, ingredients: Mapping[str, Ingredients]) -> None:
        """Note what went into each step of a run, so that the next plan can say why it differs."""
        facts = {
            name: {"stage": i.stage, "settings": i.settings, "inputs": dict(i.inputs), "code": i.code}
            for name, i in ingredients.items()
        }
        folder = self.folder / "last"
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / f"{_short_hash(run)}.json", json.dumps(facts))

    def remembered(self, run: str) -> Mapping[str, Any]:
        """Return what `remember` noted."""
        try:
            return dict(json.loads((self.folder / "last" / f"{_short_hash(run)}.json").read_text()))
        except (OSError, ValueError):
            return {}

    def trim(self, max_gb: float) -> None:
        """Forget the oldest steps until the artifacts fit, then delete the artifacts no step refers to."""
        for orphan in self.artifacts.glob("*.part-*"):  # half written by a run that was killed
            if time.time() - orphan.stat().st_mtime > STALE_SECONDS:
                shutil.rmtree(orphan, ignore_errors=True)
        steps = sorted(self.steps.glob("*.json"), key=lambda path: (path.stat().st_mtime_ns, path.name))
        sizes = {folder.name: _size(folder) for folder in self.artifacts.iterdir() if folder.is_dir()}
        while steps and sum(sizes.values()) > max_gb * GB:
            steps.pop(0).unlink()
            needed = self._referred(steps)
            for name in [name for name in sizes if name not in needed]:
                shutil.rmtree(self.artifacts / name, ignore_errors=True)
                del sizes[name]

    def _referred(self, steps: list[Path]) -> set[str]:
        names = (json.loads(path.read_text())["artifact"] for path in steps)
        return {inner for name in names for inner in codec.references(name, self.artifacts)}


def ingredients(call: Call, kept: Mapping[str, Kept], crs: str | None) -> Ingredients:
    """Collect what decides a call's result.

    Parameters
    ----------
    kept
        The artifacts made so far.
    crs
        The run's CRS, so far as it is known.
    """
    settings = {k: v for k, v in filled(call, crs).items() if k not in call.files}
    inputs = {f"file {key}": _content(call.settings[key]) for key in call.files}
    for parameter, references in call.inputs.items():
        for i, reference in enumerate(references):
            name, *fields = reference.split(".")
            inputs[f"{parameter}[{i}]"] = ".".join((kept[name].artifact, *fields))
    function = call.entry.function
    code = code_version(function.__module__.partition(".")[0]) + _typed_in(function)
    return Ingredients(call.entry.name, json.dumps(settings, sort_keys=True, default=str), inputs, code)


def filled(call: Call, crs: str | None) -> dict[str, Any]:
    """Return a call's settings with the run's CRS where a reader was given none."""
    settings = dict(call.settings)
    if "to_crs" in settings and settings["to_crs"] is None:
        settings["to_crs"] = crs
    return settings


@functools.cache
def code_version(package: str = "demandgeo") -> str:
    """Hash of demandgeo's code and tables, of a plug-in's code, and of the libraries that compute."""
    digest = hashlib.sha256()
    for name in dict.fromkeys(("demandgeo", package)):
        for root, path in _code_files(name):
            digest.update(f"{path.relative_to(root).as_posix()}\0".encode())
            digest.update(path.read_bytes())
    digest.update(json.dumps(versions(), sort_keys=True).encode())
    return digest.hexdigest()


@functools.cache
def versions() -> dict[str, str]:
    """Versions of Python and of the libraries whose arithmetic reaches the results."""
    found = {name: metadata.version(name) for name in LIBRARIES}
    return {
        "python": platform.python_version(),
        **found,
        "GEOS": shapely.geos_version_string,
        "PROJ": pyproj.proj_version_str,
    }


def _code_files(package: str) -> list[tuple[Path, Path]]:
    module = import_module(package)
    origin = getattr(module, "__file__", None)
    if origin is None:
        return []
    root = Path(origin).parent
    found = root.rglob("*") if hasattr(module, "__path__") else [Path(origin)]
    return [(root, path) for path in sorted(found) if path.suffix in TABLES]


def _typed_in(function: Any) -> str:
    """Return a hash of a function that stands in no file, such as a notebook's cell."""
    if getattr(import_module(function.__module__), "__file__", None) is not None:
        return ""
    code = function.__code__
    return " " + _short_hash(repr((code.co_code, code.co_consts, code.co_names)))


@functools.lru_cache(maxsize=4096)
def _hash_of(path: Path, *_facts: int) -> str:
    return sha256(path)


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file, read once while its size and time stand."""
    facts = path.stat()
    return _hash_of(path, facts.st_size, facts.st_mtime_ns)


def _content(paths: Any) -> str:
    digest = hashlib.sha256()
    for given in paths if isinstance(paths, (list, tuple)) else [paths]:
        root = Path(given)
        for path in input_files(root):
            name = path.relative_to(root).as_posix() if path != root else path.name
            digest.update(f"{name}\0{file_hash(path)}\0".encode())
    return digest.hexdigest()


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    return [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]


def _size(folder: Path) -> int:
    return sum(entry.stat().st_size for entry in os.scandir(folder))


def _short_hash(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
