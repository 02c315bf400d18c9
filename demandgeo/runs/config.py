"""A run's configuration: the file, what it extends, its scenario and the values set on the command line."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demandgeo.documents.reading import Document, Trail, merge, override, part_of, read_document
from demandgeo.errors import ConfigError, Problem, Problems, did_you_mean

SECTIONS = ("extends", "run", "sources", "steps", "outputs", "cache", "scenarios")
NAME = re.compile(r"[a-z0-9_.-]{1,80}")
ROOT_SIGNS = ("pyproject.toml", ".demandgeo")
STATE_FOLDER = ".demandgeo"
MOST_EXTENDS = 8


@dataclass(frozen=True, slots=True)
class Config:
    """What one run was asked to do.

    Attributes
    ----------
    path
        The configuration file.
    document
        Its values after `extends`, scenario and ``--set``, with the place of each.
    scenario
        Name of the scenario, empty for the base run.
    output_root
        Results stay below this folder.
    mistakes
        What is wrong with the files' text; `make_plan` tells it with everything else.
    """

    path: Path
    document: Document
    scenario: str
    output_root: Path
    mistakes: tuple[Problem, ...] = ()

    @property
    def values(self) -> dict[str, Any]:
        """The merged values."""
        return dict(self.document.values)

    @property
    def name(self) -> str:
        """The run's name: ``run.name``, else that of the file."""
        run = self.values.get("run")
        name = run.get("name") if isinstance(run, Mapping) else None
        return str(name or self.path.stem.lower())

    @property
    def output_folder(self) -> Path:
        """Where the results go: ``outputs.folder`` (relative to its file), else ``results/NAME`` below the root.

        Raises
        ------
        ConfigError
            If it lies outside the output root, or cannot name a folder.
        """
        outputs = self.values.get("outputs")
        given = outputs.get("folder") if isinstance(outputs, Mapping) else None
        base = self.document.mark(("outputs", "folder")).folder if given else self.output_root
        folder = self._absolute(base / str(given or f"results/{self.name}") / self.scenario, ("outputs", "folder"))
        root = self.output_root.resolve()
        if root not in folder.parents:
            raise ConfigError(
                self.document.problem(
                    ("outputs", "folder"),
                    f"{folder} is not below {root}",
                    "a folder below the output root was needed",
                    "change outputs.folder, or give --output-root",
                )
            )
        return folder

    @property
    def state_folder(self) -> Path:
        """Where artifacts are kept between runs: ``cache.folder``, else ``.demandgeo`` in the output root."""
        cache = self.values.get("cache")
        given = cache.get("folder") if isinstance(cache, Mapping) else None
        base = self.document.mark(("cache", "folder")).folder if given else self.output_root
        return self._absolute(base / str(given or STATE_FOLDER), ("cache", "folder"))

    def _absolute(self, folder: Path, trail: Trail) -> Path:
        try:
            return folder.resolve()
        except (ValueError, RuntimeError) as error:  # NUL or half a character; links in a circle
            problem = self.document.problem(trail, f"{str(folder)!r} names no folder", f"{error}")
            raise ConfigError(problem) from error


def read_config(
    path: str | Path, *, sets: Sequence[str] = (), scenario: str = "", output_root: Path | None = None
) -> Config:
    """Read a configuration with what it extends.

    Parameters
    ----------
    path
        The YAML file.
    sets
        ``key=value`` overrides; relative paths in them start from the working directory.
    scenario
        Name of one of the file's scenarios.
    output_root
        Results stay below it; default: the nearest parent of the file that holds ``pyproject.toml`` or
        ``.demandgeo``, else the file's folder.
    """
    path = Path(path)
    mistakes = Problems()
    document = _with_bases(path, seen=(), mistakes=mistakes)
    if scenario:
        document = _with_scenario(document, scenario)
    for item in sets:
        key, equals, value = item.partition("=")
        if not equals:
            raise ConfigError(
                f"--set {item}: no '='", "key=value was needed", "e.g. --set steps.areas.demand_share=0.2"
            )
        document = override(document, key.strip(), value)
    return Config(path, document, scenario, output_root or _root(path), tuple(mistakes.gathered))


def scenario_names(path: str | Path) -> tuple[str, ...]:
    """Return the names of a file's scenarios."""
    scenarios = _with_bases(Path(path), seen=()).values.get("scenarios") or {}
    return tuple(scenarios) if isinstance(scenarios, Mapping) else ()


def _with_bases(path: Path, *, seen: tuple[Path, ...], mistakes: Problems | None = None) -> Document:
    document = read_document(path, mistakes)
    base = document.values.get("extends")
    if base is None:
        return document
    if not isinstance(base, str):
        raise ConfigError(
            document.problem(("extends",), f"extends is {base!r}", "the path of one YAML file was needed")
        )
    target = (path.resolve().parent / base).resolve()
    if target in seen or target == path.resolve() or len(seen) >= MOST_EXTENDS:
        raise ConfigError(document.problem(("extends",), f"{base} extends itself", "a chain that ends was needed"))
    if not target.is_file():
        raise ConfigError(document.problem(("extends",), f"there is no file {base}", remedy="check the path"))
    return merge(_with_bases(shown(target), seen=(*seen, path.resolve()), mistakes=mistakes), document)


def _with_scenario(document: Document, scenario: str) -> Document:
    scenarios = document.values.get("scenarios")
    known = list(scenarios) if isinstance(scenarios, Mapping) else []
    if scenario not in known:
        raise ConfigError(
            document.problem(("scenarios",), f"there is no scenario {scenario!r}", remedy=did_you_mean(scenario, known))
        )
    if not NAME.fullmatch(scenario):
        raise ConfigError(document.problem(("scenarios", scenario), f"{scenario!r} names a folder", f"{NAME.pattern}"))
    changes = document.values["scenarios"][scenario]
    if not isinstance(changes, Mapping):
        raise ConfigError(
            document.problem(("scenarios", scenario), f"holds {changes!r}", "a mapping of dotted paths to values")
        )
    for key in changes:
        document = override(document, key, part_of(document, ("scenarios", scenario, key)))
    return document


def _root(path: Path) -> Path:
    folder = path.resolve().parent
    for parent in (folder, *folder.parents):
        if any((parent / sign).exists() for sign in ROOT_SIGNS):
            return parent
    return folder


def shown(path: Path) -> Path:
    """Return a path as a person in the working directory would write it."""
    try:
        return path.relative_to(Path.cwd())
    except ValueError:
        return path
