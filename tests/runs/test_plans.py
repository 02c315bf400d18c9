from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from demandgeo.errors import ConfigError
from demandgeo.runs import make_plan, read_config

Write = Callable[[str, str], Path]


def refused(path: Path, **options: object) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        make_plan(read_config(path, **options))  # type: ignore[arg-type]
    return [str(problem) for problem in caught.value.problems]


def test_a_good_configuration_becomes_calls_in_order(config: Path) -> None:
    plan = make_plan(read_config(config))
    assert [call.name for call in plan.calls] == ["numbers", "twice", "six"]
    assert plan.calls[2].inputs == {"table": ("twice",)}
    assert plan.calls[2].settings == {"times": 3}
    assert plan.layers == ("twice", "six")
    assert plan.calls[0].settings["path"] == config.parent / "numbers.txt"


def test_five_mistakes_are_five_messages_with_their_places(write: Write) -> None:
    write("numbers.txt", "1")
    path = write(
        "bad.yaml",
        "rum: {name: toy}\n"
        "sources:\n"
        "  numbers: {reader: toy.numbers, path: numbers.txt, scael: 2}\n"
        "steps:\n"
        "  - {stage: toy.doubel, table: numbers, as: twice}\n"
        "  - {stage: toy.double, table: nubmers, as: six}\n"
        "  - {stage: toy.double, table: numbers, times: '3', as: nine}\n",
    )
    messages = refused(path)
    assert messages == [
        f"{path}:1:1: rum: there is no section 'rum'; did you mean \"run\"?",
        f"{path}:3:53: sources.numbers.scael: there is no setting 'scael'; did you mean \"scale\"?",
        f"{path}:5:6: steps.0.stage: stage 'toy.doubel' is not known; did you mean \"toy.double\"?",
        f"{path}:6:25: steps.1.table: no source or step above makes 'nubmers'; did you mean \"numbers\"?",
        f"{path}:7:41: steps.2.times: is '3'; a valid integer was needed",
    ]


def test_mistakes_of_the_text_hide_no_others(write: Write) -> None:
    write("numbers.txt", "1")
    path = write(
        "bad.yaml",
        "sources:\n  numbers: {reader: toy.numbers, path: numbers.txt, scale: .nan}\n"
        "steps:\n  - {stage: toy.double, table: nubmers, as: a}\n"
        "  - {stage: toy.double, table: numbers, table: numbers, as: b}\n",
    )
    assert [line.partition(": ")[2] for line in refused(path)] == [
        "sources.numbers.scale: .nan is not finite; a finite number was needed",
        "steps.0.table: no source or step above makes 'nubmers'; did you mean \"numbers\"?",
        "steps.1.table: the key 'table' stands twice; once; remove one of the two",
    ]


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("{stage: toy.double, table: numbers, times: 0}", "is 0; greater than or equal to 1 was needed"),
        ("{stage: toy.double, table: numbers, times: 2.5}", "is 2.5; a valid integer was needed"),
        ("{stage: toy.double, table: numbers, times: NO}", "is 'NO'; a valid integer was needed"),
        ("{stage: toy.double, as: x}", "the input 'table' is missing; Table was needed; take one of numbers"),
        ("{stage: toy.double, table: [numbers]}", "table is a list; one Table was needed"),
        ("{stage: toy.double, table: numbers, as: numbers}", "'numbers' is already made above"),
        ("{stage: toy.double, table: numbers, as: 'a b'}", "'a b' is no name"),
        ("{stage: toy.chance, table: numbers, seed: 3}", "a step has no seed of its own; set run.seed"),
        ("{table: numbers}", "the step names no stage"),
        ("{stage: toy.double, table: numbers.rows}", "'numbers' has no artifact 'rows'"),
    ],
)
def test_one_mistake_in_a_step(write: Write, step: str, message: str) -> None:
    write("numbers.txt", "1")
    path = write("bad.yaml", f"sources: {{numbers: {{reader: toy.numbers, path: numbers.txt}}}}\nsteps:\n  - {step}\n")
    assert message in refused(path)[0]


def test_a_step_takes_only_what_stands_above_it(write: Write) -> None:
    write("numbers.txt", "1")
    path = write(
        "circle.yaml",
        "sources: {numbers: {reader: toy.numbers, path: numbers.txt}}\n"
        "steps:\n  - {stage: toy.double, table: b, as: a}\n  - {stage: toy.double, table: a, as: b}\n",
    )
    assert "no source or step above makes 'b'" in refused(path)[0]


def test_follow_on_problems_of_a_wrong_step_do_not_show(write: Write) -> None:
    write("numbers.txt", "1")
    path = write(
        "bad.yaml",
        "sources: {numbers: {reader: toy.numbers, path: numbers.txt}}\n"
        "steps:\n  - {stage: toy.duoble, table: numbers, as: a}\n  - {stage: toy.double, table: a, as: b}\n",
    )
    assert len(refused(path)) == 1


