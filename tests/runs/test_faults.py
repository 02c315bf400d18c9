"""Kills, full disks, damaged state, two runs at once: a whole result or none, and the next run comes to its end."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from demandgeo.errors import OutputError
from demandgeo.runs import verify
from tests.runs.children import TRACEBACK, ran, start

Write = Callable[[str, str], Path]
Content = Callable[[Path], dict[str, object]]

CHANGED = ("--set", "steps.twice.times=5", "--set", "outputs.layers=[six]")
"""What the second run of the toy configuration changes: every step, and one file fewer."""


@pytest.fixture
def before(config: Path) -> Path:
    """The toy configuration with the result of a first run."""
    code, text = ran("run", config)
    assert (code, "3 of 3 steps executed" in text) == (0, True), text
    return config


@pytest.fixture
def wanted(before: Path, tmp_path: Path, content: Content) -> tuple[dict[str, object], set[str]]:
    """The content of the changed run's folder, and all names in it, where nothing goes wrong."""
    copy = shutil.copytree(before.parent, tmp_path / "undisturbed")
    assert ran("run", copy / before.name, *CHANGED)[0] == 0
    return content(copy / "out"), names(copy / "out")


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def state_of(folder: Path) -> str:
    """Return ``whole`` or ``none``; a manifest that does not verify fails the test."""
    if not (folder / "manifest.json").exists():
        return "none"
    verify(folder)
    return "whole"


def copied(before: Path, tmp_path: Path, number: int) -> Path:
    return shutil.copytree(before.parent, tmp_path / f"copy{number}", ignore=shutil.ignore_patterns("copy*", "undist*"))


def changed(folder: Path) -> tuple[object, ...]:
    return "run", folder / "toy.yaml", "--output-root", folder, *CHANGED


def resumed(folder: Path, wanted: tuple[dict[str, object], set[str]], content: Content, told: str) -> str:
    code, text = ran(*changed(folder))
    assert code == 0, f"{told}\n{text}"
    assert content(folder / "out") == wanted[0], told
    assert names(folder / "out") == wanted[1], told
    shutil.rmtree(folder)
    return text


@pytest.mark.parametrize("times", [10, pytest.param(200, marks=pytest.mark.long)])
def test_a_run_killed_at_any_moment_resumes_to_the_same_bytes(
    before: Path, tmp_path: Path, wanted: tuple[dict[str, object], set[str]], content: Content, times: int
) -> None:
    chance, states = random.Random(20150401), []
    probe = copied(before, tmp_path, -1)
    started = time.perf_counter()
    ran(*changed(probe))
    lasts = time.perf_counter() - started
    for number in range(times):
        folder = copied(before, tmp_path, number)
        if number % 2:  # nothing there before
            shutil.rmtree(folder / "out")
            shutil.rmtree(folder / ".demandgeo")
        moment = chance.uniform(0, lasts)
        child = start(*changed(folder))
        time.sleep(moment)
        child.process.kill()
        child.process.join()
        states.append(state_of(folder / "out"))
        # What the killed run had finished is not done again; the first run's steps but its source are of no use.
        done = len(list((folder / ".demandgeo" / "steps").glob("*.json"))) - (0 if number % 2 else 2)
        told = f"killed after {moment:.3f} of {lasts:.3f} s"
        assert f"\n{3 - done} of 3 steps executed" in resumed(folder, wanted, content, told), told
    assert set(states) == {"none", "whole"}


@pytest.mark.parametrize("stride", [4, pytest.param(1, marks=pytest.mark.long)])
def test_every_change_to_the_disk_may_fail(
    before: Path, tmp_path: Path, wanted: tuple[dict[str, object], set[str]], content: Content, stride: int
) -> None:
    old, failed = content(before.parent / "out"), 0
    for number in itertools.count(1, stride):
        folder = copied(before, tmp_path, number)
        code, text = ran(*changed(folder), fault=number)
        if "fault at" not in text:
            break
        assert code != TRACEBACK, text
        failed += code != 0
        if state_of(folder / "out") == "whole":
            assert content(folder / "out") in (old, wanted[0]), text
        resumed(folder, wanted, content, text)
    assert number > 80
    assert failed > 60 / stride


def test_a_disk_that_fills_in_the_middle_of_a_file(
    before: Path, tmp_path: Path, wanted: tuple[dict[str, object], set[str]], content: Content
) -> None:
    # The system itself cuts each file off, also those that libraries write past Python.
    for limit in itertools.count(0, 300):
        folder = copied(before, tmp_path, limit)
        code, text = ran(*changed(folder), limit=limit)
        if code == 0:
            break
        assert code == 2, f"limit {limit}: {text}"
        state_of(folder / "out")
        resumed(folder, wanted, content, f"limit {limit}: {text}")
    assert limit > 2000


