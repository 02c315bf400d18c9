"""The categories of data.police.uk: a closed table, one spelling each, and the names of earlier years."""

from __future__ import annotations

from collections.abc import Iterable

CRIME_TYPES = {
    "anti-social-behaviour": "Anti-social behaviour",
    "bicycle-theft": "Bicycle theft",
    "burglary": "Burglary",
    "criminal-damage-arson": "Criminal damage and arson",
    "drugs": "Drugs",
    "other-crime": "Other crime",
    "other-theft": "Other theft",
    "possession-of-weapons": "Possession of weapons",
    "public-order": "Public order",
    "robbery": "Robbery",
    "shoplifting": "Shoplifting",
    "theft-from-the-person": "Theft from the person",
    "vehicle-crime": "Vehicle crime",
    "violent-crime": "Violence and sexual offences",
}
"""Name of each category by its slug in the police API."""

FORMER = {
    "Public disorder and weapons": ("Public order", "Possession of weapons"),
    "Violent crime": ("Violence and sexual offences",),
}
"""Names in use until April 2013, and the categories that they were split into or renamed to."""

_KNOWN = {
    **CRIME_TYPES,
    **{name.casefold(): name for name in CRIME_TYPES.values()},
    **{former.casefold(): successors[0] for former, successors in FORMER.items()},
}


def crime_type(text: str) -> str | None:
    """Return the one spelling of a category, None if it is not known.

    Examples
    --------
    >>> crime_type("Vehicle Crime"), crime_type("violent-crime"), crime_type("Cyber crime")
    ('Vehicle crime', 'Violence and sexual offences', None)
    """
    return _KNOWN.get(text.strip().casefold())


def former_names(texts: Iterable[str]) -> tuple[str, ...]:
    """Return one note for each earlier name among the texts: what it became, and whether the series breaks.

    Examples
    --------
    >>> former_names(["Violent crime", "Burglary"])
    ('"Violent crime" (before May 2013) is counted as "Violence and sexual offences"',)
    """
    here = {text.strip().casefold() for text in texts}
    notes = []
    for former, successors in FORMER.items():
        if former.casefold() not in here:
            continue
        mixed = [name for name in successors if name.casefold() in here]
        breaks = f"; it stands beside {' and '.join(mixed)}, so their series break" if mixed else ""
        notes.append(f'"{former}" (before May 2013) is counted as "{successors[0]}"{breaks}')
    return tuple(notes)
