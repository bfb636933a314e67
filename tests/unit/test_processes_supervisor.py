"""The supervisor keeps real small programs running, and leaves none behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ops.processes import Backoff, Child, Ended, Event, Supervisor, line_printer

QUICK = Backoff(first_s=0.02, max_s=0.1, steady_s=60.0)
STAY = ("/bin/sh", "-c", "echo here; exec sleep 600")


class Story:
    """Remembers the events and lets a test act on one."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.acts: list[tuple[Callable[[Event], bool], Callable[[Event], None]]] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        for matches, act in list(self.acts):
            if matches(event):
                act(event)

    def when(self, kind: str, child: str, act: Callable[[Event], None], nth: int = 1) -> None:
        seen = 0

        def matches(event: Event) -> bool:
            nonlocal seen
            seen += (event.kind, event.child) == (kind, child)
            return (event.kind, event.child) == (kind, child) and seen == nth

        self.acts.append((matches, act))

    def of(self, kind: str) -> list[str]:
        return [event.child for event in self.events if event.kind == kind]

    def pids(self) -> list[int]:
        return [e.pid for e in self.events if e.kind == "started" and e.pid is not None]


def supervise(story: Story) -> Supervisor:
    return Supervisor(story, backoff=QUICK, jitter=lambda: 0.0)


def terminate_us(_event: Event) -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rsplit(")", 1)[1].split()[0] != "Z"


def wait_until(true: Callable[[], bool], timeout_s: float = 30.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_children_start_in_order_each_after_the_one_before_is_ready(tmp_path: Path) -> None:
    story = Story()
    flag = tmp_path / "ready"
    first = Child("first", ("/bin/sh", "-c", f"touch {flag}; exec sleep 600"), ready=flag.exists)
    story.when("started", "second", lambda _: story.events.append(Event("line", "flag", line="x")))
    story.when("line", "second", terminate_us)

    ended = supervise(story).run([first, Child("second", STAY)])

    assert ended == Ended("signal", signum=signal.SIGTERM)
    kinds = [(e.kind, e.child) for e in story.events]
    assert kinds.index(("ready", "first")) < kinds.index(("started", "second"))


def test_children_stop_in_reverse_order_and_none_is_left() -> None:
    story = Story()
    story.when("line", "c", terminate_us)

    supervise(story).run([Child("a", STAY), Child("b", STAY), Child("c", STAY)])

    assert story.of("stopping") == ["c", "b", "a"]
    assert story.of("exited") == ["c", "b", "a"]
    assert story.of("killed") == []
    assert not any(alive(pid) for pid in story.pids())


def test_a_child_killed_with_9_is_started_again_while_the_others_go_on() -> None:
    story = Story()
    for nth in (1, 2, 3):
        story.when("line", "victim", lambda e: os.kill(e.pid or 0, signal.SIGKILL), nth=nth)
    story.when("line", "victim", terminate_us, nth=4)

    supervise(story).run([Child("steady", STAY), Child("victim", STAY)])

    assert story.of("started") == ["steady", "victim", "victim", "victim", "victim"]
    deaths = [e.code for e in story.events if e.kind == "exited" and e.child == "victim"]
    assert deaths[:3] == [-signal.SIGKILL] * 3
    delays = [e.delay_s for e in story.events if e.kind == "restarting"]
    assert delays == [0.01, 0.02, 0.04]


def test_a_child_killed_before_it_is_ready_is_started_again_and_then_awaited(
    tmp_path: Path,
) -> None:
    story = Story()
    flag = tmp_path / "seen"
    script = f"if [ -e {flag} ]; then touch {flag}.ready; exec sleep 600; fi; touch {flag}; exit 7"
    child = Child("late", ("/bin/sh", "-c", script), ready=Path(f"{flag}.ready").exists)
    story.when("ready", "late", terminate_us)

    ended = supervise(story).run([child])

    assert ended.reason == "signal"
    assert next(e.code for e in story.events if e.kind == "exited") == 7


def test_a_child_that_never_gets_ready_ends_the_run_and_is_named() -> None:
    story = Story()
    child = Child("mute", STAY, ready=lambda: False, ready_timeout_s=0.3)

    ended = supervise(story).run([child, Child("never", STAY)])

    assert ended == Ended("not_ready", child="mute")
    assert story.of("started") == ["mute"]
    assert not any(alive(pid) for pid in story.pids())


def test_a_child_that_ignores_term_is_killed_after_its_grace() -> None:
    story = Story()
    stubborn = Child(
        "stubborn",
        ("/bin/sh", "-c", "trap '' TERM; echo here; while :; do sleep 600; done"),
        stop_grace_s=0.2,
    )
    story.when("line", "stubborn", terminate_us)

    supervise(story).run([stubborn])

    assert story.of("killed") == ["stubborn"]
    assert not any(alive(pid) for pid in story.pids())


def test_a_second_signal_cuts_the_waiting_short() -> None:
    story = Story()
    stubborn = Child(
        "stubborn",
        ("/bin/sh", "-c", "trap '' TERM; echo here; while :; do sleep 600; done"),
        stop_grace_s=3600.0,
    )
    story.when("line", "stubborn", terminate_us)
    story.when("stopping", "stubborn", terminate_us)

    supervise(story).run([stubborn])

    assert story.of("killed") == ["stubborn"]


def test_what_a_dead_child_leaves_in_its_group_is_killed_with_it(tmp_path: Path) -> None:
    story = Story()
    note = tmp_path / "grandchild"
    script = f"sleep 600 & echo $! > {note}; echo here; wait"
    story.when("line", "parent", lambda e: os.kill(e.pid or 0, signal.SIGKILL))
    story.when("exited", "parent", terminate_us)

    supervise(story).run([Child("parent", ("/bin/sh", "-c", script))])

    grandchild = int(note.read_text())
    wait_until(lambda: not alive(grandchild))


def test_a_condition_ends_a_one_shot_run() -> None:
    story = Story()
    once = Child("once", ("/bin/sh", "-c", "echo report; exit 1"), restart=False)

    ended = supervise(story).run(
        [Child("server", STAY), once], until=lambda: "once" in story.of("exited")
    )

    assert ended == Ended("condition")
    assert [e.code for e in story.events if (e.kind, e.child) == ("exited", "once")] == [1]
    assert story.of("restarting") == []


def test_nothing_left_to_run_ends_the_run() -> None:
    story = Story()

    ended = supervise(story).run([Child("once", ("/bin/true",), restart=False)])

    assert ended == Ended("all_exited")


def test_a_program_that_does_not_exist_is_reported_by_its_code() -> None:
    story = Story()

    supervise(story).run([Child("typo", ("/nonexistent/program",), restart=False)])

    assert [e.code for e in story.events if e.kind == "exited"] == [127]


def test_lines_are_whole_also_the_last_one_without_an_end_and_undecodable_ones() -> None:
    story = Story()
    child = Child("writer", ("/bin/sh", "-c", r"printf 'é\r\n\377\nlast'"), restart=False)

    supervise(story).run([child])

    assert [e.line for e in story.events if e.kind == "line"] == ["é", "\ufffd", "last"]


def test_a_child_that_writes_much_and_ends_loses_no_line() -> None:
    story = Story()
    child = Child("writer", ("/bin/sh", "-c", "seq 1 50000"), restart=False)

    supervise(story).run([child])

    assert [e.line for e in story.events if e.kind == "line"] == [str(n) for n in range(1, 50001)]


def test_two_children_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two children of one name"):
        supervise(Story()).run([Child("a", STAY), Child("a", STAY)])


def test_a_listener_that_raises_leaves_no_child() -> None:
    story = Story()

    def fail(_event: Event) -> None:
        raise RuntimeError("listener broke")

    story.when("line", "b", fail)
    story.when("stopping", "b", fail)

    with pytest.raises(RuntimeError, match="listener broke"):
        supervise(story).run([Child("a", STAY), Child("b", STAY)])

    assert not any(alive(pid) for pid in story.pids())


def test_signal_handlers_are_given_back() -> None:
    before = [signal.getsignal(s) for s in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)]

    supervise(Story()).run([Child("once", ("/bin/true",), restart=False)])

    after = [signal.getsignal(s) for s in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)]
    assert after == before


