from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from demandgeo.density.headlines import headline
from demandgeo.domain import Events, Headline, Labels, Ledger, Zones, codec
from demandgeo.errors import GeometryError, ModelError
from demandgeo.registry import STAGES
from demandgeo.statistics.intervals import poisson_ratio

ROOT = Path(__file__).resolve().parents[2]
ASB, BURGLARY, ROBBERY, DRUGS = "Anti-social behaviour", "Burglary", "Robbery", "Drugs"
OUTSIDE, NOWHERE = 9_500.0, np.nan


def zones(group: list[str | None] | None = None, population: list[float] | None = None) -> Zones:
    """Four squares of 1 km side by side; the first two are East, the others West."""
    return Zones(
        shapely.box([0, 1000, 2000, 3000], [0] * 4, [1000, 2000, 3000, 4000], [1000] * 4),
        np.array(["z1", "z2", "z3", "z4"]),
        "EPSG:27700",
        population=np.array([100.0, 400, 1000, 1000] if population is None else population),
        group=Labels.of(["East", "East", "West", "West"] if group is None else group),
    )


def events(
    rows: list[tuple[float, str]], month: str = "2018-07", codes: list[str | None] | None = None, **fields: Any
) -> Events:
    x = np.array([row[0] for row in rows])
    return Events.at(
        x,
        np.where(np.isnan(x), np.nan, 500.0),
        crs="EPSG:27700",
        kind="crime",
        category=Labels.of([row[1] for row in rows]),
        time=np.full(len(rows), month, "datetime64[s]"),
        **({} if codes is None else {"zone_code": Labels.of(codes)}),
        **fields,
    )


JULY = [(500, BURGLARY), (600, ASB), (2500, ROBBERY), (2500, BURGLARY), (OUTSIDE, BURGLARY), (NOWHERE, ASB)]


def cell(table: Headline, place: str, measure: str, column: str = "count") -> Any:
    rows = table.rows
    (value,) = rows.loc[(rows["place"] == place) & (rows["measure"] == measure), column].tolist()
    return value


def test_counts_by_hand() -> None:
    table = headline(events(JULY), zones())
    counts = table.rows.pivot_table("count", "measure", "place", sort=False)[["East", "West", "not placed", "force"]]
    assert {name: row.tolist() for name, row in counts.iterrows()} == {
        "all crime": [1, 2, 1, 4],
        "all crime and ASB": [2, 2, 2, 6],
        "Burglary": [1, 1, 1, 3],
        "Robbery": [0, 1, 0, 1],
        "Anti-social behaviour": [1, 0, 1, 2],
    }
    assert cell(table, "not placed", "all crime and ASB", "unlocated") == 1
    assert cell(table, "East", "all crime", "rate_per_1000") == 1 / 500 * 1000
    assert cell(table, "force", "all crime", "rate_per_1000") == 4 / 2500 * 1000
    assert np.isnan(cell(table, "not placed", "all crime", "rate_per_1000"))
    assert "not placed: 1 without location, 1 elsewhere; the force counts all" in table.notes


def test_the_code_in_the_file_wins_over_the_location() -> None:
    placed = events([(500, DRUGS), (NOWHERE, DRUGS), (500, DRUGS)], codes=["z4", "z1", "another force's"])
    table = headline(placed, zones())
    assert [cell(table, place, "all crime") for place in ("East", "West", "not placed")] == [1, 1, 1]
    assert cell(table, "East", "all crime", "unlocated") == 1


def test_change_against_another_number_of_months() -> None:
    now = events([(500, BURGLARY)] * 30)
    before = events([(500, BURGLARY)] * 40)
    months = np.array(["2016-07"] * 15 + ["2017-07"] * 25, "datetime64[s]")
    table = headline(now, zones(), replace(before, time=months))
    expected = poisson_ratio(30, 40, exposure_ratio=0.5)
    assert cell(table, "East", "Burglary", "change") == pytest.approx(30 / 20 - 1)
    assert cell(table, "East", "Burglary", "change_low") == pytest.approx(float(expected.low) - 1)
    assert cell(table, "East", "Burglary", "change_high") == pytest.approx(float(expected.high) - 1)
    assert cell(table, "East", "Burglary", "p") == pytest.approx(float(expected.p))
    assert any("2 months, this one 1" in note for note in table.notes)
    assert not any("season" in note for note in table.notes)


def test_other_months_of_the_year_are_said() -> None:
    table = headline(events(JULY), zones(), events(JULY, month="2018-01"))
    assert any("season" in note for note in table.notes)


