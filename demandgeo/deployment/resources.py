"""What options cost, and how much they change."""

from __future__ import annotations

import numpy as np

from demandgeo.deployment.performance import Performance
from demandgeo.domain.record import Floats
from demandgeo.registry import criterion

DAYS_OF_A_YEAR = 365.25


@criterion("sites_cost", direction="lower", unit="cost per year", needs="site costs", by_shift=False)
def sites_cost(performance: Performance) -> Floats:
    """Return what the open bases cost together."""
    return performance.each(lambda option: _sites(performance, option))


@criterion("officers", direction="lower", unit="full-time officers", needs="teams", by_shift=False)
def officers(performance: Performance) -> Floats:
    """Return the officers that it takes to have the teams, and patrols, on duty every day of the year.

    Hours on duty in a year over `officer_hours`, what one officer is on duty after leave, training and sickness.
    """
    return performance.each(lambda option: _officers(performance, option))


@criterion("total_cost", direction="lower", unit="cost per year", needs="all costs", by_shift=False)
def total_cost(performance: Performance) -> Floats:
    """Return what bases and officers cost together."""
    each = performance.standards.officer_cost or 0.0
    return performance.each(lambda option: _sites(performance, option) + each * _officers(performance, option))


@criterion("bases_changed", direction="lower", unit="bases opened or closed", by_shift=False)
def bases_changed(performance: Performance) -> Floats:
    """Return how many bases open and close, against the status quo."""
    before = set(performance.options.options[performance.status_quo].open)
    return performance.each(lambda option: float(len(before ^ set(performance.options.options[option].open))))


@criterion("demand_reassigned", direction="lower", unit="share of demand", by_shift=False)
def demand_reassigned(performance: Performance) -> Floats:
    """Return the share of demand that another base answers than under the status quo."""
    before = performance.answering[performance.status_quo]

    def moved(option: int) -> Floats:
        other = (performance.answering[option] != before).ravel()
        return np.asarray(performance.columns[other].sum(axis=0) / performance.total)

    return performance.each(moved)


def _sites(performance: Performance, option: int) -> float:
    cost = np.asarray(performance.tt.origins.column("cost_per_year"), np.float64)
    place = {name: row for row, name in enumerate(performance.tt.origins.ids)}
    return float(cost[[place[base] for base in performance.options.options[option].open]].sum())


def _officers(performance: Performance, option: int) -> float:
    roster, standards = performance.roster, performance.standards
    duty = sum(hours * roster.officers[roster.duty(option, shift)].sum() for shift, hours in enumerate(roster.hours))
    begins, ends = (int(clock[:2]) + int(clock[3:]) / 60.0 for clock in standards.patrol_shift)
    patrol = performance.options.options[option].patrol.get("officers", 0) * ((ends - begins) % 24.0 or 24.0)
    return float(duty + patrol) * DAYS_OF_A_YEAR / standards.officer_hours
