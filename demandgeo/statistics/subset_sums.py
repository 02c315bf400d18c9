"""The exact law of a sum of values drawn without replacement: the reference law of conditional permutation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from demandgeo.domain.record import Floats, Integers
from demandgeo.errors import ModelError
from demandgeo.kernels.permutation import tails_without_own, transform_subset_sums

Number = TypeVar("Number", np.float64, np.int64)

UNIT_ROUNDOFF = 2.0**-53
MOST_ENTRIES = 1 << 24
"""Entries of the table of tails: 128 MB."""
WORST_ERROR = 1e-6
"""A law known less well than this is refused: q-values of 100,000 units turn on p of that size."""


@dataclass(frozen=True, slots=True)
class SubsetSums:
    """The law of the sum of a few of n whole numbers, all choices being equally likely.

    Parameters
    ----------
    values
        int64 [n], >= 0.
    tails
        float64 [most + 1, length + 2]: chance that k of all values sum to at least s.
    leave_out
        float64 [most + 1, most + 1]: what makes of them the chances without one value.
    error
        No chance is wrong by more than this, whatever the values are.

    Notes
    -----
    The elementary symmetric functions of exp(-2 pi i f y / length) by Newton's identities (Macdonald 1995, Symmetric
    Functions and Hall Polynomials, section I.2) at each frequency f, transformed back: all sums of all subsets, in
    time that does not grow with their number. The bound on the error adds up those of the transforms (Higham 2002,
    Accuracy and Stability of Numerical Algorithms, theorem 24.2), of the recursion and of the running sums; the error
    found is some thousand times smaller.

    Examples
    --------
    >>> law = SubsetSums.of(np.array([0, 1, 2, 5]), most=2)
    >>> at_least, above = law.tails_at(np.array([6, 3, 3, 3]), np.array([2, 2, 1, 2]))
    >>> at_least.round(3).tolist(), above.round(3).tolist()
    ([0.667, 0.667, 0.333, 0.333], [0.333, 0.667, 0.333, 0.0])
    """

    values: Integers
    tails: Floats
    leave_out: Floats
    error: float

    @classmethod
    def of(cls, values: Integers, most: int) -> SubsetSums:
        """Tabulate the law of sums of up to `most` of the others, `most` < n.

        Raises
        ------
        ModelError
            If the table would be too large, or rounding would spoil it (many draws from few values).
        """
        n = values.size
        most = min(most, (n - 1) // 2)  # more are drawn by leaving out the rest
        length = 1 << max(1, int(top(values, most).sum()).bit_length())
        if (most + 1) * length > MOST_ENTRIES:
            raise ModelError(
                f"sums of {most} values run up to {length:,}",
                f"at most {MOST_ENTRIES // (most + 1):,} were needed",
                "round the values on a coarser grid",
            )
        histogram = np.bincount(values, minlength=length) / n
        newton, leave_out = _coefficients(n, most)
        transforms = np.empty((most + 1, length // 2 + 1), np.complex128)
        transform_subset_sums(fft.fft(histogram), newton, transforms)
        law = np.maximum(fft.irfft(transforms, length, axis=1, overwrite_x=True), 0.0)
        tails = np.zeros((most + 1, length + 2))
        np.cumsum(law[:, ::-1], axis=1, out=tails[:, -3::-1])
        error = _error(newton, leave_out, length, float(np.linalg.norm(histogram)))
        if error > WORST_ERROR:
            raise ModelError(
                f"the law of sums of up to {most} of {n} values would be wrong by up to {error:.0e}",
                f"at most {WORST_ERROR:g} was needed",
                'use inference="permutation"',
            )
        return cls(values, tails, leave_out, error)

    def tails_at(self, level: Integers, drawn: Integers) -> tuple[Floats, Floats]:
        """Return the chances that drawn[i] of all values but the i-th sum to at least level[i], and to more."""
        others = self.values.size - 1
        many = np.flatnonzero(2 * drawn > others)
        if many.size:
            # They sum to less than `level` exactly if those not drawn sum to more than what is left of all others.
            drawn, level = drawn.copy(), level.copy()
            drawn[many] = others - drawn[many]
            level[many] = self.values.sum() - self.values[many] - level[many]
        at_least, above = np.empty((2, level.size))
        tails_without_own(self.tails, self.leave_out, self.values, drawn, level, at_least, above)
        at_least[many], above[many] = 1.0 - above[many], 1.0 - at_least[many]
        return at_least, above


def top(values: NDArray[Number], most: int) -> NDArray[Number]:
    """Return the `most` largest values, in no order."""
    return np.partition(values, values.size - most)[values.size - most :] if most else values[:0]


def _coefficients(n: int, most: int) -> tuple[Floats, Floats]:
    """Return the coefficients of Newton's identities and of leaving one value out, for means over subsets."""
    newton, leave_out = np.zeros((2, most + 1, most + 1))
    for k in range(most + 1):
        ratio = 1.0  # C(n, k - j) / C(n, k)
        for j in range(k + 1):
            if j:
                ratio *= (k - j + 1) / (n - k + j)
                newton[k, j] = -((-1.0) ** j) * n / k * ratio
            leave_out[k, j] = (-1.0) ** j * n / (n - k) * ratio
    return newton, leave_out


def _error(newton: Floats, leave_out: Floats, length: int, norm: float) -> float:
    """Bound the error of any chance.

    Errors of transforms are carried as root mean squares over the frequencies; no transform of a law exceeds 1.
    """
    most = newton.shape[0] - 1
    transform = 7.0 * math.log2(length) * UNIT_ROUNDOFF
    # Going through the spectrum in steps of j meets a frequency up to (the power of two in j) times.
    power_sum = [0.0, *(math.sqrt(j & -j) * (transform + 2 * UNIT_ROUNDOFF) * norm for j in range(1, most + 1))]
    of_sum = np.zeros(most + 1)
    for k in range(1, most + 1):
        parts = (of_sum[k - j] + power_sum[j] + (k + 6) * UNIT_ROUNDOFF for j in range(1, k + 1))
        of_sum[k] = 1.01 * float(np.abs(newton[k, 1 : k + 1]) @ np.fromiter(parts, np.float64, k))
    # A tail adds up to `length` terms: Cauchy and Schwarz for their errors, and the rounding of the running sum.
    of_tail = math.sqrt(length) * (of_sum + transform) + length * UNIT_ROUNDOFF
    steps = np.array([np.abs(leave_out[k, : k + 1]) @ of_tail[k::-1] for k in range(most + 1)])
    return float((steps + (most + 2) * UNIT_ROUNDOFF * np.abs(leave_out).sum(axis=1)).max())
