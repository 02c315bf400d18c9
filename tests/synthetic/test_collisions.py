"""Made collisions against the truth they are drawn from."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from scipy import stats

from demandgeo.synthetic import City, Collisions


@pytest.fixture(scope="module")
def made(city: City) -> Collisions:
    return city.collisions()


def per_link(made: Collisions, years: range) -> np.ndarray:
    rows = made.collisions["collision_year"].isin(years).to_numpy()
    return np.bincount(made.link[rows], minlength=len(made.links))


def test_counts_per_link_fit_their_expectation(made: Collisions) -> None:
    expected = 3 * made.links["expected_per_year"].to_numpy()
    observed = per_link(made, range(2019, 2022))
    order = np.argsort(expected)
    groups = np.array_split(order, 50)
    mean = np.array([expected[rows].sum() for rows in groups])
    drawn = np.array([observed[rows].sum() for rows in groups])
    some = mean > 5
    chi2 = ((drawn - mean)[some] ** 2 / mean[some]).sum()
    assert some.sum() > 20
    assert 1e-4 < stats.chi2.sf(chi2, some.sum()) < 1 - 1e-4


def test_the_model_explains_all_but_the_streets_own_risk(made: Collisions) -> None:
    links, known = made.links, made.known()
    own = links["expected_per_year"] / links["modelled_per_year"]
    assert own.mean() == pytest.approx(1.0, abs=0.05)
    assert own.var() == pytest.approx(1 / known["shape"], rel=0.12)
    residential = links[links["road"] == "residential"]
    slope = np.polyfit(
        np.log(residential["aadt"]), np.log(residential["modelled_per_year"] / residential["length_km"]), 1
    )[0]
    assert slope == pytest.approx(known["elasticity"], abs=1e-9)


def test_treatment_has_its_effect_and_regression_to_the_mean_besides(made: Collisions) -> None:
    links, known = made.links, made.known()
    treated = links["treated"].to_numpy()
    assert treated.sum() == 25
    ratio = links["expected_after_per_year"] / links["expected_per_year"]
    np.testing.assert_allclose(ratio, np.where(treated, known["treated_effect"], 1.0))
    before = per_link(made, range(2019, 2022))[treated].sum()
    after = per_link(made, range(2022, 2025))[treated].sum()
    expected_after = 3 * links["expected_after_per_year"][treated].sum()
    assert stats.poisson.cdf(after, expected_after) > 1e-4
    assert stats.poisson.sf(after, expected_after) > 1e-4
    assert before > 1.15 * 3 * links["expected_per_year"][treated].sum()
    assert after / before < known["treated_effect"]


def test_adjusted_severity_restores_what_officers_missed(made: Collisions) -> None:
    casualties, known = made.casualties, made.known()
    officer = casualties["casualty_injury_based"] == 0
    assert (officer == (casualties["collision_year"] < known["injury_based_from"])).all()
    adjusted = casualties["casualty_adjusted_severity_serious"] + (casualties["casualty_severity"] == 1)
    recorded = casualties["casualty_severity"] <= 2
    assert recorded[officer].mean() < 0.87 * recorded[~officer].mean()
    for era in (officer, ~officer):
        n = casualties["collision_index"][era].nunique()
        # Casualties killed or seriously injured per collision have a standard deviation below 0.55.
        assert adjusted[era].sum() / n == pytest.approx(known["ksi_per_collision"], abs=4 * 0.55 / np.sqrt(n))
    parts = casualties[["casualty_adjusted_severity_serious", "casualty_adjusted_severity_slight"]].sum(axis=1)
    np.testing.assert_allclose(parts, np.where(casualties["casualty_severity"] == 1, 0.0, 1.0), atol=1e-9)
    np.testing.assert_allclose(
        made.links["expected_ksi_per_year"], made.links["expected_per_year"] * known["ksi_per_collision"]
    )


def test_the_three_tables_join(made: Collisions) -> None:
    collisions = made.collisions.set_index("collision_index")
    assert collisions.index.is_unique
    assert collisions.index.str.len().unique().tolist() == [13]
    by_collision = made.casualties.groupby("collision_index")
    assert by_collision.size().reindex(collisions.index).equals(collisions["number_of_casualties"])
    assert by_collision["casualty_severity"].min().reindex(collisions.index).eq(collisions["collision_severity"]).all()
    vehicles = made.vehicles.groupby("collision_index").size().reindex(collisions.index)
    assert vehicles.eq(collisions["number_of_vehicles"]).all()
    used = made.casualties.set_index(["collision_index", "vehicle_reference"]).index
    assert used.isin(made.vehicles.set_index(["collision_index", "vehicle_reference"]).index).all()
    serious = made.collisions["collision_adjusted_severity_serious"]
    assert serious.between(0, 1).all()


def test_casualties_ride_in_a_vehicle_of_their_kind(made: Collisions) -> None:
    joined = made.casualties.merge(made.vehicles, on=["collision_index", "vehicle_reference"])
    own = joined["casualty_class"] != 3
    assert (joined["casualty_type"][own] == joined["vehicle_type"][own]).all()
    assert (joined["casualty_type"][~own] == 0).all()


def test_collisions_lie_on_their_street_and_state_its_class(made: Collisions, city: City) -> None:
    table = made.collisions
    points = shapely.points(table["location_easting_osgr"], table["location_northing_osgr"])
    assert shapely.distance(points, made.links.geometry.to_numpy()[made.link]).max() < 1.0
    road = made.links["road"].to_numpy()[made.link]
    assert (table["first_road_class"] == [{"primary": 3, "secondary": 4, "tertiary": 5}.get(r, 6) for r in road]).all()
    assert ((table["first_road_number"] > 0) == np.isin(road, ["primary", "secondary"])).all()
    ref = {d["osmid"]: d.get("ref", "X0") for *_, d in city.streets().edges(data=True)}
    named = [int(ref[osmid][1:]) for osmid in made.links["osmid"].to_numpy()[made.link]]
    assert table["first_road_number"].tolist() == named


def test_dates_are_in_their_years(made: Collisions) -> None:
    table = made.collisions
    day = np.array([f"{d[6:]}-{d[3:5]}-{d[:2]}" for d in table["date"]], dtype="datetime64[D]")
    assert (day.astype("datetime64[Y]").astype(int) + 1970 == table["collision_year"]).all()
    # Day 0 of the epoch was a Thursday, which STATS19 numbers 5 (Sunday is 1).
    assert ((day.astype(int) + 4) % 7 + 1 == table["day_of_week"]).all()
    assert table["collision_year"].unique().tolist() == list(range(2019, 2025))
