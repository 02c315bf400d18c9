"""A map of every layer and the concentration curve of priority areas, as PNG."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import geopandas as gpd
import matplotlib as mpl
import matplotlib.style
import numpy as np
import shapely
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba_array
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from demandgeo.domain import Frontier, Grid, Network, ParetoFront, PriorityAreas, Record, Scorecard
from demandgeo.outputs.cartography import map_layers
from demandgeo.outputs.curves import concentration, frontier
from demandgeo.outputs.files import check_names, write_bytes
from demandgeo.outputs.furniture import MARGIN, legend, list_areas, map_notes, north_arrow, page, scale_bar
from demandgeo.outputs.maplayers import MapLayer
from demandgeo.outputs.outlines import districts
from demandgeo.outputs.palettes import ACCENT, GROUND, INK, LINE, NOTHING, QUIET
from demandgeo.outputs.scorecards import scorecard
from demandgeo.outputs.tradeoffs import pareto
from demandgeo.registry import writer

LEAST_WIDTH = 500.0
"""Metres that a map shows at least, around a single point."""

MANY_LINES = 1000
"""More lines than this are drawn thin."""

MOST_NAMED_LINES = 15

_HALO = [withStroke(linewidth=2.2, foreground="white")]


@writer("outputs.figures")
def figures(artifacts: Mapping[str, Record], folder: Path, *, about: Mapping[str, str]) -> list[Path]:
    """Draw what has geometry, frontiers and scorecards as ``NAME.png``; areas also as ``NAME.concentration.png``.

    Legend with units, scale bar, north arrow, districts, what is not shown, attribution. The classes are those of
    the QGIS styles.

    Parameters
    ----------
    artifacts
        By name, which becomes that of the files.
    folder
        Where to write; made if it is not there.
    about
        What the run says about itself (title, run, run_id, attribution): stands at the foot of the page.

    Returns
    -------
    list of Path
        The pictures.

    Raises
    ------
    OutputError
        If a name is unsafe, listing all such names, or a file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> grid = Grid.covering((0, 0, 1000, 500), cell=250, crs="EPSG:27700")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [path.name for path in figures({"grid": grid}, Path(folder), about={"run": "try"})]
    ['grid.png']
    """
    check_names(artifacts)
    written: list[Path] = []
    # A user's own defaults (a dark notebook theme) must not change what a run draws; and a $ in a title is a dollar.
    with mpl.style.context(["default", {"text.parse_math": False}]):
        for name, layer in map_layers(artifacts).items():
            written.append(_save(_map(layer, about), folder / f"{name}.png"))
            record = artifacts[name]
            if isinstance(record, PriorityAreas):
                written.append(_save(concentration(record, about), folder / f"{name}.concentration.png"))
        for name, record in artifacts.items():
            if isinstance(record, Frontier):
                written.append(_save(frontier(record, about), folder / f"{name}.png"))
            if isinstance(record, Scorecard):
                written.append(_save(scorecard(record, about), folder / f"{name}.png"))
            if isinstance(record, ParetoFront):
                written.append(_save(pareto(record, about), folder / f"{name}.png"))
    return written


def _map(layer: MapLayer, about: Mapping[str, str]) -> Figure:
    figure, notes_end = page(layer.title, layer.subtitle, map_notes(layer), about)
    bottom = max(0.16, notes_end + 0.055)  # the scale bar stands between map and notes
    axes = figure.add_axes((MARGIN, bottom, 0.74, 0.89 - bottom))
    axes.set_axis_off()
    background = None if layer.support is None else districts(layer.support)
    if background is not None and len(background):
        background.plot(ax=axes, color=GROUND, edgecolor="none", aspect=None, zorder=0)
    if isinstance(layer.support, Network) and len(layer.frame) != layer.support.n:
        _draw_streets(axes, layer.support)
    _draw(axes, layer)
    if background is not None and len(background):
        _draw_borders(axes, background)
    if layer.label:
        _draw_labels(axes, layer)
    _frame(axes, layer)
    scale_bar(axes)
    north_arrow(axes)
    legend(figure, layer)
    if layer.column == "rank":
        list_areas(figure, layer)
    return figure


def _draw(axes: Axes, layer: MapLayer) -> None:
    grid = layer.support
    if layer.classes is not None and layer.seamless and isinstance(grid, Grid) and len(layer.frame) == grid.n:
        _draw_cells(axes, layer, grid)
        return
    drawn = layer.drawn
    if not drawn.any():
        return
    look: dict[str, Any]
    if layer.kind == "marker":
        # Many alike are seen through each other; those that a class tells apart are not.
        alpha, size = (0.5, 25) if layer.classes is None else (1.0, 60)
        look = {"markersize": np.clip(30_000 / drawn.sum(), 4, size), "linewidth": 0, "alpha": alpha}
    elif layer.kind == "line":
        look = {"linewidth": 1.2 if drawn.sum() > MANY_LINES else 3.0}
    else:
        edge = INK if layer.column == "rank" else LINE
        look = {"edgecolor": "none" if layer.seamless else edge, "linewidth": 0.5 if layer.label else 0.2}
    layer.frame[drawn].plot(ax=axes, color=_colours(layer)[drawn], aspect=None, **look)


def _colours(layer: MapLayer) -> np.ndarray:
    if layer.classes is None:
        colour = {"fill": GROUND, "line": QUIET, "marker": ACCENT}[layer.kind]
        return np.repeat(to_rgba_array(colour), len(layer.frame), axis=0)
    # The last two are what the classes -2 (no data) and -1 (zero) count back to.
    table = to_rgba_array([*layer.classes.colours, NOTHING, layer.zero_colour])
    return table[layer.classes.of(layer.values)]


def _draw_streets(axes: Axes, streets: Network) -> None:
    lines = gpd.GeoSeries(streets.segments().geometry(), crs=streets.crs)
    lines.plot(ax=axes, color=LINE, linewidth=0.3, aspect=None, zorder=0.5)


def _draw_cells(axes: Axes, layer: MapLayer, grid: Grid) -> None:
    picture = np.zeros((grid.inside.size, 4))
    picture[grid.ids] = _colours(layer)
    west, south, east, north = grid.bounds
    axes.imshow(
        picture.reshape(*grid.shape, 4),
        extent=(west, east, south, north),
        interpolation="nearest",
        aspect="auto",
        zorder=0.5,
    )


def _draw_borders(axes: Axes, background: gpd.GeoDataFrame) -> None:
    background.boundary.plot(ax=axes, color=QUIET, linewidth=0.7, aspect=None)
    for name, place in zip(background["name"], background.representative_point(), strict=True):
        axes.text(place.x, place.y, name, fontsize=9, color=QUIET, ha="center", style="italic", path_effects=_HALO)


def _draw_labels(axes: Axes, layer: MapLayer) -> None:
    ranked = layer.column == "rank"
    # A number beside its area, a name beside its street: most are smaller than the text.
    small = ranked or layer.kind != "fill"
    beside = {"xytext": (4, 4), "textcoords": "offset points"} if small else {"ha": "center", "va": "center"}
    drawn = layer.frame[layer.drawn]
    if layer.kind == "line" and not ranked:
        # Lines are in order of rank, and their names would cover the map.
        drawn = drawn.head(MOST_NAMED_LINES)
    for text, place in zip(drawn["rank" if ranked else layer.label], drawn.representative_point(), strict=True):
        axes.annotate(str(text), (place.x, place.y), fontsize=7.5, color=INK, path_effects=_HALO, **beside)


def _frame(axes: Axes, layer: MapLayer) -> None:
    """Fit the map into its box: equal scales, a little air."""
    places = layer.frame.geometry if layer.support is None else layer.support.geometry()
    west, south, east, north = np.nan_to_num(shapely.total_bounds(np.asarray(places)))
    box = axes.get_window_extent()
    width = 1.04 * max(east - west, (north - south) * box.width / box.height, LEAST_WIDTH)
    height = width * box.height / box.width
    x, y = (west + east) / 2, (south + north) / 2
    axes.set(xlim=(x - width / 2, x + width / 2), ylim=(y - height / 2, y + height / 2))


def _save(figure: Figure, path: Path) -> Path:
    # Written through memory: no date, no version of a library in the file.
    picture = io.BytesIO()
    figure.savefig(picture, format="png", metadata={"Software": None})
    return write_bytes(path, picture.getvalue())
