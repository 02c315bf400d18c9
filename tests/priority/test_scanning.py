"""The scan: the same cluster as a plain numpy version, a level that holds, clusters that are found and do not meet."""

from __future__ import annotations

from dataclasses import replace

import numba
import numpy as np
import pandas as pd
import pytest
import shapely
from scipy import stats
from typeguard import suppress_type_checks

from demandgeo.domain import ScanClusters, Zones
from demandgeo.errors import ModelError
from demandgeo.kernels.regions import label_parts
from demandgeo.priority import scan
from tests.priority.conftest import CRS, demand_on

SIDE = 20
ROW, COLUMN = np.indices((SIDE, SIDE))


def planted(seed, extra=60, place=(12, 5), mean=1.0):
    """Poisson counts on a grid, with more of them within 150 m of a cell."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(mean, (SIDE, SIDE))
    core = np.hypot(ROW - place[0], COLUMN - place[1]) <= 1.5
    counts[core] += rng.multinomial(extra, np.full(core.sum(), 1 / core.sum()))
    return counts.astype(float), core.ravel()


def naive(counts, exposure, most):
    """Every circle about every cell, all at once."""
    place = np.column_stack([COLUMN.ravel(), -ROW.ravel()]) * 100.0
    far = np.hypot(*(place[:, None, :] - place[None, :, :]).transpose(2, 0, 1)).round(6)
    member = np.argsort(far, axis=1, kind="stable")
    total, expected = counts.sum(), exposure * counts.sum() / exposure.sum()
    held, level = np.cumsum(counts[member], axis=1), np.cumsum(expected[member], axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = held * np.log(held / level) + (total - held) * np.log((total - held) / (total - level))
    ratio[(held <= level) | (level > most * total)] = 0.0
    centre, window = np.unravel_index(ratio.argmax(), ratio.shape)
    return float(ratio.max()), sorted(member[centre, : window + 1].tolist())


@pytest.mark.parametrize("seed", range(3))
def test_the_most_likely_cluster_is_that_of_every_circle(seed):
    counts, _ = planted(seed, extra=25)
    exposure = np.random.default_rng(seed + 50).gamma(2, 50, SIDE * SIDE)
    demand = demand_on(counts)
    people = replace(demand, values=exposure, measure="residents", name="residents")
    found = scan(demand, people, replicates=9, max_exposure_share=0.2)
    ratio, members = naive(counts.ravel(), exposure, 0.2)
    assert found.table["log_likelihood_ratio"][0] == pytest.approx(ratio, rel=1e-12)
    assert np.flatnonzero(found.labels == 0).tolist() == members
    row = found.table.iloc[0]
    assert row["events"] == counts.ravel()[members].sum()
    assert row["expected"] == pytest.approx(exposure[members].sum() / exposure.sum() * counts.sum())
    inside, outside = row["events"] / row["expected"], (counts.sum() - row["events"]) / (counts.sum() - row["expected"])
    assert row["relative_risk"] == pytest.approx(inside / outside)


@pytest.mark.parametrize("window", ["circular", "elliptic", "graph"])
def test_planted_clusters_are_found_and_do_not_meet(window):
    first, core = planted(1, extra=60)
    second, other = planted(2, extra=40, place=(3, 14), mean=0.0)
    found = scan(demand_on(first + second), window=window, replicates=99, seed=4)
    assert len(found.table) >= 2
    for rank, where in enumerate((core, other)):
        assert (found.labels[where] == rank).mean() > 0.7
        assert (~where)[found.labels == rank].sum() <= 4
    assert (found.table["p"] <= 0.05).all()
    assert found.table["p"].is_monotonic_increasing
    assert found.provenance["windows"] > 0
    if window == "graph":
        touching = found.support.neighbours("queen")
        for rank in range(len(found.table)):
            parts = np.empty(found.support.n, np.int64)
            label_parts(touching.indptr, touching.indices, found.labels == rank, parts)
            assert parts.max() == 0, "in one piece"


@pytest.fixture
def one_thread():
    """Thousands of small maps: two threads would wait for each other most of the time."""
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    yield
    numba.set_num_threads(before)


@pytest.mark.usefixtures("one_thread")
def test_the_level_holds_if_all_is_chance():
    low, sets = 0, 120
    for seed in range(sets):
        counts, _ = planted(1000 + seed, extra=0)
        low += scan(demand_on(counts), replicates=19, seed=seed, max_units=40).table["p"].min() <= 0.1
    assert stats.binom.ppf(0.0005, sets, 0.1) <= low <= stats.binom.ppf(0.9995, sets, 0.1)


def test_exposure_makes_a_cluster_of_what_is_many_for_few():
    counts, core = planted(3, extra=0, mean=4.0)
    demand = demand_on(counts)
    people = np.where(core, 10.0, 100.0)
    found = scan(demand, replace(demand, values=people, measure="residents"), replicates=99)
    assert (found.labels[core] == 0).all()
    assert found.table["p"][0] == 0.01
    assert scan(demand, replicates=99).table["p"][0] > 0.05
    assert "in proportion to events (residents)" in found.provenance["null"]


def test_what_has_no_exposure_is_left_out_and_counted():
    counts, _ = planted(4)
    counts[0, 0] = np.nan
    counts[0, 1] = 7.0
    demand = demand_on(counts)
    people = np.ones(SIDE * SIDE)
    people[1] = 0.0
    found = scan(demand, replace(demand, values=people, measure="residents"), replicates=9)
    assert found.provenance["units_left_out"] == 2
    assert found.provenance["events_left_out"] == 7
    assert (found.labels[:2] == -1).all()
    assert found.provenance["events"] + 7 == np.nansum(counts)


def test_zones_with_their_residents_are_an_exposure():
    x, y = COLUMN.ravel() * 500.0, ROW.ravel() * 500.0
    boxes = shapely.box(x, y, x + 500, y + 500)
    counts, core = planted(3, extra=0, mean=4.0)
    zones = Zones(boxes, np.array([f"{i:03d}" for i in range(400)]), CRS, population=np.where(core, 10.0, 100.0))
    on_grid = demand_on(counts)
    found = scan(replace(on_grid, support=zones), zones, replicates=99)
    assert (found.labels[core] == 0).all()
    assert found.provenance["null"] == "in proportion to the residents of the zones"
    assert found.to_frame().loc[0, "area_km2"] == pytest.approx(found.table["extent"][0] / 1e6)


def test_limits_of_windows_are_kept_and_said():
    counts, _ = planted(6, extra=300)
    found = scan(demand_on(counts), max_units=5, replicates=9)
    assert found.table["units"].max() <= 5
    assert found.provenance["centres_cut_by_max_units"] == SIDE * SIDE
    wide = scan(demand_on(counts), max_exposure_share=0.01, replicates=9)
    assert wide.table["expected"].max() <= 0.01 * counts.sum() + 1e-9
    assert wide.provenance["centres_cut_by_max_units"] == 0
    assert len(scan(demand_on(counts), max_clusters=1, replicates=9).table) == 1


def test_seeds_decide_the_draws_and_nothing_else_does():
    demand = demand_on(planted(7, extra=8)[0])
    first, again, other = (scan(demand, replicates=199, seed=seed) for seed in (1, 1, 2))
    assert first.content_hash() == again.content_hash()
    assert first.table["log_likelihood_ratio"][0] == other.table["log_likelihood_ratio"][0]
    assert first.content_hash() != other.content_hash()


def test_what_cannot_be_scanned_is_refused_in_words():
    counts, _ = planted(8)
    harm = demand_on(counts * 1.5, measure="weight", weight_name="ONS CSS")
    with pytest.raises(ModelError, match="without severity weights"):
        scan(harm)
    with pytest.raises(ModelError, match="no events"):
        scan(demand_on(counts * 0))
    with pytest.raises(ModelError, match="units have exposure"):
        scan(demand_on(counts), replace(demand_on(counts * 0), measure="residents"))
    with suppress_type_checks(), pytest.raises(ModelError) as caught:
        scan(harm, window="square", max_exposure_share=0.8, replicates=0, max_units=0)
    assert len(caught.value.problems) == 5


def test_the_record_refuses_what_it_cannot_be():
    grid = demand_on(np.ones((2, 2))).support
    with pytest.raises(ModelError, match="columns"):
        ScanClusters(grid, np.full(4, -1), pd.DataFrame({"cluster": []}))
    nothing = scan(demand_on([[3.0, 3.0], [3.0, 3.0]]), replicates=9, max_exposure_share=0.5)
    assert len(nothing.table) == 0
    assert nothing.sentence() == "no window holds more events than expected."
    assert len(nothing.to_frame()) == 0
    with pytest.raises(ModelError, match="do not run"):
        replace(nothing, labels=np.array([0, -1, -1, -1]))
