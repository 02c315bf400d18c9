"""STATS19 of three naming eras: joined on text, severity adjusted or recorded, every row accounted for."""

from __future__ import annotations

import gzip
import re
import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demandgeo.errors import ConfigError, DataQualityWarning, SourceError
from demandgeo.sources import read_stats19
from demandgeo.sources.projection import project
from demandgeo.sources.stats19_tables import codes, today

COLLISIONS = pd.DataFrame(
    {
        "collision_index": ["2023010000001", "0923000000002", "2023010000003"],
        "collision_year": ["2023"] * 3,
        "collision_ref_no": ["010000001", "000000002", "010000003"],
        "location_easting_osgr": ["430000", "430100", "-1"],
        "location_northing_osgr": ["434000", "434100", "-1"],
        "longitude": ["NULL", "-1.5", "-1.5441"],
        "latitude": ["NULL", "53.8", "53.8011"],
        "police_force": ["13", "13", "20"],
        "collision_severity": ["1", "2", "3"],
        "date": ["01/02/2023", "28/02/2023", "31/12/2023"],
        "time": ["07:05", "23:59", ""],
        "first_road_class": ["3", "6", "-1"],
        "first_road_number": ["61", "0", "-1"],
        "speed_limit": ["30", "99", "-1"],
        "junction_detail": ["0", "3", "99"],
        "lsoa_of_collision_location": ["E01000001", "-1", "E01000003"],
        "collision_adjusted_severity_serious": ["0", "1", "0.125"],
    }
)
CASUALTIES = pd.DataFrame(
    {
        "collision_index": ["2023010000001", "2023010000001", "2023010000001", "0923000000002", "2023010000003"],
        "vehicle_reference": ["1", "1", "2", "1", "1"],
        "casualty_reference": ["1", "2", "1", "1", "1"],
        "casualty_severity": ["1", "3", "3", "2", "3"],
        "casualty_type": ["9", "9", "0", "1", "-1"],
        "casualty_adjusted_severity_serious": ["-1", "0.25", "0.25", "1", "0.125"],
    }
)
VEHICLES = pd.DataFrame(
    {
        "collision_index": ["2023010000001", "2023010000001", "0923000000002", "2023010000003"],
        "vehicle_reference": ["1", "2", "1", "1"],
        "vehicle_type": ["9", "21", "1", "-1"],
    }
)
OLD = {"collision_index": "Accident_Index", "date": "Date", "time": "Time", "junction_detail": "Junction_Detail"}


def of_era(frame: pd.DataFrame, era: str) -> pd.DataFrame:
    if era == "collision_index":
        return frame
    named = frame.rename(columns=lambda name: name.replace("collision_ref_no", "accident_reference"))
    named = named.rename(columns=lambda name: name.replace("collision", "accident"))
    if era == "accident_index":
        return named
    old = {"first_road_class": "1st_Road_Class", "first_road_number": "1st_Road_Number"}
    return named.rename(columns=lambda name: old.get(name, "_".join(part.capitalize() for part in name.split("_"))))


def write(folder, collisions=COLLISIONS, casualties=CASUALTIES, vehicles=VEHICLES, era="collision_index"):
    folder.mkdir(exist_ok=True, parents=True)
    paths = [folder / f"{name}.csv" for name in ("collision", "casualty", "vehicle")]
    for frame, path in zip((collisions, casualties, vehicles), paths, strict=True):
        of_era(frame, era).to_csv(path, index=False)
    return paths


ERAS = ("Accident_Index", "accident_index", "collision_index")


@pytest.mark.parametrize("era", ERAS)
def test_each_era_gives_the_same_casualties(tmp_path, era):
    events = read_stats19(*write(tmp_path, era=era), allow_excluded_share=0.0)
    assert events.kind == "casualty"
    assert list(events.ids) == [
        "2023010000001-1",
        "2023010000001-2",
        "2023010000001-3",
        "0923000000002-1",
        "2023010000003-1",
    ]
    np.testing.assert_array_equal(events.weight, [1, 0.25, 0.25, 1, 0.125])
    np.testing.assert_array_equal(events.attributes["ksi"], events.weight)
    np.testing.assert_allclose(events.weight_sd**2, events.weight * (1 - events.weight))
    assert events.weight_name == "KSI (adjusted)"
    assert list(events.category) == ["car occupant", "car occupant", "pedestrian", "cyclist", "not stated"]
    assert list(events.attributes["collision"]) == list(CASUALTIES["collision_index"])
    assert list(events.attributes["severity"]) == ["fatal", "slight", "slight", "serious", "slight"]
    assert list(events.attributes["first_road_class"]) == ["A"] * 3 + ["unclassified", None]
    assert list(events.attributes["first_road_number"]) == ["61"] * 3 + [None, None]
    assert list(events.attributes["junction"])[2:] == ["away from a junction", "T or staggered junction", None]
    assert list(events.attributes["vehicles"]) == ["car + goods vehicle"] * 3 + ["pedal cycle", None]
    np.testing.assert_array_equal(events.attributes["speed_limit"], [30, 30, 30, np.nan, np.nan])
    assert list(events.zone_code)[2:] == ["E01000001", None, "E01000003"]
    assert events.time[0] == np.datetime64("2023-02-01T07:05")
    assert events.time[-1] == np.datetime64("2023-12-31T00:00")
    assert "1 collisions state no time of day and stand at 00:00" in events.ledger.notes


