"""One private RabbitMQ node for a whole test run, and a vhost of its own for each test.

The first test that asks starts the node; with pytest-xdist the workers share it. It belongs to the
run (the process that started the workers), not to a worker: it ends when that process ends, however
that happens. A missing rabbitmq-server is an error, never a skip.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ops.broker.layout import NodeAddress, node_address
from ops.broker.management import delete_vhost, management_client, put_permissions, put_vhost
from ops.broker.readiness import amqp_ready

ROOT = Path(__file__).resolve().parents[1]
START_TIMEOUT_S = 120.0


@dataclass(frozen=True)
class BrokerNode:
    """A broker to test against: `url` leads to a vhost that is empty at the start of the test."""

    url: str
    management_url: str
    vhost: str
    user: str
    password: str = field(repr=False)
    address: NodeAddress


@pytest.fixture(scope="session")
def shared_node(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> NodeAddress:
    """The node of this run, started when it is not there yet. Its queues are everyone's."""
    worker = getattr(request.config, "workerinput", None)
    base_temp = tmp_path_factory.getbasetemp()
    run_temp = base_temp if worker is None else base_temp.parent
    owner_pid = os.getpid() if worker is None else os.getppid()
    base_dir = run_temp / "broker"
    base_dir.mkdir(exist_ok=True)
    with (run_temp / "broker.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        address = node_address(base_dir)
        if not amqp_ready(address.amqp_port):
            _start(base_dir, address, owner_pid)
    return address


@pytest.fixture
def broker_node(shared_node: NodeAddress) -> Iterator[BrokerNode]:
    """The shared node with a new vhost, removed after the test."""
    vhost = f"test-{uuid.uuid4().hex[:12]}"
    user, password = shared_node.user, shared_node.password
    with management_client(shared_node.management_url, user, password) as api:
        put_vhost(api, vhost)
        put_permissions(api, vhost, user, configure=".*", write=".*", read=".*")
        yield BrokerNode(
            url=shared_node.url_of(vhost),
            management_url=shared_node.management_url,
            vhost=vhost,
            user=user,
            password=password,
            address=shared_node,
        )
        delete_vhost(api, vhost)


def _start(base_dir: Path, address: NodeAddress, owner_pid: int) -> None:
    log = base_dir / "node.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "ops.broker.node",
                "--base",
                str(base_dir),
                "--until-exit-of",
                str(owner_pid),
            ],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_TIMEOUT_S
    while not amqp_ready(address.amqp_port):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise RuntimeError(f"no RabbitMQ for the tests: {log.read_text()[-2000:]}")
        time.sleep(0.1)
    # It lives on until the run ends; its destructor must not complain about that.
    process.returncode = 0
