"""Travel times by Dijkstra's search from each origin: for few origins, and to check the sweeps against."""

from __future__ import annotations

import numpy as np
from numba import prange

from demandgeo.kernels import parallel_kernel
from demandgeo.kernels.heaps import first, new_heap, put, take


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
        least, heap = np.full(nodes, np.inf), new_heap(nodes)
        for k in range(start_node.shape[1]):
            if start_seconds[i, k] < least[start_node[i, k]]:
                least[start_node[i, k]] = start_seconds[i, k]
                put(heap, start_node[i, k], start_seconds[i, k])
        v = first(heap)
        while v >= 0 and least[v] <= limit:
            take(heap, v)
            for e in range(first_edge[v], first_edge[v + 1]):
                seconds = least[v] + edge_seconds[e]
                if seconds < least[edge_head[e]]:
                    least[edge_head[e]] = seconds
                    put(heap, edge_head[e], seconds)
            for s in range(first_stop[v], first_stop[v + 1]):
                seconds = np.float32(least[v] + stop_seconds[s])
                if seconds <= np.float32(limit):
                    out[i, stop_at[s]] = min(out[i, stop_at[s]], seconds)
            v = first(heap)
