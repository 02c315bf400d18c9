"""Collisions, casualties and vehicles of STATS19 joined: what became of each row, when, where, how severe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from demandgeo.domain.record import Floats, Integers, Mask
from demandgeo.errors import ConfigError, SourceError, did_you_mean
from demandgeo.sources.columns import numbers, per_text
from demandgeo.sources.coordinates import Places, places
from demandgeo.sources.fates import REASONS, USED, Fates
from demandgeo.sources.moments import NO_TIME, moment
from demandgeo.sources.projection import BRITISH_GRID, WGS84
from demandgeo.sources.stats19_tables import INDEX, Rows, codes, read_rows

Unit = Literal["casualty", "collision"]
Severity = Literal["adjusted", "recorded"]

EAST, NORTH, LON, LAT = "location_easting_osgr", "location_northing_osgr", "longitude", "latitude"
FORCE, DATE, TIME = "police_force", "date", "time"
ROAD = ("first_road_class", "first_road_number", "speed_limit", "junction_detail")
LSOA = "lsoa_of_collision_location"
WHERE = (EAST, NORTH, LON, LAT)
OF_COLLISION = (*WHERE, FORCE, TIME, *ROAD, LSOA, "collision_adjusted_severity_serious")
OF_CASUALTY = ("casualty_type", "casualty_adjusted_severity_serious")

FATAL, SERIOUS, SLIGHT = 1, 2, 3
ADJUSTED = {unit: f"{unit}_adjusted_severity_serious" for unit in ("collision", "casualty")}

SHOWN = {
    "other_year": (DATE,),
    "other_force": (FORCE,),
    "bad_time": (DATE, TIME),
    "unknown_severity": ("collision_severity",),
    "bad_coordinate": WHERE,
    "null_island": WHERE,
    "outside_gb": WHERE,
    "duplicate": (INDEX,),
}


@dataclass(frozen=True, slots=True)
class Joined:
    """The rows of one table.

    Parameters
    ----------
    rows
        Their columns.
    fates
        What becomes of each.
    collision
        int64 [n]: the row of its collision, -1 where there is none.
    severity
        int64 [n]: 1 fatal, 2 serious, 3 slight as recorded, 0 where it is none of them.
    ksi
        float64 [n]: probability to be one of killed or seriously injured.
    """

    rows: Rows
    fates: Fates
    collision: Integers
    severity: Integers
    ksi: Floats


@dataclass(frozen=True, slots=True)
class Collisions(Joined):
    """The collisions: besides, where and when, and what a reader should know."""

    where: Places
    time: NDArray[np.datetime64]
    notes: tuple[str, ...]


def collisions(
    paths: Sequence[Path],
    severity: Severity,
    *,
    years: Sequence[int] | None,
    forces: Sequence[str] | None,
    to_crs: str | None,
) -> Collisions:
    """Read the collisions; `severity` is how serious ones are told, and years and forces those wanted."""
    rows = read_rows(paths, (INDEX, DATE, "collision_severity"), OF_COLLISION, table="collisions")
    if not {EAST, NORTH} <= rows.known and not {LON, LAT} <= rows.known:
        raise SourceError(
            "the collisions have no coordinates", f"the columns {EAST} and {NORTH}, or {LON} and {LAT}, were needed"
        )
    fates = Fates(rows.text, SHOWN)
    time, notes = _times(fates, rows)
    if years is not None:
        stated = time.astype("datetime64[Y]").astype(np.int64) + 1970
        fates.exclude(~np.isnat(time) & ~np.isin(stated, list(years)), "other_year")
    if forces is not None:
        fates.exclude(~np.isin(_force_codes(rows), _chosen_forces(forces)), "other_force")
    recorded = _severity(fates, rows, "collision_severity")
    where = _places(fates, rows, to_crs or BRITISH_GRID)
    fates.identifiers(INDEX)
    ksi = _ksi(fates, rows, recorded, ADJUSTED["collision"], severity)
    return Collisions(rows, fates, np.arange(len(rows)), recorded, ksi, where, time, notes)


def casualties(paths: Sequence[Path], spots: Collisions, severity: Severity) -> Joined:
    """Read the casualties; they share the fate of their collision."""
    rows = read_rows(paths, (INDEX, "casualty_severity"), OF_CASUALTY, table="casualties")
    fates, collision = _joined(rows, spots, {"unknown_severity": ("casualty_severity",)})
    recorded = _severity(fates, rows, "casualty_severity")
    return Joined(rows, fates, collision, recorded, _ksi(fates, rows, recorded, ADJUSTED["casualty"], severity))


def vehicles(paths: Sequence[Path], spots: Collisions) -> Joined:
    """Read the vehicles, which have no severity."""
    rows = read_rows(paths, (INDEX, "vehicle_type"), (), table="vehicles")
    fates, collision = _joined(rows, spots, {})
    return Joined(rows, fates, collision, np.zeros(len(rows), np.int64), np.zeros(len(rows)))


def _joined(rows: Rows, spots: Collisions, shown: dict[str, tuple[str, ...]]) -> tuple[Fates, Integers]:
    """Find the collision of each row; a row without one is left out, one of a collision left out shares its fate."""
    own = spots.rows.column(INDEX).combine_chunks()
    first = pc.index_in(rows.column(INDEX).combine_chunks(), value_set=own, skip_nulls=True)
    collision = first.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    if len(rows) and (collision < 0).all():
        first_own = own[0].as_py() if len(own) else None
        raise SourceError(
            f"{rows.text.files[0].name}: no row belongs to a collision (the first {INDEX} is "
            f"{rows.column(INDEX)[0].as_py()!r}, that of the collisions {first_own!r})",
            "tables of the same years were needed",
            "a spreadsheet may have spoilt the index: keep it as text",
        )
    fates = Fates(rows.text, {**dict.fromkeys(REASONS, (INDEX,)), **shown})
    fates.exclude(collision < 0, "no_collision")
    inherited = np.append(spots.fates.codes, USED)[collision]
    for code in np.unique(inherited[inherited != USED]).tolist():
        fates.exclude(inherited == code, REASONS[code])
    return fates, collision


def _times(fates: Fates, rows: Rows) -> tuple[NDArray[np.datetime64], tuple[str, ...]]:
    """Return date and time of day, NaT without a date; a date without a time stands at midnight, counted."""
    date, clock = rows.column(DATE), rows.column(TIME)
    day = per_text(date, _day, NO_TIME, "datetime64[s]")
    minute = per_text(clock, _minute, 0, np.int64)
    fates.exclude((np.isnat(day) & ~_gone(date)) | (minute < 0), "bad_time")
    untimed, undated = int((_gone(clock) & ~np.isnat(day)).sum()), int(_gone(date).sum())
    notes = []
    if untimed:
        notes.append(f"{untimed:,} collisions state no time of day and stand at 00:00")
    if undated:
        notes.append(f"{undated:,} collisions state no date")
    return day + np.maximum(minute, 0).astype("timedelta64[m]"), tuple(notes)


def _day(text: str) -> np.datetime64:
    british = moment(text, "%d/%m/%Y")[0]
    return moment(text)[0] if np.isnat(british) else british


def _minute(text: str) -> int:
    parts = text.strip().split(":")
    if not 2 <= len(parts) <= 3 or not all(part.isascii() and part.isdigit() and len(part) <= 2 for part in parts):
        return -1
    hour, minute = int(parts[0]), int(parts[1])
    return hour * 60 + minute if hour < 24 and minute < 60 else -1


def _gone(column: pa.ChunkedArray) -> Mask:
    return cast(Mask, column.is_null().to_numpy())


def _force_codes(rows: Rows) -> NDArray[np.object_]:
    return rows.labels(FORCE).to_array()


def _chosen_forces(forces: Sequence[str]) -> list[str]:
    known = codes(FORCE)
    by_name = {name.casefold(): name for name in known.values()}
    chosen = []
    for force in map(str, forces):
        name = known.get(force, by_name.get(force.casefold()))
        if name is None:
            raise ConfigError(f"force {force!r} is not known", remedy=did_you_mean(force, known.values()))
        chosen.append(name)
    return chosen


def _severity(fates: Fates, rows: Rows, column: str) -> Integers:
    """Return 1, 2 or 3 (0 where it is excluded as unknown) of codes or of the names of severities."""
    by_text = {**{name: int(code) for code, name in codes("severity").items()}, "1": FATAL, "2": SERIOUS, "3": SLIGHT}
    recorded = per_text(rows.column(column), lambda text: by_text.get(text.strip().lower(), 0), 0, np.int64)
    fates.exclude(recorded == 0, "unknown_severity")
    return recorded


def _ksi(fates: Fates, rows: Rows, recorded: Integers, column: str, severity: Severity) -> Floats:
    """Return the probability of each row to be killed or seriously injured."""
    if severity == "recorded":
        return (recorded <= SERIOUS).astype(np.float64)
    choice = "or take the severity as it was recorded: severity: recorded"
    if column not in rows.known:
        raise SourceError(
            f"{rows.text.files[0].name}: adjusted severity is not there", f"the column {column} was needed", choice
        )
    serious = numbers(rows.column(column))
    fates.refuse(
        (recorded > FATAL) & ~((serious >= 0) & (serious <= 1)),
        lambda row: f"{column} is {rows.column(column)[row].as_py()}",
        "a probability was needed (there is none before 2004)",
        choice,
    )
    return np.where(recorded == FATAL, 1.0, serious)


def _places(fates: Fates, rows: Rows, to_crs: str) -> Places:
    """Return where collisions lie: by the grid reference, and by longitude and latitude where there is none."""
    grid = places(fates, rows.column(EAST), rows.column(NORTH), crs=BRITISH_GRID, to_crs=to_crs)
    lacking = grid.unlocated & ~_gone(rows.column(LAT)) & fates.used
    if not lacking.any():
        return grid
    lon, lat = (
        pc.if_else(pa.array(lacking), rows.column(name).cast(pa.string()), pa.scalar(None, pa.string()))
        for name in (LON, LAT)
    )
    degrees = places(fates, lon, lat, crs=WGS84, to_crs=to_crs)
    x, y = np.where(lacking, degrees.x, grid.x), np.where(lacking, degrees.y, grid.y)
    return Places(x, y, grid.unlocated & degrees.unlocated, grid.crs, degrees.transform)
