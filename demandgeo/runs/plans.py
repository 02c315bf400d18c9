"""The plan: every check that needs no data, and the calls that will be made, in order."""

from __future__ import annotations

import hashlib
import os
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demandgeo.documents.checking import checked, raise_all, refuse_unknown
from demandgeo.documents.reading import Document, Trail, step_name
from demandgeo.domain import Support
from demandgeo.errors import ConfigError, Problems, did_you_mean
from demandgeo.registry import READERS, STAGES, Artifact, Entry, Input, Register
from demandgeo.runs.config import NAME, SECTIONS, Config
from demandgeo.runs.sections import CacheSection, OutputSection, RunSection, section

Type = type[Artifact] | None
"""What a step makes; None where that is not known because the step itself is wrong."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a reader or stage.

    Attributes
    ----------
    name
        What its result is called.
    inputs
        The references each artifact parameter takes.
    settings
        Checked values of the settings; those that name files are absolute.
    files
        The files among the settings, as the user gave them.
    """

    name: str
    entry: Entry
    inputs: Mapping[str, tuple[str, ...]]
    settings: Mapping[str, Any]
    files: Mapping[str, tuple[str, ...]]
    trail: Trail

    @property
    def is_source(self) -> bool:
        """Whether it reads the outside world."""
        return self.trail[0] == "sources"


@dataclass(frozen=True, slots=True)
class Plan:
    """The calls of a run in order, and its sections."""

    config: Config
    run: RunSection
    outputs: OutputSection
    cache: CacheSection
    calls: tuple[Call, ...]

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the artifacts to write: those asked for, else every step's."""
        wanted = self.outputs.layers
        return tuple(wanted) if wanted is not None else tuple(c.name for c in self.calls if not c.is_source)


def make_plan(config: Config) -> Plan:
    """Check a configuration and lay out its calls.

    Raises
    ------
    ConfigError
        Listing every mistake with file, line and column and the nearest known name.
    """
    document, problems = config.document, Problems()
    refuse_unknown(document.values, SECTIONS, document, problems)
    run, outputs, cache = (section(name, document, problems) for name in ("run", "outputs", "cache"))
    planner = _Planner(document, problems, run.seed)
    calls = [*planner.sources(), *planner.steps()]
    for i, name in enumerate(outputs.layers or ()):
        if name not in planner.known:
            planner.refuse(("outputs", "layers", i), f"no step makes {name!r}", "", did_you_mean(name, planner.known))
    # A value whose text is wrong has its message already.
    told = {(mistake.file, mistake.key) for mistake in config.mistakes}
    kept = [problem for problem in problems.gathered if (problem.file, problem.key) not in told]
    problems.gathered = [*config.mistakes, *kept]
    raise_all(problems)
    # Zones first: the CRS of the first ones is that of the run.
    calls.sort(key=lambda call: (not call.is_source, call.is_source and not _is_support(call.entry.output)))
    return Plan(config, run, outputs, cache, tuple(calls))


