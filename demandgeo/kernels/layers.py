"""Layers of a space-time surface: what each location weighs about a moment."""

from __future__ import annotations

import numpy as np

from demandgeo.kernels import kernel


@kernel
def weigh_slice(member, time, weight, moment, radius, power, out):
    """Fill out[location] with the sum of weight * (1 - u**2)**power, u = (moment - time) / radius.

    Parameters
    ----------
    member
        int32 [n]: the location of each event.
    time, weight
        float64 [n]: when each event was, in any unit, and what it weighs.
    moment, radius
        The slice's moment and the radius of the support, in the unit of `time`; no event lies beyond it.
    power
        Power of the shape in time, see `Shape`.
    out
        float64 [locations].
    """
    out[:] = 0.0
    # Tens of thousands of incidents share a snap point: summed plainly they would lose two digits (Kahan 1965).
    lost = np.zeros(out.size)
    for event in range(member.size):
        u = (moment - time[event]) / radius
        rest = (1.0 - u) * (1.0 + u)
        tapered = weight[event]
        for _ in range(power):
            tapered *= rest
        at = member[event]
        term = tapered - lost[at]
        total = out[at] + term
        lost[at] = (total - out[at]) - term
        out[at] = total
