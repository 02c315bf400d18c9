"""Deployment options, the demand they may meet, and how they score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from demandgeo.domain.demand import Demand
from demandgeo.domain.record import Floats, Record, frozen_array, frozen_mapping, frozen_table
from demandgeo.errors import ModelError, Problems, did_you_mean

SCORE_COLUMNS = ("option", "criterion", "unit", "direction", "value", "change", "p10", "max_regret", "held_out")
RANKING_COLUMNS = ("option", "probability_first", "dominated_by")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Option(Record):
    """One way to deploy: the sites that are open, or the search that finds them.

    Parameters
    ----------
    name
        Of the option.
    open
        Names of the open sites; empty if they are searched for.
    search
        Settings of `deployment.locate`.
    """

    name: str
    open: tuple[str, ...] = ()
    search: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._set(open=tuple(map(str, self.open)), search=frozen_mapping(self.search))
        problems = Problems()
        problems.check(
            bool(self.open) != bool(self.search), f"option {self.name!r} needs open sites, or a search, and not both"
        )
        problems.check(len(set(self.open)) == len(self.open), f"option {self.name!r} opens a site twice")
        problems.raise_as(ModelError)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Options(Record):
    """Options to compare, and which of them is the status quo.

    Parameters
    ----------
    options
        With distinct names.
    status_quo
        Name of the option that changes are counted from.

    Examples
    --------
    >>> options = Options.of({"now": ["A", "B"], "east": ["B", "C"]}, status_quo="now")
    >>> options.names
    ('now', 'east')
    """

    options: tuple[Option, ...]
    status_quo: str

    def __post_init__(self) -> None:
        self._set(options=tuple(self.options))
        problems = Problems()
        problems.check(len(set(self.names)) == len(self.names), "an option's name stands twice", "distinct names")
        problems.check(
            self.status_quo in self.names,
            f"the status quo {self.status_quo!r} is no option",
            remedy=did_you_mean(self.status_quo, self.names),
        )
        problems.raise_as(ModelError)

    @classmethod
    def of(cls, open_sites: Mapping[str, Sequence[str]], *, status_quo: str) -> Options:
        """Make options from the open sites of each."""
        return cls(tuple(Option(name, tuple(map(str, sites))) for name, sites in open_sites.items()), status_quo)

    @property
    def names(self) -> tuple[str, ...]:
        """Name of each option."""
        return tuple(option.name for option in self.options)

    def summary(self) -> dict[str, object]:
        """Return the names and the status quo."""
        return {"options": self.names, "status_quo": self.status_quo}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Scenarios(Record):
    """Demand that might have been recorded instead, and the demand of a period that is held out.

    Parameters
    ----------
    values
        float64 [n, draws], >= 0.
    held_out
        Scored apart; no search sees it.
    provenance
        Method and seed.
    """

    values: Floats
    held_out: Demand | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._set(values=frozen_array(self.values, np.float64), provenance=frozen_mapping(self.provenance))
        problems = Problems()
        two = problems.check(self.values.ndim == 2, f"scenarios have {self.values.ndim} dimensions", "[n, draws]")
        finite = np.isfinite(self.values).all() and (self.values >= 0).all()
        problems.check(finite, "a demand is negative or not finite", "numbers >= 0 were needed")
        if two:
            problems.check((self.values.sum(axis=0) > 0).all(), "a scenario has no demand", "some was needed in each")
        problems.raise_as(ModelError)

    def summary(self) -> dict[str, object]:
        """Return the number of draws, the method and the held-out period."""
        held = "none" if self.held_out is None else self.held_out.period
        return {"draws": self.values.shape[1], "held_out": held, **self.provenance}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Scorecard(Record):
    """How options score: on the demand given, over scenarios, and on a held-out period.

    Parameters
    ----------
    options
        The options with the sites they open.
    rows
        One row per option and criterion: unit, direction, value, change from the status quo, p10 (the value that the
        worst tenth of scenarios does not reach), max_regret, held_out. NaN: no scenarios, or no held-out period.
    ranking
        One row per option: probability_first over scenarios and criterion weights, dominated_by (empty: no option is
        at least as good on every criterion and better on one).
    notes
        What a reader must know.
    provenance
        Method, draws, seed; bound and gap of each option that was searched for.
    """

    options: Options
    rows: pd.DataFrame
    ranking: pd.DataFrame
    notes: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._set(
            rows=frozen_table(self.rows),
            ranking=frozen_table(self.ranking),
            notes=tuple(self.notes),
            provenance=frozen_mapping(self.provenance),
        )
        problems = Problems()
        for name, table, columns in (("rows", self.rows, SCORE_COLUMNS), ("ranking", self.ranking, RANKING_COLUMNS)):
            problems.check(
                tuple(table.columns) == columns, f"{name} have the columns {list(table)}", f"{list(columns)}"
            )
        problems.raise_as(ModelError)
        problems.check(not self.rows["value"].isna().any(), "a score is NaN", "a number, or infinity, was needed")
        chance = self.ranking["probability_first"]
        problems.check(chance.between(0, 1).all() and abs(chance.sum() - 1) < 1e-9, "probabilities do not sum to 1")
        problems.raise_as(ModelError)

    def to_frame(self) -> pd.DataFrame:
        """One row per option: a column per criterion, then probability_first and dominated_by."""
        wide = self.rows.pivot_table(index="option", columns="criterion", values="value", sort=False)
        order = self.rows["criterion"].drop_duplicates().tolist()
        frame = wide[order].reset_index().rename_axis(columns=None)
        return frame.merge(self.ranking, on="option", validate="one_to_one")

    def summary(self) -> dict[str, object]:
        """Return the options, criteria and which option ranks first most often."""
        first = self.ranking.sort_values("probability_first", ascending=False, kind="stable").iloc[0]
        return {
            "options": self.options.names,
            "criteria": self.rows["criterion"].drop_duplicates().tolist(),
            "first most often": first["option"],
            "probability": float(first["probability_first"]),
        }
