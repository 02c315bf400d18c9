"""The command line. Nothing heavy is imported before the result folder is held."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from demandgeo.errors import DemandGeoError, DemandGeoWarning

if TYPE_CHECKING:
    from demandgeo.runs.batches import Outcome
    from demandgeo.runs.results import Result

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Demand and priority areas for police and community-safety planning: a YAML file in, maps and tables out.",
)

ConfigPath = Annotated[Path, typer.Argument(metavar="CONFIG", help="The YAML file.")]
Sets = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override one value; repeatable.")]
Root = Annotated[Path | None, typer.Option("--output-root", help="Results stay below this folder.")]
Scenario = Annotated[str, typer.Option("--scenario", help="One of the file's scenarios.")]

SOME_FAILED, STOPPED = 3, 130


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Where to put it.")] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
) -> None:
    """Write a commented configuration and its schema to start from."""
    from demandgeo.runs.templates import write_template

    for path in write_template(folder, force=force):
        typer.echo(f"wrote {path}")


@app.command()
def validate(config: ConfigPath, sets: Sets = None, scenario: Scenario = "") -> None:
    """Check a configuration and its scenarios, and say every mistake at once."""
    from demandgeo.runs import make_plan, read_config
    from demandgeo.runs.batches import check_scenarios

    plan = make_plan(read_config(config, sets=sets or (), scenario=scenario))
    check_scenarios(config, sets=sets or ())
    sources = sum(call.is_source for call in plan.calls)
    typer.echo(f"{config}: good: {sources} sources, {len(plan.calls) - sources} steps")


@app.command()
def plan(config: ConfigPath, sets: Sets = None, scenario: Scenario = "", output_root: Root = None) -> None:
    """Say what a run would do: what is cached, what would run, and why."""
    from demandgeo.runs.forecasts import forecast

    for line in forecast(config, sets=sets or (), scenario=scenario, output_root=output_root):
        typer.echo(line)


@app.command()
def run(
    config: ConfigPath,
    sets: Sets = None,
    scenario: Scenario = "",
    all_scenarios: Annotated[bool, typer.Option("--scenarios", help="Run every scenario of the file.")] = False,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes for --scenarios.")] = 1,
    output_root: Root = None,
) -> None:
    """Run a configuration; what ran before unchanged is taken from the cache."""
    if all_scenarios and scenario:
        raise typer.BadParameter("give --scenario NAME or --scenarios, not both")
    try:
        if all_scenarios:
            _run_all(config, sets or [], output_root, workers)
        else:
            _run_one(config, sets or [], scenario, output_root)
    except KeyboardInterrupt:
        typer.echo("stopped; the next run resumes where this one was", err=True)
        raise typer.Exit(STOPPED) from None


@app.command()
def verify(folder: Annotated[Path, typer.Argument(help="A result folder.")]) -> None:
    """Rehash every file of a result folder against its manifest."""
    from demandgeo.runs.manifest import verify as verify_folder

    manifest = verify_folder(folder)
    typer.echo(f"{folder}: {len(manifest['outputs'])} files as the run {manifest['run']['id']} wrote them")


@app.command()
def stages(name: Annotated[str, typer.Argument(help="Show one stage or reader in full.")] = "") -> None:
    """List every reader and stage with its inputs and settings."""
    from demandgeo.runs.descriptions import described, listed

    typer.echo(described(name) if name else listed())


@app.command()
def schema() -> None:
    """Print the JSON schema that editors check a configuration against."""
    from demandgeo.runs import schema as make_schema

    typer.echo(json.dumps(make_schema(), indent=1))


@app.command()
def doctor() -> None:
    """Say what this installation has: versions, threads, coordinate grids."""
    from demandgeo.runs.descriptions import installation

    for name, value in installation().items():
        typer.echo(f"{name:24} {value}")


def main() -> None:
    """Run the command line; a refusal is a message and an exit code, never a traceback."""
    warnings.showwarning = _show_warning  # type: ignore[assignment]
    try:
        app()
    except DemandGeoError as error:
        typer.echo(str(error), err=True)
        sys.exit(error.exit_code)


def _run_one(config: Path, sets: list[str], scenario: str, output_root: Path | None) -> None:
    from demandgeo.runs.config import read_config
    from demandgeo.runs.folders import held

    read = read_config(config, sets=sets, scenario=scenario, output_root=output_root)
    with held(read.output_folder):
        # Only now: geopandas, numba and the rooms take seconds to import, a run that must not start says so at once.
        from demandgeo.runs.runner import execute

        result = execute(read, _progress())
    _report(result)


def _run_all(config: Path, sets: list[str], output_root: Path | None, workers: int) -> None:
    from demandgeo.runs import run_scenarios

    outcomes = run_scenarios(config, sets=sets, output_root=output_root, workers=workers, progress=_report_outcome)
    failed = [outcome for outcome in outcomes if outcome.exit_code]
    typer.echo(f"{len(outcomes) - len(failed)} of {len(outcomes)} scenarios done")
    if failed:
        sys.exit(SOME_FAILED)


def _report_outcome(outcome: Outcome) -> None:
    if outcome.refused:
        typer.echo(f"{outcome.scenario}: {outcome.refused}", err=True)
        return
    typer.echo(f"{outcome.scenario}: {len(outcome.executed)} steps executed; {outcome.folder}")
    for text in outcome.highlights.values():
        typer.echo(text)


def _report(result: Result) -> None:
    from demandgeo.runs.config import shown
    from demandgeo.runs.records import accounts

    for text in result.highlights.values():
        typer.echo(f"\n{text}")
    if lines := list(accounts(result.ledger)):
        typer.echo("\n" + "\n".join(lines))
    folder = shown(result.folder)
    crs = result.manifest["run"]["crs"]
    typer.echo(f"\n{len(result.executed)} of {len(result.artifacts)} steps executed; coordinates in {crs}")
    typer.echo(f"Results in {folder}:")
    for output in result.manifest["outputs"]:
        typer.echo(f"  {folder}/{output['file']}")


def _progress() -> Any:
    if not sys.stderr.isatty():
        return lambda name, fate: typer.echo(f"{fate:>7}  {name}", err=True)
    from rich.console import Console

    console = Console(stderr=True)
    styles = {"runs": "bold", "cached": "dim", "writes": "cyan"}
    return lambda name, fate: console.print(f"{fate:>7}  {name}", style=styles[fate], highlight=False)


def _show_warning(message: Any, category: type[Warning], *_place: Any) -> None:
    if issubclass(category, DemandGeoWarning):
        typer.echo(f"warning: {message}", err=True)


if __name__ == "__main__":
    main()
