"""How options score: a table that people read, with what is known about each figure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from demandgeo.domain.options import Options
from demandgeo.domain.record import Record, frozen_mapping, frozen_table
from demandgeo.errors import ModelError, Problems

SCORE_COLUMNS = ("option", "criterion", "unit", "direction", "value", "change", "p10", "max_regret", "held_out")
RANKING_COLUMNS = ("option", "probability_first", "expected_rank", "weighted_sum", "topsis", "dominated_by")
SHIFT_COLUMNS = ("option", "shift", "criterion", "unit", "value")


MOST_RANKS = 10
"""Ranks beyond this are not told apart."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Scorecard(Record):
    """How options score: on the demand given, over scenarios, and on a held-out period.

    Parameters
    ----------
    options
        The options with the bases they open.
    rows
        One row per option and criterion: unit, direction, value, change from the status quo, p10 (the value that the
        worst tenth of scenarios does not reach), max_regret, held_out. NaN: no scenarios, or no held-out period.
    ranking
        One row per option: probability_first and expected_rank over scenarios and criterion weights; weighted_sum and
        topsis, two views at stated weights, 0 to 1; dominated_by (empty: no option is at least as good on every
        criterion and better on one).
    ranks
        One row per option: option, then rank_1, rank_2, ... (up to the tenth): how likely it comes in at that rank.
    by_shift
        The criteria that differ by shift, one row per option, shift and criterion; empty where there are no shifts.
    notes
        What a reader must know.
    provenance
        Method, weights, draws, seed; bound and gap of each option that was searched for.
    """

    options: Options
    rows: pd.DataFrame
    ranking: pd.DataFrame
    ranks: pd.DataFrame
    by_shift: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(SHIFT_COLUMNS)))
    notes: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._set(
            notes=tuple(self.notes),
            provenance=frozen_mapping(self.provenance),
            **{name: frozen_table(getattr(self, name)) for name in ("rows", "ranking", "ranks", "by_shift")},
        )
        problems = Problems()
        named = (("rows", SCORE_COLUMNS), ("ranking", RANKING_COLUMNS), ("by_shift", SHIFT_COLUMNS))
        for name, columns in (*named, ("ranks", ("option", *self.rank_columns))):
            table = getattr(self, name)
            problems.check(
                tuple(table.columns) == columns, f"{name} have the columns {list(table)}", f"{list(columns)}"
            )
        problems.raise_as(ModelError)
        problems.check(not self.rows["value"].isna().any(), "a score is NaN", "a number, or infinity, was needed")
        chance = self.ranking["probability_first"]
        problems.check(chance.between(0, 1).all() and abs(chance.sum() - 1) < 1e-9, "probabilities do not sum to 1")
        each = self.ranks[list(self.rank_columns)].sum(axis=0)
        problems.check(np.allclose(each, 1.0, atol=1e-9), "the probabilities of a rank do not sum to 1")
        problems.raise_as(ModelError)

    @property
    def rank_columns(self) -> tuple[str, ...]:
        """Names of the columns of `ranks`."""
        return tuple(f"rank_{i + 1}" for i in range(min(MOST_RANKS, len(self.options.options))))

    def to_frame(self) -> pd.DataFrame:
        """One row per option: a column per criterion, then the ranking."""
        wide = self.rows.pivot_table(index="option", columns="criterion", values="value", sort=False)
        order = self.rows["criterion"].drop_duplicates().tolist()
        frame = wide[order].reset_index().rename_axis(columns=None)
        return frame.merge(self.ranking, on="option", validate="one_to_one")

    def sentence(self) -> str:
        """One line: which option ranks first most often, how surely, and which are dominated."""
        first = self.ranking.sort_values("probability_first", ascending=False, kind="stable").iloc[0]
        beaten = self.ranking[self.ranking["dominated_by"] != ""]
        worse = "; ".join(f"{row.option} is no better than {row.dominated_by} on any" for row in beaten.itertuples())
        return (
            f"{first['option']} ranks first with probability {first['probability_first']:.0%} over demand and weights "
            f"of {self.rows['criterion'].nunique()} criteria{'; ' + worse if worse else ''}."
        )

    def summary(self) -> dict[str, object]:
        """Return the options, criteria and which option ranks first most often."""
        first = self.ranking.sort_values("probability_first", ascending=False, kind="stable").iloc[0]
        return {
            "options": self.options.names,
            "criteria": self.rows["criterion"].drop_duplicates().tolist(),
            "first most often": first["option"],
            "probability": float(first["probability_first"]),
        }
