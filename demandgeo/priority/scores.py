"""What a choice of units and a distribution of demand are scored by: formulas on arrays.

Throughout, `demand` and `extent` are float64 [n] over the units of a support, `chosen` a bool [n]; n / N is the share
of demand in the chosen units, a / A their share of the extent.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import stats

from demandgeo.domain import Grid, Neighbours, Support
from demandgeo.domain.record import Floats, Mask


class Lorenz(NamedTuple):
    """Running shares from the least dense unit on, float64 [n + 1] each, from 0 to 1."""

    places: Floats
    demand: Floats


def hit_rate(demand: Floats, chosen: Mask) -> float:
    """Return the share of demand in the chosen units, n / N (Bowers, Johnson and Pease 2004)."""
    return float(demand[chosen].sum() / demand.sum())


def accuracy(demand: Floats, extent: Floats, chosen: Mask, *, penalty: float = 1.0) -> float:
    """Return (n / N) / (a / A)^penalty.

    At 1 the prediction accuracy index PAI (Chainey, Tompson and Uhlig 2008, Security Journal 21:4); between 0 and 1 the
    penalised PPAI (Joshi, D'Ath, Curtis-Ham and Searle 2020), which rewards smallness less.
    """
    return hit_rate(demand, chosen) / float((extent[chosen].sum() / extent.sum()) ** penalty)


def most_demand(demand: Floats, extent: Floats, room: float) -> float:
    """Return the most demand that units of no more total extent than `room` could hold, the last one in part."""
    order = np.argsort(-demand / extent, kind="stable")
    used, held = np.cumsum(extent[order]), np.cumsum(demand[order])
    return float(np.interp(room, np.append(0.0, used), np.append(0.0, held)))


def least_extent(demand: Floats, extent: Floats, share: float) -> float:
    """Return the least extent in which units could hold a share of demand, the last one in part."""
    order = np.argsort(-demand / extent, kind="stable")
    order = order[demand[order] > 0]
    used, held = np.cumsum(extent[order]), np.cumsum(demand[order])
    return float(np.interp(share * held[-1], np.append(0.0, held), np.append(0.0, used)))


def efficiency(demand: Floats, extent: Floats, chosen: Mask) -> float:
    """Return PEI: the PAI over that of the smallest units that would have held as much demand.

    1 if no choice could hold as much in less. As both hold the same demand, the ratio is that of the extents (Hunt
    2016, in the general form of White, Hunt and Green 2023, Security Journal, whose best choice may have an extent of
    its own).
    """
    return least_extent(demand, extent, hit_rate(demand, chosen)) / float(extent[chosen].sum())


def capture_efficiency(demand: Floats, extent: Floats, chosen: Mask) -> float:
    """Return PEI*: demand in the chosen units over the most that units of the same extent could hold, n / n*.

    White, Hunt and Green 2023: the PEI whose best choice has the extent of the one tested.
    """
    return float(demand[chosen].sum()) / most_demand(demand, extent, float(extent[chosen].sum()))


def recapture(before: Floats, after: Floats, chosen: Mask) -> float:
    """Return the recapture rate index RRI: the chosen units' change over the change everywhere (Levine 2008).

    (n2 / n1) / (N2 / N1): 1 if they kept their share.
    """
    return hit_rate(after, chosen) / hit_rate(before, chosen)


def lorenz(demand: Floats, extent: Floats | None = None) -> Lorenz:
    """Return the Lorenz curve of demand over units, or over extent where it is given (Lorenz 1905)."""
    size = np.ones(demand.size) if extent is None else extent
    order = np.argsort(demand / size, kind="stable")
    places, held = (np.append(0.0, np.cumsum(part[order])) for part in (size, demand))
    return Lorenz(places / places[-1], held / held[-1])


def gini(demand: Floats, extent: Floats | None = None) -> float:
    """Return the Gini coefficient: 1 less twice the area below the Lorenz curve (Gini 1914).

    0 if all units are alike (alike dense, with `extent`), towards 1 if one holds all.
    """
    places, held = lorenz(demand, extent)
    return 1.0 - float((np.diff(places) * (held[1:] + held[:-1])).sum())


def generalised_gini(demand: Floats, events: float) -> float:
    """Return the Gini coefficient for more places than crimes: max(n / c, 1) (G - 1) + 1.

    With c events on n > c units even the most even spread leaves n - c units empty; from that spread this one counts
    as 0 (Bernasco and Steenbeek 2017, Journal of Quantitative Criminology 33:451).
    """
    return max(demand.size / events, 1.0) * (gini(demand) - 1.0) + 1.0


def clumpiness(support: Support, touching: Neighbours, chosen: Mask) -> float:
    """Return the clumpiness index: -1 scattered as far as can be, 0 as chance would, 1 in one lump.

    G = like adjacencies of the chosen units over all of theirs (less, on a grid, the least that a lump of so many cells
    has to the outside), P = the share of units chosen: (G - P) / P where G < P < 1/2, else (G - P) / (1 - P).
    McGarigal, Cushman and Ene 2012 (FRAGSTATS, CLUMPY); for crime maps Adepeju, Rosser and Cheng 2016, International
    Journal of Geographical Information Science 30:2133. On zones and streets the least is not known and taken as 0, so
    that even one lump stays below 1.
    """
    count = int(chosen.sum())
    share = count / chosen.size
    if share in (0.0, 1.0):
        return float("nan")
    own = chosen[touching.rows]
    like, every = int((own & chosen[touching.indices]).sum()), int(own.sum())
    room = every - (_least_perimeter(count) if isinstance(support, Grid) else 0)
    # At the rim of the study area a cell has fewer neighbours, and the least perimeter is an overestimate.
    adjacent = min(like / room, 1.0) if room > 0 else float(like > 0)
    return (adjacent - share) / (share if adjacent < share < 0.5 else 1.0 - share)


def jaccard(first: Mask, second: Mask, extent: Floats | None = None) -> float:
    """Return the overlap of two choices: what both chose over what either did, in units or in extent (Jaccard 1901)."""
    size = np.ones(first.size) if extent is None else extent
    either = float(size[first | second].sum())
    return float(size[first & second].sum()) / either if either > 0 else float("nan")


def rank_stability(before: Floats, after: Floats, among: Mask) -> float:
    """Return Spearman's correlation of two demands among some units; NaN of fewer than 3, or where one is constant."""
    first, second = before[among], after[among]
    if first.size < 3 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(stats.spearmanr(first, second).statistic)


def _least_perimeter(cells: int) -> int:
    """Return the sides that a lump of so many square cells has to the outside at least."""
    side = int(np.sqrt(cells))
    rest = cells - side * side
    return 4 * side + (0 if rest == 0 else 2 if rest <= side else 4)
