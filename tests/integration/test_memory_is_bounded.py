"""A backlog is streamed: the real processes hold one batch of it, whatever its length.

The full measurement is tests/benchmarks/memory.py; here is the part of it that fails at once when
somebody reads all of a backlog into memory. An invoice read into objects takes about 40 KB.
"""

from __future__ import annotations

from pathlib import Path

from schemas.wire.rabbit import RabbitBroker
from schemas.wire.topology import topology
from tests.benchmarks.memory import consumer_mb, poller_mb
from tests.benchmarks.rows import SLUG, SYSTEM
from tests.fixtures_broker import BrokerNode

COUNT = 3000


def test_a_consumer_holds_one_batch_of_a_long_queue(
    broker_node: BrokerNode, tmp_path: Path
) -> None:
    found = consumer_mb(COUNT, tmp_path / "consumer", _with_queues(broker_node))
    assert found["growth_mb"] < 60, found


def test_a_poller_holds_one_page_of_what_is_to_transfer(
    broker_node: BrokerNode, tmp_path: Path
) -> None:
    found = poller_mb(COUNT, tmp_path / "poller", _with_queues(broker_node))
    assert found["growth_mb"] < 25, found


def _with_queues(node: BrokerNode) -> str:
    RabbitBroker(node.url, client_name="test").apply(topology([(SYSTEM, SLUG)]))
    return node.url
