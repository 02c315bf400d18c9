from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import replace

import matplotlib as mpl
import matplotlib.image
import numpy as np
import pytest

from demandgeo import outputs
from demandgeo.domain import Balance, Demand, Events, Grid
from demandgeo.outputs import figures
from demandgeo.outputs.cartography import map_layer
from demandgeo.outputs.curves import cherry_pick, concentration
from demandgeo.outputs.furniture import round_length
from demandgeo.outputs.outlines import districts
from demandgeo.outputs.palettes import rgb
from demandgeo.outputs.pictures import _map


def pixels(path, colour: str) -> int:
    picture = np.round(mpl.image.imread(path)[..., :3] * 255).astype(int)
    return int((picture == rgb(colour)).all(axis=2).sum())


def texts(figure) -> list[str]:
    found = [text.get_text() for text in figure.texts]
    for legend in figure.legends:
        found += [legend.get_title().get_text(), *(text.get_text() for text in legend.get_texts())]
    for axes in figure.axes:
        found += [text.get_text() for text in axes.texts]
    return found


@pytest.fixture(scope="module")
def folder(artifacts, about, tmp_path_factory):
    target = tmp_path_factory.mktemp("figures")
    written = figures(artifacts, target, about=about)
    assert [path.stem for path in written] == [
        *("zones", "grid", "demand", "surface", "layered", "areas", "areas.concentration", "events", "headline")
    ]
    return target


@pytest.mark.parametrize("name", ["demand", "surface", "areas"])
def test_every_class_of_the_legend_is_on_the_map(folder, artifacts, name):
    layer = map_layer(artifacts[name], name)
    swatch = 400
    for colour in layer.classes.colours:
        assert pixels(folder / f"{name}.png", colour) > swatch, colour


def test_a_map_says_unit_what_is_missing_and_where_it_comes_from(demand, about):
    found = texts(_map(map_layer(demand, "demand"), about))
    assert "Incidents per zone" in found
    assert found[0] == "Demand: crime"
    assert any("4.0% has no location" in text and "Locations are approximate" in text for text in found)
    assert any("made-town" in text and "© nobody" in text for text in found)
    assert {"N", "0", "Westside", "Eastside"} <= set(found)


def test_the_legend_runs_from_high_to_low_and_ends_with_zero_and_no_data(surface, about):
    (legend,) = _map(map_layer(surface, "surface"), about).legends
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels[0] == "250 to 299"
    assert labels[-2:] == ["0", "no data"]


def test_the_scale_bar_is_as_long_as_it_says(demand, about):
    figure = _map(map_layer(demand, "demand"), about)
    (axes,) = figure.axes
    west = axes.get_xlim()[0]
    ends = {text.get_text(): text.get_position()[0] - west for text in axes.texts if text.get_position()[1] == -0.035}
    assert ends == {"0": 0.0, "1 km": 1000.0}
    box = axes.get_window_extent()
    metres = np.diff(axes.get_xlim())[0] / box.width, np.diff(axes.get_ylim())[0] / box.height
    assert metres[0] == pytest.approx(metres[1])


@pytest.mark.parametrize("metres", [0.3, 1, 9.99, 640, 13_700, 1e6])
def test_a_round_length_is_round_and_near(metres):
    assert metres / 2.5 <= round_length(metres) <= metres
    assert f"{round_length(metres):e}"[0] in "125"


def test_the_map_of_areas_quotes_the_sentence_whole(areas, about):
    found = " ".join(" ".join(texts(_map(map_layer(areas, "areas"), about))).split())
    assert areas.sentence().removeprefix("2 areas") in found
    assert "1 Eastside 1" in found


def test_the_concentration_curve_shows_the_chosen_point(areas, about):
    figure = concentration(areas, about)
    (axes,) = figure.axes
    by_label = {line.get_label(): line.get_xydata() for line in axes.lines}
    assert by_label["The 2 chosen areas"].tolist() == [[areas.extent_share, areas.demand_share]]
    assert by_label["If incidents were spread evenly"].tolist() == [[0, 0], [1, 1]]


