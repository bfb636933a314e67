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
from typing import Any, NoReturn, TypeVar

import orjson
import typer
from rich.console import Console, RenderableType

from consumers.errors import Unavailable
from consumers.ledger.port import LedgerTooNew, LedgerUnavailable
from ops import labels, logs, metrics
from ops import settings as config
from ops.broker.layout import BrokerNotInstalledError, BrokerStartError
from ops.collector import spare_the_collector
from ops.language import Words
from ops.settings import ConfigurationError, Settings
from ops.synchronise import NotFreeError
from ops.wiring import CheckFailed
from producers.dataverse import AuthFault, ConfigFault, MembriError
from schemas.facts import Observer
from schemas.wire.channel import BrokerUnavailable, TopologyConflict

log = logging.getLogger(__name__)
Made = TypeVar("Made")
PIPE_COLUMNS = 120
"""Width of tables where there is no terminal: as wide as a mail or a log still shows well."""


class Exit(enum.IntEnum):
    DONE = 0
    TRANSFER_ERRORS = 1
    USAGE = 2
    UNAVAILABLE = 3


def _console(*, stderr: bool = False) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else PIPE_COLUMNS
    return Console(stderr=stderr, width=width, highlight=False)


@dataclass
class Context:
    """Options given before the command."""

    file: Path
    json: bool = False
    verbose: bool = False
    words: Words = field(default_factory=Words)
    console: Console = field(default_factory=_console)
    errors: Console = field(default_factory=lambda: _console(stderr=True))

    def settings(self) -> Settings:
        """Raises ConfigurationError."""
        return config.load(self.file)

    @property
    def live(self) -> bool:
        """Whether progress is shown: on a terminal, to a person."""
        return self.console.is_terminal and not self.json

    def give(self, value: Any, shown: RenderableType | Callable[[], RenderableType]) -> None:
        """`value` with --json, else what is `shown`."""
        if self.json:
            self.print_json(value)
        elif callable(shown):
            self.console.print(shown())
        else:
            self.console.print(shown, markup=False)

    def print_json(self, value: Any) -> None:
        sys.stdout.buffer.write(
            orjson.dumps(value, default=str, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS)
        )
        sys.stdout.buffer.write(b"\n")
        sys.stdout.flush()

    def line(self, text: str) -> None:
        """One line, never wrapped nor coloured: for what people copy."""
        self.console.print(text, markup=False, soft_wrap=True)


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
def explained(words: Words | None = None) -> Iterator[None]:
    """Turns what can go wrong outside of us into one clear message and the right exit code.

    The words of an outside system are told as they came, after ours in the reader's language.
    """
    words = words or Words("en")
    try:
        yield
    except (ConfigurationError, CheckFailed, ConfigFault, LedgerTooNew, TopologyConflict) as error:
        fail(str(error), Exit.USAGE)
    except AuthFault as error:
        fail(_away(words.say("Membri does not let us in"), error), Exit.USAGE)
    except BrokerNotInstalledError as error:
        fail(str(error), Exit.UNAVAILABLE)
    except NotFreeError as error:
        fail(words.tell(error.why), Exit.UNAVAILABLE)
    except (BrokerUnavailable, BrokerStartError) as error:
        fail(_away(words.say("RabbitMQ cannot be reached"), error), Exit.UNAVAILABLE)
    except LedgerUnavailable as error:
        fail(_away(words.say("The ledger cannot be used"), error), Exit.UNAVAILABLE)
    except MembriError as error:
        fail(_away(words.say("Membri cannot be used"), error), Exit.UNAVAILABLE)
    except Unavailable as error:
        reason = error.reason
        told = f"{labels.what(reason, words)} ({error.detail})"
        fail(f"{told}\n→ {labels.advice(reason, words)}", Exit.UNAVAILABLE)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None  # as a shell says of what Ctrl-C ended


def _away(told: str, error: Exception) -> str:
    return f"{told}: {error}"


@dataclass(frozen=True)
class Role:
    """What a long-running role is given: when to stop, and whom to tell."""

    stop: threading.Event
    metrics: metrics.Metrics

    @property
    def observer(self) -> Observer:
        return self.metrics.observe


@contextmanager
def role(name: str, settings: Settings, *, verbose: bool) -> Iterator[Role]:
    """A long-running role: logs, metrics, and an event that SIGTERM and SIGINT set.

    Where processes share their metrics `overview` alone serves them, for all.
    """
    logs.configure(role=name, json=_in_a_service(), verbose=verbose)
    running = Role(threading.Event(), metrics.Metrics())
    spare_the_collector()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        running.stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    serves = name == "overview" or metrics.MULTIPROCESS not in os.environ
    port = settings.metrics.port if serves else 0
    shut = metrics.serve(running.metrics, settings.metrics.host, port)
    try:
        yield running
    finally:
        shut()


def _in_a_service() -> bool:
    """systemd sets INVOCATION_ID for what it starts; its journal keeps JSON lines searchable."""
    return "INVOCATION_ID" in os.environ


def patiently(
    stop: threading.Event,
    make: Callable[[], Made],
    *,
    first_s: float = 1.0,
    cap_s: float = 60.0,
) -> Made | None:
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
