from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from demandgeo.domain import Balance
from demandgeo.outputs.wording import alias, amount, left_out, number, unit, words


@given(st.floats(1e-9, 1e9))
def test_a_number_in_a_legend_is_near_the_number(value):
    assert float(number(value).replace(",", "")) == pytest.approx(value, rel=0.006)


@pytest.mark.parametrize(("value", "text"), [(0, "0"), (1234567, "1,234,567"), (99.96, "100"), (0.00012, "0.00012")])
def test_numbers(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("area_km2", "Area (km²)"),
        ("burglary_change", "Burglary change (0.1 is 10% more)"),
        ("burglary_change_low", "Burglary change (lower limit, 0.1 is 10% more)"),
        ("burglary_per_1000", "Burglary (per 1,000 residents)"),
        ("zone_code", "Zone code"),
    ],
)
def test_column_names(column, text):
    assert alias(column) == text


def test_units(demand, surface):
    assert unit(demand) == "incidents per zone"
    assert unit(surface) == "harm per km² per year"
    assert amount(demand) == "incidents"
    # What the choice of areas makes of an intensity: multiplied by the extent, it is still per year.
    assert amount(replace(surface, measure="weight/yr")) == "harm per year"
    assert words("next_harm") == "Next harm"


def test_what_is_left_out_is_said_and_a_little_is_not_nothing(demand):
    assert "6.0% lies outside the study area, 4.0% has no location" in left_out(demand)
    little = replace(demand, balance=Balance(np.array([9999, 1, 0, 0]), np.array([9999.0, 1, 0, 0])))
    assert left_out(little) == "Not shown: of all recorded events, under 0.1% lies outside the study area."
    whole = replace(demand, balance=Balance(np.array([9, 0, 0, 0]), np.array([9.0, 0, 0, 0])))
    assert left_out(whole) == ""
