"""What every search for sites hands back: a choice and what is proven about it."""

from __future__ import annotations

from dataclasses import dataclass

from demandgeo.domain.record import Integers


@dataclass(frozen=True, slots=True)
class Proof:
    """A choice of sites, what it reaches, what no allowed choice passes, and how the search ended."""

    open: Integers
    objective: float
    bound: float
    status: str

    @property
    def gap(self) -> float:
        """Relative distance of the bound from the objective."""
        distance = abs(self.objective - self.bound)
        return distance / max(abs(self.objective), abs(self.bound)) if distance > 0 else 0.0
