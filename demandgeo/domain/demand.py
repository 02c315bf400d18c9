"""Demand: numbers on a support, with what was left out of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from demandgeo.domain.events import COUNT, Events
from demandgeo.domain.record import Floats, Integers, Record, frozen_array, frozen_mapping, frozen_table
from demandgeo.domain.support import Support
from demandgeo.errors import ModelError, Problems

LAYER_COLUMNS = ("category", "period")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Balance(Record):
    """Where the events went: in = placed + outside + unlocated + unsnapped, in events and in weight.

    Parameters
    ----------
    events
        int64 [4]: placed on the support, outside it, without a location, too far from a street.
    weight
        float64 [4]: the same, in weight.
    """

    events: Integers
    weight: Floats

    FATES = ("placed", "outside", "unlocated", "unsnapped")

    def __post_init__(self) -> None:
        self._set(events=frozen_array(self.events, np.int64), weight=frozen_array(self.weight, np.float64))
        problems = Problems()
        for name, column in (("events", self.events), ("weight", self.weight)):
            problems.check(
                column.shape == (4,) and np.isfinite(column).all() and (column >= 0).all(),
                f"the balance of {name} is {column.tolist()}",
                f"four numbers >= 0 were needed: {', '.join(self.FATES)}",
            )
        problems.raise_as(ModelError)

    @classmethod
    def of(cls, events: Events, unit: Integers, unsnapped: Integers | None = None) -> Balance:
        """Draw the balance of events whose unit is known (-1: none; `unsnapped`: rows too far from a street)."""
        fate = np.where(unit >= 0, 0, np.where(events.located, 1, 2))
        if unsnapped is not None:
            fate[unsnapped] = 3
        return cls(np.bincount(fate, minlength=4), np.bincount(fate, events.weight, minlength=4).astype(np.float64))

    @property
    def total_events(self) -> int:
        """Events that came in."""
        return int(self.events.sum())

    @property
    def total_weight(self) -> float:
        """Weight that came in."""
        return float(self.weight.sum())

    def share(self, fate: str) -> float:
        """Share of all weight with a fate (of all events where nothing has weight)."""
        column = self.weight if self.total_weight > 0 else self.events
        total = float(column.sum())
        return float(column[self.FATES.index(fate)]) / total if total > 0 else 0.0

    def to_json(self) -> dict[str, Any]:
        """Map each fate to its events and weight, and give the totals."""
        return {
            "in": {"events": self.total_events, "weight": self.total_weight},
            **{
                fate: {"events": int(self.events[i]), "weight": float(self.weight[i])}
                for i, fate in enumerate(self.FATES)
            },
        }


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Demand(Record):
    """Numbers on a support.

    Parameters
    ----------
    support
        The places.
    values
        float64 [n] or [layers, n]; NaN is nodata. float32 stays float32: many layers then take half the memory.
    measure
        Unit of the values: ``"incidents"``, ``"weight"``, ``"incidents/km2/yr"``, ...
    balance
        Where the events went.
    weight_name
        The severity index, ``"count"`` if each event counts once.
    period
        The months in words.
    name
        What is counted: ``"crime"``, ``"casualty"``, ...
    count
        float64 [n]: events behind each unit; None where that has no meaning.
    variance
        float64 [n] of the values that severity spread inside a category leaves; None where not known.
    layers
        Table with one row per layer (category, period) where values has two dimensions.
    provenance
        Method, parameters, error bound and mass of the values.

    Raises
    ------
    ModelError
        Listing every rule that is broken.
    """

    support: Support
    values: Floats | NDArray[np.float32]
    measure: str
    balance: Balance
    weight_name: str
    period: str
    name: str = "events"
    count: Floats | None = None
    variance: Floats | None = None
    layers: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(LAYER_COLUMNS)))
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        single = getattr(self.values, "dtype", None) == np.float32
        self._set(
            values=frozen_array(self.values, np.float32 if single else np.float64),
            layers=frozen_table(self.layers),
            provenance=frozen_mapping(self.provenance),
        )
        for name in ("count", "variance"):
            if getattr(self, name) is not None:
                self._set(**{name: frozen_array(getattr(self, name), np.float64)})
        self._check()

    def _check(self) -> None:
        n, problems = self.support.n, Problems()
        shape = self.values.shape
        expected = (n,) if self.values.ndim == 1 else (len(self.layers), n)
        problems.check(shape == expected, f"values have the shape {shape}", f"{expected} was needed")
        # Reductions that skip NaN: masks and copies of a space-time cube took three times as long as making it.
        low, high = (float(reduce(self.values, axis=None, initial=0.0)) for reduce in (np.fmin.reduce, np.fmax.reduce))
        problems.check(max(-low, high) < np.inf, "a value is infinite", "finite numbers, or NaN for nodata")
        problems.check(low >= 0, "a value is below 0")
        for name in ("count", "variance"):
            column = getattr(self, name)
            if column is not None:
                problems.check(
                    column.shape == (n,) and (column >= 0).all(), f"{name} is not {n} numbers >= 0 (one per unit)"
                )
        problems.raise_as(ModelError)

    @property
    def total(self) -> Floats:
        """float64 [n]: the values, layers summed."""
        if self.values.ndim == 1:
            return self.values.astype(np.float64, copy=False)
        return cast(Floats, self.values.sum(axis=0, dtype=np.float64))

    @property
    def is_count(self) -> bool:
        """Whether every event counts once."""
        return self.weight_name == COUNT

    def to_frame(self) -> gpd.GeoDataFrame:
        """One row per unit: the support's columns, `value` (or one column per layer), `count`."""
        frame = self.support.to_frame()
        at = cast(int, frame.columns.get_loc("geometry"))
        columns: dict[str, Any] = {"value": self.total}
        if self.values.ndim == 2:
            columns |= {f"value_{i + 1}": layer for i, layer in enumerate(self.values)}
        if self.count is not None:
            columns["count"] = self.count
        for place, (name, column) in enumerate(columns.items()):
            frame.insert(at + place, name, column)
        return frame

    def summary(self) -> dict[str, object]:
        """Return what, where, when, how much and what was left out."""
        return {
            "name": self.name,
            "measure": self.measure,
            "weight": self.weight_name,
            "period": self.period,
            "units": f"{self.support.n} {self.support.unit_name}",
            "sum": float(np.nansum(self.total)),
            "balance": {fate: int(self.balance.events[i]) for i, fate in enumerate(Balance.FATES)},
        }