def test_the_curve_is_the_best_of_every_choice(demand):
    x, y = cherry_pick(demand)
    extent, total = demand.support.extent, demand.total
    for chosen in range(1, 2**12):
        rows = (chosen >> np.arange(12)) & 1 == 1
        held = total[rows].sum() / total.sum()
        assert held <= np.interp(extent[rows].sum() / extent.sum(), x, y) + 1e-12
    assert (x[0], y[0], x[-1], y[-1]) == (0, 0, 1, 1)


def test_outlines_of_cells_and_of_zones_are_the_same_districts(zones, grid):
    by_zones, by_cells = districts(zones).set_index("name"), districts(grid).set_index("name")
    assert sorted(by_zones.index) == sorted(by_cells.index) == ["Eastside", "Westside"]
    for name in by_zones.index:
        assert by_zones.geometry[name].symmetric_difference(by_cells.geometry[name]).area == pytest.approx(0, abs=1)


def test_no_text_runs_off_the_page_and_a_dollar_is_a_dollar(demand, tmp_path):
    long = "Headline: crime in 2023-01..2023-12 (12 months) by district, against 2022-01..2022-12 (12 months)"
    given = {"title": r"Costs $5 and \frac{$", "attribution": "Contains public sector information and OS data. " * 12}
    layer = replace(map_layer(demand, "demand"), title=long, subtitle=f"{long}, {long[:40]}", notes=(long * 5,))
    with mpl.style.context(["default", {"text.parse_math": False}]):
        figure = _map(layer, given)
        figure.canvas.draw()
    width, height = figure.bbox.size
    for text in figure.texts:
        box = text.get_window_extent()
        assert box.x0 >= 0, text.get_text()
        assert box.x1 <= width, text.get_text()
        assert box.y0 >= 0, text.get_text()
        assert box.y1 <= height, text.get_text()
    figures({"demand": demand}, tmp_path, about=given)


def test_what_is_hard_to_frame_is_drawn(tmp_path):
    nowhere = Events.at([np.nan], [np.nan], crs="EPSG:27700")
    point = Events.at([430_000.0], [430_000.0], crs="EPSG:27700")
    strip = Grid.covering((0, 0, 100, 50_000), cell=100, crs="EPSG:27700")
    zero = Demand(strip, np.zeros(strip.n), "incidents", Balance(np.zeros(4), np.zeros(4)), "count", "2018-07")
    written = figures({"nowhere": nowhere, "point": point, "strip": zero}, tmp_path, about={})
    assert [path.stat().st_size > 5000 for path in written] == [True] * 3


def test_a_users_theme_changes_nothing_and_is_left_alone(demand, folder, about, tmp_path):
    with mpl.rc_context({"text.color": "red", "font.size": 30, "axes.facecolor": "black", "savefig.dpi": 30}):
        figures({"demand": demand}, tmp_path, about=about)
        assert mpl.rcParams["font.size"] == 30
    assert (tmp_path / "demand.png").read_bytes() == (folder / "demand.png").read_bytes()


def test_pictures_hold_no_date_and_no_version(folder):
    head = (folder / "areas.png").read_bytes()
    assert b"tEXt" not in head
    assert b"tIME" not in head


WRITERS = [name for name in outputs.__all__ if name != "mosaic"]


def test_the_same_artifacts_give_the_same_bytes(artifacts, about, tmp_path):
    hashes = []
    for folder in (tmp_path / "first", tmp_path / "elsewhere"):
        written = [
            path
            for writer in WRITERS
            for path in getattr(outputs, writer)(
                {k: v for k, v in artifacts.items() if k != "grid"}, folder, about=about
            )
        ]
        assert sorted(path.name for path in folder.iterdir()) == sorted(path.name for path in written)
        hashes.append({path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in written})
    assert hashes[0] == hashes[1]
    assert len(hashes[0]) == 21


def test_naming_the_room_loads_nothing_heavy_and_its_writers_are_found():
    program = (
        "import sys, demandgeo.outputs; heavy = {'matplotlib', 'rasterio', 'pyogrio', 'geopandas'} & set(sys.modules);"
        "from demandgeo.registry import WRITERS; print(heavy, [WRITERS.find(f'outputs.{n}').name for n in"
        f" {WRITERS}])"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set() ['outputs.figures', 'outputs.layers', 'outputs.rasters', 'outputs.tables']"
