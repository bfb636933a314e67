"""Threads, chapters and processes that work on Sage at the same time."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from consumers.errors import Unavailable
from consumers.systems._tokens import Token, Tokens
from consumers.systems.sage_accounting.tokens import tokens_of
from ops.sandbox.sage_accounting import default_company
from schemas.reasons import SystemReason
from tests.contracts.conformance_sage_accounting import BUSINESS, OTHER_BUSINESS, SageBench
from tests.contracts.conformance_world import Delivery, a_credit_note, an_account, an_invoice
from tests.integration.sage_accounting_books import billed

pytest_plugins = ["tests.fixtures_sage_accounting"]


def all_at_once(calls: list[Callable[[], object]]) -> list[BaseException]:
    """Runs each in a thread of its own; what failed."""
    failed: list[BaseException] = []
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> None:
        start.wait(10)
        try:
            call()
        except BaseException as error:  # noqa: BLE001 — what failed is what is tested
            failed.append(error)

    threads = [threading.Thread(target=run, args=(one,)) for one in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failed


@contextmanager
def held(lock: object) -> Iterator[None]:
    """Another thread holds the lock inside."""
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:  # type: ignore[attr-defined]  # a lock of either kind
            entered.set()
            leave.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert entered.wait(10)
        yield
    finally:
        leave.set()
        thread.join()


def test_no_two_creations_of_what_sage_numbers_ever_overlap(bench: SageBench) -> None:
    """The sandbox counts an overlap as an offence, and answers it as Sage may: with a 500."""
    holder, invoice, ref = billed(bench)
    bench.options.change({"parallel_posts": "500", "numbering_s": 0.03})
    account = invoice.account
    customers = [Delivery(an_account()) for _ in range(4)]
    invoices = [Delivery(an_invoice(account), holder) for _ in range(4)]
    notes = [Delivery(a_credit_note(invoice, "1.00"), holder, {invoice.id: ref}) for _ in range(4)]
    everything = [*customers, *invoices, *notes]
    system = bench.connector(requests_per_s=20, timeout_s=120)  # virtual time runs in each thread

    def each(mine: list[Delivery]) -> None:
        for one in mine:
            one.attempt(system)

    assert all_at_once([lambda n=n: each(everything[n::4]) for n in range(4)]) == []
    assert [bench.held(one.record).count for one in everything] == [1] * 12


def test_the_sandbox_would_have_seen_an_overlap(bench: SageBench) -> None:
    bench.excused.add("parallel_post")
    bench.options.change({"parallel_posts": "500", "numbering_s": 0.2})
    connectors = [bench.connector() for _ in range(2)]  # two processes, which the lease prevents
    failed = all_at_once(
        [lambda one=one: one.transfer(Delivery(an_account()).task()) for one in connectors]
    )
    assert len(failed) == 1
    assert "parallel_post" in [one["code"] for one in bench.sandbox.offences.all()]


def test_two_companies_of_one_user_share_the_token_file(bench: SageBench) -> None:
    """Each renewal ends the former tokens: two files of one user would end each other."""
    if OTHER_BUSINESS not in bench.sandbox.companies.businesses():
        bench.sandbox.seed({"businesses": {OTHER_BUSINESS: default_company("Club des Bouleaux")}})
    bench.accountant(businesses=[BUSINESS, OTHER_BUSINESS])
    first, second = bench.connector(), bench.connector(business_id=OTHER_BUSINESS)
    for _ in range(3):
        bench.time.sleep(400)
        assert all_at_once([first.probe, second.probe]) == []
    assert {first.probe().company, second.probe().company} == {
        "Association des Érables",
        "Club des Bouleaux",
    }
    account = an_account()
    second.transfer(Delivery(account).task())
    assert bench.held(account).count == 0, "it went to the other company"


def test_a_renewal_that_hangs_keeps_nobody_longer_than_its_time(bench: SageBench) -> None:
    def never(_: Token) -> Token:
        raise AssertionError("asked while another renewal runs")

    tokens = Tokens(
        "montreal",
        bench.token_file,
        never,
        service="Sage",
        renew_before_s=60,
        wait_max_s=0.05,
        clock=lambda: 4_000_000_000.0,
    )
    with held(tokens._lock), pytest.raises(Unavailable) as info:
        tokens.current()
    assert info.value.reason is SystemReason.UNREACHABLE


def test_a_full_disk_is_known_before_the_former_tokens_are_given_up(bench: SageBench) -> None:
    """A file that holds nothing fits on a full disk; new tokens would not, and be lost."""
    code = (
        "import resource, sys; from pathlib import Path;"
        " from consumers.errors import Unavailable;"
        " from consumers.systems._tokens import Tokens;"
        " resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64));"
        " ask = lambda token: sys.exit('asked the vendor');"
        " tokens = Tokens('m', Path(sys.argv[1]), ask, service='Sage', renew_before_s=60,"
        " wait_max_s=1)\n"
        "try: tokens.current()\n"
        "except Unavailable as error: print(error)"
    )
    bench.authorise(expires_at=1)
    before = bench.token_file.read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", code, str(bench.token_file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "cannot be written" in done.stdout, done.stderr
    assert bench.token_file.read_bytes() == before
    left = {one.name for one in bench.folder.iterdir()} - {bench.token_file.name}
    assert left <= {f".{bench.token_file.name}.lock"}


def test_lists_that_another_thread_reads_keep_nobody_longer_than_its_time(
    bench: SageBench,
) -> None:
    system = bench.connector(timeout_s=0.05)
    with held(system._lists._lock), pytest.raises(Unavailable, match="still being read"):
        system.check(an_account())


@pytest.mark.parametrize("told", ["300", "300.0", '"300"', "null", '"soon"', '"inf"'])
def test_new_tokens_are_kept_whatever_is_told_of_their_life(bench: SageBench, told: str) -> None:
    """The former ones are dead by then: losing these would need a person."""
    body = f'{{"access_token": "a", "refresh_token": "r", "expires_in": {told}}}'
    bench.sandbox.faults.arm(kind="status", status=200, body=body, path="/token")
    bench.time.sleep(400)
    tokens = tokens_of("m", bench.connection(), clock=bench.time.clock)
    assert tokens.current().access_token == "a"
    assert tokens.current().access_token == "a", "it lives five minutes: no second renewal"
    assert json.loads(bench.token_file.read_text(encoding="utf-8"))["refresh_token"] == "r"
