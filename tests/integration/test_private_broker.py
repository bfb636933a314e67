"""The private RabbitMQ node: comes back, belongs to its parent, stays on loopback."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pika
import pytest

from ops.broker.layout import BrokerNotInstalledError, BrokerStartError, node_address, service_user
from ops.broker.node import PrivateNode, keep_declarations
from ops.broker.readiness import PORTS, amqp_ready, free_ports
from ops.processes import Backoff, Child, Event, Supervisor

ROOT = Path(__file__).resolve().parents[2]


def entry_point(base_dir: Path, *more: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "ops.broker.node", "--base", str(base_dir), *more)


def wait_until(true: Callable[[], object], timeout_s: float = 90.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


def processes_of(base_dir: Path) -> list[int]:
    """RabbitMQ's and epmd's processes of this node: those that carry its directory."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            name = (entry / "cmdline").read_bytes().split(b"\0", 1)[0].rsplit(b"/", 1)[-1]
            ours = f"HOME={base_dir}/home\0".encode() in (entry / "environ").read_bytes()
        except OSError:
            continue
        if ours and name in (b"beam.smp", b"epmd"):
            found.append(int(entry.name))
    return found


def declare(url: str, queue: str) -> None:
    connection = pika.BlockingConnection(pika.URLParameters(url))
    connection.channel().queue_declare(queue, durable=True, arguments={"x-queue-type": "quorum"})
    connection.close()


def publish_confirmed(url: str, queue: str, body: bytes) -> None:
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    channel.confirm_delivery()
    channel.basic_publish("", queue, body, mandatory=True)
    connection.close()


def take(url: str, queue: str) -> bytes:
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    body: bytes
    _, _, body = next(channel.consume(queue))
    connection.close()
    return body


@pytest.fixture(scope="module")
def own_node() -> Iterator[PrivateNode]:
    """A node in a directory that other users can walk to, as below a checkout."""
    base_dir = Path(tempfile.mkdtemp(prefix="membri-broker-"))
    base_dir.chmod(0o755)
    with (base_dir / "output").open("wb") as output, PrivateNode(base_dir, output=output) as node:
        yield node
    shutil.rmtree(base_dir)


def test_a_node_started_by_root_runs_as_an_unprivileged_user(own_node: PrivateNode) -> None:
    owners = {Path(f"/proc/{pid}").stat().st_uid for pid in own_node.pids}
    user = service_user(own_node.base_dir)

    assert owners == {user.uid if user else os.geteuid()}
    assert 0 not in owners or os.geteuid() == 0


def test_a_node_listens_on_loopback_only(own_node: PrivateNode) -> None:
    listening = [
        line.split()[1].split(":")
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
        if line.split()[3] == "0A"
    ]
    ours = [address for address, port in listening if int(port, 16) in own_node.address.ports]

    assert len(ours) >= len(own_node.address.ports)
    assert set(ours) <= {"0100007F", "00000000000000000000000001000000"}


def test_rabbitmqctl_listens_on_loopback_only(own_node: PrivateNode) -> None:
    # Evaluated by the node, while the program that asked is there and listens to it.
    listening = own_node.ctl(
        "eval",
        """[os:cmd("grep -hi ':" ++ integer_to_list(Port, 16) ++ " .* 0A ' /proc/net/tcp*")
            || Asking <- nodes(hidden),
            [Name, Host] <- [string:tokens(atom_to_list(Asking), "@")],
            {port, Port, _} <- [erl_epmd:port_please(Name, Host)]].""",
    )
    [address] = re.findall(r"\d+: ([0-9A-F]+):", listening)
    assert address == "0100007F"


def test_management_and_metrics_answer(own_node: PrivateNode) -> None:
    address = own_node.address
    overview = httpx2.get(
        f"{address.management_url}/api/overview", auth=(address.user, address.password)
    )

    assert overview.json()["node"] == address.node_name
    assert "rabbitmq_identity_info" in httpx2.get(address.prometheus_url).text
    assert own_node.ctl("list_vhosts", "--quiet").split() == ["name", "/"]


def test_the_password_is_random_kept_privately_and_never_shown(own_node: PrivateNode) -> None:
    kept = own_node.base_dir / "node.json"
    password = own_node.address.password

    assert len(password) >= 32
    assert kept.stat().st_mode & 0o777 == 0o600
    assert (own_node.base_dir / "rabbitmq.conf").stat().st_mode & 0o777 == 0o600
    assert password not in repr(own_node.address)
    assert password not in (own_node.base_dir / "output").read_text()


