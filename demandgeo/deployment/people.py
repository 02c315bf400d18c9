"""Who lives where, and how deprived: what judgements of fairness need beside demand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from demandgeo.domain import COUNT, Balance, Demand, Support, Table, Zones
from demandgeo.domain.record import Floats, Integers
from demandgeo.errors import ModelError, Problem, Problems, SourceError, did_you_mean
from demandgeo.registry import reader, stage

FIFTHS = 5
COLUMNS = ("unit", "residents")


@dataclass(frozen=True, eq=False)
class People:
    """Residents of each unit, float64 [n], and how deprived it is (higher is more), float64 [n] or None."""

    residents: Floats
    deprivation: Floats | None = None

    @classmethod
    def of(cls, source: Zones | Demand | Table, support: Support) -> People:
        """Take them from zones with residents, demand that counts residents, or a table by unit.

        Raises
        ------
        ModelError
            If it is on other places, or a unit lacks a number.
        """
        if isinstance(source, Table):
            return _of_table(source, support)
        own = source if isinstance(source, Zones) else source.support
        if own.content_hash() != support.content_hash():
            raise ModelError("residents are given for other places than the demand", "the same support was needed")
        counts = source.population if isinstance(source, Zones) else source.total
        if counts is None:
            raise ModelError("the zones state no residents", "give population= when they are read")
        return cls(_checked(np.nan_to_num(counts), "residents"))

    def fifths(self) -> Integers:
        """Return the fifth of each unit, int64 [n], 0 the most deprived; ties in the order of the units."""
        if self.deprivation is None:
            return np.zeros(self.residents.size, np.int64)
        rank = np.argsort(np.argsort(-self.deprivation, kind="stable"), kind="stable")
        fifth: Integers = rank * FIFTHS // rank.size
        return fifth


@stage("deployment.residents_demand")
def residents_demand(residents: Zones | Table, support: Support) -> Demand:
    """Make demand of residents, each counted once: for what people go to, such as front counters.

    Parameters
    ----------
    residents
        Zones with a population, or a table of `deployment.residents`.
    support
        The places.

    Raises
    ------
    ModelError
        If residents are given for other places, or a unit of a table lacks them.

    Examples
    --------
    >>> from demandgeo.domain import Grid
    >>> grid = Grid.covering((0, 0, 200, 100), cell=100, crs="EPSG:27700")
    >>> table = Table("census", pd.DataFrame({"unit": ["0", "1"], "residents": [40.0, 2.0]}))
    >>> residents_demand(table, grid).values.tolist()
    [40.0, 2.0]
    """
    counts = People.of(residents, support).residents
    placed = np.array([0.0, 0.0, 0.0, 0.0])
    placed[0] = counts.sum()
    title = residents.title if isinstance(residents, Table) else f"population of {residents.n:,} zones"
    return Demand(
        support, counts, "residents", Balance(placed.astype(np.int64), placed), COUNT, "census", "residents",
        provenance={"method": "residents", "source": title},
    )  # fmt: skip


@reader("deployment.residents")
def read_residents(path: Path) -> Table:
    r"""Read residents, and if you have it deprivation, by unit.

    Parameters
    ----------
    path
        A CSV with the columns ``unit`` (the unit's code) and ``residents``, and optionally ``deprivation``: a score
        that is higher where deprivation is. (Ranks of the English indices count the other way: turn their sign.)

    Raises
    ------
    SourceError
        If the file cannot be read, a column is missing, or a number is none.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "residents.csv"
    >>> _ = file.write_text("unit,residents,deprivation\nE01000001,1500,33.1\n")
    >>> read_residents(file).rows.to_numpy().tolist()
    [['E01000001', 1500.0, 33.1]]
    """
    try:
        rows = pd.read_csv(path, encoding="utf-8-sig", dtype={"unit": str})
    except (OSError, ValueError) as error:
        found = f"the file cannot be read: {str(error).splitlines()[0]}"
        raise SourceError(Problem(found, "CSV (UTF-8) was needed", file=str(path))) from error
    problems = Problems()
    for name in COLUMNS:
        if name not in rows:
            remedy = did_you_mean(name, list(rows.columns))
            problems.add(Problem(f"there is no column {name!r}", remedy=remedy, file=str(path), line=1))
    problems.raise_as(SourceError)
    for name in ("residents", "deprivation"):
        if name in rows:
            numbers = pd.to_numeric(rows[name], errors="coerce").astype(float)
            for row in np.flatnonzero(~np.isfinite(numbers)).tolist():
                found = f"{name} is {rows[name].iloc[row]!r}"
                problems.add(Problem(found, "a number was needed", file=str(path), line=row + 2))
            rows[name] = numbers
    problems.raise_as(SourceError)
    return Table(f"Residents by unit: {path.name}", rows, provenance={"source": path.name})


def _of_table(source: Table, support: Support) -> People:
    rows, problems = source.rows, Problems()
    for name in COLUMNS:
        problems.check(name in rows, f"{source.title} has no column {name!r}", remedy=did_you_mean(name, rows.columns))
    problems.raise_as(ModelError)
    by_unit = rows.assign(unit=rows["unit"].astype(str)).set_index("unit")
    problems.check(by_unit.index.is_unique, f"{source.title}: a unit stands twice")
    ids = list(map(str, support.ids.tolist()))
    lacking = [name for name in ids if name not in by_unit.index]
    problems.check(
        not lacking, f"{source.title} lacks {len(lacking)} of {len(ids)} units, such as {', '.join(lacking[:3])}"
    )
    problems.raise_as(ModelError)
    chosen = by_unit.loc[ids]
    deprivation = chosen["deprivation"].to_numpy(np.float64) if "deprivation" in chosen else None
    if deprivation is not None and not np.isfinite(deprivation).all():
        raise ModelError(f"{source.title}: a unit has no deprivation score", "a number for each was needed")
    return People(_checked(chosen["residents"].to_numpy(np.float64), "residents"), deprivation)


def _checked(numbers: Floats, what: str) -> Floats:
    if not (np.isfinite(numbers).all() and (numbers >= 0).all() and numbers.sum() > 0):
        raise ModelError(f"{what} are negative or missing", "numbers >= 0 with one above 0 were needed")
    return numbers
