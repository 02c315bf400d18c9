"""Curves: how concentrated demand is, what the chosen areas hold of it, and what other choices would take."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from demandgeo.domain import Demand, Frontier, PriorityAreas
from demandgeo.domain.events import counted_in
from demandgeo.domain.record import Floats
from demandgeo.outputs.furniture import MARGIN, page
from demandgeo.outputs.palettes import ACCENT, INK, QUIET, ramp
from demandgeo.outputs.wording import APPROXIMATE, capital


def cherry_pick(demand: Demand) -> tuple[Floats, Floats]:
    """Return the shares of extent and of demand, float64 [n + 1], when units are taken densest first.

    No choice of whole units holds more demand on the same extent than this curve, which is that of Lorenz turned
    round. Units without data count as empty; equally dense units are taken in the order of the support.

    Examples
    --------
    >>> from demandgeo.domain import Balance, Grid
    >>> grid = Grid.covering((0, 0, 1000, 250), cell=250, crs="EPSG:27700")
    >>> balance = Balance(np.array([8, 0, 0, 0]), np.array([8.0, 0, 0, 0]))
    >>> demand = Demand(grid, np.array([1.0, 6.0, 1.0, 0.0]), "incidents", balance, "count", "2018-07")
    >>> cherry_pick(demand)[1]
    array([0.   , 0.75 , 0.875, 1.   , 1.   ])
    """
    extent = demand.support.extent
    held = np.nan_to_num(demand.total)
    order = np.argsort(-held / extent, kind="stable")
    shares = (np.concatenate([[0.0], np.cumsum(part[order])]) for part in (extent, held))
    of_extent, of_demand = (share / share[-1] if share[-1] > 0 else share for share in shares)
    return of_extent, of_demand


def concentration(areas: PriorityAreas, about: Mapping[str, str]) -> Figure:
    """Draw the curve, the equality diagonal and the chosen areas' point, with the sentence that quotes it."""
    demand, support = areas.demand, areas.support
    what = counted_in(demand.weight_name)
    extent = {"m2": "area", "m": "street length"}[support.extent_unit]
    shares = f"{areas.demand_share:.1%} of {what} on {areas.extent_share:.1%} of the {extent}"
    subtitle = f"{demand.period}, {support.n:,} {support.unit_name}"
    figure, notes_end = page(
        f"How concentrated is {demand.name}? {shares}", subtitle, [capital(areas.sentence()), APPROXIMATE], about
    )
    bottom = max(0.2, notes_end + 0.08)
    axes = figure.add_axes((MARGIN + 0.05, bottom, 0.62, 0.87 - bottom))
    x, y = cherry_pick(demand)
    axes.plot(x, y, color=ACCENT, linewidth=2, label=f"Densest {support.unit_name} first:\nno choice holds more")
    axes.plot([0, 1], [0, 1], color=QUIET, linewidth=1, linestyle="--", label=f"If {what} were spread evenly")
    axes.plot(
        areas.extent_share, areas.demand_share, "o", color=ramp(1)[0], markersize=9, markeredgecolor=INK,
        label="The chosen area" if len(areas.table) == 1 else f"The {len(areas.table)} chosen areas", clip_on=False,
    )  # fmt: skip
    axes.plot([0, areas.extent_share, areas.extent_share], [areas.demand_share, areas.demand_share, 0],
              color=INK, linewidth=0.7, linestyle=":")  # fmt: skip
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel=f"Share of {extent}", ylabel=f"Share of {what}")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.grid(color="#e5e5e5", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="upper left", bbox_to_anchor=(0.715, 0.88), frameon=False, fontsize=9, labelspacing=1)
    return figure


def frontier(points: Frontier, about: Mapping[str, str]) -> Figure:
    """Draw the extent that each share of demand takes, a line per number of areas, and what no choice can go below.

    With several prices of border the lines are dashed from the second price on.
    """
    notes = [
        "Each point is a plan; the shade below it reaches down to the bound that no choice of so few areas can beat.",
        f"Widest gap between plan and bound: {points.table['gap'].max():.1%}.",
    ]
    subtitle = f"{points.period}, on {points.unit_name}"
    figure, notes_end = page(f"What would another choice take? {capital(points.what)}", subtitle, notes, about)
    bottom = max(0.2, notes_end + 0.08)
    axes = figure.add_axes((MARGIN + 0.05, bottom, 0.62, 0.87 - bottom))
    groups = list(points.table.groupby(["max_areas", "compactness"], sort=True))
    dashes = {price: ("-", "--", ":", "-.")[i % 4] for i, price in enumerate(points.table["compactness"].unique())}
    for colour, ((most, price), rows) in zip(ramp(len(groups)), groups, strict=True):
        line = rows.sort_values("asked_share")
        label = f"{most} areas" + (f", {price:g} km² per km of border" if price else "")
        axes.plot(line["extent_share"], line["demand_share"], dashes[price], marker="o", color=colour, label=label)
        if not price:
            axes.fill_betweenx(
                line["demand_share"], line["extent_share"] / (1.0 + line["gap"]), line["extent_share"],
                color=colour, alpha=0.2, linewidth=0,
            )  # fmt: skip
    axes.set(xlabel=f"Share of {points.extent_name}", ylabel=f"Share of {points.what}")
    axes.set(xlim=(0, None), ylim=(0, None))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1))
    axes.grid(color="#e5e5e5", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="upper left", bbox_to_anchor=(0.715, 0.88), frameon=False, fontsize=9, labelspacing=1)
    return figure
