"""The sections of a configuration that are not steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from demandgeo.documents.checking import checked
from demandgeo.documents.reading import Document
from demandgeo.errors import Problems

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
