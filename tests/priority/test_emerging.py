"""Patterns of hot spots: each rule on a made series, and the whole on made months."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from demandgeo.domain.patterns import PATTERNS
from demandgeo.errors import ModelError
from demandgeo.priority import emerging, getis_ord
from demandgeo.priority.histories import patterns_of
from tests.priority.conftest import demand_on

MADE = {
    # H hot, C cold, . neither; then the trend
    "new": [(".........H", 0), ("C........H", 1)],
    "consecutive": [("........HH", 0), (".C...HHHHH", 1)],
    "intensifying": [("HHHHHHHHHH", 1), (".HHHHHHHHH", 1)],
    "persistent": [("HHHHHHHHHH", 0), ("HHHH.HHHHH", 0)],
    "diminishing": [("HHHHHHHHHH", -1), ("HHHHH.HHHH", -1)],
    "sporadic": [("H........H", 0), (".H.HHHH..H", 0), ("HH.HHHH.HH", 1)],
    "oscillating": [("HC.......H", 0), (".HC..H..HH", -1)],
    "historical": [("HHHHHHHHH.", 0), ("HHHHHHHHHC", -1)],
    "no pattern": [("..........", 1), ("HHHHHHH...", 0), ("CCCCCCCCCC", 0), ("H.......H.", 0)],
}


@pytest.mark.parametrize("name", PATTERNS)
def test_each_rule_on_made_series(name):
    for series, trend in MADE[name]:
        marks = np.array(list(series))[:, None]
        found = patterns_of(marks == "H", marks == "C", np.array([float(trend)]), often=0.9)
        assert PATTERNS[found[0]] == name, series


def months(layers, **fields):
    periods = [f"2018-{month + 1:02d}" for month in range(len(layers))]
    table = pd.DataFrame({"category": "", "period": periods})
    one = demand_on(layers[0])
    values = np.array(layers, float).reshape(len(layers), -1)
    return one.__class__(one.support, values, "incidents", one.balance, "count", "2018", layers=table, **fields)


def cube(rates, seed=0):
    """Counts on 12 x 12 cells; a rate per month in the block of 3 x 3 cells whose middle is at (4, 7)."""
    rng, layers = np.random.default_rng(seed), []
    for rate in rates:
        mean = np.full((12, 12), 1.0)
        mean[3:6, 6:9] = rate
        layers.append(rng.poisson(mean))
    return layers


@pytest.mark.parametrize(
    ("rates", "name"),
    [
        ([1] * 7 + [14], "new"),
        ([1] * 5 + [14] * 3, "consecutive"),
        ([6, 8, 10, 13, 17, 22, 28, 40], "intensifying"),
        ([12, 13, 12, 13, 12, 13, 12, 13], "persistent"),
        ([40, 28, 22, 17, 13, 10, 8, 7], "diminishing"),
        ([14, 1, 14, 14, 1, 1, 14, 14], "sporadic"),
        ([14] * 9 + [1], "historical"),
        ([1] * 8, "no pattern"),
    ],
)
def test_a_made_block_has_its_pattern(rates, name):
    found = emerging(months(cube(rates)))
    assert found.pattern.to_array().reshape(12, 12)[4, 7] == name
    far = found.pattern.to_array().reshape(12, 12)[8:, :4]
    assert (far == "no pattern").mean() > 0.9
    row = found.table.set_index("pattern").loc[name]
    assert row["units"] == (found.pattern == name).sum()
    assert found.table["extent_share"].sum() == pytest.approx(1)
    assert found.table["demand_share"].sum() == pytest.approx(1)
    frame = found.to_frame()
    assert {"pattern", "periods_hot", "trend", "trend_p"} <= set(frame.columns)


def test_a_period_is_tested_as_on_its_own():
    layers = cube([1, 14, 1, 14, 14, 14])
    found = emerging(months(layers))
    alone = [getis_ord(demand_on(layer), alternative="two-sided") for layer in layers]
    hot = sum(((one.q <= 0.05) & (one.z > 0)).astype(int) for one in alone)
    assert found.hot.tolist() == hot.tolist()


def test_a_month_without_events_has_no_hot_spots_and_no_value_is_no_test():
    layers = [layer.astype(float) for layer in cube([14] * 6)]
    layers[2][:] = 0.0
    layers[3][0, 0] = np.nan
    found = emerging(months(layers))
    assert found.hot.max() == 5
    assert not found.pattern.present[0]
    assert np.isnan(found.trend[0])
    assert found.provenance["units_not_tested"] == 1


def test_layers_that_are_no_series_are_refused():
    layers = cube([1] * 5)
    with pytest.raises(ModelError, match="4 periods"):
        emerging(months(layers[:4]))
    with pytest.raises(ModelError, match="0 periods"):
        emerging(demand_on(layers[0]))
    shuffled = months(layers)
    table = shuffled.layers.iloc[::-1].reset_index(drop=True)
    with pytest.raises(ModelError, match="ascending"):
        emerging(shuffled.__class__(shuffled.support, shuffled.values, "incidents", shuffled.balance, "count", "2018", layers=table))  # noqa: E501  # fmt: skip
