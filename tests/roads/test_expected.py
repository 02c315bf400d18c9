"""Expected and excess: against the truth of the made city, and properties that hold on any streets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import shapely

from demandgeo.domain import Events, Labels, Network
from demandgeo.errors import GeometryError, ModelError
from demandgeo.roads import backtest, empirical_bayes
from demandgeo.roads.facilities import Facilities
from demandgeo.roads.performance import expectation, fitted
from demandgeo.roads.ranking import false_discovery, worst
from demandgeo.roads.tallies import tally
from demandgeo.statistics.captures import capture
from demandgeo.statistics.negative_binomial import Posterior
from demandgeo.synthetic import make_city

LEVEL = 0.1


def judged(seed: int, years: list[int]) -> dict[str, float]:
    """What the model of some years is worth, street by street, where the true rates are known."""
    city = make_city("small", seed)
    net, made = city.network(), city.collisions()
    truth = made.links["expected_ksi_per_year"].to_numpy() * len(years)
    placed = tally(city.casualties("collision", years=years), net, junction_radius=0.0, max_distance=50.0)
    model = fitted(placed, float(len(years)), traffic="aadt", covariates=(), dispersion="auto")
    usual, after = expectation(placed, model)
    low, high = after.interval(0.9)
    chosen = false_discovery(after.above(usual)) <= LEVEL
    scores = {"raw": placed.weight, "events": placed.number, "eb": after.mean}
    caught = {
        f"{name}_{what}": capture(score / net.length, net.length, held, [0.02])[0]
        for name, score in scores.items()
        for what, held in (("true", truth), ("next", placed_next(city, net)))
    }
    return {
        "covered": float(((truth >= low) & (truth <= high)).mean()),
        "chosen": float(chosen.sum()),
        "false": float((truth <= usual)[chosen].sum()),
        **caught,
    }


def placed_next(city, net):
    after = city.casualties("collision", years=[2022])
    return tally(after, net, junction_radius=0.0, max_distance=50.0).weight


@pytest.fixture(scope="module")
def sparse():
    found = [judged(seed, [2021]) for seed in (1, 2, 3)]
    return {key: np.array([one[key] for one in found]) for key in found[0]}


def test_intervals_cover_the_true_rate(sparse):
    dense = [judged(seed, [2019, 2020, 2021])["covered"] for seed in (1, 2, 3)]
    assert 0.88 <= sparse["covered"].mean() <= 0.92
    assert 0.88 <= np.mean(dense) <= 0.92


def test_where_data_are_sparse_it_catches_a_tenth_more_than_raw_counts(sparse):
    for what in ("true", "next"):
        assert sparse[f"eb_{what}"].mean() >= 1.10 * sparse[f"raw_{what}"].mean()
        assert sparse[f"eb_{what}"].mean() >= 1.10 * sparse[f"events_{what}"].mean()


def test_of_the_sites_that_stand_out_no_more_are_false_than_it_says(sparse):
    chosen, false = sparse["chosen"].sum(), sparse["false"].sum()
    assert chosen > 50
    assert false / chosen <= LEVEL + 2 * np.sqrt(LEVEL * (1 - LEVEL) / chosen)


def test_the_parameters_of_the_truth_are_found(city, streets):
    everything = city.casualties("collision", years=[2019, 2020, 2021])
    found = empirical_bayes(everything, streets, traffic="aadt", junction_radius=0).model
    known = city.collisions().known()
    error = found["standard_errors"]["segment: log traffic"]
    assert abs(found["terms"]["segment: log traffic"] - known["elasticity"]) < 3 * error
    assert found["terms"]["segment: shape"] == pytest.approx(known["shape"], rel=0.25)
    assert all(share <= 0.1 for share in found["cure_outside_limits"].values())


def test_everything_adds_up(sites, streets, collisions):
    table = sites.table
    assert sites.balance.total_events == len(collisions)
    assert table["observed"].sum() == pytest.approx(sites.balance.weight[0])
    assert table["length_m"].sum() == pytest.approx(streets.length.sum())
    assert table["expected"].sum() == pytest.approx(table["observed"].sum(), rel=0.02)
    assert table["p_worst"].sum() == pytest.approx(50)
    assert (table["excess"].diff().dropna() <= 1e-12).all()
    assert ((table["low"] < table["expected"]) & (table["expected"] < table["high"]))[table["events"] > 0].all()
    np.testing.assert_allclose(table["excess"], table["expected"] - table["modelled"])
    assert sites.calibration["observed"].sum() == pytest.approx(table["events"].sum())
    worth = table["cost_per_year"] * 3 / table["expected"]
    assert worth.max() == pytest.approx(worth.min())
    assert "2014 prices" in sites.notes[0]
    assert "segments and junctions" in sites.sentence()


@pytest.mark.parametrize("by", ["excess", "expected", "density"])
def test_the_chance_to_be_among_the_worst_is_that_of_plain_simulation(by):
    rng = np.random.default_rng(9)
    n, draws = 300, 4000
    after = Posterior(rng.gamma(2.0, 1.0, n) + 0.3, rng.gamma(3.0, 1.0, n) + 0.5)
    mean, length = after.mean * rng.uniform(0.5, 1.5, n), rng.uniform(20.0, 300.0, n)
    true = rng.gamma(after.shape, 1.0 / after.rate, (draws, n))
    ranked = {"excess": true - mean, "expected": true, "density": true / length}[by]
    plain = (ranked >= np.sort(ranked, axis=1)[:, [-10]]).mean(axis=0)
    found = worst(after, mean, length, by=by, number=10, draws=draws, seed=1)
    assert found.sum() == pytest.approx(10)
    np.testing.assert_allclose(found, plain, atol=0.045)


def test_the_same_seed_gives_the_same_bytes(sites, collisions, streets):
    again = empirical_bayes(collisions, streets, traffic="aadt")
    assert again.content_hash() == sites.content_hash()
    other = empirical_bayes(collisions, streets, traffic="aadt", seed=1)
    np.testing.assert_allclose(other.table["p_worst"], sites.table["p_worst"], atol=0.06)


def test_the_direction_a_street_is_drawn_in_does_not_matter(collisions, streets, sites):
    lines = shapely.reverse(streets.geometry())
    nodes = (streets.end, streets.start, streets.node_x, streets.node_y)
    turned = Network.from_lines(
        lines,
        crs=streets.crs,
        nodes=nodes,
        segment_ids=streets.segment_ids,
        highway=streets.highway,
        name=streets.name,
        attributes=dict(streets.attributes),
    )
    again = empirical_bayes(collisions, turned, traffic="aadt")
    one, other = (s.table.set_index("site")["expected"] for s in (sites, again))
    np.testing.assert_allclose(other.loc[one.index], one, rtol=1e-4, atol=1e-6)


def test_without_traffic_it_says_so(collisions, streets):
    found = empirical_bayes(collisions, streets)
    assert "Traffic is not known" in found.notes[1]
    assert found.table["traffic"].isna().all()
    assert "none: length and class only" in found.model["traffic"]


def test_doubling_the_weights_doubles_what_is_expected(collisions, streets, sites):
    double = collisions.weighted(2 * collisions.weight, 0 * collisions.weight, "twice")
    found = empirical_bayes(double, streets, traffic="aadt")
    np.testing.assert_allclose(found.table["expected"], 2 * sites.table["expected"], rtol=1e-9)
    assert "No costs" in found.notes[0]


def test_facilities_hold_every_metre_once(streets):
    for radius in (0.0, 20.0, 200.0):
        places = Facilities.of(streets, radius)
        assert places.length.sum() == pytest.approx(streets.length.sum())
        segment = np.arange(len(streets.start))
        rows = places.at(segment, streets.length / 2)
        assert (rows >= 0).all()
        assert len(set(places.ids())) == len(places)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"traffic": "adt"}, 'did you mean "aadt"'),
        ({"covariates": ["width"]}, "no complete numbers 'width'"),
        ({"prices": 1990}, "1990 prices"),
    ],
)
def test_bad_settings_are_refused(collisions, streets, settings, message):
    with pytest.raises(ModelError, match=message):
        empirical_bayes(collisions, streets, **settings)


def test_bad_events_are_refused(collisions, streets):
    with pytest.raises(GeometryError):
        empirical_bayes(replace(collisions, crs="EPSG:32630"), streets)
    undated = replace(collisions, time=np.full(len(collisions), "NaT", "datetime64[s]"))
    with pytest.raises(ModelError, match="no event has a date"):
        empirical_bayes(undated, streets)
    far = replace(collisions, x=collisions.x + 1e5)
    with pytest.raises(ModelError, match="no event lies on a segment"):
        empirical_bayes(far, streets)


def test_the_back_test_prints_every_model(city, collisions, streets):
    later = city.casualties("collision", years=[2022])
    table = backtest(collisions, later, streets, traffic="aadt").rows
    assert table["method"].tolist() == ["raw counts", "raw counts, all severities", "model only", "empirical Bayes"]
    shares = table[["at_1_percent", "at_2_percent", "at_5_percent", "at_10_percent"]].to_numpy()
    assert (np.diff(shares, axis=1) > 0).all()
    with pytest.raises(ModelError, match="does not begin after"):
        backtest(later, collisions, streets)
    with pytest.raises(ModelError, match="the same of both"):
        backtest(collisions, city.casualties("casualty", years=[2022]), streets)


def test_a_class_with_hardly_an_event_has_no_level_of_its_own():
    rng = np.random.default_rng(1)
    lines = shapely.linestrings([[[0, 50 * i], [400, 50 * i]] for i in range(40)])
    classes = Labels.of(["primary"] * 2 + ["residential"] * 38)
    net = Network.from_lines(lines, crs="EPSG:27700", highway=classes)
    y = 50.0 * rng.integers(2, 40, 60)
    when = np.full(60, "2024-01-01", "datetime64[s]")
    events = Events.at(np.full(60, 200.0), y, crs="EPSG:27700", time=when, kind="collision")
    assert "segment: primary" not in empirical_bayes(events, net, junction_radius=0).model["terms"]