def test_nothing_before_is_no_number() -> None:
    table = headline(events([(500, DRUGS)] * 12), zones(), events(JULY, month="2017-07"))
    row = table.rows[(table.rows["place"] == "East") & (table.rows["measure"] == DRUGS)].iloc[0]
    assert np.isnan(row["change"])
    assert np.isnan(row["change_high"])
    assert row["change_low"] > 0
    assert row["small_number"]
    assert not np.isinf(table.rows.select_dtypes("number").to_numpy()).any()


def test_small_numbers_in_either_period() -> None:
    table = headline(events([(500, DRUGS)] * 12), zones(), events([(500, DRUGS)] * 9, month="2017-07"))
    assert cell(table, "East", "Drugs", "small_number")
    assert not cell(headline(events([(500, DRUGS)] * 12), zones()), "East", "Drugs", "small_number")
    assert cell(headline(events([(500, DRUGS)] * 12), zones(), small_number=13), "East", "Drugs", "small_number")


def test_a_more_serious_mix() -> None:
    mix = [(500, DRUGS), (500, ROBBERY), (500, ROBBERY)]
    weigh = {"weight_name": "harm", "weight_sd": np.array([3.0, 4.0, 0.0])}
    now = replace(events(mix, weight=[10.0, 100.0, 100.0]), **weigh)
    before = replace(events(mix, month="2017-07", weight=[10.0, 10.0, 100.0]), **weigh)
    table = headline(now, zones(), before)
    assert cell(table, "East", "all crime", "severity_per_event") == 70
    assert cell(table, "East", "all crime", "severity_se") == pytest.approx(5 / 3)
    assert cell(table, "East", "all crime", "severity_per_event_before") == 40
    assert np.isnan(cell(table, "West", "all crime", "severity_per_event"))
    assert "70.0 +75%" in table.text()
    assert headline(events(mix), zones()).rows["severity_per_event"].isna().all()


def test_complete_months() -> None:
    def covered(status: str) -> Events:
        coverage = pd.DataFrame(
            [("West Yorkshire", "2018-07", 6, status)], columns=["force", "month", "rows", "status"]
        )
        return replace(events(JULY), ledger=Ledger(coverage=coverage))

    assert set(headline(events(JULY), zones()).rows["complete_months"]) == {"unknown"}
    assert set(headline(covered("complete"), zones()).rows["complete_months"]) == {"yes"}
    partial = headline(covered("partial"), zones())
    assert set(partial.rows["complete_months"]) == {"no"}
    assert "not complete: West Yorkshire 2018-07 (partial)" in partial.notes


def test_what_the_source_cannot_tell_is_listed_and_not_approximated() -> None:
    table = headline(events(JULY), zones())
    assert "violence with injury in public places (no injury, no kind of place)" in table.notes[-1]
    assert not table.rows["measure"].str.contains("injury").any()


def test_zones_without_districts_and_without_population() -> None:
    plain = replace(zones(), group=None, population=None)
    table = headline(events(JULY), plain)
    assert table.places.ids.tolist() == ["study area"]
    assert table.rows["rate_per_1000"].isna().all()
    some = headline(events(JULY), zones(group=["East", "East", "West", None]))
    assert "1 of 4 zones have no district; their events are not placed" in some.notes


def test_nobody_lives_there() -> None:
    table = headline(events(JULY), zones(population=[0.0, 0.0, 1000.0, 1000.0]))
    assert np.isnan(cell(table, "East", "all crime", "rate_per_1000"))
    assert cell(table, "force", "all crime", "rate_per_1000") == 4 / 2000 * 1000


def test_categories_that_differ_in_signs_only_have_columns_of_their_own() -> None:
    frame = headline(events([(500, "Theft (a)"), (500, "Theft/a"), (2500, "Theft/a")]), zones()).to_frame()
    assert frame[["theft_a_count", "theft_a__count"]].to_numpy().tolist() == [[1, 1], [0, 1]]


def test_force_name() -> None:
    named = events(JULY, attributes={"force": Labels.constant("West Yorkshire Police", len(JULY))})
    assert headline(named, zones()).rows["place"].tolist()[3] == "West Yorkshire Police"
    two = events(JULY, attributes={"force": Labels.of(["a", "b"] * 3)})
    assert headline(two, zones()).rows["place"].tolist()[3] == "all forces"


def test_the_layer_and_the_printed_table() -> None:
    table = headline(events(JULY), zones(), events(JULY * 6, month="2017-07"))
    frame = table.to_frame()
    assert frame["district"].tolist() == ["East", "West"]
    assert frame.area.tolist() == [2e6, 2e6]
    assert frame["burglary_count"].tolist() == [1, 1]
    assert frame["all_crime_change"].tolist() == pytest.approx([-5 / 6, -5 / 6])
    lines = table.text().splitlines()
    assert lines[0] == "crime in 2018-07 by district, against 2017-07"
    (east,) = [line for line in lines if line.startswith("East")]
    assert east.split()[1:4] == ["1", "-83%~", "2.0"]


