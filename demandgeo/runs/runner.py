"""The runner: carries out a plan, one artifact after another, and writes the result folder."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import demandgeo
from demandgeo.domain import Record
from demandgeo.errors import DemandGeoError, Problem, RunError, SourceError
from demandgeo.registry import WRITERS, Entry
from demandgeo.runs.cache import Cache, Ingredients, Kept, code_version, file_hash, filled, ingredients, versions
from demandgeo.runs.config import Config, read_config
from demandgeo.runs.folders import held, staged, write_text
from demandgeo.runs.manifest import stands, write_manifest
from demandgeo.runs.plans import Call, Plan, input_files, make_plan, name_below
from demandgeo.runs.records import excluded_rows, highlight, ledger_of, ledgers, run_identity
from demandgeo.runs.results import Artifacts, Result

FIGURES = "outputs.figures"

Progress = Callable[[str, str], None]
"""Told the name of a step and what becomes of it: ``runs``, ``cached``, ``writes``."""


def run(
    config: str | Path,
    *,
    sets: Sequence[str] = (),
    scenario: str = "",
    output_root: Path | None = None,
    progress: Progress | None = None,
) -> Result:
    """Run a configuration; what ran before unchanged is taken from the cache.

    Parameters
    ----------
    config
        The YAML file.
    sets
        ``key=value`` overrides.
    scenario
        Name of one of the file's scenarios.
    output_root
        Results stay below this folder.
    progress
        Told the name of each step and what becomes of it.

    Returns
    -------
    Result
        Artifacts by name, manifest and ledger.

    Raises
    ------
    ConfigError, SourceError, GeometryError, ModelError
        If configuration or input are refused; nothing is written then.
    RunError
        If a step fails for another reason; the original error is chained.
    """
    read = read_config(config, sets=sets, scenario=scenario, output_root=output_root)
    with held(read.output_folder):
        return execute(read, progress or _silent)


def execute(config: Config, progress: Progress) -> Result:
    """Carry out a configuration whose result folder is held."""
    return _Run(make_plan(config), progress).carry_out()


def _silent(_name: str, _fate: str) -> None:
    """Tell nobody."""


class _Run:
    """One run under way: what is made so far, and how each part of it was got."""

    def __init__(self, plan: Plan, progress: Progress) -> None:
        self.plan, self.progress = plan, progress
        self.calls = {call.name: call for call in plan.calls}
        self.cache = Cache(plan.config.state_folder)
        self.kept: dict[str, Kept] = {}
        self.ingredients: dict[str, Ingredients] = {}
        self.records: dict[str, Record] = {}
        self.executed: dict[str, float] = {}
        self.crs = plan.run.crs
        self.crs_given: dict[str, str | None] = {}
        self.inputs: list[dict[str, Any]] = []

    def carry_out(self) -> Result:
        started = time.perf_counter()
        self._read_sources()
        for call in self.plan.calls:
            if not call.is_source:
                self._make(call)
        self.cache.remember(str(self.plan.config.output_folder), self.ingredients)
        manifest, ledger = self._write(started)
        self.cache.trim(self.plan.cache.max_gb)
        folder = self.plan.config.output_folder
        return Result(folder, Artifacts(tuple(self.calls), self.record), manifest, ledger, tuple(self.executed))

    def record(self, name: str) -> Record:
        """Return an artifact: from memory, from the cache, or made again where the cache is damaged."""
        if name not in self.records:
            record = self.cache.load(self.kept[name])
            if record is None:
                self._execute(self.calls[name])
            else:
                self.records[name] = record
        return self.records[name]

    def _read_sources(self) -> None:
        """Read every source before refusing, so that a planner sees the mistakes of all files at once."""
        refused: list[DemandGeoError] = []
        for call in self.plan.calls:
            if call.is_source:
                try:
                    self._make(call)
                except RunError:
                    raise
                except DemandGeoError as error:
                    refused.append(error)
        if refused:
            problems = [problem for error in refused for problem in error.problems]
            raise type(refused[0])(problems[0], more=problems[1:]) from refused[0]

    def _make(self, call: Call) -> None:
        self.crs_given[call.name] = self.crs
        self.ingredients[call.name] = ingredients(call, self.kept, self.crs)
        self.inputs += _input_rows(call)
        kept = self.cache.find(self.ingredients[call.name].key)
        if kept is None:
            self._execute(call)
        else:
            self.progress(call.name, "cached")
            self.kept[call.name] = kept
        if call.is_source and self.crs is None:
            self.crs = self.kept[call.name].crs or None

    def _execute(self, call: Call) -> None:
        self.progress(call.name, "runs")
        started = time.perf_counter()
        arguments = {parameter: self._arguments(call, parameter) for parameter in call.inputs}
        try:
            record = call.entry.function(**arguments, **filled(call, self.crs_given[call.name]))
        except DemandGeoError as error:
            raise self._placed(call, error) from error
        except Exception as error:
            number = list(self.calls).index(call.name) + 1
            raise RunError(
                f"step {number} ({call.name}: {call.entry.name}) failed: {type(error).__name__}: {error}",
                remedy="this is a defect of the stage, not of your input: please report it",
            ) from error
        if call.files and ingredients(call, self.kept, self.crs_given[call.name]) != self.ingredients[call.name]:
            raise SourceError(f"{call.name}: its files changed while they were read", remedy="run it again")
        self.records[call.name] = record
        self.kept[call.name] = self.cache.keep(self.ingredients[call.name].key, record)
        self.executed[call.name] = time.perf_counter() - started

    def _arguments(self, call: Call, parameter: str) -> Any:
        records = tuple(self._referred(reference) for reference in call.inputs[parameter])
        return records if call.entry.inputs[parameter].many else records[0]

    def _referred(self, reference: str) -> Any:
        name, *fields = reference.split(".")
        value: Any = self.record(name)
        for field in fields:
            value = getattr(value, field)
        return value

    def _placed(self, call: Call, error: DemandGeoError) -> DemandGeoError:
        """Say which step of the configuration an error belongs to, where the error names no file itself."""
        first = error.problems[0]
        if first.file or call.is_source:
            return error
        place = self.plan.config.document.problem(call.trail, first.found, first.needed, first.remedy)
        placed = Problem(
            place.found,
            place.needed,
            place.remedy,
            place.file,
            place.line,
            place.column,
            f"{call.name} ({call.entry.name})",
        )
        return type(error)(placed, more=error.problems[1:])

    def _write(self, started: float) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        folder = self.plan.config.output_folder
        facts = self._facts()
        manifest = stands(folder, {key: facts[key] for key in ("run", "steps", "code")})
        if manifest is not None:
            return manifest, json.loads((folder / "ledger.json").read_text(encoding="utf-8"))
        records = {name: self.record(name) for name in self.calls}
        sources = {name: record for name, record in records.items() if self.calls[name].is_source}
        ledger = ledger_of(sources, records)
        with staged(folder) as staging:
            self._write_layers(staging, records, facts["run"])
            write_text(staging / "ledger.json", json.dumps(ledger, indent=1, ensure_ascii=False) + "\n")
            excluded_rows(sources).to_parquet(staging / "excluded.parquet", index=False)
            names = [path.name for path in staging.iterdir()]
        facts["highlights"] = {name: text for name, record in records.items() if (text := highlight(record))}
        facts["transforms"] = {name: dict(account.transform) for name, account in ledgers(sources).items()}
        total = time.perf_counter() - started
        facts["timings"] = {"seconds": round(total, 3), "executed": {k: round(v, 3) for k, v in self.executed.items()}}
        return write_manifest(folder, facts, names), ledger

    def _write_layers(self, staging: Path, records: Mapping[str, Record], about: Mapping[str, Any]) -> None:
        wanted = {name: records[name] for name in self.plan.layers}
        facts = {
            "title": self.plan.run.title or about["name"],
            "run": about["name"],
            "run_id": about["id"],
            "attribution": self.plan.outputs.attribution or "",
        }
        for name, writer in _writers().items():
            if name != FIGURES or self.plan.outputs.figures:
                self.progress(name, "writes")
                writer.function(wanted, staging, about=facts)

    def _facts(self) -> dict[str, Any]:
        config = self.plan.config
        steps = [
            {
                "name": name,
                "stage": call.entry.name,
                "key": self.ingredients[name].key,
                "artifact": self.kept[name].artifact,
                "settings": json.loads(self.ingredients[name].settings),
                "files": dict(call.files),
            }
            for name, call in self.calls.items()
        ]
        identity = run_identity(self.plan.run, self.plan.outputs, self.plan.layers, steps, self.inputs)
        return {
            "demandgeo": demandgeo.__version__,
            "run": {
                "name": config.name,
                "id": identity,
                "scenario": config.scenario,
                "seed": self.plan.run.seed,
                "crs": self.crs or "",
            },
            "code": code_version(
                *sorted({writer.function.__module__.partition(".")[0] for writer in _writers().values()})
            ),
            "versions": versions(),
            "inputs": self.inputs,
            "steps": steps,
        }


def _input_rows(call: Call) -> list[dict[str, Any]]:
    rows = []
    for key, given in call.files.items():
        values = call.settings[key]
        roots = values if isinstance(values, (list, tuple)) else [values]
        for shown, root in zip(given, map(Path, roots), strict=True):
            for path in input_files(root):
                inside = f"{shown}/{name_below(root, path)}" if root.is_dir() else str(Path(shown).with_name(path.name))
                rows.append(
                    {
                        "step": call.name,
                        "file": shown if path == root else inside,
                        "bytes": path.stat().st_size,
                        "sha256": file_hash(path),
                    }
                )
    return rows


def _writers() -> dict[str, Entry]:
    return WRITERS.entries("outputs")
