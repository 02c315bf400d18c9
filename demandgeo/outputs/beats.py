"""Patrol areas on a map: neighbours in different colours, few colours in all."""

from __future__ import annotations

import networkx as nx
import numpy as np

from demandgeo.domain import PatrolAreas
from demandgeo.domain.record import Floats
from demandgeo.outputs import wording
from demandgeo.outputs.classes import Classes
from demandgeo.outputs.maplayers import MapLayer, demand_facts, weighted_by
from demandgeo.outputs.palettes import APART


def patrol_areas_layer(record: PatrolAreas, name: str) -> MapLayer:
    """Colour areas so that those beside each other differ; the colour says nothing else."""
    frame, colours = record.to_frame(), colour_numbers(record)
    frame.insert(frame.columns.get_loc("geometry"), "colour", colours)
    frame["area"] += 1
    frame.insert(frame.columns.get_loc("geometry"), "label", frame["area"].astype(str) + " " + frame["name"])
    used = int(colours.max())
    return MapLayer(
        title=f"{wording.words(name)}: {len(frame)} patrol area{'s' * (len(frame) != 1)}",
        subtitle=f"Workload: {record.demand.name} by {record.support.unit_name}, {record.demand.period}"
        f"{weighted_by(record.demand)}",
        frame=frame,
        column="colour",
        unit="patrol areas (a colour only tells neighbours apart)",
        classes=Classes(
            tuple(map(float, range(used + 1))),
            tuple(_members(colours, number) for number in range(1, used + 1)),
            tuple(APART[number % len(APART)] for number in range(used)),
        ),
        label="label",
        aliases={
            "label": "Number and name",
            "colour": "Colour (tells neighbours apart)",
            "demand": wording.capital(wording.amount(record.demand)),
            "districts": "Districts it meets (n)",
            "max_seconds": "Longest travel time (s)",
            "mean_seconds": "Mean travel time (s)",
            "name": "Name",
            "relative_workload": "Workload per team over the mean",
            "teams": "Teams (n)",
        },
        facts={**demand_facts(record.demand), "certificate": record.method},
        notes=(record.sentence(),),
        support=record.support,
    )


def colour_numbers(record: PatrolAreas) -> Floats:
    """float64 [areas]: a colour of each, 1, 2, ..., no two neighbours the same."""
    graph = nx.Graph()
    graph.add_nodes_from(range(len(record.table)))
    graph.add_edges_from(sorted(record.neighbours()))
    found = nx.greedy_color(graph, strategy="DSATUR")
    return np.array([found[area] + 1.0 for area in range(len(record.table))])


def _members(colours: Floats, number: int) -> str:
    return ", ".join(str(area + 1) for area in np.flatnonzero(colours == number))
