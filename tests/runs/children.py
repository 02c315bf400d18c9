"""Runs in processes forked from one that has imported everything, so that hundreds of them take seconds."""

from __future__ import annotations

import builtins
import ctypes
import errno
import io
import multiprocessing
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from demandgeo import cli, registry
from demandgeo.domain import Table
from demandgeo.registry import stage
from demandgeo.runs import runner  # noqa: F401  imported once, before the fork
from demandgeo.runs.cache import code_version
from tests.runs import conftest  # noqa: F401  registers the toy stages

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.runs.children"])
ERRORS = (errno.ENOSPC, errno.EIO, errno.EACCES)
TRACEBACK = -1

# Before the fork: every child must see the same code, whoever edits a file meanwhile.
registry.load_all()
code_version("tests")
code_version("demandgeo")


@stage("toy.wait")
def wait(table: Table, *, gate: str = "") -> Table:
    """Wait until a file stands."""
    Path(f"{gate}.waiting").touch()
    while not Path(gate).exists():
        time.sleep(0.005)
    return table


@dataclass
class Child:
    """A command line under way."""

    process: Any
    receiver: Connection

    def end(self) -> tuple[int, str]:
        """Exit code (TRACEBACK for one) and everything that was printed."""
        code, text = self.receiver.recv() if self.receiver.poll(60) else (None, "no answer")
        self.process.join(60)
        return code, text


def start(
    *arguments: object, fault: int = 0, limit: int | None = None, plugin: str = "", common: bool = False
) -> Child:
    """Start ``demandgeo ARGUMENTS``.

    `fault`: the number of the change to the disk that fails; `limit`: no file grows beyond it; `plugin`: a
    ``folder:module`` to load; `common`: without root's rights.
    """
    receiver, sender = CONTEXT.Pipe(duplex=False)
    options = (sender, [str(argument) for argument in arguments], fault, limit, plugin, common)
    process = CONTEXT.Process(target=_main, args=options, daemon=True)
    process.start()
    sender.close()
    return Child(process, receiver)


def ran(*arguments: object, **options: Any) -> tuple[int, str]:
    """Run ``demandgeo ARGUMENTS`` to its end."""
    return start(*arguments, **options).end()


def _main(sender: Connection, arguments: list[str], fault: int, limit: int | None, plugin: str, common: bool) -> None:  # noqa: PLR0917
    # A suite started in the background inherits an ignored SIGINT, and so would the run that a test interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = ["demandgeo", *arguments]
    sys.stdout = sys.stderr = io.StringIO()
    if common:  # gives up every capability; for root, the right to write where the mode forbids it
        header, none = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
        assert ctypes.CDLL(None).capset(header, none) == 0
    if limit is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    if plugin:
        folder, _, module = plugin.rpartition(":")
        sys.path.insert(0, folder)
        import_module(module)
    fired = _inject(fault) if fault else list
    try:
        cli.main()
        code: object = 0
    except SystemExit as stop:
        code = stop.code
    except BaseException:  # noqa: BLE001  whatever it is, the test shall see it
        code = TRACEBACK
        traceback.print_exc()
    text = sys.stdout.getvalue()
    sender.send((code or 0, text + "".join(f"\nfault at {name}" for name in fired())))


def _inject(number: int) -> Callable[[], list[str]]:
    """Let the change to the disk of this number fail, counted from 1."""
    count, fired = [0], []

    def failing(name: str, real: Callable[..., Any], concerns: Callable[..., bool] = lambda *_a, **_k: True) -> Any:
        def called(*args: Any, **kwargs: Any) -> Any:
            if concerns(*args, **kwargs):
                count[0] += 1
                if count[0] == number:
                    fired.append(f"{name} {args[:1]}")
                    failure = ERRORS[number % len(ERRORS)]
                    raise OSError(
                        failure, os.strerror(failure), None if isinstance(args[0], int) else os.fspath(args[0])
                    )
            return real(*args, **kwargs)

        return called

    def writes(_path: Any, mode: str = "r", *_a: Any, **_k: Any) -> bool:
        return not set(mode).isdisjoint("wax+")

    def changes(_path: Any, flags: int, *_a: Any, **_k: Any) -> bool:
        return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))

    for name in ("replace", "rename", "fsync", "mkdir", "chmod", "truncate", "unlink", "rmdir"):
        setattr(os, name, failing(name, getattr(os, name)))
    os.open = failing("os.open", os.open, changes)
    builtins.open = io.open = failing("open", io.open, writes)
    return lambda: fired
