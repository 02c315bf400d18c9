"""Naive twins of the kernels that divide a map."""

from __future__ import annotations

import math
from itertools import product

import networkx as nx
import numpy as np

from demandgeo.kernels.chance import fill_uniform


def grow_areas(graph: nx.Graph, regret, start):
    label = np.array(start)
    while True:
        offers = [
            (regret[unit, label[other]], unit, label[other])
            for unit in graph
            if label[unit] < 0
            for other in graph[unit]
            if label[other] >= 0
        ]
        if not offers:
            return label
        # The heap files a unit under its own best area, so that equal regrets go by unit, then area.
        _, unit, area = min(offers)
        label[unit] = area


def connected(graph: nx.Graph, label, area) -> bool:
    own = [unit for unit in graph if label[unit] == area]
    return bool(own) and nx.is_connected(graph.subgraph(own))


def outside(load, least, most, label) -> float:
    held = np.bincount(label, load, minlength=least.size)
    return float(np.maximum(0, np.maximum(held - most, least - held)).sum())


def total(terms, label) -> float:
    cost, load, least, most, penalty = terms
    return float(cost[np.arange(label.size), label].sum()) + penalty * outside(load, least, most, label)


def cool(graph: nx.Graph, terms, locked, start, chances):
    """The random shifts of one run; the whole plan is valued anew for each."""
    label = np.array(start)
    seed, run, proposals, heat = chances
    chance = np.empty((1, max(1, 3 * proposals)))
    fill_uniform(seed, run, chance)
    for step in range(proposals):
        pick, way, luck = chance[0, 3 * step : 3 * step + 3]
        unit = int(pick * label.size)
        beside = sorted(graph[unit])
        if not beside:
            continue
        other = label[beside[int(way * len(beside))]]
        if other == label[unit] or locked[unit]:
            continue
        moved = label.copy()
        moved[unit] = other
        change = total(terms, moved) - total(terms, label)
        warmth = heat * (1 - step / proposals) ** 2
        if change > 0 and (warmth <= 0 or luck >= math.exp(-change / warmth)):
            continue
        if connected(graph, moved, label[unit]):
            label = moved
    return label


def gains_left(graph: nx.Graph, terms, locked, label, smallest):
    """Every single shift, and every chain of two (u from a to b, then v from b to c), that would gain."""

    def shifts(plan):
        for unit in graph:
            for other in sorted({plan[beside] for beside in graph[unit]} - {plan[unit]}):
                moved = plan.copy()
                moved[unit] = other
                if not locked[unit] and connected(graph, moved, plan[unit]):
                    yield unit, other, moved

    here = total(terms, label)
    found = []
    for unit, other, moved in shifts(label):
        if total(terms, moved) < here - smallest:
            found.append((unit, other))
        for second, third, again in shifts(moved):
            passed_on = moved[second] == other and second != unit
            if passed_on and total(terms, again) < here - smallest:
                found.append((unit, other, second, third))
    return found


def price(seconds, load, least, most, prices):
    """What an area round a centre is worth: units in order of seconds - price, whole but the last."""
    value, held = 0.0, 0.0
    for gain, amount in sorted(zip(seconds - prices, load, strict=True)):
        room = most if gain < 0 else least
        part = max(0.0, min(amount, room - held))
        value, held = value + part * gain, held + part
    return value


def divisions(graph: nx.Graph, areas: int):
    """Every way to label the units 0..areas - 1 so that no area is empty and each is connected."""
    for labels in product(range(areas), repeat=len(graph)):
        label = np.array(labels)
        if all(connected(graph, label, area) for area in range(areas)):
            yield label
