"""Options that people write down: what is read, and how mistakes are told."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from demandgeo.deployment import read_options
from demandgeo.domain import Option, Options
from demandgeo.domain.options import BASE_COLUMNS
from demandgeo.errors import ModelError, SourceError

YAML = """\
status_quo: now
shifts:
  early: ["07:00", "15:00"]
  late: ["15:00", "23:00"]
  night: ["23:00", "07:00"]
bases:
  A: {status: fixed, cost_per_year: 450000}
  Old: {status: closed}
options:
  - name: now
    teams: {A: {early: 2, late: 3}, B: 1}
    officers_per_team: 2
    assignment: {North: B}
    patrol: {officers: 4, visits: {Town: 3, Park: 1}}
  - {name: drawn, open: [A, 7], teams: {early: 1, late: 2, night: 1}}
  - {name: best, search: {model: p-median, p: 2}, teams: 2}
"""


def read(tmp_path, text):
    path = tmp_path / "options.yaml"
    path.write_text(text, encoding="utf-8")
    return read_options(path)


def test_what_people_write_is_what_is_read(tmp_path):
    options = read(tmp_path, YAML)
    assert options.names == ("now", "drawn", "best")
    assert options.shift_names == ("early", "late", "night")
    assert options.shift_hours.tolist() == [8.0, 8.0, 8.0]
    now, drawn, best = options.options
    assert now.open == ("A", "B")
    assert [now.teams_at("A", shift) for shift in options.shifts] == [2, 3, 0]
    assert [now.teams_at("B", shift) for shift in options.shifts] == [1, 1, 1]
    assert (now.officers_per_team, dict(now.assignment)) == (2.0, {"North": "B"})
    assert now.patrol["visits"]["Park"] == 1
    assert drawn.open == ("A", "7")
    assert [drawn.teams_at("7", shift) for shift in options.shifts] == [1, 2, 1]
    assert (best.open, dict(best.search), best.teams_at("anywhere", "night")) == ((), {"model": "p-median", "p": 2}, 2)
    assert options.with_status("fixed") == ["A"]
    assert options.bases["cost_per_year"].tolist()[0] == 450_000
    assert np.isnan(options.bases["cost_per_year"].tolist()[1])
    assert Option("plain", ("A",)).teams_at("A", "") == 1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (YAML, "[", r"options.yaml:1:2: not YAML"),
        (YAML, "options: []", "status_quo is None"),
        (
            "search:",
            "serch:",
            r'options.yaml:16:18: options.2.serch: there is no setting .serch.; did you mean "search"',
        ),
        ("status_quo: now", "status_quo: nov", 'did you mean "now"'),
        ("name: best", "name: now", "stands twice"),
        ("[A, 7]", "[A, A]", r":15:\d+: options.1: option 'drawn' opens a site twice"),
        ("[A, 7]", "A", r"options.yaml:15:19: options.1.open: is 'A'"),
        ("[A, 7]", "[7]", "option 'drawn' closes 'A', which is fixed"),
        ("[A, 7]", "[A, Old]", "option 'drawn' opens 'Old', which is closed"),
        ("late: 2,", "lat: 2,", "option 'drawn' has teams in the shift 'lat'; one of early, late, night; did you mean"),
        ("late: 3}", "lat: 3}", 'teams in the shift .lat.; one of early, late, night; did you mean "late"'),
        ("A: {early: 2", "C: {early: 2", "option 'now' closes 'A', which is fixed"),
        ('"23:00", "07:00"', '"23:00", "06:00"', "ends at 06:00 and 'early' begins at 07:00"),
        ('"23:00", "07:00"', "23:00, 7 am", "'7 am'; a time such as '07:00'"),
        ("status: fixed", "status: fixt", 'did you mean "fixed"'),
        ("cost_per_year: 450000", "cost_per_year: -1", r"options.yaml:7:\d+: bases.A.cost_per_year: is -1"),
        ("officers_per_team: 2", "officers_per_team: 0", "officers_per_team: is 0"),
        ("North: B", "North: C", "uses the base 'C' and does not open it"),
        ("visits: {Town: 3", "visit: {Town: 3", "there is no setting 'visit'"),
        ("teams: 2}", "teams: -2}", "teams"),
        ("bases:", "stations:", "there is no section .stations."),
    ],
)
def test_mistakes_are_told_with_their_place(tmp_path, old, new, message):
    assert old in YAML
    with pytest.raises(SourceError, match=message):
        read(tmp_path, YAML.replace(old, new))


def test_all_mistakes_are_told_at_once(tmp_path):
    text = (
        YAML.replace("search:", "serch:").replace("[A, 7]", "A").replace("officers_per_team: 2", "officers_per_team: x")
    )
    with pytest.raises(SourceError) as caught:
        read(tmp_path, text)
    assert len(caught.value.problems) >= 3


def test_shifts_fill_the_day_once():
    option = (Option("now", ("A",)),)
    Options(option, "now", {"one": ("06:00", "18:00"), "two": ("18:00", "06:00")})
    assert Options(option, "now", {"whole": ("00:00", "00:00")}).shift_hours.tolist() == [24.0]
    for shifts in ({"one": ("06:00", "18:00")}, {"one": ("06:00", "19:00"), "two": ("18:00", "06:00")}):
        with pytest.raises(ModelError, match="without a gap or an overlap"):
            Options(option, "now", shifts)


def test_an_option_says_what_is_wrong_with_it():
    with pytest.raises(ModelError, match="open sites, or a search, and not both"):
        Option("none")
    with pytest.raises(ModelError, match="no team on duty"):
        Option("none", ("A",), teams={"A": {"": 0}})
    with pytest.raises(ModelError, match="whole numbers"):
        Option("none", ("A",), teams={"A": {"": 1.5}})
    with pytest.raises(ModelError, match="a base stands twice"):
        Options(
            (Option("now", ("A",)),),
            "now",
            bases=pd.DataFrame([("A", "fixed", 1.0), ("A", "fixed", 1.0)], columns=list(BASE_COLUMNS)),
        )
