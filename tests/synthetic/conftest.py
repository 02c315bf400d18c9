from __future__ import annotations

import pytest

from demandgeo.synthetic import City, make_city


@pytest.fixture(scope="session")
def city() -> City:
    """The small made city of seed 1."""
    return make_city("small", seed=1)
