"""Before and after: the made city's cameras, whose true effect is known; and traffic from count points."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from demandgeo.domain import Events, Labels, Network
from demandgeo.errors import ModelError, SourceError
from demandgeo.roads import attach_traffic, before_after, empirical_bayes
from demandgeo.roads.treatments import effect
from demandgeo.synthetic import make_city


def estimates(seed):
    city = make_city("small", seed)
    net = city.network()
    links = city.collisions().links
    treated = links.loc[links["treated"], "osmid"].astype(str).tolist()
    before = city.casualties("collision", years=[2019, 2020, 2021])
    after = city.casualties("collision", years=[2022, 2023, 2024])
    sites = empirical_bayes(before, net, traffic="aadt", junction_radius=0, draws=10)
    return before_after(sites, after, treated=treated).rows.set_index("method")


def test_it_finds_the_effect_of_treatment_where_a_plain_comparison_finds_twice_as_much():
    found = [estimates(seed) for seed in (1, 2)]
    bayes = np.array([rows.loc["empirical Bayes", "change_percent"] for rows in found])
    plain = np.array([rows.loc["plain before-after", "change_percent"] for rows in found])
    assert abs(bayes.mean() - -30) < 8
    assert plain.mean() < -45
    inside = [
        rows.loc["empirical Bayes", "low_percent"] <= -30 <= rows.loc["empirical Bayes", "high_percent"]
        for rows in found
    ]
    assert all(inside)


def test_the_effect_is_unbiased_and_its_spread_true():
    rng = np.random.default_rng(1)
    mean, sd, true = 120.0, 12.0, 0.8
    drawn = [effect(float(rng.poisson(true * mean)), mean + sd * rng.standard_normal(), sd**2) for _ in range(4000)]
    ratio = np.array([one.ratio for one in drawn])
    assert ratio.mean() == pytest.approx(true, abs=0.01)
    assert np.mean([one.sd for one in drawn]) == pytest.approx(ratio.std(), rel=0.08)


def test_treated_sites_come_from_a_list_or_a_table(city, sites, tmp_path):
    after = city.casualties("collision", years=[2022])
    names = sites.table["site"].head(20).tolist()
    path = tmp_path / "cameras.csv"
    path.write_text("site,cost\n" + "".join(f"{name},1\n" for name in names))
    one, other = before_after(sites, after, treated=names), before_after(sites, after, table=path)
    assert one.rows.equals(other.rows)
    assert "regression to the mean" in one.notes[0]
    with pytest.raises(ModelError, match="'nowhere' is not known"):
        before_after(sites, after, treated=["nowhere"])
    with pytest.raises(ModelError, match="twice or not at all"):
        before_after(sites, after)
    with pytest.raises(ModelError, match="0 of 9442 sites"):
        before_after(sites, after, treated=[])
    path.write_text("place\n1\n")
    with pytest.raises(SourceError, match="site was needed"):
        before_after(sites, after, table=path)


def roads():
    lines = shapely.linestrings([[[1000 * i, 0], [1000 * i + 1000, 0]] for i in range(4)] + [[[0, 30], [4000, 30]]])
    return Network.from_lines(
        lines,
        crs="EPSG:27700",
        highway=Labels.of(["primary"] * 4 + ["residential"]),
        ref=Labels.of(["A 34;A4540"] * 4 + [""]),
    )


def counts(x, y, aadf, road, *, time=None, ids=None):
    return Events.at(
        x,
        y,
        crs="EPSG:27700",
        weight=aadf,
        weight_name="aadf",
        time=time,
        attributes={"road": Labels.of(road)},
        **({"ids": Labels.of(ids)} if ids else {}),
    )


def test_counts_go_to_their_road_and_along_it():
    points = counts([500.0, 3500.0, 2000.0], [25.0, -5.0, 25.0], [20_000.0, 10_000.0, 300.0], ["A34", "a4540", None])
    found = attach_traffic(roads(), points, reach=1200)
    assert list(found.attributes["aadt_source"]) == ["counted", "same road", "same road", "counted", "counted"]
    np.testing.assert_allclose(found.attributes["aadt"], [20_000, 20_000, 10_000, 10_000, 300])
    assert "0 of 3 count points match no street" in found.ledger.notes[-1]


def test_the_latest_count_of_a_point_is_taken_and_lost_ones_are_counted():
    when = np.array(["2019-01-01", "2023-01-01", "2023-01-01"], "datetime64[s]")
    points = counts([500.0, 500.0, 9e5], [0.0] * 3, [1.0, 9000.0, 5.0], ["A34"] * 3, time=when, ids=["7", "7", "8"])
    found = attach_traffic(roads(), points)
    assert found.attributes["aadt"][0] == pytest.approx(9000)
    assert "1 of 2 count points match no street" in found.ledger.notes[-1]
    assert list(found.attributes["aadt_source"])[-1] == "all roads"


def test_counts_that_match_nothing_are_refused():
    with pytest.raises(ModelError, match="none of 1 count points"):
        attach_traffic(roads(), counts([500.0], [0.0], [5.0], ["M6"]))
    with pytest.raises(ModelError, match="not above 0"):
        attach_traffic(roads(), counts([500.0], [0.0], [0.0], ["A34"]))
