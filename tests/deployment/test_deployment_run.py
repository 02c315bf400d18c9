"""The deployment configuration that ships: one YAML from the made city to scorecard, layers and Pareto front."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyogrio
import pytest
import yaml

import demandgeo as dg

CONFIG = Path(__file__).parents[2] / "configs" / "made_city_deployment.yaml"
MOST_SECONDS = 120.0


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Run it into a folder of its own, and say how long that took."""
    folder = tmp_path_factory.mktemp("deployment")
    path = folder / "run.yaml"
    path.write_text(yaml.safe_dump({"extends": str(CONFIG), "outputs": {"folder": "out"}}))
    started = time.process_time()
    return dg.run(path), folder / "out", time.process_time() - started


def test_it_takes_two_minutes_at_most(run):
    assert run[2] < MOST_SECONDS


def test_the_scorecard_has_every_option_and_both_periods(run):
    result, out, _ = run
    card = result.artifacts["card"]
    assert card.options.names == ("today", "four stations", "evening first", "best seven")
    assert not card.rows[["value", "p10", "max_regret", "held_out"]].isna().any(axis=None)
    assert "gap 0.00%" in card.provenance["searches"]["best seven"]
    rows = pd.read_csv(out / "card.csv")
    assert len(rows) == 4 * rows["criterion"].nunique()
    assert set(pd.read_csv(out / "card.shifts.csv")["shift"]) == {"early", "late", "night"}
    ranking = pd.read_csv(out / "card.ranking.csv")
    np.testing.assert_allclose(ranking["probability_first"].sum(), 1.0, atol=1e-5)


def test_layers_and_pictures_are_there(run):
    _, out, _ = run
    layers = {name for name, _ in pyogrio.list_layers(out / "layers.gpkg")}
    drawn = {"four_stations", "best_seven", "patrol_areas", "ten_counters", "ten_cameras", "areas", "patrol"}
    assert drawn <= layers
    for name in drawn | {"card", "front", "cost_front"}:
        assert (out / f"{name}.png").stat().st_size > 10_000
    changes = pyogrio.read_dataframe(out / "layers.gpkg", layer="four_stations")
    assert (changes["change_min"] >= -0.01).all()
    assert changes["change_min"].max() > 1.0


def test_every_plan_of_the_fronts_and_every_option_has_its_bound(run):
    result, out, _ = run
    for name in ("front", "cost_front"):
        front = result.artifacts[name]
        assert (front.table["gap"] <= 1e-5).all()
        assert front.options["option"].tolist() == ["today", "four stations", "evening first", "best seven"]
        assert len(pd.read_csv(out / f"{name}.options.csv")) == 4
    # The searched option is the best there is with its seven bases, one of them fixed.
    best = result.artifacts["front"].options.set_index("option").loc["best seven"]
    assert best["gap"] <= 1e-5
    assert result.artifacts["patrol_areas"].balanced


def test_counters_and_cameras_are_proven(run):
    result, out, _ = run
    counters, cameras = result.artifacts["ten_counters"], result.artifacts["ten_cameras"]
    assert (len(counters.sites), counters.open.size, cameras.open.size) == (37, 10, 10)
    assert counters.gap < 1e-6
    assert cameras.gap < 1e-6
    assert len(pd.read_csv(out / "ten_counters.alternatives.csv")) == 2


def test_nothing_of_the_next_year_is_in_what_was_searched(run):
    """Other crimes in the held-out year change the held-out column and nothing else."""
    result, out, _ = run
    other = {"reader": "synthetic.crimes", "period": "held_out"}
    # Beside the first run, so that it finds the steps that are the same.
    path = out.parent / "other.yaml"
    outputs = {"folder": "other", "layers": ["card"]}
    path.write_text(yaml.safe_dump({"extends": str(CONFIG), "sources": {"next": other}, "outputs": outputs}))
    card, again = result.artifacts["card"], dg.run(path).artifacts["card"]
    assert [option.open for option in again.options.options] == [option.open for option in card.options.options]
    same = ["value", "change", "p10", "max_regret"]
    pd.testing.assert_frame_equal(again.rows[same], card.rows[same])
    assert (again.rows["held_out"] != card.rows["held_out"]).any()
