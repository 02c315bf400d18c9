"""What an injury on the road costs: a dated table with its source, never a number in the code."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np

from demandgeo.domain import Events, Labels
from demandgeo.domain.record import Floats, Mask
from demandgeo.errors import ModelError, Problem, Problems, SourceError

ROAD_INJURIES = Path(__file__).parent / "cost_tables" / "road_injuries.csv"
COLUMNS = ("unit", "severity", "gbp", "prices", "source")
SEVERITIES = ("fatal", "serious", "slight")


@dataclass(frozen=True, slots=True)
class Costs:
    """What one collision or casualty costs, by severity.

    Parameters
    ----------
    unit
        ``"collision"`` or ``"casualty"``.
    prices
        The year whose prices they are in.
    gbp
        GBP by severity; one that the table does not state is not there.
    source
        Where the figures stand.
    """

    unit: str
    prices: int
    gbp: Mapping[str, float]
    source: str

    @property
    def name(self) -> str:
        """Unit and prices in words."""
        return f"GBP per {self.unit}, {self.prices} prices"

    def of(self, events: Events) -> Floats:
        """Return the expected cost of each event, GBP, float64 [n].

        A fatal one costs as such; another is serious with the probability in its attribute ``ksi``, else slight.

        Raises
        ------
        ModelError
            If the events are of another unit, have no severity, or one that the table does not value.
        """
        fatal, serious = self._injuries(events)
        slight = ~fatal * (1.0 - serious)
        worth = self._worth(fatal=bool(fatal.any()), serious=bool(serious.any()), slight=bool(slight.any()))
        return fatal * worth["fatal"] + serious * worth["serious"] + slight * worth["slight"]

    def per_ksi(self, events: Events) -> float:
        """Return the mean cost of one killed or seriously injured among the events, GBP; errors as in `of`."""
        fatal, serious = self._injuries(events)
        worth = self._worth(fatal=bool(fatal.any()), serious=bool(serious.any()))
        total = float(fatal.sum() + serious.sum())
        return float((fatal * worth["fatal"] + serious * worth["serious"]).sum()) / total if total else 0.0

    def _injuries(self, events: Events) -> tuple[Mask, Floats]:
        """Return which events are fatal, and the probability of each other one to be serious."""
        severity, ksi = events.attributes.get("severity"), events.attributes.get("ksi")
        problems = Problems()
        problems.check(
            events.kind == self.unit,
            f"the events are {events.kind}s, the costs are per {self.unit}",
            "costs of the same unit were needed",
            f"read the events as unit: {self.unit}, or give a table of your own",
        )
        there = isinstance(severity, Labels) and isinstance(ksi, np.ndarray)
        problems.check(there, "the events have no severity and ksi", "events of STATS19, or of roads.weigh_ksi")
        problems.raise_as(ModelError)
        fatal = cast(Labels, severity) == "fatal"
        return fatal, np.where(fatal, 0.0, np.asarray(ksi, np.float64))

    def _worth(self, **occurs: bool) -> dict[str, float]:
        problems = Problems()
        for name, some in occurs.items():
            problems.check(
                not some or name in self.gbp,
                f"the costs state none of a {name} {self.unit} at {self.prices} prices",
                "a value for every severity that occurs",
                f"give a table of your own with the columns {', '.join(COLUMNS)}",
            )
        problems.raise_as(ModelError)
        return {name: self.gbp.get(name, 0.0) for name in SEVERITIES}


def load(unit: str, *, prices: int | None = None, table: Path | None = None) -> Costs:
    """Read and check costs.

    Parameters
    ----------
    unit
        ``"collision"`` or ``"casualty"``.
    prices
        Year of the prices; the latest of the table if None.
    table
        A CSV with the columns unit, severity, gbp, prices, source; the one that ships if None.

    Raises
    ------
    SourceError
        If the table cannot be read safely, with file and line.
    ModelError
        If it holds no cost of this unit and year.

    Examples
    --------
    >>> costs = load("collision")
    >>> costs.prices, costs.gbp["fatal"]
    (2014, 2066732.0)
    >>> load("casualty").gbp
    {'fatal': 1700000.0}
    """
    rows = [row for row in _rows(ROAD_INJURIES if table is None else Path(table)) if row["unit"] == unit]
    years = sorted({int(row["prices"]) for row in rows})
    year = years[-1] if prices is None and years else prices
    chosen = [row for row in rows if int(row["prices"]) == year]
    if not chosen:
        raise ModelError(
            f"there is no cost of a {unit} at {year} prices",
            f"known years of prices: {', '.join(map(str, years)) or 'none'}",
        )
    source = "; ".join(dict.fromkeys(row["source"] for row in chosen))
    return Costs(unit, cast(int, year), {row["severity"]: float(row["gbp"]) for row in chosen}, source)


def _rows(path: Path) -> list[dict[str, str]]:
    problems, seen = Problems(), set()
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream)
            rows = list(reader)
            names = reader.fieldnames or ()
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(Problem(f"cannot be read ({error})", "a CSV of costs was needed", file=str(path))) from error
    lacking = [name for name in COLUMNS if name not in names]
    if lacking:
        raise SourceError(Problem(f"there is no column {', '.join(lacking)}", file=str(path), line=1))
    for line, row in enumerate(rows, 2):
        key = (row["unit"], row["severity"], row["prices"])
        numbers = _is_number(row["gbp"]) and str(row["prices"]).isdigit()
        if not numbers or row["severity"] not in SEVERITIES or key in seen:
            found = f"{row['unit']}, {row['severity']}, {row['gbp']}, {row['prices']}"
            needed = f"one of {', '.join(SEVERITIES)}, GBP >= 0, a year, each once"
            problems.add(Problem(found, needed, file=str(path), line=line))
        seen.add(key)
    problems.raise_as(SourceError)
    return rows


def _is_number(text: str | None) -> bool:
    try:
        return 0 <= float(text or "") < np.inf
    except ValueError:
        return False
