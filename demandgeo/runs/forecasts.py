"""What a run would do, without doing it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from demandgeo.runs.cache import Cache, Kept, ingredients
from demandgeo.runs.config import read_config, shown
from demandgeo.runs.plans import Call, Plan, make_plan


def forecast(
    config: str | Path, *, sets: Sequence[str] = (), scenario: str = "", output_root: Path | None = None
) -> Iterator[str]:
    """Say for each source and step whether it is cached or would run, and why.

    Nothing is read but the bytes of the input files, nothing is written.
    """
    plan = make_plan(read_config(config, sets=sets, scenario=scenario, output_root=output_root))
    cache = Cache(plan.config.state_folder)
    before = cache.remembered(str(plan.config.output_folder))
    kept: dict[str, Kept] = {}
    crs, runs = plan.run.crs, 0
    for call in plan.calls:
        waiting = sorted({name for name in _needs(call) if name not in kept})
        reason = f"waits for {', '.join(waiting)}"
        if not waiting:
            reason, found = _looked_up(call, kept, crs, cache, before.get(call.name, {}))
            if found is not None:
                kept[call.name] = found
                crs = crs or (found.crs if call.is_source else None)
        runs += call.name not in kept
        yield f"{'cached' if call.name in kept else 'run':>7}  {call.name:20} {call.entry.name:22} {reason}".rstrip()
    yield from _closing(plan, runs)


def _looked_up(
    call: Call, kept: dict[str, Kept], crs: str | None, cache: Cache, before: dict[str, Any]
) -> tuple[str, Kept | None]:
    parts = ingredients(call, kept, crs)
    found = cache.find(parts.key)
    return ("" if found else parts.difference(before)), found


def _needs(call: Call) -> set[str]:
    return {reference.partition(".")[0] for references in call.inputs.values() for reference in references}


def _closing(plan: Plan, runs: int) -> Iterator[str]:
    yield f"{runs} of {len(plan.calls)} would run; results in {shown(plan.config.output_folder)}"
