"""Draws of gammas, Poisson counts and places, each from numbers that (seed, draw, unit) determines."""

from __future__ import annotations

import math

from numba import prange

from demandgeo.kernels import inner_kernel, kernel, parallel_kernel
from demandgeo.kernels.chance import uniform

_NUMBERS = 64
"""Numbers set aside for a unit: more than 20 rejections in a row, which no run will see."""

_INVERTED = 10.0
"""Below this mean a Poisson count is found by walking up its distribution, some `mean` steps; above, by rejection."""


@parallel_kernel
def draw_gammas(seed, draw, shape, scale, out):
    """Fill out[i] with a draw of the gamma distribution of shape[i] and scale[i]; 0 where either is 0.

    Rejection from a cubed normal (Marsaglia and Tsang 2000, ACM Transactions on Mathematical Software 26:363); a shape
    below 1 is drawn as one above, times a power of a uniform.

    Parameters
    ----------
    seed, draw
        The numbers used are those of (seed, draw, 64 i + 0, 1, 2, ...).
    shape, scale
        float64 [n], >= 0.
    out
        float64 [n].
    """
    for i in prange(shape.size):
        out[i] = scale[i] * _gamma(seed, draw, _NUMBERS * i, shape[i]) if shape[i] > 0.0 else 0.0


@parallel_kernel
def draw_mixtures(seed, draw, chance, shape, factor, count, mean, out):
    """Fill out with rates of Poisson counts from their posteriors, each a mixture of gammas.

    One gamma of the mixture is taken by its chance. A priori its mean is m = factor * mean and its shape is `shape`; a
    posteriori its shape is shape + count and its scale m / (shape + m).

    Parameters
    ----------
    seed, draw
        The numbers used are those of (seed, draw, 64 i + 0, 1, 2, ...).
    chance
        float32 [n, factors]: of each gamma; where a row is 0, so is the rate.
    shape
        Of every gamma, a priori.
    factor
        float64 [factors].
    count, mean
        float64 [n].
    out
        float64 [n].
    """
    for i in prange(count.size):
        at = _NUMBERS * i
        level, taken = uniform(seed, draw, at), 0
        below = float(chance[i, 0])
        while below <= level and taken < factor.size - 1:
            taken += 1
            below += float(chance[i, taken])
        own = factor[taken] * mean[i]
        scale = own / (shape + own)
        out[i] = scale * _gamma(seed, draw, at + 1, shape + count[i]) if scale > 0.0 else 0.0


@parallel_kernel
def draw_poissons(seed, draw, mean, out):
    """Fill out[i] with a draw of the Poisson distribution of mean[i].

    A small mean by inversion of one uniform, a large one by transformed rejection (Hoermann 1993, Insurance:
    Mathematics and Economics 12:39, algorithm PTRS).

    Parameters
    ----------
    seed, draw
        The numbers used are those of (seed, draw, 64 i + 0, 1, 2, ...).
    mean
        float64 [n], >= 0.
    out
        float64 [n].
    """
    for i in prange(mean.size):
        at = _NUMBERS * i
        out[i] = _inverted(uniform(seed, draw, at), mean[i]) if mean[i] < _INVERTED else _ptrs(seed, draw, at, mean[i])


@kernel
def throw_events(seed, draw, cumulative, weight, out):
    """Throw events on places, each on its own and in proportion to the places' size; sum their weights by place.

    Parameters
    ----------
    seed, draw
        The number of event j is that of (seed, draw, j).
    cumulative
        float64 [places]: running sum of the sizes.
    weight
        float64 [events].
    out
        float64 [places].
    """
    out[:] = 0.0
    last = cumulative.size - 1
    for event in range(weight.size):
        level = uniform(seed, draw, event) * cumulative[last]
        low, high = 0, last
        while low < high:
            middle = (low + high) // 2
            if cumulative[middle] <= level:
                low = middle + 1
            else:
                high = middle
        out[low] += weight[event]


@inner_kernel
def _gamma(seed, draw, at, shape):
    boosted = shape if shape >= 1.0 else shape + 1.0
    d = boosted - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    value = -1.0
    while value < 0.0:
        # One normal for two uniforms (Box and Muller 1958); its twin would need a memory between units.
        radius = math.sqrt(-2.0 * math.log(1.0 - uniform(seed, draw, at)))
        x = radius * math.cos(2.0 * math.pi * uniform(seed, draw, at + 1))
        v = (1.0 + c * x) ** 3
        if v > 0.0 and math.log(1.0 - uniform(seed, draw, at + 2)) < 0.5 * x * x + d * (1.0 - v + math.log(v)):
            value = d * v
        at += 3
    return value if shape >= 1.0 else value * (1.0 - uniform(seed, draw, at)) ** (1.0 / shape)


@inner_kernel
def _inverted(u, mean):
    count, chance = 0, math.exp(-mean)
    below = chance
    while u >= below and chance > 0.0:
        count += 1
        chance *= mean / count
        below += chance
    return float(count)


@inner_kernel
def _ptrs(seed, draw, at, mean):
    b = 0.931 + 2.53 * math.sqrt(mean)
    a = -0.059 + 0.02483 * b
    squeeze = 0.9277 - 3.6224 / (b - 2.0)
    inverse = 1.1239 + 1.1328 / (b - 3.4)
    while True:
        u = uniform(seed, draw, at) - 0.5
        v = 1.0 - uniform(seed, draw, at + 1)
        at += 2
        us = 0.5 - abs(u)
        if us <= 0.0:
            continue
        count = math.floor((2.0 * a / us + b) * u + mean + 0.43)
        if us >= 0.07 and v <= squeeze:
            return count
        if count < 0.0 or (us < 0.013 and v > us):
            continue
        log_chance = count * math.log(mean) - mean - math.lgamma(count + 1.0)
        if math.log(v) + math.log(inverse) - math.log(a / (us * us) + b) <= log_chance:
            return count
