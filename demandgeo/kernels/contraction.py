"""A customisable contraction hierarchy: the order of nodes, the arcs that contraction adds, their times.

After J. Dibbelt, B. Strasser and D. Wagner, Customizable Contraction Hierarchies, ACM J. Exp. Algorithmics 21 (2016).
Nodes are numbered by their rank from `eliminate` on. Each arc joins a node to one of higher rank and has two times,
up and down; the higher ends of the arcs of a node are its ancestors in the elimination tree.
"""

from __future__ import annotations

import numpy as np

from demandgeo.kernels import inner_kernel, kernel

SLACK = 0.25
"""A cut leaves at least this share of a piece on either side (0.25: 7 % fewer triangles than 0.33 on 100,000 nodes)."""


@kernel
def dissect(along, first, neighbour, out_rank):
    """Fill out_rank with an order by nested dissection: the nodes that part a piece come after both its halves.

    A piece is cut across one of the directions, at the place where the fewest nodes for the size of the smaller half
    have a neighbour beyond the cut; those nodes part it. Every part of the piece gets a run of ranks of its own.

    Parameters
    ----------
    along
        int32 [directions, nodes]: the nodes as they lie along each direction.
    first
        int64 [nodes + 1]: the neighbours of node v are ``neighbour[first[v]:first[v + 1]]``.
    neighbour
        int32, both directions of every edge.
    out_rank
        int32 [nodes], a permutation.
    """
    directions, n = along.shape
    line = along.copy()
    piece = np.zeros(n, np.int32)
    place, side, room = np.empty(n, np.int32), np.empty(n, np.int8), np.empty(n, np.int32)
    crossing = np.empty(n + 2, np.int64)
    low, high, top = np.empty(n + 1, np.int32), np.empty(n + 1, np.int32), np.empty(n + 1, np.int32)
    low[0], high[0], top[0] = 0, n, n
    waiting, pieces = 1 if n else 0, 1
    while waiting:
        waiting -= 1
        a, b, rank = low[waiting], high[waiting], top[waiting]
        best, direction, cut, from_low = np.inf, 0, 0, True
        for d in range(directions):
            for below in (True, False):
                score, at = _best_cut(line[d, a:b], below, piece, first, neighbour, place, crossing)
                if score < best:
                    best, direction, cut, from_low = score, d, at, below
        left, right = _part(line[direction, a:b], cut, from_low, piece, first, neighbour, place, side)
        for i in range(b - 1, a - 1, -1):
            v = line[direction, i]
            if side[v] == 2:
                rank -= 1
                out_rank[v] = rank
        for d in range(directions):
            _sort_by_side(line[d, a:b], side, left, right, room)
        for half in range(2):
            begin, size = (a, left) if half == 0 else (a + left, right)
            low[waiting], high[waiting], top[waiting] = begin, begin + size, rank - half * left
            waiting += 1 if size else 0
            _mark(line[0, begin : begin + size], pieces, piece)
            pieces += 1
        _mark(line[0, a + left + right : b], -1, piece)


@inner_kernel
def _mark(nodes, number, piece):
    for i in range(nodes.size):
        piece[nodes[i]] = number


@inner_kernel
def _best_cut(nodes, below, piece, first, neighbour, place, crossing):
    """Return the least nodes that part the piece over the size of its smaller half, and where the cut is."""
    m = nodes.size
    for i in range(m):
        place[nodes[i]] = i
    crossing[: m + 1] = 0
    for i in range(m):
        v = nodes[i]
        reach = i
        for e in range(first[v], first[v + 1]):
            u = neighbour[e]
            if piece[u] == piece[v]:
                reach = max(reach, place[u]) if below else min(reach, place[u])
        # A node before the cut parts the piece for the cuts up to its farthest neighbour, and one behind it likewise.
        if below:
            crossing[i + 1] += 1
            crossing[reach + 1] -= 1
        else:
            crossing[reach + 1] += 1
            crossing[i + 1] -= 1
    least, at, parting = np.inf, m, 0
    edge = max(1, int(SLACK * m))
    for h in range(1, m):
        parting += crossing[h]
        if edge <= h <= m - edge:
            score = (parting + 1e-3) / min(h, m - h)
            if score < least:
                least, at = score, h
    return (least if m > 1 else 0.0), at


@inner_kernel
def _part(nodes, cut, below, piece, first, neighbour, place, side):
    """Fill side with 0 (before the cut), 1 (behind it) and 2 (between); return the number of either half."""
    m, left, right = nodes.size, 0, 0
    for i in range(m):
        place[nodes[i]] = i
    for i in range(m):
        v = nodes[i]
        parts = m == 1
        if below == (i < cut):
            for e in range(first[v], first[v + 1]):
                u = neighbour[e]
                parts |= piece[u] == piece[v] and (place[u] < cut) != below
        side[v] = 2 if parts else (0 if i < cut else 1)
        left += side[v] == 0
        right += side[v] == 1
    return left, right


@inner_kernel
def _sort_by_side(nodes, side, left, right, room):
    """Put the nodes of each side together, and leave them in their order."""
    at0, at1, at2 = 0, left, left + right
    for i in range(nodes.size):
        v = nodes[i]
        if side[v] == 0:
            room[at0] = v
            at0 += 1
        elif side[v] == 1:
            room[at1] = v
            at1 += 1
        else:
            room[at2] = v
            at2 += 1
    nodes[:] = room[: nodes.size]


