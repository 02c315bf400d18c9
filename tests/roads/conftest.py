"""A made city, its streets and collisions, and what empirical Bayes says of them."""

from __future__ import annotations

import pytest

from demandgeo.roads import empirical_bayes
from demandgeo.synthetic import make_city


@pytest.fixture(scope="session")
def city():
    return make_city("small", seed=1)


@pytest.fixture(scope="session")
def streets(city):
    return city.network()


@pytest.fixture(scope="session")
def collisions(city):
    return city.casualties("collision", years=[2019, 2020, 2021])


@pytest.fixture(scope="session")
def sites(collisions, streets):
    return empirical_bayes(collisions, streets, traffic="aadt")
