"""Grants: to the pound, within floors and ceilings, whatever the order of the rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from demandgeo.deployment import allocate, grant_2015_16
from demandgeo.errors import ModelError

FACTORS = ("population", "demand", "harm")


def case(seed):
    """Needs of a few districts, some without any, a total, and limits that can hold together."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 12))
    names = [f"D{i}" for i in rng.permutation(n)]
    needs = pd.DataFrame({"district": names, **{f: np.round(rng.gamma(0.7, 50.0, n), 2) + 0.01 for f in FACTORS}})
    total = int(rng.integers(0, 10_000_000))
    low = np.sort(rng.integers(0, total + 1, n)) // (n + 1)
    high = low + rng.integers(0, total + 1, n)
    high[int(rng.integers(n))] = total
    some = rng.random(n) < 0.5
    floors = {name: int(a) for name, a, keep in zip(names, low, some, strict=True) if keep}
    ceilings = {name: int(b) for name, b, keep in zip(names, high, some[::-1], strict=True) if keep}
    return needs, total, floors, ceilings, rng


def check(seed):
    needs, total, floors, ceilings, rng = case(seed)
    made = allocate(needs, total=total, floors=floors, ceilings=ceilings).rows
    for _, rows in made.groupby("formula"):
        amounts = dict(zip(rows["district"], rows["amount_gbp"], strict=True))
        assert sum(amounts.values()) == total
        assert all(amounts[name] >= floor for name, floor in floors.items())
        assert all(amounts[name] <= ceiling for name, ceiling in ceilings.items())
    shuffled = needs.sample(frac=1, random_state=int(rng.integers(2**31)))
    again = allocate(shuffled, total=total, floors=floors, ceilings=ceilings).rows
    pd.testing.assert_frame_equal(again, made)
    free = allocate(needs, total=total).rows
    assert (free["amount_gbp"] - free["quota_gbp"]).abs().max() < 1


@given(st.integers(0, 2**32))
def test_it_sums_to_the_pound_within_limits_whatever_the_order(seed):
    check(seed)


@pytest.mark.long
def test_ten_thousand_random_cases():
    for seed in range(10_000):
        check(seed)


@given(st.integers(0, 2**32))
def test_amounts_between_their_limits_are_in_proportion_to_need(seed):
    needs, total, floors, ceilings, _ = case(seed)
    rows = allocate(needs, total=total, floors=floors, ceilings=ceilings).rows
    for _, own in rows[rows["bound"] == ""].groupby("formula"):
        limits = [(floors.get(name, 0), ceilings.get(name, total)) for name in own["district"]]
        inside = [low < amount < high for (low, high), amount in zip(limits, own["amount_gbp"], strict=True)]
        level = own["amount_gbp"].to_numpy()[inside] / own["need_share"].to_numpy()[inside]
        slack = 1.0 / own["need_share"].to_numpy()[inside]
        if level.size:
            assert (level - slack).max() <= (level + slack).min() + 1e-6 * total


def west_midlands():
    """Made needs of the seven districts of Table 1."""
    districts = [name for name in grant_2015_16().rows["district"] if name != "West Midlands Police"]
    rng = np.random.default_rng(1)
    return pd.DataFrame({"district": districts, **{f: rng.integers(1, 100, 7) for f in (*FACTORS, "deprivation")}})


def test_table_1_and_what_need_would_change():
    table = grant_2015_16()
    assert len(table.rows) == 8
    assert dict(table.rows.to_numpy().tolist())["Birmingham"] == 2_497_583
    assert table.rows["amount_gbp"].sum() == 6_969_000
    reserved = {"West Midlands Police": 1_817_923}
    made = allocate(west_midlands(), table, total=6_969_000, reserved=reserved)
    assert made.rows["formula"].nunique() == 5
    for _, rows in made.rows.groupby("formula"):
        assert rows["amount_gbp"].sum() == 6_969_000 - 1_817_923
        assert rows["difference_gbp"].sum() == 0
        expected = 100 * rows["difference_gbp"] / rows["previous_gbp"]
        np.testing.assert_allclose(rows["difference_percent"], expected)
    assert any("harm" in note for note in made.notes)


def test_damping_holds_every_change():
    made = allocate(west_midlands(), grant_2015_16(), total=6_969_000 - 1_817_923, damping=0.05).rows
    assert (made["difference_percent"].abs() <= 5.0).all()
    assert (made["difference_percent"].abs() > 4.9).any()


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"floors": {"A": 60}, "ceilings": {"A": 50}}, "A: floor GBP 60 is above ceiling GBP 50"),
        ({"floors": {"A": 60, "B": 50}}, "the floors sum to GBP 110, GBP 100 are to be divided"),
        ({"ceilings": {"A": 60, "B": 30}}, "the ceilings sum to GBP 90"),
        ({"floors": {"C": 1}}, "no district 'C'"),
        ({"reserved": {"Police": 101}}, "GBP 101 are reserved of GBP 100"),
        ({"formulas": {"x": {"harms": 1.0}}}, 'did you mean "harm"'),
        ({"formulas": {"x": {"harm": 0.0}}}, "has the weights"),
        ({"damping": 0.1}, "damping is set without previous amounts"),
    ],
)
def test_conflicts_are_refused_by_name(how, message):
    needs = pd.DataFrame({"district": ["A", "B"], "harm": [1.0, 2.0]})
    with pytest.raises(ModelError, match=message.replace("(", r"\(")):
        allocate(needs, total=100, **how)


def test_bad_needs_are_refused():
    with pytest.raises(ModelError, match="no column 'district'"):
        allocate(pd.DataFrame({"harm": [1.0]}), total=1)
    with pytest.raises(ModelError, match="stands twice"):
        allocate(pd.DataFrame({"district": ["A", "A"], "harm": [1.0, 2.0]}), total=1)
    with pytest.raises(ModelError, match="need 'harm'"):
        allocate(pd.DataFrame({"district": ["A", "B"], "harm": [1.0, np.nan]}), total=1)
    needs = pd.DataFrame({"district": ["A", "B"], "harm": [1.0, 0.0]})
    with pytest.raises(ModelError, match="the ceilings of the districts with need"):
        allocate(needs, total=100, ceilings={"A": 50})
