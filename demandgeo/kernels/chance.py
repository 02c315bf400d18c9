"""A counter-based generator: the n-th number of a unit depends on (seed, unit, draw) and on nothing else.

The mixing function is SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators").
"""

from __future__ import annotations

import numpy as np

from demandgeo.kernels import inner_kernel, kernel

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
_UNIT = 1.0 / 9007199254740992.0  # 2**-53


@inner_kernel
def mix(value):
    """Scramble 64 bits into 64 bits: what SplitMix64 gives from the state `value`."""
    z = np.uint64(value) + _GOLDEN
    z = (z ^ (z >> _S30)) * _MIX_1
    z = (z ^ (z >> _S27)) * _MIX_2
    return z ^ (z >> _S31)


@inner_kernel
def uniform(seed, unit, draw):
    """Return a float64 in [0, 1) that (seed, unit, draw), each an int64, determines."""
    # By way of int64, because NumPy itself (without the JIT) refuses np.uint64(-1) of a Python int.
    key = mix(mix(np.uint64(np.int64(seed))) ^ np.uint64(np.int64(unit)))
    bits = mix(key ^ np.uint64(np.int64(draw)))
    return np.float64(bits >> _S11) * _UNIT


@kernel
def fill_uniform(seed, first_unit, out):
    """Fill out[unit, draw] with uniforms of (seed, first_unit + unit, draw)."""
    for unit in range(out.shape[0]):
        for draw in range(out.shape[1]):
            out[unit, draw] = uniform(seed, first_unit + unit, draw)
