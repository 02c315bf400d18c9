"""Travel times from many places to many by a customisable contraction hierarchy.

Junctions are ranked by nested dissection; contracting them in that order adds arcs upwards ("up" arcs of the lower
junction, whatever the speeds). Customising gives every arc the time of the fastest way through lower junctions, in
each direction. A fastest way then goes up from its start and down to its end (Dibbelt, Strasser and Wagner 2016); one
sweep down over the junctions above the targets serves many sources at once (Delling, Goldberg and Werneck 2011).
"""

from __future__ import annotations

import numba
import numpy as np

from demandgeo.kernels import inner_kernel, kernel, parallel_kernel
from demandgeo.kernels.heaps import first, new_heap, put, take

LANES = 16
"""Sources per sweep: the times of a junction are then two whole lines of cache."""

_LEAF = 2


@inner_kernel
def _key(x, y, direction):
    if direction == 0:
        return x
    if direction == 1:
        return y
    return x + y if direction == 2 else x - y


@inner_kernel
def _halve(members, x, y, direction, keys, is_left):
    """Put the half of the members with the lower keys on the left."""
    for i in range(members.size):
        keys[i] = _key(x[members[i]], y[members[i]], direction)
    order = np.argsort(keys[: members.size])
    for i in range(members.size):
        is_left[members[order[i]]] = i < members.size // 2


@inner_kernel
def _is_cut(v, left, indptr, indices, part, own, is_left):
    """Whether a junction on one side has a neighbour of its part on the other."""
    if is_left[v] != left:
        return False
    for e in range(indptr[v], indptr[v + 1]):
        u = indices[e]
        if part[u] == own and is_left[u] != left:
            return True
    return False


@inner_kernel
def _separate(members, x, y, indptr, indices, part, own, keys, is_left):
    """Halve a part in the direction that cuts the fewest junctions; return the side that the cut ones are on."""
    fewest, best, side = members.size + 1, 0, True
    for direction in range(4):
        _halve(members, x, y, direction, keys, is_left)
        for left in (True, False):
            cut = 0
            for i in range(members.size):
                cut += _is_cut(members[i], left, indptr, indices, part, own, is_left)
            if cut < fewest:
                fewest, best, side = cut, direction, left
    _halve(members, x, y, best, keys, is_left)
    return side


@kernel
def dissect(x, y, indptr, indices, out_rank):
    """Fill the rank of each junction: those that separate a part come after everything on its two sides.

    `indptr`, `indices`: who is joined to whom, in both directions.
    """
    n = x.size
    members, part = np.arange(n), np.full(n, -1)
    keys, is_left = np.empty(n), np.zeros(n, np.bool_)
    low, high, top = np.empty(n + 2, np.int64), np.empty(n + 2, np.int64), np.empty(n + 2, np.int64)
    low[0], high[0], top[0] = 0, n, n
    waiting, own = 1, 0
    while waiting > 0:
        waiting -= 1
        start, end, rank = low[waiting], high[waiting], top[waiting]
        mine = members[start:end].copy()
        if mine.size <= _LEAF:
            for v in mine:
                rank -= 1
                out_rank[v] = rank
            continue
        own += 1
        for v in mine:
            part[v] = own
        side = _separate(mine, x, y, indptr, indices, part, own, keys, is_left)
        left_end, right_start = start, end
        for v in mine:
            if _is_cut(v, side, indptr, indices, part, own, is_left):
                rank -= 1
                out_rank[v] = rank
            elif is_left[v]:
                members[left_end] = v
                left_end += 1
            else:
                right_start -= 1
                members[right_start] = v
        # The cut junctions left a gap in the middle of members; each side is its own part now.
        if left_end > start:
            low[waiting], high[waiting], top[waiting] = start, left_end, rank
            waiting += 1
        if right_start < end:
            low[waiting], high[waiting], top[waiting] = right_start, end, rank - (left_end - start)
            waiting += 1


@kernel
def contract(indptr, indices, out_first, out_up):
    """Fill the up arcs of each junction, ascending: those it has, and those that contracting lower ones adds.

    Junctions are numbered by rank. Returns the number of arcs, -1 if out_up has no room for them.
    """
    n = indptr.size - 1
    child, sibling = np.full(n, -1), np.full(n, -1)
    seen = np.full(n, -1)
    filled = 0
    out_first[0] = 0
    for v in range(n):
        start = filled
        if start + n - v > out_up.size and start + 4096 > out_up.size:
            return -1
        for e in range(indptr[v], indptr[v + 1]):
            u = indices[e]
            if u > v and seen[u] != v:
                seen[u] = v
                out_up[filled] = u
                filled += 1
        # What a lower junction is joined to, its lowest upper neighbour is joined to as well.
        lower = child[v]
        while lower >= 0:
            for e in range(out_first[lower], out_first[lower + 1]):
                u = out_up[e]
                if u > v and seen[u] != v:
                    seen[u] = v
                    out_up[filled] = u
                    filled += 1
            lower = sibling[lower]
        out_up[start:filled].sort()
        out_first[v + 1] = filled
        if filled > start:
            parent = out_up[start]
            sibling[v] = child[parent]
            child[parent] = v
    return filled


