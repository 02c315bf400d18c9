from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from demandgeo.domain import Table
from demandgeo.errors import ModelError, RunError, SourceError
from demandgeo.runs import read_config, run, run_scenarios, verify
from demandgeo.runs.cache import Cache, code_version
from demandgeo.runs.folders import FolderInUseError, held
from demandgeo.runs.forecasts import forecast

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
