"""YAML read with the place of every value, and nothing in it that could surprise.

Values are plain: mappings, lists, text, numbers, true, false, null. Dates, ``NO`` and ``0123`` stay text. Duplicate
keys, aliases, tags, deep nesting, huge files and numbers that are not finite are refused. Only the standard library
and PyYAML are imported here, so that the command line can find the output folder at once.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import yaml

from demandgeo.errors import ConfigError, Problem, Problems

MOST_BYTES = 1_000_000
DEEPEST = 20
MOST_DIGITS = 18

Key = str | int
Trail = tuple[Key, ...]

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None, "~": None, "": None}


@dataclass(frozen=True, slots=True)
class Mark:
    """The place of a value: file, line and column (from 1), and the folder its relative paths start from."""

    file: str
    line: int | None
    column: int | None
    folder: Path


@dataclass(slots=True)
class Document:
    """Plain values and the mark of each; the mark of a key is filed under its trail plus ``#key``."""

    values: Any
    marks: dict[Trail, Mark] = field(default_factory=dict)

    def mark(self, trail: Trail) -> Mark:
        """Return the mark of a value, or of the nearest value around it."""
        for length in range(len(trail), -1, -1):
            for candidate in ((*trail[:length], "#key"), trail[:length]):
                if candidate in self.marks:
                    return self.marks[candidate]
        return Mark("", None, None, Path())

    def problem(self, trail: Trail, found: str, needed: str = "", remedy: str = "") -> Problem:
        """Make a problem that names the place of a value."""
        mark = self.mark(trail)
        key = ".".join(str(part) for part in trail)
        return Problem(found, needed, remedy, mark.file, mark.line, mark.column, key)


