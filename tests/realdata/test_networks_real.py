"""Real streets and accidents: Montreal's cyclists, whose density another program has computed too."""

from __future__ import annotations

import warnings

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from demandgeo.domain import Events
from demandgeo.errors import PrecisionWarning
from demandgeo.kernels.profiles import Profile
from demandgeo.roads import choose_bandwidth, density, scan_streets, significant_streets, snap
from demandgeo.roads.placing import Placed
from demandgeo.sources import read_streets
from tests.roads.conftest import all_paths


@pytest.fixture(scope="module")
def montreal(shared_data):
    folder = shared_data / "collisions" / "montreal"
    frame = gpd.read_file(folder / "bike_accidents.gpkg")
    frame["day"] = pd.to_datetime(frame["Date"])
    return read_streets(folder / "mtl_network.gpkg", highway="ClsRte"), Events.from_frame(frame, time="day")


def test_every_accident_lies_on_its_street(montreal):
    net, events = montreal
    found = snap(events, net)
    assert found.balance.events.tolist() == [347, 0, 0, 0]
    assert found.distance.max() < 1e-3


@pytest.mark.parametrize("method", ["continuous", "discontinuous"])
def test_density_is_that_of_every_path(montreal, method):
    net, events = montreal
    few = events.where(np.arange(len(events)) % 6 == 0)
    demand = density(few, net, method=method, bandwidth=300.0, step=5.0, per="period")
    placed = Placed.of(few, net, lixel=10.0, max_distance=50.0)
    exact, walked = all_paths(
        placed.network,
        placed.snapped.segment,
        placed.snapped.position,
        few.weight,
        kernel=Profile.QUARTIC,
        h=300.0,
        continuous=method == "continuous",
    )
    assert walked > 5_000
    assert np.abs(demand.values / 1e3 - exact).max() <= 1e-4 * exact.max()
    assert demand.provenance["mass"] == pytest.approx(1.0, abs=1e-6)
    assert (demand.values * demand.support.extent).sum() / 1e3 == pytest.approx(len(few), rel=1e-4)


def test_the_mass_of_the_simple_method_is_what_others_found(montreal):
    net, events = montreal
    with pytest.warns(PrecisionWarning):
        demand = density(events, net, method="simple", bandwidth=300.0)
    # spNetwork 0.4.5 gives 3.681 on the same streets, accidents and bandwidth.
    assert demand.provenance["mass"] == pytest.approx(3.681, abs=0.001)


def test_absorbing_dead_ends_lose_what_others_found(montreal):
    net, events = montreal
    demand = density(events, net, method="discontinuous", bandwidth=300.0, dead_end="absorb")
    # spNetwork 0.4.5 gives 0.990, its integral by middles of lixels.
    assert demand.provenance["mass"] == pytest.approx(0.990, abs=0.002)


def test_what_stands_out_and_how_wide_to_look(montreal):
    net, events = montreal
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = significant_streets(events, net, lixel=25.0, replicates=99)
        assert found.provenance["units_above_threshold"] > 0
        best = scan_streets(events, net, replicates=99).provenance
        assert best["p_of_best"] == pytest.approx(0.01)
        assert best["events_in_best"] > 3 * best["expected_in_best"]
        assert 400 < choose_bandwidth(events, net, candidates=8).metres < 1000


def test_a_city_of_loops_and_one_way_streets_keeps_its_weight(shared_data):
    net = read_streets(shared_data / "streets" / "cambridge_uk_drive.graphml")
    rng = np.random.default_rng(1)
    segment = rng.integers(0, len(net.start), 500)
    x, y = net.place(segment, rng.random(500) * net.length[segment])
    demand = density(Events.at(x, y, crs=net.crs), net)
    assert demand.provenance["mass"] == pytest.approx(1.0, abs=1e-9)
