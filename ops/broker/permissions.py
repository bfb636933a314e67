"""Who may do what on the broker: the least each role needs, as values.

In: a role. Out: `Grants`, and the same as `rabbitmqctl` lines or as calls to the management API.
Refuses: an unknown role, and slugs that cannot be part of a queue's name.

RabbitMQ's three rights: *configure* declares and deletes, *write* publishes to an exchange, *read*
consumes from a queue; each is a regular expression over names. Only the operator declares. A
consumer may run on an accountant's machine: it reads its own queue alone, and topic permissions
keep it from speaking for another chapter.
Source: RabbitMQ's access control guide; tried on 3.10.8 by tests/integration/test_private_broker.py
"""

from __future__ import annotations

import contextlib
import re
import shlex
from dataclasses import dataclass

import httpx2

from ops.broker.management import put_permissions, put_topic_permissions, put_user
from schemas.wire.topology import (
    DEAD,
    OUTCOMES,
    RECORDS,
    SETTLE,
    UNKNOWN,
    Ending,
    routing_key,
    slug,
    work_queue,
)

NOTHING = "^$"
_OURS = r"^membri\."


class UnknownRoleError(ValueError):
    """Not one of poll, settle, operator, consume:<system>.<chapter>."""


@dataclass(frozen=True)
class TopicGrant:
    """The routing keys of one topic exchange a role may write to and bind."""

    exchange: str
    write: str
    read: str


@dataclass(frozen=True)
class Grants:
    """All a role may do in a vhost."""

    role: str
    configure: str
    write: str
    read: str
    topics: tuple[TopicGrant, ...] = ()

    @property
    def user(self) -> str:
        """The usual name of the role's user."""
        return "membri-" + self.role.replace(":", "-").replace(".", "-")


def grants(role: str) -> Grants:
    """What `role` needs. Raises UnknownRoleError.

    Roles: `poll`, `settle`, `operator`, `consume:<system>.<chapter>`.
    """
    if role == "poll":
        # A row of Membri that cannot become a record is buried by the poller itself.
        return Grants(role, NOTHING, _exactly(RECORDS, DEAD), NOTHING)
    if role == "settle":
        # A receipt that cannot be taken to Membri is buried by the settler itself.
        return Grants(role, NOTHING, _exactly(DEAD), _exactly(SETTLE))
    if role == "operator":
        return Grants(role, _OURS, _OURS, _OURS)
    verb, _, target = role.partition(":")
    system, _, chapter = target.partition(".")
    if verb == "consume":
        with contextlib.suppress(ValueError):
            return _consumer(role, slug(system), slug(chapter))
    raise UnknownRoleError(
        f"unknown role {role!r}: poll, settle, operator or consume:<system>.<chapter>"
    )


def _consumer(role: str, system: str, chapter: str) -> Grants:
    own = rf"[a-z0-9_-]+\.{re.escape(system)}\.{re.escape(chapter)}"
    # A message that reached the queue under a key that cannot be read is buried under this one.
    unreadable = re.escape(routing_key(UNKNOWN, UNKNOWN, UNKNOWN))
    return Grants(
        role,
        configure=NOTHING,
        write=_exactly(OUTCOMES, DEAD),
        read=_exactly(work_queue(system, chapter)),
        topics=(
            TopicGrant(OUTCOMES, write=rf"^{own}\.({'|'.join(Ending)})$", read=NOTHING),
            TopicGrant(DEAD, write=f"^({own}|{unreadable})$", read=NOTHING),
        ),
    )


def _exactly(*names: str) -> str:
    return f"^({'|'.join(re.escape(name) for name in names)})$"


def as_rabbitmqctl(granted: Grants, *, vhost: str = "/", user: str | None = None) -> list[str]:
    """The shell lines that give an existing user these rights and no other."""
    name = user or granted.user
    rights = (granted.configure, granted.write, granted.read)
    lines = [("rabbitmqctl", "set_permissions", "-p", vhost, name, *rights)]
    lines += [
        ("rabbitmqctl", "set_topic_permissions", "-p", vhost, name, t.exchange, t.write, t.read)
        for t in granted.topics
    ]
    return [shlex.join(line) for line in lines]


def apply(
    client: httpx2.Client,
    granted: Grants,
    *,
    password: str,
    vhost: str = "/",
    user: str | None = None,
) -> str:
    """Make the role's user with these rights; its name is returned. Raises ManagementError."""
    name = user or granted.user
    put_user(client, name, password)
    put_permissions(
        client,
        vhost,
        name,
        configure=granted.configure,
        write=granted.write,
        read=granted.read,
    )
    for topic in granted.topics:
        put_topic_permissions(
            client, vhost, name, topic.exchange, write=topic.write, read=topic.read
        )
    return name
