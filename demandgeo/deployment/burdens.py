"""How hard teams work, and how often nobody is free."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from demandgeo.deployment.hypercubes import hypercube
from demandgeo.deployment.performance import Performance
from demandgeo.domain import CostMatrix, Table
from demandgeo.domain.record import Floats, Integers
from demandgeo.kernels.queueing import fill_erlang_c
from demandgeo.kernels.scoring import Measure
from demandgeo.registry import criterion


@criterion("workload_gini", direction="lower", unit="0 even, 1 all at one base")
def workload_gini(performance: Performance) -> Floats:
    """Return how unevenly demand falls on officers: Gini coefficient of demand per officer over bases and shifts."""
    return performance.of(Measure.GINI)


@criterion("workload_cv", direction="lower", unit="standard deviation / mean")
def workload_cv(performance: Performance) -> Floats:
    """Return the coefficient of variation of demand per officer over bases and shifts."""
    return performance.of(Measure.CV)


@criterion("workload_ratio", direction="lower", unit="greatest / mean")
def workload_ratio(performance: Performance) -> Floats:
    """Return the greatest demand per officer over the mean."""
    return performance.of(Measure.RATIO)


@criterion("peak_utilisation", direction="lower", unit="share of time busy", needs="calls")
def peak_utilisation(performance: Performance) -> Floats:
    """Return how busy the teams of the busiest base are, in its busiest shift; above 1 they fall behind."""

    def peak(option: int) -> Floats:
        each = [duty.load / duty.teams[:, None] for duty in _duties(performance, option)]
        return np.asarray(np.concatenate(each).max(axis=0, initial=0.0))

    return performance.each(peak)


@criterion("wait_share", direction="lower", unit="share of calls", needs="calls")
def wait_share(performance: Performance) -> Floats:
    """Return the share of calls that find every team of their base busy (Erlang 1917), or have no base."""

    def waiting(option: int) -> Floats:
        duties = list(_duties(performance, option))
        served = sum(duty.hours * (duty.load * (1.0 - duty.all_busy())).sum(axis=0) for duty in duties)
        return np.asarray(1.0 - served / sum(duty.hours * duty.offered for duty in duties))

    return performance.each(waiting)


@criterion("mean_wait", direction="lower", unit="min", needs="calls")
def mean_wait(performance: Performance) -> Floats:
    """Return the mean wait of calls with a base for one of its teams; infinite where a base falls behind for ever."""
    minutes = performance.standards.minutes_per_call or 0.0

    def wait(option: int) -> Floats:
        total, calls = np.zeros(performance.draws), np.zeros(performance.draws)
        for duty in _duties(performance, option):
            spare = np.maximum(duty.teams[:, None] - duty.load, 0.0)
            each = np.divide(duty.all_busy() * minutes, spare, out=np.full(spare.shape, np.inf), where=spare > 0)
            total += duty.hours * np.multiply(duty.load, each, out=np.zeros(spare.shape), where=duty.load > 0).sum(
                axis=0
            )
            calls += duty.hours * duty.load.sum(axis=0)
        return np.asarray(np.divide(total, calls, out=np.full(calls.size, np.inf), where=calls > 0))

    return performance.each(wait)


@criterion("answered_time", direction="lower", unit="s", needs="calls")
def answered_time(performance: Performance) -> Floats:
    """Return the mean travel time of calls answered at once when the nearest free team goes (Larson 1974).

    On the demand given, for all draws alike; calls that find all teams busy are lost, or answered from elsewhere.
    """
    return performance.each(lambda option: _dispatched(performance, option)[0])


@criterion("all_busy", direction="lower", unit="share of calls", needs="calls")
def all_busy(performance: Performance) -> Floats:
    """Return the share of calls that find all teams of the force busy (Larson 1974), as `answered_time`."""
    return performance.each(lambda option: _dispatched(performance, option)[1])


@dataclass(frozen=True)
class _Duty:
    """A shift: its hours, the teams [bases], their load [bases, draws] and that of all calls [draws], in erlangs."""

    hours: float
    teams: Integers
    load: Floats
    offered: Floats

    def all_busy(self) -> Floats:
        """Share of a base's calls that find all its teams busy, float64 [bases, draws]."""
        out = np.empty(self.load.size)
        fill_erlang_c(np.repeat(self.teams, self.load.shape[1]), self.load.ravel(), out)
        return out.reshape(self.load.shape)


def _duties(performance: Performance, option: int) -> Iterator[_Duty]:
    minutes, roster = performance.standards.minutes_per_call or 0.0, performance.roster
    for shift, hours in enumerate(roster.hours.tolist()):
        duty, answering = roster.duty(option, shift), performance.answering[option, shift]
        erlangs = performance.calls[shift] * minutes / 60.0
        load, reached = np.zeros((duty.stop - duty.start, performance.draws)), answering >= 0
        np.add.at(load, np.searchsorted(roster.site[duty], answering[reached]), erlangs[reached])
        yield _Duty(hours, roster.teams[duty].astype(np.int64), load, erlangs.sum(axis=0))


def _dispatched(performance: Performance, option: int) -> tuple[float, float]:
    """Return the mean seconds of calls answered at once, and the share of calls that are not."""
    roster, standards = performance.roster, performance.standards
    answered, seconds, offered = 0.0, 0.0, 0.0
    for shift, hours in enumerate(roster.hours.tolist()):
        calls, duty = performance.calls[shift, :, 0], roster.duty(option, shift)
        some = np.flatnonzero(calls > 0)
        offered += hours * float(calls.sum())
        team = np.repeat(roster.site[duty], roster.teams[duty].astype(np.int64))
        if team.size and some.size:
            found = hypercube(
                CostMatrix.of(performance.tt.seconds[np.ix_(team, some)]),
                Table("calls", pd.DataFrame({"calls_per_hour": calls[some]})),
                minutes_per_call=standards.minutes_per_call or 0.0,
                queue=False,
                seed=standards.seed,
            )
            met = hours * float(calls.sum()) * (1.0 - found.all_busy)
            answered, seconds = answered + met, seconds + met * found.travel_minutes * 60.0
    return (seconds / answered if answered > 0 else np.inf), 1.0 - answered / offered
