"""Small networks with all that streets can do, the density by every path; and a made city and its collisions."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest
import shapely

from demandgeo.domain import Network
from demandgeo.kernels.profiles import Profile
from demandgeo.roads import empirical_bayes
from demandgeo.roads.waves import reach_of
from demandgeo.synthetic import make_city
from tests.kernels import reference_network as twin

CRS = "EPSG:27700"

if numba.config.DISABLE_JIT:
    HEIGHT, WALK = twin.height, twin.walk_paths
else:
    HEIGHT, WALK = numba.njit(twin.height), numba.njit(twin.walk_paths)


def abstract(start, end, length, **columns: Any) -> Network:
    """A network of given lengths, whatever its lines look like."""
    start, end, length = np.asarray(start), np.asarray(end), np.asarray(length, np.float64)
    n = int(max(start.max(), end.max())) + 1
    x, y = np.cos(np.arange(n)) * 300, np.sin(np.arange(n)) * 300
    lines = [
        shapely.LineString([(x[a], y[a]), (x[a] + 9 * (k + 1), y[a] + 40), (x[b], y[b])])
        for k, (a, b) in enumerate(zip(start.tolist(), end.tolist(), strict=True))
    ]
    return Network.from_lines(
        np.array(lines, dtype=object), crs=CRS, nodes=(start, end, x, y), length=length, **columns
    )


def all_paths(
    net: Network, segment, place, weight, *, kernel: Profile, h: float, continuous=True, reflect=True, most=100_000_000
) -> tuple[np.ndarray, int]:
    """Density at the middle of every unit by every path, and how many streets were walked."""
    return WALK(
        net.start, net.end, net.length, *net.arms(), net.first_unit, segment, place, weight, int(kernel), h,
        reach_of(kernel, h), continuous, reflect, most, HEIGHT,
    )  # fmt: skip


@pytest.fixture(scope="session")
def knot() -> Network:
    """Loop, parallel streets, dead ends, a separate street, a street of 40 cm, and nodes where nothing branches."""
    start = [0, 0, 1, 1, 2, 2, 3, 4, 6, 1, 8]
    end = [1, 1, 1, 2, 3, 0, 4, 5, 7, 8, 9]
    length = [80.0, 95.0, 120.0, 60.0, 70.0, 110.0, 0.4, 37.5, 45.0, 12.0, 33.0]
    return abstract(start, end, length)


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