def test_the_record_survives_storage(tmp_path: Path) -> None:
    table = headline(events(JULY), zones(), events(JULY, month="2017-07"))
    assert codec.load(codec.save(table, tmp_path), tmp_path).text() == table.text()
    with pytest.raises(ModelError, match="do not sum to the force"):
        replace(table, rows=table.rows.assign(count=table.rows["count"] + 1))
    with pytest.raises(ModelError, match="the rows have the columns"):
        replace(table, rows=table.rows.drop(columns="p"))


@pytest.mark.parametrize(
    ("before", "error", "words"),
    [
        (events(JULY), ModelError, "the two periods share 2018-07"),
        (events(JULY, month="2017-07", weight=np.ones(len(JULY))), ModelError, "weighted by 'count'"),
        (replace(events(JULY, month="2017-07"), kind="stop"), ModelError, "one period holds crime, the other stop"),
        (replace(events(JULY, month="NaT")), ModelError, "the period before: no event has a month"),
        (replace(events(JULY, month="2017-07"), crs="EPSG:32630"), GeometryError, "EPSG:32630"),
    ],
)
def test_periods_that_cannot_be_compared(before: Events, error: type[Exception], words: str) -> None:
    with pytest.raises(error) as raised:
        headline(events(JULY), zones(), before)
    assert words in str(raised.value)


def test_it_is_a_stage() -> None:
    entry = STAGES.find("density.headline")
    assert list(entry.inputs) == ["events", "zones", "before"]
    assert entry.inputs["before"].optional


ROWS = st.lists(
    st.tuples(
        st.sampled_from([500.0, 1500.0, 2500.0, OUTSIDE, NOWHERE]), st.sampled_from([ASB, BURGLARY, ROBBERY, DRUGS])
    ),
    max_size=30,
)


@given(ROWS, ROWS)
@settings(max_examples=60, deadline=None)
def test_every_event_is_counted_once_in_every_total(
    rows: list[tuple[float, str]], before: list[tuple[float, str]]
) -> None:
    if not (rows and before):
        return
    table = headline(events(rows), zones(), events(before, month="2017-07"))
    force = table.rows[table.rows["level"] == "force"].set_index("measure")
    everything = "all crime and ASB" if "all crime and ASB" in force.index else "all crime"
    assert force.loc[everything, "count"] == len(rows)
    assert force.loc[everything, "before"] == len(before)
    categories = force.drop(index=[name for name in force.index if name.startswith("all crime")])
    assert categories["count"].sum() == len(rows)
    assert force.loc["all crime", "count"] == sum(category != ASB for _, category in rows)
    assert force.loc[everything, "unlocated"] == sum(np.isnan(x) for x, _ in rows)
    parts = table.rows[table.rows["level"] != "force"].groupby("measure")[["count", "before"]].sum()
    pd.testing.assert_frame_equal(parts.sort_index(), force[["count", "before"]].sort_index())


def test_west_yorkshire_against_a_plain_group_by() -> None:
    frames = [
        pd.read_csv(ROOT / f"data/police/west_yorkshire/{month}-west-yorkshire-street.csv.gz")
        for month in ("2017-07", "2018-07")
    ]
    boundaries = gpd.read_file(ROOT / "data/boundaries/west_yorkshire_lsoa_2011.gpkg")
    before, now = (
        Events.at(
            np.full(len(frame), np.nan),
            np.full(len(frame), np.nan),
            crs="EPSG:27700",
            kind="crime",
            time=frame["Month"].to_numpy("datetime64[s]"),
            category=Labels.of(frame["Crime type"]),
            zone_code=Labels.of(frame["LSOA code"]),
        )
        for frame in frames
    )
    table = headline(now, Zones.from_frame(boundaries, id="LSOA11CD", population="persons", group="la"), before)
    joined = frames[1].merge(boundaries[["LSOA11CD", "la"]], left_on="LSOA code", right_on="LSOA11CD", how="left")
    plain = joined.fillna({"la": "not placed"}).groupby(["la", "Crime type"]).size()
    for (place, category), count in plain.items():
        assert cell(table, place, category) == count
    assert cell(table, "force", "all crime and ASB") == 31_635
    assert cell(table, "force", "all crime and ASB", "before") == 28_537
    assert cell(table, "not placed", "all crime and ASB") == 883 + 13
