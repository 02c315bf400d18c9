"""The result folder: one run at a time, no half-written file under its final name, the manifest last."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from demandgeo.errors import OutputError

LOCK = ".demandgeo.lock"
STAGING = ".staging-"
MANIFEST = "manifest.json"


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
    """
    made = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOCK
    lock = filelock.FileLock(path)
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout as error:
        holder = path.read_text().strip() or "unknown"
        raise FolderInUseError(
            f"{folder} is in use by another run (process {holder})",
            remedy="wait for it, or give another outputs.folder",
        ) from error
    try:
        path.write_text(f"{os.getpid()}\n")
        _sweep(folder)
        yield
    finally:
        if made and [child.name for child in folder.iterdir()] == [LOCK]:
            path.unlink()
            for parent in made:
                parent.rmdir()
        lock.release()


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
        old = _files(folder)
        (folder / MANIFEST).unlink(missing_ok=True)
        fresh = sorted(path for path in staging.iterdir() if path.is_file())
        for path in fresh:
            path.chmod(0o644)
            _sync(path)
            path.replace(folder / path.name)
        for name in old - {path.name for path in fresh}:
            (folder / name).unlink()
        _sync(folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    part = path.with_name(f".{path.name}.part-{os.getpid()}")
    try:
        part.write_text(text, encoding="utf-8", newline="\n")
        _sync(part)
        part.replace(path)
        _sync(path.parent)
    finally:
        part.unlink(missing_ok=True)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files(folder: Path) -> set[str]:
    """Return the result files of an earlier run, as its manifest lists them."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
        return {output["file"] for output in manifest["outputs"] if (folder / output["file"]).is_file()}
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def _sweep(folder: Path) -> None:
    for orphan in folder.glob(f"{STAGING}*"):
        shutil.rmtree(orphan, ignore_errors=True)
    for orphan in folder.glob(".*.part-*"):
        orphan.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