@kernel
def eliminate(first, neighbour, out_parent, out_arcs):
    """Fill the parent of each node in the elimination tree (-1: a root) and the number of its arcs.

    Parameters
    ----------
    first, neighbour
        int64 [nodes + 1], int32: the neighbours of each node, all by rank.
    out_parent, out_arcs
        int32 [nodes], int64 [nodes].
    """
    n = out_parent.size
    seen = np.full(n, -1, np.int32)
    out_parent[:] = -1
    out_arcs[:] = 0
    for u in range(n):
        seen[u] = u
        for e in range(first[u], first[u + 1]):
            v = neighbour[e]
            # The lower ends of u's arcs are what the paths from its lower neighbours up the tree to u pass.
            while v < u and seen[v] != u:
                if out_parent[v] < 0:
                    out_parent[v] = u
                seen[v] = u
                out_arcs[v] += 1
                v = out_parent[v]


@kernel
def number_trees(parent, out_number):
    """Fill the place of each node in an order in which every subtree of the elimination tree is one run, root last.

    Parameters
    ----------
    parent
        int32 [nodes]: of higher rank; -1 for a root.
    out_number
        int32 [nodes], a permutation; ranks that are such an order already stay as they are.
    """
    n = parent.size
    size, end = np.ones(n, np.int32), np.empty(n, np.int32)
    for v in range(n):
        if parent[v] >= 0:
            size[parent[v]] += size[v]
    free = n
    for v in range(n - 1, -1, -1):
        if parent[v] < 0:
            end[v] = free
            free -= size[v]
        else:
            end[v] = end[parent[v]]
            end[parent[v]] -= size[v]
        end[v] -= 1
        out_number[v] = end[v]


@kernel
def fill_depths(parent, out_depth):
    """Fill the number of nodes above each in the elimination tree, int32 [nodes]."""
    for v in range(parent.size - 1, -1, -1):
        out_depth[v] = 0 if parent[v] < 0 else out_depth[parent[v]] + 1


@kernel
def mark_above(parent, nodes, out_marked):
    """Fill out_marked, bool [nodes], with whether a node is one of ``nodes`` (int32) or above one."""
    out_marked[:] = False
    for i in range(nodes.size):
        v = nodes[i]
        while v >= 0 and not out_marked[v]:
            out_marked[v] = True
            v = parent[v]


@kernel
def fill_arcs(first, neighbour, parent, first_arc, out_head):
    """Fill out_head with the higher end of each arc, ascending within a node.

    Parameters
    ----------
    first, neighbour, parent
        As in `eliminate`.
    first_arc
        int64 [nodes + 1]: the arcs of node v are first_arc[v]..first_arc[v + 1] - 1.
    out_head
        int32 [arcs].
    """
    n = parent.size
    seen, free = np.full(n, -1, np.int32), first_arc.copy()
    for u in range(n):
        seen[u] = u
        for e in range(first[u], first[u + 1]):
            v = neighbour[e]
            while v < u and seen[v] != u:
                seen[v] = u
                out_head[free[v]] = u
                free[v] += 1
                v = parent[v]


@kernel
def find_arcs(tail, head, first_arc, arc_head, out_arc):
    """Fill the arc that each edge lies on; -1 for a loop.

    Parameters
    ----------
    tail, head
        int32 [edges], by rank.
    first_arc, arc_head
        As `fill_arcs` made them.
    out_arc
        int64 [edges].
    """
    for e in range(tail.size):
        low, high = min(tail[e], head[e]), max(tail[e], head[e])
        a, b = first_arc[low], first_arc[low + 1]
        while a < b:
            middle = (a + b) // 2
            if arc_head[middle] < high:
                a = middle + 1
            else:
                b = middle
        out_arc[e] = a if low < high else -1


@kernel
def customise(tail, head, edge_arc, seconds, first_arc, arc_head, out_up, out_down):
    """Fill the times of the arcs: the least over all ways between the ends whose other nodes have lower ranks.

    Parameters
    ----------
    tail, head
        int32 [edges], by rank.
    edge_arc
        int64 [edges], as `find_arcs` made it.
    seconds
        float64 [edges], >= 0, infinite where there is no way.
    first_arc, arc_head
        As `fill_arcs` made them.
    out_up, out_down
        float64 [arcs]: seconds from the lower end to the higher one, and back.
    """
    out_up[:] = np.inf
    out_down[:] = np.inf
    for e in range(tail.size):
        arc = edge_arc[e]
        if arc >= 0 and tail[e] < head[e]:
            out_up[arc] = min(out_up[arc], seconds[e])
        elif arc >= 0:
            out_down[arc] = min(out_down[arc], seconds[e])
    for v in range(first_arc.size - 1):
        last = first_arc[v + 1]
        for i in range(first_arc[v], last):
            x = arc_head[i]
            to_x, from_x = out_up[i], out_down[i]
            j = first_arc[x]
            for k in range(i + 1, last):
                y = arc_head[k]
                while arc_head[j] < y:
                    j += 1
                out_up[j] = min(out_up[j], from_x + out_up[k])
                out_down[j] = min(out_down[j], out_down[k] + to_x)
