"""Options that people wrote down: YAML files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from demandgeo.documents.checking import checked, raise_all, refuse_unknown
from demandgeo.documents.reading import Document, read_document
from demandgeo.domain import Option, Options
from demandgeo.domain.options import BASE_COLUMNS, EVERY
from demandgeo.errors import ConfigError, ModelError, Problems, SourceError
from demandgeo.registry import reader

SECTIONS = ("status_quo", "shifts", "bases", "options")

_STRICT = ConfigDict(strict=True, extra="forbid", frozen=True)
Teams = Annotated[int, Field(ge=0)]


class _Patrol(BaseModel):
    model_config = _STRICT

    officers: Annotated[int, Field(ge=1)]
    visits: Annotated[int, Field(ge=1)] | dict[str, Annotated[int, Field(ge=0)]] = 3


class _Drawn(BaseModel):
    model_config = _STRICT

    name: str
    open: list[str | int] = []
    search: dict[str, Any] = {}
    teams: Teams | dict[str, Teams | dict[str, Teams]] = {}
    officers_per_team: Annotated[float, Field(gt=0)] = 1.0
    assignment: dict[str, str] = {}
    patrol: _Patrol | None = None


class _Base(BaseModel):
    model_config = _STRICT

    status: str = "candidate"
    cost_per_year: Annotated[float, Field(ge=0)] | None = None


@reader("deployment.options")
def read_options(path: Path) -> Options:
    """Read options from YAML: what people drew, and what shall be searched for.

    Parameters
    ----------
    path
        For example::

            status_quo: today
            shifts:
              day: ["07:00", "19:00"]
              night: ["19:00", "07:00"]
            bases:
              Base 01: {status: fixed, cost_per_year: 450000}
              Old Station: {status: closed}
            options:
              - name: today
                teams: {Base 01: {day: 3, night: 2}, Base 02: 1}
                officers_per_team: 2
                assignment: {North District: Base 02}
                patrol: {officers: 4, visits: 3}
              - {name: best two, search: {model: p-median, p: 2}, teams: {day: 3, night: 1}}

        `status_quo` and `options` must be there, and of each option its name and `open`, `search` or the bases of its
        `teams`. Teams: a number at every open base on every shift; a number per shift, at every open base; or a number,
        or numbers per shift, by base.

    Raises
    ------
    SourceError
        If the file cannot be read or says anything else: all mistakes, with line and column.
    """
    try:
        document = read_document(path)
    except ConfigError as error:
        raise SourceError(error.problems[0], more=error.problems[1:]) from error
    problems, values = Problems(), document.values
    refuse_unknown(values, SECTIONS, document, problems)
    for key, kind, needed in (("status_quo", str, "the name of an option"), ("options", list, "a list of options")):
        if not isinstance(values.get(key), kind):
            problems.add(document.problem((key,), f"{key} is {values.get(key)!r}", f"{needed} was needed"))
    for key in ("shifts", "bases"):
        if not isinstance(values.get(key, {}), dict):
            problems.add(document.problem((key,), f"{key} is {values[key]!r}", "a mapping was needed"))
    raise_all(problems, SourceError)
    shifts, bases = values.get("shifts", {}), _bases(document, problems)
    options = [_option(document, row, shifts, problems) for row in range(len(values["options"]))]
    raise_all(problems, SourceError)
    try:
        drawn = tuple(option for option in options if option is not None)
        return Options(drawn, values["status_quo"], shifts, bases)
    except ModelError as error:
        for problem in error.problems:
            problems.add(document.problem(("options",), problem.found, problem.needed, problem.remedy))
        raise_all(problems, SourceError)
        raise


def _bases(document: Document, problems: Problems) -> pd.DataFrame:
    rows = []
    for name, entry in document.values.get("bases", {}).items():
        if not isinstance(entry, dict):
            problems.add(document.problem(("bases", name), f"is {entry!r}", "status and cost_per_year were needed"))
            continue
        base = checked(_Base, entry, ("bases", name), document, problems)
        if isinstance(base, _Base):
            rows.append((name, base.status, float("nan") if base.cost_per_year is None else base.cost_per_year))
    return pd.DataFrame(rows, columns=list(BASE_COLUMNS)).astype({"cost_per_year": float})


def _option(document: Document, row: int, shifts: Mapping[str, Any], problems: Problems) -> Option | None:
    trail, entry = ("options", row), document.values["options"][row]
    if not isinstance(entry, dict):
        problems.add(document.problem(trail, f"is {entry!r}", "name and open, teams or search were needed"))
        return None
    drawn = checked(_Drawn, entry, trail, document, problems)
    if not isinstance(drawn, _Drawn):
        return None
    teams = _teams(drawn.teams, shifts)
    named = tuple(base for base in teams if base != EVERY)
    try:
        return Option(
            drawn.name,
            tuple(map(str, drawn.open)) or (() if drawn.search else named),
            drawn.search,
            teams,
            drawn.officers_per_team,
            drawn.assignment,
            {} if drawn.patrol is None else drawn.patrol.model_dump(),
        )
    except ModelError as error:
        for problem in error.problems:
            problems.add(document.problem(trail, problem.found, problem.needed, problem.remedy))
        return None


def _teams(given: int | dict[str, Any], shifts: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """Return teams by base and shift, from the three ways to write them."""
    if isinstance(given, int):
        return {EVERY: {EVERY: given}}
    # One shift among the keys, and all are shifts: a name that is none of them is a shift misspelt, no base.
    if given.keys() & shifts.keys() and all(isinstance(number, int) for number in given.values()):
        return {EVERY: dict(given)}
    return {base: {EVERY: number} if isinstance(number, int) else dict(number) for base, number in given.items()}
