"""Severity: how much an event of each category weighs, by an index that is a table with a source.

Shipped is ``ons-css``. The Cambridge Crime Harm Index and any other index are read from the user's own CSV.
"""

from __future__ import annotations

import csv
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import pandas as pd

from demandgeo.domain import ANTISOCIAL, COUNT, Events, Labels, Record
from demandgeo.domain.record import Floats, frozen_mapping, frozen_table
from demandgeo.errors import DataQualityWarning, ModelError, Problem, Problems, SourceError, did_you_mean
from demandgeo.registry import stage

__all__ = ["SeverityTable", "derive", "load", "weigh"]

Index = Literal["ons-css", "cambridge-chi", "table", "count"]

ANTISOCIAL_WEIGHT = 1.0
"""Weight of anti-social behaviour where an index has none: below the lightest crime (cannabis possession, 1.77 on the
ONS scale), above nothing."""

TABLES = Path(__file__).parent / "severity_tables"
RECORDED = TABLES / "recorded_offences.csv"
ONS_CSS = TABLES / "ons_css.csv"
ONS_EDITION = "weights as of 2021, offences 2017/18"
ONS_SOURCE = (
    "Office for National Statistics, Crime Severity Score (weights) and Home Office, police recorded crime 2017/18 "
    "(volumes); Open Government Licence v3.0"
)

