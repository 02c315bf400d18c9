"""An upper bound on the value of a few connected parts of a graph, by moats that grow into one another.

Units of positive value form *clumps* (connected); every other unit v costs c_v = -value. The bound is a dual solution
of the prize-collecting Steiner problem with directed cuts, raised as by Wong (1984, A dual ascent approach for Steiner
tree problems on a directed graph): the moats of Goemans and Williamson (1995, A general approximation technique for
constrained forest problems), save that moats may overlap and that a moat charges only those who enter it. On what a
choice leaves out and pays it lost 1 % where moats that may not overlap lost 17 % (200 clumps on 15,000 cells).

A moat is a set W of units round a clump t, with a width y_W >= 0. Three rules hold throughout:

1. entering a unit from a neighbour: for each pair u, v of neighbours, the widths of all W that hold v and not u sum to
   at most c_v (0 if v is in a clump, so a moat holds a clump whole and with all its neighbours, or not at all);
2. leaving out a clump: the widths of the moats round t sum to at most the worth of t;
3. starting a part: for each clump, the widths of all moats that hold it sum to at most the `toll`.

Why it bounds. Take any choice of at most `most` parts, and in each part with a positive unit a root among these (a
part without one only costs). Every moat W round t is charged once: if no part meets t, to the worth of t that is left
out (rule 2); if a part meets t and its root is in W, to its toll (rule 3: the root's clump is in W); else the way from
the root to t enters W at some unit v from some u, and in a tree each v is entered from one u only (rule 1). So the
widths sum to at most (worth left out) + (costs paid) + toll x most, and

    value = worth - (worth left out) - (costs paid) <= worth - sum of widths + toll x most.
"""

from __future__ import annotations

import numpy as np

from demandgeo.kernels import inner_kernel, kernel
from demandgeo.kernels.heaps import first, new_heap, put, take
from demandgeo.kernels.regions import label_clumps, worths

_PATIENCE = 1.3
"""A moat grows on until its border is so much longer than that of the moat whose turn is next. Strictly in turn,
finding each moat anew took four times as long at 100,000 cells, and the bound was no better."""


@kernel
def most_value(indptr, indices, value, most, toll, out_left):
    """Return an upper bound on the value of any choice of at most `most` connected parts.

    Parameters
    ----------
    indptr, indices
        int64, the graph.
    value
        float64 [n].
    most
        Greatest number of parts.
    toll
        What starting a part may be charged, >= 0: any number gives a bound, and the bound is convex in it.
    out_left
        float64, as `indices`: what is left of the cost of entering each unit from each of its neighbours. A choice that
        holds a unit of negative value is worth at most the bound less the least of these.
    """
    label = np.empty(value.size, np.int64)
    clumps = label_clumps(indptr, indices, value > 0.0, label)
    worth = worths(value, label, clumps)
    seat = np.full(clumps, -1)
    for unit in range(value.size):
        out_left[indptr[unit] : indptr[unit + 1]] = max(0.0, -value[unit])
        if label[unit] >= 0 and seat[label[unit]] < 0:
            seat[label[unit]] = unit
    if clumps <= most:
        return worth.sum()
    scratch = (np.full(value.size, -1), np.empty(value.size, np.int64), np.empty(indices.size, np.int64), seat.copy())
    budget, room, turns = worth.copy(), np.full(clumps, toll), new_heap(clumps)
    for clump in range(clumps):
        put(turns, clump, 0.0)
    widths, clump = 0.0, first(turns)
    while clump >= 0:
        take(turns, clump)
        after = first(turns)
        patience = _PATIENCE * turns[0][after] if after >= 0 else np.inf
        width, border = _widen((indptr, indices), (label, seat), clump, budget, room, patience, scratch, out_left)
        widths += width
        if border >= 0:
            put(turns, clump, float(border))
        clump = first(turns)
    return worth.sum() - widths + toll * most


@inner_kernel
def _widen(graph, clumps, clump, budget, room, patience, scratch, out_left):
    """Widen the moat round a clump; return by how much, and its border if it may grow on at another turn, else -1.

    The moat is what reaches the clump through units that are entered for nothing more.
    """
    seen, inside, cut, within = scratch
    seat = clumps[1]
    # What is left below this is rounding; to treat it as nothing only makes moats larger.
    tiny, width = 1e-12 * (budget[clump] + room[clump]), 0.0
    inside[0], seen[seat[clump]] = seat[clump], clump
    head, tail, border, held = 0, 1, 0, 0
    while True:
        head, tail, border, held = _reach(graph, clumps, clump, (head, tail, border, held), tiny, scratch, out_left)
        step = budget[clump]
        for other in within[:held]:
            step = min(step, room[other])
        kept = 0
        for arc in cut[:border]:
            if seen[graph[1][arc]] != clump:
                cut[kept] = arc
                kept += 1
                step = min(step, out_left[arc])
        border = kept
        if border > patience or step <= 0.0:
            _forget(inside, tail, seen)
            return width, border if step > 0.0 else -1
        width += step
        budget[clump] -= step
        ends = budget[clump] <= tiny
        for other in within[:held]:
            room[other] -= step
            ends = ends or room[other] <= tiny
        for arc in cut[:border]:
            out_left[arc] -= step
            unit = graph[1][arc]
            if out_left[arc] <= tiny and seen[unit] != clump:
                seen[unit] = clump
                inside[tail] = unit
                tail += 1
        if ends:
            _forget(inside, tail, seen)
            return width, -1


@inner_kernel
def _reach(graph, clumps, clump, at, tiny, scratch, out_left):
    """Follow what may be entered for nothing from the units not looked at yet; list the rest as border."""
    head, tail, border, held = at
    seen, inside, cut, within = scratch
    label, seat = clumps
    while head < tail:
        unit = inside[head]
        head += 1
        if label[unit] >= 0 and seat[label[unit]] == unit:
            within[held] = label[unit]
            held += 1
        for arc in range(graph[0][unit], graph[0][unit + 1]):
            other = graph[1][arc]
            if seen[other] == clump:
                continue
            if out_left[arc] <= tiny:
                seen[other] = clump
                inside[tail] = other
                tail += 1
            else:
                cut[border] = arc
                border += 1
    return head, tail, border, held


@inner_kernel
def _forget(inside, tail, seen):
    for unit in inside[:tail]:
        seen[unit] = -1
