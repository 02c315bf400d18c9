"""Travel times from many places to many, by sweeps over a contraction hierarchy.

After D. Delling, A. Goldberg and R. Werneck, Faster Batched Shortest Paths in Road Networks (ATMOS 2011), with the
elimination tree in place of a search: whatever a node's time depends on lies on its path to the root.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from demandgeo.kernels import inner_kernel, parallel_kernel

LANES = 128
"""Origins that one sweep serves: 0.26 s for 1,000 x 20,000 places on 100,000 nodes, where 64 take 0.36 s. With 32 the
compiler unrolls the loops over them without vectors, and each arc takes twice as long."""


@parallel_kernel
def sweep_times(
    parent, depth, first_arc, arc_head, arc_depth, up, down, start_node, start_seconds, row, swept, first_stop, stop_at,
    stop_seconds, limit, out,
):  # fmt: skip
    """Fill out[row[i], j] with the seconds from origin i to destination j; infinite where there is no way.

    Parameters
    ----------
    parent, depth
        int32 [nodes]: the elimination tree, by rank; the depth of a root is 0.
    first_arc, arc_head, arc_depth
        int64 [nodes + 1], int32 [arcs], int32 [arcs]: the arcs of each node, their higher end and its depth.
    up, down
        float64 [arcs]: seconds from the lower end to the higher one, and back.
    start_node, start_seconds
        int32, float64 [origins, starts]: nodes that an origin reaches directly, and in what time (infinite: it does
        not). Origins that are neighbours in this order are swept together.
    row
        int64 [origins]: the row of ``out`` of each.
    swept
        int32 [swept]: the nodes next to destinations and all above them, descending.
    first_stop
        int64 [swept + 1]: the stops of the i-th swept node are first_stop[i]..first_stop[i + 1] - 1.
    stop_at, stop_seconds
        int32, float64 [stops]: a destination that is reached from the node directly, and in what time.
    limit
        Longer times, in seconds, count as no way.
    out
        float32 [origins, destinations].
    """
    origins, destinations = out.shape
    deepest = depth.max() + 1 if depth.size else 0
    for batch in prange((origins + LANES - 1) // LANES):
        begin, end = batch * LANES, min(origins, (batch + 1) * LANES)
        place = np.full(parent.size, -1, np.int32)
        climbed = _climb(begin, end, parent, first_arc, arc_head, up, start_node, start_seconds, place)
        path, here = np.empty((deepest, LANES)), np.empty(LANES)
        reached = np.full((destinations, LANES), np.float32(np.inf))
        for i in range(swept.size):
            v = swept[i]
            if place[v] >= 0:
                here[:] = climbed[place[v]]
            else:
                here[:] = np.inf
            for e in range(first_arc[v], first_arc[v + 1]):
                _relax(here, path[arc_depth[e]], down[e])
            path[depth[v]] = here
            for s in range(first_stop[i], first_stop[i + 1]):
                _arrive(reached[stop_at[s]], here, stop_seconds[s])
        _turn(reached, row[begin:end], np.float32(limit), out)


@inner_kernel
def _climb(begin, end, parent, first_arc, arc_head, up, start_node, start_seconds, place):
    """Return the seconds from the origins of a batch to all nodes above them; `place` becomes each one's row."""
    met, many = np.empty(parent.size, np.int32), 0
    for i in range(begin, end):
        for k in range(start_node.shape[1]):
            v = start_node[i, k] if start_seconds[i, k] < np.inf else -1
            while v >= 0 and place[v] < 0:
                place[v] = 0
                met[many] = v
                many += 1
                v = parent[v]
    met = np.sort(met[:many])
    for i in range(many):
        place[met[i]] = i
    climbed = np.full((many, LANES), np.inf)
    for i in range(begin, end):
        for k in range(start_node.shape[1]):
            if start_seconds[i, k] < np.inf:
                at = place[start_node[i, k]]
                climbed[at, i - begin] = min(climbed[at, i - begin], start_seconds[i, k])
    for i in range(many):
        for e in range(first_arc[met[i]], first_arc[met[i] + 1]):
            _relax(climbed[place[arc_head[e]]], climbed[i], up[e])
    return climbed


@inner_kernel
def _relax(there, here, seconds):
    for lane in range(LANES):
        there[lane] = min(there[lane], here[lane] + seconds)


@inner_kernel
def _arrive(there, here, seconds):
    # The least of two rounded times is the rounded least: single precision loses nothing more here.
    for lane in range(LANES):
        there[lane] = min(there[lane], np.float32(here[lane] + seconds))


@inner_kernel
def _turn(reached, row, limit, out):
    """Write a batch to its rows; 64 destinations at a time stay in the nearest cache."""
    for first in range(0, reached.shape[0], 64):
        last = min(first + 64, reached.shape[0])
        for lane in range(row.size):
            for j in range(first, last):
                seconds = reached[j, lane]
                out[row[lane], j] = seconds if seconds <= limit else np.float32(np.inf)
