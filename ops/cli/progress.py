"""What people see while a command runs: steps and counts on a terminal, nothing in a pipe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress import Progress
from rich.spinner import Spinner
from rich.text import Text

from ops import labels
from ops.cli.context import Context
from ops.labels import STEPS, TRANSFERS
from ops.language import Words
from ops.synchronise import Synchronisation

_NOT_MOVED = frozenset({"waiting", "superseded", "withdrawn", "dropped"})


def starting(context: Context) -> AbstractContextManager[object]:
    """Shown while RabbitMQ starts, which takes some seconds where none runs."""
    if not context.live:
        return nullcontext()
    return context.console.status(context.words.say("Starting RabbitMQ…"))


@contextmanager
def synchronisation(context: Context, run: Synchronisation) -> Iterator[None]:
    """The manual's steps with what each has done so far."""
    if not context.live:
        yield
        return
    view = SynchronisationView(run, context.words)
    run.step = view.step
    with Live(view, console=context.console, transient=True, refresh_per_second=8):
        yield


class SynchronisationView:
    """What is being done now, and under it what was done."""

    def __init__(self, run: Synchronisation, words: Words) -> None:
        self._run = run
        self._words = words
        self._spinner = Spinner("dots", "")
        self.step("connect")

    def step(self, name: str) -> None:
        self._spinner.update(text=labels.name(STEPS, name, self._words))

    def __rich__(self) -> RenderableType:
        return Group(self._spinner, *(Text(line, style="dim") for line in self.lines()))

    def lines(self) -> list[str]:
        """One line for each kind of transfer that happened."""
        done: dict[str, int] = dict.fromkeys(TRANSFERS, 0)
        failed: dict[str, int] = dict.fromkeys(TRANSFERS, 0)
        # A copy: the consumers' threads count on.
        for (entity, outcome), count in list(self._run.counts.items()):
            if outcome in _NOT_MOVED:
                continue
            updated = f"{entity}.{outcome}"
            step = updated if updated in TRANSFERS else str(entity)
            if step in done:
                (failed if outcome == "failed" else done)[step] += count
        return [
            self._line(step, done[step], failed[step])
            for step in TRANSFERS
            if done[step] or failed[step]
        ]

    def _line(self, step: str, done: int, failed: int) -> str:
        words = self._words
        line = f"  {labels.name(TRANSFERS, step, words)}: {words.number(done)}"
        if failed:
            told = words.count("{n} transfer error", "{n} transfer errors", failed)
            line += f" ({told})"
        return line


@contextmanager
def bar(context: Context, total: int, what: str) -> Iterator[Callable[[int], None]]:
    """A bar that is told how many are done; nothing for one, or where nobody looks."""
    if not context.live or total < 2:
        yield lambda _: None
        return
    with Progress(console=context.console, transient=True) as shown:
        task = shown.add_task(what, total=total)
        yield lambda count: shown.update(task, completed=count)
