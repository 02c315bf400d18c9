"""A grant: to the pound, inside its limits, whatever the order; and conflicts named with their pounds."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from demandgeo.density import count, headline
from demandgeo.deployment import allocate, read_grant
from demandgeo.deployment.apportionment import apportion, quotas, reach
from demandgeo.domain import Allocation, Events, Labels, Table, Zones
from demandgeo.errors import ModelError, SourceError

RESIDENTS = {
    "Birmingham": 1073045,
    "Coventry": 316960,
    "Dudley": 312925,
    "Sandwell": 308063,
    "Solihull": 206674,
    "Walsall": 269323,
    "Wolverhampton": 249470,
}
FORCE = "West Midlands Police"


def table(amounts: dict[str, float], column: str = "need") -> Table:
    return Table("need", pd.DataFrame({"district": list(amounts), column: list(amounts.values())}))


def pounds(grant: Allocation) -> dict[str, int]:
    return dict(zip(grant.rows["district"], grant.rows["gbp"].tolist(), strict=True))


@st.composite
def cases(draw, limits: bool = True):
    """A total and, for each district, need and limits that can be met; a third of them are tight."""
    n = draw(st.integers(1, 9))
    need = draw(st.lists(st.integers(0, 1_000_000), min_size=n, max_size=n).filter(any))
    if not limits:
        return draw(st.integers(0, 10**9)), need, [0] * n, [None] * n
    least = draw(st.lists(st.integers(0, 10_000), min_size=n, max_size=n))
    room = draw(st.lists(st.none() | st.integers(0, 20_000), min_size=n, max_size=n))
    most = [None if more is None else low + more for low, more in zip(least, room, strict=True)]
    low, high = reach([Fraction(x) for x in need], least, most)
    total = draw(
        st.integers(low, low + 100_000 if high is None else high)
        | st.just(low)
        | st.just(low if high is None else high)
    )
    return total, need, least, most


@given(cases())
def test_amounts_sum_to_the_pound_and_keep_their_limits(case):
    total, need, least, most = case
    shares = [Fraction(x, sum(need)) for x in need]
    found = apportion(total, shares, least, most)
    assert sum(found) == total
    exact = quotas(total, shares, least, most)
    assert sum(exact) == total
    for amount, quota, low, high in zip(found, exact, least, most, strict=True):
        assert low <= amount
        assert high is None or amount <= high
        assert abs(amount - quota) < 1


@given(cases())
def test_no_pound_can_be_moved_to_where_need_is_less_served(case):
    total, need, least, most = case
    exact = quotas(total, [Fraction(x, sum(need)) for x in need], least, most)
    could_give = [share / x for share, x, low in zip(exact, need, least, strict=True) if x and share > low]
    could_take = [
        share / x for share, x, high in zip(exact, need, most, strict=True) if x and (high is None or share < high)
    ]
    # Proportional between limits: who is above its floor has no more per need than who is below its ceiling.
    if could_give and could_take:
        assert max(could_give) <= min(could_take)
    assert all(share == low for share, x, low in zip(exact, need, least, strict=True) if not x)


@given(cases(limits=False))
def test_without_limits_each_is_within_a_pound_of_its_quota(case):
    total, need, *_ = case
    grant = allocate((table({f"d{i}": float(x) for i, x in enumerate(need)}),), weights={"need": 1.0}, total=total)
    for amount, x in zip(grant.rows["gbp"].tolist(), need, strict=True):
        assert abs(Fraction(amount) - Fraction(total * x, sum(need))) < 1
    assert grant.rows["gbp"].sum() == total
    assert (grant.rows["held_by"] == "").all()


@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(case, random):
    total, need, least, most = case
    names = [f"d{i}" for i in range(len(need))]
    limits = {
        "floor_gbp": {name: float(low) for name, low in zip(names, least, strict=True)},
        "ceiling_gbp": {name: float(high) for name, high in zip(names, most, strict=True) if high is not None},
    }
    rows = list(zip(names, map(float, need), strict=True))
    one = allocate((table(dict(rows)),), weights={"need": 1.0}, total=total, **limits)
    random.shuffle(rows)
    other = allocate((table(dict(rows)),), weights={"need": 1.0}, total=total, **limits)
    assert one.rows.equals(other.rows)
    assert one.content_hash() == other.content_hash()
    assert list(pounds(one).values()) == apportion(total, [Fraction(x, sum(need)) for x in need], least, most)


@given(cases(), st.integers(1, 50_000))
def test_limits_that_cannot_be_met_are_refused_with_the_pounds_between(case, beyond):
    _, need, least, most = case
    names = [f"d{i}" for i in range(len(need))]
    floors = {name: float(low) for name, low in zip(names, least, strict=True)}
    ceilings = {name: float(high) for name, high in zip(names, most, strict=True) if high is not None}
    source = (table(dict(zip(names, map(float, need), strict=True))),)
    low, high = reach([Fraction(x) for x in need], least, most)
    settings = {"weights": {"need": 1.0}, "floor_gbp": floors, "ceiling_gbp": ceilings}
    if low >= beyond:
        with pytest.raises(ModelError, match=f"the floors sum to GBP {low:,}, {beyond:,} above the total"):
            allocate(source, total=low - beyond, **settings)
    if high is not None:
        with pytest.raises(ModelError, match=f"the ceilings sum to GBP {high:,}, {beyond:,} below the total"):
            allocate(source, total=high + beyond, **settings)


@given(st.integers(0, 200), st.lists(st.integers(1, 5_000_000), min_size=3, max_size=8), st.integers(0, 2**32 - 1))
def test_damping_keeps_every_change_small(percent, had, seed):
    names = [f"d{i}" for i in range(len(had))]
    need = np.random.default_rng(seed).integers(1, 10**6, len(had)).astype(float)
    before = Table("before", pd.DataFrame({"district": names, "gbp": had}))
    grant = allocate(
        (table(dict(zip(names, need.tolist(), strict=True))),), before, weights={"need": 1.0}, damping=percent / 100
    )
    change = np.abs(grant.rows["change_gbp"].to_numpy()) * 100
    assert (change <= percent * np.array(had)).all()
    assert grant.rows["gbp"].sum() == sum(had)


def test_equal_remainders_go_by_name():
    grant = allocate((table({"Zeal": 1.0, "Ash": 1.0, "Moor": 1.0}),), weights={"need": 1.0}, total=100)
    assert pounds(grant) == {"Ash": 34, "Moor": 33, "Zeal": 33}


def test_weights_mix_shares_not_amounts():
    need = Table("need", pd.DataFrame({"district": ["a", "b"], "people": [900.0, 100.0], "harm": [1.0, 3.0]}))
    grant = allocate((need,), weights={"people": 3.0, "harm": 1.0}, total=1000)
    # (3 x 0.9 + 1 x 0.25) / 4
    assert pounds(grant) == {"a": 738, "b": 262}
    assert grant.formula == "3 x people + 1 x harm"


def test_table_1_adds_up_and_ships_with_its_source():
    grant = read_grant()
    amounts = dict(zip(grant.rows["district"], grant.rows["gbp"].tolist(), strict=True))
    assert len(amounts) == 8
    assert sum(amounts.values()) == 6_969_000
    assert sum(amounts.values()) - amounts[FORCE] == 5_151_077
    assert amounts["Birmingham"] == 2_497_583
    assert "2015-16" in grant.provenance["source"]


def test_by_population_the_difference_from_table_1_is_printed_for_each_district():
    grant = allocate((table(RESIDENTS, "population"),), read_grant(), weights={"population": 1.0}, keep=(FORCE,))
    found = grant.rows.set_index("district")
    assert found.loc[FORCE, ["gbp", "change_gbp"]].tolist() == [1_817_923, 0.0]
    shared = 6_969_000 - 1_817_923
    for name, people in RESIDENTS.items():
        assert abs(found.loc[name, "gbp"] - shared * people / sum(RESIDENTS.values())) < 1
        assert f"{found.loc[name, 'change_gbp']:+,.0f}, {found.loc[name, 'change_share']:+.1%}" in grant.sentence()
        assert f"{found.loc[name, 'change_gbp']:+,.0f}" in grant.text()
    assert found["change_gbp"].sum() == 0


def test_limits_of_last_year_and_who_they_held():
    grant = allocate(
        (table(RESIDENTS, "population"),), read_grant(), weights={"population": 1.0}, keep=(FORCE,), damping=0.1
    )
    found = grant.rows.set_index("district")
    assert found.loc["Coventry", ["gbp", "held_by"]].tolist() == [600_934, "damping"]  # 1.1 x 546,304 rounded down
    assert found.loc["Birmingham", "held_by"] == ""
    assert (found["change_share"].abs() <= 0.1).all()
    assert grant.rows["gbp"].sum() == 6_969_000


def test_floors_above_ceilings_are_named_with_both_rules():
    with pytest.raises(ModelError) as refused:
        allocate(
            (table(RESIDENTS, "population"),),
            read_grant(),
            weights={"population": 1.0},
            keep=(FORCE,),
            floor_gbp={"Solihull": 400_000.0, "Walsall": 500_000.0},
            ceiling_share=1.0,
        )
    text = str(refused.value)
    assert "Solihull: its floor (400,000) is above its ceiling of last year's share (285,938)" in text
    assert "GBP 114,062" in text
    assert "Walsall" in text


def test_who_has_no_need_stays_at_the_floor_and_a_conflict_says_so():
    need = table({"a": 0.0, "b": 1.0})
    grant = allocate((need,), weights={"need": 1.0}, total=100, floor_gbp=10.0)
    assert pounds(grant) == {"a": 10, "b": 90}
    with pytest.raises(ModelError, match=r"the ceilings sum to GBP 50, 50 below .* no need.*: a"):
        allocate((need,), weights={"need": 1.0}, total=100, ceiling_gbp={"b": 50.0})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": {"populaton": 1.0}}, 'did you mean "population"'),
        ({"weights": {"population": 0.0}}, "at least one above 0"),
        ({"weights": {"population": -1.0}}, "the weight of population is -1.0"),
        ({"weights": {"population": float("nan")}}, "the weight of population is nan"),
        ({"keep": ()}, "West Midlands Police had GBP 1,817,923"),
        ({"keep": (FORCE, "Birmingham")}, "'Birmingham' is kept and has a need"),
        ({"keep": (FORCE, "Leeds")}, "'Leeds' is to keep"),
        ({"floor_gbp": {"Leeds": 1.0}}, "'Leeds' is no district"),
        ({"floor_gbp": -1.0}, "floor of Birmingham is -1.0"),
        ({"floor_gbp": float("inf")}, "floor of Birmingham is inf"),
        ({"total": 1000}, "what is kept alone is 1,817,923"),
        ({"damping": 0.01, "total": 8_000_000}, "below the total"),
    ],
)
def test_what_cannot_be_shared_out_is_refused_by_name(change, message):
    settings = {"weights": {"population": 1.0}, "keep": (FORCE,)} | change
    with pytest.raises(ModelError, match=message):
        allocate((table(RESIDENTS, "population"),), read_grant(), **settings)


def test_need_must_be_known_for_every_district_and_once():
    people = table(RESIDENTS, "population")
    part = table({name: 1.0 for name in RESIDENTS if name != "Solihull"}, "harm")
    with pytest.raises(ModelError, match="harm of Solihull is nan"):
        allocate((people, part), weights={"population": 1.0, "harm": 1.0}, total=100)
    with pytest.raises(ModelError, match="2 inputs state 'population'"):
        allocate((people, people), weights={"population": 1.0}, total=100)
    with pytest.raises(ModelError, match="harm is 0 in every district"):
        allocate((table(dict.fromkeys(RESIDENTS, 0.0), "harm"),), weights={"harm": 1.0}, total=100)
    with pytest.raises(ModelError, match="no total is given"):
        allocate((people,), weights={"population": 1.0})
    with pytest.raises(ModelError, match="no column 'district'"):
        allocate((Table("x", pd.DataFrame({"a": [1.0]})),), weights={"a": 1.0}, total=1)


@pytest.fixture
def zones() -> Zones:
    squares = shapely.box([0, 1000, 2000], [0, 0, 0], [1000, 2000, 3000], [1000, 1000, 1000])
    ids = np.array(["a", "b", "c"])
    people = np.array([500.0, 2000.0, 500.0])
    return Zones(squares, ids, "EPSG:27700", population=people, group=Labels.of(["East", "West", "West"]))


def test_zones_demand_and_headline_state_need_by_district(zones):
    crimes = Events.at([100, 200, 1500, 2500, 9999], [500] * 5, crs=zones.crs, category=["Robbery"] * 5, kind="crime")
    demand = count(crimes, zones)
    grant = allocate((zones, demand), weights={"population": 1.0, "demand": 1.0}, total=1000)
    assert pounds(grant) == {"East": round(500 * (500 / 3000 + 0.5)), "West": 1000 - round(500 * (500 / 3000 + 0.5))}
    assert any("20.0% of all recorded is in no district" in note for note in grant.notes)
    assert grant.to_frame().geometry.area.tolist() == [1e6, 2e6]
    table = headline(crimes, zones)
    by_rows = allocate((table,), weights={"population": 1.0, "Robbery": 1.0}, total=1000)
    assert pounds(by_rows) == pounds(grant)
    harm = count(crimes.weighted(np.array([4.0, 4, 1, 1, 1]), np.zeros(5), "table"), zones)
    assert pounds(allocate((harm,), weights={"harm": 1.0}, total=100)) == {"East": 80, "West": 20}


def test_a_place_without_a_district_is_refused_or_said(zones):
    bare = Zones(zones.polygons, zones.ids, zones.crs, population=zones.population)
    with pytest.raises(ModelError, match="places without districts"):
        allocate((bare,), weights={"population": 1.0}, total=1)
    part = Zones(zones.polygons, zones.ids, zones.crs, population=zones.population, group=Labels.of(["E", "W", None]))
    grant = allocate((part,), weights={"population": 1.0}, total=100)
    assert "500 residents lie in no district" in grant.notes
    unknown = np.array([500.0, np.nan, 500.0])
    holes = Zones(zones.polygons, zones.ids, zones.crs, population=unknown, group=zones.group)
    with pytest.raises(ModelError, match="1 units of a district have no value"):
        allocate((holes,), weights={"population": 1.0}, total=100)


def test_an_allocation_checks_itself():
    good = allocate((table({"a": 1.0, "b": 1.0}),), weights={"need": 1.0}, total=10)
    fields = {"title": "", "total": 10, "formula": "need"}
    with pytest.raises(ModelError, match="add up to 10"):
        Allocation(rows=good.rows, **fields | {"total": 11})
    with pytest.raises(ModelError, match="below its floor"):
        Allocation(rows=good.rows.assign(floor_gbp=6.0), **fields)
    with pytest.raises(ModelError, match="above its ceiling"):
        Allocation(rows=good.rows.assign(ceiling_gbp=4.0), **fields)
    assert good.summary()["recipients"] == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("district,pounds\na,1\n", "1: there is no column gbp"),
        ("district,gbp\na,1.5\nb,2\n,3\nb,4\nc,-1\n", r"2: a, 1.5.*\n.*4: , 3.*\n.*5: b, 4.*\n.*6: c, -1"),
        ("district,gbp\n", "there is no row"),
    ],
)
def test_a_grant_that_cannot_be_read_safely_is_refused_by_line(tmp_path, text, message):
    path = tmp_path / "grant.csv"
    path.write_text(text)
    with pytest.raises(SourceError, match=message):
        read_grant(path)


def test_a_grant_of_ones_own_is_read_with_its_commas(tmp_path):
    path = tmp_path / "grant.csv"
    path.write_text('district,gbp,note\nLeeds,"1,234,567",x\n')
    assert read_grant(path).rows["gbp"].tolist() == [1234567]
    with pytest.raises(SourceError, match="cannot be read"):
        read_grant(tmp_path / "none.csv")
