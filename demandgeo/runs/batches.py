"""A batch: the scenarios of one configuration, one after another or in worker processes.

The unit of work is `run_scenario`, a pure function of its specification: only paths travel, results stay on disk.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from pathlib import Path

from demandgeo.errors import ConfigError, DemandGeoError, Problems, did_you_mean
from demandgeo.runs.config import read_config, scenario_names
from demandgeo.runs.plans import make_plan
from demandgeo.runs.runner import run


@dataclass(frozen=True, slots=True)
class Specification:
    """One scenario of a configuration, as it travels to a worker; an empty scenario is the base run."""

    config: str
    scenario: str = ""
    sets: tuple[str, ...] = ()
    output_root: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one scenario.

    Attributes
    ----------
    refused
        The message, empty if the scenario is done.
    exit_code
        0 done, 1 a defect, 2 refused, 4 the folder is in use.
    """

    scenario: str
    folder: str = ""
    executed: tuple[str, ...] = ()
    highlights: dict[str, str] = field(default_factory=dict)
    refused: str = ""
    exit_code: int = 0


def run_scenario(specification: Specification) -> Outcome:
    """Run one scenario and say what became of it; only a defect outside the run is raised."""
    root = Path(specification.output_root) if specification.output_root else None
    try:
        result = run(specification.config, sets=specification.sets, scenario=specification.scenario, output_root=root)
    except DemandGeoError as error:
        return Outcome(specification.scenario, refused=str(error), exit_code=error.exit_code)
    return Outcome(specification.scenario, str(result.folder), result.executed, dict(result.highlights))


def check_scenarios(config: str | Path, *, sets: Sequence[str] = ()) -> None:
    """Check every scenario of a configuration without running it.

    Raises
    ------
    ConfigError
        Listing the mistakes of all of them.
    """
    problems = Problems()
    for name in scenario_names(config):
        try:
            make_plan(read_config(config, sets=sets, scenario=name))
        except ConfigError as error:
            for problem in error.problems:
                problems.add(replace(problem, key=f"scenario {name}: {problem.key}"))
    problems.raise_as(ConfigError)


def run_scenarios(
    config: str | Path,
    scenarios: Sequence[str] | None = None,
    *,
    sets: Sequence[str] = (),
    output_root: Path | None = None,
    workers: int = 1,
    progress: Callable[[Outcome], None] | None = None,
) -> list[Outcome]:
    """Run scenarios of a configuration; one that fails does not stop the others.

    Parameters
    ----------
    config
        The YAML file.
    scenarios
        Their names; default: all that the file names.
    sets, output_root
        As for `run`.
    workers
        Worker processes; 1 runs them in this one. Each worker's Numba uses its share of the cores.
    progress
        Told each outcome as it comes.

    Returns
    -------
    list of Outcome
        In the order asked for, whatever the order they ended in.

    Raises
    ------
    ConfigError
        If a name is no scenario of the file, or the file has none.
    """
    known = scenario_names(config)
    names = tuple(known if scenarios is None else scenarios)
    for name in names:
        if name not in known:
            raise ConfigError(f"{config}: there is no scenario {name!r}", remedy=did_you_mean(name, known))
    if not names:
        raise ConfigError(f"{config}: there are no scenarios", "the section scenarios: was needed", "run it without")
    root = str(output_root) if output_root else None
    specifications = [Specification(str(config), name, tuple(sets), root) for name in names]
    outcomes: dict[str, Outcome] = {}
    for outcome in _serial(specifications) if workers == 1 else _processes(specifications, workers):
        outcomes[outcome.scenario] = outcome
        if progress is not None:
            progress(outcome)
    return [outcomes[name] for name in names]


def _serial(specifications: Sequence[Specification]) -> Iterator[Outcome]:
    yield from map(run_scenario, specifications)


def _processes(specifications: Sequence[Specification], workers: int) -> Iterator[Outcome]:
    threads = max(1, (os.cpu_count() or 1) // workers)
    context = multiprocessing.get_context("spawn")  # a fork would copy Numba's and GDAL's threads half alive
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_use_threads, initargs=(threads,)) as pool:
        scenarios = {pool.submit(run_scenario, one): one.scenario for one in specifications}
        for future in as_completed(scenarios):
            try:
                yield future.result()
            except Exception as error:  # noqa: BLE001  a defect, or a worker that was killed, stops no other scenario
                yield Outcome(scenarios[future], refused=f"{type(error).__name__}: {error}", exit_code=1)


def _use_threads(threads: int) -> None:
    os.environ["NUMBA_NUM_THREADS"] = str(threads)