@pytest.mark.parametrize("damage", ["noise", "cut", "flip"])
def test_a_damaged_state_folder_does_not_reach_the_result(config: Path, content: Content, damage: str) -> None:
    assert ran("run", config)[0] == 0
    right, state, chance = content(config.parent / "out"), config.parent / ".demandgeo", random.Random(4)
    files = sorted(path for path in state.rglob("*") if path.is_file())
    assert len(files) > 8
    for path in files:
        good = path.read_bytes()
        at = chance.randrange(len(good))
        bad = {
            "noise": chance.randbytes(len(good)),
            "cut": good[:at],
            "flip": good[:at] + bytes([good[at] ^ 1 << chance.randrange(8)]) + good[at + 1 :],
        }[damage]
        path.write_bytes(bad)
        shutil.rmtree(config.parent / "out")
        told = f"{path.relative_to(state)}: {damage} at {at}"
        code, text = ran("plan", config, "--set", "steps.six.times=8")
        assert code == 0, f"{told}\n{text}"
        code, text = ran("run", config)
        assert code == 0, f"{told}\n{text}"
        assert content(config.parent / "out") == right, told


def waiting_configuration(write: Write, gate: Path) -> Path:
    write("numbers.txt", "1\n2\n")
    return write(
        "wait.yaml",
        "sources: {numbers: {reader: toy.numbers, path: numbers.txt}}\nsteps:\n"
        "  - {stage: toy.double, table: numbers, as: twice}\n"
        f"  - {{stage: toy.wait, table: twice, gate: {gate}, as: last}}\noutputs: {{folder: out}}\n",
    )


def test_of_eight_starts_one_runs_and_seven_name_it(write: Write, tmp_path: Path) -> None:
    path = waiting_configuration(write, tmp_path / "gate")
    children = [start("run", path) for _ in range(8)]
    deadline = time.monotonic() + 30
    while sum(child.process.is_alive() for child in children) > 1:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    (runs,) = [child for child in children if child.process.is_alive()]
    for child in children:
        if child is not runs:
            code, text = child.end()
            assert (code, f"in use by another run (process {runs.process.pid})" in text) == (4, True), text
    (tmp_path / "gate").touch()
    assert runs.end()[0] == 0
    verify(tmp_path / "out")


def test_an_interrupted_run_leaves_nothing_and_resumes(write: Write, tmp_path: Path, content: Content) -> None:
    path = waiting_configuration(write, tmp_path / "gate")
    child = start("run", path)
    while not (tmp_path / "gate.waiting").exists():
        assert child.process.is_alive()
        time.sleep(0.01)
    os.kill(child.process.pid, signal.SIGINT)
    code, text = child.end()
    assert (code, "the next run resumes where this one was" in text) == (130, True), text
    assert not (tmp_path / "out").exists()
    (tmp_path / "gate").touch()
    assert "1 of 3 steps executed" in ran("run", path)[1]
    again = content(tmp_path / "out")
    shutil.rmtree(tmp_path / "out")
    shutil.rmtree(tmp_path / ".demandgeo")
    assert "3 of 3 steps executed" in ran("run", path)[1]
    assert content(tmp_path / "out") == again


def test_a_deleted_result_folder_is_written_again_from_the_cache(before: Path, content: Content) -> None:
    first = content(before.parent / "out")
    shutil.rmtree(before.parent / "out")
    code, text = ran("run", before)
    assert (code, "0 of 3 steps executed" in text) == (0, True), text
    assert content(before.parent / "out") == first


def test_a_folder_that_cannot_be_written_is_a_message(write: Write, tmp_path: Path) -> None:
    write("out", "a file of the user")
    config = write(
        "toy.yaml",
        "sources: {numbers: {reader: toy.numbers, path: numbers.txt}}\n"
        "steps: [{stage: toy.double, table: numbers, as: twice}]\noutputs: {folder: out}\n",
    )
    write("numbers.txt", "1\n")
    for folder in ("out", "out/below"):
        code, text = ran("run", config, "--set", f"outputs.folder={tmp_path}/{folder}")
        assert (code, "cannot be written" in text, str(tmp_path / "out") in text) == (2, True, True), text
    assert (tmp_path / "out").read_text() == "a file of the user"
    (tmp_path / "out").unlink()
    for mode, needed in ((0o555, 2), (0o755, 0)):
        tmp_path.chmod(mode)
        code, text = ran("run", config, common=True)
        assert (code, "cannot be written: Permission denied" in text) == (needed, needed == 2), text
    for times, folder in ((8, "out"), (9, ".demandgeo/artifacts")):
        (tmp_path / folder).chmod(0o555)
        code, text = ran("run", config, "--set", f"steps.twice.times={times}", common=True)
        assert (code, "cannot be written: " in text, "Permission denied" in text) == (2, True, True), text
        (tmp_path / folder).chmod(0o755)
    (tmp_path / "numbers.txt").chmod(0)
    code, text = ran("run", config, common=True)
    assert (code, "numbers.txt: cannot be read (Permission denied)" in text) == (2, True), text


BASE = """\
run: {name: toy, seed: 7}
sources:
  numbers: {reader: toy.numbers, path: numbers.txt}
steps:
  - {stage: toy.double, table: numbers, times: 3, as: six}
outputs: {folder: out}
"""


