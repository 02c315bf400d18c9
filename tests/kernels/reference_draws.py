"""Slow twins of `kernels.draws`: the same formulas on numbers given in order, in plain Python."""

from __future__ import annotations

import math
from itertools import islice

import numpy as np


def gamma(numbers, shape: float) -> float:
    """Marsaglia and Tsang's rejection, from uniforms taken three at a time."""
    numbers = iter(numbers)
    d = max(shape, shape + 1 if shape < 1 else shape) - 1 / 3
    while True:
        u1, u2, u3 = islice(numbers, 3)
        x = math.sqrt(-2 * math.log(1 - u1)) * math.cos(2 * math.pi * u2)
        v = (1 + x / math.sqrt(9 * d)) ** 3
        if v > 0 and math.log(1 - u3) < x * x / 2 + d - d * v + d * math.log(v):
            break
    return d * v if shape >= 1 else d * v * (1 - next(numbers)) ** (1 / shape)


def small_poisson(number: float, mean: float) -> int:
    """The first count whose distribution function exceeds the number."""
    chances = [math.exp(-mean) * mean**k / math.factorial(k) for k in range(80)]
    return int(np.searchsorted(np.cumsum(chances), number, "right"))


def mixture(numbers, chance, factor, *, shape: float, count: float, mean: float) -> float:
    """A gamma chosen by the first number, then a rate from its posterior by the others."""
    taken = min(int(np.searchsorted(np.cumsum(chance, dtype=float), numbers[0], "right")), len(factor) - 1)
    own = factor[taken] * mean
    return own / (shape + own) * gamma(numbers[1:], shape + count)


def thrown(numbers, size, weight) -> np.ndarray:
    """Each event on the place into whose stretch of the running sum its number falls."""
    out, level = np.zeros(len(size)), np.asarray(numbers) * np.sum(size)
    for at, own in zip(level, weight, strict=True):
        below = 0.0
        for place, extent in enumerate(size):
            below += extent
            if at < below:
                out[place] += own
                break
    return out
