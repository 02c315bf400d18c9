"""A stage is the library function: its signature is its schema, read when it is decorated."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from annotated_types import Gt
from pydantic import ValidationError

from demandgeo import registry
from demandgeo.domain import Demand, Events, Grid, Zones
from demandgeo.errors import ConfigError
from demandgeo.registry import Input, Register, criterion, reader, stage, writer


@pytest.fixture(autouse=True)
def own_registers(monkeypatch):
    """What a test registers is forgotten after it."""
    for register in (registry.STAGES, registry.READERS, registry.CRITERIA, registry.WRITERS):
        monkeypatch.setattr(register, "_entries", dict(register._entries))


def surface(
    events: Events,
    support: Grid | Zones,
    before: Events | None = None,
    others: tuple[Demand | Events, ...] = (),
    *,
    bandwidth: Annotated[float, Gt(0)] = 400.0,
    kernel: Literal["quartic", "uniform"] = "quartic",
    mask: Path | None = None,
) -> Demand:
    """Smooth events.

    More.
    """
    raise NotImplementedError


def test_a_stage_is_the_function_itself_and_its_signature_is_the_schema():
    assert stage("x.surface")(surface) is surface
    entry = registry.STAGES._entries["x.surface"]
    assert entry.function is surface
    assert entry.summary == "Smooth events."
    assert entry.inputs == {
        "events": Input((Events,)),
        "support": Input((Grid, Zones)),
        "before": Input((Events,), optional=True),
        "others": Input((Demand, Events), optional=True, many=True),
    }
    assert entry.output is Demand
    assert entry.paths == ("mask",)
    assert entry.settings().model_dump() == {"bandwidth": 400.0, "kernel": "quartic", "mask": None}


def test_inputs_take_what_they_name_and_say_so():
    stage("x.surface")(surface)
    inputs = registry.STAGES._entries["x.surface"].inputs
    assert inputs["support"].takes(Zones)
    assert not inputs["support"].takes(Events)
    assert str(inputs["support"]) == "Grid or Zones"
    assert str(inputs["others"]) == "a list of Demand or Events"


@pytest.mark.parametrize(
    "settings", [{"bandwith": 3.0}, {"bandwidth": "400"}, {"bandwidth": 0.0}, {"kernel": "cubic"}, {"events": 1}]
)
def test_settings_are_strict_and_closed(settings):
    stage("x.surface")(surface)
    with pytest.raises(ValidationError):
        registry.STAGES._entries["x.surface"].settings(**settings)


def test_settings_cannot_be_changed_afterwards():
    stage("x.surface")(surface)
    settings = registry.STAGES._entries["x.surface"].settings()
    with pytest.raises(ValidationError, match="frozen"):
        settings.bandwidth = 3.0


def unreadable(events: Missing) -> Demand: ...  # noqa: F821
def half_imported(events: os.Missing) -> Demand: ...
def untyped(events, *, cell=3.0) -> Demand: ...
def no_return(events: Events): ...
def setting_by_position(events: Events, cell: float) -> Demand: ...
def pair(events: tuple[Events, Demand]) -> Demand: ...
def reserved(events: Events, *, stage: str = "") -> Demand: ...
def reserved_input(reader: Events) -> Demand: ...
def any_number(*events: Events) -> Demand: ...
def any_setting(events: Events, **settings: float) -> Demand: ...
def no_artifact(events: Events) -> dict[str, Any]: ...


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (unreadable, "import the types of a signature at run time"),
        (half_imported, "import the types of a signature at run time"),
        (untyped, "no type is given for events, cell"),
        (no_return, "no type is given for return"),
        (setting_by_position, "'cell' must be an artifact"),
        (pair, "'events' must be an artifact"),
        (reserved, "'stage' is reserved"),
        (reserved_input, "'reader' is reserved"),
        (any_number, "names no parameter"),
        (any_setting, "names no parameter"),
        (no_artifact, "must return an artifact"),
    ],
)
def test_a_signature_that_cannot_be_a_stage_fails_when_it_is_decorated(function, message):
    with pytest.raises(TypeError, match=message):
        stage("x.broken")(function)
    assert "x.broken" not in registry.STAGES._entries


def test_every_parameter_of_a_reader_is_a_setting_and_paths_are_known():
    def read(path: Path, months: tuple[str, ...] | None = None, folders: tuple[Path, ...] = ()) -> Events:
        raise NotImplementedError

    assert reader("x")(read) is read
    entry = registry.READERS._entries["x"]
    assert not entry.inputs
    assert entry.paths == ("path", "folders")
    with pytest.raises(ValidationError, match="path"):
        entry.settings()


def test_criteria_carry_direction_and_unit_and_writers_any_subject():
    @criterion("x.time", direction="lower", unit="min")
    def time(demand: Demand) -> float:
        raise NotImplementedError

    @writer("x.file")
    def write(artifacts: dict[str, Demand], folder: Path, *, title: str = "") -> list[Path]:
        raise NotImplementedError

    assert registry.CRITERIA._entries["x.time"].labels == {
        "direction": "lower",
        "unit": "min",
        "needs": "",
        "by_shift": "yes",
    }
    assert set(registry.WRITERS._entries["x.file"].settings.model_fields) == {"title"}
    with pytest.raises(TypeError, match="direction is 'up'"):
        criterion("x.other", direction="up", unit="min")


def test_two_owners_of_a_name_are_refused_and_both_are_named():
    def other(events: Events) -> Demand:
        raise NotImplementedError

    stage("x.surface")(surface)
    stage("x.surface")(surface)  # the same function again is no second owner
    with pytest.raises(ConfigError, match=r"two owners: .*\.surface and .*other"):
        stage("x.surface")(other)


def test_an_unknown_name_gets_the_nearest_known_one(monkeypatch):
    monkeypatch.setattr(registry, "ROOMS", ())
    stage("x.surface")(surface)
    with pytest.raises(ConfigError, match=r"stage 'x.surfce' is not known; did you mean \"x.surface\""):
        registry.STAGES.find("x.surfce")


def test_a_register_finds_its_room_by_the_prefix():
    assert registry.STAGES._room_of("density.surface") == "density"
    assert registry.READERS._room_of("police_uk") == "sources"
    assert registry.READERS._room_of("acme.feed") == "acme"
    assert Register.all == [registry.STAGES, registry.READERS, registry.CRITERIA, registry.WRITERS]


PLUGIN = """
from demandgeo.domain import Demand, Events
from demandgeo.registry import stage

