"""Any other extract: a CSV, Parquet or vector file becomes events by a map of its columns."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from demandgeo.domain import COUNT, Events, Labels, Ledger
from demandgeo.domain.record import Floats
from demandgeo.errors import ConfigError, GeometryError, Problems, SourceError, did_you_mean
from demandgeo.registry import reader
from demandgeo.sources.archive import Member
from demandgeo.sources.columns import labels, numbers
from demandgeo.sources.coordinates import Places, places
from demandgeo.sources.delimited import Text, read_text
from demandgeo.sources.fates import Fates
from demandgeo.sources.moments import moments
from demandgeo.sources.projection import WGS84, transform_note
from demandgeo.sources.tables import POINT_COLUMNS, parquet_text, vector_text
from demandgeo.sources.vectors import FORMATS

FIELDS = ("x", "y", "lon", "lat", "time", "category", "weight", "id", "zone_code")


@reader("incidents")
def read_incidents(
    path: Path | str,
    columns: dict[str, str],
    *,
    crs: str | None = None,
    to_crs: str | None = None,
    layer: str | None = None,
    kind: str = "event",
    time_format: str | None = None,
    allow_excluded_share: float = 0.2,
) -> Events:
    r"""Read events from any table by naming its columns.

    Parameters
    ----------
    path
        ``.csv``, ``.csv.gz``, ``.parquet``, ``.gpkg``, ``.geojson`` or ``.shp`` (the last three may give the
        coordinates by their points).
    columns
        Column of the file for each of ``x`` and ``y`` (or ``lon`` and ``lat``), ``time``, ``category``, ``weight``,
        ``id`` and ``zone_code``; any other name becomes an attribute (text). Only coordinates are needed.
    crs
        CRS of x and y, where the file states none; lon and lat are WGS 84 unless it is given.
    to_crs
        Projected CRS of the events; the file's own if that has true metres, else EPSG:27700 in Great Britain, else
        the UTM zone.
    layer
        Layer of a vector file that has several.
    kind
        What one row is: ``crime``, ``collision``, ``injury``, ...
    time_format
        For times other than ISO 8601, as `datetime.strptime` reads them: ``"%d/%m/%Y %H:%M"``.
    allow_excluded_share
        Highest share of rows that may be left out for defects.

    Returns
    -------
    Events
        A row without coordinates stays, with NaN. The same non-blank id twice is kept once. A time with an offset
        is kept in UTC, and a note says so.

    Raises
    ------
    SourceError, GeometryError, ConfigError
        If the file cannot be read safely, there is no CRS, or `columns` names no coordinates.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "injuries.csv"
    ...     _ = file.write_text("east,north,when\n430000,434000,2018-07-01 23:30\n430100,434000,2018-07-02 01:10\n")
    ...     events = read_incidents(file, {"x": "east", "y": "north", "time": "when"}, crs="EPSG:27700")
    >>> len(events), events.resolution, events.time[0]
    (2, 'minute', np.datetime64('2018-07-01T23:30:00'))
    """
    path = Path(path)
    text, columns, crs = _text(path, columns, crs, layer)
    x, y = ("lon", "lat") if "lon" in columns else ("x", "y")
    coordinates = (columns[x], columns[y])
    shown = {"bad_coordinate": coordinates, "null_island": coordinates, "outside_gb": coordinates} | {
        reason: (columns[key],)
        for reason, key in (("bad_time", "time"), ("bad_weight", "weight"), ("duplicate", "id"))
        if key in columns
    }
    fates = Fates(text, shown)
    time, resolution, notes = moments(fates, columns.get("time"), time_format)
    weight = _weights(fates, columns.get("weight"))
    where = places(fates, text.table[columns[x]], text.table[columns[y]], crs=crs, to_crs=to_crs)
    ids = fates.identifiers(columns["id"]) if "id" in columns else None
    fates.check_shares(text.file_of, [file.name for file in text.files], allow_excluded_share)
    ledger = Ledger(
        files=fates.accounts(where.unlocated),
        excluded_rows=fates.excluded_rows(),
        notes=(*fates.notes(where.unlocated), *notes, *transform_note(where.transform)),
        transform=where.transform,
    )
    return _events(
        fates, columns, time=time, resolution=resolution, ids=ids, weight=weight, where=where, kind=kind, ledger=ledger
    )


def _text(
    path: Path, columns: Mapping[str, str], crs: str | None, layer: str | None
) -> tuple[Text, dict[str, str], str]:
    """Return the columns as text, the map with its coordinates completed, and the CRS of the coordinates."""
    suffix = path.suffix.lower()
    _check_map(columns, geometry=suffix in FORMATS)
    wanted = list(dict.fromkeys(columns.values()))
    if suffix in FORMATS:
        text, of_points = vector_text(path, wanted, layer=layer, crs=crs)
        if not {"x", "lon"} & set(columns):
            return text, {**columns, **dict(zip(("x", "y"), POINT_COLUMNS, strict=True))}, of_points
        crs = crs or (of_points if "x" in columns else None)
    elif suffix == ".parquet":
        text = parquet_text(path, wanted)
    elif path.name.lower().endswith((".csv", ".csv.gz")):
        text = read_text([Member(path, path.name)], wanted, identifier=columns.get("id"))
    else:
        raise SourceError(f"{path.name} is of a kind that is not read", "a .csv, .csv.gz, .parquet or vector file")
    if crs is None and "lon" not in columns:
        raise GeometryError(f"{path.name} states no CRS for x and y", "where they lie", "give crs:, e.g. EPSG:27700")
    return text, dict(columns), crs or WGS84


def _check_map(columns: Mapping[str, str], *, geometry: bool) -> None:
    problems = Problems()
    given = [pair for pair in (("x", "y"), ("lon", "lat")) if set(pair) & set(columns)]
    whole = [pair for pair in given if set(pair) <= set(columns)]
    problems.check(
        len(given) <= 1 and given == whole and (given or geometry),
        f"columns names {', '.join(sorted(columns)) or 'nothing'}",
        "both x and y, or both lon and lat, were needed",
        'for example {"x": "easting", "y": "northing", "time": "date"}',
    )
    for key in columns:
        # Any other name is an attribute, but one letter off "weight" is no attribute.
        meant = difflib.get_close_matches(key.casefold(), FIELDS, n=1, cutoff=0.8)
        if key not in FIELDS and meant:
            problems.add(f"columns names {key!r}", did_you_mean(key, meant), "an attribute needs a name less alike")
    for column, times in Counter(columns.values()).items():
        keys = " and ".join(key for key, value in columns.items() if value == column)
        problems.check(times == 1, f"the column {column!r} is given as {keys}", "one use of each column was needed")
    problems.raise_as(ConfigError)


def _weights(fates: Fates, column: str | None) -> Floats:
    if column is None:
        return np.ones(len(fates.text))
    weight = numbers(fates.text.table[column])
    fates.exclude(~(np.isfinite(weight) & (weight >= 0)), "bad_weight")
    return weight


def _events(
    fates: Fates,
    columns: Mapping[str, str],
    *,
    time: NDArray[np.datetime64],
    resolution: str,
    ids: Labels | None,
    weight: Floats,
    where: Places,
    kind: str,
    ledger: Ledger,
) -> Events:
    used = fates.used
    table = fates.text.table.filter(used)
    n = int(used.sum())

    def text(key: str) -> Labels:
        return labels(table[columns[key]]) if key in columns else Labels(np.full(n, -1), ())

    return Events(
        x=where.x[used],
        y=where.y[used],
        time=time[used],
        category=text("category") if "category" in columns else Labels.constant(kind, n),
        weight=weight[used],
        weight_sd=np.zeros(n),
        weight_name=columns.get("weight", COUNT),
        ids=text("id") if ids is None else ids,
        zone_code=text("zone_code"),
        crs=where.crs,
        kind=kind,
        resolution=resolution,
        attributes={key: text(key) for key in columns if key not in FIELDS},
        ledger=ledger,
    )
