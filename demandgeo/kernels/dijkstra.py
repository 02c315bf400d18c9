"""Travel times by Dijkstra's search from each origin: for few origins, and to check the sweeps against."""

from __future__ import annotations

import numpy as np
from numba import prange

from demandgeo.kernels import inner_kernel, parallel_kernel


@parallel_kernel
def search_times(
    first_edge, edge_head, edge_seconds, start_node, start_seconds, first_stop, stop_at, stop_seconds, limit, out
):
    """Fill out[i, j] with the seconds from origin i to destination j; infinite where there is no way.

    Parameters
    ----------
    first_edge, edge_head, edge_seconds
        int64 [nodes + 1], int32 [edges], float64 [edges]: the edges that leave each node, and their seconds >= 0.
    start_node, start_seconds
        int32, float64 [origins, starts]: nodes that an origin reaches directly, and in what time (infinite: it does
        not).
    first_stop
        int64 [nodes + 1]: the stops of node v are first_stop[v]..first_stop[v + 1] - 1.
    stop_at, stop_seconds
        int32, float64 [stops]: a destination that is reached from the node directly, and in what time.
    limit
        Longer times, in seconds, count as no way; the search ends there.
    out
        float32 [origins, destinations].
    """
    nodes = first_edge.size - 1
    for i in prange(out.shape[0]):
        out[i, :] = np.inf
        least, slot = np.full(nodes, np.inf), np.full(nodes, -1, np.int32)
        heap, size = np.empty(nodes, np.int32), 0
        for k in range(start_node.shape[1]):
            v, seconds = start_node[i, k], start_seconds[i, k]
            if seconds < least[v]:
                least[v] = seconds
                size = _lift(heap, slot, size, v, least)
        while size > 0 and least[heap[0]] <= limit:
            v = heap[0]
            size = _take_first(heap, slot, size, least)
            for e in range(first_edge[v], first_edge[v + 1]):
                seconds = least[v] + edge_seconds[e]
                if seconds < least[edge_head[e]]:
                    least[edge_head[e]] = seconds
                    size = _lift(heap, slot, size, edge_head[e], least)
            for s in range(first_stop[v], first_stop[v + 1]):
                arrival = np.float32(least[v] + stop_seconds[s])
                if arrival <= np.float32(limit):
                    out[i, stop_at[s]] = min(out[i, stop_at[s]], arrival)


@inner_kernel
def _lift(heap, slot, size, v, least):
    """Put a node whose time fell, or is new, where it belongs in a heap of four children; return the heap's size."""
    # Four children instead of two, and no order among equals: half the time of `kernels.heaps` on 10,000 nodes.
    at = slot[v]
    if at < 0:
        at = size
        size += 1
    while at > 0 and least[heap[(at - 1) >> 2]] > least[v]:
        heap[at] = heap[(at - 1) >> 2]
        slot[heap[at]] = at
        at = (at - 1) >> 2
    heap[at] = v
    slot[v] = at
    return size


@inner_kernel
def _take_first(heap, slot, size, least):
    """Take the first node out of the heap; return the heap's size."""
    size -= 1
    v, at, child = heap[size], 0, 1
    while child < size:
        for other in range(child + 1, min(child + 4, size)):
            if least[heap[other]] < least[heap[child]]:
                child = other
        if least[heap[child]] >= least[v]:
            break
        heap[at] = heap[child]
        slot[heap[at]] = at
        at, child = child, 4 * child + 1
    heap[at] = v
    slot[v] = at
    return size
