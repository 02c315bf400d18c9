"""Numba kernels and the contract that each of them keeps.

1.  A kernel takes numbers and 1-D or 2-D C-contiguous arrays, fills the arrays whose names start with
    ``out`` (given last), and returns None or a scalar. The caller allocates and converts units.
2.  It imports only numpy, numba and math: no strings, dicts, objects, exceptions, printing or changing globals.
3.  It trusts its input, which a domain type or a public function has checked, and never writes to it.
4.  In a parallel kernel each ``out[i]`` has exactly one writer and a fixed order of summation: bitwise equal for
    any number of threads. No reduction and no scatter across ``prange`` (a scatter lost up to 49 % of counts here),
    no per-iteration arrays assigned by row and summed afterwards (they gave wrong values here).
5.  Chance comes from `kernels.chance`, a counter-based generator of (seed, unit, draw).
6.  Only the decorators below compile: nopython, cached on disk, without the GIL, numpy's division, no fastmath
    (it breaks NaN), lazy signatures (eager ones cost seconds at import). There is no pure-Python fallback;
    ``NUMBA_DISABLE_JIT=1`` is for debugging and coverage.
7.  Choices are `IntEnum` codes, not functions: a function argument defeats the disk cache.
8.  Arguments are spelled out; units are in the docstring.
9.  Each kernel has a slow, obvious NumPy twin in ``tests/kernels/reference.py`` and property tests.
10. Thread tests pin the ``workqueue`` or ``omp`` layer and assert that at least two threads ran.
11. A comment gives the measured reason beside each non-obvious loop.
12. The decorators pass inputs as read-only views and outputs writable, so that a kernel has one specialisation
    per dtype, whether its caller's arrays were read-only or not.

`kernel` and `parallel_kernel` decorate what Python calls; `inner_kernel` what only kernels call.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numba
import numpy as np

_POLICY: dict[str, Any] = {"nopython": True, "cache": True, "nogil": True, "error_model": "numpy", "fastmath": False}


class Kernel:
    """A compiled function that sees its inputs read-only.

    Attributes
    ----------
    dispatcher
        Numba's dispatcher, or the plain function under ``NUMBA_DISABLE_JIT=1``.
    """

    def __init__(self, function: Callable[..., Any], *, parallel: bool) -> None:
        functools.update_wrapper(self, function)
        self.dispatcher: Any = numba.jit(function, parallel=parallel, **_POLICY)
        self._is_input = tuple(not name.startswith("out") for name in inspect.signature(function).parameters)

    def __call__(self, *arguments: Any) -> Any:
        """Run it on read-only views of its inputs."""
        return self.dispatcher(
            *(
                _read_only(value) if is_input and isinstance(value, np.ndarray) else value
                for value, is_input in zip(arguments, self._is_input, strict=True)
            )
        )

    @property
    def signatures(self) -> list[Any]:
        """The argument types compiled so far."""
        return list(getattr(self.dispatcher, "signatures", ()))


def kernel(function: Callable[..., Any]) -> Kernel:
    """Compile a serial kernel."""
    return Kernel(function, parallel=False)


def parallel_kernel(function: Callable[..., Any]) -> Kernel:
    """Compile a kernel whose `prange` iterations each own their part of ``out``."""
    return Kernel(function, parallel=True)


def inner_kernel(function: Callable[..., Any]) -> Any:
    """Compile a function that only other kernels call."""
    return numba.jit(function, **_POLICY)


def _read_only(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if not array.flags.writeable:
        return array
    view = array.view()
    view.flags.writeable = False
    return view
