"""Options that people wrote down: YAML files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from demandgeo.domain import Option, Options
from demandgeo.errors import ModelError, Problems, SourceError, did_you_mean
from demandgeo.registry import reader

KEYS = ("name", "open", "search")


@reader("deployment.options")
def read_options(path: Path) -> Options:
    """Read options from YAML: ``status_quo`` and a list ``options``, each with ``name`` and ``open`` or ``search``.

    Parameters
    ----------
    path
        For example::

            status_quo: today
            options:
              - {name: today, open: [Base 01, Base 02]}
              - {name: best two, search: {model: p-median, p: 2}}

    Raises
    ------
    SourceError
        If the file cannot be read or says anything else; all mistakes at once.
    """
    try:
        text = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise SourceError(f"{path}: cannot be read: {error}", "a YAML file was needed") from error
    if not isinstance(text, dict) or not isinstance(text.get("options"), list) or "status_quo" not in text:
        raise SourceError(f"{path}: no status_quo and list of options", "both were needed")
    problems = Problems()
    for key in text.keys() - {"status_quo", "options"}:
        problems.add(f"{path}: {key!r} is not known", remedy=did_you_mean(str(key), ("status_quo", "options")))
    options = [option for item in text["options"] if (option := _option(path, item, problems)) is not None]
    problems.raise_as(SourceError)
    try:
        return Options(tuple(options), str(text["status_quo"]))
    except ModelError as error:
        raise SourceError(f"{path}: {error}") from error


def _option(path: Path, item: Any, problems: Problems) -> Option | None:
    if not isinstance(item, dict) or "name" not in item:
        problems.add(f"{path}: {item!r} is no option", "name and open, or name and search, were needed")
        return None
    for key in item.keys() - set(KEYS):
        problems.add(f"{path}: {item['name']}: {key!r} is not known", remedy=did_you_mean(str(key), KEYS))
    sites, search = item.get("open", []), item.get("search", {})
    shaped = problems.check(
        isinstance(sites, list) and isinstance(search, dict),
        f"{path}: {item['name']}: open is {sites!r}, search is {search!r}",
        "a list and a mapping were needed",
    )
    if not shaped:
        return None
    try:
        return Option(str(item["name"]), tuple(map(str, sites)), search)
    except ModelError as error:
        problems.add(f"{path}: {error}")
        return None
