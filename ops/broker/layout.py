"""What a private node keeps on disk, and the environment its programs run in.

In: a base directory. Out: `NodeAddress`, the configuration files and the environment. The address
is made once and read back later, so a node that was killed returns where its clients look for it.
Refuses: a `node.json` it cannot read.
"""

from __future__ import annotations

import json
import os
import pwd
import secrets
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ops.broker.readiness import free_ports

PACKAGE = "rabbitmq-server"
_NODE_FILE = "node.json"

# No busy-waiting schedulers: an idle node otherwise spins some per cent of a core.
_ERLANG_ARGS = "+sbwt none +sbwtdcpu none +sbwtdio none"

_CONFIGURATION = """\
listeners.tcp.1 = 127.0.0.1:{amqp_port}
management.tcp.ip = 127.0.0.1
management.tcp.port = {management_port}
prometheus.tcp.ip = 127.0.0.1
prometheus.tcp.port = {prometheus_port}
default_user = {user}
default_pass = {password}
loopback_users = none
log.console = true
log.console.level = warning
log.file = false
collect_statistics_interval = 30000
vm_memory_high_watermark.absolute = 2GB
disk_free_limit.absolute = 500MB
"""


class BrokerNotInstalledError(RuntimeError):
    """RabbitMQ's programs are not on this machine."""

    def __init__(self) -> None:
        super().__init__(
            f"{PACKAGE} is not installed; run ops/setup, or: apt-get install {PACKAGE}"
        )


class BrokerStartError(RuntimeError):
    """The node could not be started; the text says why."""


@dataclass(frozen=True)
class NodeAddress:
    """Where a private node listens and who may enter."""

    amqp_port: int
    management_port: int
    prometheus_port: int
    epmd_port: int
    distribution_port: int
    user: str
    password: str = field(repr=False)

    @property
    def ports(self) -> tuple[int, ...]:
        """Every port the node and its epmd listen on."""
        return (
            self.amqp_port,
            self.management_port,
            self.prometheus_port,
            self.epmd_port,
            self.distribution_port,
        )

    @property
    def node_name(self) -> str:
        """Erlang's name of the node; a port in it keeps nodes of one machine apart."""
        return f"membri{self.amqp_port}@localhost"

    @property
    def url(self) -> str:
        """AMQP address of the default vhost, user and password included."""
        return self.url_of("%2F")

    def url_of(self, vhost: str) -> str:
        """AMQP address of a vhost whose name is given percent-encoded."""
        return f"amqp://{self.user}:{self.password}@127.0.0.1:{self.amqp_port}/{vhost}"

    @property
    def management_url(self) -> str:
        """Base of the management HTTP API, without the password."""
        return f"http://127.0.0.1:{self.management_port}"

    @property
    def prometheus_url(self) -> str:
        """Where the node's own metrics are read."""
        return f"http://127.0.0.1:{self.prometheus_port}/metrics"


@dataclass(frozen=True)
class ServiceUser:
    """The unprivileged account a node started by root runs as."""

    uid: int
    gid: int


def node_address(base_dir: Path) -> NodeAddress:
    """The address kept in the base directory, made at the first call.

    Raises BrokerStartError when the file is not one of ours.
    """
    path = base_dir / _NODE_FILE
    if not path.exists():
        base_dir.mkdir(parents=True, exist_ok=True)
        amqp, management, prometheus, epmd, distribution = free_ports(5)
        address = NodeAddress(
            amqp_port=amqp,
            management_port=management,
            prometheus_port=prometheus,
            epmd_port=epmd,
            distribution_port=distribution,
            user="membri-sync",
            password=secrets.token_urlsafe(24),
        )
        _write_private(path, json.dumps(asdict(address), indent=1))
    try:
        return NodeAddress(**json.loads(path.read_text()))
    except (ValueError, TypeError) as exc:
        raise BrokerStartError(
            f"{path} is not readable as a node's address; remove {base_dir} to start anew"
        ) from exc


def service_user(base_dir: Path) -> ServiceUser | None:
    """Whom a node started by root should run as: None to stay as we are.

    Another user must be able to walk to the directory. Below a private directory (root's home, a
    test's temporary files) the node stays root, which RabbitMQ allows.
    """
    if os.geteuid() != 0:
        return None
    if any(not directory.stat().st_mode & 0o001 for directory in (base_dir, *base_dir.parents)):
        return None
    for name in ("rabbitmq", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return ServiceUser(entry.pw_uid, entry.pw_gid)
    return None


def prepare(base_dir: Path, address: NodeAddress, user: ServiceUser | None) -> None:
    """Write what the node reads. Data of a node that never became ready is thrown away.

    A first start that was killed half-way can leave a database without its user, which RabbitMQ
    does not add later; nobody can have stored anything in it.
    """
    if not (base_dir / "initialised").exists():
        shutil.rmtree(base_dir / "data", ignore_errors=True)
    for name in ("home", "data", "log"):
        (base_dir / name).mkdir(mode=0o700, exist_ok=True)
    cookie = base_dir / "home" / ".erlang.cookie"
    if not cookie.exists():
        _write_private(cookie, secrets.token_hex(16), mode=0o400)
    _write_private(base_dir / "rabbitmq.conf", _CONFIGURATION.format(**asdict(address)))
    (base_dir / "enabled_plugins").write_text("[rabbitmq_management,rabbitmq_prometheus].\n")
    if os.geteuid() == 0:
        _give_to(base_dir, user or ServiceUser(os.geteuid(), os.getegid()))


def environment(base_dir: Path, address: NodeAddress) -> dict[str, str]:
    """The whole environment of the node's programs; nothing of ours leaks into it."""
    return {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": str(base_dir / "home"),
        # Else /etc/rabbitmq/rabbitmq-env.conf is read.
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_NODENAME": address.node_name,
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(address.amqp_port),
        "RABBITMQ_DIST_PORT": str(address.distribution_port),
        "RABBITMQ_MNESIA_BASE": str(base_dir / "data"),
        "RABBITMQ_LOG_BASE": str(base_dir / "log"),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(base_dir / "enabled_plugins"),
        "RABBITMQ_CONFIG_FILE": str(base_dir / "rabbitmq.conf"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(base_dir / "advanced.config"),
        "RABBITMQ_PID_FILE": str(base_dir / "data" / "pid"),
        # The script then becomes Erlang instead of staying its parent: one process to end, and the
        # kernel's parent-death signal reaches it.
        "RUNNING_UNDER_SYSTEMD": "true",
        "ERL_EPMD_PORT": str(address.epmd_port),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_CRASH_DUMP_SECONDS": "0",
        # Every Erlang program would otherwise start a missing epmd, as a daemon nobody ends; and
        # listen on every address: rabbitmqctl while it runs, `epmd-starter` for an instant.
        "ERL_FLAGS": "-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}",
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": _ERLANG_ARGS,
    }


def _write_private(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a file only its owner reads, whole or not at all."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
    draft.replace(path)


def _give_to(base_dir: Path, user: ServiceUser) -> None:
    """Hand the node its own files: an earlier run may have been another user's."""
    for top in ("home", "data", "log", "rabbitmq.conf", "enabled_plugins"):
        for path in (base_dir / top, *(base_dir / top).rglob("*")):
            os.chown(path, user.uid, user.gid, follow_symlinks=False)
