"""Bandwidths of their own, moments in time, and the choice of a bandwidth."""

from __future__ import annotations

import numpy as np
import pytest
from typeguard import suppress_type_checks

from demandgeo.domain import Events, Network
from demandgeo.errors import ModelError
from demandgeo.kernels.profiles import Profile
from demandgeo.roads import adaptive_density, choose_bandwidth, density, spacetime_density
from demandgeo.roads.bandwidths import EVEN
from demandgeo.sources import read_streets
from demandgeo.synthetic import perturbed_grid
from tests.roads.conftest import all_paths
from tests.roads.test_density import on_streets


@pytest.fixture(scope="module")
def town() -> Network:
    return read_streets(perturbed_grid(300, seed=5))


@pytest.fixture(scope="module")
def events(town) -> Events:
    rng = np.random.default_rng(3)
    segment = np.concatenate([rng.integers(0, len(town.start), 40), np.full(40, 100)])
    time = np.datetime64("2023-01-01", "s") + rng.integers(0, 360, 80).astype("timedelta64[D]")
    return on_streets(town, segment, rng.random(80) * town.length[segment], time=time, resolution="day")


def test_events_that_lie_alike_all_have_the_bandwidth_given(town):
    one = on_streets(town, [20], [30.0])
    assert adaptive_density(one, town).values == pytest.approx(density(one, town).values, rel=1e-9)


def test_many_events_are_sharp_and_few_are_wide(town, events):
    plain, adapted = density(events, town), adaptive_density(events, town)
    about = adapted.provenance
    assert about["mass"] == pytest.approx(1, abs=1e-9)
    assert about["least_bandwidth_m"] < 300 < about["greatest_bandwidth_m"] <= 900
    assert adapted.values.max() > plain.values.max()
    trimmed = adaptive_density(events, town, trim=1.0)
    assert trimmed.values == pytest.approx(plain.values, rel=1e-6, abs=1e-6)
    assert trimmed.provenance["trimmed_share"] == 1.0


def test_moments_weigh_events_by_their_time(town, events):
    moments = ["2023-03-01", "2023-09-01T12:00"]
    made = spacetime_density(events, town, moments=moments, time_bandwidth_days=50.0)
    assert made.layers["period"].tolist() == ["2023-03-01", "2023-09-01T12:00:00"]
    assert made.measure == "incidents/km/yr"
    for k, moment in enumerate(moments):
        ago = (np.datetime64(moment, "s") - events.time).astype(float) / 86_400 - 0.5
        share = np.where(np.abs(ago) < 50, 0.75 * (1 - (ago / 50) ** 2) / 50, 0.0)
        weighted = events.weighted(share * 365.25, np.zeros(80), "time")
        expected = density(weighted, town, per="period").values
        assert made.values[k] == pytest.approx(expected, rel=1e-9, abs=1e-9)
    past = spacetime_density(events, town, moments=moments, time_bandwidth_days=50.0, side="past")
    earlier = events.where(events.time < np.datetime64(moments[0]))
    only = spacetime_density(earlier, town, moments=moments[:1], time_bandwidth_days=50.0)
    assert past.values[0] == pytest.approx(2 * only.values[0], rel=1e-9, abs=1e-9)


def test_the_score_of_a_bandwidth_is_that_of_leaving_each_event_out(town):
    rng = np.random.default_rng(8)
    segment = rng.integers(0, 60, 12)
    place = rng.random(12) * town.length[segment]
    events = on_streets(town, segment, place)
    choice = choose_bandwidth(events, town, lowest=150.0, highest=300.0, candidates=2)
    # Units of two centimetres stand for the places of the events.
    for h, score in zip(choice.rows["bandwidth_m"], choice.rows["score"], strict=True):
        total = 0.0
        for event in range(12):
            others = np.arange(12) != event
            net = town.lixels(0.5)
            exact, _ = all_paths(net, segment[others], place[others], np.ones(11), kernel=Profile.QUARTIC, h=h)
            there = exact[net.unit_at(segment[event : event + 1], place[event : event + 1])[0]]
            total += np.log((1 - EVEN) * there / 11 + EVEN / town.length.sum())
        assert score == pytest.approx(total / 12, abs=0.02)
    assert choice.metres == choice.rows["bandwidth_m"][choice.rows["score"].argmax()]
    assert choice.provenance["groups"] >= 2


def test_the_choice_does_not_depend_on_how_many_travel_together(town, events, monkeypatch):
    one = choose_bandwidth(events, town, candidates=3, highest=300.0)
    monkeypatch.setattr("demandgeo.roads.bandwidths.LAYERS", 3)
    monkeypatch.setattr("demandgeo.roads.tiles.MEMORY", 200_000)
    again = choose_bandwidth(events, town, candidates=3, highest=300.0)
    assert again.rows["score"].to_numpy() == pytest.approx(one.rows["score"].to_numpy(), rel=1e-9)
    assert choose_bandwidth(events, town, candidates=3, highest=300.0, most_events=20).provenance["events_scored"] == 20


@pytest.mark.parametrize(
    ("call", "wrong", "message"),
    [
        (adaptive_density, {"trim": 0.5}, "trim is 0.5"),
        (adaptive_density, {"pilot": -1.0}, "the bandwidth is -1"),
        (spacetime_density, {"moments": []}, "0 moments"),
        (spacetime_density, {"moments": ["soon"]}, "'soon' is no date"),
        (spacetime_density, {"time_bandwidth_days": 0.0}, "time_bandwidth_days is 0"),
        (spacetime_density, {"side": "left"}, "side is 'left'"),
        (choose_bandwidth, {"lowest": 500.0, "highest": 100.0}, "from 500.0 to 100.0"),
        (choose_bandwidth, {"candidates": 1}, "candidates is 1"),
    ],
)
def test_settings_that_mean_nothing_are_refused(town, events, call, wrong, message):
    if call is spacetime_density:
        wrong = {"moments": ["2023-03-01"], "time_bandwidth_days": 30.0} | wrong
    with suppress_type_checks(), pytest.raises(ModelError, match=message):
        call(events, town, **wrong)


def test_events_without_dates_have_no_moment(town):
    with pytest.raises(ModelError, match="1 events on the streets have no date"):
        spacetime_density(on_streets(town, [1], [1.0]), town, moments=["2023-03-01"], time_bandwidth_days=9.0)
    with pytest.raises(ModelError, match="1 events lie on a street"):
        choose_bandwidth(on_streets(town, [1], [1.0]), town)
