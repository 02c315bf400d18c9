"""Monte Carlo along streets: chance is called chance, a made black spot is found."""

from __future__ import annotations

import numpy as np
import pytest
from typeguard import suppress_type_checks

from demandgeo.domain import Demand, Events, Network
from demandgeo.domain.demand import Balance
from demandgeo.errors import ModelError
from demandgeo.kernels.chance import fill_uniform
from demandgeo.kernels.street_draws import draw_subsets, draw_units
from demandgeo.roads import density, significant_streets, snap
from demandgeo.sources import read_streets
from demandgeo.synthetic import perturbed_grid


@pytest.fixture(scope="module")
def town() -> Network:
    return read_streets(perturbed_grid(300, seed=5))


def anywhere(net: Network, n: int, seed: int) -> Events:
    rng = np.random.default_rng(seed)
    segment = rng.choice(len(net.start), n, p=net.length / net.length.sum())
    x, y = net.place(segment, rng.random(n) * net.length[segment])
    return Events.at(x, y, crs=net.crs, kind="collision")


def spot(net: Network, n: int, segment: int, seed: int) -> Events:
    place = np.random.default_rng(seed).random(n) * net.length[segment]
    x, y = net.place(np.full(n, segment), place)
    return Events.at(x, y, crs=net.crs, kind="collision")


def joined(*parts: Events) -> Events:
    x, y = (np.concatenate([getattr(part, name) for part in parts]) for name in "xy")
    return Events.at(x, y, crs=parts[0].crs, kind=parts[0].kind)


def test_a_black_spot_stands_out_from_the_length_of_street(town):
    events = joined(anywhere(town, 150, 1), spot(town, 25, 100, 2))
    found = significant_streets(events, town, lixel=25.0, bandwidth=200.0, replicates=199)
    highest = int(np.nanargmax(found.z))
    assert found.support.unit_segment[highest] == 100
    assert found.z[highest] > found.provenance["family_wise_threshold"]
    assert found.p[highest] == pytest.approx(1 / 200)
    assert found.provenance["null"] == "chance in proportion to length of street"
    close = density(events, town, lixel=25.0, bandwidth=200.0)
    assert found.statistic == pytest.approx(close.values, abs=2e-3 * close.values.max())


def test_what_is_drawn_by_chance_is_called_so(town):
    p, above = [], 0
    for seed in range(20):
        found = significant_streets(
            anywhere(town, 120, seed), town, lixel=50.0, bandwidth=200.0, replicates=79, seed=seed
        )
        p.append(found.p[found.tested])
        above += found.provenance["units_above_threshold"] > 0
    low = np.mean([np.mean(part <= 0.1) for part in p])
    assert 0.06 < low < 0.15
    assert above <= 4  # of 20 at a level of 5 %: 5 or more have a chance of 0.3 %


def test_severity_among_all_collisions_is_tested_whatever_their_number(town):
    calm, busy = anywhere(town, 300, 3), spot(town, 120, 40, 4)
    severe = spot(town, 20, 150, 5)
    every = joined(calm, busy, severe)
    rng = np.random.default_rng(6)
    some = np.concatenate([rng.random(420) < 0.12, np.ones(20, bool)])
    found = significant_streets(
        every.where(some), town, every, subset=True, lixel=25.0, bandwidth=200.0, replicates=199
    )
    assert found.support.unit_segment[int(np.nanargmax(found.z))] == 150
    assert found.p[found.support.unit_segment == 40].min() > 0.05
    assert found.provenance["pooled_events"] == 440
    again = significant_streets(
        snap(every.where(some), town), town, snap(every, town), subset=True, lixel=25.0, bandwidth=200.0, replicates=199
    )
    assert again.content_hash() == found.content_hash()


