"""Two periods, counted as casualties and as collisions; and severities in words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from demandgeo.domain import Events, Labels
from demandgeo.errors import ModelError
from demandgeo.roads import compare_periods, weigh_ksi

MONTHS = [1, 2, 3]


@pytest.fixture(scope="module")
def casualties(city):
    return {year: city.casualties(years=[year]) for year in range(2019, 2023)}


def test_the_plan_s_quarter():
    """173 against 233: z = 2.98 by Poisson (roads research, section 3.7), weaker if counts vary twice as much."""
    month = np.datetime64("2014-02", "s")
    before, after = (
        Events.at(np.zeros(n), np.zeros(n), crs="EPSG:27700", time=np.full(n, when), kind="casualty")
        for n, when in ((233, month), (173, np.datetime64("2015-02", "s")))
    )
    row = compare_periods(before, after, dispersion=2.0).rows.iloc[0]
    assert row["p"] == pytest.approx(0.0033, abs=0.0005)
    assert row["dispersed_p"] == pytest.approx(0.038, abs=0.003)
    assert row["low_percent"] < row["change_percent"] < row["high_percent"] < 0
    assert row["dispersed_low_percent"] < row["low_percent"]


def test_casualties_and_collisions_are_both_counted(casualties, city):
    table = compare_periods(casualties[2020], casualties[2021], months=MONTHS).rows.set_index("measure")
    assert list(table.index) == ["KSI casualties", "all casualties", "KSI collisions", "all collisions"]
    for year, column in ((2020, "before"), (2021, "after")):
        quarter = casualties[year].where(casualties[year].time.astype("datetime64[M]").astype(int) % 12 < 3)
        assert table.loc["KSI casualties", column] == pytest.approx(quarter.weight.sum())
        assert table.loc["all casualties", column] == len(quarter)
        assert table.loc["all collisions", column] == len(set(quarter.attributes["collision"]))
    assert table.loc["all casualties", "dispersion"] > 1.2
    assert table.loc["all collisions", "dispersion"] == 1.0
    one = city.casualties("collision", years=[2020]), city.casualties("collision", years=[2021])
    assert compare_periods(*one).rows["measure"].tolist() == ["KSI collisions", "all collisions"]


def test_a_history_says_how_counts_vary(casualties):
    history = city_history(casualties)
    table = compare_periods(casualties[2020], casualties[2021], history, months=MONTHS)
    assert any("from 12 windows, 7 degrees of freedom" in note for note in table.notes[1:5]) or any(
        "events per collision" in note for note in table.notes
    )
    assert (table.rows["dispersion"] >= 1).all()
    assert table.provenance["exposure_ratio"] == pytest.approx(90 / 91)


def city_history(casualties):
    parts = [casualties[year] for year in (2019, 2020, 2021)]
    return Events.at(
        *(np.concatenate([getattr(part, axis) for part in parts]) for axis in ("x", "y")),
        crs=parts[0].crs,
        time=np.concatenate([part.time for part in parts]),
        weight=np.concatenate([part.weight for part in parts]),
        weight_name=parts[0].weight_name,
        kind="casualty",
        attributes={"collision": Labels.of([name for part in parts for name in part.attributes["collision"]])},
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "collision"}, "the same of both"),
        ({"weight_name": "KSI (recorded)"}, "the same of both"),
        ({"time": "NaT"}, "undated"),
        ({"weight": 3.0}, r"weights in \[0, 1\]"),
    ],
)
def test_unlike_periods_are_refused(casualties, change, message):
    after = casualties[2021]
    n = len(after)
    if "time" in change:
        change = {"time": np.full(n, "NaT", "datetime64[s]")}
    if "weight" in change:
        change = {"weight": np.full(n, 3.0)}
    with pytest.raises(ModelError, match=message):
        compare_periods(casualties[2020], replace(after, **change))
    with pytest.raises(ModelError, match="calendar months"):
        compare_periods(casualties[2020], after, months=[0, 13])


def test_severities_in_words_become_ksi_and_casualties_collisions():
    events = Events.at(
        [1.0, 2.0, 3.0, 4.0],
        [0.0] * 4,
        crs="EPSG:27700",
        kind="casualty",
        attributes={"how": Labels.of(["Slight", "FATAL", "Serious", "slight"]), "collision": Labels.of([*"baab"])},
    )
    ksi = weigh_ksi(events, severity="how")
    np.testing.assert_array_equal(ksi.weight, [0, 1, 1, 0])
    assert ksi.weight_name == "KSI (recorded)"
    together = weigh_ksi(events, severity="how", unit="collision")
    assert (together.kind, list(together.ids)) == ("collision", ["b", "a"])
    np.testing.assert_array_equal(together.weight, [0, 1])
    np.testing.assert_array_equal(together.attributes["casualties"], [2, 2])
    np.testing.assert_array_equal(together.x, [1, 2])
    assert list(together.attributes["severity"]) == ["slight", "fatal"]
    with pytest.raises(ModelError, match='did you mean "how"'):
        weigh_ksi(events, severity="hows")
    odd = replace(events, attributes={"severity": Labels.of(["mild"] * 4)})
    with pytest.raises(ModelError, match="'mild' \\(4 events\\)"):
        weigh_ksi(odd)
    with pytest.raises(ModelError, match="states its collision"):
        weigh_ksi(replace(events, attributes={"severity": Labels.of(["fatal"] * 4)}), unit="collision")


def test_adjusted_casualties_of_the_made_city_become_its_collisions(casualties):
    together = weigh_ksi(casualties[2021], unit="collision")
    assert together.weight_name == "KSI (adjusted)"
    assert len(together) == len(set(casualties[2021].attributes["collision"]))
    assert ((together.weight >= 0) & (together.weight <= 1)).all()
