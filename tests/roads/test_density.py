"""Density along streets: every metre of weight accounted for, and the same by every path."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from typeguard import suppress_type_checks

from demandgeo.domain import Events, Labels, Network, Zones
from demandgeo.errors import GeometryError, ModelError, PrecisionWarning
from demandgeo.kernels.profiles import Profile
from demandgeo.roads import density, snap
from demandgeo.roads.intensity import Kernel, by_shortest_path, by_wave
from demandgeo.roads.placing import Placed, step_of
from demandgeo.sources import read_streets
from demandgeo.synthetic import perturbed_grid
from tests.kernels import reference_network as twin
from tests.roads.conftest import CRS, abstract, all_paths


def on_streets(net: Network, segment, position, **fields) -> Events:
    """Events exactly on their streets."""
    x, y = net.place(np.asarray(segment), np.asarray(position, np.float64))
    return Events.at(x, y, crs=net.crs, **fields)


def placed_at(net: Network, segment, position, weight=None, lixel=10.0) -> Placed:
    """Events at places of an abstract network, past the snapping."""
    from demandgeo.domain import Snapped

    segment, position = np.asarray(segment), np.asarray(position, np.float64)
    events = on_streets(net, segment, position, **({} if weight is None else {"weight": weight}))
    zeros = np.zeros(len(segment))
    return Placed.of(Snapped(events, net, segment, position, zeros, zeros, 50.0), net, lixel=lixel, max_distance=50.0)


def wave(placed: Placed, profile: Profile, h: float, *, method="continuous", step=None, dead_end="reflect"):
    kernel = Kernel(method, profile, h, step_of(profile, h, step), dead_end)
    values, mass, _ = by_wave(placed.network, placed.links, placed.pulses(), kernel, settled=True)
    return values[:, 0], mass / placed.events.weight.sum()


@st.composite
def streets_and_events(draw):
    """A random multigraph: loops, parallels, dead ends, separate parts, streets of 5 cm to 300 m; and some events."""
    n, m = draw(st.integers(1, 6)), draw(st.integers(1, 9))
    start, end = (draw(hnp.arrays(np.int64, m, elements=st.integers(0, n - 1))) for _ in "se")
    lengths = st.one_of(st.floats(0.05, 6.0), st.floats(6.0, 300.0))
    net = abstract(start, end, draw(hnp.arrays(np.float64, m, elements=lengths)))
    k = draw(st.integers(1, 4))
    segment = draw(hnp.arrays(np.int64, k, elements=st.integers(0, m - 1)))
    place = net.length[segment] * draw(hnp.arrays(np.float64, k, elements=st.floats(0, 1)))
    return net, segment, place, draw(hnp.arrays(np.float64, k, elements=st.floats(0.1, 5.0)))


@given(streets_and_events(), st.sampled_from(list(Profile)), st.sampled_from(["continuous", "discontinuous"]))
def test_no_weight_is_lost_or_made(case, profile, method):
    net, segment, place, weight = case
    placed = placed_at(net, segment, place, weight)
    _, mass = wave(placed, profile, 40.0 if profile == Profile.GAUSSIAN else 120.0, method=method)
    assert mass == pytest.approx(1.0, abs=1e-7)


@given(streets_and_events())
def test_a_dead_end_that_absorbs_loses_weight_and_no_more(case):
    net, segment, place, weight = case
    placed = placed_at(net, segment, place, weight)
    values, mass = wave(placed, Profile.QUARTIC, 120.0, method="discontinuous", dead_end="absorb")
    assert -1e-6 < mass <= 1 + 1e-6
    if (np.bincount(np.concatenate([net.start, net.end]))[net.start] > 1).all() and (
        np.bincount(np.concatenate([net.start, net.end]))[net.end] > 1
    ).all():
        assert mass == pytest.approx(1.0, abs=1e-6)
    assert values.min() > -1e-3 * max(values.max(), 1e-12)


def check_that_a_cut_changes_nothing(net, segment, place, weight, *, cut, at):
    """Cut a segment at a place, and compare all others and the mass."""
    new = int(max(net.start.max(), net.end.max())) + 1
    start, end = np.append(net.start, new), np.append(net.end, net.end[cut])
    end[cut] = new
    length = np.append(net.length, net.length[cut] - at)
    length[cut] = at
    other = abstract(start, end, length)
    beyond = (segment == cut) & (place > at)
    moved = np.where(beyond, len(net.start), segment)
    there = np.where(beyond, place - at, place)
    one, two = (
        placed_at(net, segment, place, weight, lixel=1000.0),
        placed_at(other, moved, there, weight, lixel=1000.0),
    )
    assert np.sort(one.links.length) == pytest.approx(np.sort(two.links.length))
    kernel = Kernel("continuous", Profile.QUARTIC, 120.0, 2.0, "reflect")
    keep = np.arange(len(net.start)) != cut
    values, mass, _ = by_wave(one.network, one.links, one.pulses(), kernel, settled=True)
    same, mass_too, _ = by_wave(two.network, two.links, two.pulses(), kernel, settled=True)
    assert values[keep, 0] == pytest.approx(same[:-1][keep, 0], rel=1e-9, abs=1e-12)
    assert mass == pytest.approx(mass_too, rel=1e-9)


@given(streets_and_events(), st.data())
def test_cutting_a_street_in_two_changes_nothing(case, data):
    net, segment, place, weight = case
    cut = data.draw(st.integers(0, len(net.start) - 1))
    at = net.length[cut] * data.draw(st.floats(0.1, 0.9))
    check_that_a_cut_changes_nothing(net, segment, place, weight, cut=cut, at=at)


@pytest.mark.parametrize("cut", [0, 1, 2])
@pytest.mark.parametrize("share", [0.1, 0.304, 0.5, 0.9])
@pytest.mark.parametrize("place", [3.0, 100.0, 248.869])
def test_cutting_a_loop_of_two_streets_changes_nothing(cut, share, place):
    net = abstract([2, 0, 0], [3, 3, 3], [191.026, 165.045, 292.004])
    given_to = net, np.array([2]), np.array([place]), np.array([1.0])
    check_that_a_cut_changes_nothing(*given_to, cut=cut, at=share * net.length[cut])


@pytest.mark.parametrize(
    ("profile", "h", "error"),
    [
        (Profile.QUARTIC, 200.0, 3e-5),
        (Profile.TRIWEIGHT, 200.0, 1e-5),
        (Profile.GAUSSIAN, 45.0, 1e-5),
        (Profile.EPANECHNIKOV, 200.0, 5e-4),
    ],
)
@pytest.mark.parametrize("method", ["continuous", "discontinuous"])
def test_a_knot_of_streets_against_every_path(knot, profile, h, error, method):
    rng = np.random.default_rng(2)
    segment = np.arange(len(knot.start))
    place = rng.uniform(0, knot.length)
    weight = rng.uniform(0.5, 2, len(segment))
    placed = placed_at(knot, segment, place, weight, lixel=2.0)
    net, continuous = placed.network, method == "continuous"
    exact, walked = all_paths(net, segment, place, weight, kernel=profile, h=h, continuous=continuous)
    assert walked > 400
    values, mass = wave(placed, profile, h, method=method, step=2.5)
    assert np.abs(values - exact).max() < error * exact.max()
    assert mass == pytest.approx(1, abs=1e-7)
    assert (values * net.extent).sum() == pytest.approx(weight.sum(), rel=3e-5)


@pytest.mark.parametrize(
    ("profile", "h", "bound"),
    [(Profile.QUARTIC, 300.0, 1e-4), (Profile.TRIWEIGHT, 300.0, 1e-4), (Profile.GAUSSIAN, 60.0, 1e-4)],
)
def test_smooth_kernels_at_a_step_of_5_m_are_within_a_ten_thousandth_of_the_peak(made_streets, profile, h, bound):
    rng = np.random.default_rng(1)
    segment = rng.integers(0, len(made_streets.start), 60)
    place = rng.random(60) * made_streets.length[segment]
    weight = rng.uniform(0.5, 1.5, 60)
    placed = placed_at(made_streets, segment, place, weight)
    exact, walked = all_paths(placed.network, segment, place, weight, kernel=profile, h=h)
    values, mass = wave(placed, profile, h, step=5.0)
    assert walked > 5_000
    assert np.abs(values - exact).max() < bound * exact.max()
    assert mass == pytest.approx(1, abs=1e-6)


@pytest.fixture(scope="module")
def made_streets() -> Network:
    return read_streets(perturbed_grid(600, seed=3))


@given(streets_and_events(), st.sampled_from(list(Profile)))
def test_the_simple_method_is_that_of_brute_force(case, profile):
    net, segment, place, weight = case
    placed = placed_at(net, segment, place, weight, lixel=25.0)
    h = 40.0 if profile == Profile.GAUSSIAN else 120.0
    kernel = Kernel("simple", profile, h, 5.0, "reflect")
    exact = twin.by_shortest_path(placed.network, segment, place, weight, profile=profile, h=h, reach=kernel.reach)
    values = by_shortest_path(placed.links, placed.pulses(), kernel)[:, 0]
    assert np.abs(values - exact).max() <= 1e-12 * max(exact.max(), 1e-300)


def test_parts_of_a_network_add_up_to_the_whole(made_streets, monkeypatch):
    rng = np.random.default_rng(4)
    segment = rng.integers(0, len(made_streets.start), 400)
    events = on_streets(made_streets, segment, rng.random(400) * made_streets.length[segment])
    whole = density(events, made_streets, bandwidth=200.0)
    monkeypatch.setattr("demandgeo.roads.tiles.MEMORY", 120_000)
    tiled = density(events, made_streets, bandwidth=200.0)
    assert tiled.values == pytest.approx(whole.values, rel=1e-9, abs=1e-9)
    assert tiled.provenance["mass"] == pytest.approx(whole.provenance["mass"], abs=1e-9)


def test_layers_add_up_and_are_those_of_their_own_events(made_streets):
    rng = np.random.default_rng(5)
    segment = rng.integers(0, len(made_streets.start), 90)
    user = Labels.of(rng.choice(["cyclist", "driver", "pedestrian"], 90).tolist())
    time = np.array(["2021-03", "2022-03", "2023-03"], "datetime64[s]")[rng.integers(0, 3, 90)]
    place = rng.random(90) * made_streets.length[segment]
    events = on_streets(made_streets, segment, place, attributes={"user": user}, time=time, kind="casualty")
    whole = density(events, made_streets)
    assert whole.measure == "incidents/km/yr"
    by = density(events, made_streets, by=("user", "year"))
    assert by.layers["category"].tolist() == ["cyclist"] * 3 + ["driver"] * 3 + ["pedestrian"] * 3
    assert by.layers["period"].tolist() == ["2021", "2022", "2023"] * 3
    # A layer that falls below 0 by the error of the method is set to 0: the sum may be so much higher.
    assert by.total == pytest.approx(whole.values, abs=1e-4 * whole.values.max())
    own = events.where((user == "driver") & (time == time.min()))
    alone = density(own, made_streets, per="period")
    assert by.values[3] * 3 / 12 == pytest.approx(alone.values, rel=1e-9, abs=1e-6)
    users = density(events, made_streets, by="user")
    assert users.total == pytest.approx(whole.values, abs=1e-4 * whole.values.max())


def test_doubling_weights_doubles_demand_and_the_balance_adds_up(made_streets):
    x, y = made_streets.place(np.arange(3), np.zeros(3))
    far = made_streets.node_x.max() + 5000
    events = Events.at([*x, far, np.nan], [*y, 0.0, np.nan], crs=CRS)
    one = density(events, made_streets)
    two = density(replace(events, weight=events.weight * 2, weight_name="double"), made_streets)
    assert two.values == pytest.approx(one.values * 2)
    assert two.measure == "weight/km"
    assert one.balance.events.tolist() == [3, 0, 1, 1]
    assert one.count.sum() == 3
    assert one.provenance["mass"] == pytest.approx(1, abs=1e-6)
    assert one.support.n == made_streets.lixels(10.0).n


def test_a_buffer_of_streets_outside_the_study_area(made_streets):
    middle = np.median(made_streets.node_x), np.median(made_streets.node_y)
    area = shapely.box(made_streets.node_x.min() - 1, made_streets.node_y.min() - 1, middle[0], middle[1] + 9e3)
    zones = Zones(np.array([area]), np.array(["west"]), CRS)
    rng = np.random.default_rng(6)
    segment = rng.integers(0, len(made_streets.start), 50)
    events = on_streets(made_streets, segment, rng.random(50) * made_streets.length[segment])
    whole, clipped = density(events, made_streets), density(events, made_streets, zones)
    known = ~np.isnan(clipped.values)
    assert 0.3 < known.mean() < 0.7
    assert np.array_equal(clipped.values[known], whole.values[known])
    assert clipped.balance.events[1] > 0
    assert clipped.balance.events[:2].sum() == 50
    with pytest.raises(ModelError, match="no street lies"):
        density(events, made_streets, Zones(np.array([shapely.box(0, 0, 1, 1)]), np.array(["sea"]), CRS))


def test_the_simple_method_warns_with_its_mass(made_streets):
    events = on_streets(made_streets, [5, 9], [1.0, 2.0])
    with pytest.warns(PrecisionWarning, match=r"a mass of [2-9]"):
        demand = density(events, made_streets, method="simple")
    assert demand.provenance["mass"] > 1.5


def test_snapped_events_are_taken_as_they_are(made_streets):
    events = on_streets(made_streets, [5, 9], [1.0, 2.0])
    snapped = snap(events, made_streets)
    assert np.array_equal(density(snapped, made_streets).values, density(events, made_streets).values)
    with pytest.raises(ModelError, match="other streets"):
        density(snapped, read_streets(perturbed_grid(300, seed=8)))


def test_no_event_is_no_density(made_streets):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for method in ("continuous", "simple"):
            none = density(Events.at([], [], crs=CRS), made_streets, method=method)
            assert not none.values.any()
            assert none.provenance["mass"] == 0.0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"method": "planar"}, "method is 'planar'"),
        ({"kernel": "quadratic"}, "kernel is 'quadratic'"),
        ({"bandwidth": -1.0}, "the bandwidth is -1.0"),
        ({"bandwidth": 5.0}, "a lixel 10 m"),
        ({"lixel": 0.0}, "the lixel is 0.0"),
        ({"step": 200.0}, "at most a quarter"),
        ({"kernel": "gaussian", "bandwidth_kind": "support"}, "no support that ends"),
        ({"dead_end": "swallow"}, "dead_end is 'swallow'"),
        ({"per": "day"}, "per is 'day'"),
        ({"per": "year"}, "no event has a date"),
        ({"by": "user"}, "'user' is no column"),
        ({"by": ()}, "distinct columns"),
        ({"max_distance": 0.0}, "max_distance is 0"),
    ],
)
def test_settings_that_mean_nothing_are_refused(made_streets, wrong, message):
    events = on_streets(made_streets, [5], [1.0])
    with suppress_type_checks(), pytest.raises(ModelError, match=message):
        density(events, made_streets, **wrong)


def test_two_coordinate_systems_are_refused(made_streets):
    with pytest.raises(GeometryError, match="EPSG:32630"):
        density(Events.at([0.0], [0.0], crs="EPSG:32630"), made_streets)
