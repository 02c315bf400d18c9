"""Adaptive surfaces: exact, mass kept, narrow where events are dense."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typeguard import suppress_type_checks

from demandgeo.density import adaptive_surface, surface
from demandgeo.domain import Events, Grid
from demandgeo.errors import GeometryError, ModelError
from tests.kernels import reference

CRS = "EPSG:27700"
GRID = Grid.covering((430_000, 420_000, 436_000, 425_000), cell=(40, 50), crs=CRS)
KERNELS = {"uniform": 0, "epanechnikov": 1, "quartic": 2, "triweight": 3}
seeds = st.integers(0, 2**32 - 1)


def scene(seed, n=300, margin=-2000.0):
    rng = np.random.default_rng(seed)
    west, south, east, north = GRID.bounds
    x = rng.uniform(west - margin, east + margin, 40).round(1)
    y = rng.uniform(south - margin, north + margin, 40).round(1)
    x[:20], y[:20] = rng.normal(433_000, 80, 20).round(1), rng.normal(422_500, 80, 20).round(1)
    at = rng.integers(40, size=n)
    return Events.at(x[at], y[at], crs=CRS, weight=rng.gamma(0.5, 20, n), weight_name="days")


def made(events, **settings):
    return adaptive_surface(events, GRID, **{"bandwidth": 300.0, "per": "period", **settings})


def by_hand(events, *, bandwidth, pilot, trim, power):
    places, member = reference.collapsed(events.x, events.y)
    x, y = np.array(places).T
    weight = np.bincount(member, events.weight)
    density = reference.density_at_locations(x, y, weight, bandwidth=pilot, power=power)
    middle = np.exp((weight * np.log(density)).sum() / weight.sum())
    widths = bandwidth * np.minimum((density / middle) ** -0.5, trim)
    sums, reached = reference.adaptive_intensity(x, y, weight, widths, GRID, power=power)
    return (sums * 1e6)[GRID.inside], reached[GRID.inside], widths


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_surface_is_exact_and_its_error_bound_holds(kernel):
    events = scene(1, margin=600.0)
    demand = made(events, kernel=kernel, pilot=500.0, trim=2.0)
    expected, reached, widths = by_hand(events, bandwidth=300.0, pilot=500.0, trim=2.0, power=KERNELS[kernel])
    error = np.abs(demand.values - expected)
    assert error.max() <= 1e-14 * expected.max()
    assert error.max() <= demand.provenance["error_bound"] <= 1e-10 * expected.max()
    # Where only the edge of a steep kernel reaches, the last digit of its bandwidth is more than that of the sum.
    some = expected > (1e-6 if KERNELS[kernel] >= 2 else 1e-4) * expected.max()
    assert (error[some] / expected[some]).max() <= 1e-12
    assert (demand.values[reached == 0] == 0).all()
    assert (demand.values >= 0).all()
    assert demand.provenance["bandwidths_m"]["greatest"] == widths.max() == 600.0
    assert demand.provenance["bandwidths_m"]["least"] == pytest.approx(widths.min(), rel=1e-13)
    assert 0 < demand.provenance["trimmed_share"] < 1


@settings(max_examples=25)
@given(seeds, st.sampled_from(["epanechnikov", "quartic", "triweight"]))
def test_mass_is_conserved_within_the_discretisation(seed, kernel):
    mass = made(scene(seed), kernel=kernel, bandwidth=400.0).provenance["mass"]
    assert mass["located"] == pytest.approx(mass["placed"])
    assert mass["on_surface"] == pytest.approx(mass["placed"], rel=5e-3)


@settings(max_examples=25)
@given(seeds)
def test_doubled_weights_double_the_surface(seed):
    events = scene(seed)
    twice = events.weighted(2 * events.weight, events.weight_sd, "days")
    here = made(events).values
    assert np.abs(made(twice).values - 2 * here).max() <= 1e-12 * here.max()


@settings(max_examples=25)
@given(seeds)
def test_splitting_an_event_into_two_halves_changes_nothing(seed):
    events = scene(seed)
    halves = Events.at(
        np.tile(events.x, 2), np.tile(events.y, 2), crs=CRS, weight=np.tile(events.weight / 2, 2), weight_name="days"
    )
    whole = made(events).values
    assert np.abs(made(halves).values - whole).max() <= 1e-12 * whole.max()


def test_where_all_densities_are_alike_it_is_the_plain_surface():
    x, y = (axis.ravel() for axis in np.meshgrid([431_000.0, 433_000, 435_000], [421_000.0, 424_000]))
    events = Events.at(x, y, crs=CRS)
    plain = surface(events, GRID, bandwidth=300.0, per="period").values
    assert np.abs(made(events).values - plain).max() <= 1e-13 * plain.max()


def test_locations_without_weight_change_nothing():
    events = scene(2)
    nothing = Events.at([433_333.0], [422_222.0], crs=CRS, weight=[0.0], weight_name="days")
    more = Events.at(
        np.append(events.x, nothing.x), np.append(events.y, nothing.y), crs=CRS, weight=np.append(events.weight, 0.0)
    )
    assert (made(more).values == made(events).values).all()


def test_nothing_located_makes_a_surface_of_zeros():
    demand = made(Events.at([np.nan], [np.nan], crs=CRS))
    assert not demand.values.any()
    assert demand.balance.events.tolist() == [0, 0, 1, 0]


def test_a_year_is_the_number_of_months_over_twelve():
    time = np.array(["2016-07", "2017-07", "2018-07"], "datetime64[s]")
    events = Events.at([432_000.0] * 3, [421_500.0] * 3, crs=CRS, time=time)
    yearly, whole = adaptive_surface(events, GRID), adaptive_surface(events, GRID, per="period")
    assert (yearly.measure, whole.measure) == ("incidents/km2/yr", "incidents/km2")
    assert yearly.values.tolist() == pytest.approx((whole.values * 4).tolist())


def test_every_bad_setting_is_named_at_once():
    with suppress_type_checks(), pytest.raises(ModelError) as caught:
        made(scene(1), bandwidth=-3.0, pilot=float("nan"), trim=0.5, kernel="quadratic", per="month")
    assert len(caught.value.problems) == 5
    with pytest.raises(ModelError, match='per="period"'):
        adaptive_surface(scene(1), GRID)
    with pytest.raises(GeometryError, match="EPSG:32630"):
        made(Events.at([1.0], [1.0], crs="EPSG:32630"))
