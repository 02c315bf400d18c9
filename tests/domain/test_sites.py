"""Sites refuse what is no ranking of places, and say what they hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given

from demandgeo.domain import Balance, Network, Sites
from demandgeo.errors import ModelError
from tests.domain.strategies import sites


def three(**columns):
    network = Network.from_lines(shapely.linestrings([[[0, 0], [100, 0]], [[0, 9], [50, 9]]]), crs="EPSG:27700")
    table = pd.DataFrame(
        {
            "rank": [1, 2],
            "site": ["a", "b"],
            "kind": ["segment"] * 2,
            "name": ["Mill Lane", "High Street"],
            "length_m": [100.0, 50.0],
            "observed": [3.0, 0.0],
            "expected": [2.0, 0.5],
            "excess": [1.0, -0.5],
        }
    ).assign(**columns)
    return Sites(
        network=network,
        geometry=network.geometry(),
        table=table,
        segment=np.array([0, 1]),
        node=np.array([-1, -1]),
        name="KSI collisions",
        weight_name="KSI (adjusted)",
        period="2024-01",
        years=1 / 12,
        balance=Balance(np.array([3, 0, 0, 0]), np.array([3.0, 0, 0, 0])),
    )


def test_they_say_what_they_hold():
    found = three()
    assert found.sentence() == (
        "2 sites on 100.0% of the street length saw 3.0 KSI collisions in 2024-01; 2.5 were to be expected, 0.5 more "
        "than on such streets."
    )
    assert found.map_column == "excess"
    assert three(excess=np.nan, expected=np.nan).map_column == "observed"
    assert found.to_frame()["name"].tolist() == ["Mill Lane", "High Street"]
    assert found.where(np.array([False, True])).table[["rank", "site"]].values.tolist() == [[1, "b"]]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"rank": [2, 1]}, "not 1, 2, 3"),
        ({"site": ["a", "a"]}, "stands twice"),
        ({"observed": [-1.0, 0.0]}, "below 0"),
    ],
)
def test_what_is_no_ranking_is_refused(columns, message):
    with pytest.raises(ModelError, match=message):
        three(**columns)


def test_rows_must_agree():
    found = three()
    with pytest.raises(ModelError, match="segment has 1 rows"):
        replace(found, segment=np.array([0]))
    with pytest.raises(ModelError, match="must start with"):
        replace(found, table=found.table.drop(columns="excess"))
    with pytest.raises(ModelError, match="the years are -1"):
        replace(found, years=-1.0)


@given(record=sites())
def test_a_frame_has_a_row_for_each_site(record):
    assert len(record.to_frame()) == len(record.table) == record.summary()["sites"]
