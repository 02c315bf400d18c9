"""Priority areas: they hold the share, keep the rules, and say what they are."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from typeguard import suppress_type_checks

from demandgeo.density import count, surface
from demandgeo.domain import Events, Grid, Labels, Zones
from demandgeo.errors import ModelError
from demandgeo.priority import select
from demandgeo.registry import STAGES
from tests.kernels import reference
from tests.priority.conftest import demand_on

CRS = "EPSG:27700"


@given(
    seed=st.integers(0, 2**32 - 1),
    share=st.floats(0.01, 1.0),
    most=st.integers(1, 6),
    contiguity=st.sampled_from(["rook", "queen"]),
    size=st.sampled_from([(5, 5), (9, 12)]),
)
def test_a_selection_reaches_its_share_in_contiguous_areas(seed, share, most, contiguity, size):
    rng = np.random.default_rng(seed)
    demand = demand_on(rng.gamma(0.3, 5, size), rng.uniform(2e3, 1e4, size))
    plan = select(demand, demand_share=share, max_areas=most, contiguity=contiguity)
    assert plan.demand_share >= share * (1 - 1e-9)
    assert 1 <= len(plan.table) <= most
    touching = demand.support.neighbours(contiguity)
    parts = reference.parts(touching.indptr, touching.indices, plan.selected)
    assert len(set(zip(parts.tolist(), plan.labels.tolist(), strict=True))) == len(plan.table) + (parts < 0).any()
    assert plan.table["extent"].sum() == pytest.approx(demand.support.extent[plan.selected].sum())
    assert plan.table["demand_share"].sum() == pytest.approx(plan.demand_share)
    assert plan.table["demand"].is_monotonic_decreasing
    again = select(demand, demand_share=share, max_areas=most, contiguity=contiguity)
    assert again.content_hash() == plan.content_hash()


def test_no_area_crosses_a_district_line(on_grid, districts):
    names = [["Leeds"] * 2 + ["Bradford"] * 2] * 4
    values = np.ones((4, 4))
    values[1, 1:3] = [22, 20]
    free = select(on_grid(values, group=districts(names)), demand_share=0.7, max_areas=2)
    kept = select(on_grid(values, group=districts(names)), demand_share=0.7, max_areas=2, within="district")
    assert free.table["name"].tolist() == ["Leeds 1"]
    assert kept.table["name"].tolist() == ["Leeds 1", "Bradford 1"]
    assert free.labels[5] == free.labels[6] == 0
    assert kept.labels[5] != kept.labels[6]


def test_districts_must_be_known_to_keep_to_them(on_grid):
    with pytest.raises(ModelError, match="a support with districts"):
        select(on_grid(np.ones((2, 2))), within="district")


def test_units_without_data_are_not_chosen(on_grid):
    values = np.array([[9.0, np.nan, 9.0, 1.0]])
    plan = select(on_grid(values), demand_share=0.9, max_areas=2)
    assert plan.labels.tolist() == [0, -1, 1, -1]


def test_pieces_that_so_few_areas_cannot_reach_are_named_with_what_is_needed(on_grid):
    values = np.array([[3.0, np.nan, 3.0, np.nan, 2.0]])
    with pytest.raises(ModelError, match="3 unconnected pieces") as caught:
        select(on_grid(values), demand_share=0.9, max_areas=2)
    assert "75.0% of it" in str(caught.value)
    assert "90.0% in at most 2" in str(caught.value)
    assert "allow 3 areas" in str(caught.value)
    assert len(select(on_grid(values), demand_share=0.9, max_areas=3).table) == 3


def test_all_of_the_demand_can_be_asked_for(on_grid):
    values = np.random.default_rng(1).gamma(0.3, 5, (9, 9))
    assert select(on_grid(values), demand_share=1.0, max_areas=1).demand_share == 1.0


def test_an_extent_is_filled_with_as_much_demand_as_it_can_hold(on_grid):
    values = np.arange(1.0, 10).reshape(3, 3)
    plan = select(on_grid(values), extent_share=1 / 3, max_areas=2)
    assert plan.demand_share == pytest.approx(24 / 45)
    assert plan.certificate.objective == "most demand"
    assert plan.certificate.optimal
    assert "can hold more than 53.3% of incidents" in plan.sentence()
    assert plan.settings["extent_share"] == 1 / 3
    assert "demand_share" not in plan.settings


def test_compactness_buys_a_shorter_border_with_extent(on_grid):
    values = np.random.default_rng(5).gamma(0.5, 5, (12, 12))
    free, round_ = (select(on_grid(values), demand_share=0.4, compactness=price) for price in (0.0, 0.05))

    def border(plan):
        cells = np.pad(plan.selected.reshape(12, 12), 1, mode="edge")
        return np.abs(np.diff(cells.astype(int), axis=0)).sum() + np.abs(np.diff(cells.astype(int), axis=1)).sum()

    assert border(round_) < border(free)
    assert round_.extent_share >= free.extent_share
    assert round_.certificate.objective == "least extent and border"
    assert "extent and border at the price set" in round_.sentence()


def test_each_district_gets_its_quota(on_grid, districts):
    names = [["Leeds"] * 6 + ["Bradford"] * 6] * 12
    values = np.ones((12, 12))
    values[2:5, 1:4] = 100
    plan = select(
        on_grid(values, group=districts(names)),
        demand_share=0.3,
        max_areas=6,
        min_area=0.02,
        within="district",
        quota=2,
    )
    assert plan.table["name"].str.startswith("Bradford").sum() >= 2
    assert plan.table["extent"].min() >= 2e4 * (1 - 1e-9)
    held = select(on_grid(values, group=districts(names)), within="district", quota_share={"Bradford": 0.5})
    east = np.arange(144).reshape(12, 12)[:, 6:].ravel()
    assert values.ravel()[east][held.selected[east]].sum() >= 36


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"within": "district", "quota": 3, "max_areas": 5}, "quotas of the districts take 6 areas; max_areas is 5"),
        (
            {"within": "district", "quota": {"Leeds": 40}, "max_areas": 50},
            "Leeds must have 40 areas; it has room for 8",
        ),
        ({"min_area": 1.0}, "min_area is 1 km2; the largest connected piece of the support has 0.16 km2"),
        ({"extent_share": 0.01}, "extent_share leaves 0.0016 km2"),
        ({"extent_share": 0.1, "within": "district", "quota_share": 0.9}, "quota_share take"),
        ({"within": "district", "quota": {"Leeds": 5}, "max_areas": 9}, "proved by integer programming"),
        ({"quota": 1}, 'within="district" was needed'),
        ({"within": "district", "quota": {"Hull": 1}}, "'Hull'; one of Bradford, Leeds was needed"),
        ({"extent_share": 0.1, "compactness": 1.0}, "compactness prices extent"),
        ({"extent_share": 0.1, "demand_share": 0.1}, "both given"),
    ],
)
def test_what_no_plan_can_keep_is_named(on_grid, districts, rules, message):
    names = [["Leeds"] * 2 + ["Bradford"] * 2] * 4
    with pytest.raises(ModelError, match=message):
        select(on_grid(np.ones((4, 4)), group=districts(names)), **rules)


def test_a_proof_that_is_stopped_still_has_a_bound(on_grid):
    values = np.random.default_rng(8).gamma(0.3, 5, (11, 11))
    settings = {"demand_share": 0.4, "max_areas": 2}
    loose, stopped = (select(on_grid(values), **settings, **more) for more in ({}, {"prove": True, "nodes": 1}))
    assert stopped.certificate.gap <= loose.certificate.gap
    assert not stopped.certificate.time_limited
    clock = select(on_grid(values), **settings, prove=True, time_limit=0.0)
    assert clock.certificate.time_limited
    assert "stopped by the clock" in clock.sentence()


def test_no_demand_is_refused(on_grid):
    with pytest.raises(ModelError, match="no demand on the support"):
        select(on_grid(np.zeros((3, 3))))
    with pytest.raises(ModelError, match="no demand on the support"):
        select(on_grid(np.full((3, 3), np.nan)))


def test_every_bad_setting_is_named_at_once(on_grid):
    with suppress_type_checks(), pytest.raises(ModelError) as caught:
        select(on_grid(np.ones((2, 2))), demand_share=25, max_areas=0, contiguity="bishop", within="ward")
    assert len(caught.value.problems) == 4
    assert "write 0.25 for 25 %" in str(caught.value)


def test_equal_areas_are_ranked_by_extent_then_by_their_first_unit(on_grid):
    values = np.array([[5.0, 0, 0, 5.0, 0, 0, 5.0]])
    extent = np.array([[1e4, 1e4, 1e4, 5e3, 1e4, 1e4, 1e4]])
    plan = select(on_grid(values, extent), demand_share=1.0, max_areas=3)
    assert plan.labels.tolist() == [1, -1, -1, 0, -1, -1, 2]
    assert plan.table["name"].tolist() == ["Area 1", "Area 2", "Area 3"]


def test_areas_of_zones_are_named_by_the_zone_that_holds_most():
    boxes = shapely.box([0, 100, 200, 300], 0, [100, 200, 300, 400], 100)
    zones = Zones(boxes, np.array(list("ABCD")), CRS, names=np.array(["Hyde", "Beeston", "Armley", "Moor"]))
    x = np.repeat([50.0, 150.0, 350.0], [3, 5, 4])
    plan = select(count(Events.at(x, np.full(12, 50.0), crs=CRS), zones), demand_share=1.0, max_areas=2)
    assert plan.table["name"].tolist() == ["Beeston", "Moor"]
    assert plan.table["events"].tolist() == [8, 4]
    assert plan.table["units"].tolist() == [2, 1]
    assert plan.to_frame()["area_km2"].tolist() == pytest.approx([0.02, 0.01])


def test_an_intensity_is_turned_into_amounts():
    cells = Grid.covering((0, 0, 2000, 2000), cell=100, crs=CRS)
    x = np.repeat([500.0, 1500.0], [30, 10])
    smooth = surface(Events.at(x, x, crs=CRS), cells, bandwidth=400.0, per="period")
    plan = select(smooth, demand_share=0.5, max_areas=1)
    assert plan.demand.measure == "incidents"
    assert np.nansum(plan.demand.values) == pytest.approx(40, rel=1e-2)
    assert plan.labels[cells.locate(np.array([501.0]), np.array([501.0]))[0]] == 0


def test_layers_are_summed():
    cells = Grid.covering((0, 0, 400, 100), cell=100, crs=CRS)
    category = Labels.of(["arson", "theft", "theft", "arson"])
    events = Events.at([50.0, 50.0, 150.0, 350.0], [50.0] * 4, crs=CRS, category=category)
    plan = select(count(events, cells, by="category"), demand_share=0.5, max_areas=1)
    assert plan.labels.tolist() == [0, -1, -1, -1]


def test_a_stage_takes_what_a_configuration_gives():
    settings = STAGES.find("priority.select").settings(demand_share=1, max_areas=5, within="district")
    given = {"demand_share": 1.0, "max_areas": 5, "within": "district"}
    assert {name: value for name, value in settings.model_dump().items() if name in given} == given
    STAGES.find("priority.select").settings(within="district", quota={"Leeds": 2}, quota_share=0.1, extent_share=0.06)
    with pytest.raises(ValueError, match="less than or equal to 1"):
        STAGES.find("priority.select").settings(demand_share=25)
