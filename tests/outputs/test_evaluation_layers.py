"""Membership, consensus and profiles become layers, pictures and tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyogrio
import pytest

from demandgeo.domain import Consensus, Membership, Profiles
from demandgeo.domain.consensus import VARIANT_COLUMNS
from demandgeo.domain.profiles import PROFILE_COLUMNS
from demandgeo.outputs import figures, layers, tables
from demandgeo.outputs.cartography import map_layers


@pytest.fixture(scope="module")
def artifacts(areas, grid):
    n = areas.support.n
    draws = pd.DataFrame({"draw": [0, 1], "extent_share": [0.1, 0.2], "demand_share": [0.2, 0.3]})
    probability = np.linspace(0, 1, n)
    member = Membership(_with_share(areas), probability, draws, 0.2)
    texts = {"name": "=A", "places": "High Street", "district": "Westside", "main_category": "theft", "trend": "up +9%"}
    row = {name: texts.get(name, 0.25) for name in PROFILE_COLUMNS}
    row |= {"demand_Shoplifting": 3.0, "month_2018-07": 2.0, "rank": 1}
    profile = Profiles(
        areas, pd.DataFrame([{**row, "rank": rank + 1} for rank in range(len(areas.table))]), ("A note.",)
    )
    variant = ["cells of 250 m", 9, 1, 0.1, 0.25, 0.09, 1.0, "On cells, 1 area."]
    share = np.where(np.arange(grid.n) % 7 == 0, 1.0, np.where(np.arange(grid.n) % 7 == 1, 0.5, 0.0))
    consensus = Consensus(grid, share, pd.DataFrame([variant], columns=list(VARIANT_COLUMNS)))
    return {"member": member, "profile": profile, "consensus": consensus}


def _with_share(areas):
    from dataclasses import replace

    return replace(areas, settings={**areas.settings, "demand_share": 0.25})


def test_layers_show_only_places_that_are_ever_chosen(artifacts):
    shown = map_layers(artifacts)
    assert (
        len(shown["member"].frame) == ((artifacts["member"].probability > 0) | artifacts["member"].areas.selected).sum()
    )
    assert shown["member"].classes.labels[-1].startswith("core")
    assert set(np.unique(shown["consensus"].values)) == {3.0, 5.0}
    assert shown["profile"].notes == ("A note.",)


def test_they_are_written_and_drawn(artifacts, tmp_path):
    (package,) = layers(artifacts, tmp_path, about={"run": "try"})
    assert {name for name, _ in pyogrio.list_layers(package)} >= set(artifacts)
    read = pyogrio.read_dataframe(package, layer="profile")
    assert {"demand_Shoplifting", "month_2018_07", "change_low", "area_km2"} <= set(read.columns)
    pictures = figures(artifacts, tmp_path, about={"run": "try"})
    assert {path.stem for path in pictures} == set(artifacts)
    written = {path.name for path in tables(artifacts, tmp_path, about={})}
    assert {"profile.csv", "consensus.csv", "consensus.txt", "member.csv"} <= written
    assert "Stable core" in (tmp_path / "member.txt").read_text()
    assert "Cut in 1 ways" in (tmp_path / "consensus.txt").read_text()
