"""The counter-based generator: published values, even spread, no links between units, draws and seeds."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from demandgeo.kernels import kernel
from demandgeo.kernels.chance import fill_uniform, mix, uniform

INT64 = st.integers(-(2**63), 2**63 - 1)
WORD = 2**64
GOLDEN = 0x9E3779B97F4A7C15


@kernel
def apply_mix(values, out):
    """Mix each value."""
    for i in range(values.size):
        out[i] = mix(values[i])


def mixed(*states: int) -> list[int]:
    out = np.empty(len(states), np.uint64)
    apply_mix(np.array(states, np.uint64), out)
    return out.tolist()


def twin(value: int) -> int:
    """SplitMix64's output for a state, in Python's own integers."""
    z = (value + GOLDEN) % WORD
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % WORD
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % WORD
    return z ^ (z >> 31)


def uniforms(seed: int, first_unit: int, shape: tuple[int, int]) -> np.ndarray:
    out = np.empty(shape)
    fill_uniform(seed, first_unit, out)
    return out


def test_mix_gives_the_published_sequence_of_splitmix64():
    # The reference generator from seed 1234567; its state grows by GOLDEN, which `mix` adds itself.
    states = [(1234567 + i * GOLDEN) % WORD for i in range(3)]
    assert mixed(*states) == [6457827717110365317, 3203168211198807973, 9817491932198370423]


@given(st.lists(st.integers(0, WORD - 1), min_size=1, max_size=20))
def test_mix_equals_its_twin(values):
    assert mixed(*values) == [twin(value) for value in values]


@given(INT64, st.integers(-(2**31), 2**31), st.integers(1, 4), st.integers(1, 4))
def test_a_uniform_depends_on_seed_unit_and_draw_alone(seed, first, units, draws):
    expected = [
        [(twin(twin(twin(seed % WORD) ^ ((first + unit) % WORD)) ^ draw) >> 11) / 2**53 for draw in range(draws)]
        for unit in range(units)
    ]
    assert uniforms(seed, first, (units, draws)).tolist() == expected


def test_a_part_is_a_part_of_the_whole():
    whole = uniforms(-7, 0, (100, 30))
    assert np.array_equal(uniforms(-7, 40, (10, 30)), whole[40:50])
    assert np.array_equal(uniforms(-7, 0, (100, 5)), whole[:, :5])


@pytest.mark.parametrize("seed", [0, 1, -1, 20150401, -(2**63)])
@pytest.mark.parametrize("shape", [(200_000, 1), (1, 200_000), (500, 400)])
def test_uniforms_are_spread_evenly(seed, shape):
    values = uniforms(seed, 0, shape).ravel()
    assert values.min() >= 0
    assert values.max() < 1
    # Seeds are fixed, so this cannot flicker; of 15 p-values, one below 1e-4 would be a defect.
    assert stats.kstest(values, "uniform").pvalue > 1e-4
    assert len(np.unique(values)) == values.size


def test_neighbouring_units_draws_and_seeds_are_not_linked():
    size = 300
    one, other = uniforms(5, 0, (size, size)), uniforms(6, 0, (size, size))
    pairs = {
        "units": (one[:-1], one[1:]),
        "draws": (one[:, :-1], one[:, 1:]),
        "seeds": (one, other),
        "unit and draw swapped": (one[np.triu_indices(size, 1)], one.T[np.triu_indices(size, 1)]),
    }
    for name, (a, b) in pairs.items():
        table = np.histogram2d(a.ravel(), b.ravel(), bins=16, range=[[0, 1], [0, 1]])[0]
        assert stats.chisquare(table.ravel()).pvalue > 1e-4, name
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 4 / np.sqrt(a.size), name


def test_without_the_jit_the_same_numbers_come():
    code = (
        "import numpy as np; from demandgeo.kernels.chance import fill_uniform as f, uniform;"
        "out = np.empty((7, 5)); f(-3, 2, out); print(out.tobytes().hex(), uniform(-3, 2, 0))"
    )
    # Integer overflow is what the generator is made of; NumPy's scalars warn of it, Numba's do not.
    command = [sys.executable, "-W", "error", "-W", "ignore::RuntimeWarning:demandgeo.kernels.chance", "-c", code]
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [uniforms(-3, 2, (7, 5)).tobytes().hex(), str(uniform(-3, 2, 0))]
