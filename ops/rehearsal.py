"""The demo: broker, sandboxes and all roles in one folder, until the whole world has moved.

What comes in: a folder. What goes out: a report that says whether the books are as they must be,
to the cent. The folder keeps everything, so a demo that was killed goes on where it was.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from consumers.ledger.port import Ledger, LedgerUnavailable, State
from ops import settings as config
from ops import wiring
from ops.dead_letters import DeadLetters
from ops.fleet import Fleet, private_broker
from ops.language import Language
from ops.overview import Overview, look
from ops.processes import Child, Ended, Event, Supervisor
from ops.report import Report, collect
from ops.sandbox import run as sandbox
from ops.sandbox.world import DEFAULT_SYSTEMS, chapters
from ops.settings import ConfigurationError, Settings
from schemas.wire.channel import BrokerUnavailable

QUIET_S = 3.0
LOOK_EVERY_S = 1.0
"""The supervisor asks after each line of a child; each look reads the books of every company."""
GIVE_UP_S = 180.0


@dataclass
class Demo:
    """One rehearsal. `world`: tiny, small or large:N. `systems`: one that keeps the books of two
    chapters, or several that keep those of one each. `live`: members go on registering.
    `language`: of the error texts in the simulated Membri."""

    folder: Path
    world: str = "small"
    seed: int = 1
    systems: tuple[str, ...] = DEFAULT_SYSTEMS
    live: bool = False
    metrics_port: int = 0
    language: Language = "fr"
    clock: Callable[[], float] = time.monotonic
    report: Report | None = field(default=None, init=False)
    _since: float | None = field(default=None, init=False)
    _changed_at: float = field(default=0.0, init=False)
    _looked_at: float = field(default=float("-inf"), init=False)
    _seen: tuple[str, ...] = field(default=(), init=False)

    def __post_init__(self) -> None:
        # Its paths reach the roles by the environment, where a relative one starts at the
        # configuration's folder, not where the demo was started.
        self.folder = self.folder.resolve()

    @property
    def file(self) -> Path:
        return self.folder / sandbox.CONFIGURATION_FILE

    @property
    def broker_folder(self) -> Path:
        return self.folder / "state" / "broker"

    def fresh(self) -> None:
        """Forgets an earlier rehearsal of this folder. Raises ConfigurationError when the folder
        holds something else."""
        if not self.folder.exists():
            return
        ours = (self.folder / "ports.json").exists() or not any(self.folder.iterdir())
        if not ours:
            raise ConfigurationError(f"{self.folder} holds something else than a demo")
        shutil.rmtree(self.folder)

    def children(self) -> list[Child]:
        """The sandbox first, then everything that `up` runs."""
        argv = [sys.executable, "-m", "ops.sandbox.run", "--folder", str(self.folder)]
        argv += ["--world", self.world, "--seed", str(self.seed)]
        for name in self.systems:
            argv += ["--system", name]
        if self.live:
            argv.append("--live")
        world = Child("sandbox", tuple(argv), ready=self._configured, stop_grace_s=10)
        fleet = Fleet(
            file=self.file,
            slugs=tuple(chapter.slug for chapter in chapters(self.systems)),
            state=self.folder / "state",
            broker=self.broker_folder,
            settings=self.settings,
        )
        return [world, *fleet.children()]

    def settings(self) -> Settings:
        """The configuration of this demo, with its broker. Raises ConfigurationError."""
        return config.complete(config.load(self.file), private_broker(self.broker_folder)[0])

    def _configured(self) -> bool:
        """True once the sandbox answers and the configuration that points at it is written."""
        try:
            sandbox.offences(self.folder)
        except (OSError, ValueError):
            return False
        sandbox.write_configuration(
            self.folder, metrics_port=self.metrics_port, language=self.language
        )
        return True

    def run(
        self,
        on_event: Callable[[Event], None],
        *,
        once: bool,
        on_turn: Callable[[], None] = lambda: None,
    ) -> Ended:
        """Runs it; with `once` until the world has moved, and then `report` is there."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._changed_at = self.clock()

        def until() -> bool:
            on_turn()
            return once and self._over()

        return Supervisor(on_event).run(self.children(), until=until)

    def _over(self) -> bool:
        """The books match and stay so for a while, or nothing has changed for a long time."""
        now = self.clock()
        if now - self._looked_at < LOOK_EVERY_S:
            return False
        self._looked_at = now
        try:
            seen = tuple(sandbox.differences(self.folder))
        except (OSError, ValueError):
            return False  # the sandbox was killed: it comes back
        if seen != self._seen:
            self._seen, self._changed_at = seen, now
        if seen:
            self._since = None
            return now - self._changed_at > GIVE_UP_S and self._collect(matched=False)
        self._since = self._since or now
        quiet = not self._in_flight() or now - self._changed_at > GIVE_UP_S
        return quiet and now - self._since > QUIET_S and self._collect(matched=True)

    def _in_flight(self) -> bool:
        """Whether a record's fate is unknown: its books match by chance until they were asked."""
        try:
            found = self.overview()
        except BrokerUnavailable:
            return True
        return found is None or any(
            chapter.count(State.SENDING) or chapter.unknown or chapter.outbox
            for chapter in found.chapters
        )

    def _collect(self, *, matched: bool) -> bool:
        try:
            self.report = self._report(matched=matched)
        except (BrokerUnavailable, LedgerUnavailable, OSError, ValueError):
            return False
        return True

    def _report(self, *, matched: bool) -> Report:
        settings = self.settings()
        offences = sandbox.offences(self.folder)
        with contextlib.ExitStack() as stack:
            ledgers: dict[str, Ledger] = {}
            for chapter in settings.chapters:
                ledgers[chapter.slug] = wiring.ledger(settings, chapter.slug)
                stack.callback(ledgers[chapter.slug].close)
            systems = [chapter.system for chapter in settings.chapters]
            letters = DeadLetters(wiring.broker(settings, "demo"), systems).all()
            return collect(
                ledgers,
                letters,
                offences=len(offences),
                offences_seen=offences[:20],
                books_match=matched and not self._seen,
                differences=list(self._seen[:50]),
            )

    def overview(self) -> Overview | None:
        """Where everything stands, None while it starts."""
        try:
            settings = self.settings()
            named = [(c.name, c.slug, c.system) for c in settings.chapters]
            with contextlib.ExitStack() as stack:
                ledgers = {}
                for _, slug, _ in named:
                    ledgers[slug] = wiring.ledger(settings, slug)
                    stack.callback(ledgers[slug].close)
                return look(named, ledgers.__getitem__, wiring.broker(settings, "demo"))
        except (ConfigurationError, LedgerUnavailable):
            return None
