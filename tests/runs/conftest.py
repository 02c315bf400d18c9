"""Small stages and configurations that the tests of the runner share."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pandas as pd
import pytest
from pydantic import Field

from demandgeo.domain import Record, Table
from demandgeo.errors import ModelError, SourceError
from demandgeo.registry import reader, stage
from demandgeo.runs.manifest import UNPROMISED

CALLS: list[str] = []


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Pair(Record):
    """Two results of one step."""

    first: Table
    second: Table


@reader("toy.numbers")
def read_numbers(path: Path, scale: float = 1.0) -> Table:
    """Read one number per line."""
    CALLS.append("toy.numbers")
    try:
        values = [float(line) * scale for line in Path(path).read_text().split()]
    except ValueError as error:
        raise SourceError(f"{path}: {error}", "one number per line was needed") from error
    return Table("numbers", pd.DataFrame({"value": values}))


@stage("toy.double")
def double(table: Table, *, times: Annotated[int, Field(ge=1)] = 2) -> Table:
    """Multiply."""
    CALLS.append("toy.double")
    return Table("doubled", table.rows * times)


@stage("toy.chance")
def chance(table: Table, *, seed: int = 0) -> Table:
    """Add the seed."""
    CALLS.append("toy.chance")
    return Table("chance", table.rows + seed)


@stage("toy.add")
def add(tables: tuple[Table, ...], other: Table | None = None) -> Table:
    """Add up any number of tables."""
    CALLS.append("toy.add")
    total = sum(table.rows["value"] for table in (*tables, *([other] if other else [])))
    return Table("sum", pd.DataFrame({"value": total}))


@stage("toy.split")
def split(table: Table) -> Pair:
    """Make two."""
    CALLS.append("toy.split")
    return Pair(table, Table("half", table.rows / 2))


@stage("toy.refuse")
def refuse(table: Table) -> Table:
    """Refuse its data."""
    raise ModelError("the numbers are wrong", "better numbers were needed", "measure again")


@stage("toy.crash")
def crash(table: Table) -> Table:
    """Fail with a defect."""
    return Table("never", table.rows / {}["missing"])


@pytest.fixture
def calls() -> list[str]:
    """The toy functions called in this test, in order."""
    CALLS.clear()
    return CALLS


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """Write a file below the test's folder."""

    def written(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return written


CONFIG = """\
run: {name: toy, seed: 7}
sources:
  numbers: {reader: toy.numbers, path: numbers.txt}
steps:
  - {stage: toy.double, table: numbers, as: twice}
  - {stage: toy.double, table: twice, times: 3, as: six}
outputs: {folder: out}
scenarios:
  more: {steps.six.times: 5}
  wrong: {steps.six.times: 0}
"""


@pytest.fixture
def config(write: Callable[[str, str], Path]) -> Path:
    """A configuration of three calls."""
    write("numbers.txt", "1\n2\n3\n")
    return write("toy.yaml", CONFIG)


@pytest.fixture
def checkout() -> Path:
    """The project's root."""
    return Path(__file__).parents[2]


@pytest.fixture
def content() -> Callable[[Path], dict[str, object]]:
    """Every byte of a result folder that the promise of determinism covers."""

    def read(folder: Path) -> dict[str, object]:
        found: dict[str, object] = {}
        for path in sorted(folder.iterdir()):
            if path.name == "manifest.json":
                manifest = json.loads(path.read_text())
                found[path.name] = {key: value for key, value in manifest.items() if key not in UNPROMISED}
            elif not path.name.startswith("."):
                found[path.name] = path.read_bytes()
        return found

    return read
