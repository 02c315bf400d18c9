"""What a map says of tests: one class for each strength and side of the evidence, or for each kind of place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from demandgeo.domain import EmergingAreas, LocalStatistic
from demandgeo.domain.patterns import PATTERNS
from demandgeo.domain.record import Floats
from demandgeo.outputs.classes import Classes, classify_names
from demandgeo.outputs.palettes import COLD_TO_HOT, KINDS, PATTERN_COLOURS
from demandgeo.outputs.wording import capital

ALPHA = 0.05
"""Level at which a map says that a place stands out."""

TWO_SIDED = ("two-sided", "directed")


def evidence(record: LocalStatistic) -> tuple[Floats, Classes]:
    """Return the class of each unit, float64 [n], NaN where it was not tested, and what the classes are called."""
    if record.kind is not None:
        values = np.where(record.significant(ALPHA), record.kind.codes + 1.0, 0.0)
        return _coloured(values, record, record.kind.names, KINDS, _level(record))
    if record.provenance.get("alternative") in TWO_SIDED:
        # From the strongest evidence of less, through the weakest of either, to the strongest of more.
        strong, side = record.significant(ALPHA), np.sign(record.z)
        steps = [(side < 0) & strong, (side < 0) & (record.p <= ALPHA), (side > 0) & strong, side > 0]
        values = np.select(steps, [1.0, 2.0, 4.0, 3.0], 0.0)
        values[record.p > ALPHA] = 0.0
        names = [f"{word}, {level}" for word, level in zip(("less", "less", "more", "more"), _order(), strict=True)]
        return _coloured(values, record, names, COLD_TO_HOT, "no more or less than chance")
    threshold = float(record.provenance.get("family_wise_threshold", np.inf))
    values = np.select([record.z > threshold, record.q <= ALPHA, record.p <= ALPHA], [3.0, 2.0, 1.0], 0.0)
    values[~record.tested] = np.nan
    names = [f"p up to {ALPHA:g}, each alone", f"q up to {ALPHA:g}", "above the family-wise bar"]
    # Only what draws its maxima has such a bar.
    names = names if np.isfinite(threshold) else names[:2]
    less = record.provenance.get("alternative") == "lesser"
    return values, classify_names(names, values, "no less than chance" if less else "no more than chance")


def evidence_notes(record: LocalStatistic) -> tuple[str, ...]:
    """Return the sentences that a reader of the map must see."""
    statistic = record.provenance.get("statistic")
    if statistic is None:
        return ("Events are taken as independent; crimes in series make more places stand out.",)
    found, tested = int(record.significant(ALPHA).sum()), int(record.tested.sum())
    notes = [
        f"{capital(statistic)}, {record.provenance['method']}: {found:,} of {tested:,} tested "
        f"{record.support.unit_name} stand out at q up to {ALPHA:g}. A unit is judged by what its neighbours hold."
    ]
    if record.provenance.get("inference") == "normal":
        notes.append("Counts are far from normal: most of these units would not stand out by their exact law.")
    return tuple(notes)


def patterns(record: EmergingAreas) -> tuple[Floats, Classes]:
    """Return the class of each unit, float64 [n], the most recent pattern highest; 0 for none, NaN if not tested."""
    none = PATTERNS.index("no pattern")
    values = np.where(record.pattern.present, none - record.pattern.codes.astype(np.float64), np.nan)
    classes = classify_names(PATTERNS[none - 1 :: -1], values, "no pattern")
    return values, replace(classes, colours=PATTERN_COLOURS[::-1])


def _order() -> tuple[str, str, str, str]:
    strong, weak = f"q up to {ALPHA:g}", f"p up to {ALPHA:g}"
    return strong, weak, weak, strong


def _level(record: LocalStatistic) -> str:
    return f"not significant ({'p' if record.provenance.get('adjust') == 'none' else 'q'} above {ALPHA:g})"


def _coloured(
    values: Floats, record: LocalStatistic, names: Sequence[str], colours: tuple[str, ...], zero: str
) -> tuple[Floats, Classes]:
    known = np.where(record.tested, values, np.nan)
    return known, replace(classify_names(names, known, zero), colours=colours)
