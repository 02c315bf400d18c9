"""The picture of a Pareto front: plans, what is proven impossible, and the options on the same plane."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Iterator, Mapping
from string import ascii_uppercase

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

from demandgeo.domain import ParetoFront
from demandgeo.domain.fronts import CRITERIA
from demandgeo.domain.record import Floats
from demandgeo.outputs.furniture import MARGIN, page
from demandgeo.outputs.palettes import ACCENT, NOTHING, QUIET, ramp

AIR = 0.08
"""Margin around the plans, as a share of what they span."""

KEY_WIDTH = 44
"""Characters of a line of the key."""

_HOT = ramp(1)[0]


def pareto(front: ParetoFront, about: Mapping[str, str]) -> Figure:
    """Draw the front in steps, shade what no allowed plan reaches, and mark the options, the status quo most."""
    figure, notes_end = page(
        f"What can be traded? {front.title}", _subtitle(front), [front.sentence(), *front.notes], about
    )
    bottom = max(0.2, notes_end + 0.08)
    axes = figure.add_axes((MARGIN + 0.06, bottom, 0.62, 0.87 - bottom))
    _limits(axes, front)
    _draw_front(axes, front)
    _draw_options(axes, front)
    for axis, name in ((axes.xaxis, front.against), (axes.yaxis, front.objective)):
        label, least = CRITERIA[name].label, CRITERIA[name].least
        axis.set_label_text(f"{label}: {'less' if least else 'more'} is better")
        if not least:
            axis.set_major_formatter(PercentFormatter(1))
        elif name == "sites":
            axis.set_major_locator(MaxNLocator(integer=True))
        else:
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.grid(color="#e5e5e5", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="upper left", bbox_to_anchor=(0.72, 0.88), frameon=False, fontsize=8.5, labelspacing=1.2)
    return figure


def _subtitle(front: ParetoFront) -> str:
    """Say period, sites, travel times, and what limits every plan."""
    said = front.settings
    parts = [f"{said['period']}, {said['candidates']} candidate sites, {said['profile']} travel times"]
    parts += [f"plans of up to {said['p']} sites"] if "p" in said else []
    parts += [f"plans of up to {said['budget']:,.0f} a year"] if "budget" in said else []
    of_coverage = {front.objective, front.against} & {"coverage", "worst_district"}
    parts += [f"covered: within {said['within']:g} s"] if of_coverage else []
    return "; ".join(parts)


def impossible(front: ParetoFront, strict: float, lax: float) -> tuple[Floats, Floats]:
    """Return corners of the bound in steps, from `strict` to `lax`: the limited criterion, and the objective.

    A bound holds for the limit it was proven at and for every stricter one, so between two limits it is that of the
    laxer one. That of the laxest plan there is holds for all plans.
    """
    least = CRITERIA[front.against].least
    rows = front.table if least else front.table.iloc[::-1]
    limit, bound = (rows[name].to_numpy(np.float64) for name in ("limit", "bound"))
    end = lax if front.whole else limit[-1]
    return np.repeat(np.r_[strict, limit[:-1], end], 2)[1:-1], np.repeat(bound, 2)


def _limits(axes: Axes, front: ParetoFront) -> None:
    """Fit plans and options, with some air; the direction of the axes is the usual one."""
    for name, key in (("against", "x"), ("objective", "y")):
        values = np.concatenate([front.table[name], front.options[name]])
        values = values[np.isfinite(values)]
        low, high = float(values.min()), float(values.max())
        air = AIR * (high - low) or 0.05 * abs(high) or 1.0
        share = not CRITERIA[front.against if key == "x" else front.objective].least
        low, high = low - air, high + air
        axes.set(**{f"{key}lim": (max(0.0, low), min(1.0 + air / 2, high) if share else high)})


def _draw_front(axes: Axes, front: ParetoFront) -> None:
    left, right = axes.get_xlim()
    down, up = axes.get_ylim()
    least, fewer = CRITERIA[front.objective].least, CRITERIA[front.against].least
    x, y = impossible(front, *((left, right) if fewer else (right, left)))
    axes.fill_between(
        x, y, down if least else up, color=NOTHING, linewidth=0, alpha=0.7, label="Proven: no allowed plan is here"
    )
    rows = front.table if fewer else front.table.iloc[::-1]
    # A plan serves every laxer limit, so the line steps where the next better one begins.
    axes.step(rows["against"], rows["objective"], where="post", color=ACCENT, linewidth=1.5)
    gap = f"{front.table['gap'].max():.2%}"
    axes.plot(
        rows["against"], rows["objective"], "o", color=ACCENT, markersize=6, label=f"Best plans (widest gap {gap})"
    )
    knee = front.knee
    if knee is not None:
        bend = front.table.iloc[knee]
        axes.plot(
            bend["against"], bend["objective"], "o", markersize=13, markerfacecolor="none", markeredgecolor=ACCENT,
            label="Where the front bends most",
        )  # fmt: skip


def _draw_options(axes: Axes, front: ParetoFront) -> None:
    for letter, row in zip(_letters(len(front.options)), front.options.to_dict("records"), strict=True):
        now = row["option"] == front.status_quo
        label = f"{letter}  {row['option']}{' (status quo)' if now else ''}: {row['gap']:.1%} from the best"
        label = "\n     ".join(textwrap.wrap(label, KEY_WIDTH, drop_whitespace=False))
        x, y = float(row["against"]), float(row["objective"])
        if not np.isfinite(y):
            axes.plot([], [], " ", label=f"{label}\n     (not drawn: it leaves demand out of reach)")
            continue
        if now and row["gap"] > 0:
            _point_to_bound(axes, x, y, float(row["bound"]))
        colour, size, level = (_HOT, 17.0, 6.0) if now else (QUIET, 13.0, 5.0)
        axes.plot(x, y, "s", color=colour, markersize=size, markeredgecolor="white", label=label, zorder=level)
        axes.annotate(
            letter, (x, y), color="white", fontweight="bold", fontsize=0.6 * size, ha="center", va="center_baseline",
            zorder=level + 0.5,
        )  # fmt: skip


def _point_to_bound(axes: Axes, x: float, y: float, bound: float) -> None:
    """Draw how far the best possible is that has no worse of the limited criterion."""
    low, high = sorted(axes.get_ylim())
    arrow = {"arrowstyle": "-|>", "color": _HOT, "linewidth": 1.3, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", xy=(x, min(max(bound, low), high)), xytext=(x, y), arrowprops=arrow, zorder=4)


def _letters(n: int) -> Iterator[str]:
    """Yield A to Z, then AA, AB, ..."""
    names = itertools.chain(ascii_uppercase, map("".join, itertools.product(ascii_uppercase, repeat=2)))
    return itertools.islice(names, n)
