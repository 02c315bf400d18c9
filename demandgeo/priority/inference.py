"""How likely chance alone gives as much around a unit: by the exact law of permutations, by draws, or by the normal."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from demandgeo.domain.record import Floats, Integers, Mask
from demandgeo.domain.support import Neighbours
from demandgeo.errors import ModelError
from demandgeo.kernels.permutation import count_extreme_draws, draw_ids, sum_neighbours
from demandgeo.statistics.multiple_testing import monte_carlo_p
from demandgeo.statistics.subset_sums import MOST_ENTRIES, Number, SubsetSums, top

Inference = Literal["exact", "permutation", "normal"]
Alternative = Literal["greater", "lesser", "two-sided", "directed"]
Generator = Literal["counter", "esda"]
Pair = tuple[Floats, Floats]

DECIMALS = 3
"""Weights with up to so many decimals are taken as they are, if the table of sums has room for them."""
COARSE_SUM = (1 << 18) - (1 << 8)
"""Steps to the greatest sum where values have to be rounded: one step is 4 millionths of it."""
FINE = 2.0**40
"""Steps to the greatest value where only draws are compared, not tabulated."""
MACHINE = 1e-6
"""Shares of a step that are rounding of the machine."""
LEAST_P = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True, slots=True)
class Lags:
    """The values of the tested units, and what the neighbours of each hold together.

    Parameters
    ----------
    values
        float64 [n].
    drawn
        int64 [n]: how many neighbours each has.
    indptr, indices
        int64: who they are, as compressed sparse rows.
    """

    values: Floats
    drawn: Integers
    indptr: Integers
    indices: Integers

    @classmethod
    def of(cls, values: Floats, neighbours: Neighbours) -> Lags:
        """Take the values of all units of a support."""
        return cls(values, np.diff(neighbours.indptr), neighbours.indptr, neighbours.indices)

    def among(self, kept: Mask) -> Lags:
        """Return those of some units; the others are nobody's neighbour any more."""
        if kept.all():
            return self
        rows, number = np.repeat(np.arange(kept.size), self.drawn), np.cumsum(kept) - 1
        both = kept[rows] & kept[self.indices]
        drawn = np.bincount(number[rows[both]], minlength=int(kept.sum()))
        return Lags(self.values[kept], drawn, np.append(0, np.cumsum(drawn)), number[self.indices[both]])

    @property
    def most(self) -> int:
        """Greatest number of neighbours."""
        return int(self.drawn.max(initial=0))

    def sums(self, values: NDArray[Number]) -> NDArray[Number]:
        """Return the sum over the neighbours of each unit, in the type of the values."""
        out = np.empty_like(values)
        sum_neighbours(self.indptr, self.indices, values, out)
        return out


@dataclass(frozen=True, slots=True)
class Tails:
    """The chance that neighbours drawn anew hold as much as the true ones, or more; and as much, or less.

    Parameters
    ----------
    p
        The two one-sided p-values, float64 [n] each.
    about
        How they were found, for the provenance.
    low, high
        The least and the most that they may be for what values were before they were rounded; None if they were not.
    draws
        How many draws they come from; 0 if from all.
    """

    p: Pair
    about: Mapping[str, Any]
    low: Pair | None = None
    high: Pair | None = None
    draws: int = 0

    def turned(self, sign: Floats) -> Tails:
        """Return the tails of the sums times the sign of each unit (of 0, both are 1)."""

        def turn(pair: Pair) -> Pair:
            first, second = (np.where(sign > 0, a, b) for a, b in (pair, pair[::-1]))
            return np.where(sign == 0, 1.0, first), np.where(sign == 0, 1.0, second)

        return replace(self, p=turn(self.p), low=self.low and turn(self.low), high=self.high and turn(self.high))

    def where(self, units: Mask, others: Tails) -> Tails:
        """Return these tails, but for some units those of others, which were not rounded."""

        def mix(pair: Pair) -> Pair:
            return np.where(units, others.p[0], pair[0]), np.where(units, others.p[1], pair[1])

        error = max(self.about["p_error"], others.about["p_error"])
        about = {**self.about, "p_error": error, "least_p": error, "units_rounded": int((~units).sum())}
        low, high = self.low and mix(self.low), self.high and mix(self.high)
        return replace(self, p=mix(self.p), about=about, low=low, high=high)

    def of(self, alternative: Alternative) -> Floats:
        """Return the p-value of an alternative."""
        if alternative == "directed" and self.draws:
            # As esda counts: a draw that equals the observed sum is as large, and never as small.
            greater = self.p[0]
            return np.minimum(greater, (self.draws + 2.0) / (self.draws + 1.0) - greater)
        return _combined(self.p, alternative)

    def bounds(self, alternative: Alternative) -> dict[str, Floats]:
        """Return the p-values between which rounding leaves the true ones: the greatest and the least."""
        pairs = {"significant_at_least": self.high, "significant_at_most": self.low}
        return {name: _combined(pair, alternative) for name, pair in pairs.items() if pair is not None}


