"""Where the rooms' stages, readers, criteria and writers are filed under their names.

A stage *is* the library function: the decorator reads its signature, builds the strict model of its settings and
returns the function unchanged, so that each default exists once and the YAML calls what the notebook calls.
"""

from __future__ import annotations

import importlib
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, ClassVar, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, create_model

from demandgeo.errors import ConfigError, did_you_mean

ROOMS = ("sources", "severity", "synthetic", "density", "priority", "roads", "deployment", "outputs")
"""The rooms that register something. A stage's prefix names its room, so nothing else is imported to find it."""

PLUGINS = "demandgeo.plugins"
"""Entry-point group: the entry's name is the prefix of its stages, its value the module that registers them."""

ARRAYS = frozenset({"numpy", "pandas", "geopandas"})

RESERVED = frozenset({"stage", "as", "reader"})

F = TypeVar("F", bound=Callable[..., Any])


class Artifact:
    """Marks a domain type: what may flow from one stage to the next."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Input:
    """A positional parameter of a stage: one artifact, or a tuple of them."""

    accepts: tuple[type[Artifact], ...]
    optional: bool = False
    many: bool = False

    def takes(self, made: type[Artifact]) -> bool:
        """Whether an artifact of type `made` may be given."""
        return issubclass(made, self.accepts)

    def __str__(self) -> str:
        names = " or ".join(kind.__name__ for kind in self.accepts)
        return f"a list of {names}" if self.many else names


@dataclass(frozen=True, slots=True)
class Entry:
    """A registered function, its settings and its result.

    Attributes
    ----------
    inputs
        The artifacts it takes, by parameter name.
    output
        What it returns.
    settings
        Strict, frozen pydantic model of its settings.
    paths
        The settings that name files; a configuration gives them relative to itself.
    labels
        What else the decorator said (the direction and unit of a criterion).
    """

    name: str
    function: Callable[..., Any]
    inputs: Mapping[str, Input]
    output: Any
    settings: type[BaseModel]
    paths: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def summary(self) -> str:
        """First line of the docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]


class Register:
    """One kind of entries (stages, readers, ...) by name.

    Parameters
    ----------
    kind
        What the entries are called in messages.
    default_room
        The room of a name without a dot; a name with a dot says its own.
    """

    all: ClassVar[list[Register]] = []

    def __init__(self, kind: str, default_room: str | None = None) -> None:
        self.kind = kind
        self.default_room = default_room
        self._entries: dict[str, Entry] = {}
        Register.all.append(self)

    def file(self, name: str, entry: Entry) -> None:
        """File an entry; a second owner of a name is refused."""
        before = self._entries.get(name)
        if before is not None and _origin(before.function) != _origin(entry.function):
            raise ConfigError(
                f"the {self.kind} {name!r} has two owners: {_origin(before.function)} and {_origin(entry.function)}",
                remedy="uninstall one of the two plug-ins, or rename its entry",
            )
        self._entries[name] = entry

    def find(self, name: str) -> Entry:
        """Return the entry of a name, importing only the room or plug-in that its prefix names.

        Raises
        ------
        ConfigError
            If there is none; the message gives the nearest known name.
        """
        if name not in self._entries:
            load(self._room_of(name))
        if name not in self._entries:
            load_all()
            if name not in self._entries:
                raise ConfigError(f"{self.kind} {name!r} is not known", remedy=did_you_mean(name, self._entries))
        return self._entries[name]

    def entries(self, *rooms: str) -> dict[str, Entry]:
        """Every entry of these rooms (of all, if none is named) and of every plug-in, sorted by name."""
        load_all(*rooms)
        return dict(sorted(self._entries.items()))

    def _room_of(self, name: str) -> str:
        prefix, dot, _ = name.partition(".")
        return prefix if dot else (self.default_room or prefix)


STAGES = Register("stage")
READERS = Register("reader", default_room="sources")
CRITERIA = Register("criterion", default_room="deployment")
WRITERS = Register("writer", default_room="outputs")


def stage(name: str) -> Callable[[F], F]:
    """Register a function as a stage: positional artifacts in, keyword-only settings, one artifact out."""
    return _registrar(STAGES, name, output_is_artifact=True)


def criterion(name: str, *, direction: str, unit: str, needs: str = "", by_shift: bool = True) -> Callable[[F], F]:
    """Register a criterion on which options are scored.

    Parameters
    ----------
    direction
        ``"higher"`` or ``"lower"`` is better.
    unit
        Of its values.
    needs
        What it reads beyond travel times and demand, one word (see `deployment.performance`).
    by_shift
        Whether it means something for a single shift.
    """
    if direction not in ("higher", "lower"):
        raise TypeError(f"criterion {name!r}: direction is {direction!r}, 'higher' or 'lower' was needed")
    labels = {"direction": direction, "unit": unit, "needs": needs, "by_shift": "yes" if by_shift else ""}
    return _registrar(CRITERIA, name, labels=labels)


def writer(name: str) -> Callable[[F], F]:
    """Register a writer of result files; all its parameters but the keyword-only ones are its subject."""
    return _registrar(WRITERS, name, subject_is_artifact=False)


