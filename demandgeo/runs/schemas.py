"""The JSON schema of a configuration, made from the signatures of every reader and stage."""

from __future__ import annotations

from typing import Any

from demandgeo.registry import READERS, STAGES, Entry
from demandgeo.runs.sections import SECTION_MODELS


def schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) that editors check a configuration against.

    Examples
    --------
    >>> sorted(schema()["properties"])
    ['cache', 'extends', 'outputs', 'run', 'scenarios', 'sources', 'steps']
    """
    sources = [_entry(entry, "reader") for entry in READERS.entries().values()]
    steps = [_entry(entry, "stage") for entry in STAGES.entries().values()]
    sections: dict[str, Any] = {name: _body(model.model_json_schema()) for name, model in SECTION_MODELS.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "demandgeo configuration",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            **sections,
            "extends": {"type": "string", "description": "another configuration that this one is laid over"},
            "sources": {"type": "object", "additionalProperties": {"oneOf": sources}},
            "steps": {"type": "array", "items": {"oneOf": steps}},
            "scenarios": {
                "type": "object",
                "additionalProperties": {"type": "object"},
                "description": "named sets of dotted paths and the values they take",
            },
        },
    }


def _entry(entry: Entry, kind: str) -> dict[str, Any]:
    body = _body(entry.settings.model_json_schema())
    required = [kind, *body.get("required", ())]
    properties: dict[str, Any] = {kind: {"const": entry.name}}
    if kind == "stage":
        properties["as"] = {"type": "string", "description": "what the result is called"}
        body["properties"].pop("seed", None)
        for name, wanted in entry.inputs.items():
            reference: dict[str, Any] = {"type": "string", "description": f"name of {wanted}"}
            properties[name] = {"type": "array", "items": reference} if wanted.many else reference
            if not wanted.optional:
                required.append(name)
    return {
        "type": "object",
        "description": entry.summary,
        "properties": {**properties, **body["properties"]},
        "required": [name for name in required if name != "seed"],
        "additionalProperties": False,
    }


def _body(model: dict[str, Any]) -> dict[str, Any]:
    """Drop pydantic's titles and inline its definitions, so that every part stands alone."""
    definitions = model.pop("$defs", {})

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            if "$ref" in value:
                return plain(definitions[value["$ref"].rpartition("/")[2]])
            return {key: plain(part) for key, part in value.items() if key != "title" or isinstance(part, dict)}
        return [plain(part) for part in value] if isinstance(value, list) else value

    body: dict[str, Any] = plain({"properties": {}, **model})
    return body
