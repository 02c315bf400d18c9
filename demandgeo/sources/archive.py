"""Where the bytes come from: files, folders of months and zip archives, opened with care and never extracted."""

from __future__ import annotations

import gzip
import hashlib
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, cast

from demandgeo.errors import ConfigError, Problem, Problems, SourceError

STREET_FILE = re.compile(r"(?P<month>\d{4}-\d{2})-(?P<force>.+?)-street.*\.csv(\.gz)?")
MONTH_FOLDER = re.compile(r"\d{4}-\d{2}")
MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")

MAX_MEMBERS, MAX_BYTES, MAX_RATIO = 20_000, 20 << 30, 200
"""Above these an archive is refused: real months are compressed some sixfold."""

ALWAYS = 1 << 20
"""Bytes that a gzip file may unpack to, whatever its own size."""

DAMAGED = (EOFError, zlib.error, zipfile.BadZipFile, gzip.BadGzipFile, NotImplementedError, RuntimeError)


@dataclass(frozen=True, slots=True)
class Member:
    """One file to read, on its own or inside a zip archive.

    Parameters
    ----------
    path
        The file, or the archive.
    name
        What messages and the ledger call it.
    inside
        Its name in the archive, empty for a file of its own.
    """

    path: Path
    name: str
    inside: str = ""

    @property
    def month(self) -> str:
        """The month that its name states, or nothing."""
        return self._stated("month")

    @property
    def force(self) -> str:
        """The force that its name states (``west-yorkshire``), or nothing."""
        return self._stated("force")

    def sha256(self) -> str:
        """Hash of the bytes as they are stored (of a zip's member: unpacked)."""
        with self._opened(unpack=False) as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """Open its text; damaged compression is refused by name, also when it shows only while reading."""
        with self._opened(unpack=True) as stream:
            yield stream

    def _stated(self, part: str) -> str:
        match = STREET_FILE.fullmatch(PurePosixPath(self.inside or self.path.name).name)
        return match[part] if match else ""

    @contextmanager
    def _opened(self, *, unpack: bool) -> Iterator[IO[bytes]]:
        try:
            if self.inside:
                with zipfile.ZipFile(self.path) as archive, archive.open(self.inside) as member:
                    yield member
            elif unpack and self.path.suffix.lower() == ".gz":
                with _Limited(self.path, self.name) as stream:
                    yield cast(IO[bytes], stream)
            else:
                with self.path.open("rb") as plain:
                    yield plain
        except DAMAGED as error:
            raise SourceError(
                Problem(f"the file is damaged ({error})", remedy="download it again", file=self.name)
            ) from error
        except OSError as error:
            raise SourceError(
                Problem(f"cannot be read ({error.strerror or error})", remedy="check the path", file=self.name)
            ) from error


class _Limited(gzip.GzipFile):
    """A gzip file read up to a limit: its header states no size that could be trusted."""

    def __init__(self, path: Path, name: str) -> None:
        super().__init__(path, "rb")
        self.left = min(MAX_BYTES, ALWAYS + MAX_RATIO * path.stat().st_size)
        self.called = name

    def read(self, size: int | None = -1) -> bytes:
        block = super().read(size)
        self.left -= len(block)
        if self.left < 0:
            found = f"the file unpacks to more than {MAX_RATIO} times its size, or {MAX_BYTES:,} bytes"
            raise SourceError(Problem(found, "a CSV file was needed", file=self.called))
        return block


def street_files(path: Path, months: Sequence[str] | None = None) -> tuple[tuple[Member, ...], tuple[str, ...]]:
    """Return the street-level files of a path, by month and force, and the names of those that are not read.

    Parameters
    ----------
    path
        A CSV file (also ``.gz``), a zip archive, or a folder with files ``YYYY-MM-FORCE-street*.csv[.gz]``, in
        sub-folders ``YYYY-MM`` or not.
    months
        ``YYYY-MM``; all months if None.

    Raises
    ------
    SourceError
        If there is none, a month is absent, a force-month stands there twice or an archive is not safe.
    """
    if not path.exists():
        raise SourceError(f"{path} does not exist", "a CSV file, a zip archive or a folder", "check the path")
    if path.is_dir():
        found = _in_folder(path)
    elif path.suffix.lower() == ".zip":
        found = _in_zip(path)
    else:
        return (Member(path, path.name),), ()
    files = sorted((m for m in found if m.month), key=lambda m: (m.month, m.force, m.name))
    ignored = sorted(m.name for m in found if not m.month)
    if not files:
        raise SourceError(
            f"{path} holds no street-level file ({', '.join(ignored[:5]) or 'it is empty'})",
            "files named YYYY-MM-FORCE-street.csv were needed",
        )
    chosen = [m for m in files if months is None or m.month in months]
    check_months(path, months, {m.month for m in files})
    _check_once(chosen)
    return tuple(chosen), tuple(sorted([*ignored, *(m.name for m in files if m not in chosen)]))


