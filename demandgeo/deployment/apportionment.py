"""Whole pounds in proportion to need, between a least and a most for each: exact, in integers and fractions."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction


def apportion(total: int, need: Sequence[Fraction], least: Sequence[int], most: Sequence[int | None]) -> list[int]:
    """Share out a total in proportion to need, within limits, by largest remainder.

    The exact share of i is what one level t for all gives, cut to its limits: min(most, max(least, t x need)), with t
    such that the shares sum to the total. Each is rounded down and the pounds left over go to the largest remainders.
    Limits are whole, so rounding keeps them.

    Parameters
    ----------
    total
        Pounds.
    need
        Shares of need >= 0.
    least, most
        Limits in pounds; None: no upper limit. They can be met (see `shortfall`).

    Returns
    -------
    list of int
        Pounds, which sum to the total; of equal remainders the first is served first, so give them in order of name.

    Notes
    -----
    Largest remainder: Balinski and Young (2001), Fair Representation, 2nd ed. The level is that of water-filling.

    Examples
    --------
    >>> third = Fraction(1, 3)
    >>> apportion(100, [third, third, third], [0, 0, 0], [None, None, 20])
    [40, 40, 20]
    >>> apportion(100, [third, third, third], [0, 0, 0], [None, None, None])
    [34, 33, 33]
    """
    exact = quotas(total, need, least, most)
    pounds = [share.numerator // share.denominator for share in exact]
    by_remainder = sorted(range(len(exact)), key=lambda i: (pounds[i] - exact[i], i))
    for i in by_remainder[: total - sum(pounds)]:
        pounds[i] += 1
    return pounds


def quotas(total: int, need: Sequence[Fraction], least: Sequence[int], most: Sequence[int | None]) -> list[Fraction]:
    """Return the exact shares that `apportion` rounds."""
    level = _level(total, need, least, most)
    return [_cut(level * part, low, high) for part, low, high in zip(need, least, most, strict=True)]


def reach(need: Sequence[Fraction], least: Sequence[int], most: Sequence[int | None]) -> tuple[int, int | None]:
    """Return the least and the most that can be shared out; None: without end."""
    tops = [high if part > 0 else low for part, low, high in zip(need, least, most, strict=True)]
    known = [top for top in tops if top is not None]
    return sum(least), sum(known) if len(known) == len(tops) else None


def _level(total: int, need: Sequence[Fraction], least: Sequence[int], most: Sequence[int | None]) -> Fraction:
    """Return t; between two neighbouring levels at which a limit starts or ends, the sum is linear in t."""
    limits = list(zip(need, least, most, strict=True))
    turns = sorted({limit / part for part, *both in limits if part > 0 for limit in both if limit is not None})
    low, below = Fraction(0), Fraction(sum(least))
    for high in turns:
        above = sum((_cut(high * part, floor, top) for part, floor, top in limits), Fraction(0))
        if above >= total:
            return high if above == below else low + (high - low) * (total - below) / (above - below)
        low, below = high, above
    rising = sum((part for part, _, top in limits if top is None), Fraction(0))
    return low + (total - below) / rising if rising else low


def _cut(share: Fraction, least: int, most: int | None) -> Fraction:
    raised = max(share, Fraction(least))
    return raised if most is None else min(raised, Fraction(most))
