"""What units are worth at a price of demand: the Lagrangian of the planner's question."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_flow

from demandgeo.domain.record import Floats
from demandgeo.priority.problem import Problem

FLOW_STEPS = 1e8
"""The largest flow in whole numbers: capacities are rounded down to a hundred-millionth of it."""

FOREST_PARTS = 256
"""Greatest number of parts that are chosen together; beyond it the rest are set one by one."""


def even_price(problem: Problem) -> float:
    """Return the price of demand at which the last unit of a cherry-pick is worth its extent."""
    order = problem.by_density
    amount = problem.extent if problem.most_demand else problem.demand
    last = int(np.searchsorted(np.cumsum(amount[order]), problem.rules.limit))
    last = min(last, int(np.flatnonzero(problem.demand[order])[-1]))
    return float(problem.extent[order[last]] / problem.demand[order[last]])


def unit_values(problem: Problem, price: float) -> Floats:
    """Return values [m] whose sum over any choice is at least price x demand - cost of that choice.

    Without a price of border they are price x demand - extent, and the sum is equal. A border costs a choice b for each
    pair of neighbours that it parts. A flow of at most b along each such pair moves value from one to the other: what
    leaves the choice on balance is at most what its border costs, so the sum of the values moved bounds the value of
    any choice. The greatest flow from positive to negative units makes the bound least (Picard and Queyranne 1980: the
    sum of the positive values left is then the best there is, if parts are not counted).
    """
    value: Floats = price * problem.demand - problem.extent
    if problem.rules.price == 0.0:
        return value
    inner = np.bincount(problem.rows, problem.border, minlength=problem.n)
    value = value - problem.rules.price * (problem.rim - inner)
    source, sink, n = problem.n, problem.n + 1, problem.n
    gives, needs = np.flatnonzero(value > 0), np.flatnonzero(value < 0)
    along = problem.rules.price * problem.border
    capacity = np.concatenate([along, value[gives], -value[needs]])
    scale = FLOW_STEPS / capacity.max()
    rows = np.concatenate([problem.rows, np.full(gives.size, source), needs])
    columns = np.concatenate([problem.indices, gives, np.full(needs.size, sink)])
    network = csr_array(((capacity * scale).astype(np.int32), (rows, columns)), shape=(n + 2, n + 2))
    flow = maximum_flow(network, source, sink).flow[:n, :n]
    moved: Floats = np.asarray(flow.sum(axis=1)).ravel() / scale
    return value - moved
