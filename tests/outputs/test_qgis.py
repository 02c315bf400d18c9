"""The files in the real QGIS, which runs under the system's own Python."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from demandgeo.outputs import layers, rasters
from demandgeo.outputs.cartography import map_layers
from demandgeo.outputs.palettes import rgb

PYTHON = "/usr/bin/python3"
PROBE = Path(__file__).with_name("qgis_probe.py")

pytestmark = pytest.mark.qgis


@pytest.fixture(scope="module")
def seen(artifacts, about, tmp_path_factory):
    if (
        not Path(PYTHON).exists()
        or subprocess.run([PYTHON, "-c", "import qgis.core"], check=False, capture_output=True).returncode
    ):
        pytest.skip(f"{PYTHON} has no module qgis: apt-get install python3-qgis qgis-providers")
    made, moved, pictures = (tmp_path_factory.mktemp(name) for name in ("made", "moved", "pictures"))
    files = [*layers(artifacts, made, about=about), *rasters(artifacts, made, about=about)]
    # Somewhere else than where they were written: nothing in them may depend on the folder.
    files = [Path(shutil.move(path, moved)) for path in files]
    opened = [path for path in files if path.suffix != ".qml"]
    ran = subprocess.run([PYTHON, PROBE, pictures, *opened], capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stderr
    assert "partially supported" not in ran.stderr
    return json.loads(ran.stdout)


def test_every_layer_opens_where_it_belongs(seen):
    names = [
        "zones",
        "grid",
        "demand",
        "surface",
        "layered",
        "areas",
        "events",
        "headline",
        "surface.tif",
        "layered.tif",
    ]
    assert [*seen] == names
    assert {name: (layer["valid"], layer["crs"]) for name, layer in seen.items()} == dict.fromkeys(
        names, (True, "EPSG:27700")
    )


@pytest.mark.parametrize("name", ["demand", "surface", "layered", "areas", "headline"])
def test_default_styles_load_with_our_classes(seen, artifacts, name):
    layer = map_layers({name: artifacts[name]})[name]
    assert seen[name]["renderer"] == "graduatedSymbol"
    assert seen[name]["legend"][-len(layer.classes.labels) + 1 :] == [*layer.classes.labels[1:]]
    assert seen[name]["legend"][0].startswith("0 ") == layer.classes.has_zero


@pytest.mark.parametrize("name", ["demand", "surface", "areas", "surface.tif"])
def test_the_picture_shows_every_class(seen, artifacts, name):
    """Each colour of the legend, seen at the layer's opacity of 85 % on white."""
    classes = map_layers(artifacts)[name.removesuffix(".tif")].classes
    found = [rgb(colour) for colour in seen[name]["colours"]]
    for colour in classes.colours:
        expected = [round(0.85 * part + 0.15 * 255) for part in rgb(colour)]
        assert min(max(abs(a - b) for a, b in zip(expected, other, strict=True)) for other in found) <= 2, colour


@pytest.mark.parametrize("name", ["zones", "grid", "events", "layered.tif"])
def test_the_other_pictures_are_not_blank(seen, name):
    assert sum(seen[name]["colours"].values()) - seen[name]["colours"].get("#ffffff", 0) > 300


def test_labels_names_and_descriptions(seen):
    assert [name for name, layer in seen.items() if layer.get("labels")] == ["areas", "headline"]
    assert seen["demand"]["aliases"]["value"] == "Incidents per zone"
    assert seen["areas"]["aliases"]["demand_share"] == "Share of demand (0 to 1)"
    assert seen["surface"]["title"] == "surface: crime"
    assert "method: quartic" in seen["surface"]["abstract"]


def test_rasters_load_their_style_and_nodata(seen):
    raster = seen["surface.tif"]
    assert raster["renderer"] == "singlebandpseudocolor"
    assert raster["legend"][0] == "0 harm per km² per year (not drawn)"
    assert raster["band"] == "Band 1: Crime, harm per km² per year"
    assert raster["nodata"] == -9999
