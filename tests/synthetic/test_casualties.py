"""The made city's streets and casualties as records are those of its graph and its files."""

from __future__ import annotations

import numpy as np
import pytest

from demandgeo.errors import ModelError
from demandgeo.sources import read_stats19, read_streets
from demandgeo.synthetic import make_city
from demandgeo.synthetic.files import write_collisions


@pytest.fixture(scope="module")
def city():
    return make_city("small", seed=1)


def test_the_network_is_that_of_the_graph(city):
    mine, read = city.network(), read_streets(city.streets())
    order = np.argsort(read.attributes["osmid"].to_array().astype(int))
    np.testing.assert_allclose(mine.length, read.length[order], rtol=1e-9)
    np.testing.assert_array_equal(mine.attributes["aadt"], read.attributes["aadt"][order])
    for name in ("highway", "name", "ref"):
        assert list(getattr(mine, name)) == [list(getattr(read, name))[i] for i in order]
    assert mine.backward.sum() == (read.forward & read.backward).sum()


@pytest.mark.parametrize("unit", ["casualty", "collision"])
@pytest.mark.parametrize("severity", ["adjusted", "recorded"])
def test_casualties_are_those_of_the_files(city, tmp_path, unit, severity):
    write_collisions(tmp_path, city.collisions())
    mine = city.casualties(unit, severity=severity, years=[2020])
    read = read_stats19(
        tmp_path / "collision.csv", tmp_path / "casualty.csv", unit=unit, severity=severity, years=[2020]
    )
    for name in ("x", "y", "time", "weight", "weight_sd"):
        np.testing.assert_allclose(
            getattr(mine, name).astype(np.float64), getattr(read, name).astype(np.float64), atol=1e-9
        )
    assert (mine.kind, mine.weight_name) == (read.kind, read.weight_name)
    for name in ("severity", "collision", "first_road_class", "first_road_number"):
        assert list(mine.attributes[name]) == list(read.attributes[name])
    assert list(mine.ids) == list(read.ids)
    if unit == "casualty":
        assert list(mine.category) == list(read.category)


def test_other_years_are_refused(city):
    with pytest.raises(ModelError, match="2019 to 2024"):
        city.casualties(years=[2018])
