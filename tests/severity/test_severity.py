from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from demandgeo import severity
from demandgeo.domain import Events, Labels
from demandgeo.errors import DataQualityWarning, ModelError, SourceError
from demandgeo.registry import STAGES

CATEGORIES = ["Burglary", "Robbery", "Anti-social behaviour", "Burglary"]


def events(categories: list[str | None] = CATEGORIES) -> Events:
    n = len(categories)
    return Events.at(np.zeros(n), np.zeros(n), crs="EPSG:27700", category=Labels.of(categories), kind="crime")


def table(folder: Path, text: str, name: str = "harm.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_ons_weights_by_hand() -> None:
    # Both offences of robbery weigh 799.63. Burglary by the crimes recorded in 2017/18: residential 465.38, business
    # 123.02, aggravated 2288.67 and 1849.52.
    harm = severity.weigh(events())
    residential, business = 249_296 + 53_976 + 2_936 + 381, 109_382 + 18_102
    total = residential * 465.38 + business * 123.02 + 3_206 * 2288.67 + (1 + 370) * 1849.52
    burglary = total / (residential + business + 3_206 + 371)
    np.testing.assert_allclose(harm.weight, [burglary, 799.63, 1.0, burglary], atol=0.006)
    assert harm.weight_sd[1] == harm.weight_sd[2] == 0
    assert harm.weight_sd[0] == pytest.approx(229.91)


def test_the_shipped_table_is_in_order() -> None:
    shipped = pd.read_csv(severity.ONS_CSS)
    assert len(shipped) == 13
    assert (shipped["covered"] == 1).all()
    assert (shipped["lowest"] <= shipped["weight"]).all()
    assert (shipped["weight"] <= shipped["highest"]).all()
    recorded = pd.read_csv(severity.RECORDED, dtype={"offence_code": str})
    assert {"4.1", "4.10"} & set(recorded["offence_code"]) == set()  # homicide is counted as one, under a joint code
    volumes = recorded.groupby("category")["recorded_crimes"].sum()
    assert shipped.set_index("category")["recorded_crimes"].to_dict() == {
        name: volumes[name] for name in shipped["category"]
    }


def test_derive_against_the_crimes_written_out_one_by_one() -> None:
    recorded = pd.DataFrame(
        {"offence_code": ["a", "b", "c", "d"], "category": ["x", "x", "x", "y"], "recorded_crimes": [3, 5, 0, 2]}
    )
    offences = pd.DataFrame({"offence_code": ["b", "a", "c"], "weight": [10.0, 2.0, 999.0]})
    (row,) = severity.derive(offences, recorded).to_dict("records")
    crimes = np.array([2.0] * 3 + [10.0] * 5)
    assert row["category"] == "x"
    assert row["weight"] == pytest.approx(crimes.mean())
    assert row["spread"] == pytest.approx(crimes.std())
    assert row["median"] == np.median(crimes)
    assert (row["lowest"], row["highest"], row["offences"], row["recorded_crimes"]) == (2.0, 10.0, 2, 8)


def test_an_offence_with_two_weights_is_refused() -> None:
    with pytest.raises(ModelError, match="offences stand twice: 34A"):
        severity.derive(pd.DataFrame({"offence_code": ["34A", "34B", "34A"], "weight": [1.0, 2.0, 3.0]}))


def test_a_table_keeps_the_weights_it_was_made_with() -> None:
    weights = pd.DataFrame({"category": ["Robbery"], "weight": [5.0], "spread": [0.0]})
    made = severity.SeverityTable("own", "", weights)
    weights["weight"] = -1.0
    assert made.of(Labels.of(["Robbery"]))[0].tolist() == [5.0]


def test_periods_weighted_alike_bear_one_name() -> None:
    with_asb, without_asb = events(), events(["Burglary"])
    assert severity.weigh(with_asb).weight_name == severity.weigh(without_asb).weight_name
    assert severity.weigh(with_asb, asb_weight=5).weight_name != severity.weigh(with_asb).weight_name
    assert "ASB = 5" in severity.weigh(with_asb, asb_weight=5).weight_name


def test_count() -> None:
    harm = severity.weigh(severity.weigh(events()), index="count")
    assert harm.weight.tolist() == [1, 1, 1, 1]
    assert harm.weight_name == "count"
    half = severity.weigh(events(), index="count", asb_weight=0.5)
    assert half.weight.tolist() == [1, 1, 0.5, 1]
    assert half.weight_name == "count (ASB = 0.5)"
    assert severity.weigh(events(["ROBBERY", "robbery"]), index="count", asb_weight=2).weight.tolist() == [1, 1]
    assert severity.weigh(events([None]), index="count").weight.tolist() == [1]


def test_weighing_keeps_everything_else() -> None:
    before = events()
    after = severity.weigh(before)
    assert after.weighted(before.weight, before.weight_sd, before.weight_name).content_hash() == before.content_hash()


@given(st.lists(st.sampled_from(["Drugs", "ROBBERY", "robbery", "Anti-Social Behaviour"]), max_size=20))
def test_case_does_not_matter_and_order_is_kept(categories: list[str]) -> None:
    expected = {"drugs": 102.6, "robbery": 799.63, "anti-social behaviour": 1.0}
    weight = severity.weigh(events(categories)).weight  # type: ignore[arg-type]
    assert weight.tolist() == [expected[name.casefold()] for name in categories]


def test_a_category_without_weight_is_named_not_dropped() -> None:
    with pytest.raises(ModelError) as raised:
        severity.weigh(events(["Burgalry", "Burgalry", "Piracy", "Robbery", None]))
    message = str(raised.value)
    assert "'Burgalry' (2 events)" in message
    assert 'did you mean "Burglary"?' in message
    assert "'Piracy' (1 events)" in message
    assert "1 events have no category" in message


def test_a_category_that_no_event_bears_needs_no_weight() -> None:
    only_robbery = events(["Robbery", "Piracy"]).where(np.array([True, False]))
    assert severity.weigh(only_robbery).weight.tolist() == [799.63]


def test_own_table(tmp_path: Path) -> None:
    path = table(
        tmp_path, "\ufeffCrime type,Weight,Spread\r\nburglary,10,2\r\n\r\nrobbery,20,\r\nAnti-social behaviour,3,0\r\n"
    )
    harm = severity.weigh(events(), index="table", table=path)
    assert harm.weight.tolist() == [10, 20, 3, 10]
    assert harm.weight_sd.tolist() == [2, 0, 0, 2]
    assert "ASB" not in harm.weight_name
    assert severity.weigh(events(), index="table", table=path, asb_weight=7).weight.tolist() == [10, 20, 7, 10]


def test_an_edited_table_is_another_index(tmp_path: Path) -> None:
    rows = "category,weight\nBurglary,{}\nRobbery,20\n"
    first, second = (
        table(tmp_path / name, rows.format(w)) for name, w in (("a", 10), ("b", 11)) if not (tmp_path / name).mkdir()
    )
    again = table(tmp_path, rows.format(10))
    names = [severity.weigh(events(), index="table", table=path).weight_name for path in (first, second, again)]
    assert names[0] == names[2] != names[1]


def test_harm_index_by_offence_code(tmp_path: Path) -> None:
    path = table(tmp_path, "Offence code,Days\n34A,365\n34B,365\n28E,20\n28F,20\n30C,10\n30D,10\n")
    with pytest.warns(DataQualityWarning, match="Burglary 98.4%"):
        harm = severity.weigh(events(), index="cambridge-chi", table=path)
    assert harm.weight[1] == 365
    assert 10 < harm.weight[0] < 20
    assert harm.weight_name.startswith("cambridge-chi (harm.csv ")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "category,weight\nBurglary,-3\nRobbery,much\n",
            ["harm.csv:2: weight: is '-3'", "harm.csv:3: weight: is 'much'"],
        ),
        ("category,weight\nBurglary,3\nburglary,4\n", ["harm.csv:3: category: 'burglary' stands twice"]),
        ("category,weight\nBurglary,\n,4\n", ["harm.csv:2: weight: is ''", "harm.csv:3: category: is empty"]),
        ("category,weight\nBurglary\n", ["harm.csv:2: weight: is ''"]),
        ("category,weight,spread\nBurglary,3,inf\n", ["harm.csv:2: spread: is 'inf'"]),
        ('category,weight\n"Burglary",3\n\n\n"Drugs\n",nan\n', ["harm.csv:6: weight: is 'nan'"]),
        (
            "kind,value\nBurglary,3\n",
            ["harm.csv:1: the columns are ['kind', 'value']", "category or offence_code", "column weight"],
        ),
        ("category,weight\n", ["no row below the header"]),
        ("", ["harm.csv:1: the columns are []"]),
        ("offence_code,weight\nZZ,3\n", ["none of the 1 offence codes"]),
        ('category,weight\n"Burglary,3\n', ["is no CSV"]),
        ("category,weight\nDrugs,2,\nBurglary,1,234.5\n", ["harm.csv:3: 3 cells; 2 were needed; quote the cell"]),
        ("category,Weight,weight\nBurglary,1,2\n", ["harm.csv:1: the column 'weight' stands twice"]),
    ],
)
def test_a_bad_table_is_refused_with_file_and_line(tmp_path: Path, text: str, words: list[str]) -> None:
    with pytest.raises(SourceError) as raised:
        severity.load("table", table=table(tmp_path, text))
    for word in words:
        assert word in str(raised.value)


