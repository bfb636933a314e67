"""One client a thread, and failures in the port's own terms."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import pytest

from consumers.errors import OutcomeUnknown, Rejected, Transient, Unavailable
from consumers.systems._connector import (
    Clients,
    nothing_repeated,
    only_unavailable,
    or_unavailable,
)
from schemas.reasons import Reason, SystemReason


@dataclass
class Client:
    wrote: bool = False
    closed: bool = False

    def close(self) -> None:
        self.closed = True


def test_each_thread_has_its_own_client_and_keeps_it():
    made: list[Client] = []
    clients = Clients(lambda: made.append(Client()) or made[-1])
    seen = [clients.mine(), clients.mine()]
    thread = threading.Thread(target=lambda: seen.append(clients.mine()))
    thread.start()
    thread.join()

    assert seen[0] is seen[1]
    assert seen[2] is not seen[0]
    clients.close()
    assert [one.closed for one in made] == [True, True]
    assert clients.mine() not in seen


UNREAD = Transient("half an answer", retry_after_s=3)
CLOSED = Unavailable(SystemReason.THROTTLED, "too many")
REFUSED = Rejected(Reason.UNKNOWN_ACCOUNT, detail="4100")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (UNREAD, SystemReason.UNREACHABLE),
        (REFUSED, SystemReason.MISCONFIGURED),
        (CLOSED, SystemReason.THROTTLED),
    ],
)
def test_a_question_about_the_company_fails_no_record(error, reason):
    with pytest.raises(Unavailable) as told, only_unavailable():
        raise error
    assert told.value.reason is reason
    assert error.detail in told.value.detail


def test_a_question_about_a_record_may_be_refused():
    with pytest.raises(Rejected), or_unavailable():
        raise REFUSED
    with pytest.raises(Unavailable) as told, or_unavailable():
        raise UNREAD
    assert told.value.reason is SystemReason.UNREACHABLE


@pytest.mark.parametrize("error", [UNREAD, CLOSED])
def test_what_fails_after_a_write_is_found_out_and_not_repeated(error):
    with pytest.raises(type(error)), nothing_repeated(Client(wrote=False)):
        raise error
    with pytest.raises(OutcomeUnknown) as told, nothing_repeated(Client(wrote=True)):
        raise error
    assert error.detail in told.value.detail


def test_a_refusal_after_a_write_stays_a_refusal():
    with pytest.raises(Rejected), nothing_repeated(Client(wrote=True)):
        raise REFUSED
