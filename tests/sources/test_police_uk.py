"""The fate of every kind of bad row and bad file."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from demandgeo.errors import ConfigError, DataQualityWarning, GeometryError, SourceError
from demandgeo.sources import lines, read_police_uk

from .conftest import HEADER, street_row

LAX = {"allow_excluded_share": 1.0}


def refusal(path, *parts, error=SourceError, **settings):
    with pytest.raises(error) as caught:
        read_police_uk(path, **settings)
    for part in parts:
        assert part in str(caught.value), str(caught.value)


def excluded(path, reason, line, value, **settings):
    """Read a file of which one row of eleven is left out; check the line and the value that the ledger states."""
    with pytest.warns(DataQualityWarning, match=reason):
        events = read_police_uk(path, **settings)
    (row,) = events.ledger.excluded_rows.to_dict("records")
    assert (row["line"], row["reason"], row["value"]) == (line, reason, value)
    (account,) = events.ledger.files
    assert (account.lines, account.parsed, account.used, dict(account.excluded)) == (11, 11, 10, {reason: 1})
    assert len(events) == 10
    return events


def test_good_file(street):
    events = read_police_uk(street({"kind": "Anti-social behaviour", "id": "", "outcome": ""}))
    assert len(events) == 11
    assert events.kind == "crime"
    assert events.resolution == "month"
    assert events.crs == "EPSG:27700"
    assert events.ids.present.sum() == 10
    assert set(events.category) == {"Burglary", "Anti-social behaviour"}
    assert set(events.attributes) == {"force", "place", "outcome"}
    assert events.time[0] == np.datetime64("2018-07-01T00:00:00")
    assert events.zone_code.names == ("E01011111",)
    assert events.ledger.coverage.to_dict("records") == [
        {"force": "West Yorkshire Police", "month": "2018-07", "rows": 11, "status": "complete"}
    ]


# ---- refused -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [20, 90, 150, 190])
def test_b01_truncated_last_row(street, cut):
    path = street()
    whole = path.read_bytes()
    start = whole.rstrip(b"\n").rfind(b"\n") + 1
    path.write_bytes(whole[: start + cut])
    refusal(path, f"{path.name}:11:", "truncated")


def test_b02_cut_at_a_line_end_is_told(street):
    path = street()
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    with pytest.warns(DataQualityWarning, match="no line end after the last record"):
        events = read_police_uk(path)
    assert len(events) == 10
    assert events.ledger.files[0].repaired == {"no_final_newline": 1}


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_b17_b37_bad_bytes_name_their_line(street, end):
    path = street({"place": "On or near Café"}, street_row(99), end=end)
    good = path.read_bytes()
    assert len(read_police_uk(path)) == 12
    path.write_bytes(good.decode().encode("latin-1"))
    refusal(path, f"{path.name}:12:", "0xE9", "UTF-8")
    path.write_bytes(good.replace("é".encode(), b"\0"))
    refusal(path, f"{path.name}:12:", "NUL")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le"])
def test_b18_utf16(street, encoding):
    path = street()
    path.write_bytes(path.read_text().encode(encoding))
    refusal(path, f"{path.name}:1:", "UTF-16")


def test_b20_semicolons(street):
    path = street()
    path.write_text(path.read_text().replace(",", ";"))
    refusal(path, "separator", "semicolons")


def test_b21_extra_comma(street):
    path = street({"place": "Mill Lane, Leeds"}, street_row(7), {"place": "a,b,c"})
    refusal(path, f"{path.name}:12: 13 fields", f"{path.name}:14: 14 fields", "quote the field")


def test_quoted_comma_is_text(street):
    events = read_police_uk(street({"place": '"Mill Lane, Leeds"'}))
    assert "Mill Lane, Leeds" in events.attributes["place"].names


@pytest.mark.parametrize(("place", "found"), [('Mill "Lane', "inside a field"), ('"Mill Lane', "never closed")])
def test_bad_quotes(street, place, found):
    path = street(street_row(99), {"place": place})
    refusal(path, f"{path.name}:13:", found)


def test_b23_missing_column(street):
    refusal(street(header=HEADER.replace("Latitude", "Lattitude")), "'Latitude'", 'did you mean "Lattitude"?')


def test_b24_duplicated_column(street):
    refusal(street(header=HEADER.replace("Context", "Latitude")), "'Latitude' stands 2 times")


def test_b27_decimal_comma(street):
    path = street({"lon": '"-1,54"'})
    refusal(path, f"{path.name}:12:", "-1,54", "decimal point")


def test_b28_swapped(street):
    path = street({"lon": "53.80", "lat": "-1.54"}, good=0)
    refusal(path, "look swapped", error=GeometryError)


def test_b35_empty_file(street, tmp_path):
    for content in (b"", b"\n\n", b"\xef\xbb\xbf"):
        path = tmp_path / "empty.csv"
        path.write_bytes(content)
        refusal(path, "empty.csv")
    refusal(tmp_path / "absent.csv", "does not exist")


def test_b15_unknown_category(street):
    path = street({"kind": "Cyber crime"}, {"kind": "Vehicle crme"}, {"kind": ""})
    refusal(
        path, f"{path.name}:12: crime type 'Cyber crime'", ":13: crime type 'Vehicle crme'", "Vehicle crime", ":14:"
    )
    excluded(street({"kind": "Cyber crime"}), "unknown_category", 12, "Cyber crime", unknown_category="exclude")


def test_many_problems_are_listed_and_counted(street):
    refusal(street(*[{"kind": "Cyber crime"}] * 50), ":30: crime type", "50 such rows in all")


def test_an_endless_record(street, monkeypatch):
    monkeypatch.setattr(lines, "BLOCK", 1000)
    monkeypatch.setattr(lines, "LONGEST", 5000)
    path = street({"place": '"' + "x\n" * 9000 + '"'})
    refusal(path, f"{path.name}:12: a record is longer")


def test_every_problem_of_every_file_at_once(street):
    path = street(street_row(5) + ",", name="f/2018-07-a-street.csv").parent
    street("x", name="f/2018-08-a-street.csv")
    refusal(path, "2018-07-a-street.csv:12:", "2018-08-a-street.csv:12:")


# ---- excluded and counted ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "reason", "value"),
    [
        ({"lon": "inf"}, "bad_coordinate", "inf, 53.80"),
        ({"lon": "nan"}, "bad_coordinate", "nan, 53.80"),
        ({"lon": "1e309"}, "bad_coordinate", "1e309, 53.80"),
        ({"lon": "-1.5x"}, "bad_coordinate", "-1.5x, 53.80"),
        ({"lat": ""}, "bad_coordinate", "-1.54, "),
        ({"lat": "95"}, "bad_coordinate", "-1.54, 95"),
        ({"lon": "0", "lat": "0.0"}, "null_island", "0, 0.0"),
        ({"lon": "-6.26", "lat": "53.35"}, "outside_gb", "-6.26, 53.35"),
        ({"lon": "-5.93", "lat": "54.6"}, "outside_gb", "-5.93, 54.6"),
        ({"month": "2018-13"}, "bad_month", "2018-13"),
        ({"month": ""}, "bad_month", ""),
        ({"month": "July 2018"}, "bad_month", "July 2018"),
        ({"month": "2999-01"}, "future", "2999-01"),
        (HEADER, "repeated_header", "Month"),
        ({"id": f"{3:064x}"}, "duplicate", f"{3:064x}"),
    ],
)
def test_excluded_rows(street, row, reason, value):
    excluded(street(row), reason, 12, value)


def test_lines_are_physical_ones(street):
    path = street({"place": '"two\nlines"'}, "", street_row(40), "", {"lon": "inf"})
    with pytest.warns(DataQualityWarning):
        ledger = read_police_uk(path).ledger
    assert ledger.excluded_rows["line"].tolist() == [17]
    assert path.read_text().split("\n")[16].split(",")[4] == "inf"
    assert ledger.files[0].repaired == {"blank_line": 2}
    assert ledger.files[0].lines == 13


def test_b04_b05_unlocated_rows_stay(street):
    nowhere = {"lon": "", "lat": "", "place": "No Location"}
    events = read_police_uk(street({**nowhere, "lsoa": ""}, nowhere))
    assert len(events) == 12
    assert events.located.sum() == 10
    assert events.zone_code.present.tolist() == [True] * 10 + [False, True]
    assert events.ledger.files[0].unlocated == 2
    assert "2 of 12 records (16.7%) state no location" in events.ledger.notes[0]


def test_b08_asb_repeats_stay(street):
    twin = street_row(0, id="", kind="Anti-social behaviour")
    events = read_police_uk(street(twin, twin, twin))
    assert (events.category == "Anti-social behaviour").sum() == 3


def test_a_bad_twin_does_not_shadow_the_good_one(street):
    path = street({"id": "abc", "lon": "inf"}, {"id": "abc"})
    with pytest.warns(DataQualityWarning):
        events = read_police_uk(path)
    assert (events.ids == "abc").sum() == 1
    assert events.ledger.excluded() == {"bad_coordinate": 1}


def test_excluded_share(street):
    path = street(*[{"lon": "inf"}] * 4, {"month": "2018-13"})
    refusal(path, "West Yorkshire Police 2018-07: 33.3%", "1 bad_month, 4 bad_coordinate", "allow_excluded_share")
    with pytest.warns(DataQualityWarning) as caught:
        events = read_police_uk(path, **LAX)
    assert any("partial in 2018-07" in str(warning.message) for warning in caught)
    assert events.ledger.coverage["status"].tolist() == ["partial"]
    assert len(events) == 10


# ---- repaired and counted ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spoil", "repaired"),
    [
        (lambda text: b"\xef\xbb\xbf" + text, {"byte_order_mark": 1}),
        (lambda text: text.replace(b"\n", b"\r\n"), {"crlf": 11}),
        (lambda text: text.replace(b"\n", b"\r"), {"cr": 11}),
        (lambda text: text + b"\n\n", {"blank_line": 2}),
        (lambda text: b"\n" + text, {"blank_line": 1}),
    ],
)
def test_b16_b19_repairs_change_nothing(street, spoil, repaired):
    path = street()
    plain = read_police_uk(path)
    path.write_bytes(spoil(path.read_bytes()))
    events = read_police_uk(path)
    assert events.ledger.files[0].repaired == repaired
    assert events.ledger.files[0].lines == 10
    for name in ("x", "y", "time"):
        np.testing.assert_array_equal(getattr(events, name), getattr(plain, name))


def test_categories_have_one_spelling(street):
    events = read_police_uk(street({"kind": "Vehicle Crime"}, {"kind": "vehicle-crime"}, {"kind": " Vehicle crime "}))
    assert events.category.counts()["Vehicle crime"] == 3


def test_b14_former_names(street):
    path = street({"kind": "Public disorder and weapons"}, {"kind": "Violent crime"})
    events = read_police_uk(path)
    assert set(events.category.names) == {"Burglary", "Public order", "Violence and sexual offences"}
    assert sum("before May 2013" in note for note in events.ledger.notes) == 2
    path = street({"kind": "Public disorder and weapons"}, {"kind": "Public order"})
    with pytest.warns(DataQualityWarning, match="their series break"):
        read_police_uk(path)


# ---- folders, months, coverage -----------------------------------------------------------------------------------


def test_folder_of_months(street):
    folder = street(name="f/2018-07-a-street.csv").parent
    street(*[{"month": "2018-08", "id": f"b{i}"} for i in range(9)], name="f/2018-08/2018-08-a-street.csv", good=0)
    (folder / "readme.txt").write_text("x")
    (folder / "2018-08" / "2018-08-a-outcomes.csv").write_text("x")
    events = read_police_uk(folder)
    assert events.period == "2018-07, 2018-08"
    assert events.ledger.ignored == ("2018-08/2018-08-a-outcomes.csv", "readme.txt")
    assert [file.file for file in events.ledger.files] == ["2018-07-a-street.csv", "2018-08/2018-08-a-street.csv"]
    one = read_police_uk(folder, months=["2018-08"])
    assert len(one) == 9
    assert "2018-07-a-street.csv" in one.ledger.ignored
    refusal(folder, "no data for 2018-09", "present: 2018-07, 2018-08", months=["2018-08", "2018-09"])
    refusal(folder, "a list such as", months=["July"], error=ConfigError)


def test_b09_same_month_twice(street):
    path = street(name="f/2018-07-a-street.csv")
    (path.parent / "2018-07-a-street.csv.gz").write_bytes(gzip.compress(path.read_bytes()))
    refusal(path.parent, "a 2018-07 stands there twice")


def test_b09_copy_under_another_name(street):
    path = street(name="f/2018-07-a-street.csv")
    (path.parent / "2018-08-a-street.csv").write_bytes(path.read_bytes())
    refusal(path.parent, "2018-08-a-street.csv has the same content as 2018-07-a-street.csv")


def test_months_of_one_file(street):
    path = street({"month": "2018-08"}, name="all.csv")
    events = read_police_uk(path, months=["2018-07"])
    assert events.ledger.excluded() == {"other_month": 1}
    refusal(path, "no data for 2018-09", "present: 2018-07, 2018-08", months=["2018-09"])


def test_b11_coverage(street):
    def month(name, rows, force="A"):
        many = [{"month": name, "id": f"{force}{name}{i}", "force": force} for i in range(rows)]
        return street(*many, name=f"f/{name}-{force.lower()}-street.csv", good=0).parent

    for name, rows in (("2018-01", 10), ("2018-02", 10), ("2018-04", 4), ("2018-05", 10)):
        folder = month(name, rows)
    month("2018-01", 3, force="B")
    with pytest.warns(DataQualityWarning, match="A: suspicious in 2018-04"):
        table = read_police_uk(folder).ledger.coverage
    status = {(row.force, row.month): row.status for row in table.itertuples()}
    assert [status["A", f"2018-0{i}"] for i in range(1, 6)] == [
        "complete", "complete", "absent", "suspicious", "complete"
    ]  # fmt: skip
    assert [status["B", f"2018-0{i}"] for i in range(1, 6)] == ["complete"] + ["absent"] * 4
    with pytest.warns(DataQualityWarning, match="B: absent in 2018-02"):
        asked = read_police_uk(folder, months=["2018-01", "2018-02", "2018-01"]).ledger.coverage
    assert asked["month"].tolist() == ["2018-01", "2018-02"] * 2


def test_b36_header_only(street):
    folder = street(name="f/2018-07-west-yorkshire-street.csv").parent
    street(name="f/2018-08-west-yorkshire-street.csv", good=0)
    with pytest.warns(DataQualityWarning, match="absent in 2018-08"):
        events = read_police_uk(folder, months=["2018-07", "2018-08"])
    assert events.ledger.coverage["status"].tolist() == ["complete", "absent"]
    assert [file.lines for file in events.ledger.files] == [10, 0]
    alone = read_police_uk(folder / "2018-08-west-yorkshire-street.csv")
    assert len(alone) == 0


def test_the_reader_is_registered():
    from demandgeo.registry import READERS

    entry = READERS.find("police_uk")
    assert entry.paths == ("path",)
    settings = entry.settings.model_validate_json('{"path": "x.csv", "months": ["2018-07"]}')
    assert list(settings.months) == ["2018-07"]
    assert {"boundaries", "incidents"} <= set(READERS.entries())
