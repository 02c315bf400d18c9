"""QGIS styles (QML), written without QGIS.

QGIS 3.22 and later read them; `tests/outputs/test_qgis.py` opens them in the real one.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from demandgeo.outputs.classes import Classes
from demandgeo.outputs.maplayers import MapLayer
from demandgeo.outputs.palettes import ACCENT, INK, LINE, NOTHING, rgb

DOCTYPE = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
OPACITY = "0.85"
"""Lets a base map show through."""


def vector_style(layer: MapLayer) -> str:
    """Return the style of a layer of shapes, lines or points: classes, labels, column names."""
    root = _qgis(labelsEnabled=str(int(bool(layer.label))))
    root.append(_graduated(layer, layer.classes) if layer.classes else _single(layer))
    if layer.label:
        root.append(_labels(layer))
    _text(root, "layerOpacity", OPACITY if layer.kind == "fill" else "1")
    aliases = SubElement(root, "aliases")
    columns = [column for column in layer.frame.columns if column != layer.frame.geometry.name]
    for index, column in enumerate(columns, start=1):  # 0 is the GeoPackage's own fid
        SubElement(aliases, "alias", index=str(index), field=column, name=layer.alias(column))
    return _document(root)


def raster_style(classes: Classes, unit: str) -> str:
    """Return the style of a raster's first band: zero transparent, then the classes."""
    root = _qgis()
    pipe = SubElement(root, "pipe")
    top = repr(classes.bounds[-1]) if classes.bounds else "0.0"
    renderer = SubElement(
        pipe, "rasterrenderer", type="singlebandpseudocolor", band="1", opacity=OPACITY, alphaBand="-1",
        classificationMin="0", classificationMax=top,
    )  # fmt: skip
    shader = SubElement(SubElement(renderer, "rastershader"), "colorrampshader", colorRampType="DISCRETE",
                        classificationMode="1", clip="0", minimumValue="0", maximumValue=top)  # fmt: skip
    SubElement(shader, "item", value="0", color="#ffffff", alpha="0", label=zero_label(unit))
    # The last class has no upper end: the largest value as float32 may lie above the largest as float64.
    ends = [*map(repr, classes.bounds[1:-1]), "inf"]
    for end, colour, label in zip(ends, classes.colours, classes.labels, strict=False):
        SubElement(shader, "item", value=end, color=colour, alpha="255", label=label)
    _text(root, "blendMode", "0")
    return _document(root)


def zero_label(unit: str) -> str:
    """Name the transparent class; it opens the legend and so carries the unit of all of it."""
    return f"0 {unit} (not drawn)"


def _graduated(layer: MapLayer, classes: Classes) -> Element:
    renderer = _renderer("graduatedSymbol", attr=layer.column, graduatedMethod="GraduatedColor")
    ranges, symbols = SubElement(renderer, "ranges"), SubElement(renderer, "symbols")
    rows = [(low, high, label, colour) for (low, high), label, colour in
            zip(pairwise(classes.bounds), classes.labels, classes.colours, strict=True)]  # fmt: skip
    if classes.has_zero:
        # QGIS takes the first range that holds a value, so that zero never falls into the class above it.
        zero = zero_label(layer.unit) if classes.zero == "0" else classes.zero
        rows.insert(0, (0.0, 0.0, zero, ""))
    for index, (low, high, label, colour) in enumerate(rows):
        text = label if index or classes.has_zero or layer.unit in label else f"{label} {layer.unit}"
        SubElement(ranges, "range", symbol=str(index), lower=repr(low), upper=repr(high), label=text, render="true")
        symbols.append(_symbol(layer, index, colour))
    return renderer


def _single(layer: MapLayer) -> Element:
    renderer = _renderer("singleSymbol")
    SubElement(renderer, "symbols").append(_symbol(layer, 0, ACCENT if layer.kind != "fill" else ""))
    return renderer


