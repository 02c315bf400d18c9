"""Files that appear whole under their name, or not at all."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from demandgeo.domain.disk import sync
from demandgeo.errors import OutputError, Problems

SAFE_NAME = re.compile(r"(?!\.|gpkg|sqlite_|rtree_|layer_styles$)[a-z0-9_.-]{1,80}")
"""Safe as a file name on every system and as a table name of a GeoPackage, which keeps some names to itself."""


def check_names(names: Iterable[str]) -> None:
    """Refuse names of artifacts that cannot name a file and a layer.

    Raises
    ------
    OutputError
        Listing every such name.
    """
    problems = Problems()
    for name in names:
        problems.check(
            SAFE_NAME.fullmatch(name),
            f"the artifact is called {name!r}",
            "a name of 1 to 80 of a-z 0-9 _ . - was needed, which does not start with a dot, gpkg, sqlite_ or rtree_",
            "rename it: it becomes the name of a layer and of a file",
        )
    problems.raise_as(OutputError)


@contextmanager
def replacing(path: Path, *failures: type[Exception]) -> Iterator[Path]:
    """Give a place to write; what stands there at the end replaces `path` in one step.

    A failure leaves `path` as it was: a raster that is cut off half-way opens as a whole one full of zeros.

    Parameters
    ----------
    path
        The file.
    failures
        What the library that writes it raises besides OSError.

    Raises
    ------
    OutputError
        If the disk is full, the folder cannot be written, or the file's library fails.
    """
    caught: tuple[type[Exception], ...] = (OSError, *failures)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # A folder of its own also takes in what libraries put beside their file (journals, statistics).
        with tempfile.TemporaryDirectory(prefix=".part-", dir=path.parent) as part:
            made = Path(part) / path.name
            yield made
            sync(made)
            made.replace(path)
        sync(path.parent)
    except OutputError:
        raise
    except caught as error:
        raise OutputError(
            f"{path} cannot be written: {error}", remedy="look at the free space and the rights of the folder"
        ) from error


def write_bytes(path: Path, content: bytes) -> Path:
    """Write the content of a file, and return its path."""
    with replacing(path) as part:
        part.write_bytes(content)
    return path


def write_text(path: Path, text: str) -> Path:
    """Write UTF-8 text with the line ends it has, and return its path."""
    return write_bytes(path, text.encode())
