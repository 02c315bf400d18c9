from __future__ import annotations

import numpy as np
import pandas as pd
import pyogrio
import shapely

from demandgeo.domain import Balance, Demand, DensityRegions, Events, Grid, Labels, LocalStatistic, Network
from demandgeo.domain.regions import REGION_COLUMNS
from demandgeo.outputs.cartography import map_layer
from demandgeo.outputs.furniture import map_notes
from demandgeo.outputs.geopackage import layers
from demandgeo.outputs.palettes import STREET
from demandgeo.outputs.pictures import figures
from demandgeo.outputs.styles import vector_style
from demandgeo.outputs.wording import APPROXIMATE

GRID = Grid.covering((0, 0, 500, 100), cell=100, crs="EPSG:27700")


def test_a_local_statistic_is_shaded_by_its_strongest_evidence() -> None:
    z, p = np.array([5.0, 3.0, 2.0, 0.0, np.nan]), np.array([0.001, 0.002, 0.04, 0.5, np.nan])
    q = np.array([0.005, 0.01, 0.2, 0.5, np.nan])
    record = LocalStatistic(GRID, np.arange(5.0), z, p, q, provenance={"family_wise_threshold": 4.0})
    layer = map_layer(record, "peaks")
    assert layer is not None
    assert layer.classes is not None
    assert layer.classes.of(layer.values).tolist() == [2, 1, 0, -1, -2]
    assert layer.classes.zero == "no more than chance"
    assert (layer.classes.has_zero, layer.classes.has_missing) == (True, True)


def test_the_smaller_of_nested_regions_lies_on_top_and_is_darkest() -> None:
    rows = [(0.25, 0.3, 10_000.0, 0.2, 1, 3.0), (0.5, 0.6, 20_000.0, 0.4, 2, 2.0)]
    regions = DensityRegions(GRID, np.array([0, 1, -1, -1, -1]), pd.DataFrame(rows, columns=list(REGION_COLUMNS)))
    layer = map_layer(regions, "regions")
    assert layer is not None
    assert layer.classes is not None
    assert layer.frame["share"].tolist() == [0.5, 0.25]
    drawn = layer.classes.of(layer.values)
    assert [layer.classes.labels[i] for i in drawn] == ["50% of demand", "25% of demand"]
    assert layer.classes.colours[drawn[1]] < layer.classes.colours[drawn[0]]


def test_a_map_of_residents_speaks_of_no_period_and_no_recorded_points() -> None:
    nothing = Balance(np.zeros(4, int), np.array([9.0, 0, 0, 0]))
    layer = map_layer(Demand(GRID, np.arange(5.0), "residents", nothing, "count", "", "population"), "people")
    assert layer is not None
    assert (layer.title, layer.subtitle) == ("People: population", "Residents per 100 m cell")
    assert map_notes(layer) == []
    events = Balance(np.array([5, 0, 0, 0]), np.array([9.0, 0, 0, 0]))
    crime = map_layer(Demand(GRID, np.arange(5.0), "incidents", events, "count", "2018-07", "crime"), "crime")
    assert crime is not None
    assert map_notes(crime) == [APPROXIMATE]


def streets(**columns: Labels) -> Network:
    lines = shapely.linestrings([[[0, 0], [400, 0]], [[400, 0], [400, 300]], [[400, 0], [900, 0]], [[0, 0], [0, 90]]])
    return Network.from_lines(lines, crs="EPSG:27700", **columns)


def test_streets_are_coloured_by_their_class() -> None:
    layer = map_layer(streets(highway=Labels.of(["trunk_link", "residential", "tertiary", "footway"])), "streets")
    assert layer is not None
    assert layer.classes is not None
    assert layer.kind == "line"
    assert layer.values.tolist() == [4.0, 1.0, 2.0, 0.0]
    assert [layer.classes.labels[i] for i in layer.classes.of(layer.values)[:3]] == [
        "motorway or trunk road",
        "local street",
        "secondary or tertiary road",
    ]
    assert layer.zero_colour == STREET
    assert 'type="line"' in vector_style(layer)
    plain = map_layer(streets(), "streets")
    assert plain is not None
    assert plain.classes is None


def test_a_density_along_streets_is_a_layer_of_lines_and_a_picture(tmp_path) -> None:
    from demandgeo.roads import density

    demand = density(Events.at([100.0, 420.0], [3.0, 1.0], crs="EPSG:27700"), streets(), bandwidth=80.0)
    layer = map_layer(demand, "ksi")
    assert layer is not None
    assert layer.unit == "incidents per km"
    assert {"segment", "from_m", "to_m", "length_km", "value", "count"} <= set(layer.frame)
    (path,) = layers({"ksi": demand}, tmp_path, about={})
    read = pyogrio.read_dataframe(path, layer="ksi")
    assert len(read) == demand.support.n
    assert set(read.geometry.geom_type) == {"MultiLineString"}
    assert "SimpleLine" in pyogrio.read_dataframe(path, layer="layer_styles")["styleQML"].iloc[0]
    assert figures({"ksi": demand}, tmp_path, about={"run": "try"})[0].stat().st_size > 10_000
