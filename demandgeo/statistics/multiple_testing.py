"""What becomes of p-values when there are many of them, and p-values of draws."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from demandgeo.domain.record import Floats

Adjustment = Literal["bh", "by"]
"""Benjamini and Hochberg: independent or positively dependent tests. Benjamini and Yekutieli: any dependence."""


def false_discovery_rates(p: Floats, adjust: Adjustment = "bh") -> Floats:
    """Return the least false-discovery rate at which each test is a discovery; NaN, not tested, stays NaN.

    Parameters
    ----------
    p
        float64 [n], in [0, 1] or NaN.
    adjust
        ``"bh"`` (Benjamini and Hochberg 1995, Journal of the Royal Statistical Society B 57:289-300) or ``"by"``
        (Benjamini and Yekutieli 2001, Annals of Statistics 29:1165-1188), which is larger by the sum of 1 / i.

    Examples
    --------
    >>> false_discovery_rates(np.array([0.01, np.nan, 0.04, 0.5])).round(3).tolist()
    [0.03, nan, 0.06, 0.5]
    """
    q, tested = p.copy(), ~np.isnan(p)
    q[tested] = stats.false_discovery_control(p[tested], method=adjust)
    return q


def monte_carlo_p(exceeding: NDArray[np.integer] | Floats, replicates: int) -> Floats:
    """Return (1 + draws at least as extreme) / (1 + draws): the observed one is a draw of the null, too.

    Davison and Hinkley (1997), Bootstrap Methods and their Application, section 4.2.
    """
    return (1.0 + np.asarray(exceeding, np.float64)) / (1.0 + replicates)
