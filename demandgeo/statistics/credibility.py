"""How severe the events of a place are on average, when each place has seen only a few: credibility."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from demandgeo.domain.record import Codes, Floats, Integers

LEAST_EVENTS = 50
"""A class with fewer events has the mean weight of all: its own would be noise."""


@dataclass(frozen=True, slots=True)
class Severity:
    """Mean weight of one event at each place.

    Attributes
    ----------
    usual
        float64 [n]: that of the place's class.
    mean
        float64 [n]: of the place itself, its own events taken for what they are worth.
    variation
        float64 [n]: squared coefficient of variation of what is known of it.
    own
        Squared coefficient of variation of true means between places of a class; 0 if none shows.
    events_for_half
        Events at which a place's own mean counts half; infinite if none differs.
    """

    usual: Floats
    mean: Floats
    variation: Floats
    own: float
    events_for_half: float


def severity_of(weight: Floats, place: Integers, places: int, group: Codes) -> Severity:
    """Return the mean weight of the events of each place.

    Parameters
    ----------
    weight
        float64 [events], >= 0.
    place
        int64 [events]: the place of each event, 0..places - 1.
    places
        How many there are.
    group
        int32 [places]: the class of each, 0..

    Notes
    -----
    Buhlmann and Straub (1970), with weights taken relative to the mean of the class (Buhlmann and Gisler 2005, A Course
    in Credibility Theory, chapter 4): z = events / (events + K), K = variance within places over variance between.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> place = np.repeat(np.arange(500), 20)
    >>> true = 0.2 * rng.gamma(5, 1 / 5, 500)
    >>> weight = (rng.random(place.size) < true[place]).astype(float)
    >>> found = severity_of(weight, place, 500, np.zeros(500, np.int32))
    >>> round(found.own, 2), bool(np.corrcoef(found.mean, true)[0, 1] > 0.6)
    (0.24, True)
    """
    number = np.bincount(place, minlength=places).astype(np.float64)
    usual = _usual(weight, place, places, group)
    relative = weight / usual[place]
    total = np.bincount(place, relative, minlength=places)
    mean = np.divide(total, number, out=np.ones(places), where=number > 0)
    within, between = _components(relative, place, number, mean)
    trust = number * between / (number * between + within) if between > 0 else np.zeros(places)
    level = trust * mean + (1.0 - trust)
    variation = between * (1.0 - trust) / np.square(np.maximum(level, np.finfo(float).tiny))
    return Severity(usual, usual * level, variation, between, within / between if between > 0 else np.inf)


def _usual(weight: Floats, place: Integers, places: int, group: Codes) -> Floats:
    """Return the mean weight of the class of each place; that of all where the class has few events, or no weight."""
    own = group[place]
    number = np.bincount(own, minlength=int(group.max(initial=0)) + 1)
    total = np.bincount(own, weight, minlength=number.size)
    overall = float(weight.sum()) / max(weight.size, 1)
    level = np.where((number >= LEAST_EVENTS) & (total > 0), total / np.maximum(number, 1), overall)
    return np.asarray(level, np.float64)[group] if places else np.empty(0)


def _components(relative: Floats, place: Integers, number: Floats, mean: Floats) -> tuple[float, float]:
    """Return the variance within places and between them."""
    events, some = float(number.sum()), number > 0
    repeats = events - some.sum()
    if repeats < 1 or not relative.any():
        return 1.0, 0.0
    within = float(np.square(relative - mean[place]).sum() / repeats)
    overall = float(relative.sum() / events)
    spread = float((number * np.square(mean - overall))[some].sum()) - (some.sum() - 1) * within
    scale = events - float(np.square(number).sum()) / events
    between = max(0.0, float(spread / scale)) if scale > 0 else 0.0
    return max(within, np.finfo(float).tiny), between
