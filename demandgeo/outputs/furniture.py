"""What stands around a map: title, legend, scale bar, north arrow, notes and attribution."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from demandgeo.domain.areas import share_text
from demandgeo.outputs.maplayers import MapLayer
from demandgeo.outputs.palettes import ACCENT, GROUND, INK, LINE, NOTHING, QUIET
from demandgeo.outputs.wording import APPROXIMATE, capital

MARGIN = 0.03
"""Left and right margin, as a share of the page."""

_TITLE, _SUBTITLE = 76, 130
"""Characters of title and subtitle that the page holds in one line."""

_WIDE = 200
"""Characters of small text that a line of the page holds."""

_LINE = 8 * 1.35 / (8.27 * 72)
"""Height of a line of notes, as a share of the page: 8 points, spaced by 1.35."""

_LISTED = 36
"""Priority areas that find room below the legend."""


def page(title: str, subtitle: str, notes: Sequence[str], about: Mapping[str, str]) -> tuple[Figure, float]:
    """Return an A4 page, landscape, with its title, notes and footer, and the height where its notes end (0 to 1)."""
    figure = Figure(figsize=(11.69, 8.27), dpi=130, facecolor="white")
    # A long title (two periods of a year each) is set smaller: a second line would cover the subtitle.
    size = 15 * min(1.0, _TITLE / max(len(title), 1))
    figure.text(MARGIN, 0.965, title, fontsize=size, fontweight="bold", color=INK, va="top")
    size = 10.5 * min(1.0, _SUBTITLE / max(len(subtitle), 1))
    figure.text(MARGIN, 0.925, subtitle, fontsize=size, color=QUIET, va="top")
    named = {"title": "", "run": "run ", "run_id": "", "attribution": ""}
    said = "  ·  ".join(prefix + about[key] for key, prefix in named.items() if about.get(key))
    footer = textwrap.wrap(said, _WIDE, break_on_hyphens=False)
    bottom = 0.025 + _LINE * max(2, len(footer))
    figure.text(MARGIN, bottom - 0.01, "\n".join(footer), fontsize=7, color=QUIET, va="top", linespacing=1.35)
    lines = [line for note in notes for line in textwrap.wrap(note, _WIDE, break_on_hyphens=False)]
    figure.text(MARGIN, bottom, "\n".join(lines), fontsize=8, color=INK, va="bottom", linespacing=1.35)
    return figure, bottom + _LINE * len(lines)


def map_notes(layer: MapLayer) -> list[str]:
    """Return the sentences below a map."""
    return [*layer.notes, *([APPROXIMATE] if layer.approximate else [])]


def legend(figure: Figure, layer: MapLayer) -> None:
    """Draw the legend to the right of the map: unit, classes from high to low, then zero and no data."""
    figure.legend(
        handles=_handles(layer),
        title="\n".join(textwrap.wrap(capital(layer.unit), 28)),
        loc="upper left",
        bbox_to_anchor=(0.79, 0.88),
        frameon=False,
        alignment="left",
        fontsize=9,
        title_fontproperties={"size": 9.5, "weight": "bold"},
        labelspacing=0.45,
        handleheight=1.3,
    )


def scale_bar(axes: Axes) -> None:
    """Draw a bar of a round number of metres or kilometres below the map, near a fifth of its width."""
    west, east = axes.get_xlim()
    length = round_length((east - west) / 5)
    across = axes.get_xaxis_transform()
    for half, colour in enumerate((INK, "white")):
        start = west + half * length / 2
        bar = Rectangle((start, -0.03), length / 2, 0.01, facecolor=colour, edgecolor=INK, linewidth=0.7)
        bar.set(transform=across, clip_on=False)
        axes.add_artist(bar)
    text = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
    for place, words in ((west, "0"), (west + length, text)):
        axes.text(place, -0.035, words, transform=across, ha="center", va="top", fontsize=8, color=INK)


def north_arrow(axes: Axes) -> None:
    """Draw an arrow to grid north in the upper right corner of the map."""
    axes.annotate(
        "N",
        xy=(0.97, 0.99),
        xytext=(0.97, 0.91),
        xycoords="axes fraction",
        ha="center",
        va="center",
        fontsize=10,
        color=INK,
        arrowprops={"arrowstyle": "-|>", "color": INK, "linewidth": 1.2},
    )


def round_length(metres: float) -> float:
    """Return the largest 1, 2 or 5 times a power of ten that is not above `metres`.

    Examples
    --------
    >>> round_length(13_700), round_length(640)
    (10000.0, 500.0)
    """
    power = 10.0 ** np.floor(np.log10(metres))
    return float(power * max(step for step in (1, 2, 5) if step * power <= metres))


def list_areas(figure: Figure, layer: MapLayer) -> None:
    """List rank, name and share of demand of the areas below the legend, as many as the page holds."""
    lines = [
        f"{rank:>3}  {name}  {share_text(part)}"
        for rank, name, part in zip(*(layer.frame[key] for key in ("rank", layer.label, "demand_share")), strict=True)
    ]
    more = [f"and {len(lines) - _LISTED} more: see the table"] if len(lines) > _LISTED else []
    figure.text(0.795, 0.70, "Rank, name, share of demand", fontsize=8, fontweight="bold", color=INK, va="top")
    figure.text(0.795, 0.68, "\n".join([*lines[:_LISTED], *more]), fontsize=7, color=INK, va="top", linespacing=1.3)


def _handles(layer: MapLayer) -> list[Patch | Line2D]:
    if layer.classes is None:
        rows = [({"fill": GROUND, "line": QUIET, "marker": ACCENT}[layer.kind], layer.title)]
    else:
        rows = [*zip(layer.classes.colours, layer.classes.labels, strict=True)]
        rows = rows if layer.column == "rank" else rows[::-1]
        rows += [(layer.zero_colour, layer.classes.zero)] * layer.classes.has_zero + [
            (NOTHING, "no data")
        ] * layer.classes.has_missing
    return [_handle(layer.kind, colour, label) for colour, label in rows]


def _handle(kind: str, colour: str, label: str) -> Patch | Line2D:
    if kind == "fill":
        return Patch(facecolor=colour, edgecolor=LINE, linewidth=0.4, label=label)
    look: dict[str, Any] = {"linestyle": "none", "marker": "o"} if kind == "marker" else {"linewidth": 2}
    return Line2D([], [], color=colour, markersize=6, label=label, **look)
