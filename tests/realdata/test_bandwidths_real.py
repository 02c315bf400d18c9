"""Bandwidths for real snapped crimes: steady by the robust rules, at the lowest candidate by the textbook ones."""

from __future__ import annotations

import pytest

from demandgeo.density import choose_bandwidth
from demandgeo.errors import DataQualityWarning
from demandgeo.sources import read_police_uk


def test_the_robust_rules_agree_on_west_yorkshire_and_the_textbook_forms_fall_to_the_bound(shared_data):
    events = read_police_uk(shared_data / "police" / "2018-07-west-yorkshire-street.csv")
    before = read_police_uk(shared_data / "police" / "2017-07-west-yorkshire-street.csv.gz")
    for month in (events, before):
        assert 380 < choose_bandwidth(month).metres < 540
        assert 380 < choose_bandwidth(month, rule="robust-likelihood").metres < 600
    for rule in ("likelihood", "least-squares"):
        with pytest.warns(DataQualityWarning, match="lowest candidate"):
            choose_bandwidth(events, rule=rule)
