"""The field's usual ways to draw priority areas, each asked for the same share and number of areas.

Each takes demand in amounts and returns the area of each unit, int64 [n], -1 outside; areas are numbered by the demand
that they hold. All but `top_cells` lower a threshold until their `max_areas` largest clumps hold the share.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import shapely
from scipy import sparse
from scipy.spatial import cKDTree

from demandgeo.domain import Demand, Grid, Neighbours, Support
from demandgeo.domain.record import Floats, Integers, Mask
from demandgeo.errors import ModelError
from demandgeo.kernels.regions import label_parts

SPREADS = 3.0
"""A Gaussian is cut at so many standard deviations."""

Rival = Callable[..., Integers]


def top_cells(demand: Demand, *, demand_share: float, max_areas: int) -> Integers:  # noqa: ARG001
    """Take the densest units until they hold the share, wherever they lie; `max_areas` is not kept."""
    values, extent = np.nan_to_num(demand.total), demand.support.extent
    order = np.argsort(-values / extent, kind="stable")
    held = np.cumsum(values[order])
    chosen = np.zeros(values.size, bool)
    chosen[order[: int(np.searchsorted(held, demand_share * held[-1] * (1.0 - 1e-12))) + 1]] = True
    return _ranked(_parts(demand.support.neighbours(), chosen), values, values.size)


def kde_contour(demand: Demand, *, demand_share: float, max_areas: int, bandwidth: float | None = None) -> Integers:
    """Take the units above a contour of a kernel density.

    The density is that of demand at the units' middles over that of extent, both smoothed by a Gaussian, so that
    neither odd units nor the rim of the study area distort it.

    Parameters
    ----------
    demand, demand_share, max_areas
        As for all.
    bandwidth
        Standard deviation of the Gaussian in metres; None for the side of a middling unit (one cell), which did best
        of those tried here.
    """
    support = demand.support
    density = _smoothed(support, np.nan_to_num(demand.total), bandwidth or _side(support))
    return _lowered(demand, density, support.neighbours(), demand_share, max_areas)


def gi_clumps(demand: Demand, *, demand_share: float, max_areas: int) -> Integers:
    """Take the clumps of units of the highest Gi*, scored by the normal approximation (Ord and Getis 1995).

    Neighbours touch along a border or at a point (queen), all alike, the unit itself included. The usual 2.58 would
    set the share by itself; here the threshold is lowered or raised to reach the one asked for.
    """
    values, touching = np.nan_to_num(demand.total), demand.support.neighbours("queen")
    n, number = values.size, np.diff(touching.indptr) + 1.0
    around = values + np.bincount(touching.rows, values[touching.indices], minlength=n)
    mean, sd = values.mean(), values.std()
    score = (around - mean * number) / (sd * np.sqrt((n * number - number**2) / (n - 1.0)))
    return _lowered(demand, score, demand.support.neighbours(), demand_share, max_areas)


def dbscan(demand: Demand, *, demand_share: float, max_areas: int, reach: float | None = None) -> Integers:
    """Take the clusters of a weighted DBSCAN of the units' middles (Ester, Kriegel, Sander and Xu 1996).

    A unit is a core point if the demand within `reach` is at least a threshold, which is lowered until the largest
    clusters hold the share.

    Parameters
    ----------
    demand, demand_share, max_areas
        As for all.
    reach
        Metres; None for 1.5 times the side of a middling unit, which takes in the eight cells around.
    """
    from sklearn.cluster import DBSCAN  # noqa: PLC0415, half a second that few need

    values, support = np.nan_to_num(demand.total), demand.support
    units = np.flatnonzero(values > 0)
    middle = _middles(support)[units]
    tree = cKDTree(middle)
    eps = reach or 1.5 * _side(support)
    near = tree.sparse_distance_matrix(tree, eps, output_type="coo_matrix")
    weight = np.bincount(near.row, values[units][near.col], minlength=units.size)
    thresholds = np.unique(weight)[::-1]

    def clusters(place: int) -> Integers:
        # The class takes no threshold but a whole number; one that rounding hides from itself is let in.
        share = values[units] / (thresholds[place] * (1.0 - 1e-9))
        found = DBSCAN(eps=eps, min_samples=1).fit(middle, sample_weight=share).labels_
        labels = np.full(values.size, -1)
        labels[units] = found
        return _ranked(labels, values, max_areas)

    return _first_to_hold(clusters, thresholds.size, values, demand_share, "dbscan")


RIVALS: Mapping[str, Rival] = MappingProxyType(
    {"kde_contour": kde_contour, "gi_clumps": gi_clumps, "dbscan": dbscan, "top_cells": top_cells}
)


def _lowered(demand: Demand, score: Floats, touching: Neighbours, share: float, most: int) -> Integers:
    """Lower the threshold of a score until the `most` largest clumps above it hold the share."""
    values = np.nan_to_num(demand.total)
    order = np.argsort(-score, kind="stable")

    def clumps(place: int) -> Integers:
        chosen = np.zeros(values.size, bool)
        chosen[order[: place + 1]] = True
        return _ranked(_parts(touching, chosen), values, most)

    return _first_to_hold(clumps, values.size, values, share, "clumps")


def _first_to_hold(
    labels_at: Callable[[int], Integers], steps: int, values: Floats, share: float, what: str
) -> Integers:
    """Return the labels of the first step that hold the share: what is held only grows as the threshold falls."""
    target = share * values.sum() * (1.0 - 1e-12)
    low, high = -1, steps - 1
    best = labels_at(high)
    if values[best >= 0].sum() < target:
        raise ModelError(
            f"{what} cannot hold {share:.0%} of demand in so few areas", "more areas, or a smaller share, were needed"
        )
    while high - low > 1:
        middle = (low + high) // 2
        labels = labels_at(middle)
        if values[labels >= 0].sum() >= target:
            high, best = middle, labels
        else:
            low = middle
    return best


def _parts(touching: Neighbours, chosen: Mask) -> Integers:
    labels = np.empty(chosen.size, np.int64)
    label_parts(touching.indptr, touching.indices, chosen, labels)
    return labels


def _ranked(labels: Integers, values: Floats, most: int) -> Integers:
    """Keep the `most` clumps that hold most demand, numbered from the largest; ties go by their first unit."""
    inside = labels >= 0
    held = np.bincount(labels[inside], values[inside])
    order = np.argsort(-held, kind="stable")[:most]
    rank = np.full(held.size + 1, -1)
    rank[order] = np.arange(order.size)
    return rank[labels]


def _smoothed(support: Support, values: Floats, sd: float) -> Floats:
    tree = cKDTree(_middles(support))
    near = tree.sparse_distance_matrix(tree, SPREADS * sd, output_type="coo_matrix")
    kernel = sparse.csr_array((np.exp(near.data**2 / (-2.0 * sd**2)), (near.row, near.col)), shape=near.shape)
    kernel.sort_indices()
    density: Floats = (kernel @ values) / (kernel @ support.extent)
    return density


def _middles(support: Support) -> Floats:
    """float64 [n, 2]: the middle of each unit."""
    if isinstance(support, Grid):
        return np.column_stack(support.centres())
    middle = shapely.centroid(support.geometry())
    return np.column_stack([shapely.get_x(middle), shapely.get_y(middle)])


def _side(support: Support) -> float:
    """Metres: the side of a square of middling extent; of streets their middling length."""
    middling = float(np.median(support.extent))
    return float(np.sqrt(middling)) if support.extent_unit == "m2" else middling
