"""The manifest: what went in, what was done, what came out. It is written last and is the only sign of success."""

from __future__ import annotations

import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

from demandgeo.errors import OutputError, Problems
from demandgeo.runs.folders import MANIFEST, MOVING, plain_name, sha256, write_text

UNPROMISED = ("timings", "host")
"""Blocks that the promise of the same bytes leaves out."""


def write_manifest(folder: Path, facts: dict[str, Any], names: list[str]) -> dict[str, Any]:
    """Add the hashes of the result files of these names and write ``manifest.json``."""
    outputs = [
        {"file": name, "bytes": (folder / name).stat().st_size, "sha256": sha256(folder / name)}
        for name in sorted(names)
    ]
    text = json.dumps({**facts, "outputs": outputs, "host": _host()}, indent=1, ensure_ascii=False, default=str)
    write_text(folder / MANIFEST, text + "\n")
    (folder / MOVING).unlink(missing_ok=True)
    return dict(json.loads(text))


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest of a result folder.

    Raises
    ------
    OutputError
        If there is none, because the run did not end, or if it is damaged.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        whole = manifest["run"]["id"] and all(plain_name(o["file"]) and o["sha256"] for o in manifest["outputs"])
    except OSError as error:
        raise OutputError(
            f"{folder} holds no {MANIFEST}", "a finished run was needed", "run it again; it resumes where it stopped"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise OutputError(f"{path} is damaged: {error!r}", remedy="run it again") from error
    if not whole:
        raise OutputError(f"{path} is damaged: it lists files that no run wrote", remedy="run it again")
    return dict(manifest)


def verify(folder: str | Path) -> dict[str, Any]:
    """Rehash every file of a result folder and compare it with the manifest.

    Returns
    -------
    dict
        The manifest.

    Raises
    ------
    OutputError
        Listing every file that is missing or changed. Files the run did not write are not its business.
    """
    folder = Path(folder)
    manifest, problems = read_manifest(folder), Problems()
    for output in manifest["outputs"]:
        path = folder / output["file"]
        if not path.is_file():
            problems.add(f"{path} is missing", remedy="run it again")
        elif _unlike(path, output["sha256"]):
            problems.add(f"{path} has changed since the run", f"sha256 {output['sha256']} was needed", "run it again")
    problems.raise_as(OutputError)
    return manifest


def _unlike(path: Path, expected: str) -> bool:
    try:
        return sha256(path) != expected
    except OSError:
        return True


def stands(folder: Path, facts: dict[str, Any]) -> dict[str, Any] | None:
    """Return the manifest of a result folder that already holds this very result, whole; else None."""
    try:
        manifest = verify(folder)
    except OutputError:
        return None
    wanted = json.loads(json.dumps(facts, default=str))
    return manifest if wanted == {key: manifest.get(key) for key in wanted} else None


def _host() -> dict[str, Any]:
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "python": sys.implementation.name,
    }
