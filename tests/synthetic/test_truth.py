"""Drawn crimes against the truth they are drawn from."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from scipy import stats
from scipy.spatial import cKDTree

from demandgeo.domain import Events
from demandgeo.synthetic import CATEGORIES, City

PERIODS = ("train", "next", "held_out")


@pytest.fixture(scope="module")
def drawn(city: City) -> dict[str, Events]:
    return {period: city.crimes(period) for period in PERIODS}


def by_zone(city: City, events: Events, rows: np.ndarray) -> np.ndarray:
    return np.bincount(city.zones().index_of(events.zone_code)[rows], minlength=city.zones().n)


@pytest.mark.parametrize("period", PERIODS)
def test_counts_per_zone_fit_the_truth(city: City, drawn: dict[str, Events], period: str) -> None:
    events = drawn[period]
    expected = city.expected(period).drop(columns="Burglary").sum(axis=1)
    zone = city.snap_points()["zone"].map({code: row for row, code in enumerate(city.zones().ids)})
    expected = np.bincount(zone, expected, minlength=city.zones().n)
    observed = by_zone(city, events, events.located & ~(events.category == "Burglary"))
    assert observed[expected == 0].sum() == 0
    some = expected > 5
    chi2 = ((observed[some] - expected[some]) ** 2 / expected[some]).sum()
    assert 1e-4 < stats.chi2.sf(chi2, some.sum()) < 1 - 1e-4


def test_counts_per_category_and_snap_point_fit_the_truth(city: City, drawn: dict[str, Events]) -> None:
    events, expected = drawn["train"], city.expected("train")
    located = events.where(events.located)
    for category in CATEGORIES:
        mean = expected[category.name].sum()
        # Repeats come in families of one and 0.4 more on average: (1 + 0.4) ** 2 + 0.4 = 2.36 per 1.4 expected.
        variance = mean * (2.36 / 1.4 if category.name == "Burglary" else 1.0)
        assert abs((located.category == category.name).sum() - mean) < 4 * np.sqrt(variance), category.name
    tree = cKDTree(shapely.get_coordinates(city.snap_points().geometry.to_numpy()))
    distance, snap = tree.query(np.column_stack([located.x, located.y]))
    assert distance.max() == 0
    total = expected.sum(axis=1).to_numpy()
    many = total > 20
    dispersion = ((np.bincount(snap, minlength=len(total)) - total) ** 2 / total)[many].mean()
    assert 0.85 < dispersion < 1.2


def test_burglaries_per_zone_fit_the_truth_with_repeats(city: City, drawn: dict[str, Events]) -> None:
    zone = city.snap_points()["zone"].map({code: row for row, code in enumerate(city.zones().ids)})
    expected = sum(np.bincount(zone, city.expected(p)["Burglary"], minlength=300) for p in PERIODS)
    observed = sum(by_zone(city, e, e.located & (e.category == "Burglary")) for e in drawn.values())
    some = expected > 5
    dispersion = ((observed - expected)[some] ** 2 / expected[some]).mean()
    assert 0.9 < dispersion < 2.0
    assert abs(observed.sum() / expected.sum() - 1) < 0.05


def test_the_changed_area_grows_by_its_ratio_and_nothing_else_does(city: City, drawn: dict[str, Events]) -> None:
    area = city.changed_area
    changed = np.isin(city.zones().ids, area.zones)
    assert changed.sum() == len(area.zones) == 7
    assert shapely.union_all(city.zones().polygons[changed]).geom_type == "Polygon"
    counts = {period: by_zone(city, events, events.located) for period, events in drawn.items()}
    for period in ("next", "held_out"):
        inside = counts[period][changed].sum() / counts["train"][changed].sum()
        outside = counts[period][~changed].sum() / counts["train"][~changed].sum()
        assert inside == pytest.approx(area.ratio, rel=0.12)
        assert outside == pytest.approx(1.0, abs=0.025)


def test_intensity_is_the_smooth_truth_of_the_expected_counts(city: City) -> None:
    x0, y0, x1, y1 = shapely.total_bounds(city.zones().polygons)
    step = 100.0
    x, y = (part.ravel() for part in np.meshgrid(np.arange(x0, x1, step), np.arange(y0, y1, step)))
    for period in ("train", "next"):
        intensity = city.intensity(x, y, period)
        total = city.expected(period).to_numpy().sum()
        assert intensity.sum() * (step / 1e3) ** 2 == pytest.approx(total, rel=0.05)
    each = sum(city.intensity(x, y, category=category.name) for category in CATEGORIES)
    np.testing.assert_allclose(each, city.intensity(x, y), rtol=1e-12)
    inside = city.zones().locate(x, y) >= 0
    assert ((city.intensity(x, y) > 0) == inside).all()
    changed = city.intensity(x, y, "next")[inside] / city.intensity(x, y, "train")[inside]
    np.testing.assert_allclose(np.unique(changed.round(9)), [1.0, 2.5])


def test_intensity_orders_districts_as_the_expected_counts_do(city: City) -> None:
    points = city.snap_points()
    x, y = shapely.get_coordinates(points.geometry.to_numpy()).T
    group = city._places.district[city.zones().locate(x, y)]
    truth = np.bincount(group, city.expected("train").sum(axis=1))
    smooth = np.bincount(group, city.intensity(x, y))
    np.testing.assert_allclose(smooth / smooth.sum(), truth / truth.sum(), rtol=0.25)


def test_crime_is_concentrated_and_repeats_its_places(drawn: dict[str, Events], city: City) -> None:
    events = drawn["train"]
    located = events.where(events.located)
    places, counts = np.unique(np.column_stack([located.x, located.y]), axis=0, return_counts=True)
    assert 2_000 < len(places) < 4_000
    assert counts.sum() / len(places) > 12
    assert np.sort(counts)[::-1][: len(places) // 20].sum() > 0.3 * counts.sum()
    per_zone = by_zone(city, events, events.located)
    order = np.argsort(-per_zone / city.zones().extent)
    share = np.cumsum(per_zone[order]) / per_zone.sum()
    area = np.cumsum(city.zones().extent[order]) / city.zones().extent.sum()
    assert 0.02 < area[np.searchsorted(share, 0.25)] < 0.08


def test_categories_have_their_own_patterns(city: City, drawn: dict[str, Events]) -> None:
    expected = city.expected("train")
    share = expected / expected.sum()
    assert np.corrcoef(share["Shoplifting"], share["Theft from the person"])[0, 1] > 0.9
    # Overlap of two patterns: 1 if they are the same, 0 if they never meet.
    assert np.minimum(share["Shoplifting"], share["Burglary"]).sum() < 0.7
    events = drawn["train"]
    hour = events.time.astype("datetime64[h]").astype(int) % 24
    by_day = (hour >= 9) & (hour < 19)
    assert by_day[events.category == "Shoplifting"].mean() > 0.8
    assert by_day[events.category == "Burglary"].mean() < 0.4
    month = events.time.astype("datetime64[M]").astype(int) % 12 + 1
    asb = np.bincount(month[events.category == "Anti-social behaviour"])
    assert asb[7] > 1.4 * asb[1]


def test_events_are_complete(drawn: dict[str, Events], city: City) -> None:
    events = drawn["train"]
    assert events.kind == "crime"
    assert events.crs == "EPSG:27700"
    assert set(events.category.names) == {category.name for category in CATEGORIES}
    assert (np.diff(events.time) >= np.timedelta64(0)).all()
    assert abs((~events.located).mean() - 0.03) < 0.004
    assert (events.zone_code.present == events.located).all()
    assert ((events.attributes["place"] == "No Location") == ~events.located).all()
    located = events.where(events.located)
    zones = city.zones()
    assert (zones.ids[zones.locate(located.x, located.y)] == located.zone_code.to_array()).all()
    assert events.attributes["force"].names == ("Made City Police",)
    hour = events.time.astype("datetime64[h]").astype(int) % 24
    shift = np.select([(hour >= 7) & (hour < 15), (hour >= 15) & (hour < 23)], ["early", "late"], "night")
    assert (events.attributes["shift"].to_array() == shift).all()


def close_pairs(city: City, events: Events, days: np.ndarray) -> int:
    rule = city.near_repeat
    pairs = cKDTree(np.column_stack([events.x, events.y])).query_pairs(rule.radius, output_type="ndarray")
    return int((np.abs(days[pairs[:, 0]] - days[pairs[:, 1]]) <= rule.days).sum())


def knox(city: City, events: Events, category: str) -> tuple[int, np.ndarray]:
    """Return the close pairs, and those of 60 permutations of the days (Knox's test)."""
    rows = events.where(events.located & (events.category == category))
    days = rows.time.astype("datetime64[D]").astype(int)
    rng = np.random.default_rng(11)
    return close_pairs(city, rows, days), np.array([close_pairs(city, rows, rng.permutation(days)) for _ in range(60)])


def test_burglaries_repeat_near_by_as_often_as_stated(city: City, drawn: dict[str, Events]) -> None:
    observed, permuted = knox(city, drawn["train"], "Burglary")
    n = int((drawn["train"].category == "Burglary").sum())
    rule = city.near_repeat
    repeats = n * rule.offspring / (1 + rule.offspring) * 0.97**2
    # Each repeat is close to its first; some siblings are close to one another besides.
    assert 0.8 * repeats < observed - permuted.mean() < 1.6 * repeats
    assert observed > permuted.max() + 5 * permuted.std()


def test_vehicle_crime_does_not_repeat_near_by(city: City, drawn: dict[str, Events]) -> None:
    observed, permuted = knox(city, drawn["train"], "Vehicle crime")
    assert abs(observed - permuted.mean()) < 3.5 * permuted.std()
