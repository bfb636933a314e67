"""How much memory a backlog costs: the most that a process ever held, less the most it held idle.

    python tests/benchmarks/memory.py [--json] [--count N]

What goes out: MB for the consumer with that many messages in its queue, and for the poller with
that many records À transférer in a simulated Membri. Both are the real processes, `membri-sync
consume` and `membri-sync poll`; the figures are VmHWM of /proc, so no peak is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:  # run by its path
    sys.path.insert(0, str(ROOT))

from consumers.ledger.port import State  # noqa: E402 - after the path set above, as all below
from consumers.ledger.sql import open_ledger  # noqa: E402
from schemas.statuses import Entity  # noqa: E402
from schemas.wire.rabbit import RabbitBroker  # noqa: E402
from schemas.wire.topology import work_queue  # noqa: E402
from tests.benchmarks.loops import Order, PipelineProducer  # noqa: E402
from tests.benchmarks.processes import (  # noqa: E402
    Process,
    machine,
    peak_mb,
    private_broker,
)
from tests.benchmarks.rows import CHAPTER, INVOICES_AN_ACCOUNT, SLUG, SYSTEM, Replayed  # noqa: E402
from tests.integration.sandbox_membri import (  # noqa: E402
    CLIENT_ID,
    CLIENT_SECRET,
    Membri,
    open_membri,
)

COUNT = 50_000
IDLE_COUNT = 7 * INVOICES_AN_ACCOUNT
"""A few records first: what is loaded with the first of them is no cost of a backlog. Whole
accounts, since the next process's books are new: they lack the customers that the ledger knows."""
LIMIT_MB = 150
GIVE_UP_S, GIVE_UP_EACH_S = 60.0, 0.025
"""Longest wait for the first and for each further record: many times what they need."""
QUEUE = work_queue(SYSTEM, SLUG)


def consumer_mb(count: int, folder: Path, url: str) -> dict[str, float]:
    """Idle size and growth of a consumer that starts before that many messages.

    `url`: a broker that has the topology of the benchmark's chapter, for this alone.
    """
    folder.mkdir()
    file = _configuration(folder, url)
    ledger = open_ledger(f"sqlite:///{folder / 'ledger.db'}", SLUG)

    def done() -> int:
        return ledger.state_counts().get((State.DONE, Entity.INVOICE), 0)

    try:
        idle = _consumed(file, url, folder, IDLE_COUNT, done)
        loaded = _consumed(file, url, folder, count, done)
    finally:
        ledger.close()
    return {"idle_mb": round(idle, 1), "growth_mb": round(loaded - idle, 1)}


def _consumed(file: Path, url: str, folder: Path, count: int, done: Callable[[], int]) -> float:
    """Publishes the first `count` invoices, has a new consumer take them, returns its peak."""
    broker = RabbitBroker(url, client_name="benchmark")
    state = folder / f"poller-{count}"
    state.mkdir()
    producer = PipelineProducer(Order(url, count, state))
    producer.run()
    producer.close()
    command = ("-m", "ops.cli", "--config", str(file), "consume", SLUG)
    process = Process(*command, log=folder / "consume.log")
    try:
        _until(lambda: (done(), broker.depth(QUEUE)), (count, 0), process, count)
        return peak_mb(process.pid)
    finally:
        process.end()


def poller_mb(count: int, folder: Path, url: str) -> dict[str, float]:
    """Idle size and growth of a poller that starts before that many records. `url`: as above."""
    folder.mkdir()
    with open_membri(folder / "membri") as sandbox:
        sandbox.seed(
            membri_chapters=[{"membri_chapterid": CHAPTER.id, "membri_name": CHAPTER.name}]
        )
        file = _configuration(folder, url, sandbox)
        _seed(sandbox, 0, IDLE_COUNT)
        idle = _polled(file, url, folder, IDLE_COUNT)
        _seed(sandbox, IDLE_COUNT, count)
        loaded = _polled(file, url, folder, count - IDLE_COUNT)
    return {"idle_mb": round(idle, 1), "growth_mb": round(loaded - idle, 1)}