class _Planner:
    """Walks through sources and steps, filing mistakes, and knows what each name stands for so far."""

    def __init__(self, document: Document, problems: Problems, seed: int) -> None:
        self.document, self.problems, self.seed = document, problems, seed
        self.known: dict[str, Type] = {}

    def refuse(self, trail: Trail, found: str, needed: str = "", remedy: str = "") -> None:
        self.problems.add(self.document.problem(trail, found, needed, remedy))

    def sources(self) -> Iterator[Call]:
        """Check every source."""
        sources = self.document.values.get("sources")
        if not isinstance(sources, Mapping) or not sources:
            self.refuse(("sources",), "there is no source", "a mapping of names to readers was needed")
            return
        for name, given in sources.items():
            trail: Trail = ("sources", name)
            self._check_name(name, trail)
            if not isinstance(given, Mapping) or "reader" not in given:
                self.refuse(trail, f"{name} names no reader", "", "e.g. reader: police_uk")
                self.known[name] = None
                continue
            entry = self._find(READERS, given["reader"], (*trail, "reader"))
            self.known[name] = None if entry is None else entry.output
            rest = {key: value for key, value in given.items() if key != "reader"}
            if entry is not None and (call := self._call(name, entry, {}, rest, trail)):
                yield call

    def steps(self) -> Iterator[Call]:
        """Check every step against what stands above it."""
        steps = self.document.values.get("steps")
        if not isinstance(steps, list) or not steps:
            self.refuse(("steps",), "there is no step", "a list of steps was needed")
            return
        for i, given in enumerate(steps):
            trail: Trail = ("steps", i)
            if not isinstance(given, Mapping) or "stage" not in given:
                self.refuse(trail, "the step names no stage", "", "e.g. stage: density.surface")
                continue
            name = step_name(given)
            entry = self._find(STAGES, given["stage"], (*trail, "stage"))
            if entry is not None and (call := self._step(name, entry, given, trail)):
                yield call
            self._check_name(name, (*trail, "as"))
            self.known[name] = None if entry is None else entry.output

    def _step(self, name: str, entry: Entry, given: Mapping[str, Any], trail: Trail) -> Call | None:
        rest = {key: value for key, value in given.items() if key not in ("stage", "as")}
        inputs = self._inputs(entry, rest, trail)
        if "seed" in rest:
            self.refuse((*trail, "seed"), "a step has no seed of its own", "", "set run.seed")
            del rest["seed"]
        if "seed" in entry.settings.model_fields:
            rest["seed"] = _derived_seed(self.seed, name)
        return self._call(name, entry, inputs, rest, trail)

    def _find(self, register: Register, name: object, trail: Trail) -> Entry | None:
        try:
            return register.find(str(name))
        except ConfigError as error:
            for problem in error.problems:
                self.refuse(trail, problem.found, problem.needed, problem.remedy)
            return None

    def _check_name(self, name: str, trail: Trail) -> None:
        if name in self.known:
            self.refuse(trail, f"{name!r} is already made above", "a new name", "give as: another name")
        elif not NAME.fullmatch(name) or "." in name:
            self.refuse(trail, f"{name!r} is no name", "lower-case letters, digits, - and _ were needed")

    def _inputs(self, entry: Entry, rest: dict[str, Any], trail: Trail) -> dict[str, tuple[str, ...]]:
        """Take the artifact parameters out of `rest`, checking name and type of each."""
        inputs = {}
        for parameter, wanted in entry.inputs.items():
            given = rest.pop(parameter, None)
            if given is None:
                if not wanted.optional:
                    self.refuse(
                        trail,
                        f"the input {parameter!r} is missing",
                        f"{wanted} was needed",
                        self._fitting(wanted),
                    )
                continue
            names = given if isinstance(given, list) else [given]
            if isinstance(given, list) and not wanted.many:
                self.refuse((*trail, parameter), f"{parameter} is a list", f"one {wanted} was needed")
            for name in names:
                self._check_reference(str(name), wanted, (*trail, parameter))
            inputs[parameter] = tuple(map(str, names))
        return inputs

    def _check_reference(self, name: str, wanted: Input, trail: Trail) -> None:
        first, *fields = name.split(".")
        if first not in self.known:
            self.refuse(trail, f"no source or step above makes {first!r}", "", did_you_mean(first, self.known))
            return
        made = self.known[first]
        for field in fields:
            if made is not None and (made := _field_type(made, field)) is None:
                self.refuse(trail, f"{first!r} has no artifact {field!r}")
        if made is not None and not wanted.takes(made):
            self.refuse(trail, f"{name!r} is {made.__name__}", f"{wanted} was needed", self._fitting(wanted))

    def _fitting(self, wanted: Input) -> str:
        names = [name for name, made in self.known.items() if made is not None and wanted.takes(made)]
        return f"take one of {', '.join(names)}" if names else "nothing above makes one"

    def _call(
        self, name: str, entry: Entry, inputs: dict[str, tuple[str, ...]], given: dict[str, Any], trail: Trail
    ) -> Call | None:
        files: dict[str, tuple[str, ...]] = {}
        for key in entry.paths:
            if given.get(key) is not None:
                given[key], files[key] = self._resolved(given[key], (*trail, key))
        also_known = (*entry.inputs, "stage", "as", "reader")
        settings = checked(entry.settings, given, trail, self.document, self.problems, also_known=also_known)
        if settings is None:
            return None
        values = {key: getattr(settings, key) for key in entry.settings.model_fields}
        return Call(name, entry, inputs, values, files, trail)

    def _resolved(self, given: Any, trail: Trail) -> tuple[Any, tuple[str, ...]]:
        """Make the path or paths of a setting absolute; a file that is not there is a mistake."""
        names = given if isinstance(given, list) else [given]
        folder, absolute = self.document.mark(trail).folder, []
        for name in names:
            if isinstance(name, str) and not os.path.exists(folder / name):  # noqa: PTH110  pathlib's may raise
                self.refuse(trail, f"there is no file or folder {name}", f"looked in {folder}")
                absolute.append(name)
            else:
                absolute.append(str((folder / name).resolve()) if isinstance(name, str) else name)
        return (absolute if isinstance(given, list) else absolute[0]), tuple(map(str, names))


def _derived_seed(seed: int, name: str) -> int:
    digest = hashlib.blake2b(f"{seed}\0{name}".encode(), digest_size=6).digest()
    return int.from_bytes(digest, "big")


def _field_type(made: type[Artifact], field: str) -> Type:
    kind = typing.get_type_hints(made).get(field)
    return kind if isinstance(kind, type) and issubclass(kind, Artifact) else None


def _is_support(made: Any) -> bool:
    return isinstance(made, type) and issubclass(made, Support)


def input_files(path: Path, above: tuple[Path, ...] = ()) -> list[Path]:
    """Return a file with what its format puts beside it, or every file below a folder, sorted; links are followed."""
    if not path.is_dir():
        return sorted({path, *_beside(path)})
    real = path.resolve()
    if real in above:  # a link that leads back up
        return []
    children = (child for child in path.iterdir() if child.is_dir() or child.is_file())
    return sorted({file for child in children for file in input_files(child, (*above, real))})


def name_below(root: Path, path: Path) -> str:
    """Return how an input file is called within the file or folder that a setting names."""
    return path.relative_to(root if root.is_dir() else root.parent).as_posix()


def _beside(path: Path) -> list[Path]:
    """Return the other parts of a shapefile, and the journal of a GeoPackage that is open elsewhere."""
    kind = path.suffix.lower()
    if kind == ".shp":
        return [p for p in path.parent.iterdir() if p.stem == path.stem and p.is_file()]
    return [p for p in [path.with_name(f"{path.name}-wal")] if kind == ".gpkg" and p.is_file()]
