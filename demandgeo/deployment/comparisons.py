"""An option beside the status quo, place by place."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from demandgeo.deployment.people import People
from demandgeo.deployment.rosters import Roster
from demandgeo.deployment.shifts import pooled
from demandgeo.domain import CostMatrix, Demand, Scorecard, Table, TimeChanges, Zones
from demandgeo.domain.record import Floats
from demandgeo.errors import ModelError, did_you_mean
from demandgeo.registry import stage


@stage("deployment.time_changes")
def time_changes(
    card: Scorecard,
    demand: Demand,
    tt: CostMatrix,
    residents: Zones | Demand | Table | None = None,
    *,
    option: str | None = None,
    margin: Annotated[float, Field(ge=0)] = 60.0,
) -> TimeChanges:
    """Work out who gains and who loses by an option.

    Parameters
    ----------
    card
        Scores of the options, from `deployment.score`: it knows what the searched ones open.
    demand, tt
        Those that were scored.
    residents
        As for `deployment.score`; demand is counted without them.
    option
        Its name; None for the one that ranks first most often and is not the status quo.
    margin
        Seconds: a smaller change is none.

    Returns
    -------
    TimeChanges
        Minutes to each place before and after: a layer for a map.

    Raises
    ------
    ModelError
        If there is no such option, or demand and travel times are not those that were scored.

    Examples
    --------
    >>> from demandgeo.density import count
    >>> from demandgeo.deployment import score
    >>> from demandgeo.domain import Events, Grid, Options
    >>> grid = Grid.covering((0, 0, 300, 100), cell=100, crs="EPSG:27700")
    >>> demand = count(Events.at([50.0] * 3 + [250.0], [50.0] * 4, crs="EPSG:27700"), grid)
    >>> options = Options.of({"now": ["1"], "west": ["0"]}, status_quo="now")
    >>> tt = CostMatrix.of([[0, 60, 120], [120, 60, 0]])
    >>> print(time_changes(score(options, demand, tt), demand, tt, margin=30).sentence())
    with 'west' in place of 'now', help takes longer by more than 30 s to 25.0% of demand, and less to 75.0%.
    """
    names = card.options.names
    if option is None:
        others = card.ranking[card.ranking["option"] != card.options.status_quo]
        if others.empty:
            raise ModelError("the status quo is the only option", "another one to compare it with was needed")
        option = str(others.sort_values("probability_first", ascending=False, kind="stable")["option"].iloc[0])
    if option not in names:
        raise ModelError(f"option {option!r} is not known", remedy=did_you_mean(option, names))
    roster, of_place = Roster.of(card.options, tt, demand), pooled(demand)
    if of_place.size != roster.shifts * len(tt.destinations):
        raise ModelError("the demand has other shifts or places than were scored", "the demand that was scored")
    held = of_place.reshape(roster.shifts, -1)
    before, after = (_seconds(roster, tt, held, names.index(name)) for name in (card.options.status_quo, option))
    people = None if residents is None else People.of(residents, demand.support).residents
    return TimeChanges(
        demand.support,
        before,
        after,
        held.sum(axis=0),
        people,
        card.options.status_quo,
        option,
        float(margin),
        demand.measure,
        {"profile": tt.profile, "period": demand.period},
    )


def _seconds(roster: Roster, tt: CostMatrix, held: Floats, option: int) -> Floats:
    """Return the seconds to each place, mean over the shifts weighted by the demand of each."""
    weight = held.sum(axis=1) / held.sum()
    total: Floats = np.zeros(held.shape[1])
    for shift in np.flatnonzero(weight > 0):
        total += weight[shift] * roster.answering(tt, option, int(shift))[0]
    return total
