"""Which sets of sites are allowed: how many, at what cost, which of them, where."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from demandgeo.deployment.programs import UNBOUNDED, Program
from demandgeo.domain.record import Floats, Integers
from demandgeo.kernels.siting import MUST, NEVER


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules that a choice of sites keeps.

    Parameters
    ----------
    state
        int64 [m]: free (0), must be open (1), never (-1).
    size
        How many sites are open; None if the budget or the model decides.
    cost
        float64 [m], what each costs.
    budget
        Most that the open sites may cost together; None for no limit.
    least
        Sites of a district, and how many of them are open at least.
    """

    state: Integers
    size: int | None
    cost: Floats
    budget: float | None
    least: tuple[tuple[Integers, int], ...] = ()

    @property
    def plain(self) -> bool:
        """Whether number, fixed and forbidden sites are all there is, so that swaps keep the rules."""
        return self.size is not None and self.budget is None and not self.least

    def kept_by(self, chosen: Integers) -> bool:
        """Whether a choice keeps them."""
        state = np.bincount(chosen, minlength=self.state.size) > 0
        counted = chosen.size == self.size if self.size is not None else chosen.size > 0
        paid = self.budget is None or float(self.cost[chosen].sum()) <= self.budget
        placed = all(int(state[members].sum()) >= number for members, number in self.least)
        return bool(counted and paid and placed and (state >= self.lower()).all() and (state <= self.upper()).all())

    def lower(self) -> Floats:
        """Least value of each site's column."""
        return np.asarray(self.state == MUST, np.float64)

    def upper(self) -> Floats:
        """Greatest value of each site's column."""
        return np.asarray(self.state != NEVER, np.float64)

    def add_to(self, program: Program) -> int:
        """Add the rows that say so, the sites being the first columns; return how many."""
        rows = list(self._rows())
        for low, high, columns, coefficient in rows:
            program.add_row(low, high, columns, coefficient)
        return len(rows)

    def _rows(self) -> Iterator[tuple[float, float, Integers, Floats | float]]:
        every = np.arange(self.state.size)
        # Where the number is free, one site at least: a budget that buys none is no choice.
        yield 1 if self.size is None else self.size, self.size or UNBOUNDED, every, 1.0
        if self.budget is not None:
            yield -UNBOUNDED, self.budget, every, self.cost
        for members, number in self.least:
            yield number, UNBOUNDED, members, 1.0

    def exclude(self, program: Program, chosen: Integers, changed: int) -> None:
        """Add a row that bars every choice which differs from `chosen` by fewer than `changed` sites."""
        every = np.arange(self.state.size) if self.size is None else chosen
        inside = np.isin(every, chosen)
        # Sites that leave, and where the number is free those that join: sum of (1 - y) inside and of y outside.
        program.add_row(changed - int(inside.sum()), UNBOUNDED, every, np.where(inside, -1.0, 1.0))