@stage("{name}")
def half(events: Events) -> Demand:
    '''Half of it.'''
"""

FIND = """
import sys
from demandgeo.registry import STAGES
try:
    print(STAGES.find({name!r}).summary, "demandgeo.outputs" in sys.modules)
except Exception as error:
    print(type(error).__name__, error)
"""


def installed(folder: Path, package: str, entry: str, source: str) -> None:
    """Lay out a package as an installer does, with an entry point."""
    (folder / f"{package}.py").write_text(source)
    facts = folder / f"{package}-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(f"[demandgeo.plugins]\n{entry} = {package}\n")


def found(name: str, path: Path | str = "") -> str:
    """Find a stage in a freshly spawned process."""
    environment = os.environ | {"PYTHONPATH": str(path)}
    command = [sys.executable, "-c", FIND.format(name=name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_fresh_process_finds_a_stage_importing_only_its_room():
    assert found("density.count").endswith(" False")


def test_a_plugin_is_found_through_its_entry_point(tmp_path):
    installed(tmp_path, "acme_stages", "acme", PLUGIN.format(name="acme.half"))
    assert found("acme.half", tmp_path) == "Half of it. False"


def test_a_plugin_that_takes_a_name_of_ours_is_refused_naming_both(tmp_path):
    installed(tmp_path, "acme_stages", "density", PLUGIN.format(name="density.count"))
    answer = found("density.count", tmp_path)
    assert answer.startswith("ConfigError")
    assert "demandgeo.density.counts.count" in answer
    assert "acme_stages.half" in answer


def test_a_plugin_that_does_not_load_is_named(tmp_path):
    installed(tmp_path, "acme_stages", "acme", "import no_such_module")
    answer = found("acme.half", tmp_path)
    assert answer.startswith("ConfigError the plug-in 'acme' (acme_stages) does not load")
