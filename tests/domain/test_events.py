"""Labels, events, ledgers, demand and priority areas: their rules, and their sums."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from demandgeo.domain import (
    COUNT,
    Balance,
    Certificate,
    Demand,
    Events,
    FileLedger,
    Grid,
    Holdout,
    Labels,
    Ledger,
    PriorityAreas,
)
from demandgeo.domain.areas import AREA_COLUMNS
from demandgeo.errors import GeometryError, ModelError, SourceError
from tests.domain.strategies import CRS, areas, balances, counts, demands, events, file_ledgers, labels, ledgers, words

GRID = Grid.covering((0.0, 0.0, 200.0, 200.0), cell=100, crs=CRS)
NOTHING = Balance(np.zeros(4, np.int64), np.zeros(4))


# Labels


@given(st.lists(st.none() | words | st.sampled_from(["", np.nan, 1, "1", 2.5])))
def test_labels_hold_the_text_sorted_by_name_with_gaps_for_what_is_missing(values):
    expected = [None if pd.isna(v) or v == "" else str(v) for v in values]
    made = Labels.of(values)
    assert list(made) == made.to_array().tolist() == np.asarray(made).tolist() == expected
    assert list(made.names) == sorted({text for text in expected if text is not None})
    assert made.present.tolist() == [text is not None for text in expected]
    assert Labels.of(pd.Series(values, dtype=object)).content_hash() == made.content_hash()


@pytest.mark.parametrize(
    "values",
    [
        pd.Series(["b", None, "a"]),
        pd.Series(["b", None, "a"], dtype="category"),
        pd.Series(["b", pd.NA, "a"], dtype="string"),
        np.array(["b", None, "a"], dtype=object),
        np.array(["b", "", "a"]),
        pd.Series(["b", "", "a"], index=[5, 5, 5]),
    ],
)
def test_labels_are_the_same_whatever_held_the_text(values):
    assert list(Labels.of(values)) == ["b", None, "a"]


@given(labels(6), words)
def test_comparing_labels_compares_their_text(made, word):
    texts = list(made)
    assert (made == word).tolist() == [text == word for text in texts]
    assert (made != word).tolist() == [text != word for text in texts]
    assert (made == Labels.of(texts)).all()
    assert not (made != made.to_array()).any()


@given(labels(6), st.lists(st.integers(0, 5)))
def test_taking_rows_keeps_the_names(made, rows):
    taken = made.take(np.array(rows, np.int64))
    assert list(taken) == [list(made)[row] for row in rows]
    assert taken.names == made.names


@given(labels(5))
def test_counts_are_rows_or_weights_of_each_name(made):
    texts, weight = list(made), np.arange(5.0)
    assert made.counts() == {name: texts.count(name) for name in made.names}
    sums = {name: sum(w for w, text in zip(weight, texts, strict=True) if text == name) for name in made.names}
    assert made.counts(weight) == sums


@pytest.mark.parametrize(
    ("codes", "names", "message"),
    [
        ([0, 2], ("a", "b"), "codes run from 0 to 2; -1..1"),
        ([-2, 0], ("a",), "codes run from -2 to 0"),
        ([0], ("a", "a"), "a name stands twice"),
        ([[0]], ("a",), "2 dimensions"),
    ],
)
def test_labels_that_break_a_rule_are_refused(codes, names, message):
    with pytest.raises(ModelError, match=message):
        Labels(np.array(codes), names)


def test_labels_have_no_hash_because_they_compare_row_by_row():
    with pytest.raises(TypeError):
        hash(Labels.of(["a"]))


# Events


def test_every_broken_rule_of_events_is_listed():
    with pytest.raises(ModelError) as caught:
        Events.at(
            [0.0, np.nan, np.inf, 1.0],
            [0.0, 1.0, 1.0, 1.0],
            crs=CRS,
            weight=[1.0, -1.0, np.nan, np.inf],
            weight_sd=[0, 0, 0, -1],
            resolution="century",
        )
    found = [problem.found for problem in caught.value.problems]
    assert found == [
        "row 1: x and y are neither both finite nor both NaN (2 rows)",
        "row 1: weight is -1.0 (3 rows)",
        "row 3: weight_sd is -1.0 (1 rows)",
        "resolution is 'century'",
    ]


def test_columns_of_other_lengths_and_shapes_are_refused_together():
    with pytest.raises(ModelError) as caught:
        Events.at([0.0, 1.0], [0.0], crs=CRS, category=Labels.of(["a"]), weight=np.ones((2, 2)), attributes={"a": [1]})
    text = str(caught.value)
    for part in ("y has 1 rows", "category has 1 rows", "weight has more than one dimension", "a has 1 rows"):
        assert part in text
    with pytest.raises(ModelError, match="x has more than one dimension"):
        Events.at(np.zeros((2, 2)), np.zeros((2, 2)), crs=CRS, time=["2018"] * 2, ids=Labels.constant("a", 2))


def test_text_attributes_must_be_labels():
    with pytest.raises(ModelError, match="give text as Labels"):
        Events.at([0.0], [0.0], crs=CRS, attributes={"force": np.array(["west"], object)})


def test_no_events_are_events_too():
    none = Events.at([], [], crs=CRS)
    assert len(none) == none.years == 0
    assert none.period == "undated"
    assert len(none.to_frame()) == 0
    assert Balance.of(none, GRID.locate(none.x, none.y)).total_events == 0


def test_the_period_is_that_of_the_months():
    def period(*times: str) -> str:
        return Events.at(np.zeros(len(times)), np.zeros(len(times)), crs=CRS, time=list(times)).period

    assert period("2018-07-03", "NaT", "2018-07-31T23:59:59") == "2018-07"
    assert period("2017-07", "2016-07", "2016-07") == "2016-07, 2017-07"
    assert period("2018-03", "2018-01", "2018-02", "2018-04") == "2018-01..2018-04 (4 months)"
    assert period("2018-01", "2018-02", "2018-04", "2018-07") == "2018-01..2018-07 (gaps; 4 months)"
    assert period("NaT") == "undated"


@given(events(n=6), st.lists(st.booleans(), min_size=6, max_size=6))
def test_choosing_rows_chooses_them_in_every_column(record, chosen):
    mask = np.array(chosen)
    part = record.where(mask)
    for name in ("x", "y", "time", "weight", "weight_sd", "category", "ids", "zone_code"):
        kept = [value for value, keep in zip(getattr(record, name), chosen, strict=True) if keep]
        assert repr(list(getattr(part, name))) == repr(kept)
    for name, column in record.attributes.items():
        assert list(part.attributes[name]) == [value for value, keep in zip(column, chosen, strict=True) if keep]
    assert part.ledger is record.ledger
    assert record.where(np.flatnonzero(mask)).content_hash() == part.content_hash()


@given(events())
def test_a_frame_gives_back_the_events(record):
    frame = record.to_frame()
    again = Events.from_frame(frame, category="category", time="time", weight="weight")
    for name in ("x", "y", "weight", "time"):
        assert np.array_equal(getattr(again, name), getattr(record, name), equal_nan=True)
    assert again.crs == record.crs
    assert again.weight_name == "weight"
    if record.category.present.all():
        assert list(again.category) == list(record.category)


def test_only_points_are_events():
    frame = gpd.GeoDataFrame(geometry=[shapely.Point(0, 0), None, shapely.Point(), shapely.box(0, 0, 1, 1)], crs=CRS)
    with pytest.raises(GeometryError, match="row 3 is a Polygon"):
        Events.from_frame(frame)
    assert Events.from_frame(frame.iloc[:3]).located.tolist() == [True, False, False]
    with pytest.raises(GeometryError, match="no CRS"):
        Events.from_frame(frame.iloc[:1].set_crs(None, allow_override=True))


def test_weights_are_replaced_and_named():
    record = Events.at([0.0], [0.0], crs=CRS)
    assert record.weight_name == COUNT
    harm = record.weighted(np.array([7.0]), np.array([2.0]), "ons-css")
    assert (harm.weight[0], harm.weight_sd[0], harm.weight_name, record.weight[0]) == (7.0, 2.0, "ons-css", 1.0)


# Ledgers


@given(counts, counts, counts, st.dictionaries(words, counts, max_size=3), st.integers(-1, 60))
def test_a_file_ledger_adds_up_or_is_refused(lines, parsed, used, excluded, unlocated):
    holds = lines >= parsed and parsed == used + sum(excluded.values()) and 0 <= unlocated <= used

    def make() -> FileLedger:
        return FileLedger("a.csv", "", lines, parsed, lines - parsed, used, unlocated, excluded)

    if holds:
        assert make().used == used
    else:
        with pytest.raises(SourceError, match=r"a\.csv"):
            make()


@given(file_ledgers(), st.sampled_from(["lines", "parsed", "malformed", "used"]), st.sampled_from([-1, 1]))
def test_a_line_too_many_or_too_few_is_always_seen(account, name, by):
    with pytest.raises(SourceError):
        replace(account, **{name: getattr(account, name) + by})


@given(st.lists(ledgers(), max_size=3))
def test_merged_ledgers_add_up_to_their_parts(parts):
    merged = Ledger.merged(tuple(parts))
    for count in ("lines", "parsed", "malformed", "used", "unlocated"):
        assert merged.total(count) == sum(part.total(count) for part in parts)
    assert merged.total("lines") == merged.total("parsed") + merged.total("malformed")
    assert merged.total("parsed") == merged.total("used") + sum(merged.excluded().values())
    assert len(merged.excluded_rows) == sum(merged.excluded().values())
    assert merged.to_frame()["lines"].sum() == merged.total("lines")
    assert merged.to_json()["notes"] == list(merged.notes)


def test_a_ledger_lists_each_row_that_it_left_out():
    account = FileLedger("a.csv", "", 3, 3, 0, 1, excluded={"outside_gb": 2})
    with pytest.raises(SourceError, match="0 excluded rows are listed, the files count 2"):
        Ledger(files=(account,))
    with pytest.raises(SourceError) as caught:
        Ledger(excluded_rows=pd.DataFrame({"x": []}), coverage=pd.DataFrame({"y": []}))
    assert len(caught.value.problems) == 2


# Balance and demand


@given(events(), st.data())
def test_a_balance_loses_no_event_and_no_weight(record, data):
    unit = np.where(record.located, data.draw(st.integers(-1, 3)), -1)
    lost = np.flatnonzero(data.draw(st.lists(st.booleans(), min_size=len(record), max_size=len(record))))
    balance = Balance.of(record, unit, lost[unit[lost] < 0])
    assert balance.total_events == len(record)
    assert balance.total_weight == pytest.approx(record.weight.sum())
    assert balance.events[0] == (unit >= 0).sum()
    assert sum(balance.share(fate) for fate in Balance.FATES) == pytest.approx(1.0 if len(record) else 0.0)


@given(balances())
def test_a_balance_in_json_adds_up(balance):
    said = balance.to_json()
    assert said["in"]["events"] == sum(said[fate]["events"] for fate in Balance.FATES)
    assert said["in"]["weight"] == pytest.approx(sum(said[fate]["weight"] for fate in Balance.FATES))


@pytest.mark.parametrize("column", [[1, 2, 3], [1, 2, 3, -1], [[1, 2, 3, 4]]])
def test_a_balance_is_four_numbers_from_0(column):
    with pytest.raises(ModelError) as caught:
        Balance(np.array(column), np.array(column, float))
    assert len(caught.value.problems) == 2


def demand(values, **changed) -> Demand:
    return Demand(
        GRID, np.asarray(values), **{"measure": "w", "balance": NOTHING, "weight_name": COUNT, "period": "p", **changed}
    )


@pytest.mark.parametrize(
    ("values", "changed", "message"),
    [
        ([1.0, 2.0], {}, r"shape \(2,\); \(4,\) was needed"),
        (np.ones((2, 4)), {}, r"shape \(2, 4\); \(0, 4\) was needed"),
        ([1.0, np.inf, 1.0, 1.0], {}, "a value is infinite"),
        ([1.0, -1e-300, np.nan, 1.0], {}, "a value is below 0"),
        (np.ones(4), {"count": np.ones(3)}, "count is not 4 numbers"),
        (np.ones(4), {"count": np.array([0, 1, 2, np.nan])}, "count is not 4 numbers"),
        (np.ones(4), {"variance": -np.ones(4)}, "variance is not 4 numbers"),
    ],
)
def test_demand_that_breaks_a_rule_is_refused(values, changed, message):
    with pytest.raises(ModelError, match=message):
        demand(values, **changed)


def test_demand_of_whole_numbers_is_kept_as_float64_and_single_precision_as_it_is():
    assert demand([1, 2, 3, 4]).values.dtype == demand(np.ones(4, np.int8)).values.dtype == np.float64
    single = demand(np.ones(4, np.float32))
    assert (single.values.dtype, single.total.dtype) == (np.float32, np.float64)


@given(demands())
def test_demand_as_a_frame_has_a_row_for_each_unit_and_all_its_columns(record):
    frame = record.to_frame()
    assert len(frame) == record.support.n
    assert np.array_equal(frame["value"], record.total)
    layers = [name for name in frame.columns if name.startswith("value_")]
    assert len(layers) == (len(record.layers) if record.values.ndim == 2 else 0)
    assert ("count" in frame) is (record.count is not None)
    assert list(frame.columns)[-1] == "geometry"


# Priority areas


def priority_areas(labels_, rows: int, **changed) -> PriorityAreas:
    table = pd.DataFrame(np.zeros((rows, len(AREA_COLUMNS))), columns=list(AREA_COLUMNS))
    fields = {"demand": demand([4.0, 0.0, 3.0, 1.0]), "table": table, "certificate": Certificate(10_000.0, 0.5, "all")}
    return PriorityAreas(labels=np.array(labels_), **{**fields, **changed})


def test_shares_are_of_the_extent_and_of_the_demand_placed():
    chosen = priority_areas([0, -1, 1, -1], 2)
    assert chosen.extent_share == 0.5
    assert chosen.demand_share == 7 / 8
    assert priority_areas([0, -1, -1, -1], 1, demand=demand(np.zeros(4))).demand_share == 0.0


@pytest.mark.parametrize(
    ("labels_", "rows"), [([0, 1, 2], 3), ([0, 2, -1, -1], 2), ([0, 0, -1, -1], 2), ([0, -2, -1, -1], 1)]
)
def test_labels_run_as_the_rows_of_the_table_do(labels_, rows):
    with pytest.raises(ModelError, match="labels"):
        priority_areas(labels_, rows)


def test_the_table_starts_with_its_agreed_columns():
    with pytest.raises(ModelError, match="it must start with"):
        priority_areas([0, -1, -1, -1], 1, table=pd.DataFrame({"area": [0]}))


def test_a_bound_above_the_plan_is_no_bound():
    with pytest.raises(ModelError) as caught:
        Certificate(np.nan, -0.1, "none")
    assert len(caught.value.problems) == 2


def test_the_sentence_says_all_that_the_shares_depend_on():
    balance = Balance(np.array([8, 1, 1, 0]), np.array([8.0, 1.0, 1.0, 0.0]))
    chosen = priority_areas([0, -1, 1, -1], 2, demand=demand([4.0, 0.0, 3.0, 1.0], balance=balance))
    said = chosen.sentence()
    for share in ("50.0% of the area", "87.5% of incidents", "70.0% of all recorded", "10.0% lies outside", "25.0%"):
        assert share in said
    assert "2 areas" in said
    assert "100 m cells" in said


@given(areas())
def test_the_areas_as_a_frame_are_their_outlines(chosen):
    frame = chosen.to_frame()
    assert len(frame) == len(chosen.table)
    assert shapely.area(frame.geometry.to_numpy())[0] == pytest.approx(
        shapely.area(chosen.support.geometry()[chosen.selected]).sum()
    )
    assert chosen.summary()["areas"] == 1


def test_a_holdout_says_its_shares():
    said = Holdout("2016", "2017", COUNT, 0.05, 0.25, 0.2, 4.0, NOTHING, pd.DataFrame()).sentence()
    assert said == "in 2017 they held 20.0% of incidents (25.0% when chosen; PAI 4.0)."
