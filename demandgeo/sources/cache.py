"""A private cache of parsed text columns: Parquet files named by what they were made from and by what they hold."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from demandgeo.errors import OutputError

MAX_BYTES = 4 << 30
"""Above this the entries read longest ago go."""


def folder() -> Path:
    """Return the cache's folder: environment variable ``DEMANDGEO_CACHE``, else ``~/.cache/demandgeo``."""
    return Path(os.environ.get("DEMANDGEO_CACHE") or Path.home() / ".cache" / "demandgeo") / "sources"


def cached(key: str, build: Callable[[], pa.Table]) -> pa.Table:
    """Return the table of a key, building it unless a whole copy is stored; a damaged copy is built anew.

    A folder that cannot be written is done without: the result is the same, later.

    Raises
    ------
    OutputError
        If the folder belongs to somebody else or others may write to it.
    """
    private = _private(folder())
    if private is None:
        return build()
    for entry in sorted(private.glob(f"{key}-*.parquet")):
        table = _read(entry)
        if table is not None:
            os.utime(entry)
            return table
        entry.unlink(missing_ok=True)
    table = build()
    _write(table, private, key)
    return table


def _private(path: Path) -> Path | None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        state = path.stat()
    except OSError:
        return None
    # Windows keeps a user's own folders private, and states neither.
    if os.name == "posix" and (state.st_uid != os.getuid() or state.st_mode & 0o022):
        raise OutputError(
            f"the cache {path} belongs to another user, or others may write to it",
            "a private folder was needed: what is read from it is trusted",
            "chmod 700 it, or set DEMANDGEO_CACHE to a folder of your own",
        )
    return path if os.access(path, os.W_OK) else None


def _read(entry: Path) -> pa.Table | None:
    """Return the table of an entry, None if its bytes are not the ones its name states."""
    try:
        content = entry.read_bytes()
    except OSError:
        return None
    if hashlib.sha256(content).hexdigest() != entry.stem.partition("-")[2]:
        return None
    return pq.read_table(pa.BufferReader(content))


def _write(table: pa.Table, private: Path, key: str) -> None:
    part = private / f"{key}.part-{os.getpid()}"
    try:
        with part.open("wb") as stream:
            pq.write_table(table, stream, compression="zstd", compression_level=1)
            stream.flush()
            os.fsync(stream.fileno())
        with part.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        part.replace(private / f"{key}-{digest}.parquet")
        _drop_oldest(private)
    except OSError:  # a full disk costs the cache, not the run
        part.unlink(missing_ok=True)


def _drop_oldest(private: Path) -> None:
    entries = sorted(((p.stat().st_mtime, p.stat().st_size, p) for p in private.glob("*.parquet")), reverse=True)
    kept = 0
    for _, size, path in entries:
        kept += size
        if kept > MAX_BYTES:
            path.unlink(missing_ok=True)