def reader(name: str) -> Callable[[F], F]:
    """Register a reader: every parameter is a setting, those typed `Path` name files."""

    def register(function: F) -> F:
        hints = _hints(function)
        _check_output(function, hints["return"])
        fields = {p.name: _field(p, hints) for p in inspect.signature(function).parameters.values()}
        paths = tuple(key for key, (hint, _) in fields.items() if _names_a_file(hint))
        READERS.file(name, Entry(name, function, {}, hints["return"], _model(name, fields), paths))
        return function

    return register


def load(room: str) -> None:
    """Import one room, or one plug-in, with everything that it registers.

    Raises
    ------
    ConfigError
        If a plug-in cannot be imported, or registers a name that has an owner.
    """
    if room in ROOMS:
        module = importlib.import_module(f"demandgeo.{room}")
        for name in module.__all__:
            getattr(module, name)
    for entry_point in _plugins():
        if entry_point.name == room:
            _load_plugin(entry_point)


def load_all(*rooms: str) -> None:
    """Import these rooms (all, if none is named) and every plug-in."""
    for room in dict.fromkeys((*(rooms or ROOMS), *(entry_point.name for entry_point in _plugins()))):
        load(room)


def _load_plugin(entry_point: EntryPoint) -> None:
    try:
        entry_point.load()
    except ConfigError:
        raise
    except Exception as error:  # foreign code
        raise ConfigError(
            f"the plug-in {entry_point.name!r} ({entry_point.value}) does not load: {error}",
            remedy="repair it or uninstall it",
        ) from error


def _plugins() -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=PLUGINS))


def _registrar(
    register: Register,
    name: str,
    *,
    subject_is_artifact: bool = True,
    output_is_artifact: bool = False,
    labels: Mapping[str, str] | None = None,
) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        hints = _hints(function)
        if output_is_artifact:
            _check_output(function, hints["return"])
        inputs: dict[str, Input] = {}
        fields: dict[str, tuple[Any, Any]] = {}
        for parameter in inspect.signature(function).parameters.values():
            if parameter.kind is parameter.KEYWORD_ONLY:
                fields[parameter.name] = _field(parameter, hints)
            elif subject_is_artifact:
                inputs[parameter.name] = _input(function, parameter, hints)
        paths = tuple(key for key, (hint, _) in fields.items() if _names_a_file(hint))
        entry = Entry(name, function, inputs, hints["return"], _model(name, fields), paths, labels or {})
        register.file(name, entry)
        return function

    return decorate


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except (NameError, AttributeError) as error:
        raise TypeError(f"{_origin(function)}: {error}; import the types of a signature at run time") from error
    parameters = inspect.signature(function).parameters
    missing = [name for name in (*parameters, "return") if name not in hints]
    if missing:
        raise TypeError(f"{_origin(function)}: no type is given for {', '.join(missing)}")
    for parameter in parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise TypeError(f"{_origin(function)}: {parameter} names no parameter, a configuration needs names")
        if parameter.name in RESERVED:
            raise TypeError(f"{_origin(function)}: {parameter.name!r} is reserved, the parameter needs another name")
    return hints


def _check_output(function: Callable[..., Any], hint: Any) -> None:
    if not all(inspect.isclass(made) and issubclass(made, Artifact) for made in _choices(hint)):
        raise TypeError(f"{_origin(function)}: it must return an artifact, not {hint}")


def _field(parameter: inspect.Parameter, hints: dict[str, Any]) -> tuple[Any, Any]:
    return hints[parameter.name], ... if parameter.default is parameter.empty else parameter.default


def _input(function: Callable[..., Any], parameter: inspect.Parameter, hints: dict[str, Any]) -> Input:
    hint = hints[parameter.name]
    parts = get_args(hint)
    many = get_origin(hint) is tuple and parts[1:] == (...,)
    choices = _choices(parts[0] if many else hint)
    accepts = tuple(c for c in choices if inspect.isclass(c) and issubclass(c, Artifact))
    optional = type(None) in choices
    # Beside an artifact an array or a table may stand: a notebook has them at hand, a configuration names artifacts.
    arrays = sum(_is_array(c) for c in choices if c not in accepts)
    if not accepts or len(accepts) + optional + arrays != len(choices):
        raise TypeError(
            f"{_origin(function)}: positional parameter {parameter.name!r} must be an artifact, a union of them, "
            "an optional one, or tuple[artifact, ...]; a setting must be keyword-only"
        )
    return Input(accepts, optional=optional or parameter.default is not parameter.empty, many=many)


def _is_array(hint: Any) -> bool:
    """Whether a type is an array, a table, or a tuple of such."""
    kind = get_origin(hint) or hint
    if kind is tuple:
        return all(map(_is_array, get_args(hint)))
    return str(getattr(kind, "__module__", "")).partition(".")[0] in ARRAYS


def _choices(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def _names_a_file(hint: Any) -> bool:
    return hint is Path or any(_names_a_file(part) for part in get_args(hint))


def _model(name: str, fields: dict[str, tuple[Any, Any]]) -> type[BaseModel]:
    config = ConfigDict(strict=True, extra="forbid", frozen=True)
    return create_model(name, __config__=config, **fields)  # type: ignore[call-overload,no-any-return]


def _origin(function: Callable[..., Any]) -> str:
    return f"{function.__module__}.{function.__qualname__}"
