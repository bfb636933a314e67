"""What every command needs: its configuration, its way to print, its way to end.

Exit codes (contract): 0 done, 1 done with transfer errors, 2 usage or configuration, 3 something
is unavailable.
"""

from __future__ import annotations

import enum
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import orjson
import typer
from rich.console import Console

from consumers.errors import Unavailable
from consumers.ledger.port import LedgerTooNew, LedgerUnavailable
from ops import logs, metrics
from ops import settings as config
from ops.broker.layout import BrokerNotInstalledError, BrokerStartError
from ops.settings import ConfigurationError, Settings
from ops.synchronise import NotFreeError
from ops.wiring import CheckFailed
from producers.dataverse import AuthFault, ConfigFault, MembriError
from schemas.facts import Observer
from schemas.wire.channel import BrokerUnavailable

log = logging.getLogger(__name__)


class Exit(enum.IntEnum):
    DONE = 0
    TRANSFER_ERRORS = 1
    USAGE = 2
    UNAVAILABLE = 3


@dataclass
class Context:
    """Options given before the command."""

    file: Path
    json: bool = False
    verbose: bool = False
    console: Console = field(default_factory=Console)
    errors: Console = field(default_factory=lambda: Console(stderr=True))

    def settings(self) -> Settings:
        """Raises ConfigurationError."""
        return config.load(self.file)

    def print_json(self, value: Any) -> None:
        sys.stdout.buffer.write(
            orjson.dumps(value, default=str, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS)
        )
        sys.stdout.buffer.write(b"\n")
        sys.stdout.flush()


def context_of(command: typer.Context) -> Context:
    found = command.obj
    if not isinstance(found, Context):
        raise TypeError("the application was not started by main()")
    return found


def fail(message: str, code: Exit) -> NoReturn:
    """Says why on stderr and ends."""
    print(logs.redacted(message), file=sys.stderr)
    raise typer.Exit(code)


@contextmanager
def explained() -> Iterator[None]:
    """Turns what can go wrong outside of us into one clear message and the right exit code."""
    try:
        yield
    except (ConfigurationError, CheckFailed, ConfigFault, LedgerTooNew) as error:
        fail(str(error), Exit.USAGE)
    except BrokerNotInstalledError as error:
        fail(str(error), Exit.UNAVAILABLE)
    except (
        BrokerUnavailable,
        BrokerStartError,
        LedgerUnavailable,
        MembriError,
        Unavailable,
        NotFreeError,
    ) as error:
        fail(f"unavailable: {error}", Exit.UNAVAILABLE)


@contextmanager
def role(
    name: str, settings: Settings, *, verbose: bool
) -> Iterator[tuple[threading.Event, Observer]]:
    """A long-running role: logs, metrics, and an event that SIGTERM and SIGINT set."""
    logs.configure(role=name, json=_in_a_service(), verbose=verbose)
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    collected = metrics.Metrics()
    quiet = (lambda: None) if os.environ.get(metrics.MULTIPROCESS) else None
    shut = quiet or metrics.serve(collected, settings.metrics.host, settings.metrics.port)
    try:
        yield stop, collected.observe
    finally:
        shut()


def _in_a_service() -> bool:
    """systemd sets INVOCATION_ID for what it starts; its journal keeps JSON lines searchable."""
    return "INVOCATION_ID" in os.environ


def patiently(
    stop: threading.Event, make: Callable[[], Any], *, first_s: float = 1.0, cap_s: float = 60.0
) -> Any:
    """`make()`, again with back-off while something outside is away; None when told to stop.

    A wrong configuration is not waited for: it is raised.
    """
    delay, said = first_s, ""
    while not stop.is_set():
        try:
            return make()
        except (BrokerUnavailable, LedgerUnavailable, MembriError) as error:
            if isinstance(error, ConfigFault) and not isinstance(error, AuthFault):
                raise
            if str(error) != said:
                said = str(error)
                log.warning("waiting: %s", said)
            stop.wait(delay)
            delay = min(delay * 2, cap_s)
    return None