def table_files(path: Path) -> tuple[Member, ...]:
    """Return the file of a path, or every CSV of a zip archive.

    Raises
    ------
    SourceError
        If there is none, or the archive is not safe.
    """
    if not path.is_file():
        raise SourceError(f"{path} is no file", "a .csv, .csv.gz or .zip was needed", "check the path")
    if path.suffix.lower() != ".zip":
        return (Member(path, path.name),)
    found = tuple(member for member in _in_zip(path) if member.inside.lower().endswith(".csv"))
    if not found:
        raise SourceError(f"{path} holds no CSV file", "the archive as published was needed")
    return found


def check_months(path: Path, months: Sequence[str] | None, present: set[str]) -> None:
    """Refuse months that are absent, naming those present; and what is no list of months."""
    if months is None:
        return
    if isinstance(months, str) or not all(isinstance(m, str) and MONTH.fullmatch(m) for m in months) or not months:
        raise ConfigError(f"months is {months!r}", 'a list such as ["2018-06", "2018-07"] was needed')
    absent = sorted(set(months) - present)
    if absent:
        raise SourceError(
            f"{path}: no data for {', '.join(absent)}",
            f"present: {', '.join(sorted(present)) or 'no month'}",
            "download the missing months, or take them out of months",
        )


def _check_once(members: Sequence[Member]) -> None:
    problems = Problems()
    seen: dict[tuple[str, str], str] = {}
    for member in members:
        before = seen.setdefault((member.month, member.force), member.name)
        problems.check(
            before == member.name,
            f"{member.force} {member.month} stands there twice: {before} and {member.name}",
            "each force-month once was needed",
            "remove one of the two",
        )
    problems.raise_as(SourceError)


def _in_folder(folder: Path) -> list[Member]:
    entries: list[Path] = []
    for entry in folder.iterdir():
        is_month = entry.is_dir() and MONTH_FOLDER.fullmatch(entry.name)
        entries.extend(entry.iterdir() if is_month else [entry])
    # A folder whose name looks like a file's is ignored as one.
    return [Member(entry, entry.relative_to(folder).as_posix() + "/" * entry.is_dir()) for entry in entries]


def _in_zip(path: Path) -> list[Member]:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (OSError, *DAMAGED) as error:
        raise SourceError(f"{path} is no readable zip archive ({error})", remedy="download it again") from error
    _check_zip(path, entries)
    return [Member(path, f"{path.name}/{entry.filename}", entry.filename) for entry in entries if not entry.is_dir()]


def _check_zip(path: Path, entries: Sequence[zipfile.ZipInfo]) -> None:
    problems = Problems()
    total = sum(entry.file_size for entry in entries)
    problems.check(len(entries) <= MAX_MEMBERS, f"{path} holds {len(entries):,} files", f"at most {MAX_MEMBERS:,}")
    problems.check(total <= MAX_BYTES, f"{path} unpacks to {total:,} bytes", f"at most {MAX_BYTES:,}")
    for entry in entries:
        inside = PurePosixPath(entry.filename.replace("\\", "/"))
        safe = not inside.is_absolute() and ".." not in inside.parts and ":" not in entry.filename
        problems.check(safe, f"{path} holds {entry.filename!r}", "names inside the archive's own folder were needed")
        ratio = entry.file_size / max(entry.compress_size, 1)
        problems.check(
            ratio <= MAX_RATIO, f"{path}: {entry.filename} unpacks {ratio:,.0f}-fold", f"at most {MAX_RATIO}-fold"
        )
    problems.raise_as(SourceError)
