"""How soon options respond: coverage and travel times, each with a direction and a unit."""

from __future__ import annotations

import numpy as np

from demandgeo.deployment.performance import Performance
from demandgeo.domain.record import Floats
from demandgeo.kernels.scoring import Measure
from demandgeo.registry import criterion


@criterion("coverage", direction="higher", unit="share of demand")
def coverage(performance: Performance) -> Floats:
    """Return the share of demand whose answering base is within the standard."""
    return performance.of(Measure.COVERAGE)


@criterion("gradual_coverage", direction="higher", unit="share of demand")
def gradual_coverage(performance: Performance) -> Floats:
    """Return covered demand that counts in full within the standard and less and less up to `fading_to`."""
    return performance.of(Measure.GRADUAL)


@criterion("backup_coverage", direction="higher", unit="share of demand")
def backup_coverage(performance: Performance) -> Floats:
    """Return the share of demand with two teams within the standard (Hogan and ReVelle 1986)."""
    return performance.of(Measure.BACKUP)


@criterion("expected_coverage", direction="higher", unit="share of demand")
def expected_coverage(performance: Performance) -> Floats:
    """Return the share of demand expected to find a free team within the standard (Daskin 1983)."""
    return performance.of(Measure.EXPECTED)


@criterion("priority_coverage", direction="higher", unit="share of demand", needs="areas")
def priority_coverage(performance: Performance) -> Floats:
    """Return the coverage of the demand inside the priority areas."""
    assert performance.areas is not None
    inside = np.tile(performance.areas.selected, performance.roster.shifts)
    total = performance.columns[inside].sum(axis=0)

    def covered(option: int) -> Floats:
        soon = performance.seconds[option].ravel() <= performance.standards.within
        met = performance.columns[inside & soon].sum(axis=0)
        return np.asarray(np.divide(met, total, out=np.zeros(total.size), where=total > 0), np.float64)

    return performance.each(covered)


@criterion("mean_time", direction="lower", unit="s")
def mean_time(performance: Performance) -> Floats:
    """Return the mean travel time to demand that can be reached."""
    return performance.of(Measure.MEAN)


@criterion("median_time", direction="lower", unit="s")
def median_time(performance: Performance) -> Floats:
    """Return the time within which half of demand is reached."""
    return performance.of(Measure.P50)


@criterion("p90_time", direction="lower", unit="s")
def p90_time(performance: Performance) -> Floats:
    """Return the time within which 90 % of demand is reached."""
    return performance.of(Measure.P90)


@criterion("p95_time", direction="lower", unit="s")
def p95_time(performance: Performance) -> Floats:
    """Return the time within which 95 % of demand is reached."""
    return performance.of(Measure.P95)


@criterion("unreached", direction="lower", unit="share of demand")
def unreached(performance: Performance) -> Floats:
    """Return the share of demand that no base on duty has a way to."""
    return performance.of(Measure.UNREACHED)
