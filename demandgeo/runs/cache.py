"""Artifacts kept between runs: a step's result is found again by what went into it."""

from __future__ import annotations

import functools
import hashlib
import inspect
import json
import os
import platform
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

import pyproj
import pyproj.datadir
import shapely

from demandgeo.domain import Record, codec
from demandgeo.errors import SourceError
from demandgeo.runs.folders import sha256, write_text
from demandgeo.runs.plans import Call, input_files, name_below

LIBRARIES = (
    *("numpy", "numba", "llvmlite", "scipy", "pandas", "pyarrow", "shapely", "pyproj", "convertbng"),
    *("geopandas", "pyogrio", "rasterio", "matplotlib", "highspy"),
)
"""What reads, computes or draws; convertbng, which need not be there, makes coordinates exact."""
NAME = re.compile("[0-9a-f]{32}")
"""Keys and artifacts; nothing else that stands in a folder given as the cache's is ever deleted."""
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
        facts = _noted(self.steps / f"{key}.json")
        if facts is None:
            return None
        kept = Kept(**facts)
        whole = all((self.artifacts / name / codec.FIELDS).exists() for name in self._parts(kept.artifact))
        return kept if whole else None

    def keep(self, key: str, record: Record) -> Kept:
        """Store a result under its key."""
        self.artifacts.mkdir(parents=True, exist_ok=True)
        kept = Kept(codec.save(record, self.artifacts), str(getattr(record, "crs", "") or ""))
        _note(self.steps / f"{key}.json", {"artifact": kept.artifact, "crs": kept.crs})
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
        _note(self._last(run), facts)

    def remembered(self, run: str) -> Mapping[str, Any]:
        """Return what `remember` noted."""
        return _noted(self._last(run)) or {}

    def trim(self, max_gb: float) -> None:
        """Forget the oldest steps until the artifacts fit, then delete the artifacts no step refers to."""
        for orphan in self.artifacts.glob("*.part-*"):  # half written by a run that was killed
            if time.time() - _modified(orphan) * 1e-9 > STALE_SECONDS:
                shutil.rmtree(orphan, ignore_errors=True)
        sizes = {path.name: _size(path) for path in self.artifacts.glob("*") if NAME.fullmatch(path.name)}
        if sum(sizes.values()) <= max_gb * GB:
            return
        steps = [path for path in self.steps.glob("*.json") if NAME.fullmatch(path.stem)]
        steps.sort(key=lambda path: (_modified(path), path.name))
        needed = {path: self._parts((_noted(path) or {}).get("artifact", "")) for path in steps}
        while steps and sum(sizes.values()) > max_gb * GB:
            steps.pop(0).unlink(missing_ok=True)
            still = set().union(*(needed[path] for path in steps))
            for name in [name for name in sizes if name not in still]:
                shutil.rmtree(self.artifacts / name, ignore_errors=True)
                del sizes[name]

    def _parts(self, name: str) -> set[str]:
        try:
            return codec.references(name, self.artifacts)
        except (KeyError, TypeError, ValueError, AttributeError):  # damaged, as `load` will find
            return {name}

    def _last(self, run: str) -> Path:
        return self.folder / "last" / f"{_short_hash(run)}.json"


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
def code_version(*packages: str) -> str:
    """Hash of demandgeo's code and tables, of the plug-ins of these packages, and of the libraries that compute."""
    digest = hashlib.sha256()
    for name in dict.fromkeys(("demandgeo", *packages)):
        for root, path in _code_files(name):
            digest.update(f"{path.relative_to(root).as_posix()}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    digest.update(json.dumps(versions(), sort_keys=True).encode())
    return digest.hexdigest()


@functools.cache
def versions() -> dict[str, str]:
    """Versions of Python and of the libraries whose arithmetic reaches the results, and the grids PROJ has."""
    folders = [*pyproj.datadir.get_data_dir().split(os.pathsep), pyproj.datadir.get_user_data_dir()]  # type: ignore[attr-defined]
    return {
        "python": platform.python_version(),
        **{name: _version(name) for name in LIBRARIES},
        "GEOS": shapely.geos_version_string,
        "PROJ": pyproj.proj_version_str,
        "PROJ grids": " ".join(sorted(path.name for folder in folders for path in Path(folder).glob("*.tif"))),
    }


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _code_files(package: str) -> list[tuple[Path, Path]]:
    """Every file of a package, or of the parts of a namespace package, but what Python and Numba compiled from it."""
    module = import_module(package)
    if not hasattr(module, "__path__"):
        origin = getattr(module, "__file__", None)
        return [(Path(origin).parent, Path(origin))] if origin else []
    found = [(root, path) for root in map(Path, module.__path__) for path in sorted(root.rglob("*"))]
    return [(root, path) for root, path in found if path.is_file() and "__pycache__" not in path.parts]


def _typed_in(function: Any) -> str:
    """Return a hash of a function that stands in no file, such as a notebook's cell, with all that it uses."""
    if _has_file(function.__module__):
        return ""
    return " " + _short_hash(repr(list(_read_by(function, set()))))


def _read_by(function: Any, seen: set[int]) -> Iterator[object]:
    """Yield the code of a function, and of the functions of its kind that it calls, and the values that it reads."""
    function = inspect.unwrap(function)
    if id(function) in seen:
        return
    seen.add(id(function))
    yield function.__defaults__, function.__kwdefaults__
    codes = [function.__code__]
    for code in codes:
        codes += [part for part in code.co_consts if inspect.iscode(part)]
        yield code.co_code, code.co_names, [part for part in code.co_consts if not inspect.iscode(part)]
    names = {name for code in codes for name in code.co_names}
    used = {name: value for name, value in function.__globals__.items() if name in names}
    used |= inspect.getclosurevars(function).nonlocals
    for name, value in sorted(used.items()):
        yield name
        inner = inspect.unwrap(value) if callable(value) else value
        if inspect.isfunction(inner) and not _has_file(inner.__module__):
            yield from _read_by(inner, seen)
        elif isinstance(inner, Record):
            yield inner.content_hash()
        else:
            yield getattr(inner, "__qualname__", None) or getattr(inner, "__name__", None) or repr(inner)


def _has_file(module: str) -> bool:
    return getattr(import_module(module), "__file__", None) is not None


@functools.lru_cache(maxsize=4096)
def _hash_of(path: Path, *_facts: int) -> str:
    return sha256(path)


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file, read once while its size and times stand.

    Raises
    ------
    SourceError
        If it cannot be read.
    """
    try:
        facts = path.stat()
        return _hash_of(path, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino)
    except OSError as error:
        raise SourceError(
            f"{path}: cannot be read ({error.strerror})", remedy="check the file and its rights"
        ) from error


def _content(paths: Any) -> str:
    digest = hashlib.sha256()
    for given in paths if isinstance(paths, (list, tuple)) else [paths]:
        root = Path(given)
        for path in input_files(root):
            digest.update(f"{name_below(root, path)}\0{file_hash(path)}\0".encode())
    return digest.hexdigest()


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    return [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]


def _note(path: Path, facts: Mapping[str, Any]) -> None:
    """Keep facts in a file that says whether it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(facts)
    write_text(path, f"{_short_hash(text)}\n{text}")


def _noted(path: Path) -> dict[str, Any] | None:
    """Return the facts of a file, None if it is missing or damaged."""
    try:
        digest, _, text = path.read_text(encoding="utf-8").partition("\n")
    except (OSError, ValueError):
        return None
    return dict(json.loads(text)) if digest == _short_hash(text) else None


def _modified(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:  # another run took it away
        return time.time_ns()


def _size(folder: Path) -> int:
    try:
        return sum(path.stat().st_size for path in folder.glob("*"))
    except FileNotFoundError:
        return 0


def _short_hash(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
