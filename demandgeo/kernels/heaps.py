"""A binary heap of the integers 0..n-1 by key, whose keys may change; equal keys go by the lower integer."""

from __future__ import annotations

import numpy as np

from demandgeo.kernels import inner_kernel


@inner_kernel
def new_heap(n):
    """Return an empty heap: keys, items by slot, slot of each item (-1: not in the heap), number of items."""
    return np.empty(n), np.empty(n, np.int64), np.full(n, -1, np.int64), np.zeros(1, np.int64)


@inner_kernel
def first(heap):
    """Return the item of the least key, -1 if the heap is empty."""
    _, items, _, size = heap
    return items[0] if size[0] > 0 else -1


@inner_kernel
def put(heap, item, key):
    """Put an item in, or change its key."""
    keys, items, slots, size = heap
    if slots[item] < 0:
        slots[item] = size[0]
        items[size[0]] = item
        size[0] += 1
    keys[item] = key
    _settle(heap, slots[item])


@inner_kernel
def take(heap, item):
    """Take an item out; nothing happens if it is not in the heap."""
    _, items, slots, size = heap
    slot = slots[item]
    if slot < 0:
        return
    size[0] -= 1
    last = items[size[0]]
    slots[item] = -1
    if last != item:
        items[slot] = last
        slots[last] = slot
        _settle(heap, slot)


@inner_kernel
def _before(keys, a, b):
    return keys[a] < keys[b] or (keys[a] == keys[b] and a < b)


@inner_kernel
def _settle(heap, slot):
    """Move the item of a slot up or down to where it belongs."""
    keys, items, slots, size = heap
    item = items[slot]
    while slot > 0 and _before(keys, item, items[(slot - 1) // 2]):
        items[slot] = items[(slot - 1) // 2]
        slots[items[slot]] = slot
        slot = (slot - 1) // 2
    child = 2 * slot + 1
    while child < size[0]:
        if child + 1 < size[0] and _before(keys, items[child + 1], items[child]):
            child += 1
        if not _before(keys, items[child], item):
            break
        items[slot] = items[child]
        slots[items[slot]] = slot
        slot, child = child, 2 * child + 1
    items[slot] = item
    slots[item] = slot
