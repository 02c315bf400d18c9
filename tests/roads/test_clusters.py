"""K functions and scans along streets: pairs and windows counted by the shortest way, chance called chance."""

from __future__ import annotations

import numpy as np
import pytest
from typeguard import suppress_type_checks

from demandgeo.domain import Events, Network
from demandgeo.errors import ModelError
from demandgeo.roads import k_function, scan_streets
from demandgeo.roads.clustering import _k
from demandgeo.roads.scanning import _Windows
from demandgeo.sources import read_streets
from demandgeo.synthetic import perturbed_grid
from tests.kernels import reference_network as twin
from tests.roads.test_density import on_streets, placed_at
from tests.roads.test_significance import anywhere, joined, spot


@pytest.fixture(scope="module")
def town() -> Network:
    return read_streets(perturbed_grid(300, seed=5))


def test_pairs_are_counted_by_the_shortest_way(knot):
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, len(knot.start), 8), rng.integers(0, len(knot.start), 6)
    at, to = rng.random(8) * knot.length[a], rng.random(6) * knot.length[b]
    one, two = placed_at(knot, a, at), placed_at(knot, b, to)
    way = np.array(
        [[twin.between(knot, s, p, t, q) for t, q in zip(b, to, strict=True)] for s, p in zip(a, at, strict=True)]
    )
    own = np.array(
        [[twin.between(knot, s, p, t, q) for t, q in zip(a, at, strict=True)] for s, p in zip(a, at, strict=True)]
    )
    np.fill_diagonal(own, np.inf)
    upto = 30.0 * np.arange(1, 6)
    cross = _k(one.links, one.pulses(), two, 30.0, 5)[0]
    assert cross.tolist() == [(way <= r).sum() for r in upto]
    alone = _k(one.links, one.pulses(), None, 30.0, 5)[0]
    assert alone.tolist() == [(own <= r).sum() for r in upto]
    layered = _k(one.links, one.pulses(np.arange(8) % 2, 2), two, 30.0, 5)
    # Pulses are sorted by link: the layers belong to the events all the same.
    assert layered.sum(axis=0).tolist() == cross.tolist()
    assert layered[1].tolist() == [(way[1::2] <= r).sum() for r in upto]


def test_windows_hold_the_units_within_their_radius(knot):
    placed = placed_at(knot, [0], [1.0], lixel=20.0)
    net, windows = placed.network, _Windows.of(placed.links, 25.0, 4)
    middle, own = (net.unit_from + net.unit_to) / 2, net.unit_segment
    for centre in range(net.n):
        way = np.array([twin.between(knot, own[centre], middle[centre], own[u], middle[u]) for u in range(net.n)])
        for ring in range(4):
            assert sorted(windows.units(centre, ring).tolist()) == np.flatnonzero(way <= 25.0 * (ring + 1)).tolist()


def test_the_best_window_is_that_of_brute_force(knot):
    rng = np.random.default_rng(4)
    placed = placed_at(knot, [0], [1.0], lixel=20.0)
    net, windows = placed.network, _Windows.of(placed.links, 25.0, 4)
    cases = rng.poisson(0.6, (net.n, 3)).astype(np.int32)
    cases[:, 1] = rng.permutation(cases[:, 0])
    cases[0, 2] += cases[:, 0].sum() - cases[:, 2].sum() if cases[:, 0].sum() > cases[:, 2].sum() else 0
    total = int(cases[:, 0].sum())
    expected = net.extent / net.extent.sum() * total
    best, ring = windows.best(cases[:, :2], expected, total)
    for layer in range(2):
        for centre in range(net.n):
            ratios = [0.0]
            for r in range(4):
                inside = windows.units(centre, r)
                c, e = cases[inside, layer].sum(), expected[inside].sum()
                rest = (total - c) * np.log((total - c) / (total - e)) if c < total else 0.0
                ratios.append(c * np.log(c / e) + rest if c > e else 0.0)
            assert best[centre, layer] == pytest.approx(max(ratios), abs=1e-9)
            assert ring[centre, layer] == int(np.argmax(ratios)) - 1 or max(ratios) == 0.0


def test_clustered_events_have_a_higher_k_and_random_ones_do_not(town):
    made = joined(anywhere(town, 60, 1), spot(town, 15, 100, 2))
    table = k_function(made, town, longest=400.0, bins=8, replicates=39)
    assert table.rows["p"].iloc[0] == pytest.approx(1 / 40)
    assert table.provenance["p"] == pytest.approx(1 / 40)
    assert (table.rows["low"] <= table.rows["mean"]).all()
    assert (table.rows["mean"] <= table.rows["high"]).all()
    p = [k_function(anywhere(town, 40, s), town, bins=5, replicates=19, seed=s).provenance["p"] for s in range(20)]
    assert 0.2 < np.mean(p) < 0.8
    again = k_function(made, town, longest=400.0, bins=8, replicates=39)
    assert again.content_hash() == table.content_hash()


def test_events_may_cluster_about_others(town):
    schools = anywhere(town, 6, 3)
    segment = town.locate(schools.x, schools.y)
    near = joined(anywhere(town, 30, 4), *(spot(town, 4, int(s), 5) for s in segment))
    table = k_function(near, town, schools, longest=300.0, bins=6, replicates=39)
    assert table.rows["p"].min() == pytest.approx(1 / 40)
    assert "about" in table.title
    assert table.provenance["about"] == 6


def test_the_scan_finds_the_made_black_spot_and_says_how_sure_it_is(town):
    events = joined(anywhere(town, 150, 1), spot(town, 20, 100, 2))
    found = scan_streets(events, town, replicates=99)
    about = found.provenance
    assert about["p_of_best"] == pytest.approx(0.01)
    assert about["events_in_best"] >= 18 > 5 * about["expected_in_best"]
    held = found.support.unit_segment == 100
    assert (found.p[held] <= 0.05).all()
    assert np.array_equal(found.p, found.q)
    p = [scan_streets(anywhere(town, 60, s), town, replicates=19, seed=s).provenance["p_of_best"] for s in range(20)]
    assert 0.2 < np.mean(p) < 0.8


@pytest.mark.parametrize(
    ("call", "wrong", "message"),
    [
        (k_function, {"longest": -1.0}, "longest is -1"),
        (k_function, {"bins": 0}, "bins is 0"),
        (k_function, {"replicates": 3}, "replicates is 3"),
        (scan_streets, {"rings": 0}, "rings is 0"),
        (scan_streets, {"replicates": 3}, "replicates is 3"),
    ],
)
def test_settings_that_mean_nothing_are_refused(town, call, wrong, message):
    with suppress_type_checks(), pytest.raises(ModelError, match=message):
        call(anywhere(town, 9, 1), town, **wrong)


def test_events_that_cannot_be_tested_are_refused(town, monkeypatch):
    weighted = on_streets(town, [1, 2], [3.0, 4.0], weight=[2.0, 3.0])
    for call in (k_function, scan_streets):
        with pytest.raises(ModelError, match="each must count once"):
            call(weighted, town)
    with pytest.raises(ModelError, match="1 events lie on a street"):
        k_function(on_streets(town, [1], [3.0]), town)
    with pytest.raises(ModelError, match="no event lies on a street"):
        scan_streets(Events.at([0.0], [0.0], crs=town.crs), town)
    monkeypatch.setattr("demandgeo.roads.scanning.MOST_PAIRS", 10)
    with pytest.raises(ModelError, match="pairs of lixels"):
        scan_streets(on_streets(town, [1], [3.0]), town)