def _symbol(layer: MapLayer, index: int, colour: str) -> Element:
    """Build one symbol; shapes without a colour are drawn as an outline."""
    symbol = Element("symbol", type=layer.kind, name=str(index), alpha="1", clip_to_extent="1", force_rhr="0")
    kind, options = {"fill": _fill, "line": _line, "marker": _marker}[layer.kind](layer, colour)
    part = SubElement(symbol, "layer", {"class": kind, "enabled": "1", "locked": "0", "pass": "0"})
    _options(part, options)
    return symbol


def _fill(layer: MapLayer, colour: str) -> tuple[str, dict[str, str]]:
    if layer.seamless and colour:
        # An outline of the cell's own colour closes the hairline that smoothing leaves between neighbours.
        outline = {"outline_style": "solid", "outline_color": _rgba(colour), "outline_width": "0.1"}
    elif layer.seamless:
        # Cells without a value vanish; a bare grid keeps a hairline, or it would be nothing at all.
        outline = {
            "outline_style": "no" if layer.column else "solid",
            "outline_color": _rgba(NOTHING),
            "outline_width": "0",
        }
    else:
        border = INK if layer.column == "rank" else LINE
        outline = {"outline_style": "solid", "outline_color": _rgba(border), "outline_width": "0.15"}
    fill = {"style": "solid", "color": _rgba(colour)} if colour else {"style": "no"}
    return "SimpleFill", {**fill, **outline, "outline_width_unit": "MM", "joinstyle": "round"}


def _line(layer: MapLayer, colour: str) -> tuple[str, dict[str, str]]:
    width = "0.6" if layer.classes else "0.3"
    return "SimpleLine", {
        "line_color": _rgba(colour or LINE),
        "line_style": "solid",
        "line_width": width if colour else "0.1",
        "line_width_unit": "MM",
        "capstyle": "round",
        "joinstyle": "round",
    }


def _marker(layer: MapLayer, colour: str) -> tuple[str, dict[str, str]]:
    return "SimpleMarker", {
        "name": "circle",
        "color": _rgba(colour or LINE),
        "size": "2" if layer.classes else "1.2",
        "size_unit": "MM",
        "outline_style": "no",
    }


def _labels(layer: MapLayer) -> Element:
    ranked = layer.column == "rank"
    expression = f'to_string("rank") || \'. \' || "{layer.label}"' if ranked else layer.label
    labeling = Element("labeling", type="simple")
    settings = SubElement(labeling, "settings", calloutType="simple")
    style = SubElement(
        settings, "text-style", fieldName=expression, isExpression=str(int(ranked)), fontFamily="DejaVu Sans",
        fontSize="8", fontSizeUnit="Point", textColor=_rgba(INK), textOpacity="1",
    )  # fmt: skip
    SubElement(style, "text-buffer", bufferDraw="1", bufferSize="0.8", bufferSizeUnits="MM",
               bufferColor="255,255,255,255", bufferOpacity="1")  # fmt: skip
    # Over the middle of an area; beside a point, which a name would hide.
    beside = layer.kind == "marker"
    SubElement(
        settings, "placement", placement="0" if beside else "1", dist="1.5" if beside else "0", centroidInside="1"
    )
    SubElement(settings, "rendering", drawLabels="1", obstacle="1")
    return labeling


def _renderer(kind: str, **attributes: str) -> Element:
    return Element(
        "renderer-v2", {"type": kind, "symbollevels": "0", "enableorderby": "0", "forceraster": "0", **attributes}
    )


def _options(parent: Element, options: Mapping[str, str]) -> None:
    box = SubElement(parent, "Option", type="Map")
    for name, value in options.items():
        SubElement(box, "Option", name=name, type="QString", value=value)


def _rgba(colour: str) -> str:
    return ",".join(map(str, (*rgb(colour), 255)))


def _qgis(**attributes: str) -> Element:
    return Element("qgis", {"version": "3.22.0", "styleCategories": "AllStyleCategories", **attributes})


def _text(parent: Element, tag: str, text: str) -> None:
    SubElement(parent, tag).text = text


def _document(root: Element) -> str:
    indent(root)
    return DOCTYPE + tostring(root, encoding="unicode") + "\n"
