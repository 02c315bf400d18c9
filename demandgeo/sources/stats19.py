"""STATS19, the road casualties of Great Britain: collisions, casualties and vehicles of any era become events."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from demandgeo.domain import Events, Labels, Ledger
from demandgeo.domain.record import Floats, Integers
from demandgeo.errors import ConfigError
from demandgeo.registry import reader
from demandgeo.sources import stats19_records as records
from demandgeo.sources.columns import labels, numbers
from demandgeo.sources.projection import transform_note
from demandgeo.sources.stats19_records import LSOA, Collisions, Joined, Severity, Unit
from demandgeo.sources.stats19_tables import INDEX, Rows, codes

Files = Path | str | list[Path | str] | tuple[Path | str, ...]

GROUP_NOT_STATED = "not stated"
NOT_A_LIMIT = 99


@reader("stats19")
def read_stats19(
    collisions: Files,
    casualties: Files | None = None,
    vehicles: Files | None = None,
    *,
    unit: Unit = "casualty",
    severity: Severity = "adjusted",
    years: tuple[int, ...] | list[int] | None = None,
    forces: tuple[str, ...] | list[str] | None = None,
    to_crs: str | None = None,
    allow_excluded_share: float = 0.2,
) -> Events:
    r"""Read the STATS19 tables that the Department for Transport publishes.

    Headers of all eras are understood (``Accident_Index``, ``accident_index``, ``collision_index``), also mixed. The
    tables are joined on the index, which is text: leading zeros stay. Rows that look alike are distinct casualties
    and stay.

    Parameters
    ----------
    collisions, casualties, vehicles
        ``.csv``, ``.csv.gz`` or ``.zip`` as published, or a list of them. Casualties are needed for `unit` casualty
        and add user groups to collisions.
    unit
        What one event is; `Events.kind` says it. KSI of collisions and of casualties are different numbers.
    severity
        ``"adjusted"``: a serious injury counts with the probability that it is one under injury-based recording, as
        the Department gives it for each casualty (for a collision: for the collision). It makes years and forces
        comparable that recorded severity in different ways. ``"recorded"``: as the officer recorded it.
    years, forces
        ``[2019, 2020]`` and ``["West Midlands"]`` (or its number); all if None.
    to_crs
        Projected CRS of the events; EPSG:27700 if None.
    allow_excluded_share
        Highest share of a file's rows that may be left out for defects.

    Returns
    -------
    Events
        Kind ``casualty`` or ``collision``. `weight` and attribute ``ksi`` are the probability, in [0, 1], that it is
        one of killed or seriously injured: 1 for a fatal one. `weight_sd` is the spread that this leaves. `category`
        is the user group (of a collision: the most exposed one hurt). Attributes ``collision`` (index), ``severity``
        (as recorded), ``force``, ``first_road_class``, ``first_road_number``, ``speed_limit`` (mph, NaN if not stated),
        ``junction`` and, where vehicles are given, ``vehicles`` (the kinds involved). Grid references are used where
        there are any, longitude and latitude elsewhere.

    Raises
    ------
    ConfigError
        If the unit is casualty and no casualties are given, or a force is not known.
    SourceError
        If a file cannot be read safely, lacks a column, the tables do not join, or adjusted severity is asked for and
        not there.

    Notes
    -----
    Adjusted severity: Department for Transport, "Guide to severity adjustments for reported road casualties Great
    Britain": KSI = fatal + sum of the probabilities of serious injury.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     at, who = Path(folder) / "collision.csv", Path(folder) / "casualty.csv"
    ...     _ = at.write_text(
    ...         "collision_index,collision_year,collision_severity,date,time,location_easting_osgr,"
    ...         "location_northing_osgr\n2023010451590,2023,2,24/06/2023,17:58,530265,172710\n"
    ...     )
    ...     _ = who.write_text(
    ...         "collision_index,casualty_severity,casualty_type,casualty_adjusted_severity_serious\n"
    ...         "2023010451590,2,1,1.0\n2023010451590,3,9,0.08\n"
    ...     )
    ...     events = read_stats19(at, who)
    >>> events.kind, len(events), round(float(events.weight.sum()), 2), events.category.names
    ('casualty', 2, 1.08, ('car occupant', 'cyclist'))
    """
    if unit == "casualty" and casualties is None:
        raise ConfigError(
            "the unit is casualty and no casualties are given",
            "the table of casualties was needed",
            "give casualties=, or count collisions: unit: collision",
        )
    told: dict[str, Severity] = {"collision": "recorded", "casualty": "recorded", unit: severity}
    spots = records.collisions(_paths(collisions), told["collision"], years=years, forces=forces, to_crs=to_crs)
    people = None if casualties is None else records.casualties(_paths(casualties), spots, told["casualty"])
    traffic = None if vehicles is None else records.vehicles(_paths(vehicles), spots)
    tables = [table for table in (people, spots, traffic) if table is not None]
    for table in tables:
        text = table.rows.text
        table.fates.check_shares(text.file_of, [file.name for file in text.files], allow_excluded_share)
    subject = people if unit == "casualty" and people is not None else spots
    attributes = {} if traffic is None else {"vehicles": _involved(traffic, len(spots.rows))}
    return _events(
        subject,
        spots,
        groups=_groups_of(subject, spots, people),
        kind=unit,
        weight_name=f"KSI ({severity})",
        more=attributes,
        ledger=_ledger(tables, spots),
    )


def _paths(files: Files) -> list[Path]:
    return [Path(file) for file in (files if isinstance(files, (list, tuple)) else [files])]


def _ledger(tables: Sequence[Joined], spots: Collisions) -> Ledger:
    lost = np.append(spots.where.unlocated, [False])
    parts, notes = [], [*spots.notes]
    for table in tables:
        unlocated = lost[table.collision]
        parts.append(Ledger(files=table.fates.accounts(unlocated), excluded_rows=table.fates.excluded_rows()))
        notes += [f"{table.rows.text.files[0].name}: {note}" for note in table.fates.notes(unlocated)]
    merged = Ledger.merged(tuple(parts))
    return Ledger(
        files=merged.files,
        excluded_rows=merged.excluded_rows,
        ignored=tuple(name for table in tables for name in table.rows.ignored),
        notes=(*notes, *transform_note(spots.where.transform)),
        transform=spots.where.transform,
    )


def _events(
    subject: Joined,
    spots: Collisions,
    *,
    groups: Labels,
    kind: str,
    weight_name: str,
    more: dict[str, Labels],
    ledger: Ledger,
) -> Events:
    used = np.flatnonzero(subject.fates.used)
    at, ksi = subject.collision[used], subject.ksi[used]
    index = _in_order(spots.rows, INDEX, at)
    attributes: dict[str, Any] = {
        "ksi": ksi,
        "severity": Labels((subject.severity[used] - 1).astype(np.int32), tuple(codes("severity").values())),
        "collision": index,
        "force": spots.rows.labels("police_force").take(at),
        "first_road_class": spots.rows.labels("first_road_class").take(at),
        "first_road_number": spots.rows.labels("first_road_number").take(at),
        "speed_limit": _speed(spots.rows)[at],
        "junction": spots.rows.labels("junction_detail").take(at),
        **{name: column.take(at) for name, column in more.items()},
    }
    return Events(
        x=spots.where.x[at],
        y=spots.where.y[at],
        time=spots.time[at],
        category=groups.take(used),
        weight=ksi,
        weight_sd=np.sqrt(ksi * (1 - ksi)),
        weight_name=weight_name,
        ids=index if subject is spots else _numbered(index),
        zone_code=labels(spots.rows.column(LSOA)).take(at),
        crs=spots.where.crs,
        kind=kind,
        attributes=attributes,
        ledger=ledger,
    )


def _speed(rows: Rows) -> Floats:
    speed = numbers(rows.column("speed_limit"))
    return np.where(np.isfinite(speed) & (speed < NOT_A_LIMIT), speed, np.nan)


def _in_order(rows: Rows, column: str, at: Integers) -> Labels:
    """Return the texts of rows, in order of first appearance: identifiers are not worth sorting."""
    taken = pc.dictionary_encode(rows.column(column).combine_chunks().take(pa.array(at)))
    return Labels(taken.indices.fill_null(-1).to_numpy(zero_copy_only=False), tuple(taken.dictionary.to_pylist()))


def _numbered(index: Labels) -> Labels:
    """Return the index of each casualty's collision with the casualty's number in the order of the file."""
    order = np.argsort(index.codes, kind="stable")
    starts = np.flatnonzero(np.diff(index.codes[order], prepend=-2))
    turn = np.empty(len(index), np.int64)
    turn[order] = np.arange(1, len(index) + 1) - np.repeat(starts, np.diff(np.append(starts, len(index))))
    names = (f"{name}-{number}" for name, number in zip(index, turn.tolist(), strict=True))
    return Labels(np.arange(len(index), dtype=np.int32), tuple(names))


def _groups_of(subject: Joined, spots: Collisions, people: Joined | None) -> Labels:
    """Return the user group of each row of the subject."""
    if people is None:
        return Labels.constant("collision", len(spots.rows))
    return _groups(people.rows) if subject is people else _most_exposed(people, len(spots.rows))


def _groups(rows: Rows) -> Labels:
    found = rows.labels("casualty_type")
    if found.present.all():
        return found
    group = np.where(found.present, found.codes, len(found.names)).astype(np.int32)
    return Labels(group, (*found.names, GROUP_NOT_STATED))


def _most_exposed(people: Joined, collisions: int) -> Labels:
    """Return the group hurt in each collision that stands first in the table of codes: pedestrians before cars."""
    groups = _groups(people.rows)
    order = list(dict.fromkeys(codes("casualty_type").values()))
    ranked = sorted(groups.names, key=lambda name: (order.index(name) if name in order else len(order), name))
    place = np.array([ranked.index(name) for name in groups.names], np.int32)
    first = np.full(collisions, len(ranked), np.int32)
    used = people.fates.used
    np.minimum.at(first, people.collision[used], place[groups.codes[used]])
    return Labels(first, (*ranked, "no casualty listed"))


def _involved(traffic: Joined, collisions: int) -> Labels:
    """Return the kinds of vehicle in each collision, each named once: ``car + pedal cycle``."""
    kinds = traffic.rows.labels("vehicle_type")
    named = traffic.fates.used & kinds.present
    pairs = np.unique(np.stack([traffic.collision[named], kinds.codes[named]]), axis=1)
    texts: list[list[str]] = [[] for _ in range(collisions)]
    for collision, code in pairs.T.tolist():
        texts[collision].append(kinds.names[code])
    return Labels.of([" + ".join(text) for text in texts])
