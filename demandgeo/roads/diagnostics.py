"""Whether a model of counts fits: cumulative residuals against each covariate, and calibration."""

from __future__ import annotations

import numpy as np
import pandas as pd

from demandgeo.domain.record import Floats

LIMIT = 1.96
POINTS = 200
"""A curve keeps this many of its points: a picture shows no more."""

GROUPS = 10


def cumulative_residuals(count: Floats, mean: Floats, against: dict[str, Floats]) -> pd.DataFrame:
    """Return the CURE plot of each covariate: cumulative residual in order of the covariate, and its limits.

    Parameters
    ----------
    count, mean
        float64 [n]: observed and fitted.
    against
        Covariates, float64 [n] each.

    Returns
    -------
    pandas.DataFrame
        covariate, value, residual, limit: a fitting model keeps within +-limit at 95 % of the points.

    Notes
    -----
    Hauer and Bamfo (1997): with V(i) the sum of the squared residuals up to i and V that of all, the limit is
    1.96 sqrt(V(i) (1 - V(i) / V)).

    Examples
    --------
    >>> table = cumulative_residuals(np.array([1.0, 0.0, 2.0]), np.ones(3), {"length": np.array([3.0, 1.0, 2.0])})
    >>> table["residual"].tolist()
    [-1.0, 0.0, 0.0]
    """
    residual, parts = count - mean, []
    for name, value in against.items():
        if not np.isfinite(value).all():
            continue
        order = np.argsort(value, kind="stable")
        spread = np.cumsum(np.square(residual[order]))
        limit = LIMIT * np.sqrt(np.maximum(spread * (1.0 - spread / max(spread[-1], np.finfo(float).tiny)), 0.0))
        shown = np.unique(np.linspace(0, len(order) - 1, min(POINTS, len(order))).round().astype(np.int64))
        parts.append(
            pd.DataFrame(
                {
                    "covariate": name,
                    "value": value[order][shown],
                    "residual": np.cumsum(residual[order])[shown],
                    "limit": limit[shown],
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def calibration(count: Floats, mean: Floats) -> pd.DataFrame:
    """Return observed against fitted by tenths of the fitted sum, the lowest means first.

    Examples
    --------
    >>> calibration(np.array([0.0, 1.0, 1.0]), np.array([0.2, 0.8, 1.0])).columns.tolist()
    ['tenth', 'places', 'fitted', 'observed']
    """
    order = np.argsort(mean, kind="stable")
    share = (np.cumsum(mean[order]) - mean[order] / 2) / mean.sum()
    tenth = np.minimum((share * GROUPS).astype(np.int64), GROUPS - 1)
    parts = {
        name: np.bincount(tenth, weights, minlength=GROUPS) for name, weights in _columns(count[order], mean[order])
    }
    table = pd.DataFrame({"tenth": np.arange(1, GROUPS + 1), **parts})
    return table[table["places"] > 0].astype({"places": np.int64}).reset_index(drop=True)


def _columns(count: Floats, mean: Floats) -> tuple[tuple[str, Floats], ...]:
    return ("places", np.ones(mean.size)), ("fitted", mean), ("observed", count)


def outside(residuals: pd.DataFrame) -> dict[str, float]:
    """Return the share of the points of each curve that lie outside its limits."""
    beyond = residuals["residual"].abs() > residuals["limit"] + 1e-9
    return {str(name): float(part.mean()) for name, part in beyond.groupby(residuals["covariate"], sort=True)}
