"""What can go wrong, said for people: what was found, what was needed, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

LISTED = 20
"""A message lists this many problems and counts the rest."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, and where.

    Parameters
    ----------
    found
        What was found, with the value.
    needed
        What was needed instead.
    remedy
        What the reader can do about it.
    file, line, column
        Where; line and column count from 1.
    key
        Dotted key path in a configuration, or the name of a column or field.
    """

    found: str
    needed: str = ""
    remedy: str = ""
    file: str = ""
    line: int | None = None
    column: int | None = None
    key: str = ""

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part)
        text = "; ".join(part for part in (self.found, self.needed, self.remedy) if part)
        return ": ".join(part for part in (place, self.key, text) if part)


class DemandGeoError(Exception):
    """Root of every error that demandgeo raises on purpose.

    Examples
    --------
    >>> from demandgeo.errors import ModelError
    >>> print(ModelError("bandwidth is -3", "a positive number of metres was needed"))
    bandwidth is -3; a positive number of metres was needed
    """

    exit_code = 2

    def __init__(
        self, found: str | Problem, needed: str = "", remedy: str = "", *, more: Iterable[Problem] = ()
    ) -> None:
        first = found if isinstance(found, Problem) else Problem(found, needed, remedy)
        self.problems: tuple[Problem, ...] = (first, *more)
        super().__init__(str(self))

    def __str__(self) -> str:
        lines = [str(problem) for problem in self.problems[:LISTED]]
        if len(self.problems) > LISTED:
            lines.append(f"... and {len(self.problems) - LISTED} more")
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions pickle by their message; a worker process must hand back the problems.
        return (_rebuild, (type(self), self.problems))


class ConfigError(DemandGeoError, ValueError):
    """The configuration cannot be run as written."""


class SourceError(DemandGeoError, ValueError):
    """A file cannot be read safely."""


class GeometryError(DemandGeoError, ValueError):
    """No CRS, degrees where metres are needed, or nothing in the study area."""


class ModelError(DemandGeoError, ValueError):
    """A parameter or data that the method cannot work with."""


class RunError(DemandGeoError, RuntimeError):
    """A step failed; the original error is chained."""

    exit_code = 1


class OutputError(DemandGeoError, OSError):
    """A result cannot be written or verified."""

    __str__ = DemandGeoError.__str__


class DemandGeoWarning(UserWarning):
    """Root of every warning that demandgeo gives."""


class DataQualityWarning(DemandGeoWarning):
    """The data were usable, but a reader of the result should know this."""


class PrecisionWarning(DemandGeoWarning):
    """The result is less exact than the method allows."""


class Problems:
    """Gathers problems, so that a reader sees all of them at once.

    Examples
    --------
    >>> from demandgeo.errors import ModelError, Problems
    >>> problems = Problems()
    >>> problems.add("share is 25", "a number in (0, 1] was needed", "write 0.25")
    >>> try:
    ...     problems.raise_as(ModelError)
    ... except ModelError as error:
    ...     print(error)
    share is 25; a number in (0, 1] was needed; write 0.25
    """

    __slots__ = ("gathered",)

    def __init__(self) -> None:
        self.gathered: list[Problem] = []

    def __bool__(self) -> bool:
        return bool(self.gathered)

    def __len__(self) -> int:
        return len(self.gathered)

    def add(self, found: str | Problem, needed: str = "", remedy: str = "") -> None:
        """Note one more problem."""
        self.gathered.append(found if isinstance(found, Problem) else Problem(found, needed, remedy))

    def check(self, holds: object, found: str, needed: str = "", remedy: str = "") -> bool:
        """Note a problem unless `holds`; returns whether it held."""
        if not holds:
            self.add(found, needed, remedy)
        return bool(holds)

    def raise_as(self, error: type[DemandGeoError]) -> None:
        """Raise one error that lists every problem, or nothing if there is none."""
        if self.gathered:
            raise error(self.gathered[0], more=self.gathered[1:])


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``did you mean "x"?`` for the nearest known name, else the known names.

    Examples
    --------
    >>> did_you_mean("bandwith", ["bandwidth", "kernel"])
    'did you mean "bandwidth"?'
    """
    names = sorted(map(str, known))
    close = difflib.get_close_matches(str(word), names, n=1, cutoff=0.6)
    if close:
        return f'did you mean "{close[0]}"?'
    more = f", ... and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"known: {', '.join(names[:LISTED])}{more}" if names else ""


def _rebuild(kind: type[DemandGeoError], problems: tuple[Problem, ...]) -> DemandGeoError:
    return kind(problems[0], more=problems[1:])
