"""The sections of a configuration that are not steps, and how a section's mistakes are told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

import pydantic
from pydantic import BaseModel, ConfigDict, Field

from demandgeo.errors import ConfigError, Problem, Problems, did_you_mean
from demandgeo.runs.documents import Document, Trail

Name = Annotated[str, Field(pattern=r"^[a-z0-9_.-]{1,80}$")]

_STRICT = ConfigDict(strict=True, extra="forbid", frozen=True)


class RunSection(BaseModel):
    """What the run is called, and what holds for all its steps."""

    model_config = _STRICT

    name: Annotated[Name | None, Field(description="short name of the run; names its result folder")] = None
    title: Annotated[str | None, Field(description="title on maps and layers")] = None
    seed: Annotated[int, Field(ge=0, description="every step that uses chance derives its own seed from this")] = 0
    crs: Annotated[
        str | None, Field(description="projected CRS in metres; default: that of the first zones, else by the data")
    ] = None


class OutputSection(BaseModel):
    """What is written, and where."""

    model_config = _STRICT

    folder: Annotated[str | None, Field(description="result folder, relative to this file")] = None
    layers: Annotated[
        list[str] | None, Field(description="names of the artifacts to write; default: every result that is no source")
    ] = None
    figures: Annotated[bool, Field(description="a PNG map per layer and the concentration curve")] = True
    attribution: Annotated[str | None, Field(description="credit line on maps and layers")] = None


class CacheSection(BaseModel):
    """Where artifacts are kept between runs."""

    model_config = _STRICT

    folder: Annotated[str | None, Field(description="relative to this file; default .demandgeo in the root")] = None
    max_gb: Annotated[float, Field(gt=0, description="the oldest artifacts go first beyond this size")] = 5.0


SECTION_MODELS: Mapping[str, type[BaseModel]] = {"run": RunSection, "outputs": OutputSection, "cache": CacheSection}


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


def section(name: str, document: Document, problems: Problems) -> Any:
    """Validate ``run``, ``outputs`` or ``cache``; defaults where it is absent or wrong."""
    model = SECTION_MODELS[name]
    values = document.values.get(name)
    if values is None:
        return model()
    if not isinstance(values, Mapping):
        problems.add(document.problem((name,), f"{name} is {values!r}", "a mapping of settings was needed"))
        return model()
    return checked(model, values, (name,), document, problems) or model()


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
    return document.problem((*trail, *at), f"is {mistake['input']!r}", f"{needed} was needed")


def raise_all(problems: Problems) -> None:
    """Raise one error for all mistakes, in the order of their lines."""
    problems.gathered.sort(key=lambda problem: (problem.file, problem.line or 0, problem.column or 0))
    problems.raise_as(ConfigError)
