"""Street-level crime of data.police.uk: a file, a folder of months or a zip archive becomes events."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from demandgeo.domain import COUNT, Events, Labels, Ledger
from demandgeo.domain.labels import MISSING
from demandgeo.errors import DataQualityWarning, did_you_mean
from demandgeo.registry import reader
from demandgeo.sources.archive import check_months, street_files
from demandgeo.sources.columns import NO_MONTH, labels, month, per_text, this_month
from demandgeo.sources.coordinates import Places, places
from demandgeo.sources.coverage import ForceMonths, coverage, coverage_notes
from demandgeo.sources.crime_types import CRIME_TYPES, crime_type, former_names
from demandgeo.sources.delimited import Text, TextFile, read_text
from demandgeo.sources.fates import Fates
from demandgeo.sources.projection import WGS84, transform_note

ID, MONTH, FORCE, LON, LAT = "Crime ID", "Month", "Falls within", "Longitude", "Latitude"
LOCATION, LSOA, TYPE, OUTCOME = "Location", "LSOA code", "Crime type", "Last outcome category"
COLUMNS = (ID, MONTH, FORCE, LON, LAT, LOCATION, LSOA, TYPE, OUTCOME)

SHOWN = {
    "repeated_header": (MONTH,),
    "bad_month": (MONTH,),
    "future": (MONTH,),
    "other_month": (MONTH,),
    "unknown_category": (TYPE,),
    "bad_coordinate": (LON, LAT),
    "null_island": (LON, LAT),
    "outside_gb": (LON, LAT),
    "duplicate": (ID,),
}


@reader("police_uk")
def read_police_uk(
    path: Path | str,
    months: tuple[str, ...] | list[str] | None = None,
    to_crs: str | None = None,
    *,
    unknown_category: Literal["refuse", "exclude"] = "refuse",
    allow_excluded_share: float = 0.2,
) -> Events:
    r"""Read street-level crime as downloaded from data.police.uk/data.

    A row without a location stays (x and y are NaN): it counts in force totals, and in area totals by its LSOA code.
    Anti-social behaviour has no Crime ID, and its repeated rows are real repeats: they stay. A row is left out only
    for a reason that `ledger.excluded_rows` states with file and line.

    Parameters
    ----------
    path
        A street-level CSV (also ``.csv.gz``), the zip archive as downloaded, or a folder of files
        ``YYYY-MM-FORCE-street.csv[.gz]``, in sub-folders ``YYYY-MM`` or not.
    months
        ``["2018-06", "2018-07"]``; all that are there if None.
    to_crs
        Projected CRS of the events; EPSG:27700 in Great Britain and else the UTM zone of the data if None.
    unknown_category
        Whether a crime type outside the 14 of data.police.uk refuses the file or leaves the row out.
    allow_excluded_share
        Highest share of a force-month's rows that may be left out for defects.

    Returns
    -------
    Events
        Kind ``crime``, resolution ``month``; attributes ``force``, ``place`` and ``outcome``; `zone_code` is the LSOA
        code that the file states. The ledger holds coverage by force and month and the transform with its accuracy.

    Raises
    ------
    SourceError
        If a file cannot be read safely: the message names file, line and value.
    GeometryError
        If longitude and latitude are swapped.

    Examples
    --------
    >>> import tempfile
    >>> header = "Crime ID,Month,Reported by,Falls within,Longitude,Latitude,Location,LSOA code,LSOA name,"
    >>> header += "Crime type,Last outcome category,Context"
    >>> row = ",2018-07,A Police,A Police,-1.54,53.80,On or near Mill Lane,E01011111,Leeds 1A,Burglary,,"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "2018-07-a-street.csv"
    ...     _ = file.write_text(f"{header}\n{row}\n")
    ...     events = read_police_uk(file)
    >>> len(events), events.category.names, events.crs, events.period
    (1, ('Burglary',), 'EPSG:27700', '2018-07')
    """
    path = Path(path)
    members, ignored = street_files(path, months)
    text = read_text(members, COLUMNS, identifier=ID)
    fates = Fates(text, SHOWN)
    time = _months(fates, path, months)
    notes = _categories(fates, unknown_category)
    where = places(fates, text.table[LON], text.table[LAT], crs=WGS84, to_crs=to_crs)
    ids = fates.identifiers(ID)
    force = labels(text.table[FORCE])
    groups = _force_months(text, force, time)
    fates.check_shares(groups.group, groups.names, allow_excluded_share)
    table = coverage(
        groups,
        used=fates.used,
        defective=fates.defective,
        expected=months,
        empty=_empty_forces(text, force),
        named=[file.month for file in text.files if file.month],
    )
    _warn(table[table["status"] != "absent"] if months is None else table, notes)
    ledger = Ledger(
        files=fates.accounts(where.unlocated),
        excluded_rows=fates.excluded_rows(),
        coverage=table,
        ignored=ignored,
        notes=(*notes, *fates.notes(where.unlocated), *coverage_notes(table), *transform_note(where.transform)),
        transform=where.transform,
    )
    return _events(fates, time=time, ids=ids, where=where, ledger=ledger)


def _events(
    fates: Fates,
    *,
    time: NDArray[np.datetime64],
    ids: Labels,
    where: Places,
    ledger: Ledger,
) -> Events:
    table, used = fates.text.table, fates.used
    n = int(used.sum())
    return Events(
        x=where.x[used],
        y=where.y[used],
        time=time[used].astype("datetime64[s]"),
        category=labels(table[TYPE].filter(used), lambda text: crime_type(text) or text),
        weight=np.ones(n),
        weight_sd=np.zeros(n),
        weight_name=COUNT,
        ids=ids,
        zone_code=labels(table[LSOA].filter(used)),
        crs=where.crs,
        kind="crime",
        resolution="month",
        attributes={
            "force": labels(table[FORCE].filter(used)),
            "place": labels(table[LOCATION].filter(used)),
            "outcome": labels(table[OUTCOME].filter(used)),
        },
        ledger=ledger,
    )


def _months(fates: Fates, path: Path, months: Sequence[str] | None) -> NDArray[np.datetime64]:
    column = fates.text.table[MONTH]
    fates.exclude(
        per_text(column, lambda text: text.strip() == MONTH, missing=False, dtype=np.bool_), "repeated_header"
    )
    time = per_text(column, month, NO_MONTH, "datetime64[M]")
    fates.exclude(np.isnat(time), "bad_month")
    future = time > this_month()
    fates.exclude(future, "future")
    time[future] = NO_MONTH
    if months is not None:
        present = {str(m) for m in np.unique(time[fates.used])} | {
            file.month for file in fates.text.files if file.month
        }
        check_months(path, months, present)
        fates.exclude(~np.isin(time, np.array(months, "datetime64[M]")), "other_month")
    return time


def _categories(fates: Fates, unknown: str) -> tuple[str, ...]:
    """Refuse or leave out crime types that are not known; return notes on names of earlier years."""
    column = fates.text.table[TYPE]
    strange = per_text(column, lambda text: crime_type(text) is None, missing=True, dtype=np.bool_)
    if unknown == "refuse":
        fates.refuse(
            strange,
            lambda row: _strange_type(str(column[row].as_py() or "")),
            "one of the 14 categories of data.police.uk was needed",
            'correct it, or leave such rows out, counted: unknown_category="exclude"',
        )
    fates.exclude(strange, "unknown_category")
    return former_names(labels(column.filter(fates.used)).names)


def _strange_type(text: str) -> str:
    hint = did_you_mean(text, CRIME_TYPES.values())
    return f"crime type {text!r} is not known" + (f" ({hint})" if hint.startswith("did") else "")


def _force_months(text: Text, force: Labels, time: NDArray[np.datetime64]) -> ForceMonths:
    """Return each row's force-month; a row without a month is filed under what most of its file's rows say."""
    time, codes = time.copy(), force.codes.copy()
    for number, file in enumerate(text.files):
        part = slice(int(text.starts[number]), int(text.starts[number + 1]))
        dated = ~np.isnat(time[part])
        usual = np.datetime64(file.month, "M") if file.month else _most_common(time[part][dated], NO_MONTH)
        codes[part][~dated] = _most_common(codes[part][dated], MISSING)
        time[part][~dated] = usual
    return ForceMonths.of(Labels(codes, force.names), time)


def _most_common(values: NDArray[Any], otherwise: Any) -> Any:
    known, counts = np.unique(values, return_counts=True)
    return known[np.argmax(counts)] if known.size else otherwise


def _empty_forces(text: Text, force: Labels) -> set[str]:
    """Return the forces of files without a row: by the name other files of theirs state, else the file's own."""
    return {_force_name(file, text, force) for file in text.files if file.rows == 0}


def _force_name(empty: TextFile, text: Text, force: Labels) -> str:
    for number, file in enumerate(text.files):
        if file.rows and file.force and file.force == empty.force:
            codes = force.codes[text.starts[number] : text.starts[number + 1]]
            codes = codes[codes >= 0]
            if codes.size:
                return force.names[int(np.bincount(codes).argmax())]
    return empty.force or empty.name


def _warn(table: pd.DataFrame, notes: Sequence[str]) -> None:
    """Warn of months that are not whole and of series that break."""
    for note in (*coverage_notes(table), *(note for note in notes if "break" in note)):
        warnings.warn(note, DataQualityWarning, stacklevel=3)
