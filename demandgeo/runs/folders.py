"""The result folder: one run at a time, no half-written file under its final name, the manifest last."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import filelock

from demandgeo.domain.disk import sync
from demandgeo.errors import DemandGeoError, OutputError

LOCK = ".demandgeo.lock"
STAGING = ".staging-"
PART = ".part-"
MANIFEST = "manifest.json"
MOVING = ".moving.json"
"""Lists the files of the old and the new result while the one replaces the other."""
ATTEMPTS = 3


class FolderInUseError(OutputError):
    """Another run holds the result folder."""

    exit_code = 4


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold a result folder for one run, without waiting; leave no folder behind that this run did not fill.

    Raises
    ------
    FolderInUseError
        If another run holds it; the message names its process.
    OutputError
        If the folder cannot be made, or the run that holds it cannot write.
    """
    made = [parent for parent in (folder, *folder.parents) if not os.path.exists(parent)]  # noqa: PTH110  never raises
    path = folder / LOCK
    try:
        lock = _acquired(folder)
        try:
            path.write_text(f"{os.getpid()}\n")
            _sweep(folder)
            yield
        finally:
            _leave(path, made)
            lock.release()
    except (DemandGeoError, BrokenPipeError):
        raise
    except OSError as error:
        raise OutputError(
            f"{error.filename or folder} cannot be written: {error.strerror or error}",
            remedy="look at the free space and the rights of the folder",
        ) from error


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """Give a folder to write into; when all went well, move its files into the result folder.

    Files that the last run wrote and this one does not are removed; others in the folder are left alone.

    The old manifest goes first and the caller writes the new one last, so that a manifest never stands beside files
    it does not describe.
    """
    staging = Path(tempfile.mkdtemp(prefix=STAGING, dir=folder))
    try:
        yield staging
        _move(staging, folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    part = path.with_name(f".{path.name}{PART}{uuid.uuid4().hex}")
    try:
        part.write_text(text, encoding="utf-8", newline="\n")
        sync(part)
        part.replace(path)
        sync(path.parent)
    finally:
        part.unlink(missing_ok=True)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def plain_name(name: object) -> bool:
    """Whether a name from a file that anybody may have changed stays in its folder."""
    return isinstance(name, str) and name not in ("", "..") and Path(name).name == name


def _acquired(folder: Path) -> filelock.BaseFileLock:
    path = folder / LOCK
    lock = filelock.FileLock(path)
    for attempt in range(ATTEMPTS):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock.acquire(blocking=False)
            break
        except filelock.Timeout as error:
            raise FolderInUseError(
                f"{folder} is in use by another run (process {_holder(path)})",
                remedy="wait for it, or give another outputs.folder",
            ) from error
        except FileNotFoundError:  # a run that was refused took the folder it had made away again
            if attempt == ATTEMPTS - 1:
                raise
    return lock


def _holder(path: Path) -> str:
    """Read who holds a lock, waiting a moment for a holder that has not written it yet."""
    for _ in range(20):
        with suppress(OSError):
            if holder := path.read_text().strip():
                return holder
        time.sleep(0.05)
    return "unknown"


def _leave(path: Path, made: list[Path]) -> None:
    """Say that nobody holds the lock, and take away the folders that this run made if nothing came into them."""
    with suppress(OSError):  # another run's folder stands in one of them by now, or somebody took them away
        os.truncate(path, 0)
        if made and [child.name for child in path.parent.iterdir()] == [LOCK]:
            path.unlink()
            for parent in made:
                parent.rmdir()


def _move(staging: Path, folder: Path) -> None:
    fresh = sorted(path for path in staging.iterdir() if path.is_file())
    for path in fresh:
        path.chmod(0o644)
        sync(path)
    old, names = _files(folder), {path.name for path in fresh}
    # Should this run be stopped before its manifest stands, the next one knows by this list which files are not the
    # user's.
    write_text(folder / MOVING, json.dumps({"outputs": [{"file": name} for name in sorted(old | names)]}))
    (folder / MANIFEST).unlink(missing_ok=True)
    sync(folder)
    for path in fresh:
        path.replace(folder / path.name)
    for name in sorted(old - names):
        (folder / name).unlink(missing_ok=True)
    sync(folder)


def _files(folder: Path) -> set[str]:
    """Return the result files of earlier runs: what the manifest lists, else what a stopped run was moving."""
    for listing in (MANIFEST, MOVING):
        with suppress(OSError, ValueError, KeyError, TypeError):
            outputs = json.loads((folder / listing).read_text(encoding="utf-8"))["outputs"]
            return {output["file"] for output in outputs if plain_name(output["file"])}
    return set()


def _sweep(folder: Path) -> None:
    for orphan in folder.glob(f"{STAGING}*"):
        shutil.rmtree(orphan, ignore_errors=True)
    for name in (MANIFEST, MOVING):
        for orphan in folder.glob(f".{name}{PART}*"):
            orphan.unlink(missing_ok=True)
    if (folder / MANIFEST).exists():
        (folder / MOVING).unlink(missing_ok=True)
