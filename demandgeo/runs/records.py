"""What a run says about its artifacts: ledger, excluded rows, highlights and identity."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd
from pydantic import BaseModel

from demandgeo.domain import Balance, Ledger, Record
from demandgeo.domain.ledger import EXCLUDED_COLUMNS


def ledgers(sources: Mapping[str, Record]) -> dict[str, Ledger]:
    """Return the ledger of every source that read a file."""
    found = {name: getattr(record, "ledger", None) for name, record in sources.items()}
    return {name: ledger for name, ledger in found.items() if isinstance(ledger, Ledger) and ledger.files}


def ledger_of(sources: Mapping[str, Record], records: Mapping[str, Record]) -> dict[str, Any]:
    """Collect the account of every source and the balance of every artifact."""
    balances = {name: getattr(record, "balance", None) for name, record in records.items()}
    return {
        "sources": {name: ledger.to_json() for name, ledger in ledgers(sources).items()},
        "balances": {name: b.to_json() for name, b in balances.items() if isinstance(b, Balance)},
    }


def excluded_rows(sources: Mapping[str, Record]) -> pd.DataFrame:
    """Stack the rows that every source left out: source, file, line, reason, value."""
    tables = [ledger.excluded_rows.assign(source=name) for name, ledger in ledgers(sources).items()]
    filled = [table for table in tables if len(table)]
    columns = ["source", *EXCLUDED_COLUMNS]
    stacked = pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=columns)
    return stacked[columns].astype({name: "int64" if name == "line" else "str" for name in columns})


def accounts(ledger: Mapping[str, Any]) -> Iterator[str]:
    """Say of each source what became of its lines, what was ignored and what else a reader should know.

    Parameters
    ----------
    ledger
        What ``ledger.json`` holds.
    """
    for name, source in ledger["sources"].items():
        lines, used, unlocated = (sum(f[key] for f in source["files"]) for key in ("lines", "used", "unlocated"))
        text = f"{name}: {lines:,} records, {used:,} used"
        text += f" ({unlocated:,} without a location)" * bool(unlocated)
        text += f", {lines - used:,} left out" * (lines > used)
        ignored = len(source["ignored"])
        yield text + f"; {ignored} other file{'s' * (ignored > 1)} ignored" * bool(ignored)
        yield from (f"  {note}" for note in source["notes"] if "state no location" not in note)


def highlight(record: Record) -> str:
    """Return the sentence of a record, or its table as text, or nothing."""
    for name in ("sentence", "text"):
        method = getattr(record, name, None)
        if callable(method):
            return str(method())
    return ""


def run_identity(
    run: BaseModel,
    outputs: BaseModel,
    layers: Sequence[str],
    steps: Sequence[Mapping[str, Any]],
    inputs: Sequence[Mapping[str, Any]],
) -> str:
    """Hash of configuration and inputs, whatever the code: what makes two runs the same run."""
    asked = [{key: step[key] for key in ("name", "stage", "settings")} for step in steps]
    contents = [[row["step"], row["sha256"]] for row in inputs]
    facts = [run.model_dump(), outputs.model_dump(exclude={"folder"}), list(layers), asked, contents]
    return hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=16).hexdigest()
