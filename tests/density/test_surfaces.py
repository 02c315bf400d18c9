"""Density surfaces: exact at the cell centres, mass kept, and nothing that should not matter matters."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typeguard import suppress_type_checks

from demandgeo.density import count, surface
from demandgeo.density.edges import share_at_cells, share_at_locations
from demandgeo.density.smoothing import Smoother
from demandgeo.domain import Events, Grid, Labels
from demandgeo.errors import GeometryError, ModelError
from demandgeo.kernels.shapes import Shape, planar_support
from tests.kernels import reference

CRS = "EPSG:27700"
GRID = Grid.covering((430_000, 420_000, 434_000, 423_000), cell=(40, 30), crs=CRS)
KERNELS = {"uniform": 0, "epanechnikov": 1, "quartic": 2, "triweight": 3}
seeds = st.integers(0, 2**32 - 1)


def scene(seed, n=200, margin=-500.0):
    """Events on a few places within the grid (margin < 0), or beyond it too."""
    rng = np.random.default_rng(seed)
    west, south, east, north = GRID.bounds
    x = rng.uniform(west - margin, east + margin, 40).round(1)
    y = rng.uniform(south - margin, north + margin, 40).round(1)
    at = rng.integers(40, size=n)
    return Events.at(x[at], y[at], crs=CRS, weight=rng.gamma(0.5, 20, n), weight_name="days")


def made(events, **settings):
    return surface(events, GRID, **{"bandwidth": 400.0, "per": "period", **settings})


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_surface_is_exact_and_its_error_bound_holds(kernel):
    events = scene(1, n=300, margin=600.0)
    demand = made(events, kernel=kernel)
    sums, reached = reference.intensity(events.x, events.y, events.weight, GRID, bandwidth=400.0, power=KERNELS[kernel])
    expected, reached = (sums * 1e6)[GRID.inside], reached[GRID.inside]
    error = np.abs(demand.values - expected).max()
    assert error <= 1e-14 * expected.max()
    assert error <= demand.provenance["error_bound"] <= 1e-10 * expected.max()
    assert (demand.values[reached == 0] == 0).all()
    assert (demand.values >= 0).all()


@given(seeds, st.sampled_from(["epanechnikov", "quartic", "triweight"]))
def test_mass_is_conserved_within_the_discretisation(seed, kernel):
    demand = made(scene(seed), kernel=kernel)
    mass = demand.provenance["mass"]
    assert mass["placed"] == pytest.approx(demand.balance.weight[0])
    assert mass["on_surface"] == pytest.approx(mass["placed"], rel=2e-3)


@given(seeds, st.integers(-50, 50), st.integers(-50, 50))
def test_moving_events_and_grid_together_changes_nothing(seed, columns, rows):
    events, shift = scene(seed), (columns * 40.0, rows * 30.0)
    there = Grid(GRID.x0 + shift[0], GRID.y0 + shift[1], GRID.dx, GRID.dy, GRID.inside, GRID.extent, CRS)
    moved = Events.at(events.x + shift[0], events.y + shift[1], crs=CRS, weight=events.weight, weight_name="days")
    here = made(events).values
    assert np.abs(surface(moved, there, bandwidth=400.0, per="period").values - here).max() <= 1e-9 * here.max()


@given(seeds)
def test_splitting_an_event_into_two_halves_changes_nothing(seed):
    events = scene(seed)
    halves = Events.at(
        np.tile(events.x, 2), np.tile(events.y, 2), crs=CRS, weight=np.tile(events.weight / 2, 2), weight_name="days"
    )
    whole = made(events).values
    assert np.abs(made(halves).values - whole).max() <= 1e-14 * whole.max()


@given(seeds)
def test_doubled_weights_double_the_surface_to_the_last_bit(seed):
    events = scene(seed)
    twice = events.weighted(2 * events.weight, events.weight_sd, "days")
    assert (made(twice).values == 2 * made(events).values).all()


def test_the_order_of_the_events_matters_by_rounding_only():
    events = scene(3)
    back = events.where(np.arange(len(events))[::-1])
    here = made(events).values
    assert np.abs(made(back).values - here).max() <= 1e-14 * here.max()


def test_a_year_is_the_number_of_months_over_twelve():
    time = np.array(["2016-07", "2017-07", "2018-07"], "datetime64[s]")
    events = Events.at([432_000.0] * 3, [421_500.0] * 3, crs=CRS, time=time)
    yearly, whole = surface(events, GRID), surface(events, GRID, per="period")
    assert (yearly.measure, whole.measure) == ("incidents/km2/yr", "incidents/km2")
    assert yearly.values.tolist() == pytest.approx((whole.values * 4).tolist())
    assert yearly.provenance["mass"]["on_surface"] == pytest.approx(3, rel=2e-3)


def test_events_beyond_the_grid_reach_into_it_and_stand_in_the_balance():
    x, y = [429_900.0, 432_000.0, np.nan, 400_000.0], [421_500.0, 421_500.0, np.nan, 421_500.0]
    demand = made(Events.at(x, y, crs=CRS))
    assert demand.balance.events.tolist() == [1, 2, 1, 0]
    assert demand.values[GRID.locate(np.array([430_010.0]), np.array([421_500.0]))[0]] > 0
    assert demand.provenance["locations"] == 3


def test_cells_outside_the_study_area_are_no_units():
    inside = np.ones(GRID.shape, bool)
    inside[:, :50] = False
    part = Grid(GRID.x0, GRID.y0, GRID.dx, GRID.dy, inside, np.full(int(inside.sum()), 1200.0), CRS)
    events = scene(4)
    assert (surface(events, part, per="period").values == made(events).values[inside.ravel()]).all()


def test_nothing_located_makes_a_surface_of_zeros():
    demand = made(Events.at([np.nan], [np.nan], crs=CRS))
    assert not demand.values.any()
    assert demand.balance.events.tolist() == [0, 0, 1, 0]


def test_undated_events_have_no_intensity_per_year():
    with pytest.raises(ModelError, match='per="period"'):
        surface(scene(1), GRID)


def test_every_bad_setting_is_named_at_once():
    with suppress_type_checks(), pytest.raises(ModelError) as caught:
        made(scene(1), bandwidth=-3.0, kernel="quadratic", per="month")
    assert len(caught.value.problems) == 3
    assert "bandwidth is -3" in str(caught.value)
    with pytest.raises(ModelError, match="bandwidth is nan"):
        made(scene(1), bandwidth=float("nan"))


def test_two_coordinate_systems_are_refused():
    with pytest.raises(GeometryError, match="EPSG:32630"):
        made(Events.at([1.0], [1.0], crs="EPSG:32630"))


@pytest.mark.parametrize(
    ("bandwidth", "part"), [(0.003, "half the diagonal of a cell"), (300_000.0, "the whole grid spans")]
)
def test_a_bandwidth_that_draws_no_map_is_refused(bandwidth, part):
    area = Grid.covering((0, 0, 2000, 1000), cell=100, crs="EPSG:27700")
    events = Events.at([500.0], [500.0], crs="EPSG:27700")
    with pytest.raises(ModelError, match=part):
        surface(events, area, bandwidth=bandwidth, per="period")


@pytest.mark.parametrize("sd", [15.0, 60.0, 99.0, 101.0, 150.0, 2000.0])
def test_a_gaussian_is_right_in_its_tails_and_at_the_borders(sd):
    events = scene(7, n=60, margin=900.0)
    demand = made(events, kernel="gaussian", bandwidth=sd)
    expected = (reference.gaussian_intensity(events.x, events.y, events.weight, GRID, sd=sd) * 1e6)[GRID.inside]
    error, high = np.abs(demand.values - expected), expected > 1e-6 * expected.max()
    assert (error[high] <= 1e-10 * expected[high]).all()
    assert error.max() <= demand.provenance["error_bound"] <= 1e-11 * expected.max()
    assert (demand.values >= 0).all()
    edge = np.zeros(GRID.shape, bool)
    edge[[0, -1]] = edge[:, [0, -1]] = True
    assert (high & edge[GRID.inside]).any()


def test_a_lone_gaussian_is_right_down_to_a_millionth_of_its_peak():
    one = Events.at([430_013.0], [422_987.0], crs=CRS)
    demand = made(one, kernel="gaussian", bandwidth=300.0)
    expected = (reference.gaussian_intensity(one.x, one.y, one.weight, GRID, sd=300.0) * 1e6)[GRID.inside]
    high = expected > 1e-6 * expected.max()
    assert 0.1 < high.mean() < 1
    assert np.abs(demand.values / expected - 1)[high].max() <= 1e-10


@pytest.mark.parametrize("kernel", KERNELS)
def test_kernels_of_one_standard_deviation_smooth_alike(kernel):
    one = Events.at([432_003.0], [421_502.0], crs=CRS)
    demand = made(one, kernel=kernel, bandwidth=200.0, bandwidth_kind="sd")
    support = planar_support(Shape[kernel.upper()], 200.0)
    assert demand.values.tolist() == made(one, kernel=kernel, bandwidth=support).values.tolist()
    x, _ = GRID.centres()
    spread = np.sqrt(np.average((x - one.x[0]) ** 2, weights=demand.values))
    assert spread == pytest.approx(200.0, rel=0.02)
    assert demand.provenance["sd_m"] == pytest.approx(200.0)


def test_a_gaussian_has_no_support():
    with pytest.raises(ModelError, match="no support that ends"):
        made(scene(1), kernel="gaussian", bandwidth_kind="support")
    plain, explicit = (made(scene(1), kernel="gaussian", bandwidth_kind=kind) for kind in (None, "sd"))
    assert plain.values.tolist() == explicit.values.tolist()


def dated(seed):
    rng = np.random.default_rng(seed)
    events = scene(seed, margin=200.0)
    months = np.array(["2018-07", "2018-08", "NaT"], "datetime64[s]")[rng.integers(3, size=len(events))]
    kinds = Labels(rng.integers(-1, 2, len(events)).astype(np.int32), ("arson", "theft"))
    return Events.at(events.x, events.y, crs=CRS, weight=events.weight, weight_name="days", time=months, category=kinds)


@pytest.mark.parametrize("kernel", ["quartic", "gaussian"])
@pytest.mark.parametrize("by", ["category", "month", ("month", "category")])
def test_each_layer_is_the_surface_of_its_own_events(kernel, by):
    events = dated(8)
    demand = made(events, kernel=kernel, by=by)
    months = events.time.astype("datetime64[M]")
    for values, layer in zip(demand.values, demand.layers.itertuples(), strict=True):
        own = np.ones(len(events), bool)
        if "category" in by:
            own &= np.array([(name or "") == layer.category for name in events.category.to_array()])
        if "month" in by:
            own &= np.isnat(months) if layer.period == "" else months == np.datetime64(layer.period or "NaT", "M")
        assert own.any()
        alone = made(events.where(own), kernel=kernel).values
        assert np.abs(values - alone).max() <= 1e-13 * alone.max()
    assert np.abs(demand.total - made(events, kernel=kernel).values).max() <= 1e-12 * demand.total.max()
    assert demand.layers.equals(count(events, GRID, by=by).layers)


@pytest.mark.parametrize("settings", [{}, {"edge": "uniform"}, {"quantity": "probability", "edge": "diggle"}])
def test_single_precision_is_the_double_rounded_and_its_bound_says_so(settings):
    events = dated(4)
    double, single = (made(events, by="month", precision=kind, **settings) for kind in ("float64", "float32"))
    assert single.values.dtype == np.float32
    assert double.values.dtype == single.total.dtype == np.float64
    error = np.abs(single.values - double.values).max()
    assert 0 < error <= single.provenance["error_bound"] <= 2e-7 * double.values.max()
    assert single.provenance["mass"]["on_surface"] == pytest.approx(double.provenance["mass"]["on_surface"], rel=1e-6)
    with pytest.raises(ModelError, match="precision is 'half'"), suppress_type_checks():
        made(events, precision="half")


def test_layers_of_a_column_named_twice_are_refused():
    with pytest.raises(ModelError, match="distinct columns"):
        made(dated(1), by=("month", "month"))


def test_a_probability_integrates_to_one_in_each_layer():
    demand = surface(dated(9), GRID, bandwidth=100.0, quantity="probability", by="month", edge="diggle")
    assert demand.measure == "probability/km2"
    assert (demand.values @ GRID.extent / 1e6).tolist() == pytest.approx([1.0] * 3)
    nothing = made(scene(1).weighted(np.zeros(200), np.zeros(200), "days"), quantity="probability")
    assert not nothing.values.any()


PART = Grid(
    GRID.x0,
    GRID.y0,
    GRID.dx,
    GRID.dy,
    np.add.outer(np.arange(100), np.arange(100)) < 120,
    np.where(np.add.outer(np.arange(100), np.arange(100)) == 119, 600.0, 1200.0)[
        np.add.outer(np.arange(100), np.arange(100)) < 120
    ],
    CRS,
)


@pytest.mark.parametrize("kernel", [*KERNELS, "gaussian"])
def test_diggle_keeps_the_weight_of_the_study_area(kernel):
    events = scene(10, margin=500.0)
    demand = surface(events, PART, bandwidth=150.0, kernel=kernel, edge="diggle", per="period")
    assert 0 < demand.balance.weight[0] < events.weight.sum()
    assert demand.provenance["mass"]["on_surface"] == pytest.approx(demand.balance.weight[0], rel=1e-11)


@pytest.mark.parametrize("kernel", [*KERNELS, "gaussian"])
def test_the_uniform_correction_makes_an_even_intensity_even(kernel):
    x, y = PART.centres()
    events = Events.at(x, y, crs=CRS, weight=PART.extent / 1e6, weight_name="days")
    demand = surface(events, PART, bandwidth=150.0, kernel=kernel, edge="uniform", per="period")
    assert np.abs(demand.values - 1).max() <= 1e-11
    fallen = surface(events, PART, bandwidth=150.0, kernel=kernel, per="period")
    assert fallen.values.min() < 0.6


@pytest.mark.parametrize("kernel", [*KERNELS, "gaussian"])
def test_the_share_inside_is_the_same_by_cell_and_by_location(kernel):
    smoother = Smoother.of(PART, kernel, 160.0)
    cells, locations = share_at_cells(smoother), share_at_locations(*PART.centres(), smoother)
    assert np.abs(cells - locations).max() <= 1e-12
    assert share_at_cells(Smoother.of(PART, kernel, 160.0)) is cells
    assert cells.max() == pytest.approx(1, abs=0.1 if kernel == "uniform" else 0.01)


def test_the_share_inside_a_straight_border_is_that_of_the_half_plane():
    smoother = Smoother.of(GRID, "quartic", 400.0)
    shares = GRID.to_raster(share_at_cells(smoother))
    # The quartic kernel on a line: its share west of u = distance / h, by its exact integral 16/15 (1 - u2)^(5/2).
    u = np.linspace(-1, 20 / 400, 200_001)
    exact = np.trapezoid(16 / (5 * np.pi) * (1 - u**2) ** 2.5, u)
    assert shares[50, 0] == pytest.approx(exact, abs=0.1 * (40 / 400) ** 2)


def test_edges_need_a_bandwidth_that_reaches_a_cell_centre():
    with pytest.raises(ModelError, match="diagonal"):
        made(scene(1), bandwidth=45.0, edge="uniform")
    assert isinstance(made(scene(1), bandwidth=51.0, edge="uniform").layers, pd.DataFrame)
