"""Whatever is stored comes back the same, and what is damaged does not come back."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demandgeo import domain
from demandgeo.domain import Balance, Demand, Grid, Labels, Record, Table, codec
from demandgeo.errors import ModelError, OutputError
from tests.domain.answers import ANSWERS
from tests.domain.strategies import RECORDS as DRAWN

RECORDS = DRAWN | ANSWERS


def same(a: object, b: object) -> bool:
    """Whether two values hold the same, compared without hashes."""
    if isinstance(a, Record):
        return type(a) is type(b) and all(same(getattr(a, f.name), getattr(b, f.name)) for f in fields(a))
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind in "fMm")
    if isinstance(a, pd.DataFrame):
        pd.testing.assert_frame_equal(a, b)
        return True
    if isinstance(a, Mapping):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


@pytest.mark.parametrize("kind", RECORDS)
@given(data=st.data())
@settings(max_examples=15)
def test_every_record_comes_back_as_it_was(kind, data):
    record = data.draw(RECORDS[kind])
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder)
        name = codec.save(record, store)
        again = codec.verified(name, store)
        assert name == record.content_hash() == again.content_hash()
        assert same(again, record)
        assert codec.save(again, store) == name
        assert codec.references(name, store) == {path.name for path in store.iterdir()}


def test_every_record_type_of_the_domain_is_covered():
    made = {name for name, kind in vars(domain).items() if isinstance(kind, type) and issubclass(kind, Record)}
    assert made - {"Record", "Support"} - set(RECORDS) <= {"Headline"}, "Headline has tests of its own"


@pytest.fixture
def demand() -> Demand:
    grid = Grid.covering((0.0, 0.0, 500.0, 500.0), cell=250, crs="EPSG:27700")
    return Demand(grid, np.arange(4.0), "weight", Balance(np.zeros(4, int), np.zeros(4)), "count", "2018")


def test_a_record_inside_a_record_is_stored_once(tmp_path, demand):
    codec.save(demand, tmp_path)
    codec.save(replace(demand, period="2019"), tmp_path)
    kinds = sorted(type(codec.load(path.name, tmp_path)).__name__ for path in tmp_path.iterdir())
    assert kinds == ["Balance", "Demand", "Demand", "Grid"]


@pytest.mark.parametrize("kind", ["Events", "Zones", "PriorityAreas", "Ledger"])
@given(data=st.data())
@settings(max_examples=8)
def test_damage_anywhere_is_seen_or_harmless(kind, data):
    record = data.draw(RECORDS[kind])
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder)
        name = codec.save(record, store)
        for path in sorted(store.rglob("*")):
            if path.is_dir():
                continue
            whole = path.read_bytes()
            at, bit = data.draw(st.integers(0, len(whole) - 1)), data.draw(st.integers(0, 7))
            path.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << bit)]) + whole[at + 1 :])
            found = codec.verified(name, store)
            assert found is None or same(found, record), f"{path.name}: bit {bit} of byte {at}"
            del found
            path.write_bytes(whole[:at])
            cut = codec.verified(name, store)
            assert cut is None or same(cut, record), f"{path.name} cut at {at}"
            del cut
            path.write_bytes(whole)
        assert codec.verified(name, store) is not None


def test_every_changed_byte_of_the_data_itself_is_seen(tmp_path):
    record = Labels([0, 1, 0, -1], ("a", "b"))
    name = codec.save(record, tmp_path)
    path = tmp_path / name / "codes.npy"
    whole = path.read_bytes()
    for at in range(len(whole) - 16, len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert codec.verified(name, tmp_path) is None


@pytest.mark.parametrize("inner", [False, True])
def test_a_damaged_artifact_is_written_anew(tmp_path, demand, inner):
    name = codec.save(demand, tmp_path)
    victim = tmp_path / (demand.support.content_hash() if inner else name) / ("extent.npy" if inner else "values.npy")
    victim.write_bytes(victim.read_bytes()[:-1] + b"\1")
    assert codec.verified(name, tmp_path) is None
    assert codec.save(demand, tmp_path) == name
    assert same(codec.verified(name, tmp_path), demand)


def test_what_is_missing_or_unknown_is_an_output_error(tmp_path):
    assert codec.verified("0" * 32, tmp_path) is None
    with pytest.raises(OutputError, match="no whole artifact"):
        codec.load("0" * 32, tmp_path)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / codec.FIELDS).write_text('{"type": "Teapot", "fields": {}}')
    with pytest.raises(OutputError, match="Teapot"):
        codec.load("a", tmp_path)


def test_a_store_that_cannot_be_written_is_an_output_error(tmp_path, demand):
    (tmp_path / "store").write_text("a file, not a folder")
    with pytest.raises(OutputError, match="cannot be written"):
        codec.save(demand, tmp_path / "store")


def test_names_that_no_file_may_have_are_stored_too(tmp_path):
    provenance = {"../../up": np.arange(2.0), "a/b": np.arange(3.0), "": Labels.of(["x"]), "A": 1, "a": 2}
    table = Table("t", pd.DataFrame({"x": [1]}), provenance=provenance)
    name = codec.save(table, tmp_path / "store")
    assert same(codec.verified(name, tmp_path / "store"), table)
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_nothing_is_pickled(tmp_path):
    with pytest.raises(ModelError, match="Python objects"):
        Table("t", pd.DataFrame(), provenance={"x": np.array([{}, object()])})
    np.save(tmp_path / "x.npy", np.array([{}], object), allow_pickle=True)
    name = codec.save(Labels.of(["a"]), tmp_path)
    (tmp_path / "x.npy").replace(tmp_path / name / "codes.npy")
    assert codec.verified(name, tmp_path) is None


KILLED = """
import os, sys
from pathlib import Path
from demandgeo.domain import Labels, codec

def dies_at(step, function):
    def call(*arguments, **named):
        if next(calls) == step:
            os._exit(9)
        return function(*arguments, **named)
    return call

for step in range(40):
    if os.fork() == 0:
        calls = iter(range(1000))
        for name in ("open", "fsync", "rename", "mkdir", "close"):
            setattr(os, name, dies_at(step, getattr(os, name)))
        codec.save(Labels.of(["a", "b"]), Path(sys.argv[1], str(step)))
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.wait()[1])
    print(code)
    if code == 0:
        break
"""


def test_a_process_that_dies_at_any_step_leaves_nothing_half_done_under_the_final_name(tmp_path):
    record = Labels.of(["a", "b"])
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    codes = done.stdout.split()
    assert len(codes) > 10
    assert codes == ["9"] * (len(codes) - 1) + ["0"], "it died at every step but the last, where it came through"
    for step in range(len(codes)):
        store = tmp_path / str(step)
        whole = store / record.content_hash()
        if whole.exists():
            assert same(codec.verified(whole.name, store), record), f"died at step {step}"
        assert codec.save(record, store) == whole.name
        assert same(codec.verified(whole.name, store), record)
