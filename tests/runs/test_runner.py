from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from demandgeo.domain import Table
from demandgeo.errors import ConfigError, ModelError, RunError, SourceError
from demandgeo.runs import read_config, run, run_scenarios, verify
from demandgeo.runs.cache import Cache, code_version, versions
from demandgeo.runs.folders import FolderInUseError, held
from demandgeo.runs.forecasts import forecast
from demandgeo.runs.plans import input_files, name_below

Write = Callable[[str, str], Path]
Content = Callable[[Path], dict[str, object]]


def values(table: object) -> list[float]:
    assert isinstance(table, Table)
    return table.rows["value"].tolist()


def test_a_run_and_its_folder(config: Path, calls: list[str]) -> None:
    result = run(config)
    assert values(result["six"]) == [6.0, 12.0, 18.0]
    assert calls == ["toy.numbers", "toy.double", "toy.double"]
    assert result.executed == ("numbers", "twice", "six")
    files = {path.name for path in result.folder.iterdir() if not path.name.startswith(".")}
    assert {"manifest.json", "ledger.json", "excluded.parquet", "six.csv", "twice.csv"} <= files
    assert pd.read_csv(result.folder / "six.csv")["value"].tolist() == [6, 12, 18]
    verify(result.folder)


def test_an_unchanged_run_executes_nothing_and_touches_nothing(config: Path, calls: list[str]) -> None:
    first = run(config)
    stamps = {path: path.stat().st_mtime_ns for path in first.folder.iterdir() if not path.name.startswith(".")}
    calls.clear()
    second = run(config)
    assert (calls, second.executed) == ([], ())
    assert stamps == {path: path.stat().st_mtime_ns for path in stamps}
    assert second.manifest == first.manifest
    assert values(second["six"]) == [6.0, 12.0, 18.0]


def test_one_changed_setting_reruns_only_what_stands_below(config: Path, calls: list[str]) -> None:
    run(config)
    calls.clear()
    assert run(config, sets=["steps.six.times=4"]).executed == ("six",)
    assert run(config, sets=["steps.twice.times=3"]).executed == ("twice", "six")
    (config.parent / "numbers.txt").write_text("1\n2\n4\n")
    assert run(config).executed == ("numbers", "twice", "six")


def test_a_moved_file_with_the_same_bytes_reruns_nothing(config: Path) -> None:
    run(config)
    shutil.copy(config.parent / "numbers.txt", config.parent / "renamed.txt")
    # The name of a single file is part of its content: a police file states its month there.
    (config.parent / "b").mkdir()
    shutil.copy(config.parent / "numbers.txt", config.parent / "b" / "numbers.txt")
    assert run(config, sets=[f"sources.numbers.path={config.parent / 'b' / 'numbers.txt'}"]).executed == ()


def test_the_plan_says_why(config: Path) -> None:
    assert [line.split()[0] for line in forecast(config)] == ["run", "run", "run", "3"]
    run(config)
    lines = list(forecast(config, sets=["steps.six.times=4"]))
    assert [line.split()[0] for line in lines] == ["cached", "cached", "run", "1"]
    assert "settings changed: times" in lines[2]
    (config.parent / "numbers.txt").write_text("5\n")
    lines = list(forecast(config))
    assert "input changed: file path" in lines[0]
    assert "waits for numbers" in lines[1]


def test_a_damaged_artifact_is_made_again(config: Path, calls: list[str], content: Content) -> None:
    before = content(run(config).folder)
    store = Cache(read_config(config).state_folder).artifacts
    for path in store.glob("*/*.parquet"):
        path.write_bytes(path.read_bytes()[:-9] + b"\0" * 9)
    shutil.rmtree(config.parent / "out")
    calls.clear()
    result = run(config)
    assert values(result["six"]) == [6.0, 12.0, 18.0]
    assert "toy.double" in calls
    assert content(result.folder) == before


def test_a_changed_result_file_is_noticed_and_mended(config: Path, content: Content) -> None:
    result = run(config)
    before = content(result.folder)
    (result.folder / "six.csv").write_text("tampered")
    with pytest.raises(OSError, match="has changed since the run"):
        verify(result.folder)
    run(config)
    verify(result.folder)
    assert content(result.folder) == before


def test_files_of_an_earlier_run_go_and_those_of_the_user_stay(config: Path) -> None:
    folder = run(config).folder
    (folder / "my.qgz").write_text("mine")
    run(config, sets=["outputs.layers=[six]"])
    names = {path.name for path in folder.iterdir()}
    assert "twice.csv" not in names
    assert {"six.csv", "my.qgz"} <= names


def test_what_a_run_depends_on_is_in_its_folder_twice_alike(config: Path, tmp_path: Path, content: Content) -> None:
    first = content(run(config).folder)
    shutil.rmtree(config.parent / "out")
    shutil.rmtree(config.parent / ".demandgeo")
    assert content(run(config).folder) == first


