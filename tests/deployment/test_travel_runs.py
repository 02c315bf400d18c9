"""Travel times as steps of a configuration."""

from __future__ import annotations

import numpy as np
import osmnx as ox
import yaml

import demandgeo as dg
from demandgeo.domain import CostMatrix
from demandgeo.synthetic import perturbed_grid


def test_travel_times_are_steps_of_a_configuration(tmp_path):
    ox.save_graphml(perturbed_grid(300, seed=3), tmp_path / "streets.graphml")
    (tmp_path / "bases.csv").write_text("id,x,y\nNorth,430000,434000\n07,431000,434000\n")
    (tmp_path / "times.csv").write_text("origin,destination,seconds\nA,x,60\n")
    how = {"profile": "blue light", "speeds": {"residential": 25.0}, "limit": 600.0, "as": "by_street"}
    config = {
        "run": {"name": "travel", "seed": 1},
        "sources": {
            "streets": {"reader": "streets", "path": "streets.graphml"},
            "zones": {"reader": "synthetic.zones"},
            "bases": {"reader": "deployment.places", "path": "bases.csv", "crs": "EPSG:27700"},
            "given": {"reader": "deployment.cost_matrix", "path": "times.csv"},
        },
        "steps": [
            {"stage": "deployment.travel_times", **dict.fromkeys(("net", "origins", "destinations"), "streets"), **how},
            {
                "stage": "deployment.straight_line_times",
                "origins": "bases",
                "destinations": "zones",
                "as": "straight",
            },
        ],
        "outputs": {"folder": "out"},
    }
    path = tmp_path / "travel.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    result = dg.run(path)
    by_street, straight, given = (result.artifacts[name] for name in ("by_street", "straight", "given"))
    assert isinstance(by_street, CostMatrix)
    assert by_street.provenance["speeds"] == {"residential": 25.0}
    reached = by_street.seconds[np.isfinite(by_street.seconds)]
    assert 0 < reached.max() <= 600.0
    assert straight.profile == "day, straight line"
    assert straight.origins.ids == ("North", "07")
    assert given.seconds.tolist() == [[60.0]]