def test_children_do_not_outlive_a_supervisor_killed_with_9(tmp_path: Path) -> None:
    program = textwrap.dedent(
        """
        import sys
        from ops.processes import Child, Supervisor
        def tell(event):
            if event.kind == "started":
                print(event.pid, flush=True)
        stubborn = ("/bin/sh", "-c", "trap '' TERM HUP INT; while :; do sleep 600; done")
        Supervisor(tell).run([Child("a", ("sleep", "600")), Child("b", stubborn)])
        """
    )
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=root, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pids = [int(parent.stdout.readline()) for _ in range(2)]
        assert all(alive(pid) for pid in pids)
        parent.kill()
        wait_until(lambda: not any(alive(pid) for pid in pids))


def test_each_child_leads_its_own_session() -> None:
    story = Story()
    sessions: list[bool] = []
    story.when("line", "a", lambda e: sessions.append(os.getsid(e.pid or 0) == e.pid))
    story.when("line", "a", terminate_us)

    supervise(story).run([Child("a", STAY)])

    assert sessions == [True]


@pytest.mark.parametrize(
    ("failure_count", "jitter", "expected_s"),
    [(1, 0.0, 0.25), (1, 1.0, 0.5), (2, 0.0, 0.5), (3, 0.0, 1.0), (8, 0.0, 15.0), (900, 1.0, 30.0)],
)
def test_delays_double_up_to_a_limit_and_keep_at_least_half(
    failure_count: int, jitter: float, expected_s: float
) -> None:
    assert Backoff().delay_s(failure_count, jitter) == pytest.approx(expected_s)


def test_a_child_that_ran_steadily_is_restarted_as_after_a_first_failure() -> None:
    story = Story()
    now_s = 0.0

    def clock() -> float:
        return now_s

    def run_for_a_minute_then_die(event: Event) -> None:
        nonlocal now_s
        now_s += 61.0
        os.kill(event.pid or 0, signal.SIGKILL)

    def let_the_delay_pass(event: Event) -> None:
        nonlocal now_s
        now_s += event.delay_s or 0.0

    for nth in (1, 2):
        story.when("line", "a", run_for_a_minute_then_die, nth=nth)
        story.when("restarting", "a", let_the_delay_pass, nth=nth)
    story.when("line", "a", terminate_us, nth=3)

    Supervisor(story, backoff=QUICK, clock=clock, jitter=lambda: 0.0).run([Child("a", STAY)])

    assert [e.delay_s for e in story.events if e.kind == "restarting"] == [0.01, 0.01]


def test_printed_lines_carry_the_name_of_the_child(capsys: pytest.CaptureFixture[str]) -> None:
    tell = line_printer()

    tell(Event("line", "poll", line="hello"))
    tell(Event("restarting", "poll", delay_s=0.25))

    assert capsys.readouterr().err.splitlines() == [
        "poll           | hello",
        "poll           | starts again in 0.2 s",
    ]


def test_a_child_s_environment_is_not_shown() -> None:
    assert "hunter2" not in repr(Child("a", ("x",), env={"PASSWORD": "hunter2"}))
