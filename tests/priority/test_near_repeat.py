"""Near repeats: the made city's are found where they are, none where there are none, and months tell no weeks."""

from __future__ import annotations

import numpy as np
import pytest

from demandgeo.domain import Events
from demandgeo.errors import DataQualityWarning, ModelError
from demandgeo.priority import near_repeat
from demandgeo.synthetic import make_city
from tests.kernels import reference_significance as reference

CRS = "EPSG:27700"


@pytest.fixture(scope="module")
def burglaries():
    crimes = make_city("small").crimes("train")
    return crimes.where(crimes.category == "Burglary")


def some(rng, n, **fields):
    day = np.datetime64("2018-01-01") + rng.integers(0, 120, n)
    return Events.at(*rng.integers(0, 900, (2, n)), crs=CRS, time=day, resolution="day", **fields)


def test_the_made_repeats_are_found_where_and_when_they_are(burglaries):
    found = near_repeat(burglaries, distances=[250, 500, 1000], times=[14, 28, 56], replicates=199)
    rows = found.rows.set_index(["distance_m_to", "days_to"])
    # Repeats come within 250 m and 14 days of their first one; two of one family may be 500 m and 13 days apart.
    assert rows.loc[(250, 14), "p"] == 1 / 200
    assert rows.loc[(250, 14), "ratio"] > 1.25
    far = rows.loc[[(500, 56), (1000, 28), (1000, 56)]]
    assert (far["p"] > 0.01).all()
    assert far["ratio"].to_numpy() == pytest.approx(1, abs=0.15)


def test_without_repeats_nothing_is_found(burglaries):
    order = np.random.default_rng(1).permutation(len(burglaries))
    dealt = Events.at(burglaries.x, burglaries.y, crs=CRS, time=burglaries.time[order])
    found = near_repeat(dealt, distances=[250, 500], times=[14, 28], replicates=199)
    assert (found.rows["p"] > 0.02).all()
    assert found.rows["ratio"].to_numpy() == pytest.approx(1, abs=0.1)


def test_counts_and_expectation_are_those_of_all_pairs():
    rng = np.random.default_rng(2)
    events, distances, times = some(rng, 60), [0.0, 150.0, 300.0], [0.0, 7.0, 30.0]
    found = near_repeat(events, distances=distances, times=times, replicates=400)
    place, day = np.column_stack([events.x, events.y]), events.time.astype("datetime64[D]").astype(float)
    observed = reference.close_pairs(place, day, distances, times)
    assert found.rows["observed"].to_numpy().reshape(3, 3).tolist() == observed.tolist()
    dealt = [reference.close_pairs(place, rng.permutation(day), distances, times) for _ in range(300)]
    mean, spread = np.mean(dealt, axis=0), np.std(dealt, axis=0) + 0.05
    assert (np.abs(found.rows["expected"].to_numpy().reshape(3, 3) - mean) < 5 * spread / np.sqrt(300)).all()
    assert found.rows["distance_m_over"].tolist()[::3] == [0, 0, 150]


def test_events_without_place_or_date_are_left_out_and_counted():
    rng = np.random.default_rng(3)
    whole = some(rng, 50)
    x, time = whole.x.copy(), whole.time.copy()
    x[:3], time[3:5] = np.nan, np.datetime64("NaT")
    y = np.where(np.isnan(x), np.nan, whole.y)
    part = Events.at(x, y, crs=CRS, time=time, resolution="day")
    found, alone = (near_repeat(events, replicates=19) for events in (part, whole.where(np.arange(50) >= 5)))
    assert found.rows.equals(alone.rows)
    assert found.notes[0] == "45 events; 5 without a place or a date are left out."


def test_hours_do_not_matter_where_only_the_day_is_known():
    rng = np.random.default_rng(4)
    events = some(rng, 80)
    later = events.time + rng.integers(0, 86_400, 80).astype("timedelta64[s]")
    by_hour = Events.at(events.x, events.y, crs=CRS, time=later, resolution="day")
    assert near_repeat(events, replicates=19).rows.equals(near_repeat(by_hour, replicates=19).rows)


def test_months_cannot_tell_weeks():
    rng = np.random.default_rng(5)
    month = (np.datetime64("2018-01") + rng.integers(0, 6, 80)).astype("datetime64[s]")
    events = Events.at(*rng.integers(0, 900, (2, 80)), crs=CRS, time=month, resolution="month")
    with pytest.raises(ModelError, match="known by month"):
        near_repeat(events)
    with pytest.warns(DataQualityWarning, match="known by month"):
        found = near_repeat(events, times=[31, 62], replicates=19)
    assert found.rows["observed"].sum() > 0


def test_the_seed_decides():
    events = some(np.random.default_rng(6), 80)
    first, again, other = (near_repeat(events, replicates=99, seed=seed) for seed in (1, 1, 2))
    assert first.content_hash() == again.content_hash()
    assert (first.rows["p"] != other.rows["p"]).any()


@pytest.mark.parametrize("limits", [[], [5, 5], [-1, 3], [float("nan")], [9, 2]])
def test_limits_that_are_none_are_refused(limits):
    events = some(np.random.default_rng(7), 9)
    for name in ("distances", "times"):
        with pytest.raises(ModelError, match=name):
            near_repeat(events, **{name: limits})


def test_too_few_events_and_too_many_pairs_are_refused(monkeypatch):
    events = some(np.random.default_rng(8), 30)
    with pytest.raises(ModelError, match="1 events"):
        near_repeat(events.where(np.arange(30) == 0))
    crowd = Events.at(np.zeros(7000), np.zeros(7000), crs=CRS, time=np.full(7000, "2018-01-01", "datetime64[s]"))
    with pytest.raises(ModelError, match="fewer months"):
        near_repeat(crowd)
