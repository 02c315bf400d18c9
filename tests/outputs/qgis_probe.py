"""Opens result files in the real QGIS and prints what it sees, as JSON. Run by the system's Python, which has QGIS.

Usage: python3 qgis_probe.py PICTURES FILE...
"""

import json
import os
import sys
import tempfile
from pathlib import Path

os.environ["QT_QPA_PLATFORM"] = "offscreen"
os.environ["XDG_RUNTIME_DIR"] = tempfile.mkdtemp()

from qgis.core import (
    QgsApplication,
    QgsMapRendererSequentialJob,
    QgsMapSettings,
    QgsRasterLayer,
    QgsVectorLayer,
)
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor


def render(layer, path):
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setDestinationCrs(layer.crs())
    settings.setExtent(layer.extent().buffered(0.02 * layer.extent().width()))
    settings.setOutputSize(QSize(600, 500))
    settings.setBackgroundColor(QColor("white"))
    job = QgsMapRendererSequentialJob(settings)
    job.start()
    job.waitForFinished()
    picture = job.renderedImage()
    picture.save(str(path))
    colours = {}
    for x in range(picture.width()):
        for y in range(picture.height()):
            name = picture.pixelColor(x, y).name()
            colours[name] = colours.get(name, 0) + 1
    return dict(sorted(colours.items(), key=lambda item: -item[1])[:40])


def facts(layer, path):
    return {
        "valid": layer.isValid(),
        "crs": layer.crs().authid(),
        "renderer": layer.renderer().type(),
        "title": layer.metadata().title(),
        "abstract": layer.metadata().abstract(),
        "colours": render(layer, path),
    }


def vector(path, name, pictures):
    layer = QgsVectorLayer(f"{path}|layername={name}", name, "ogr")
    return {
        **facts(layer, pictures / f"{name}.png"),
        "features": layer.featureCount(),
        "legend": [item.label() for item in layer.renderer().legendSymbolItems()],
        "aliases": {field.name(): field.alias() for field in layer.fields()},
        "labels": layer.labelsEnabled(),
    }


def raster(path, pictures):
    layer = QgsRasterLayer(str(path), path.stem, "gdal")
    shader = layer.renderer().shader()
    return {
        **facts(layer, pictures / f"{path.stem}-raster.png"),
        "legend": [item.label for item in shader.rasterShaderFunction().colorRampItemList()] if shader else [],
        "band": layer.bandName(1),
        "nodata": layer.dataProvider().sourceNoDataValue(1),
    }


def look(path, pictures):
    if path.suffix != ".gpkg":
        return {path.name: raster(path, pictures)}
    whole = QgsVectorLayer(str(path), "all", "ogr")
    names = [text.split("!!::!!")[1] for text in whole.dataProvider().subLayers()]
    return {name: vector(path, name, pictures) for name in names if name != "layer_styles"}


application = QgsApplication([], False)
application.initQgis()
seen = {}
for file in sys.argv[2:]:
    seen |= look(Path(file), Path(sys.argv[1]))
print(json.dumps(seen))
sys.stdout.flush()
# Leaving the ordinary way aborts when a layer outlives the application.
os._exit(0)
