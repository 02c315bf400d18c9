"""What a run gives back."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demandgeo.domain import Record


class Artifacts(Mapping[str, Record]):
    """The artifacts of a run by name, read when they are first asked for."""

    def __init__(self, names: tuple[str, ...], obtain: Callable[[str], Record]) -> None:
        self._names, self._obtain = names, obtain

    def __getitem__(self, name: str) -> Record:
        if name not in self._names:
            raise KeyError(name)
        return self._obtain(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return f"Artifacts({', '.join(self._names)})"


@dataclass(frozen=True, slots=True)
class Result:
    """What a run gives back.

    Attributes
    ----------
    folder
        Where the files are.
    artifacts
        Every source's and step's result, by name.
    manifest
        What ``manifest.json`` holds.
    ledger
        What ``ledger.json`` holds.
    executed
        Names of the sources and steps that ran; the others came from the cache.
    """

    folder: Path
    artifacts: Artifacts
    manifest: Mapping[str, Any]
    ledger: Mapping[str, Any]
    executed: tuple[str, ...]

    def __getitem__(self, name: str) -> Record:
        return self.artifacts[name]

    @property
    def highlights(self) -> Mapping[str, str]:
        """The sentences and tables that planners quote, by artifact."""
        return dict(self.manifest["highlights"])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left'>{html.escape(name)}</th><td><pre>{html.escape(text)}</pre></td></tr>"
            for name, text in self.highlights.items()
        )
        return f"<table><caption>{html.escape(str(self.folder))}</caption>{rows}</table>"
