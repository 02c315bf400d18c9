"""The configuration that ``demandgeo init`` writes: the shortest that does the main job, with a word on each line."""

from __future__ import annotations

import json
from pathlib import Path

from demandgeo.errors import OutputError
from demandgeo.runs.folders import write_text
from demandgeo.runs.schemas import schema

CONFIG, SCHEMA = "demandgeo.yaml", "demandgeo.schema.json"

TEMPLATE = """\
# yaml-language-server: $schema=./demandgeo.schema.json
# Check it:  demandgeo validate demandgeo.yaml     Run it:  demandgeo run demandgeo.yaml
run:
  name: my-force            # names the result folder
  title: My force           # title on maps and layers
  seed: 1                   # every step that uses chance derives its own seed from this

sources:                    # what is read; paths are relative to this file
  zones: {reader: boundaries, path: boundaries.gpkg, id: LSOA11CD, population: persons, group: la}
  crime: {reader: police_uk, path: police}            # a folder of months, a .csv, a .csv.gz or a .zip
  # before: {reader: police_uk, path: police, months: [2017-07]}   # the period before, for change and back-test

steps:                      # each step names what stands above it; `as` names its result
  - {stage: severity.weigh, events: crime, index: ons-css, as: harm}        # or index: count
  - {stage: density.grid, zones: zones, cell: 250, as: grid}                # metres
  - {stage: density.surface, events: harm, grid: grid, bandwidth: 400, as: surface}
  - {stage: density.count, events: harm, support: zones, as: demand}
  - {stage: density.headline, events: harm, zones: zones, as: headline}
  - {stage: priority.select, demand: demand, demand_share: 0.25, max_areas: 31, as: areas}

outputs:
  folder: results/my-force  # relative to this file
  layers: [surface, demand, areas, headline]

scenarios:                  # demandgeo run demandgeo.yaml --scenarios
  tight: {steps.areas.demand_share: 0.20}
"""


def write_template(folder: Path, *, force: bool = False) -> list[Path]:
    """Write ``demandgeo.yaml`` and ``demandgeo.schema.json`` into a folder.

    Raises
    ------
    OutputError
        If one of them is there already and `force` is not set, or the folder cannot be written.
    """
    targets = {folder / CONFIG: TEMPLATE, folder / SCHEMA: json.dumps(schema(), indent=1) + "\n"}
    for path in targets:
        if path.exists() and not force:
            raise OutputError(f"{path} is there already", remedy="give --force to replace it, or another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in targets.items():
            write_text(path, text)
    except OSError as error:
        raise OutputError(f"{folder} cannot be written: {error.strerror}", remedy="give another folder") from error
    return list(targets)
