"""Who is served less than others, and who would be worse off than today."""

from __future__ import annotations

import numpy as np

from demandgeo.deployment.performance import Performance
from demandgeo.domain.record import Floats
from demandgeo.kernels.scoring import Measure
from demandgeo.registry import criterion


@criterion("district_gap", direction="lower", unit="share of demand")
def district_gap(performance: Performance) -> Floats:
    """Return the coverage of the best covered district less that of the worst; 0 where there are no districts."""
    return performance.of(Measure.GAP)


@criterion("worst_district", direction="higher", unit="share of demand", needs="districts")
def worst_district(performance: Performance) -> Floats:
    """Return the coverage of the worst covered district."""
    return performance.of(Measure.WORST)


@criterion("deprivation_gap", direction="lower", unit="share of demand", needs="deprivation")
def deprivation_gap(performance: Performance) -> Floats:
    """Return the difference in coverage between the best and the worst covered fifth of deprivation."""
    return performance.of(Measure.GAP2)


@criterion("worst_fifth", direction="higher", unit="share of demand", needs="deprivation")
def worst_fifth(performance: Performance) -> Floats:
    """Return the coverage of the worst covered fifth of deprivation."""
    return performance.of(Measure.WORST2)


@criterion("people_worse_off", direction="lower", unit="share of residents", needs="residents", by_shift=False)
def people_worse_off(performance: Performance) -> Floats:
    """Return the share of residents to whom help takes longer than under the status quo, by more than `worse_by`.

    Their times are means over the shifts, weighted by the demand of each.
    """
    assert performance.people is not None
    residents = performance.people.residents
    seconds = mean_seconds(performance)
    before, margin = seconds[performance.status_quo], performance.standards.worse_by

    def worse(option: int) -> float:
        after = seconds[option]
        # Infinite before and after is no change.
        longer = (after > before) & ~(after <= before + margin)
        return float(residents[longer].sum() / residents.sum())

    return performance.each(worse)


def mean_seconds(performance: Performance) -> Floats:
    """float64 [options, n]: the time to each place, mean over the shifts weighted by the demand of each."""
    weight = performance.by_shift[:, :, 0].sum(axis=1) / performance.total[0]
    on = np.flatnonzero(weight > 0)
    return np.asarray(np.einsum("s,osn->on", weight[on], performance.seconds[:, on].astype(np.float64)), np.float64)
