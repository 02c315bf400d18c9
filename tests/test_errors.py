"""Messages for people: what was found, what was needed, what to do; all problems at once."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demandgeo import errors
from demandgeo.errors import LISTED, DemandGeoError, ModelError, Problem, Problems, RunError, did_you_mean

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, DemandGeoError)]


def test_the_taxonomy_is_closed_and_meets_python_half_way():
    bases = {kind.__name__: kind.__mro__[2].__name__ for kind in KINDS if kind is not DemandGeoError}
    assert bases == {
        "ConfigError": "ValueError",
        "SourceError": "ValueError",
        "GeometryError": "ValueError",
        "ModelError": "ValueError",
        "RunError": "RuntimeError",
        "OutputError": "OSError",
    }
    assert RunError.exit_code == 1
    assert {kind.exit_code for kind in KINDS if kind is not RunError} == {2}


def test_a_problem_says_where_and_what():
    problem = Problem("cell is -3", "sides > 0", "write 250", file="run.yaml", line=4, column=9, key="steps.grid.cell")
    assert str(problem) == "run.yaml:4:9: steps.grid.cell: cell is -3; sides > 0; write 250"
    assert str(Problem("x")) == "x"
    assert str(Problem("x", file="a.csv", line=7)) == "a.csv:7: x"


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_keeps_its_problems_through_a_pickle(kind):
    error = kind("found", "needed", "remedy", more=[Problem("more", file="a.csv", line=3)])
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert again.problems == error.problems
    assert str(again) == str(error) == "found; needed; remedy\na.csv:3: more"


@given(st.integers(1, 3 * LISTED))
def test_a_message_lists_some_problems_and_counts_the_rest(count):
    problems = Problems()
    for i in range(count):
        problems.check(i < 0, f"problem {i}")
    with pytest.raises(ModelError) as caught:
        problems.raise_as(ModelError)
    assert len(problems) == len(caught.value.problems) == count
    lines = str(caught.value).split("\n")
    assert lines[: min(count, LISTED)] == [f"problem {i}" for i in range(min(count, LISTED))]
    assert lines[LISTED:] == ([f"... and {count - LISTED} more"] if count > LISTED else [])


def test_nothing_is_raised_when_nothing_is_wrong():
    problems = Problems()
    assert problems.check([1], "an empty list")
    assert not problems
    problems.raise_as(ModelError)


def test_the_nearest_known_name_is_offered_and_a_long_list_is_cut():
    assert did_you_mean("bandwith", ["kernel", "bandwidth"]) == 'did you mean "bandwidth"?'
    assert did_you_mean("zzz", ["b", "a"]) == "known: a, b"
    assert did_you_mean("zzz", []) == ""
    assert did_you_mean("zzz", map(str, range(100, 200))).endswith(", ... and 80 more")
