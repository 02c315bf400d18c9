"""The contract of `demandgeo.kernels`, read from its source and seen at work."""

from __future__ import annotations

import ast
import math
from pathlib import Path

import numba
import numpy as np
import pytest

import demandgeo
from demandgeo.kernels import Kernel, inner_kernel, kernel, parallel_kernel
from demandgeo.kernels.chance import fill_uniform
from tests.kernels.threads import assert_same_bytes

FOLDER = Path(demandgeo.__file__).parent / "kernels"
MODULES = sorted(path for path in FOLDER.glob("*.py") if path.name != "__init__.py")
DECORATORS = {"kernel", "parallel_kernel", "inner_kernel"}
FUNCTIONS = [
    pytest.param(path, node, id=f"{path.stem}.{node.name}")
    for path in MODULES
    for node in ast.parse(path.read_text()).body
    if isinstance(node, ast.FunctionDef)
]
needs_jit = pytest.mark.skipif(numba.config.DISABLE_JIT, reason="NUMBA_DISABLE_JIT is set: nothing is compiled")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_kernel_module_imports_numbers_only(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            assert {alias.name for alias in node.names} <= {"numpy", "numba", "math"}, ast.unparse(node)
        if isinstance(node, ast.ImportFrom):
            module = str(node.module)
            known = {"__future__", "enum", "math", "numba", "demandgeo.kernels"}
            assert module in known or module.startswith("demandgeo.kernels."), ast.unparse(node)


@pytest.mark.parametrize(("path", "node"), FUNCTIONS)
def test_every_function_is_compiled_by_our_decorators_and_gives_its_outputs_last(path, node):
    names = [ast.unparse(decorator) for decorator in node.decorator_list]
    if not names:
        loops = [part for part in ast.walk(node) if isinstance(part, (ast.For, ast.While))]
        assert not loops, "only a formula that callers share may stay uncompiled"
        return
    assert len(names) == 1, "one of our decorators, and no other"
    assert names[0] in DECORATORS
    unspoken = (*node.args.kwonlyargs, *node.args.defaults, node.args.vararg, node.args.kwarg)
    assert unspoken == (None, None), "spell out every argument"
    is_output = [argument.arg.startswith("out") for argument in node.args.args]
    assert is_output == sorted(is_output), "arrays that are filled come last"
    assert ast.get_docstring(node) or node.name.startswith("_")


@pytest.mark.parametrize(("path", "node"), FUNCTIONS)
def test_no_kernel_uses_text_objects_or_hidden_chance(path, node):
    body = node.body[1:] if ast.get_docstring(node) else node.body
    for part in (part for statement in body for part in ast.walk(statement)):
        assert not isinstance(part, (ast.Raise, ast.Try, ast.Assert, ast.Dict, ast.Set, ast.JoinedStr, ast.Global))
        if isinstance(part, ast.Constant):
            assert not isinstance(part.value, str), ast.unparse(part)
        name = ast.unparse(part) if isinstance(part, (ast.Name, ast.Attribute)) else ""
        assert name not in ("print", "np.random"), "no printing; chance comes from kernels.chance"


@kernel
def double(values, factor, out):
    """Fill out[i] with values[i] x factor."""
    for i in range(values.size):
        out[i] = values[i] * factor


@kernel
def spoil(values, out):
    """Break the contract: write to an input."""
    values[0] = 1.0
    out[0] = 1.0


@inner_kernel
def reciprocal(value):
    """Return 1 / value."""
    return 1.0 / value


@parallel_kernel
def fill_reciprocals(values, out):
    """Fill out[i] with 1 / values[i]."""
    for i in numba.prange(values.size):
        out[i] = reciprocal(values[i])


@needs_jit
def test_one_specialisation_serves_read_only_and_writable_callers():
    def run(dtype, *, writable):
        values = np.arange(4, dtype=dtype)
        values.flags.writeable = writable
        out = np.empty(4)
        double(values, 2.0, out)
        assert out.tolist() == [0, 2, 4, 6]
        assert values.flags.writeable is writable, "the caller's own array is left as it was"

    run(np.float64, writable=True)
    run(np.float64, writable=False)
    assert len(double.signatures) == 1
    run(np.float32, writable=True)
    run(np.float32, writable=False)
    assert len(double.signatures) == 2


@needs_jit
def test_a_memory_mapped_column_needs_no_specialisation_of_its_own(tmp_path):
    from demandgeo.domain.record import frozen_array

    np.save(tmp_path / "x.npy", np.arange(4.0))
    before, out = len(double.signatures), np.empty(4)
    double(np.arange(4.0), 2.0, out)
    known = max(before, len(double.signatures))
    double(frozen_array(np.load(tmp_path / "x.npy", mmap_mode="r")), 2.0, out)
    assert len(double.signatures) == known


@needs_jit
def test_a_kernel_cannot_write_to_its_input():
    with pytest.raises(numba.TypingError, match="readonly"):
        spoil(np.zeros(3), np.zeros(3))


def test_a_kernel_takes_exactly_its_arguments():
    with pytest.raises(ValueError, match="longer than"):
        double(np.zeros(3), 2.0)


def test_division_is_that_of_numpy():
    out = np.empty(3)
    with np.errstate(divide="ignore"):
        fill_reciprocals(np.array([0.0, -0.0, np.nan]), out)
    assert out[0] == math.inf
    assert out[1] == -math.inf
    assert math.isnan(out[2]), "fastmath would lose the NaN"


def test_a_kernel_is_documented_as_the_function_it_is():
    assert isinstance(fill_uniform, Kernel)
    assert fill_uniform.__name__ == "fill_uniform"
    assert "uniforms of (seed" in str(fill_uniform.__doc__)


@pytest.mark.threads
@needs_jit
@pytest.mark.parametrize("layer", ["workqueue", "omp"])
def test_parallel_kernels_run_on_one_and_on_two_threads(layer, tmp_path):
    # The probe of the comparison asserts both counts; here it has nothing to compare.
    nothing = "def made():\n    return [b'']\n"
    assert_same_bytes(layer, tmp_path, nothing, NUMBA_CACHE_DIR=str(tmp_path))