def test_eras_may_be_mixed_and_packed(tmp_path):
    new = write(tmp_path / "new")
    old = write(
        tmp_path / "old",
        *(
            frame.assign(collision_index=frame["collision_index"].str.replace("2023", "2017").str.replace("09", "08"))
            for frame in (COLLISIONS, CASUALTIES, VEHICLES)
        ),
        era="Accident_Index",
    )
    whole = tmp_path / "whole.zip"
    with zipfile.ZipFile(whole, "w") as archive:
        for path in old:
            archive.write(path, path.name)
    packed = tmp_path / "casualty.csv.gz"
    packed.write_bytes(gzip.compress(new[1].read_bytes()))
    events = read_stats19([new[0], whole], [packed, whole], [whole, new[2]])
    assert len(events) == 10
    assert events.weight.sum() == 2 * 2.625
    assert sorted(events.ledger.ignored)[0] == "whole.zip/casualty.csv"
    assert len(set(events.ids)) == 10


def test_grid_references_win_and_degrees_fill_the_gaps(tmp_path):
    events = read_stats19(*write(tmp_path), unit="collision")
    np.testing.assert_array_equal(events.x[:2], [430_000, 430_100])
    x, y, _ = project(np.array([-1.5441]), np.array([53.8011]), "EPSG:4326", "EPSG:27700")
    assert (events.x[2], events.y[2]) == (x[0], y[0])
    assert events.ledger.transform["from"] == "EPSG:4326"


def test_columns_without_any_value_are_no_hindrance(tmp_path):
    bare = COLLISIONS.iloc[:2].assign(longitude="", latitude="", police_force="-1", first_road_class="NULL")
    events = read_stats19(write(tmp_path, collisions=bare)[0], unit="collision")
    np.testing.assert_array_equal(events.x, [430_000, 430_100])
    assert list(events.attributes["force"]) == [None, None]


def test_collisions_have_the_most_exposed_group_and_their_own_severity(tmp_path):
    paths = write(tmp_path)
    events = read_stats19(*paths, unit="collision")
    assert events.kind == "collision"
    assert list(events.category) == ["pedestrian", "cyclist", "not stated"]
    np.testing.assert_array_equal(events.weight, [1, 1, 0.125])
    alone = read_stats19(paths[0], unit="collision", severity="recorded")
    np.testing.assert_array_equal(alone.weight, [1, 1, 0])
    assert set(alone.category) == {"collision"}
    assert alone.weight_name == "KSI (recorded)"


def test_rows_that_look_alike_are_distinct_casualties(tmp_path):
    twins = pd.concat([CASUALTIES, CASUALTIES.iloc[[1, 1, 1]]])
    events = read_stats19(*write(tmp_path, casualties=twins))
    assert len(events) == 8
    assert len(set(events.ids)) == 8


def test_adjusted_severity_without_its_column_is_refused_and_names_the_choice(tmp_path):
    paths = write(tmp_path, casualties=CASUALTIES.drop(columns="casualty_adjusted_severity_serious"))
    with pytest.raises(SourceError, match=r"casualty_adjusted_severity_serious.*severity: recorded"):
        read_stats19(*paths)
    np.testing.assert_array_equal(read_stats19(*paths, severity="recorded").weight, [1, 0, 0, 1, 0])


@pytest.mark.parametrize("value", ["-1", "", "1.5", "NULL", "nought"])
def test_a_casualty_without_a_probability_is_refused_by_line(tmp_path, value):
    spoilt = CASUALTIES.assign(casualty_adjusted_severity_serious=["0", "0.2", "0.2", "1", value])
    with pytest.raises(SourceError, match=r"casualty.csv:6: .*severity: recorded"):
        read_stats19(*write(tmp_path, casualties=spoilt))


def test_casualties_without_a_collision_are_counted(tmp_path):
    lost = pd.concat([CASUALTIES, CASUALTIES.iloc[[0]].assign(collision_index="2023019999999")])
    with pytest.warns(DataQualityWarning, match="no_collision"):
        events = read_stats19(*write(tmp_path, casualties=lost))
    assert len(events) == 5
    account = events.ledger.files[0]
    assert (account.parsed, account.used, dict(account.excluded)) == (6, 5, {"no_collision": 1})
    assert events.ledger.excluded_rows.to_dict("records") == [
        {"file": "casualty.csv", "line": 7, "reason": "no_collision", "value": "2023019999999"}
    ]


