from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demandgeo.documents.reading import Document, merge, override, parse_document, part_of, read_document
from demandgeo.errors import ConfigError

HERE = Path("/somewhere")


def parse(text: str) -> Document:
    return parse_document(text, "f.yaml", HERE)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1), ("-4", -4), ("2.5", 2.5), ("1e3", 1000.0), (".5", 0.5), ("true", True), ("false", False),
        ("null", None), ("~", None), ("''", ""), ('"3"', "3"), ("2018-07", "2018-07"), ("2024-01-01", "2024-01-01"),
        ("NO", "NO"), ("yes", "yes"), ("on", "on"), ("0123", "0123"), ("1_000", "1_000"), ("0x1F", "0x1F"),
        ("12:30", "12:30"), ("1.2.3", "1.2.3"), ("E01010000", "E01010000"),
    ],
)  # fmt: skip
def test_scalars_mean_what_they_look_like(text: str, value: object) -> None:
    got = parse(f"a: {text}").values["a"]
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3", "f.yaml:3:1: a: the key 'a' stands twice"),
        ("a: {b: 1, b: 2}", "f.yaml:1:11: a.b: the key 'b' stands twice"),
        ("a: &x 1\nb: *x", "f.yaml:2:4: anchors and aliases are not read"),
        ("a: !!python/object/apply:os.system [ls]", "the tag tag:yaml.org,2002:python/object/apply:os.system"),
        ("a: .nan", "f.yaml:1:4: a: .nan is not finite"),
        ("a: -.inf", "f.yaml:1:4: a: -.inf is not finite"),
        ("a: 1e999", "f.yaml:1:4: a: 1e999 is not finite"),
        ("a: [1, 2", "f.yaml:1:9: not YAML"),
        ("? [1, 2]\n: 3", "f.yaml:1:3: a key is no plain text"),
        ("[" * 60, "nested too deeply"),
    ],
)
def test_surprises_are_refused_with_their_place(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert message in str(caught.value)


def test_every_duplicate_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        parse("a: 1\na: 2\nb: .inf\nc: {d: 1, d: 2}")
    assert len(caught.value.problems) == 3


def test_files_that_cannot_be_a_configuration(tmp_path: Path) -> None:
    cases = {
        "large.yaml": b"a: " + b"x" * 1_000_001,
        "utf16.yaml": "run: {}".encode("utf-16"),
        "list.yaml": b"- 1",
        "empty.yaml": b"",
    }
    for name, content in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ConfigError, match=name.replace(".", r"\.")):
            read_document(tmp_path / name)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_document(tmp_path / "absent.yaml")


def test_a_byte_order_mark_is_no_key(tmp_path: Path) -> None:
    (tmp_path / "bom.yaml").write_bytes(b"\xef\xbb\xbfrun: {name: x}")
    assert read_document(tmp_path / "bom.yaml").values == {"run": {"name": "x"}}


def test_marks_name_key_and_file() -> None:
    document = parse("run:\n  name: x\nsteps:\n  - {stage: a.b, cell: 3}")
    assert (document.mark(("run", "name")).line, document.mark(("run", "name")).column) == (2, 3)
    assert (document.mark(("steps", 0, "cell")).line, document.mark(("steps", 0, "cell")).column) == (4, 18)
    assert document.mark(("steps", 0, "absent")).line == 4
    assert document.mark(("run",)).folder == HERE


def test_merge_lays_steps_over_their_namesakes() -> None:
    base = parse("run: {seed: 1, name: a}\nsteps:\n  - {stage: x.y, as: one, k: 1}\n  - {stage: x.z}\nl: [1, 2]")
    over = parse_document(
        "run: {name: b}\nsteps:\n  - {as: one, k: 2}\n  - {stage: x.w, as: new}\nl: [3]", "o.yaml", HERE
    )
    merged = merge(base, over)
    assert merged.values == {
        "run": {"seed": 1, "name": "b"},
        "steps": [{"stage": "x.y", "as": "one", "k": 2}, {"stage": "x.z"}, {"stage": "x.w", "as": "new"}],
        "l": [3],
    }
    assert merged.mark(("steps", 0, "k")).file == "o.yaml"
    assert merged.mark(("steps", 0, "stage")).file == "f.yaml"
    assert merged.mark(("run", "seed")).file == "f.yaml"
    assert base.values["run"]["name"] == "a"


def test_override_names_a_step_by_its_result() -> None:
    document = parse("sources: {crime: {path: a}}\nsteps:\n  - {stage: x.y, as: one, k: 1}")
    changed = override(override(document, "steps.one.k", "0.5"), "sources.crime.months", "[2018-06]")
    assert changed.values["steps"][0]["k"] == 0.5
    assert changed.values["sources"]["crime"]["months"] == ["2018-06"]
    assert changed.mark(("sources", "crime", "months")).folder == Path.cwd()
    assert document.values["steps"][0]["k"] == 1
    with pytest.raises(ConfigError, match="no step is called 'two'"):
        override(document, "steps.two.k", "1")
    with pytest.raises(ConfigError, match="holds no settings"):
        override(document, "sources.crime.path.deeper", "1")
    with pytest.raises(ConfigError, match="no dotted path"):
        override(document, "a..b", "1")


TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=8)
SCALARS = st.none() | st.booleans() | st.integers(-(10**12), 10**12) | TEXT
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=12
)


@given(st.dictionaries(TEXT, VALUES, max_size=4))
def test_json_is_yaml(values: dict[str, object]) -> None:
    assert parse(json.dumps(values)).values == values


@given(VALUES.filter(lambda value: not isinstance(value, dict)))
def test_part_of_a_merge_with_nothing_is_the_same(value: object) -> None:
    base = Document({"a": value, "steps": []}, {})
    merged = merge(base, Document({}, {}))
    assert merged.values == base.values
    assert part_of(merged, ("a",)).values == value


def test_a_namesake_laid_over_twice_is_kept_for_the_plan_to_refuse() -> None:
    over = parse("steps:\n  - {as: one, k: 2}\n  - {as: one, k: 3}")
    merged = merge(parse("steps:\n  - {stage: x.y, as: one, k: 1}"), over)
    assert merged.values["steps"] == [{"stage": "x.y", "as": "one", "k": 2}, {"as": "one", "k": 3}]
