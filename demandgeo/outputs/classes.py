"""Classes of a legend: one set of breaks drives the QGIS styles and the pictures, so that they cannot differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from demandgeo.domain.record import Floats, Integers
from demandgeo.outputs.palettes import ramp
from demandgeo.outputs.wording import number

SHARES = (0.4, 0.65, 0.8, 0.9, 0.97)
"""Shares of the units above zero at which classes end. Demand is so skewed (most cells hold next to nothing) that
equal steps paint one class, and equal shares hide the peaks: these narrow towards the top."""

RANKS = (5, 10, 20, 50, 100, 200, 500, 1000)
"""Ranks at which classes of priority areas end."""


@dataclass(frozen=True, slots=True)
class Classes:
    """Classes above zero, each open below and closed above; zero is a class of its own.

    Parameters
    ----------
    bounds
        Ascending, one more than classes: class i holds bounds[i] < value <= bounds[i + 1].
    labels, colours
        Of each class.
    has_zero, has_missing
        Whether some value is zero, and whether some is NaN.
    zero
        What the legend calls zero.
    """

    bounds: tuple[float, ...]
    labels: tuple[str, ...]
    colours: tuple[str, ...]
    has_zero: bool = False
    has_missing: bool = False
    zero: str = "0"

    def of(self, values: Floats) -> Integers:
        """Return the class of each value: -1 for zero, -2 for NaN."""
        found = np.searchsorted(self.bounds, values, side="left") - 1
        return np.where(np.isnan(values), -2, found).astype(np.int64)


def classify(values: NDArray[np.floating]) -> Classes:
    """Make classes of values >= 0, with breaks that are round numbers.

    Examples
    --------
    >>> import numpy as np
    >>> classes = classify(np.array([0, 0, 1, 1, 1, 2, 3, 4, 8, 40.0]))
    >>> classes.labels, classes.has_zero
    (('1 to 2', '3 to 4', '5 to 8', '9 to 40'), True)
    """
    known = values[~np.isnan(values)].astype(np.float64)
    positive = np.sort(known[known > 0])
    whole = bool((positive == np.floor(positive)).all())
    bounds = _bounds(positive, whole) if positive.size else ()
    labels = tuple(_label(low, high, whole) for low, high in pairwise(bounds))
    return Classes(bounds, labels, ramp(len(labels)), bool((known == 0).any()), known.size < values.size)


def classify_ranks(areas: int) -> Classes:
    """Make classes of the ranks 1..areas, the first ranks darkest."""
    ends = range(1, areas + 1) if areas <= RANKS[0] else (*(end for end in RANKS if end < areas), areas)
    bounds = tuple(map(float, (0, *ends)))
    labels = tuple(f"rank {_label(low, high, whole=True)}" for low, high in pairwise(bounds))
    return Classes(bounds, labels, ramp(len(labels) + 1)[:0:-1])


def classify_names(names: Sequence[str], values: NDArray[np.floating], zero: str = "0") -> Classes:
    """Make a class of each value 1, 2, ... by name, the last darkest; `zero` names the value 0.

    Examples
    --------
    >>> import numpy as np
    >>> classify_names(["likely", "sure"], np.array([0.0, 2.0])).of(np.array([0.0, 1.0, 2.0, np.nan])).tolist()
    [-1, 0, 1, -2]
    """
    bounds = tuple(map(float, range(len(names) + 1)))
    missing = bool(np.isnan(values).any())
    return Classes(bounds, tuple(names), ramp(len(names)), bool((values == 0).any()), missing, zero)


def _bounds(positive: Floats, whole: bool) -> tuple[float, ...]:
    bounds, top = [0.0], float(positive[-1])
    for cut in (_rounded(cut, whole) for cut in np.quantile(positive, SHARES, method="inverted_cdf")):
        # A break that rounding or repeats have made hold nothing is left out.
        if cut < top and np.searchsorted(positive, cut, "right") > np.searchsorted(positive, bounds[-1], "right"):
            bounds.append(cut)
    return (*bounds, top)


def _rounded(value: float, whole: bool) -> float:
    step = 10.0 ** (np.floor(np.log10(value)) - 1)
    step = max(step, 1.0) if whole else step
    # The product may carry a tail (0.30000000000000004), which no legend needs.
    return float(f"{np.round(value / step) * step:.12g}")


def _label(low: float, high: float, whole: bool) -> str:
    if not whole:
        return f"{number(low)} to {number(high)}" if low > 0 else f"up to {number(high)}"
    return number(high) if high == low + 1 else f"{number(low + 1)} to {number(high)}"