def test_rows_share_the_fate_of_their_collision(tmp_path):
    twice = pd.concat([COLLISIONS.assign(time=["25:00", "10:00", "10:00"]), COLLISIONS.iloc[[1]]])
    with pytest.warns(DataQualityWarning):
        events = read_stats19(*write(tmp_path, collisions=twice), allow_excluded_share=0.7)
    reasons = {account.file: dict(account.excluded) for account in events.ledger.files}
    assert reasons == {
        "casualty.csv": {"bad_time": 3},
        "collision.csv": {"bad_time": 1, "duplicate": 1},
        "vehicle.csv": {"bad_time": 2},
    }


def test_years_and_forces_are_wishes_and_no_defects(tmp_path):
    paths = write(tmp_path)
    assert len(read_stats19(*paths, forces=["west yorkshire"], allow_excluded_share=0.0)) == 4
    assert len(read_stats19(*paths, forces=["20"], years=[2023])) == 1
    none = read_stats19(*paths, years=[2022])
    assert (len(none), none.ledger.excluded()) == (0, {"other_year": 12})
    with pytest.raises(ConfigError, match="did you mean"):
        read_stats19(*paths, forces=["West Yorkshir"])


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"casualties": None}, ConfigError, "unit: collision"),
        ({"casualties": CASUALTIES.assign(collision_index="2.02301E+12")}, SourceError, "spreadsheet"),
        ({"collisions": COLLISIONS.drop(columns="date")}, SourceError, "no column date"),
        (
            {"collisions": COLLISIONS.drop(columns=["location_easting_osgr", "longitude"])},
            SourceError,
            "no coordinates",
        ),
        ({"collisions": COLLISIONS.assign(collision_severity="4")}, SourceError, "unknown_severity"),
        ({"collisions": COLLISIONS.assign(Accident_Index="x")}, SourceError, "are one column"),
    ],
)
def test_bad_input_is_refused_for_people(tmp_path, change, error, message):
    paths = write(tmp_path, **{name: frame for name, frame in change.items() if frame is not None})
    if change.get("casualties", 0) is None:
        paths = paths[:1]
    with pytest.raises(error, match=re.escape(message)):
        read_stats19(*paths)


def test_a_file_given_twice_is_refused(tmp_path):
    paths = write(tmp_path)
    copy = tmp_path / "copy.csv"
    copy.write_bytes(paths[0].read_bytes())
    with pytest.raises(SourceError, match="same content"):
        read_stats19([paths[0], copy], paths[1])


def test_the_made_city_comes_back_whole(tmp_path):
    from demandgeo.synthetic import make_city
    from demandgeo.synthetic.files import write_collisions

    made = make_city("small", seed=1).collisions()
    write_collisions(tmp_path, made)
    events = read_stats19(tmp_path / "collision.csv", tmp_path / "casualty.csv", tmp_path / "vehicle.csv")
    recorded = made.casualties["casualty_severity"].to_numpy()
    expected = np.where(recorded == 1, 1.0, made.casualties["casualty_adjusted_severity_serious"])
    np.testing.assert_allclose(events.weight, expected)
    assert list(events.attributes["collision"]) == list(made.casualties["collision_index"])
    where = made.collisions.set_index("collision_index")["location_easting_osgr"]
    np.testing.assert_array_equal(events.x, where.loc[made.casualties["collision_index"]])
    assert [account.lines for account in events.ledger.files] == [
        len(made.casualties),
        len(made.collisions),
        len(made.vehicles),
    ]


@given(
    keys=st.lists(st.text("0123456789ABab", min_size=1, max_size=13), min_size=1, max_size=6, unique=True),
    data=st.data(),
)
@settings(max_examples=15)
def test_text_keys_join_as_they_stand(tmp_path_factory, keys, data):
    owner = data.draw(st.lists(st.sampled_from(keys), min_size=1, max_size=8))
    collisions = pd.concat([COLLISIONS.iloc[[0]]] * len(keys)).assign(collision_index=keys)
    casualties = pd.concat([CASUALTIES.iloc[[0]]] * len(owner)).assign(collision_index=owner)
    paths = write(tmp_path_factory.mktemp("keys"), collisions=collisions, casualties=casualties)
    assert list(read_stats19(*paths[:2]).attributes["collision"]) == owner


def test_the_codes_are_complete_and_plain():
    assert set(codes("severity").values()) == {"fatal", "serious", "slight"}
    assert codes("police_force")["20"] == "West Midlands"
    assert len(codes("police_force")) == 52
    assert today("1st_Road_Class") == today("First_Road_Class") == "first_road_class"
