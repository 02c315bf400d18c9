"""A document checked against a model: every mistake with its place and the nearest known name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pydantic
from pydantic import BaseModel

from demandgeo.documents.reading import Document, Trail
from demandgeo.errors import ConfigError, DemandGeoError, Problem, Problems, did_you_mean


def checked(
    model: type[BaseModel],
    values: Mapping[str, Any],
    trail: Trail,
    document: Document,
    problems: Problems,
    *,
    also_known: tuple[str, ...] = (),
) -> BaseModel | None:
    """Validate one section; file every mistake with its place and return None if there is any.

    Parameters
    ----------
    also_known
        Keys that the section may hold beside the model's settings, for did-you-mean.
    """
    try:
        # Through JSON, so that strict mode takes a YAML list for a tuple and text for a path, and no number in quotes.
        return model.model_validate_json(json.dumps(values))
    except pydantic.ValidationError as error:
        known = (*model.model_fields, *also_known)
        seen: set[tuple[object, ...]] = set()
        for mistake in error.errors():
            at = _place(mistake["loc"], values)
            if (at, mistake["type"]) not in seen or mistake["type"] in ("extra_forbidden", "missing"):
                seen.add((at, mistake["type"]))
                problems.add(_told(mistake, at, trail, document, known))
        return None


def refuse_unknown(keys: Mapping[str, Any], known: tuple[str, ...], document: Document, problems: Problems) -> None:
    """File every top-level key that is no section."""
    for key in keys:
        if key not in known:
            problems.add(document.problem((key,), f"there is no section {key!r}", "", did_you_mean(key, known)))


def _place(loc: tuple[int | str, ...], values: Any) -> Trail:
    """Keep the part of pydantic's location that is in the values (it adds the names of union members)."""
    trail: list[int | str] = []
    for part in loc:
        inside = (isinstance(values, Mapping) and part in values) or (
            isinstance(values, list) and isinstance(part, int) and part < len(values)
        )
        if inside:
            trail.append(part)
            values = values[part]
    return tuple(trail)


def _told(mistake: Any, at: Trail, trail: Trail, document: Document, known: tuple[str, ...]) -> Problem:
    if mistake["type"] == "missing":
        return document.problem(trail, f"the setting {mistake['loc'][-1]!r} is missing", "", "add it")
    if mistake["type"] == "extra_forbidden":
        word = str(mistake["loc"][-1])
        return document.problem((*trail, *at), f"there is no setting {word!r}", "", did_you_mean(word, known))
    needed = mistake["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    needed = needed.replace("a valid array", "a list").replace("an object", "a mapping")
    return document.problem((*trail, *at), f"is {mistake['input']!r}", f"{needed} was needed")


def raise_all(problems: Problems, kind: type[DemandGeoError] = ConfigError) -> None:
    """Raise one error for all mistakes, in the order of their lines."""
    problems.gathered.sort(key=lambda problem: (problem.file, problem.line or 0, problem.column or 0))
    problems.raise_as(kind)
