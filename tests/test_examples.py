"""The examples in docstrings and in the README run as written."""

from __future__ import annotations

import doctest
import pkgutil
import re
from importlib import import_module
from pathlib import Path

import pytest

import demandgeo

ROOT = Path(__file__).parents[1]
MODULES = sorted(module.name for module in pkgutil.walk_packages(demandgeo.__path__, "demandgeo."))


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name: str) -> None:
    assert doctest.testmod(import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE).failed == 0


def test_the_readme(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    # The last line opens a map in a notebook; everything that computes is run.
    scope: dict[str, object] = {}
    exec(code.replace(".explore()", ""), scope)
    assert "31 areas" in scope["areas"].sentence()  # type: ignore[attr-defined]
