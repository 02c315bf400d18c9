"""Colours that stay apart for colour-blind readers, in grey print and over a base map."""

from __future__ import annotations

INK, QUIET, LINE, GROUND, NOTHING = "#222222", "#666666", "#9a9a9a", "#f2f1ee", "#d9d9d9"
"""Text; small text and borders of districts; thin outlines; land; no data."""

STREET = "#c4c4c4"
"""Streets that nothing is on: seen, and less than the lightest class."""

ACCENT = "#1f5a99"
"""What is neither low nor high: points, and the curve of a chart."""

COLD_TO_HOT = ("#1f5a99", "#9dbfe0", "#fbbd57", "#c23c55")
"""Strong and weak evidence of less, weak and strong evidence of more."""

CHANGES = ("#1f5a99", "#9dbfe0", "#fbbd57", "#c23c55", "#3a1050")
"""Much less, less, more, much more, without end."""

KINDS = ("#c23c55", "#fbbd57", "#9dbfe0", "#1f5a99")
"""High among high, high among low, low among high, low among low."""

PATTERN_COLOURS = ("#3a1050", "#7f1f66", "#c23c55", "#ea7a3c", "#fbbd57", "#9dbfe0", "#4f86bf", "#8c8c8c")
"""Hot spots from what has just begun to what is past: dark to light, then on and off, then grey."""

APART = ("#9dbfe0", "#fbbd57", "#a3c586", "#d9a3c4", "#d8cfa8", "#8fc7c0")
"""Of areas side by side: of like lightness, so that none seems more."""

_ANCHORS = ("#fdedb3", "#fbbd57", "#ea7a3c", "#c23c55", "#7f1f66", "#3a1050")
"""Light to dark: lightness alone orders them, and hue helps those who see it."""


def ramp(n: int) -> tuple[str, ...]:
    """Return n colours from light to dark.

    Examples
    --------
    >>> ramp(3)
    ('#fdedb3', '#d65b48', '#3a1050')
    """
    if n == 1:
        return (_ANCHORS[3],)
    last = len(_ANCHORS) - 1
    return tuple(_between(i / (n - 1) * last) for i in range(n))


def rgb(colour: str) -> tuple[int, int, int]:
    """Return red, green and blue, 0 to 255, of ``#rrggbb``."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _between(place: float) -> str:
    low = min(int(place), len(_ANCHORS) - 2)
    pair = zip(rgb(_ANCHORS[low]), rgb(_ANCHORS[low + 1]), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * (place - low)):02x}" for a, b in pair)
