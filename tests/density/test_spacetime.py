"""Space-time surfaces: exact about every moment, blind to the future where they must be, and honest about gaps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typeguard import suppress_type_checks

from demandgeo.density import spacetime_surface, surface
from demandgeo.domain import Events, Grid
from demandgeo.errors import GeometryError, ModelError
from demandgeo.registry import STAGES
from tests.kernels import reference

CRS = "EPSG:27700"
GRID = Grid.covering((430_000, 420_000, 432_000, 421_500), cell=(40, 30), crs=CRS)
SHAPES = {"uniform": (0, 1 / 2), "epanechnikov": (1, 3 / 4), "quartic": (2, 15 / 16), "triweight": (3, 35 / 32)}
DAY = 86_400


def scene(seed, n=200, days=60, **fields):
    rng = np.random.default_rng(seed)
    at = rng.integers(30, size=n)
    x, y = rng.uniform([[429_800], [419_800]], [[432_200], [421_700]], (2, 30)).round(1)
    time = np.datetime64("2018-01-01", "s") + rng.integers(0, days * DAY, n)
    return Events.at(x[at], y[at], crs=CRS, time=time, weight=rng.gamma(0.5, 20, n), weight_name="days", **fields)


def brute(events, moment, *, days, side, kernel, time_kernel, bandwidth=400.0):
    """The product kernel, event by event in extended precision, per km2 and year."""
    power, constant = SHAPES[time_kernel]
    middle = events.time.astype("M8[m]").astype(np.int64).astype(np.longdouble) * 60 + 30
    u = (np.longdouble(np.datetime64(moment, "s").astype(np.int64)) - middle) / (np.longdouble(days) * DAY)
    counts = (np.abs(u) < 1) & ((u * days * DAY >= 30) | (side == "both"))
    weight = np.where(counts, events.weight * (1 - u * u) ** power * constant / days, 0) * (2 - (side == "both"))
    total, _ = reference.intensity(events.x, events.y, weight, GRID, bandwidth=bandwidth, power=SHAPES[kernel][0])
    return (total * 1e6 * 365.25).ravel()


@pytest.mark.parametrize("side", ["both", "past"])
@pytest.mark.parametrize(("kernel", "time_kernel"), list(zip(SHAPES, reversed(SHAPES), strict=True)))
def test_every_slice_is_exact_and_its_error_bound_holds(side, kernel, time_kernel):
    events, moments = scene(1), ["2018-01-03", "2018-02-01T12:00", "2018-02-20"]
    settings = {"side": side, "kernel": kernel, "time_kernel": time_kernel}
    demand = spacetime_surface(events, GRID, time_bandwidth_days=10, slices=moments, **settings)
    expected = np.array([brute(events, moment, days=10, **settings) for moment in moments])
    error = np.abs(demand.values - expected).max()
    assert error <= 1e-14 * expected.max()
    assert error <= demand.provenance["error_bound"] <= 1e-9 * expected.max()
    assert (demand.values[expected == 0] == 0).all()
    assert demand.measure == "weight/km2/yr"
    assert demand.layers["period"].tolist() == ["2018-01-03T00:00:00", "2018-02-01T12:00:00", "2018-02-20T00:00:00"]


@given(st.integers(0, 2**32 - 1), st.integers(1, 59))
def test_the_past_knows_nothing_of_the_future(seed, day):
    events = scene(seed, n=60)
    moment = np.datetime64("2018-01-01", "s") + day * DAY
    settings = {"time_bandwidth_days": 20, "slices": [str(moment)], "side": "past"}
    known = events.where(events.time < moment)
    if len(known):
        everything = spacetime_surface(events, GRID, **settings).values
        assert np.abs(everything - spacetime_surface(known, GRID, **settings).values).max() <= 1e-13 * everything.max()


@pytest.mark.parametrize("resolution", ["month", "day"])
def test_a_day_or_month_counts_as_past_when_it_is_over(resolution):
    events = Events.at([431_000.0], [420_700.0], crs=CRS, time=["2018-07-01"], resolution=resolution)
    over = {"month": ["2018-07-31T23:59:59", "2018-08-01"], "day": ["2018-07-01T23:59:59", "2018-07-02"]}[resolution]
    demand = spacetime_surface(events, GRID, time_bandwidth_days=40, slices=over, side="past")
    assert demand.layers["events"].tolist() == [0, 1]
    assert (demand.values.max(axis=1) > 0).tolist() == [False, True]
    middle = {"month": "2018-07-16T12:00", "day": "2018-07-01T12:00"}[resolution]
    about = spacetime_surface(events, GRID, time_bandwidth_days=40, slices=[middle])
    peak = 3 / (np.pi * 0.4**2) * 0.75 / 40 * 365.25
    assert about.values.max() == pytest.approx(peak, rel=2e-2)


def test_a_uniform_window_that_holds_everything_is_the_surface_itself():
    events = scene(3)
    demand = spacetime_surface(
        events, GRID, time_bandwidth_days=1000, slices=["2018-01-31"], time_kernel="uniform", bandwidth=300.0
    )
    whole = surface(events, GRID, bandwidth=300.0, per="period").values
    assert np.abs(demand.values[0] * 2000 / 365.25 - whole).max() <= 1e-13 * whole.max()


def test_the_mean_over_all_moments_is_the_mean_intensity():
    events = scene(4, days=365)
    demand = spacetime_surface(
        events,
        GRID,
        time_bandwidth_days=14,
        slices=np.arange("2017-12-01", "2019-02-01", dtype="M8[D]").astype(str).tolist(),
    )
    total = demand.values.sum(axis=0) / 365.25
    whole = surface(events, GRID, per="period").values
    assert np.abs(total - whole).max() <= 2e-3 * whole.max()
    mass = demand.provenance["mass"]
    assert sum(mass["placed"]) / 365.25 == pytest.approx(demand.balance.weight[0], rel=1e-3)
    assert mass["on_surface"][200] > 0


def test_moments_every_so_many_days_lie_within_the_period_and_say_how_much_of_it_they_see():
    time = np.array(["2018-01-01T05:00", "2018-01-28T22:00"], "datetime64[s]")
    events = Events.at([431_000.0] * 2, [420_700.0] * 2, crs=CRS, time=time)
    demand = spacetime_surface(events, GRID, time_bandwidth_days=7, every_days=7)
    assert demand.layers["period"].tolist() == ["2018-01-08", "2018-01-15", "2018-01-22", "2018-01-29"]
    assert demand.layers["covered"].tolist() == pytest.approx([1, 1, 1, 0.5 + (0.75 * (3 / 7 - (3 / 7) ** 3 / 3))])
    past = spacetime_surface(events, GRID, time_bandwidth_days=14, every_days=7, side="past")
    u = 7 / 14
    assert past.layers["covered"].tolist()[:2] == pytest.approx([1.5 * (u - u**3 / 3), 1])


def test_only_cells_inside_are_units_and_the_balance_counts_the_rest():
    inside = np.ones(GRID.shape, bool)
    inside[:, :20] = False
    part = Grid(GRID.x0, GRID.y0, GRID.dx, GRID.dy, inside, np.full(int(inside.sum()), 1200.0), CRS)
    lost = Events.at([np.nan], [np.nan], crs=CRS, time=["2018-01-05"])
    settings = {"time_bandwidth_days": 30, "slices": ["2018-01-20", "2018-02-10"]}
    everywhere = spacetime_surface(scene(5), GRID, **settings)
    here = spacetime_surface(scene(5), part, **settings)
    assert (here.values == everywhere.values[:, inside.ravel()]).all()
    assert here.balance.total_events == 200
    assert here.balance.events[1] > everywhere.balance.events[1] > 0
    nothing = spacetime_surface(lost, GRID, **settings)
    assert not nothing.values.any()
    assert nothing.balance.events.tolist() == [0, 0, 1, 0]


def test_times_centuries_apart_are_sorted_too():
    time = np.array(["2018-07-05", "1200-07-05", "2018-07-04"], "datetime64[s]")
    events = Events.at([431_000.0] * 3, [420_700.0] * 3, crs=CRS, time=time)
    demand = spacetime_surface(events, GRID, time_bandwidth_days=3, slices=["2018-07-05", "1200-07-05"])
    assert demand.layers["events"].tolist() == [2, 1]


def test_what_cannot_be_is_refused_in_words():
    events = scene(1)
    with pytest.raises(ModelError, match="either slices or every_days"):
        spacetime_surface(events, GRID, time_bandwidth_days=7)
    with pytest.raises(ModelError, match='write "2018-07-01"'):
        spacetime_surface(events, GRID, time_bandwidth_days=7, slices=["1 July"])
    with pytest.raises(ModelError, match="1 to 10000 were needed"):
        spacetime_surface(events, GRID, time_bandwidth_days=7, every_days=90)
    with pytest.raises(ModelError, match="at least 31"):
        spacetime_surface(scene(1, resolution="month"), GRID, time_bandwidth_days=30, every_days=7)
    with pytest.raises(ModelError, match="1 of 1 events have no date"):
        spacetime_surface(Events.at([1.0], [1.0], crs=CRS), GRID, time_bandwidth_days=7, every_days=7)
    with pytest.raises(GeometryError, match="EPSG:32630"):
        spacetime_surface(Events.at([1.0], [1.0], crs="EPSG:32630"), GRID, time_bandwidth_days=7, every_days=7)
    with suppress_type_checks(), pytest.raises(ModelError) as caught:
        spacetime_surface(
            events, GRID, time_bandwidth_days=-1, every_days=7, bandwidth=0, side="future", kernel="cubic"
        )
    assert len(caught.value.problems) == 4


def test_a_configuration_gives_the_slices_as_a_list():
    settings = STAGES.find("density.spacetime_surface").settings
    assert settings(time_bandwidth_days=7, slices=["2018-07-01"]).slices == ["2018-07-01"]
