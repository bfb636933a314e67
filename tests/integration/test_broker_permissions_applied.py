"""A consumer's user on a real broker: its own queue and exchanges, and nothing else."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pika
import pika.adapters.blocking_connection
import pika.exceptions
import pytest

from ops.broker.management import ManagementError, management_client, put_user, put_vhost
from ops.broker.permissions import apply, grants
from schemas.wire.topology import topology
from tests.fixtures_broker import BrokerNode

Channel = pika.adapters.blocking_connection.BlockingChannel
CHAPTERS = [("quickbooks_online", "montreal"), ("quickbooks_online", "quebec")]


@pytest.fixture
def channel_as(broker_node: BrokerNode) -> Iterator[Callable[[str], Channel]]:
    """Opens a channel as the user of a role, with the topology in place."""
    connections: list[pika.BlockingConnection] = []

    def open_channel(role: str) -> Channel:
        granted = grants(role)
        password = secrets.token_urlsafe(12)
        user = f"{granted.user}-{broker_node.vhost}"
        with management_client(
            broker_node.management_url, broker_node.user, broker_node.password
        ) as api:
            apply(api, granted, password=password, vhost=broker_node.vhost, user=user)
        parts = urlsplit(broker_node.url)
        url = parts._replace(netloc=f"{user}:{password}@127.0.0.1:{parts.port}").geturl()
        connections.append(pika.BlockingConnection(pika.URLParameters(url)))
        channel = connections[-1].channel()
        channel.confirm_delivery()
        return channel

    declare_as_operator(open_channel("operator"))
    yield open_channel
    for connection in connections:
        connection.close()


def declare_as_operator(channel: Channel) -> None:
    wanted = topology(CHAPTERS)
    for exchange in wanted.exchanges:
        channel.exchange_declare(
            exchange.name, exchange.kind, durable=True, arguments=dict(exchange.arguments)
        )
    for queue in wanted.queues:
        channel.queue_declare(queue.name, durable=True, arguments=dict(queue.arguments))
    for binding in wanted.bindings:
        channel.queue_bind(binding.queue, binding.exchange, binding.pattern)


def refused(act: Callable[[], object]) -> bool:
    try:
        act()
    except pika.exceptions.ChannelClosedByBroker as closed:
        return closed.reply_code == 403
    return False


def test_a_consumer_reads_its_own_queue_and_no_other(
    channel_as: Callable[[str], Channel],
) -> None:
    channel_as("poll").basic_publish(
        "membri.records", "invoice.quickbooks_online.montreal", b"x", mandatory=True
    )

    own = channel_as("consume:quickbooks_online.montreal")
    _, _, body = next(own.consume("membri.quickbooks_online.montreal"))
    assert body == b"x"

    for queue in ("membri.quickbooks_online.quebec", "membri.settle"):
        other = channel_as("consume:quickbooks_online.montreal")
        assert refused(lambda q=queue, c=other: c.basic_consume(q, lambda *_: None))


def test_a_consumer_cannot_write_records(channel_as: Callable[[str], Channel]) -> None:
    channel = channel_as("consume:quickbooks_online.montreal")

    assert refused(
        lambda: channel.basic_publish("membri.records", "invoice.quickbooks_online.montreal", b"x")
    )


def test_a_consumer_writes_outcomes_and_dead_letters_of_its_own_chapter_only(
    channel_as: Callable[[str], Channel],
) -> None:
    channel = channel_as("consume:quickbooks_online.montreal")
    own = "invoice.quickbooks_online.montreal"
    channel.basic_publish("membri.outcomes", f"{own}.transferred", b"x", mandatory=True)
    channel.basic_publish("membri.dead", own, b"x", mandatory=True)
    channel.basic_publish("membri.dead", "unknown.unknown.unknown", b"x", mandatory=True)

    for exchange, key in (
        ("membri.outcomes", "invoice.quickbooks_online.quebec.transferred"),
        ("membri.dead", "invoice.quickbooks_online.quebec"),
    ):
        channel = channel_as("consume:quickbooks_online.montreal")
        assert refused(lambda c=channel, e=exchange, k=key: c.basic_publish(e, k, b"x"))


def test_declaring_is_refused_to_a_consumer_while_looking_is_allowed(
    channel_as: Callable[[str], Channel],
) -> None:
    channel = channel_as("consume:quickbooks_online.montreal")
    look = channel.queue_declare("membri.quickbooks_online.montreal", passive=True)
    assert look.method.message_count == 0

    assert refused(lambda: channel.queue_declare("membri.mine", durable=True))
    channel = channel_as("consume:quickbooks_online.montreal")
    assert refused(lambda: channel.queue_delete("membri.quickbooks_online.montreal"))


def test_the_settler_reads_what_the_poller_cannot(channel_as: Callable[[str], Channel]) -> None:
    channel_as("consume:quickbooks_online.quebec").basic_publish(
        "membri.dead", "account.quickbooks_online.quebec", b"buried", mandatory=True
    )

    poller = channel_as("poll")
    assert refused(lambda: poller.basic_consume("membri.settle", lambda *_: None))
    _, _, body = next(channel_as("settle").consume("membri.settle"))
    assert body == b"buried"


def test_a_wrong_password_is_an_error_that_does_not_show_it(broker_node: BrokerNode) -> None:
    with (
        management_client(broker_node.management_url, broker_node.user, "guessed") as api,
        pytest.raises(ManagementError, match="HTTP 401") as caught,
    ):
        put_user(api, "someone", "hunter2")

    assert "hunter2" not in str(caught.value)
    assert "guessed" not in str(caught.value)


def test_an_unreachable_broker_is_a_management_error() -> None:
    with (
        management_client("http://127.0.0.1:9", "u", "p") as api,
        pytest.raises(ManagementError, match="ConnectError"),
    ):
        put_vhost(api, "v")
