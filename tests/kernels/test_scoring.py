"""All measures of an option against a naive twin."""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from demandgeo.kernels.scoring import MEASURES, TILE, Measure, score_options
from tests.kernels import reference_scoring as twin
from tests.kernels.threads import assert_same_bytes

needs_jit = pytest.mark.skipif(numba.config.DISABLE_JIT, reason="NUMBA_DISABLE_JIT is set: nothing is compiled")
STANDARDS = {"within": 8.0, "fading_to": 13.0, "busy": 0.3}


class Case(NamedTuple):
    """Options are lists of (sites, teams, officers), one for each shift."""

    seconds: Any
    options: Any
    demand: Any
    group: Any
    part: Any
    assigned: Any
    row: Any


def case(seconds, options, demand, **others):
    points = np.shape(seconds)[1]
    plain = {
        "group": np.zeros(points, np.int64),
        "part": np.zeros((2, 1), np.int64),
        "assigned": np.empty((0, points), np.int32),
        "row": np.full(len(options), -1),
    }
    return Case(np.array(seconds, np.float32), options, np.array(demand, float), **plain | others)


def scored(given_case, *, within, fading_to, busy):
    """Scores [options, measures, draws]."""
    seconds, options, demand, group, part, assigned, row = given_case
    duty = [shift for option in options for shift in option]
    first = np.concatenate([[0], np.cumsum([len(sites) for sites, _, _ in duty])])
    site, teams, officers = (np.concatenate([np.asarray(shift[k]) for shift in duty]) for k in range(3))
    parts, draws = int(part.max()) + 1, demand.shape[1]
    held = np.zeros((2 * parts, draws))
    for division in range(2):
        own = demand.reshape(len(options[0]), len(group), draws).sum(axis=0)
        np.add.at(held, division * parts + part[division][group], own)
    out = np.full((len(options), MEASURES, draws), np.nan)
    score_options(
        seconds, first, site.astype(np.int64), teams.astype(float), officers.astype(float), assigned, row,
        demand, demand.sum(axis=0), group, part, held, within, fading_to, busy, out,
    )  # fmt: skip
    return out


def problem(seed, draws):
    """Times with ties and pairs without a way, empty shifts, assignments to closed sites, demand with zeros."""
    rng = np.random.default_rng(seed)
    sites, points, options, shifts, groups = (int(rng.integers(1, top)) for top in (6, 40, 5, 4, 5))
    seconds = rng.integers(0, 20, (sites, points)).astype(np.float32)
    seconds[rng.random(seconds.shape) < rng.choice([0.0, 0.3])] = np.inf
    demand = rng.integers(0, 4, (shifts * points, draws)).astype(float)
    demand[rng.random(len(demand)) < rng.choice([0.0, 0.5])] = 0.0
    demand[rng.integers(len(demand))] += 1.0
    rows = int(rng.integers(0, 3))
    return Case(
        seconds,
        [[_duty(rng, sites) for _ in range(shifts)] for _ in range(options)],
        demand,
        rng.integers(0, groups, points),
        rng.integers(0, 3, (2, groups)),
        rng.integers(-1, sites, (rows, points)).astype(np.int32),
        rng.integers(-1, rows, options),
    )


def _duty(rng, sites):
    on = np.sort(rng.choice(sites, int(rng.integers(0, sites + 1)), replace=False))
    return on, rng.integers(1, 4, on.size), rng.choice([1.0, 2.0, 2.5], on.size)