def read_document(path: Path, mistakes: Problems | None = None) -> Document:
    """Read a YAML file; duplicate keys and bad numbers are filed under `mistakes` if that is given.

    Raises
    ------
    ConfigError
        Naming line and column of everything that is refused.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})", remedy="check the path") from error
    if len(raw) > MOST_BYTES:
        raise ConfigError(f"{path}: {len(raw):,} bytes", f"a configuration of at most {MOST_BYTES:,} was needed")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: byte {error.start} is not UTF-8", remedy="save the file as UTF-8") from error
    document = parse_document(text, str(path), path.resolve().parent, mistakes)
    if not isinstance(document.values, dict):
        raise ConfigError(f"{path}: holds no mapping", "run:, sources: and steps: were needed", "try: demandgeo init")
    return document


def parse_document(text: str, file: str, folder: Path, mistakes: Problems | None = None) -> Document:
    """Parse YAML text whose relative paths start from `folder`."""
    try:
        _refuse_aliases_and_tags(text, file)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = (mark.line + 1, mark.column + 1) if mark else (None, None)
        raise ConfigError(Problem(f"not YAML: {error.problem or error.context}", "", "", file, *at)) from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{file}: not YAML: {error}") from error
    document, problems = Document(None), Problems() if mistakes is None else mistakes
    if node is not None:
        document.values = _Builder(document, file, folder, problems).build(node, ())
    if mistakes is None:
        problems.raise_as(ConfigError)
    return document


def merge(base: Document, over: Document) -> Document:
    """Lay one document over another: mappings merge, steps merge by their ``as`` name, all else is replaced."""
    if isinstance(base.values, dict) and isinstance(over.values, dict):
        return _merge_mappings(base, over)
    return over


def override(document: Document, key: str, value: str | Document) -> Document:
    """Set one value by its dotted path; a step is named by its ``as``. Text is parsed as YAML (``--set key=value``)."""
    if isinstance(value, str):
        value = parse_document(value, f"--set {key}", Path.cwd())
    trail = _locate(document, key)
    result = Document(_copy(document.values), dict(document.marks))
    target: Any = result.values
    for i, part in enumerate(trail):
        kind: type[Any] = list if isinstance(part, int) else dict
        if not isinstance(target, kind):
            raise ConfigError(f"{key}: {'.'.join(map(str, trail[:i]))} holds no settings", remedy="check the path")
        if i == len(trail) - 1:
            target[part] = value.values
        elif part not in target and isinstance(part, str):
            target[part] = {}
        target = target[part]
    for old in [old for old in result.marks if old[: len(trail)] == trail]:
        del result.marks[old]
    result.marks |= {(*trail, *inner): mark for inner, mark in value.marks.items()}
    return result


def part_of(document: Document, trail: Trail) -> Document:
    """Return one value of a document as a document."""
    value = document.values
    for key in trail:
        value = value[key]
    size = len(trail)
    return Document(
        _copy(value), {inner[size:]: mark for inner, mark in document.marks.items() if inner[:size] == trail}
    )


class _Builder:
    """Turns YAML nodes into plain values, filing the mark of each."""

    def __init__(self, document: Document, file: str, folder: Path, problems: Problems) -> None:
        self.document, self.file, self.folder, self.problems = document, file, folder, problems

    def build(self, node: yaml.Node, trail: Trail) -> Any:
        self.document.marks[trail] = self.at(node)
        if len(trail) > DEEPEST:
            self.refuse(node, trail[:3], "nested too deeply", f"at most {DEEPEST} levels were needed")
            return None
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, trail)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(part, (*trail, i)) for i, part in enumerate(node.value)]
        return self.scalar(cast(yaml.ScalarNode, node), trail)

    def mapping(self, node: yaml.MappingNode, trail: Trail) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self.refuse(key_node, trail, "a key is no plain text")
                continue
            key = key_node.value
            if key in result:
                self.refuse(key_node, (*trail, key), f"the key {key!r} stands twice", "once", "remove one of the two")
                continue
            result[key] = self.build(value_node, (*trail, key))
            self.document.marks[*trail, key, "#key"] = self.at(key_node)
        return result

    def scalar(self, node: yaml.ScalarNode, trail: Trail) -> Any:
        text = node.value
        if node.style is not None:
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _INTEGER.fullmatch(text):
            return self.integer(node, trail)
        if not (_FLOAT.fullmatch(text) or _NOT_FINITE.fullmatch(text)):
            return text
        number = float(text) if _FLOAT.fullmatch(text) else math.nan
        if not math.isfinite(number):
            self.refuse(node, trail, f"{text} is not finite", "a finite number was needed")
        return number

    def integer(self, node: yaml.ScalarNode, trail: Trail) -> int:
        if len(node.value) > MOST_DIGITS:
            self.refuse(node, trail, f"{node.value[:MOST_DIGITS]}... is too large", f"at most {MOST_DIGITS} digits")
            return 0
        return int(node.value)

    def at(self, node: yaml.Node) -> Mark:
        return Mark(self.file, node.start_mark.line + 1, node.start_mark.column + 1, self.folder)

    def refuse(self, node: yaml.Node, trail: Trail, found: str, needed: str = "", remedy: str = "") -> None:
        mark, key = self.at(node), ".".join(str(part) for part in trail)
        self.problems.add(Problem(found, needed, remedy, mark.file, mark.line, mark.column, key))


def _refuse_aliases_and_tags(text: str, file: str) -> None:
    problems, depth = Problems(), 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        mark = cast(yaml.Mark, event.start_mark)
        at = (file, mark.line + 1, mark.column + 1)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            problems.add(Problem("anchors and aliases are not read", "", "write the value out", *at))
        if tag := getattr(event, "tag", None):
            problems.add(Problem(f"the tag {tag} is not read", "", "remove it", *at))
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST + 1:
            raise ConfigError(Problem("nested too deeply", f"at most {DEEPEST} levels were needed", "", *at))
    problems.raise_as(ConfigError)


def _merge_mappings(base: Document, over: Document) -> Document:
    merged = Document({}, {(): over.marks.get((), base.mark(()))})
    for key in dict.fromkeys((*base.values, *over.values)):
        parts = [part_of(side, (key,)) for side in (base, over) if key in side.values]
        both_lists = len(parts) == 2 and all(isinstance(part.values, list) for part in parts)
        part = parts[0]
        if len(parts) == 2:
            part = _merge_steps(*parts) if key == "steps" and both_lists else merge(*parts)
        merged.values[key] = part.values
        merged.marks |= {(key, *inner): mark for inner, mark in part.marks.items()}
    return merged


def _merge_steps(base: Document, over: Document) -> Document:
    """Lay steps over the steps of the same name; the others follow in their order."""
    names = [step_name(step) for step in over.values]
    above = [part_of(over, (i,)) for i in range(len(names))]
    steps = []
    for i, step in enumerate(base.values):
        steps.append(part_of(base, (i,)))
        if step_name(step) in names:
            at = names.index(step_name(step))
            steps[-1] = merge(steps[-1], above.pop(at))
            del names[at]
    merged = Document([], {(): over.mark(())})
    for i, part in enumerate((*steps, *above)):
        merged.values.append(part.values)
        merged.marks |= {(i, *inner): mark for inner, mark in part.marks.items()}
    return merged


def step_name(step: Any) -> str:
    """Return what a step's result is called: its ``as``, else the last part of its stage."""
    if not isinstance(step, Mapping):
        return ""
    return str(step.get("as") or str(step.get("stage", "")).rpartition(".")[2])


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(part) for key, part in value.items()}
    return [_copy(part) for part in value] if isinstance(value, list) else value


def _locate(document: Document, key: str) -> Trail:
    parts: list[Key] = list(key.split("."))
    steps = document.values.get("steps") if isinstance(document.values, dict) else None
    if parts[0] == "steps" and len(parts) > 1 and isinstance(steps, list):
        names = [step_name(step) for step in steps]
        if parts[1] not in names:
            raise ConfigError(f"{key}: no step is called {parts[1]!r}", remedy=f"the steps are: {', '.join(names)}")
        parts[1] = names.index(str(parts[1]))
    if "" in parts:
        raise ConfigError(f"{key!r} is no dotted path", "e.g. steps.areas.demand_share")
    return tuple(parts)