def test_fields_of_a_result_and_lists_of_inputs(write: Write) -> None:
    write("numbers.txt", "1")
    path = write(
        "fields.yaml",
        "sources: {numbers: {reader: toy.numbers, path: numbers.txt}}\n"
        "steps:\n  - {stage: toy.split, table: numbers, as: pair}\n"
        "  - {stage: toy.add, tables: [pair.first, pair.second], other: numbers, as: total}\n",
    )
    plan = make_plan(read_config(path))
    assert plan.calls[-1].inputs == {"tables": ("pair.first", "pair.second"), "other": ("numbers",)}
    assert (
        "'pair' is Pair; a list of Table was needed"
        in refused(write("wrong.yaml", path.read_text().replace("[pair.first, pair.second]", "[pair]")))[0]
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("steps: []", "there is no source"),
        ("sources: {a: {path: x}}\nsteps: [{stage: toy.add, tables: []}]", "a names no reader"),
        ("sources: {a: {reader: police_ku}}\nsteps: [{stage: toy.add, tables: []}]", "reader 'police_ku' is not known"),
        ("sources: {a: {reader: toy.numbers, path: gone.txt}}\nsteps: [{stage: toy.add, tables: []}]",
         "there is no file or folder gone.txt"),
        ("run: {seed: -1}\nsources: {}\nsteps: []", "is -1; greater than or equal to 0 was needed"),
        ("run: [1]\nsources: {}\nsteps: []", "a mapping of settings was needed"),
        ("outputs: {layers: [nothing]}\nsources: {}\nsteps: []", "no step makes 'nothing'"),
    ],
)  # fmt: skip
def test_mistakes_in_sections(write: Write, text: str, message: str) -> None:
    assert any(message in line for line in refused(write("bad.yaml", text)))


def test_the_seed_of_a_step_depends_on_run_and_name(write: Write) -> None:
    write("numbers.txt", "1")
    text = (
        "run: {seed: 1}\nsources: {numbers: {reader: toy.numbers, path: numbers.txt}}\n"
        "steps:\n  - {stage: toy.chance, table: numbers, as: a}\n  - {stage: toy.chance, table: numbers, as: b}\n"
    )
    path = write("seeds.yaml", text)
    seeds = [call.settings["seed"] for call in make_plan(read_config(path)).calls[1:]]
    again = [call.settings["seed"] for call in make_plan(read_config(path, sets=["run.seed=2"])).calls[1:]]
    assert len({*seeds, *again}) == 4
    assert seeds == [call.settings["seed"] for call in make_plan(read_config(path)).calls[1:]]


def test_scenarios_sets_and_extends(config: Path, write: Write) -> None:
    assert make_plan(read_config(config, scenario="more")).calls[2].settings == {"times": 5}
    assert make_plan(read_config(config, scenario="more", sets=["steps.six.times=9"])).calls[2].settings == {"times": 9}
    assert "is 0" in refused(config, scenario="wrong")[0]
    assert 'did you mean "more"?' in refused(config, scenario="mroe")[0]
    assert "no '='" in refused(config, sets=["steps.six.times"])[0]
    child = write(
        "child/child.yaml",
        "extends: ../toy.yaml\nsteps:\n  - {as: six, times: 4}\n  - {stage: toy.add, tables: [six], as: t}\n",
    )
    plan = make_plan(read_config(child))
    assert [(call.name, call.settings) for call in plan.calls[2:]] == [("six", {"times": 4}), ("t", {})]
    assert "extends itself" in refused(write("loop.yaml", "extends: loop.yaml"))[0]
    assert "there is no file" in refused(write("lost.yaml", "extends: gone.yaml"))[0]


def test_results_stay_below_the_output_root(write: Write, tmp_path: Path) -> None:
    path = write("out.yaml", "outputs: {folder: ../../elsewhere}\nsources: {}\nsteps: []")
    with pytest.raises(ConfigError, match="is not below"):
        read_config(path, output_root=tmp_path).output_folder  # noqa: B018


def test_a_root_is_the_nearest_parent_with_a_project(write: Write, tmp_path: Path) -> None:
    path = write("project/configs/a.yaml", "run: {name: a}")
    write("project/pyproject.toml", "")
    assert read_config(path).output_folder == tmp_path / "project" / "results" / "a"
    lonely = write("lonely/b.yaml", "run: {name: b}")
    assert read_config(lonely, output_root=None).output_root in lonely.parents


def test_the_shipped_schema_is_current(checkout: Path) -> None:
    # In a process of its own: the toy stages of these tests are registered in this one.
    printed = subprocess.run([sys.executable, "-m", "demandgeo.cli", "schema"], capture_output=True, check=True).stdout
    assert json.loads((checkout / "configs" / "demandgeo.schema.json").read_text()) == json.loads(printed)


def test_every_shipped_configuration_is_good(checkout: Path) -> None:
    for path in sorted((checkout / "configs").glob("*.yaml")):
        sets = []
        if "west_midlands" in path.name:  # its months are for the user to download
            stand_in = checkout / "data" / "police" / "west_yorkshire"
            keys = ["crime", "next"] if "backtest" in path.name else ["crime"]
            sets = [f"sources.{key}.path={stand_in}" for key in keys]
        if "roads" in path.name:  # so are its streets and collisions
            tables = [
                f"sources.{key}.{name}" for key in ("collisions", "later") for name in ("collisions", "casualties")
            ]
            tables += [
                f"sources.{key}.{name}" for key in ("year", "last_year") for name in ("collisions", "casualties")
            ]
            sets += [f"{key}={stand_in}" for key in ("sources.streets.path", *tables)]
        make_plan(read_config(path, sets=sets))