def test_replicates_do_not_depend_on_how_many_travel_together(town, monkeypatch):
    events = anywhere(town, 60, 7)
    hashes = set()
    for layers in (2, 5, 32):
        monkeypatch.setattr("demandgeo.roads.significance.LAYERS", layers)
        hashes.add(significant_streets(events, town, lixel=50.0, replicates=39).content_hash())
    assert len(hashes) == 1


def test_an_exposure_on_segments_or_lixels_takes_its_part(town):
    events = joined(anywhere(town, 100, 8), spot(town, 40, 60, 9))
    traffic = np.ones(len(town.start))
    traffic[60] = 150.0
    exposure = Demand(
        town, traffic * town.length, "vehicle-km", Balance(np.zeros(4), np.zeros(4)), "count", "2023", name="traffic"
    )
    busy = significant_streets(events, town, exposure, lixel=25.0, bandwidth=150.0, replicates=99)
    by_length = significant_streets(events, town, lixel=25.0, bandwidth=150.0, replicates=99)
    there = by_length.support.unit_segment == 60
    assert by_length.p[there].min() == 0.01
    assert busy.p[there].min() > 0.05
    cut = town.lixels(25.0)
    fine = Demand(cut, np.repeat(traffic, cut.pieces), "vehicles/km", exposure.balance, "count", "2023", name="traffic")
    same = significant_streets(events, town, fine, lixel=25.0, bandwidth=150.0, replicates=99)
    assert same.p == pytest.approx(busy.p, nan_ok=True)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"replicates": 5}, "cannot tell a level"),
        ({"kernel": "uniform"}, "quartic or triweight"),
        ({"bandwidth": -1.0}, "the bandwidth is -1"),
        ({"subset": True}, "no events to be among"),
        ({"least_expected": 1e6}, "nowhere does chance put"),
    ],
)
def test_settings_that_mean_nothing_are_refused(town, wrong, message):
    with suppress_type_checks(), pytest.raises(ModelError, match=message):
        significant_streets(anywhere(town, 30, 1), town, **{"lixel": 50.0, "replicates": 19, **wrong})


def test_events_that_cannot_be_compared_are_refused(town):
    events, other = anywhere(town, 30, 1), anywhere(town, 30, 2)
    with pytest.raises(ModelError, match="30 events are not among"):
        significant_streets(events, town, other, subset=True, lixel=50.0, replicates=19)
    weighted = Events.at(events.x, events.y, crs=town.crs, weight=np.full(30, 2.0))
    with pytest.raises(ModelError, match="each must count once"):
        significant_streets(weighted, town, lixel=50.0, replicates=19)
    nothing = Demand(town, np.zeros(town.n), "vehicles", Balance(np.zeros(4), np.zeros(4)), "count", "2023")
    with pytest.raises(ModelError, match="0 everywhere"):
        significant_streets(events, town, nothing, lixel=50.0, replicates=19)
    with pytest.raises(ModelError, match="no event lies on a street"):
        significant_streets(Events.at([0.0], [0.0], crs=town.crs), town, replicates=19)


def test_draws_are_subsets_and_places_of_their_own_numbers():
    event = np.empty((3, 4), np.int64)
    draw_subsets(7, 2, 9, event)
    number = np.empty((3, 9))
    fill_uniform(7, 2, number)
    for replicate in range(3):
        chosen: list[int] = []
        for i in range(9):
            if number[replicate, i] * (9 - i) < 4 - len(chosen):
                chosen.append(i)
        assert event[replicate].tolist() == chosen
    unit, share = np.empty((3, 50), np.int64), np.empty((3, 50))
    cumulative = np.array([0.0, 1.0, 1.0, 3.0])
    draw_units(7, 0, cumulative, unit, share)
    number = np.empty((3, 100))
    fill_uniform(7, 0, number)
    assert np.array_equal(unit, np.searchsorted(cumulative, number[:, ::2] * 3.0, side="right"))
    assert np.array_equal(share, number[:, 1::2])
    assert set(unit.ravel().tolist()) == {1, 3}