def _polled(file: Path, url: str, folder: Path, count: int) -> float:
    """Has a new poller publish that many records to a queue that is emptied; returns its peak."""
    taken = [0]
    stop = threading.Event()
    thread = threading.Thread(target=_empty, args=(url, taken, stop), daemon=True)
    thread.start()
    process = Process("-m", "ops.cli", "--config", str(file), "poll", log=folder / "poll.log")
    try:
        _until(lambda: min(taken[0], count), count, process, count)
        return peak_mb(process.pid)
    finally:
        process.end()
        stop.set()
        thread.join()


def _empty(url: str, taken: list[int], stop: threading.Event) -> None:
    """Takes what the poller publishes, so that its queue never fills."""
    subscription = RabbitBroker(url, client_name="benchmark").subscribe(QUEUE, prefetch=500)
    while not stop.is_set():
        deliveries = subscription.take(500, 0.5)
        subscription.ack(deliveries)
        taken[0] += len(deliveries)
    subscription.close()


def _seed(sandbox: Membri, start: int, stop: int) -> None:
    """Invoices number `start` to `stop` with their accounts and two lines each, À transférer."""
    for first in range(start, stop, 2000):
        rows = Replayed(min(2000, stop - first), first=first, line_count=2)
        sandbox.seed(**rows.tables())


def _configuration(folder: Path, url: str, sandbox: Membri | None = None) -> Path:
    """A configuration of one chapter; without a sandbox the poller's part points nowhere."""
    membri = {
        "url": sandbox.url if sandbox else "https://membri.example",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "poll_interval_s": 1,
        "sweep_interval_s": 5,
    }
    if sandbox:
        membri |= {"authority": sandbox.authority, "ca_bundle": str(sandbox.certificate.ca)}
    sections: list[tuple[str, dict[str, object]]] = [
        ("[membri]", membri),
        ("[broker]", {"url": url}),
        ("[state]", {"url": "sqlite:///ledger.db", "poller": f"{folder}/poller.db"}),
        ("[metrics]", {"port": 0}),
        ("[[chapters]]", {"name": CHAPTER.name, "slug": SLUG, "system": SYSTEM}),
    ]
    path = folder / "membri-sync.toml"
    path.touch(mode=0o600)
    path.write_text(
        "\n".join(
            "\n".join([title, *(f"{key} = {json.dumps(value)}" for key, value in values.items())])
            for title, values in sections
        ),
        encoding="utf-8",
    )
    return path


def _until(look: Callable[[], object], wanted: object, process: Process, count: int) -> None:
    """Raises RuntimeError when the process ends first or it takes too long."""
    give_up_s = GIVE_UP_S + GIVE_UP_EACH_S * count
    deadline = time.monotonic() + give_up_s
    while (seen := look()) != wanted:
        if not process.alive():
            raise RuntimeError(f"the process ended: {process.log()}")
        if time.monotonic() > deadline:
            raise RuntimeError(f"not {wanted} but {seen} after {give_up_s:.0f} s: {process.log()}")
        time.sleep(0.2)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--count", type=int, default=COUNT, help="messages and records waiting")
    options = parser.parse_args(arguments)
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        private_broker(Path(folder, "broker"), [(SYSTEM, SLUG)]) as url,
    ):
        figures: dict[str, object] = {
            "consumer": consumer_mb(options.count, Path(folder, "consumer"), url),
            "poller": poller_mb(options.count, Path(folder, "poller"), url),
            "count": options.count,
            "limit_mb": LIMIT_MB,
            "machine": machine(),
        }
    if options.json:
        print(json.dumps(figures))
        return
    print(f"{options.count} waiting, {figures['machine']}")
    for name in ("consumer", "poller"):
        found = figures[name]
        print(f"{name:<9} {found} (aim: growth of at most {LIMIT_MB} MB)")


if __name__ == "__main__":
    main()