def test_refused_data_leave_no_folder(config: Path, write: Write) -> None:
    (config.parent / "numbers.txt").write_text("one\n")
    with pytest.raises(SourceError, match=r"numbers\.txt"):
        run(config)
    assert not (config.parent / "out").exists()
    write("numbers.txt", "1\n")
    with pytest.raises(ModelError, match=r"toy\.yaml:5:5: six \(toy.refuse\): the numbers are wrong"):
        run(write("toy.yaml", config.read_text().replace("stage: toy.double, table: twice, times: 3",
                                                         "stage: toy.refuse, table: twice")
                  .replace("steps:\n", "steps:\n").replace("  - {stage: toy.double, table: numbers, as: twice}\n",
                                                           "  - {stage: toy.double, table: numbers, as: twice}\n")
                  .replace("run: {name: toy, seed: 7}\n", "")))  # fmt: skip
    assert not (config.parent / "out").exists()


def test_the_mistakes_of_all_sources_show_at_once(write: Write) -> None:
    write("a.txt", "x")
    write("b.txt", "y")
    path = write(
        "two.yaml",
        "sources:\n  a: {reader: toy.numbers, path: a.txt}\n  b: {reader: toy.numbers, path: b.txt}\n"
        "steps: [{stage: toy.add, tables: [a, b], as: c}]\n",
    )
    with pytest.raises(SourceError) as caught:
        run(path)
    assert [name in str(caught.value) for name in ("a.txt", "b.txt")] == [True, True]


def test_a_defect_names_its_step_and_keeps_its_cause(config: Path, write: Write) -> None:
    path = write(
        "crash.yaml", config.read_text().replace("toy.double, table: twice, times: 3", "toy.crash, table: twice")
    )
    with pytest.raises(RunError, match=r"step 3 \(six: toy.crash\) failed: KeyError") as caught:
        run(path)
    assert isinstance(caught.value.__cause__, KeyError)


def test_one_run_holds_a_folder(config: Path) -> None:
    with held(read_config(config).output_folder), pytest.raises(FolderInUseError, match=str(os.getpid())):
        run(config)
    assert run(config).executed


def test_a_batch_runs_every_scenario_that_can(config: Path) -> None:
    outcomes = {outcome.scenario: outcome for outcome in run_scenarios(config)}
    assert outcomes["more"].exit_code == 0
    assert outcomes["wrong"].exit_code == 2
    assert "toy.yaml:10:11" in outcomes["wrong"].refused
    assert (config.parent / "out" / "more" / "six.csv").exists()
    assert not (config.parent / "out" / "wrong").exists()


def test_the_cache_forgets_the_oldest_beyond_its_size(config: Path) -> None:
    run(config, sets=["cache.max_gb=0.000000001"])
    cache = Cache(read_config(config).state_folder)
    assert list(cache.artifacts.iterdir()) == []
    assert run(config).executed == ("numbers", "twice", "six")


def test_code_and_versions_are_in_every_key() -> None:
    assert code_version() == code_version()
    assert code_version() != code_version("pytest")


KILLED = """
import sys, time
sys.path.insert(0, {tests!r})
import conftest  # registers the toy stages
from demandgeo.registry import stage
from demandgeo.domain import Table
from demandgeo.runs import run

@stage("slow.step")
def slow(table: Table, *, seconds: float = 0.0) -> Table:
    "Wait."
    if not {resumed}:
        print("waiting", flush=True)
        time.sleep(seconds)
    return Table("slow", table.rows + 1)

result = run({config!r})
print(",".join(result.executed), flush=True)
"""


def test_a_killed_run_resumes_and_ends_with_the_same_bytes(write: Write, tmp_path: Path, content: Content) -> None:
    write("numbers.txt", "1\n2\n")
    text = (
        "sources: {numbers: {reader: toy.numbers, path: numbers.txt}}\n"
        "steps:\n  - {stage: toy.double, table: numbers, as: twice}\n"
        "  - {stage: slow.step, table: twice, seconds: 60, as: last}\noutputs: {folder: out}\n"
    )
    path = write("killed.yaml", text)

    def start(resumed: bool) -> subprocess.Popen[str]:
        script = KILLED.format(tests=str(Path(__file__).parent), config=str(path), resumed=resumed)
        return subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)

    with start(resumed=False) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(signal.SIGKILL)
    assert not (tmp_path / "out" / "manifest.json").exists()
    with start(resumed=True) as process:
        assert process.communicate(timeout=120)[0] == "last\n"
    resumed = content(tmp_path / "out")
    shutil.rmtree(tmp_path / "out")
    shutil.rmtree(tmp_path / ".demandgeo")
    with start(resumed=True) as process:
        assert process.communicate(timeout=120)[0] == "numbers,twice,last\n"
    assert content(tmp_path / "out") == resumed