@pytest.mark.parametrize(
    ("old", "new", "messages"),
    [
        ("times: 3", "tmies: 3", ["toy.yaml:5:41", 'did you mean "times"?']),
        ("seed: 7", "seed: 7, seed: 8", ["toy.yaml:1:27", "the key 'seed' stands twice"]),
        ("times: 3", "times: -3", ["toy.yaml:5:41", "steps.0.times", "is -3", "greater than or equal to 1"]),
        ("times: 3", "times: 300000.5", ["toy.yaml:5:41", "is 300000.5"]),
        ("times: 3", "times: .nan", ["toy.yaml:5:48", ".nan is not finite"]),
        ("times: 3", f"times: {'9' * 5000}", ["toy.yaml:5:48", "is too large"]),
        ("folder: out", "folder: ../../etc", ["toy.yaml:6:11", "outputs.folder", "is not below"]),
        ("folder: out", "folder: /etc", ["toy.yaml:6:11", "is not below"]),
        ("folder: out", 'folder: "a\\0b"', ["toy.yaml:6:11", "names no folder"]),
        ("folder: out", 'folder: "a\\ud800"', ["toy.yaml:6:11", "names no folder"]),
        ("folder: out", f"folder: {'x' * 300}", ["cannot be written"]),
        ("name: toy", "name: ../../x", ["toy.yaml:1:7", "run.name"]),
        ("path: numbers.txt", 'path: "a\\0b"', ["toy.yaml:3:34", "there is no file"]),
        ("path: numbers.txt", f"path: {'x' * 300}", ["toy.yaml:3:34", "there is no file"]),
        ("times: 3", "times: !!python/object/apply:os.system [ls]", ["toy.yaml:5:48", "the tag"]),
        ("seed: 7", "seed: &a 7", ["toy.yaml:1:24", "anchors and aliases"]),
        ("folder: out", "folder: out, figures: NO", ["toy.yaml:6:24", "'NO'", "boolean"]),
        ("folder: out", f"folder: {'[' * 500}", ["toy.yaml:6", "nested too deeply"]),
        ("seed: 7", f"title: {'x' * 1_000_001}", ["toy.yaml", "1,000,000"]),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else None,
)  # fmt: skip
def test_a_config_that_cannot_be_meant_is_refused_with_its_place(
    write: Write, tmp_path: Path, old: str, new: str, messages: list[str]
) -> None:
    write("numbers.txt", "1\n")
    config = write("toy.yaml", BASE.replace(old, new))
    code, text = ran("run", config, "--output-root", tmp_path)
    assert code == 2, text
    for message in messages:
        assert message in text
    assert names(tmp_path) == {"numbers.txt", "toy.yaml"}


@pytest.mark.parametrize("item", ["outputs.layers.0=six", "steps.six.table.x=3", "run.seed.x=1", "steps=3", "a..b=1"])
def test_a_set_that_leads_nowhere_is_refused(write: Write, item: str) -> None:
    write("numbers.txt", "1\n")
    code, text = ran("run", write("toy.yaml", BASE.replace("out}", "out, layers: [six]}")), "--set", item)
    assert code == 2, text


PLUGIN = """\
from pathlib import Path
from demandgeo.domain import Table
from demandgeo.registry import stage, writer
from {package}.amounts import AMOUNT

@stage("extra.more")
def more(table: Table) -> Table:
    "Add."
    return Table("more", table.rows + AMOUNT)

@writer("extra.note")
def note(artifacts: dict, folder: Path, *, about: dict) -> list[Path]:
    "Write a note."
    (folder / "note.txt").write_text("first")
    return [folder / "note.txt"]
"""


@pytest.mark.parametrize("kind", ["package", "namespace"])
def test_a_changed_plug_in_is_noticed(write: Write, tmp_path: Path, kind: str) -> None:
    package = f"extra_{kind}"
    write("numbers.txt", "1\n")
    if kind == "package":
        write(f"plugins/{package}/__init__.py", "")
    write(f"plugins/{package}/amounts.py", "AMOUNT = 1\n")
    plugin = write(f"plugins/{package}/stages.py", PLUGIN.format(package=package))
    config = write("toy.yaml", BASE.replace("toy.double, table: numbers, times: 3", "extra.more, table: numbers"))

    def run() -> str:
        shutil.rmtree(plugin.parent / "__pycache__", ignore_errors=True)
        code, text = ran("run", config, plugin=f"{tmp_path / 'plugins'}:{package}.stages")
        assert code == 0, text
        return text

    assert "2 of 2 steps executed" in run()
    assert "0 of 2 steps executed" in run()
    write(f"plugins/{package}/amounts.py", "AMOUNT = 2\n")
    assert "1 of 2 steps executed" in run()
    assert (tmp_path / "out" / "six.csv").read_text().split() == ["value", "3"]
    plugin.write_text(plugin.read_text().replace('"first"', '"second"'))
    run()
    assert (tmp_path / "out" / "note.txt").read_text() == "second"


def test_a_manifest_that_names_files_elsewhere_deletes_nothing(before: Path) -> None:
    manifest = before.parent / "out" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"twice.csv"', '"../numbers.txt"'))
    with pytest.raises(OutputError, match="damaged"):
        verify(before.parent / "out")
    assert ran("run", before, *CHANGED)[0] == 0
    assert (before.parent / "numbers.txt").exists()
