"""The shapes of smoothing kernels, as polynomials of the squared distance.

With bandwidth h and t = h2 - r2 each shape is proportional to t**p within the bandwidth and 0 beyond; p is its code.
"""

from __future__ import annotations

import math
from enum import IntEnum


class Shape(IntEnum):
    """Power p of a kernel proportional to (1 - r2 / h2)**p."""

    UNIFORM = 0
    EPANECHNIKOV = 1
    QUARTIC = 2
    TRIWEIGHT = 3


def planar_scale(shape: Shape, bandwidth: float) -> float:
    """Return what (h2 - r2)**p is multiplied by, so that it integrates to 1 over the disc of radius h (per m2).

    The integral of (1 - r2 / h2)**p over the disc is pi h2 / (p + 1) (Silverman 1986, section 4.2.1, for p = 0 to 3).
    """
    return (shape + 1) / (math.pi * bandwidth ** (2 * (shape + 1)))


def planar_support(shape: Shape, sd: float) -> float:
    """Return the radius h of the kernel whose standard deviation along each axis is `sd`, metres.

    The mean of r2 over (1 - r2 / h2)**p is h2 / (p + 2), half of it along each axis: h = sd sqrt(2 p + 4).
    """
    return sd * math.sqrt(2 * shape + 4)
