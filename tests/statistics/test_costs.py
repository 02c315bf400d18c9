"""Costs come from a dated table with its source."""

from __future__ import annotations

import numpy as np
import pytest

from demandgeo.domain import Events, Labels
from demandgeo.errors import ModelError, SourceError
from demandgeo.statistics.costs import load


def collisions(kind="collision"):
    severity = Labels.of(["fatal", "serious", "slight"])
    ksi = np.array([1.0, 1.0, 0.25])
    return Events.at(
        np.zeros(3), np.zeros(3), crs="EPSG:27700", kind=kind, attributes={"severity": severity, "ksi": ksi}
    )


def test_the_shipped_table_names_its_sources():
    assert load("collision").prices == 2014
    assert load("collision", prices=2009).gbp == {"fatal": 1790203.0, "serious": 205056.0, "slight": 21372.0}
    assert load("casualty").gbp["fatal"] == 1_700_000
    assert "Scotland 2014" in load("collision").source


def test_events_cost_what_they_are_expected_to_be():
    costs = load("collision")
    np.testing.assert_allclose(costs.of(collisions()), [2066732, 235791, 0.25 * 235791 + 0.75 * 24887])
    assert costs.per_ksi(collisions()) == pytest.approx((2066732 + 1.25 * 235791) / 2.25)


def test_what_the_table_does_not_say_is_refused():
    with pytest.raises(ModelError, match="none of a serious casualty at 2013 prices"):
        load("casualty").per_ksi(collisions("casualty"))
    with pytest.raises(ModelError, match="per collision"):
        load("collision").of(collisions("casualty"))
    with pytest.raises(ModelError, match="1999 prices; known years of prices: 2009, 2014"):
        load("collision", prices=1999)


def test_a_table_of_ones_own(tmp_path):
    own = tmp_path / "costs.csv"
    own.write_text(
        "unit,severity,gbp,prices,source\ncasualty,fatal,2000000,2024,mine\ncasualty,serious,2e5,2024,mine\n"
    )
    assert load("casualty", table=own).gbp == {"fatal": 2e6, "serious": 2e5}
    own.write_text("unit,severity,gbp,prices,source\ncasualty,dead,-1,2024,mine\ncasualty,fatal,1,MMXX,mine\n")
    with pytest.raises(SourceError) as refusal:
        load("casualty", table=own)
    assert ":2" in str(refusal.value)
    assert ":3" in str(refusal.value)
    own.write_text("severity,gbp\nfatal,1\n")
    with pytest.raises(SourceError, match="no column unit, prices, source"):
        load("casualty", table=own)
