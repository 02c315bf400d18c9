"""The best stretches within a budget are those of an exhaustive search."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demandgeo.kernels.stretches import best_stretches, price_stretches
from demandgeo.roads.optimum import optimal_runs
from tests.kernels.reference_stretches import best_score, worth_with


@st.composite
def tasks(draw):
    lines = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    score = draw(st.lists(st.integers(-4, 6), min_size=sum(lines), max_size=sum(lines)))
    least = draw(st.integers(1, 2))
    return np.array(score, float), lines, least, least + draw(st.integers(0, 2)), draw(st.integers(0, sum(lines)))


def begins(lines):
    start = np.concatenate([[0], np.cumsum(lines)[:-1]])
    return np.repeat(start, lines)


@given(task=tasks())
@settings(max_examples=60)
def test_it_is_the_best_of_all_choices(task):
    score, lines, least, most, budget = task
    runs = optimal_runs(score, begins(lines), least, most, budget)
    found = sum(score[first:last].sum() for first, last in runs)
    assert found == best_score(score, lines, least, most, budget)
    assert (np.diff(runs, axis=1) >= least).all()
    assert (np.diff(runs, axis=1) <= most).all()
    assert np.diff(runs, axis=1).sum() <= budget


def test_the_score_it_returns_is_that_of_the_runs_it_names():
    rng = np.random.default_rng(2)
    score, begin = rng.normal(0, 1, 300), begins([40, 1, 100, 159])
    length, value = np.zeros((301, 41), np.int16), np.zeros((12, 41))
    total = best_stretches(np.concatenate([[0.0], np.cumsum(score)]), begin, 2, 10, 40, length, value)
    runs = optimal_runs(score, begin, 2, 10, 40)
    assert total == pytest.approx(sum(score[first:last].sum() for first, last in runs))
    assert best_stretches.signatures == [] or len(best_stretches.signatures) == 1


@given(budget=st.integers(2, 30))
def test_more_budget_never_gives_less(budget):
    score = np.random.default_rng(3).normal(0, 1, 60)
    begin = begins([20, 40])
    worth = [
        sum(score[first:last].sum() for first, last in optimal_runs(score, begin, 2, 6, size))
        for size in (budget, budget + 1)
    ]
    assert worth[1] >= worth[0] - 1e-12


@given(task=tasks(), price=st.integers(0, 3))
@settings(max_examples=40)
def test_at_a_price_it_is_the_best_of_all_choices_with_and_without_each_cell(task, price):
    score, lines, least, most, _ = task
    begin, n = begins(lines), score.size
    stop = begin + np.repeat(lines, lines)
    before, after, length, through = np.zeros(n + 1), np.zeros(n + 1), np.zeros(n, np.int64), np.zeros(n)
    sums = np.concatenate([[0.0], np.cumsum(score)])
    price_stretches(sums, begin, stop, least, most, float(price), before, after, length, through)
    for first, cells in zip(np.unique(begin).tolist(), lines, strict=True):
        own = score[first : first + cells] - price
        assert before[first + cells] == worth_with(own, least, most, None) == after[first]
        for cell in range(cells):
            assert through[first + cell] == worth_with(own, least, most, cell)


def test_what_is_left_out_changes_nothing():
    rng = np.random.default_rng(6)
    score, begin = rng.normal(-0.3, 1, 900), begins([300, 2, 598])
    for budget in (5, 40, 400):
        length, value = np.zeros((901, budget + 1), np.int16), np.zeros((14, budget + 1))
        total = best_stretches(np.concatenate([[0.0], np.cumsum(score)]), begin, 2, 12, budget, length, value)
        runs = optimal_runs(score, begin, 2, 12, budget)
        assert sum(score[first:last].sum() for first, last in runs) == pytest.approx(total)
