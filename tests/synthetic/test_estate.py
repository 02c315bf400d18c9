"""What the made force owns fits together."""

from __future__ import annotations

import shapely

from demandgeo.synthetic import CATEGORIES, City


def test_the_estate_fits_together(city: City) -> None:
    estate = city.estate()
    assert [len(estate.counters), len(estate.bases), len(estate.candidates)] == [37, 7, 40]
    assert set(estate.bases["district"]) == set(city.zone_table()["district"])
    assert set(estate.teams["base"]) == set(estate.bases["name"])
    assert estate.officers.groupby("team").size().eq(3).all()
    assert (estate.officers["officers"] > 0).all()
    assert estate.minutes["category"].tolist() == [category.name for category in CATEGORIES]
    names = [*estate.counters["name"], *estate.bases["name"], *estate.candidates["name"], *estate.teams["team"]]
    assert all(name.startswith("Made ") for name in names)
    assert len(set(names)) == len(names)


def test_sites_stand_on_different_crossings(city: City) -> None:
    estate = city.estate()
    tables = (estate.counters, estate.bases, estate.candidates)
    spots = [tuple(xy) for table in tables for xy in shapely.get_coordinates(table.geometry.to_numpy()).tolist()]
    nodes = {(data["x"], data["y"]) for _, data in city.streets().nodes(data=True)}
    assert len(set(spots)) == len(spots)
    assert set(spots) <= nodes
