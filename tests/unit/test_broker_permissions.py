"""What each role may do on the broker, and how it is written down."""

from __future__ import annotations

import re
import shlex

import pytest

from ops.broker.permissions import NOTHING, UnknownRoleError, as_rabbitmqctl, grants
from schemas.wire.topology import Ending, outcome_key, routing_key, topology

CHAPTERS = [("quickbooks_online", "montreal"), ("quickbooks_online", "quebec")]
MONTREAL = "consume:quickbooks_online.montreal"


def queues(pattern: str) -> list[str]:
    return [queue.name for queue in topology(CHAPTERS).queues if re.search(pattern, queue.name)]


def exchanges(pattern: str) -> list[str]:
    return [e.name for e in topology(CHAPTERS).exchanges if re.search(pattern, e.name)]


def test_the_poller_writes_records_and_dead_letters_and_reads_nothing() -> None:
    poll = grants("poll")

    assert exchanges(poll.write) == ["membri.dead", "membri.records"]
    assert (poll.configure, queues(poll.read)) == (NOTHING, [])


def test_the_settler_reads_its_queue_and_writes_dead_letters_alone() -> None:
    settle = grants("settle")

    assert queues(settle.read) == ["membri.settle"]
    assert (settle.configure, exchanges(settle.write)) == (NOTHING, ["membri.dead"])


def test_a_consumer_reads_its_own_queue_and_writes_outcomes_and_dead_letters() -> None:
    consumer = grants(MONTREAL)

    assert queues(consumer.read) == ["membri.quickbooks_online.montreal"]
    assert exchanges(consumer.write) == ["membri.dead", "membri.outcomes"]
    assert consumer.configure == NOTHING


def test_a_consumer_speaks_for_its_own_chapter_only() -> None:
    outcomes, dead = grants(MONTREAL).topics
    own = outcome_key("invoice", "quickbooks_online", "montreal", Ending.TRANSFERRED)
    other = outcome_key("invoice", "quickbooks_online", "quebec", Ending.TRANSFERRED)

    assert re.search(outcomes.write, own)
    assert not re.search(outcomes.write, other)
    assert re.search(dead.write, routing_key("invoice", "quickbooks_online", "montreal"))
    assert re.search(dead.write, "unknown.unknown.unknown")
    assert not re.search(dead.write, routing_key("invoice", "quickbooks_online", "quebec"))


def test_a_chapter_s_name_is_not_read_as_a_pattern() -> None:
    consumer = grants("consume:sage_50.a-b")

    assert re.search(consumer.read, "membri.sage_50.a-b")
    assert not re.search(consumer.read, "membri_sage_50_a-b")


def test_the_operator_may_use_and_declare_all_of_ours_and_nothing_else() -> None:
    operator = grants("operator")

    assert len(queues(operator.read)) == len(topology(CHAPTERS).queues)
    assert not re.search(operator.configure, "amq.topic")
    assert not re.search(operator.write, "other.exchange")


@pytest.mark.parametrize(
    "role",
    ["", "poller", "consume", "consume:", "consume:sage_50", "consume:a.b.c", "consume:.*.x"],
)
def test_an_unknown_role_is_refused_with_the_choices(role: str) -> None:
    with pytest.raises(UnknownRoleError, match=r"poll, settle, operator or consume"):
        grants(role)


def test_the_lines_for_rabbitmqctl_survive_a_shell() -> None:
    granted = grants(MONTREAL)

    lines = [shlex.split(line) for line in as_rabbitmqctl(granted, vhost="a b")]

    assert lines[0][:5] == [
        "rabbitmqctl",
        "set_permissions",
        "-p",
        "a b",
        "membri-consume-quickbooks_online-montreal",
    ]
    assert lines[0][5:] == [granted.configure, granted.write, granted.read]
    assert [line[1] for line in lines[1:]] == ["set_topic_permissions"] * 2
