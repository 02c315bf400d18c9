"""The city as a whole: the same seed gives the same bytes, zones cover it, bad input is refused."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import numpy as np
import pytest
import shapely
import typeguard

from demandgeo.errors import ModelError
from demandgeo.registry import READERS
from demandgeo.synthetic import City, make_city, perturbed_grid


def test_same_seed_same_bytes_whatever_was_asked_for_before(city: City) -> None:
    other = make_city("small", seed=1)
    other.estate()
    other.collisions()
    other.streets()
    assert other.crimes("next").content_hash() == city.crimes("next").content_hash()
    assert other.zones().content_hash() == city.zones().content_hash()
    assert other.collisions().links.equals(city.collisions().links)
    assert other.collisions().casualties.equals(city.collisions().casualties)
    assert {k: v.to_csv() for k, v in other.estate().tables().items()} == {
        k: v.to_csv() for k, v in city.estate().tables().items()
    }


def test_another_process_makes_the_same_city(city: City) -> None:
    code = "import demandgeo.synthetic as s; print(s.make_city('small', 1).crimes('train').content_hash())"
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "7"},
    )
    assert run.stdout.strip() == city.crimes("train").content_hash()


def test_small_is_made_within_seconds() -> None:
    start = time.process_time()
    city = make_city("small", seed=9)
    for made in (city.zones, city.zone_table, city.streets, city.snap_points, city.collisions, city.estate):
        made()
    for period in ("train", "next", "held_out"):
        city.crimes(period)
        city.expected(period)
    assert time.process_time() - start < 5.0


def test_another_seed_is_another_city(city: City) -> None:
    other = make_city("small", seed=2)
    assert other.zones().content_hash() != city.zones().content_hash()
    assert other.crimes("train").content_hash() != city.crimes("train").content_hash()
    assert other.collisions().links["expected_per_year"].sum() != city.collisions().links["expected_per_year"].sum()


def test_periods_are_drawn_apart(city: City) -> None:
    periods = [city.crimes(period) for period in ("train", "next", "held_out")]
    assert [str(events.months[0]) for events in periods] == ["2022-01", "2023-01", "2024-01"]
    assert [len(events.months) for events in periods] == [12, 12, 12]
    assert len({events.content_hash() for events in periods}) == 3


@pytest.mark.parametrize("seed", range(6))
def test_zones_are_a_coverage_without_gaps(seed: int) -> None:
    zones = make_city("small", seed).zones()
    assert zones.n == 300
    assert shapely.is_valid(zones.polygons).all()
    assert shapely.coverage_is_valid(zones.polygons)
    outline = zones.outline()
    assert outline.geom_type == "Polygon"
    assert not outline.interiors
    assert outline.area == pytest.approx(zones.extent.sum(), rel=1e-12)
    assert zones.extent.max() / zones.extent.min() > 5


def test_medium_is_a_coverage_of_the_size_of_a_large_force() -> None:
    zones = make_city("medium").zones()
    assert zones.n == 1_700
    assert shapely.coverage_is_valid(zones.polygons)
    assert 2.4e6 < zones.population.sum() < 3.1e6


def test_districts_deprivation_and_names(city: City) -> None:
    zones, table = city.zones(), city.zone_table()
    assert table["code"].tolist() == zones.ids.tolist()
    by_district = table.groupby("district")["population"].sum()
    assert len(by_district) == 7
    assert by_district.sum() == zones.population.sum()
    assert zones.group.counts(zones.population) == by_district.to_dict()
    assert np.bincount(table["deprivation_decile"])[1:].tolist() == [30] * 10
    most, least = (table.loc[table["deprivation_decile"] == d, "deprivation_score"] for d in (1, 10))
    assert most.min() > least.max()
    assert all(name.startswith("Made ") for name in (*zones.names, *table["district"]))
    assert len(set(zones.names)) == zones.n


def test_zone_at_agrees_with_the_polygons(city: City) -> None:
    rng = np.random.default_rng(5)
    x0, y0, x1, y1 = shapely.total_bounds(city.zones().polygons)
    x, y = rng.uniform(x0, x1, 5_000), rng.uniform(y0, y1, 5_000)
    assert city._places.zone_at(x, y).tolist() == city.zones().locate(x, y).tolist()


def test_readers_give_the_city_to_a_configuration(city: City) -> None:
    entry = READERS.find("synthetic.crimes")
    assert entry.settings.model_validate({"period": "held_out"}).model_dump() == {
        "size": "small",
        "seed": 1,
        "period": "held_out",
    }
    assert entry.function(period="train").content_hash() == city.crimes("train").content_hash()
    assert READERS.find("synthetic.zones").function().content_hash() == city.zones().content_hash()
    with pytest.raises(ValueError, match="period"):
        entry.settings.model_validate({"period": "last year"})


@typeguard.suppress_type_checks
@pytest.mark.parametrize(
    ("call", "found"),
    [
        (lambda _: make_city("huge"), "size is 'huge'"),
        (lambda _: make_city("small", -1), "seed is -1"),
        (lambda _: make_city("small", 1.5), "seed is 1.5"),
        (lambda city: city.crimes("last"), "period is 'last'"),
        (lambda city: city.expected("last"), "period is 'last'"),
        (lambda city: city.intensity(0.0, 0.0, "last"), "period is 'last'"),
        (lambda city: city.intensity(0.0, 0.0, category="Burglry"), 'did you mean "Burglary"'),
        (lambda _: perturbed_grid(5, spacing=-1.0, curved=2.0), "edges is 5"),
    ],
)
def test_bad_input_is_refused(city: City, call, found: str) -> None:
    with pytest.raises(ModelError) as raised:
        call(city)
    assert found in str(raised.value)


def test_every_problem_of_a_grid_is_said_at_once() -> None:
    with pytest.raises(ModelError) as raised:
        perturbed_grid(5, spacing=-1.0, curved=2.0)
    assert len(raised.value.problems) == 3