SPELLINGS = {
    "category": ("category", "crime type"),
    "offence_code": ("offence_code", "offence code", "home office code", "code"),
    "weight": ("weight", "severity", "days", "chi", "cchi"),
    "spread": ("spread", "sd"),
}
"""Headers that a user's CSV may bear for each column, in any case."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SeverityTable(Record):
    """What one event of each category weighs.

    Parameters
    ----------
    index
        Name of the index.
    edition
        What else must be equal for two weightings to be comparable; "" if nothing.
    weights
        Table: category, weight (>= 0), spread (standard deviation of the weight within the category, >= 0).
        Categories are told apart without regard to case.
    provenance
        Where the weights come from.

    Raises
    ------
    SourceError
        If a category stands twice or a number is not finite and >= 0.
    """

    index: str
    edition: str
    weights: pd.DataFrame
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._set(weights=frozen_table(self.weights), provenance=frozen_mapping(self.provenance))
        problems, numbers = Problems(), self.weights[["weight", "spread"]].to_numpy(np.float64)
        problems.check((np.isfinite(numbers) & (numbers >= 0)).all(), f"{self.index}: a weight or spread is not >= 0")
        twice = self.weights.loc[_folded(self.weights["category"]).duplicated(), "category"]
        problems.check(twice.empty, f"{self.index}: categories stand twice: {twice.tolist()}")
        problems.raise_as(SourceError)

    @property
    def weight_name(self) -> str:
        """The index with its edition: two periods are comparable if this is equal."""
        return f"{self.index} ({self.edition})" if self.edition else self.index

    def with_antisocial(self, weight: float | None) -> SeverityTable:
        """Return the table with a weight for anti-social behaviour, stated in its name.

        None keeps the table's own weight; a table that has none is given `ANTISOCIAL_WEIGHT`.
        """
        others = self.weights[_folded(self.weights["category"]) != ANTISOCIAL.casefold()]
        if weight is None and len(others) < len(self.weights):
            return self
        weight = ANTISOCIAL_WEIGHT if weight is None else weight
        row = pd.DataFrame({"category": [ANTISOCIAL], "weight": [float(weight)], "spread": [0.0]})
        edition = "; ".join(part for part in (self.edition, f"ASB = {weight:g}") if part)
        return replace(self, edition=edition, weights=pd.concat([others, row], ignore_index=True))

    def of(self, category: Labels) -> tuple[Floats, Floats]:
        """Return weight and spread, float64 [n] each, of every row of a category column.

        Raises
        ------
        ModelError
            If a row has no category, or one without a weight; each such category is named with its rows.
        """
        known = {
            name: (weight, spread)
            for name, weight, spread in zip(
                _folded(self.weights["category"]), self.weights["weight"], self.weights["spread"], strict=True
            )
        }
        problems = Problems()
        missing = int((~category.present).sum())
        problems.check(not missing, f"{missing} events have no category", "a category with a weight was needed")
        for name, events in category.counts().items():
            problems.check(
                not events or name.casefold() in known,
                f"category {name!r} ({events:,} events) has no weight in {self.weight_name}",
                "a weight for every category: none is taken as 0",
                f"{did_you_mean(name, self.weights['category'])}; else give your own table, or leave the events out",
            )
        problems.raise_as(ModelError)
        of_name = np.array([known.get(name.casefold(), (np.nan, np.nan)) for name in category.names]).reshape(-1, 2)
        return cast(Floats, of_name[category.codes, 0]), cast(Floats, of_name[category.codes, 1])

    def summary(self) -> dict[str, object]:
        """Name, range of the weights and source."""
        weight = self.weights["weight"]
        return {
            "index": self.weight_name,
            "categories": len(self.weights),
            "weights": f"{weight.min():g}..{weight.max():g}",
            **self.provenance,
        }


@stage("severity.weigh")
def weigh(
    events: Events, *, index: Index = "ons-css", asb_weight: float | None = None, table: Path | None = None
) -> Events:
    """Weigh each event by the severity of its category.

    Parameters
    ----------
    events
        The events. Their categories are told apart without regard to case.
    index
        ``"ons-css"``, the shipped Crime Severity Score (see Notes); ``"cambridge-chi"`` or ``"table"``, weights
        read from `table`; ``"count"``, each event once.
    asb_weight
        Weight of one incident of anti-social behaviour, on the scale of the index. It is an incident, not a
        notifiable crime: no sentencing index weighs it, so this is a choice of policy and stands in the
        ``weight_name`` of the result. None takes the table's own weight, and 1.0 where the table has none: less than
        the lightest crime (1.77 in the ONS scores) and more than nothing.
    table
        A CSV with one header line and the columns ``category``, ``weight`` and optionally ``spread``; or
        ``offence_code`` (Home Office) and ``weight``, from which `derive` makes categories.

    Returns
    -------
    Events
        The same events with ``weight``, ``weight_sd`` (standard deviation within the category) and
        ``weight_name``, which is equal for all events weighted alike.

    Raises
    ------
    ModelError
        If a category has no weight, or a setting does not fit the index.
    SourceError
        If the table cannot be read safely, with file and line.

    Notes
    -----
    An ONS category weight is the mean over its offences, weighted by the crimes recorded in England and Wales in
    2017/18. The spread is wide (violence runs from 7.5 to 7,973), so `weight_sd` matters. Records that carry offence
    codes as their category are better weighed one by one, with a table whose categories are those codes.

    Examples
    --------
    >>> from demandgeo.domain import Events
    >>> crimes = Events.at([0.0, 1.0], [0.0, 1.0], crs="EPSG:27700", category=["Robbery", "Anti-social behaviour"])
    >>> harm = weigh(crimes)
    >>> harm.weight.tolist()
    [799.63, 1.0]
    >>> harm.weight_name
    'ons-css (weights as of 2021, offences 2017/18; ASB = 1)'
    """
    if asb_weight is not None and not (np.isfinite(asb_weight) and asb_weight >= 0):
        raise ModelError(f"asb_weight is {asb_weight}", "a finite number >= 0 was needed")
    if index != COUNT:
        severity = load(index, table=table)
    elif table is not None:
        raise ModelError("a table is given with index 'count', which needs none", remedy="leave out table=")
    elif asb_weight is None:
        return events.weighted(np.ones(len(events)), np.zeros(len(events)), COUNT)
    else:
        names = sorted({name.casefold() for name in events.category.names})
        severity = SeverityTable(COUNT, "", pd.DataFrame({"category": names, "weight": 1.0, "spread": 0.0}))
    severity = severity.with_antisocial(asb_weight)
    weight, spread = severity.of(events.category)
    return events.weighted(weight, spread, severity.weight_name)


def load(index: Index, *, table: Path | None = None) -> SeverityTable:
    """Read and check the table of an index.

    Parameters
    ----------
    index
        ``"ons-css"`` (shipped), or ``"cambridge-chi"`` or ``"table"`` with a CSV of the user's.
    table
        That CSV; see `weigh`. Its edition is its name and a hash of its content, so that an edited file is
        another index.

    Raises
    ------
    ModelError
        If `table` is missing, or given where none is needed.
    SourceError
        If the file cannot be read safely, with file and line.

    Examples
    --------
    >>> table = load("ons-css")
    >>> table.weights.set_index("category")["weight"]["Shoplifting"].item()
    11.86
    """
    if index == "ons-css":
        if table is not None:
            raise ModelError("a table is given with index 'ons-css', which ships", remedy="write index: table")
        return SeverityTable(index, ONS_EDITION, _read(ONS_CSS), {"source": ONS_SOURCE})
    if table is None or index == COUNT:
        raise ModelError(
            f"index {index!r} is given without a table",
            "weights by category or by offence code in a CSV were needed",
            "give table=; the shipped index is 'ons-css'",
        )
    rows = _read(Path(table))
    if "offence_code" in rows:
        rows = _categories_of(rows, str(table))
    found = SeverityTable(index, "", rows[["category", "weight", "spread"]])
    edition = f"{Path(table).name} {found.content_hash()[:8]}"
    return replace(found, edition=edition, provenance={"source": str(table)})


def derive(offences: pd.DataFrame, recorded: pd.DataFrame | None = None) -> pd.DataFrame:
    """Make weights by police.uk category from weights by offence.

    Parameters
    ----------
    offences
        Columns ``offence_code`` (Home Office; text, "4.1" and "4.10" are two offences) and ``weight``.
    recorded
        Columns ``offence_code``, ``category`` and ``recorded_crimes`` (volumes); shipped are those of England and
        Wales in 2017/18. A force may give its own.

    Returns
    -------
    pandas.DataFrame
        One row per category: ``weight`` (mean), ``spread`` (standard deviation) and ``median`` of one recorded
        crime; ``lowest`` and ``highest`` weight of an offence that was recorded; ``offences``
        and ``recorded_crimes`` behind it; ``covered``, the share of the category's crimes whose offence has a weight.

    Raises
    ------
    ModelError
        If an offence has two weights: its crimes would count twice.

    Examples
    --------
    >>> import pandas as pd
    >>> row = derive(pd.DataFrame({"offence_code": ["34A", "34B"], "weight": [900.0, 800.0]})).iloc[0]
    >>> row["category"], row["weight"].round(1).item(), row["spread"].round(1).item()
    ('Robbery', 809.9, 29.9)
    """
    twice = offences.loc[offences["offence_code"].duplicated(), "offence_code"].tolist()
    if twice:
        raise ModelError(f"offences stand twice: {', '.join(map(str, twice))}", "one weight for each was needed")
    if recorded is None:
        recorded = pd.read_csv(RECORDED, dtype={"offence_code": str})
    joined = recorded[recorded["recorded_crimes"] > 0].merge(offences, on="offence_code", how="left")
    rows = []
    for category, group in joined.groupby("category", sort=True):
        weighed = group.dropna(subset="weight").sort_values(["weight", "offence_code"])
        if weighed.empty:
            continue
        weight, crimes = weighed["weight"].to_numpy(np.float64), weighed["recorded_crimes"].to_numpy(np.float64)
        mean = np.average(weight, weights=crimes)
        cumulated = np.cumsum(crimes)
        rows.append(
            {
                "category": category,
                "weight": mean,
                "spread": np.sqrt(np.average((weight - mean) ** 2, weights=crimes)),
                "median": weight[np.searchsorted(cumulated, cumulated[-1] / 2)],
                "lowest": weight[0],
                "highest": weight[-1],
                "offences": len(weighed),
                "recorded_crimes": int(crimes.sum()),
                "covered": crimes.sum() / group["recorded_crimes"].sum(),
            }
        )
    return pd.DataFrame(rows)


def _categories_of(offences: pd.DataFrame, path: str) -> pd.DataFrame:
    rows = derive(offences)
    if rows.empty:
        raise SourceError(
            f"{path}: none of the {len(offences)} offence codes is a Home Office code",
            f"codes as in {RECORDED.name} were needed, e.g. 28E or 34B",
        )
    partial = rows[rows["covered"] < 1]
    if len(partial):
        shares = ", ".join(f"{row.category} {row.covered:.1%}" for row in partial.itertuples())
        warnings.warn(
            f"{path}: some offences of a category have no weight; its weight is that of the rest, which cover {shares}",
            DataQualityWarning,
            stacklevel=4,
        )
    return rows


def _read(path: Path) -> pd.DataFrame:
    """Return the checked rows of a CSV of weights: category or offence_code, weight, spread."""
    (_, header), *rows = _lines(path)
    named = [cell.casefold() for cell in header]
    at = {
        column: next(named.index(spelling) for spelling in spellings if spelling in named)
        for column, spellings in SPELLINGS.items()
        if set(spellings) & set(named)
    }
    problems = Problems()
    for needed in (("category", "offence_code"), ("weight",)):
        if not set(needed) & set(at):
            found, wanted = f"the columns are {header}", f"a column {' or '.join(needed)} was needed"
            problems.add(Problem(found, wanted, "write its name into the first line", str(path), 1))
    for name in sorted({named[i] for i in at.values() if named.count(named[i]) > 1}):
        problems.add(Problem(f"the column {name!r} stands twice", "once was needed", file=str(path), line=1))
    for line, cells in rows:
        # A thousands comma without quotes ("1,234.5") would pass as the weight 1.
        if any(cells[len(header) :]):
            found, wanted = f"{len(cells)} cells", f"{len(header)} were needed"
            problems.add(Problem(found, wanted, "quote the cell that holds a comma", str(path), line))
    if not rows:
        problems.add(Problem("there is no row below the header", "weights were needed", file=str(path)))
    problems.raise_as(SourceError)
    key = "category" if "category" in at else "offence_code"
    columns = {name: [cells[i] if i < len(cells) else "" for _, cells in rows] for name, i in at.items()}
    texts = pd.DataFrame({"spread": "0", **columns}, index=pd.Index([line for line, _ in rows]))
    texts["spread"] = texts["spread"].replace("", "0")
    return _numbers(texts[[key, "weight", "spread"]], str(path))


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    """Return the cells of each line that is not empty, with its number."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror}", "a CSV of severity weights was needed") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{path}: is no CSV in UTF-8 ({error})", remedy="save the sheet as 'CSV UTF-8'") from error
    return [(line, cells) for line, cells in lines if any(cells)] or [(1, [])]


def _numbers(texts: pd.DataFrame, path: str) -> pd.DataFrame:
    """Check names and numbers, every line before the first error is raised; the index is the line."""
    key, *columns = texts.columns
    problems = Problems()
    for line in texts.index[texts[key] == ""]:
        problems.add(Problem("is empty", "a name", file=path, line=line, key=key))
    for line, name in texts.loc[_folded(texts[key]).duplicated() & (texts[key] != ""), key].items():
        problems.add(Problem(f"{name!r} stands twice", "one row each", file=path, line=int(str(line)), key=key))
    rows = texts.copy()
    for column in columns:
        rows[column] = pd.to_numeric(texts[column], errors="coerce").astype(np.float64)
        good = np.isfinite(rows[column]) & (rows[column] >= 0)
        for line, text in texts.loc[~good, column].items():
            problems.add(Problem(f"is {text!r}", "a number >= 0", file=path, line=int(str(line)), key=column))
    problems.raise_as(SourceError)
    return rows.reset_index(drop=True)


def _folded(names: pd.Series) -> pd.Series:
    return names.str.casefold()


def __dir__() -> list[str]:
    return __all__
