"""A scorecard that people read: options side by side, each criterion with its change from the status quo."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from demandgeo.domain import Scorecard
from demandgeo.outputs.furniture import MARGIN, page
from demandgeo.outputs.palettes import ACCENT, COLD_TO_HOT, INK, LINE, QUIET
from demandgeo.outputs.wording import capital, number, words

MOST_OPTIONS = 7
"""Options that a page holds side by side: the status quo and those that rank first most often."""

MOST_CRITERIA = 16

MINUS = "\N{MINUS SIGN}"

BETTER, WORSE = COLD_TO_HOT[1], COLD_TO_HOT[2]
LEFT = 0.23
"""Share of the table's width that the names of the criteria take."""


def scorecard(card: Scorecard, about: Mapping[str, str]) -> Figure:
    """Draw a card as a table: value, change and held-out value of each option and criterion, then the ranking."""
    options, criteria = _shown(card), card.rows["criterion"].drop_duplicates().tolist()
    left_out = len(card.options.options) - len(options), max(0, len(criteria) - MOST_CRITERIA)
    criteria = criteria[:MOST_CRITERIA]
    notes = [capital(card.sentence()), *_legend(card), *card.notes]
    if any(left_out):
        notes.insert(0, f"{left_out[0]} options and {left_out[1]} criteria are not shown; the CSV has them all.")
    subtitle = f"Change from the status quo ({card.options.status_quo}); {_basis(card)}"
    figure, notes_end = page("How the options score", subtitle, notes, about)
    axes = figure.add_axes((MARGIN, notes_end + 0.02, 1 - 2 * MARGIN, 0.86 - notes_end))
    axes.set(xlim=(0, 1), ylim=(len(criteria) + 4.2, -1))
    axes.set_axis_off()
    width = (1 - LEFT) / len(options)
    for column, option in enumerate(options):
        _head(axes, option, LEFT + column * width, width, status_quo=option == card.options.status_quo)
    # What does not hang on the period is not said twice.
    told = card.rows["held_out"].where(card.rows["held_out"] != card.rows["value"])
    table = card.rows.assign(held_out=told)
    rows = {(row["criterion"], row["option"]): row for _, row in table.iterrows()}
    for line, criterion in enumerate(criteria):
        _label(axes, line, words(criterion), str(rows[criterion, options[0]]["unit"]))
        for column, option in enumerate(options):
            _cell(axes, rows[criterion, option], LEFT + column * width, line, width)
    _ranking(axes, card, options, len(criteria), width)
    return figure


def _shown(card: Scorecard) -> list[str]:
    """Return the options that a page holds, in their own order."""
    ranked = card.ranking.sort_values("probability_first", ascending=False, kind="stable")["option"].tolist()
    kept = [card.options.status_quo, *(name for name in ranked if name != card.options.status_quo)][:MOST_OPTIONS]
    return [name for name in card.options.names if name in kept]


def _basis(card: Scorecard) -> str:
    said = [f"travel: {card.provenance['profile']}"]
    if card.provenance["scenarios"]:
        said.append(f"{card.provenance['scenarios']} scenarios ({card.provenance['scenario_method']})")
    if card.options.shifts:
        said.append(f"shifts {', '.join(card.options.shifts)} together")
    return "; ".join(said)


def _legend(card: Scorecard) -> list[str]:
    said = ["Blue is better and yellow worse than the status quo, the stronger the larger the change in that row."]
    if card.rows["held_out"].notna().any():
        said.append("In brackets: on the held-out period, which no search has seen.")
    return said


def _head(axes: Axes, option: str, x: float, width: float, *, status_quo: bool) -> None:
    text = option if len(option) <= 26 else f"{option[:25]}…"
    axes.text(x + width / 2, -0.62, text, ha="center", va="center", fontsize=9.5, fontweight="bold", color=INK)
    if status_quo:
        axes.text(x + width / 2, -0.22, "status quo", ha="center", va="center", fontsize=7.5, color=QUIET)


def _label(axes: Axes, line: int, name: str, unit: str) -> None:
    axes.axhline(line, color=LINE, linewidth=0.4)
    axes.text(0.0, line + 0.36, name, va="center", fontsize=9, color=INK)
    axes.text(0.0, line + 0.74, unit, va="center", fontsize=6.5, color=QUIET)


def _cell(axes: Axes, row: pd.Series, x: float, line: int, width: float) -> None:
    value, change, held = (float(row[name]) for name in ("value", "change", "held_out"))
    unit, middle = str(row["unit"]), x + width / 2
    beside = f"  ({_said(held, unit)})" if np.isfinite(held) else ""
    axes.text(middle, line + 0.36, f"{_said(value, unit)}{beside}", ha="center", va="center", fontsize=9)
    if change == 0:
        return
    gain = change if row["direction"] == "higher" else -change
    strength = min(1.0, abs(change) / max(abs(value), abs(value - change))) if np.isfinite(change) else 1.0
    colour, alpha = (BETTER if gain > 0 else WORSE), 0.15 + 0.6 * strength
    axes.add_patch(Rectangle((x, line), width, 1, facecolor=colour, alpha=alpha, edgecolor="none"))
    moved = _said(abs(change), unit).replace("%", " points")
    text = f"{'+' if change > 0 else MINUS}{moved}"
    axes.text(middle, line + 0.74, text, ha="center", va="center", fontsize=7, color=QUIET)


def _said(value: float, unit: str) -> str:
    if not np.isfinite(value):
        return "never"
    return f"{100 * value:.1f}%" if unit.startswith("share") else number(value)


def _ranking(axes: Axes, card: Scorecard, options: list[str], line: int, width: float) -> None:
    ranking = {row["option"]: row for _, row in card.ranking.iterrows()}
    axes.axhline(line, color=INK, linewidth=1)
    for below, (name, unit) in enumerate(
        (("Ranks first", "probability over demand and weights"), ("Mean rank", ""), ("Weighted sum · TOPSIS", "0 to 1"))
    ):
        axes.text(0.0, line + below + 0.36, name, va="center", fontsize=9, fontweight="bold", color=INK)
        axes.text(0.0, line + below + 0.74, unit, va="center", fontsize=6.5, color=QUIET)
    for column, option in enumerate(options):
        row, x = ranking[option], LEFT + column * width
        bar = 0.8 * width * float(row["probability_first"])
        axes.add_patch(Rectangle((x + 0.1 * width, line + 0.62), bar, 0.24, facecolor=ACCENT, edgecolor="none"))
        said = (
            f"{row['probability_first']:.0%}",
            f"{row['expected_rank']:.1f}",
            f"{row['weighted_sum']:.2f} · {row['topsis']:.2f}",
        )
        for below, text in enumerate(said):
            axes.text(x + width / 2, line + below + 0.36, text, ha="center", va="center", fontsize=9, color=INK)
        if row["dominated_by"]:
            beaten = f"nowhere better than\n{row['dominated_by']}"
            axes.text(x + width / 2, line + 3.5, beaten, ha="center", va="center", fontsize=7.5, color=QUIET)
