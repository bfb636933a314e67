"""How fast invoices move, between the least that is safe and the loop one writes first.

    python tests/benchmarks/pipeline.py [--json] [--count N] [--rounds N]

What goes out: invoices a second of three loops (see loops.py) on a private RabbitMQ node, each with
one producer and one consumer process, taken in turns; medians, and the two ratios that count.
The rates say as much of the machine as of the code: only ratios of one run compare.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:  # run by its path
    sys.path.insert(0, str(ROOT))

from tests.benchmarks.loops import WORKERS, Order  # noqa: E402 - found by the path set above
from tests.benchmarks.processes import Process, cpu_s, machine, private_broker  # noqa: E402
from tests.benchmarks.rows import SLUG, SYSTEM  # noqa: E402

COUNT, ROUNDS = 6000, 5
NAIVE_PART = 4
"""The naive loop moves a quarter of the invoices: it would take most of the time."""
AIM_OF_CEILING, AIM_OF_NAIVE = 0.5, 1.5


def measure(count: int, rounds: int, *, quiet: bool) -> dict[str, object]:
    """All loops in turns; the figures by name."""
    rates: dict[str, list[float]] = {name: [] for name in WORKERS}
    work: dict[str, list[float]] = {name: [] for name in WORKERS}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        base = Path(folder)
        with private_broker(base / "broker", [(SYSTEM, SLUG)]) as url:
            _round("pipeline", url, 500, base / "warm")  # the node is slower at first
            for turn in range(rounds):
                for name in WORKERS:
                    part = count // NAIVE_PART if name == "naive" else count
                    rate, work_s = _round(name, url, part, base / f"{name}-{turn}")
                    rates[name].append(rate)
                    work[name].append(work_s / part * 1e6)
                    if not quiet:
                        print(f"round {turn + 1}: {name:<9} {rate:7.0f}/s", file=sys.stderr)
    return _figures(rates, work, count, rounds)


def _figures(
    rates: dict[str, list[float]], work: dict[str, list[float]], count: int, rounds: int
) -> dict[str, object]:
    medians = {name: statistics.median(found) for name, found in rates.items()}
    to_ceiling = [c / a for c, a in zip(rates["pipeline"], rates["ceiling"], strict=True)]
    to_naive = [c / b for c, b in zip(rates["pipeline"], rates["naive"], strict=True)]
    return {
        **{f"{name}_per_s": round(rate, 1) for name, rate in medians.items()},
        "pipeline_to_ceiling": round(statistics.median(to_ceiling), 3),
        "pipeline_to_naive": round(statistics.median(to_naive), 3),
        "process_us": {n: round(statistics.median(found)) for n, found in work.items()},
        "count": count,
        "rounds": rounds,
        "machine": machine(),
    }


def _round(name: str, url: str, count: int, folder: Path) -> tuple[float, float]:
    """Invoices a second, and seconds of processor of our two processes, of one loop."""
    folder.mkdir()
    order = [url, str(count), str(folder)]
    workers = [
        Process(__file__, "--worker", name, role, *order, log=folder / f"{role}.log")
        for role in ("consumer", "producer")
    ]
    try:
        for worker in workers:
            worker.hear()
        started_at = time.monotonic()
        before = sum(cpu_s(worker.pid) for worker in workers)
        for worker in workers:
            worker.tell("go")
        ended_at = max(float(worker.hear()) for worker in workers)
        used_s = sum(cpu_s(worker.pid) for worker in workers) - before
        return count / (ended_at - started_at), used_s
    finally:
        for worker in workers:
            worker.end()


def _work(name: str, role: str, order: Order) -> None:
    """One worker: says when it is prepared, begins when told, says when it was done."""
    producer, consumer = WORKERS[name]
    worker = (producer if role == "producer" else consumer)(order)
    print(json.dumps("ready"), flush=True)
    sys.stdin.readline()
    worker.run()
    # CLOCK_MONOTONIC is one clock for all processes of a machine.
    print(json.dumps(time.monotonic()), flush=True)
    worker.close()
    sys.stdin.readline()


def _print(figures: dict[str, object]) -> None:
    print(f"{figures['count']} invoices of 4 KB, {figures['rounds']} rounds, {figures['machine']}")
    for name, what in (
        ("ceiling", "(a) bare ceiling"),
        ("naive", "(b) naive loop"),
        ("pipeline", "(c) membri-sync"),
        ("mapped", "    with rows"),
    ):
        print(f"{what:<18}{figures[f'{name}_per_s']:>9} invoices/s")
    print(f"c/a = {figures['pipeline_to_ceiling']}   (aim: at least {AIM_OF_CEILING})")
    print(f"c/b = {figures['pipeline_to_naive']}   (aim: at least {AIM_OF_NAIVE})")


def main(arguments: Sequence[str] | None = None) -> None:
    given = sys.argv[1:] if arguments is None else list(arguments)
    if given[:1] == ["--worker"]:
        name, role, url, count, folder = given[1:]
        _work(name, role, Order(url, int(count), Path(folder)))
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--count", type=int, default=COUNT, help="invoices a round")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args(given)
    figures = measure(max(40, options.count), max(1, options.rounds), quiet=options.json)
    if options.json:
        print(json.dumps(figures))
    else:
        _print(figures)


if __name__ == "__main__":
    main()
