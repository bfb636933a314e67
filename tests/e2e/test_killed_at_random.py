"""Twenty times in a run some process of the demo is killed with -9; the books end the same.

No offence is allowed either: whoever comes back looks a record up before it is sent again, and
starts with a request rate that its predecessor's last second cannot push over the limit.
"""

from __future__ import annotations

import datetime as dt
import functools
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from consumers.ledger.port import State
from ops import settings as config
from ops import wiring
from ops.sandbox import run as sandbox_run
from ops.sandbox.simulations import names, simulation
from ops.sandbox.world import build, chapters
from ops.sandbox.world.live import Admin
from tests.e2e_harness import (
    PATIENCE_S,
    ROOT,
    Process,
    Ran,
    environment,
    eventually,
    processes_of,
)

WORLD = "small"
SEED = int(os.environ.get("MEMBRI_TEST_KILL_SEED", "1"))
MADE = ("customers", "documents", "payments", "applications", "entries")
ROLES = {
    "supervisor": " demo ",
    "sandbox": "ops.sandbox.run",
    "broker node": "ops.broker.node",
    "RabbitMQ": "beam.smp",
    "epmd": "epmd -port",
    "overview": " overview",
    "poll": " poll",
    "settle": " settle",
    "consume montreal": " consume montreal",
    "consume quebec": " consume quebec",
}
"""What a process of the demo is called here → words of its command line."""
TIMES = {"consume montreal": 5, "consume quebec": 5, "poll": 2, "settle": 2}
"""How often a role is killed, the others once. The books are in the consumers' hands; and each
death of what they stand on (sandbox, RabbitMQ, everything) costs seconds of starting again."""
VICTIMS = tuple(role for role in ROLES for _ in range(TIMES.get(role, 1)))
KILLS = len(VICTIMS)


class Demo:
    """The demo as a person runs it, who starts it again when it is gone."""

    def __init__(self, folder: Path, system: str) -> None:
        self.folder = folder
        self.system = system
        self.out = folder.with_name("out")
        self.err = folder.with_name("err")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        words = ["demo", "--once", "--json", "--resume", "--world", WORLD]
        words += ["--system", self.system]
        with self.out.open("wb") as out, self.err.open("ab") as err:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "ops.cli", *words, "--folder", str(self.folder)],
                cwd=ROOT,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )

    def ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def result(self) -> Ran:
        assert self._process is not None
        err = self.err.read_text(encoding="utf-8", errors="replace")
        return Ran(self._process.wait(), self.out.read_text(), err)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        eventually(lambda: not processes_of(self.folder), "the demo is gone with its supervisor")

    def made(self) -> int | None:
        """Documents in the books now; None when the sandbox does not answer."""
        try:
            admin = Admin(sandbox_run.read_sandbox(self.folder)[self.system]["admin_url"])
            books = simulation(self.system).books(admin.get("/dump")).values()
        except (OSError, ValueError):
            return None
        return sum(len(getattr(company, part)) for company in books for part in MADE)

    def process(self, role: str) -> Process | None:
        found = [one for one in processes_of(self.folder) if ROLES[role] in f"{one.command} "]
        return found[0] if found else None


@pytest.fixture(params=names())
def demo(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Demo]:
    one = Demo(tmp_path / "demo", request.param)
    one.start()
    yield one
    one.stop()


def kill_all_along(demo: Demo, chance: random.Random) -> list[str]:
    """Kills `KILLS` processes, spread over the run by what was made; whom, in order."""
    world = build(WORLD, 1, (demo.system,))
    before = sum(
        len(one.customers) + len(one.documents) + len(one.payments)
        for one in world.companies.values()
    )
    today = dt.datetime.now(dt.UTC).date()
    after = sum(
        len(one.customers)
        + len(one.documents)
        + len(one.payments)
        + len(one.applications)
        + len(one.entries_on(today))
        for one in world.expected.companies.values()
    )
    victims = chance.sample(VICTIMS, KILLS)
    killed: list[str] = []
    for number in range(KILLS):
        goal = before + (after - before) * number // (KILLS + 1)

        def far_enough(goal: int = goal) -> bool:
            assert not demo.ended(), demo.result().err[-3000:]
            made = demo.made()
            return made is not None and made >= goal

        eventually(far_enough, f"kill {number} at {goal} documents, after {killed}")
        role = victims[number]
        victim = eventually(functools.partial(demo.process, role), f"{role} is running")
        time.sleep(chance.random() / 2)  # anywhere in what it is doing
        victim.kill()
        killed.append(role)
        if role == "supervisor":
            eventually(demo.ended, "the supervisor is dead")
            demo.start()
    made = demo.made()
    assert made is None or made < after, "the world was done before the last kill"
    return killed


def test_twenty_kills_at_random_end_in_the_same_books(demo: Demo) -> None:
    # Seeded with the system's name too: another order of victims in each.
    killed = kill_all_along(demo, random.Random(f"{SEED} {demo.system}"))
    assert len(killed) == 20
    assert set(killed) == set(ROLES)
    eventually(demo.ended, "the demo ends by itself", within_s=2 * PATIENCE_S)
    report = demo.result().expect(1).json()

    assert report["books_match"] is True, report["differences"]
    assert report["offences"] == 0, report["offences_seen"]
    settings = config.load(demo.folder / sandbox_run.CONFIGURATION_FILE, {})
    for chapter in chapters((demo.system,)):
        ledger = wiring.ledger(settings, chapter.slug)
        states = {state for (state, _), count in ledger.state_counts().items() if count}
        left = ledger.outbox_count()
        ledger.close()
        assert not states & {State.SENDING, State.UNKNOWN}
        assert left == 0
