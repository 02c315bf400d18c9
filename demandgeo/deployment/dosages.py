"""What patrols of an option deliver to the priority areas, against what is required."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from demandgeo.deployment.patrols import shift_plan
from demandgeo.deployment.performance import Performance
from demandgeo.deployment.places import described
from demandgeo.domain import Option, Points
from demandgeo.domain.record import Floats
from demandgeo.errors import ModelError, Problems, did_you_mean
from demandgeo.registry import criterion


@criterion("dosage_delivered", direction="higher", unit="share of dosage", needs="patrols", by_shift=False)
def dosage_delivered(performance: Performance) -> Floats:
    """Return the share of the visits required in priority areas that is delivered, weighted by their demand."""
    _, risk = _areas(performance)

    def delivered(option: int) -> float:
        visits = _visits(performance, performance.options.options[option])
        return float(risk @ np.minimum(visits / performance.standards.visits, 1.0) / risk.sum())

    return performance.each(delivered)


@criterion("dosage_mismatch", direction="lower", unit="share of minutes", needs="patrols", by_shift=False)
def dosage_mismatch(performance: Performance) -> Floats:
    """Return the share of patrol minutes that would have to move to be in proportion to risk; 1 without a patrol."""
    _, risk = _areas(performance)

    def apart(option: int) -> float:
        visits = _visits(performance, performance.options.options[option])
        if not visits.any():
            return 1.0
        return float(np.abs(visits / visits.sum() - risk / risk.sum()).sum() / 2.0)

    return performance.each(apart)


def _areas(performance: Performance) -> tuple[Points, Floats]:
    assert performance.areas is not None
    names, _, risk, inside = described(performance.areas)
    return Points(names, inside[:, 0], inside[:, 1], performance.areas.support.crs), risk


def _visits(performance: Performance, option: Option) -> Floats:
    """Return the visits per shift that the option's patrol can make to each area, float64 [areas].

    As many as it states, where its officers can make them; else the most risk that they can serve.
    """
    places, risk = _areas(performance)
    if not option.patrol:
        return np.zeros(len(places))
    stated = option.patrol.get("visits", performance.standards.visits)
    if isinstance(stated, Mapping):
        problems = Problems()
        for name in stated.keys() - set(places.ids):
            problems.add(f"option {option.name!r} visits {name!r}", remedy=did_you_mean(name, places.ids))
        problems.raise_as(ModelError)
    wanted = np.array([stated.get(name, 0) if isinstance(stated, Mapping) else stated for name in places.ids])
    visited = np.flatnonzero(wanted > 0)
    made = np.zeros(len(places))
    if visited.size:
        some = places.take(visited)
        with_risk = Points(some.ids, some.x, some.y, some.crs, some.table.assign(risk=risk[visited]))
        plan = shift_plan(
            with_risk,
            officers=int(option.patrol["officers"]),
            visits=dict(zip(some.ids, wanted[visited].tolist(), strict=True)),
            visit_minutes=performance.standards.visit_minutes,
            shift=performance.standards.patrol_shift,
        )
        made[visited] = plan.rows["delivered_visits"].to_numpy(np.float64)
    return made