def test_waiting_is_over_at_once_when_a_folder_is_in_use(config: Path) -> None:
    with held(read_config(config).output_folder):
        started = time.perf_counter()
        process = subprocess.run(
            [sys.executable, "-m", "demandgeo.cli", "run", str(config)], capture_output=True, text=True, check=False
        )
        assert time.perf_counter() - started < 5
    assert process.returncode == 4
    assert f"process {os.getpid()}" in process.stderr


def test_a_file_that_changes_while_it_is_read_is_refused(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from demandgeo import registry

    entry = registry.READERS.find("toy.numbers")

    def slow(path: Path, scale: float = 1.0) -> Table:
        table = entry.function(path, scale)
        Path(path).write_text("7\n8\n9\n")
        return table

    monkeypatch.setitem(registry.READERS._entries, "toy.numbers", replace(entry, function=slow))
    with pytest.raises(SourceError, match="changed while they were read"):
        run(config)


def test_every_file_that_is_read_is_in_the_key(tmp_path: Path) -> None:
    for name in ("a/2018-01/x.csv", "b/zones.shp", "b/zones.dbf", "b/other.dbf", "c/zones.gpkg", "c/zones.gpkg-wal"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "2018-01").symlink_to(tmp_path / "a" / "2018-01")
    (tmp_path / "linked" / "circle").symlink_to(tmp_path / "linked")

    def found(name: str) -> list[str]:
        return [name_below(tmp_path / name, path) for path in input_files(tmp_path / name)]

    assert found("linked") == ["2018-01/x.csv"]
    assert found("b/zones.shp") == ["zones.dbf", "zones.shp"]
    assert found("c/zones.gpkg") == ["zones.gpkg", "zones.gpkg-wal"]
    assert found("b/other.dbf") == ["other.dbf"]


def test_what_makes_coordinates_exact_is_in_the_key() -> None:
    assert {"convertbng", "PROJ grids", "pyarrow"} <= set(versions())


NOTEBOOK = """
import sys
sys.path.insert(0, {tests!r})
import conftest
from demandgeo.registry import stage
from demandgeo.domain import Table
from demandgeo.runs import run

AMOUNT = {amount}
def helper(rows):
    return [{inner} for _ in range(1)][0] * rows

@stage("cell.step")
def step(table: Table) -> Table:
    "Multiply."
    return Table("cell", helper(table.rows) + AMOUNT)

print(",".join(run({config!r}).executed))
"""


def test_a_cell_s_stage_is_known_by_all_that_it_uses(write: Write, tmp_path: Path) -> None:
    write("numbers.txt", "1\n")
    path = write(
        "cell.yaml",
        "sources: {numbers: {reader: toy.numbers, path: numbers.txt}}\n"
        "steps: [{stage: cell.step, table: numbers, as: last}]\noutputs: {folder: out}\n",
    )

    def executed(amount: int, inner: int) -> str:
        script = NOTEBOOK.format(tests=str(Path(__file__).parent), config=str(path), amount=amount, inner=inner)
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    assert executed(1, 2) == "numbers,last"
    assert executed(1, 2) == ""
    assert executed(1, 3) == "last"
    assert executed(2, 3) == "last"


def test_trimming_deletes_nothing_but_what_the_cache_made(config: Path) -> None:
    run(config)
    cache = Cache(read_config(config).state_folder)
    for name in ("mine", "1234.part-of-another-run"):
        (cache.artifacts / name).mkdir()
        (cache.artifacts / name / "large").write_bytes(bytes(1000))
    (cache.steps / "mine.json").write_text("{}")
    damaged = cache.steps / f"{'0' * 32}.json"
    damaged.write_text("damaged")
    os.utime(damaged, (0, 0))
    cache.trim(1e-9)
    assert {path.name for path in cache.artifacts.iterdir()} == {"mine", "1234.part-of-another-run"}
    assert [path.name for path in cache.steps.iterdir()] == ["mine.json"]


def test_a_scenario_may_not_leave_by_a_link(config: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "more").symlink_to("/")
    with pytest.raises(ConfigError, match="is not below"):
        run(config, scenario="more")


def test_a_refused_scenario_leaves_the_folder_of_another(tmp_path: Path) -> None:
    with held(tmp_path / "out" / "none"):  # writes nothing, as one that is refused
        (tmp_path / "out" / "few").mkdir()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["few"]


def test_a_batch_without_scenarios_is_refused(config: Path) -> None:
    config.write_text(config.read_text().partition("scenarios:")[0])
    with pytest.raises(ConfigError, match="there are no scenarios"):
        run_scenarios(config)