def assert_as_the_twin(drawn, **standards):
    found, draws = scored(drawn, **standards), drawn.demand.shape[1]
    assert not np.isnan(found).any()
    for o, shifts in enumerate(drawn.options):
        own = drawn.assigned[drawn.row[o]] if drawn.row[o] >= 0 else None
        for s in {0, draws // 2, draws - 1}:
            right = twin.scores(
                drawn.seconds, shifts, own, drawn.demand[:, s], group=drawn.group, part=drawn.part, **standards
            )
            np.testing.assert_allclose(found[o, :, s], right, rtol=1e-12, atol=1e-12, err_msg=f"{list(Measure)}")


@given(seed=st.integers(0, 2**32), draws=st.sampled_from([1, 2, TILE, 3 * TILE + 5]), drawn=st.booleans())
@example(seed=0, draws=3 * TILE + 5, drawn=True)
def test_every_measure_is_that_of_its_twin(seed, draws, drawn):
    made = problem(seed, draws)
    weight = np.random.default_rng(seed).gamma(1.0, 1.0, made.demand.shape) if drawn else 1.0
    assert_as_the_twin(made._replace(demand=made.demand * weight), **STANDARDS)


@given(st.integers(0, 2**32), st.sampled_from([(0.0, 0.0, 0.0), (8.0, 8.0, 0.5), (8.0, 30.0, 0.9), (30.0, 30.0, 0.0)]))
def test_standards_at_their_ends(seed, standards):
    within, fading_to, busy = standards
    assert_as_the_twin(problem(seed, 2), within=within, fading_to=fading_to, busy=busy)


@given(st.integers(0, 2**32))
def test_whole_numbers_give_exact_scores(seed):
    made = problem(seed, 3)
    found, right = scored(made, **STANDARDS), made.demand.sum(axis=0)
    exact = np.rint(found * right)
    for measure in (Measure.COVERAGE, Measure.BACKUP, Measure.UNREACHED):
        np.testing.assert_array_equal(found[:, measure], exact[:, measure] / right)


@given(st.integers(0, 2**32))
def test_a_draw_does_not_depend_on_the_others(seed):
    made = problem(seed, TILE + 3)
    together = scored(made, **STANDARDS)
    for s in (0, TILE - 1, TILE, TILE + 2):
        alone = scored(made._replace(demand=np.ascontiguousarray(made.demand[:, s : s + 1])), **STANDARDS)
        np.testing.assert_array_equal(together[:, :, s], alone[:, :, 0])


def test_nobody_on_duty_reaches_nobody():
    nobody = (np.empty(0, np.int64), np.empty(0), np.empty(0))
    found = scored(case([[1.0, 2.0]], [[nobody]], [[3.0], [0.0]]), **STANDARDS)[0, :, 0]
    right = dict.fromkeys(Measure, 0.0) | {Measure.RATIO: 1.0, Measure.UNREACHED: 1.0}
    right |= dict.fromkeys((Measure.MEAN, Measure.P50, Measure.P90, Measure.P95), np.inf)
    assert dict(zip(Measure, found, strict=True)) == right


def test_nine_in_ten_is_reached_at_the_ninth():
    seconds = np.arange(1.0, 11.0)[None]
    found = scored(case(seconds, [[([0], [1], [1])]], np.ones((10, 1))), **STANDARDS)[0, :, 0]
    assert found[[Measure.P50, Measure.P90, Measure.P95]].tolist() == [5.0, 9.0, 10.0]


def test_the_assigned_site_answers_while_it_is_open():
    made = case(
        [[1.0, 9.0], [9.0, 1.0]],
        [[([0, 1], [1, 1], [1, 1]), ([0], [1], [1])]],
        np.ones((4, 1)),
        assigned=np.array([[1, 0]], np.int32),
        row=np.array([0]),
    )
    # In the first shift both points wait 9 s; in the second site 1 is closed, and site 0 answers.
    assert scored(made, **STANDARDS)[0, Measure.MEAN, 0] == (9.0 + 9.0 + 1.0 + 9.0) / 4.0


def test_a_standard_between_two_float32_numbers():
    above = np.nextafter(np.float32(8.1), np.float32(9.0))
    between = (float(np.float32(8.1)) + float(above)) / 2.0 + 1e-9
    made = case([[np.float32(8.1), above]], [[([0], [2], [1])]], np.ones((2, 1)))
    found = scored(made, within=between, fading_to=between, busy=0.0)[0, :, 0]
    assert found[[Measure.COVERAGE, Measure.BACKUP, Measure.EXPECTED]].tolist() == [0.5, 0.5, 0.5]


THREADS = """
from tests.kernels.test_scoring import STANDARDS, Case, scored
rng = np.random.default_rng(1)
seconds = rng.uniform(0, 20, (30, 400)).astype(np.float32)
duty = [(np.sort(rng.choice(30, 5, replace=False)), rng.integers(1, 3, 5), np.ones(5)) for _ in range(80)]
options = [duty[2 * o : 2 * o + 2] for o in range(40)]
case = Case(
    seconds, options, rng.gamma(1.0, 1.0, (800, 70)), rng.integers(0, 6, 400), rng.integers(0, 3, (2, 6)),
    rng.integers(0, 30, (2, 400)).astype(np.int32), rng.integers(-1, 2, 40),
)

def made():
    return [scored(case, **STANDARDS)]
"""


@needs_jit
@pytest.mark.threads
@pytest.mark.parametrize("layer", ["workqueue", "omp"])
def test_any_number_of_threads_gives_the_same_bytes(layer, tmp_path):
    assert_same_bytes(layer, tmp_path, THREADS)
