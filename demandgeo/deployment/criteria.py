"""What options are judged by: each criterion has a direction and a unit, and a value per option and scenario."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from demandgeo.domain import CostMatrix
from demandgeo.domain.record import Floats, Integers, Record, frozen_array
from demandgeo.errors import ModelError
from demandgeo.kernels.scoring import Measure
from demandgeo.registry import criterion


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Performance(Record):
    """How options met demand: what a criterion reads.

    Parameters
    ----------
    tt
        Travel times.
    first_site, site
        The open sites of each option, as compressed sparse rows of `tt`'s origins.
    demand
        float64 [points, draws].
    measures
        float64 [options, measures, draws], in the order of `kernels.scoring.Measure`.
    """

    tt: CostMatrix
    first_site: Integers
    site: Integers
    demand: Floats
    measures: Floats

    def __post_init__(self) -> None:
        self._set(
            first_site=frozen_array(self.first_site, np.int64),
            site=frozen_array(self.site, np.int64),
            demand=frozen_array(self.demand, np.float64),
            measures=frozen_array(self.measures, np.float64),
        )

    @property
    def options(self) -> int:
        """Number of options."""
        return int(self.first_site.size - 1)

    def of(self, measure: Measure) -> Floats:
        """float64 [options, draws]: one measure."""
        return np.asarray(self.measures[:, measure])

    def summary(self) -> dict[str, object]:
        """Return the numbers of options and draws."""
        return {"options": self.options, "draws": self.demand.shape[1]}


@criterion("coverage", direction="higher", unit="share of demand")
def coverage(performance: Performance) -> Floats:
    """Return the share of demand with an open site within the standard."""
    return performance.of(Measure.COVERAGE)


@criterion("backup_coverage", direction="higher", unit="share of demand")
def backup_coverage(performance: Performance) -> Floats:
    """Return the share of demand with two open sites within the standard."""
    return performance.of(Measure.BACKUP)


@criterion("expected_coverage", direction="higher", unit="share of demand")
def expected_coverage(performance: Performance) -> Floats:
    """Return the share of demand expected to find a free site within the standard (Daskin 1983)."""
    return performance.of(Measure.EXPECTED)


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


@criterion("workload_gini", direction="lower", unit="0 even, 1 all at one site")
def workload_gini(performance: Performance) -> Floats:
    """Return how unevenly demand falls on the open sites, each point on its nearest."""
    return performance.of(Measure.GINI)


@criterion("district_gap", direction="lower", unit="share of demand")
def district_gap(performance: Performance) -> Floats:
    """Return the coverage of the best covered district less that of the worst."""
    return performance.of(Measure.GAP)


@criterion("unreached", direction="lower", unit="share of demand")
def unreached(performance: Performance) -> Floats:
    """Return the share of demand that no open site has a way to."""
    return performance.of(Measure.UNREACHED)


@criterion("sites_cost", direction="lower", unit="cost per year")
def sites_cost(performance: Performance) -> Floats:
    """Return what the open sites cost together: column ``cost_per_year`` of the origins."""
    cost = performance.tt.origins.column("cost_per_year")
    if cost is None:
        raise ModelError("sites have no costs", "a column cost_per_year of the origins was needed")
    paid = np.add.reduceat(np.asarray(cost, np.float64)[performance.site], performance.first_site[:-1])
    return np.repeat(paid[:, None], performance.demand.shape[1], axis=1)
