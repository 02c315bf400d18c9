"""How much of what happened lies on the best-ranked part of the places."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from demandgeo.domain.record import Floats


def capture(score: Floats, extent: Floats, held: Floats, shares: Sequence[float]) -> Floats:
    """Return the share of `held` on the places of highest score that together have each share of the extent.

    Places of equal score are taken together and in proportion: a score that tells few places apart (a count of rare
    events is mostly 0) is given neither luck nor the order of the file.

    Parameters
    ----------
    score, extent, held
        float64 [n]: what ranks the places, their size, and what is to be caught.
    shares
        Of the extent, in [0, 1].

    Returns
    -------
    float64 [shares]
        NaN if nothing is held.

    Examples
    --------
    >>> capture(np.array([2.0, 1.0, 1.0]), np.ones(3), np.array([1.0, 1.0, 0.0]), [1 / 3, 2 / 3]).round(3).tolist()
    [0.5, 0.75]
    """
    total = float(held.sum())
    if not total > 0:
        return np.full(len(shares), np.nan)
    group = np.unique(-score, return_inverse=True)[1]
    along = np.concatenate([[0.0], np.cumsum(np.bincount(group, extent))])
    caught = np.concatenate([[0.0], np.cumsum(np.bincount(group, held))])
    return np.asarray(np.interp(np.asarray(shares) * along[-1], along, caught) / total)