@kernel
def arc_of(first_arc, up, tail, head, out_arc):
    """Fill the arc of the hierarchy on which each street runs; -1 for one that ends where it starts."""
    for i in range(tail.size):
        low, high = min(tail[i], head[i]), max(tail[i], head[i])
        if low == high:
            out_arc[i] = -1
            continue
        left, right = first_arc[low], first_arc[low + 1]
        while left < right:
            middle = (left + right) // 2
            if up[middle] < high:
                left = middle + 1
            else:
                right = middle
        out_arc[i] = left


@kernel
def customise(first_arc, up, arc, is_up, seconds, out_up, out_down):
    """Fill the time of each arc, up and down, of the fastest way through lower junctions; infinite if there is none.

    `arc`, `is_up`, `seconds`: the arc of each street, whether it runs upwards, its time.
    """
    out_up[:] = np.inf
    out_down[:] = np.inf
    for i in range(arc.size):
        a = arc[i]
        if a >= 0 and is_up[i]:
            out_up[a] = min(out_up[a], seconds[i])
        elif a >= 0:
            out_down[a] = min(out_down[a], seconds[i])
    for v in range(first_arc.size - 1):
        for i in range(first_arc[v], first_arc[v + 1]):
            x = up[i]
            j = first_arc[x]
            for k in range(i + 1, first_arc[v + 1]):
                # Both lists ascend, and x has every later neighbour of v: one pass finds them.
                while up[j] < up[k]:
                    j += 1
                out_up[j] = min(out_up[j], out_down[i] + out_up[k])
                out_down[j] = min(out_down[j], out_down[k] + out_up[i])


@kernel
def restrict(first_arc, up, targets, out_index, out_first, out_head, out_arc):
    """Fill the part of the hierarchy above the targets, from the top down: what a sweep has to visit.

    `out_index` [junctions]: the place of each in the sweep, -1 for none. Returns the number of junctions in it.
    """
    n = first_arc.size - 1
    out_index[:] = -1
    for target in targets:
        out_index[target] = 0
    for v in range(n):
        if out_index[v] == 0:
            for e in range(first_arc[v], first_arc[v + 1]):
                out_index[up[e]] = 0
    place, arcs = 0, 0
    out_first[0] = 0
    for v in range(n - 1, -1, -1):
        if out_index[v] == 0:
            out_index[v] = place
            for e in range(first_arc[v], first_arc[v + 1]):
                out_head[arcs] = out_index[up[e]]
                out_arc[arcs] = e
                arcs += 1
            place += 1
            out_first[place] = arcs
    return place


@inner_kernel
def _climb(source, lane, first_arc, up, seconds_up, index, reached, times):
    """Put the times from a source to every junction above it into its lane."""
    reached[source] = 0.0
    v = source
    while v >= 0:
        here = reached[v]
        reached[v] = np.inf
        if index[v] >= 0:
            times[index[v] * LANES + lane] = here
        start, end = first_arc[v], first_arc[v + 1]
        for e in range(start, end):
            reached[up[e]] = min(reached[up[e]], here + seconds_up[e])
        v = up[start] if end > start else -1


@parallel_kernel
def sweep(first_arc, up, seconds_up, index, down_first, down_head, down_seconds, sources, targets, out_seconds):
    """Fill the seconds from each source to each target, float32 [sources, targets], infinite where there is no way.

    `index` and `down_first`, `down_head`: as `restrict` fills them; `down_seconds`: the time down each of its arcs.
    Times are summed in float64: in float32 the twenty arcs of a way cost 3.5e-7 of the result.
    """
    batches = (sources.size + LANES - 1) // LANES
    places = down_first.size - 1
    for batch in numba.prange(batches):
        times = np.full(places * LANES, np.inf)
        reached = np.full(index.size, np.inf)
        lanes = min(LANES, sources.size - batch * LANES)
        for lane in range(lanes):
            _climb(sources[batch * LANES + lane], lane, first_arc, up, seconds_up, index, reached, times)
        for i in range(places):
            here = times[i * LANES : (i + 1) * LANES]
            for e in range(down_first[i], down_first[i + 1]):
                above = times[down_head[e] * LANES : (down_head[e] + 1) * LANES]
                step = down_seconds[e]
                for lane in range(LANES):
                    # A comparison, not min(): only so is it one vector instruction.
                    through = above[lane] + step
                    here[lane] = through if through < here[lane] else here[lane]
        for j in range(targets.size):
            row = targets[j] * LANES
            for lane in range(lanes):
                out_seconds[batch * LANES + lane, j] = times[row + lane]


@parallel_kernel
def shortest_times(indptr, head, seconds, sources, targets, out_seconds):
    """Fill the seconds from each source to each target by Dijkstra's algorithm, float32 [sources, targets]."""
    for s in numba.prange(sources.size):
        reached = np.full(indptr.size - 1, np.inf)
        heap = new_heap(indptr.size - 1)
        reached[sources[s]] = 0.0
        put(heap, sources[s], 0.0)
        v = first(heap)
        while v >= 0:
            take(heap, v)
            for e in range(indptr[v], indptr[v + 1]):
                through = reached[v] + seconds[e]
                if through < reached[head[e]]:
                    reached[head[e]] = through
                    put(heap, head[e], through)
            v = first(heap)
        for j in range(targets.size):
            out_seconds[s, j] = reached[targets[j]]