def test_a_spreadsheet_is_refused_with_a_remedy(tmp_path: Path) -> None:
    path = tmp_path / "chi.xlsx"
    path.write_bytes(b"PK\x03\x04\xff\xfe\x00\x81")
    with pytest.raises(SourceError, match="save the sheet as 'CSV UTF-8'"):
        severity.load("cambridge-chi", table=path)
    with pytest.raises(SourceError, match=r"none\.csv: No such file"):
        severity.load("cambridge-chi", table=tmp_path / "none.csv")


def test_settings_that_do_not_fit(tmp_path: Path) -> None:
    path = table(tmp_path, "category,weight\nBurglary,3\n")
    for index, given_table in (("table", None), ("cambridge-chi", None), ("ons-css", path), ("count", path)):
        with pytest.raises(ModelError, match=f"index '{index}'"):
            severity.weigh(events(), index=index, table=given_table)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="asb_weight is -1"):
        severity.weigh(events(), asb_weight=-1)


def test_it_is_a_stage() -> None:
    entry = STAGES.find("severity.weigh")
    assert list(entry.inputs) == ["events"]
    assert entry.paths == ("table",)


def test_the_shipped_table_follows_from_the_published_weights(shared_data: Path) -> None:
    published = pd.read_csv(shared_data / "severity/policeuk_to_ons_severity.csv", dtype=str)
    offences = pd.DataFrame(
        {
            "offence_code": published["ONS_COUNTS_code"],
            "weight": published["ONS_SEVERITY_weight"].astype(float).round(2),
        }
    )
    assert {"4.1", "4.10"} <= set(offences["offence_code"])
    shipped = pd.read_csv(severity.ONS_CSS)
    derived = severity.derive(offences).round({"weight": 2, "spread": 2, "covered": 6})
    pd.testing.assert_frame_equal(derived, shipped[derived.columns.tolist()])