def exact_tails(lags: Lags, rounding: float | None) -> Tails:
    """Return the tails over all choices of neighbours: no draws.

    Raises
    ------
    ModelError
        If a rounding is asked for that the table of sums has no room for.
    """
    step, steps, residual = _on_grid(lags, rounding)
    tails = _tabulated(lags, step, steps, residual)
    exact = _exact_step(lags.values)
    if rounding or exact is None or exact == step or step <= np.min(lags.values, where=lags.values > 0, initial=np.inf):
        return tails
    # One giant must not make nothing of all others: where less is held than `cap`, so much is as good as any more.
    cap = int(_room(lags.most) // lags.most) - 1
    fine = np.minimum(np.rint(lags.values / exact), cap).astype(np.int64)
    below = lags.sums(lags.values) < exact * (cap - 0.5)
    return tails.where(below, _tabulated(lags, exact, fine, 0.0))


def _tabulated(lags: Lags, step: float, steps: Integers, residual: float) -> Tails:
    """Return the tails of values that are whole multiples of a step, but for a residual."""
    law, sums = SubsetSums.of(steps, lags.most), lags.sums(steps)
    # A sum of k values and the observed one are each wrong by up to k residuals.
    margin = np.ceil(2.0 * lags.drawn * residual / step).astype(np.int64)

    def tails(shift: Integers, error: float) -> Pair:
        at_least, above = law.tails_at(sums - shift, lags.drawn)
        if shift.any():
            above = law.tails_at(sums + shift, lags.drawn)[1]
        return np.clip(at_least + error, law.error, 1.0), np.clip(1.0 - above + error, law.error, 1.0)

    rounded = bool(margin.any())
    about = {
        "method": "exact law of conditional permutation",
        "rounding": step,
        "rounding_residual": residual,
        "p_error": law.error,
        "least_p": law.error,
        "note": f"p below {law.error:.0e} is not told apart and given as that",
    }
    return Tails(
        tails(np.zeros_like(margin), 0.0),
        about,
        low=tails(-margin, -law.error) if rounded else None,
        high=tails(margin, law.error) if rounded else None,
    )


def drawn_tails(
    lags: Lags,
    rounding: float | None,
    *,
    permutations: int,
    generator: Generator,
    seed: int,
    share: Pair | None = None,
) -> Tails:
    """Return the tails by draws of neighbours, which all units share as in esda.

    `share`, the numerator and the denominator of Gi, serves to decide ties as esda does.
    """
    step, steps, _ = _on_grid(lags, rounding, fine=True)
    n, ids = lags.values.size, np.empty((permutations, lags.most), np.int64)
    about: dict[str, Any] = {"method": "conditional permutation", "permutations": permutations, "rounding": step}
    if generator == "esda":
        seed %= 2**32  # as much as its generator takes
        ids, version = _ids_of_esda(ids.shape, n, seed)
        about |= {"generator": f"esda {version}"}
    else:
        draw_ids(seed, n - 1, ids)
        about |= {"generator": "counter"}
    order, start = np.argsort(ids, axis=None, kind="stable"), np.searchsorted(np.sort(ids, axis=None), np.arange(n))
    start = np.append(start, ids.size)
    large, small = np.empty((2, n), np.int64)
    count_extreme_draws(steps, lags.drawn, lags.sums(steps), ids, order, start, large, small)
    if generator == "esda" and share is not None:
        large, small = _ties_of_esda(large, small, permutations, share)
    about |= {"seed": seed, "least_p": 1.0 / (permutations + 1)}
    return Tails((monte_carlo_p(large, permutations), monte_carlo_p(small, permutations)), about, draws=permutations)


def normal_tails(z: Floats) -> Tails:
    """Return the tails of a normal with the moments of permutation: wrong for skewed counts, the field's habit."""
    greater, lesser = (np.maximum(stats.norm.sf(side), LEAST_P) for side in (z, -z))
    return Tails((greater, lesser), {"method": "normal approximation"})


def _ids_of_esda(shape: tuple[int, int], n: int, seed: int) -> tuple[Integers, str]:
    import esda  # noqa: PLC0415
    from esda.crand import vec_permutations  # noqa: PLC0415

    ids = vec_permutations(shape[1], n, shape[0], seed)
    return np.ascontiguousarray(ids, np.int64), str(esda.__version__)


def _ties_of_esda(large: Integers, small: Integers, permutations: int, share: Pair) -> tuple[Integers, Integers]:
    """Return the counts without the ties that esda's arithmetic misses.

    Its compiled draws are multiplied by 1 / total where the observed sum is divided by it: depending on the total, a
    draw that equals the observed sum comes out above, equal, or below.
    """
    held, total = share
    inverse = np.divide(1.0, total, out=np.zeros(total.size), where=total > 0)
    observed = np.divide(held, total, out=np.zeros(total.size), where=total > 0)
    ties = large + small - permutations
    return large - ties * (held * inverse < observed), small - ties * (held * inverse > observed)


def _combined(pair: Pair, alternative: Alternative) -> Floats:
    greater, lesser = pair
    if alternative == "greater":
        return greater
    if alternative == "lesser":
        return lesser
    smaller = np.minimum(greater, lesser)
    return smaller if alternative == "directed" else np.minimum(2.0 * smaller, 1.0)


def _on_grid(lags: Lags, rounding: float | None, *, fine: bool = False) -> tuple[float, Integers, float]:
    """Return the step, the values as multiples of it, and the greatest difference to the values themselves."""
    greatest = float(top(lags.values, lags.most).sum())
    room = FINE if fine else _room(lags.most)
    step = rounding or _exact_step(lags.values)
    if rounding and greatest / rounding > room:
        raise ModelError(
            f"rounding is {rounding:g}, and sums of {lags.most} values go up to {greatest:,.6g}",
            f"at most {room:,.0f} steps were needed",
            f"give at least {greatest / room:.2g}, or None",
        )
    if step is None or greatest / step > room:
        step = greatest / (FINE if fine else min(COARSE_SUM, room))
    steps = np.rint(lags.values / step)
    residual = float(np.abs(lags.values - steps * step).max(initial=0.0))
    # What is left of a decimal such as 0.1 is the machine's, not the value's.
    residual = 0.0 if residual < MACHINE * step else residual
    return float(step), steps.astype(np.int64), residual


def _room(most: int) -> float:
    """Return how many steps a sum of `most` values may have."""
    # The table's length is a power of two; sums of rounded values are greater by up to half a step for each.
    return 2.0 ** int(math.log2(MOST_ENTRIES // (most + 1))) - most - 1


def _exact_step(values: Floats) -> float | None:
    """Return the greatest step that all values are whole multiples of, None if it has more than a few decimals."""
    for decimals in range(DECIMALS + 1):
        scaled = values * 10.0**decimals
        whole = np.rint(scaled)
        if np.abs(scaled - whole).max(initial=0.0) < MACHINE and whole.max(initial=0.0) < 2.0**53:
            return max(float(np.gcd.reduce(whole.astype(np.int64))), 1.0) / 10.0**decimals
    return None