def test_a_second_node_in_the_same_directory_is_refused(own_node: PrivateNode) -> None:
    answer = subprocess.run(
        entry_point(own_node.base_dir), cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert answer.returncode == 3
    assert f"another node runs in {own_node.base_dir}" in answer.stderr
    assert amqp_ready(own_node.address.amqp_port)


def test_a_killed_node_returns_on_the_same_address_with_its_data(own_node: PrivateNode) -> None:
    url = own_node.url
    declare(url, "kept")
    keep_declarations(own_node.base_dir)
    publish_confirmed(url, "kept", b"still here")
    os.kill(own_node.pids[0], signal.SIGKILL)
    wait_until(own_node.exited)

    own_node.restart()

    assert own_node.url == url
    assert PrivateNode(own_node.base_dir).url == url
    assert take(url, "kept") == b"still here"


def test_a_queue_declared_just_before_a_kill_can_be_used_again(own_node: PrivateNode) -> None:
    declare(own_node.url, "fresh")
    os.kill(own_node.pids[0], signal.SIGKILL)
    wait_until(own_node.exited)

    own_node.restart()

    publish_confirmed(own_node.url, "fresh", b"works")
    assert take(own_node.url, "fresh") == b"works"


def test_a_first_start_cut_short_leaves_a_node_that_can_be_started(tmp_path: Path) -> None:
    base_dir = tmp_path / "node"
    # Given a start that is killed as soon as RabbitMQ has begun its database
    with subprocess.Popen(
        entry_point(base_dir), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        wait_until(lambda: list((base_dir / "data").glob("*/*")))
        process.kill()
    wait_until(lambda: not processes_of(base_dir))

    with PrivateNode(base_dir, output=subprocess.DEVNULL) as node:
        declare(node.url, "first")
        publish_confirmed(node.url, "first", b"works")
        assert take(node.url, "first") == b"works"


def test_under_a_supervisor_it_returns_after_each_kill_and_stops_cleanly(tmp_path: Path) -> None:
    address = node_address(tmp_path)
    events: list[Event] = []
    victims = [
        lambda pid: pid,  # the supervised process itself
        lambda _: next(p for p in processes_of(tmp_path) if is_named(p, "beam.smp")),
        lambda _: next(p for p in processes_of(tmp_path) if is_named(p, "epmd")),
    ]

    def node_pid() -> int:
        started = [e for e in events if (e.kind, e.child) == ("started", "broker")]
        return started[-1].pid or 0

    killed: list[int] = []

    def step() -> bool:
        """Kill the next victim once the node is back; true when all three had their turn."""
        deaths = sum(event.kind == "exited" for event in events)
        if deaths < len(killed) or not amqp_ready(address.amqp_port):
            return False
        if len(killed) == len(victims):
            return True
        if not killed:
            declare(address.url, "kept")
            keep_declarations(tmp_path)
            publish_confirmed(address.url, "kept", b"through three kills")
        killed.append(victims[len(killed)](node_pid()))
        os.kill(killed[-1], signal.SIGKILL)
        return False

    node = Child(
        "broker",
        entry_point(tmp_path),
        cwd=ROOT,
        ready=lambda: amqp_ready(address.amqp_port),
        stop_grace_s=60.0,
    )
    observer = Child("observer", ("/bin/sh", "-c", "exec sleep 600"))
    bodies: list[bytes] = []

    deadline = time.monotonic() + 180.0

    def until() -> bool:
        assert time.monotonic() < deadline, events
        if not step():
            return False
        bodies.append(take(address.url, "kept"))
        return True

    ended = Supervisor(events.append, backoff=Backoff(first_s=0.1)).run(
        [node, observer], until=until
    )

    assert ended.reason == "condition"
    assert bodies == [b"through three kills"]
    codes = [e.code for e in events if (e.kind, e.child) == ("exited", "broker")]
    assert codes[0] == -signal.SIGKILL
    assert [code in (1, 3) for code in codes[1:-1]] == [True, True]  # 3: still starting
    assert codes[-1] == 0
    assert [e.child for e in events if e.kind == "killed"] == []
    assert processes_of(tmp_path) == []


def is_named(pid: int, name: str) -> bool:
    return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].endswith(name.encode())


def test_nothing_is_left_when_the_parent_is_killed_with_9(tmp_path: Path) -> None:
    address = node_address(tmp_path)
    with subprocess.Popen(
        entry_point(tmp_path), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        wait_until(lambda: amqp_ready(address.amqp_port))
        assert len(processes_of(tmp_path)) == 2
        process.kill()
    wait_until(lambda: not processes_of(tmp_path))


def test_a_node_ends_with_the_process_it_was_told_to_watch(tmp_path: Path) -> None:
    address = node_address(tmp_path)
    with (
        subprocess.Popen(["sleep", "600"]) as owner,
        subprocess.Popen(
            entry_point(tmp_path, "--until-exit-of", str(owner.pid)),
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process,
    ):
        wait_until(lambda: amqp_ready(address.amqp_port))
        owner.kill()
        assert process.wait(timeout=60) == 0
    assert processes_of(tmp_path) == []


def test_a_port_taken_by_another_program_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.broker.node.PORTS_FREED_S", 0.2)
    port = node_address(tmp_path).management_port
    with (
        socket.create_server(("127.0.0.1", port)),
        pytest.raises(BrokerStartError, match=f"port {port} of .*node.json is taken"),
    ):
        PrivateNode(tmp_path).start()
    assert processes_of(tmp_path) == []


def test_without_rabbitmq_the_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ops.broker.node.SCRIPTS", tmp_path)

    with pytest.raises(BrokerNotInstalledError, match="apt-get install rabbitmq-server"):
        PrivateNode(tmp_path).start()


def test_a_damaged_address_file_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "node.json").write_text('{"amqp_port": 1}')

    with pytest.raises(BrokerStartError, match=f"remove {tmp_path} to start anew"):
        PrivateNode(tmp_path)


def test_ports_are_outside_the_range_of_outgoing_connections() -> None:
    low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])

    assert PORTS.stop <= low
    assert len(set(free_ports(5))) == 5
