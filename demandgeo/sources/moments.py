"""Times in a file: ISO 8601 or a stated format, never a guess at which number is the day."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from demandgeo.domain.events import RESOLUTIONS
from demandgeo.sources.columns import distinct, month
from demandgeo.sources.fates import Fates

NO_TIME = np.datetime64("NaT", "s")
MONTH_ONLY, DAY, MINUTE = range(3)
ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ].+)?")


def moments(
    fates: Fates, column: str | None, time_format: str | None
) -> tuple[NDArray[np.datetime64], str, tuple[str, ...]]:
    """Return the time of each row, the finest unit that all of them mean, and what a reader should know.

    A row without a time stays (NaT); one whose time cannot be read is excluded as bad_time.
    """
    n = len(fates.text)
    if column is None:
        return np.full(n, NO_TIME), RESOLUTIONS[MINUTE], ()
    texts, codes = distinct(fates.text.table[column])
    read = [moment(text, time_format) for text in texts]
    time = np.array([*(when for when, _, _ in read), NO_TIME], "datetime64[s]")[codes]
    fates.exclude(np.isnat(time) & (codes >= 0), "bad_time")
    timed = [(unit, offset) for when, unit, offset in read if not np.isnat(when)]
    resolution = RESOLUTIONS[min((unit for unit, _ in timed), default=MINUTE)]
    notes = []
    untimed = int(((codes < 0) & fates.used).sum())
    if untimed:
        notes.append(f"{untimed:,} records state no time")
    if any(offset for _, offset in timed):
        notes.append("times with an offset are kept in UTC: in summer an hour behind the clocks in Britain")
    return time, resolution, tuple(notes)


def moment(text: str, time_format: str | None = None) -> tuple[np.datetime64, int, bool]:
    """Read one time; return it (NaT if it is none), its unit, and whether it had an offset from UTC.

    Examples
    --------
    >>> moment("2018-07-01T23:30:00+01:00")
    (np.datetime64('2018-07-01T22:30:00'), 2, True)
    >>> moment("05/07/2018"), moment("05/07/2018", "%d/%m/%Y")
    ((np.datetime64('NaT','s'), 1, False), (np.datetime64('2018-07-05T00:00:00'), 1, False))
    """
    text = text.strip()
    if time_format is None and not np.isnat(month(text)):
        return month(text).astype("datetime64[s]"), MONTH_ONLY, False
    try:
        when = _parsed(text, time_format)
        offset = when.tzinfo is not None
        plain = when.astimezone(UTC).replace(tzinfo=None) if offset else when
    except (ValueError, OverflowError):  # 0001-01-01T00:00:00+01:00, a default of some systems, lies before year 1
        return NO_TIME, DAY, False
    clock = "%H" in time_format or "%I" in time_format if time_format else len(text) > 10
    return np.datetime64(plain, "s"), MINUTE if clock else DAY, offset


def _parsed(text: str, time_format: str | None) -> datetime:
    if time_format is not None:
        return datetime.strptime(text, time_format)  # noqa: DTZ007  an offset is read where the format has one
    if not ISO_DATE.fullmatch(text):
        raise ValueError(text)
    return datetime.fromisoformat(text)
