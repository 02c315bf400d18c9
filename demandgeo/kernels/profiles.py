"""Smoothing kernels along a line: height at a distance, and the mass up to it.

With support h and u = r / h the polynomial ones are proportional to (1 - u2)**p within h and 0 beyond; p is their
code. The Gaussian's h is its standard deviation.
"""

from __future__ import annotations

import math
from enum import IntEnum

from demandgeo.kernels import inner_kernel


class Profile(IntEnum):
    """Power p of a kernel proportional to (1 - r2 / h2)**p, or the Gaussian."""

    UNIFORM = 0
    EPANECHNIKOV = 1
    QUARTIC = 2
    TRIWEIGHT = 3
    GAUSSIAN = 4


_ROOT_2 = math.sqrt(2.0)
_GAUSSIAN_HEIGHT = 1.0 / math.sqrt(2.0 * math.pi)


def line_height(profile: Profile, h: float) -> float:
    """Return the height at distance 0, per metre, of the kernel that integrates to 1 along a line.

    The integral of (1 - u2)**p from -1 to 1 is 2, 4/3, 16/15, 32/35 for p = 0 to 3.
    """
    return (0.5, 3 / 4, 15 / 16, 35 / 32, _GAUSSIAN_HEIGHT)[profile] / h


def line_support(profile: Profile, sd: float) -> float:
    """Return the support h of the kernel whose standard deviation is `sd` metres (the Gaussian's h is its sd).

    The mean of u2 over (1 - u2)**p is 1 / (2 p + 3).
    """
    return sd if profile == Profile.GAUSSIAN else sd * math.sqrt(2 * profile + 3)


@inner_kernel
def height(profile, r, h):
    """Return the kernel's height at distance r >= 0, per metre."""
    u = r / h
    if profile == 4:
        return math.exp(-0.5 * u * u) * (_GAUSSIAN_HEIGHT / h)
    if u >= 1.0:
        return 0.0
    t = 1.0 - u * u
    if profile == 2:
        return t * t * (0.9375 / h)
    if profile == 3:
        return t * t * t * (1.09375 / h)
    return t * (0.75 / h) if profile == 1 else 0.5 / h


@inner_kernel
def half_mass(profile, r, h):
    """Return the kernel's integral from 0 to r >= 0; at most a half."""
    u = r / h
    if profile == 4:
        return 0.5 * math.erf(u / _ROOT_2)
    u = min(u, 1.0)
    u2 = u * u
    if profile == 2:
        return u * (15.0 + u2 * (-10.0 + 3.0 * u2)) / 16.0
    if profile == 3:
        return u * (35.0 + u2 * (-35.0 + u2 * (21.0 - 5.0 * u2))) / 32.0
    return u * (3.0 - u2) / 4.0 if profile == 1 else 0.5 * u


@inner_kernel
def summed_mass(profile, r, h):
    """Return the integral of `half_mass` from 0 to r >= 0, of the kernels that end with a jump or a kink."""
    u = min(r / h, 1.0)
    inside = 0.25 * u * u if profile == 0 else u * u * (6.0 - u * u) / 16.0
    return h * inside + 0.5 * max(r - h, 0.0)
