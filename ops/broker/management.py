"""The few calls of RabbitMQ's management HTTP API that setting up a broker takes.

In: a client made by `management_client`. Out: vhosts, users and permissions as asked, made or
changed. Refuses: any answer but success (`ManagementError`, which never holds a password).
Source: the API page every node serves at /api/index.html.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

import httpx2


class ManagementError(RuntimeError):
    """The management API refused a call, or cannot be reached."""


def management_client(url: str, user: str, password: str) -> httpx2.Client:
    """A client of one broker. The caller closes it."""
    return httpx2.Client(base_url=url, auth=(user, password), timeout=10.0)


def put_vhost(client: httpx2.Client, vhost: str) -> None:
    """Make a vhost, or leave it as it is."""
    _send(client, "PUT", f"/api/vhosts/{_part(vhost)}", {})


def delete_vhost(client: httpx2.Client, vhost: str) -> None:
    """Remove a vhost with its queues and messages."""
    _send(client, "DELETE", f"/api/vhosts/{_part(vhost)}", None)


def put_user(client: httpx2.Client, user: str, password: str, tags: str = "") -> None:
    """Make a user, or give it another password. Without tags it has no access to the API."""
    _send(client, "PUT", f"/api/users/{_part(user)}", {"password": password, "tags": tags})


def put_permissions(
    client: httpx2.Client, vhost: str, user: str, *, configure: str, write: str, read: str
) -> None:
    """Set what the user may declare, write to and read from in the vhost (regular expressions)."""
    body = {"configure": configure, "write": write, "read": read}
    _send(client, "PUT", f"/api/permissions/{_part(vhost)}/{_part(user)}", body)


def put_topic_permissions(
    client: httpx2.Client, vhost: str, user: str, exchange: str, *, write: str, read: str
) -> None:
    """Set which routing keys of a topic exchange the user may write and bind to."""
    body = {"exchange": exchange, "write": write, "read": read}
    _send(client, "PUT", f"/api/topic-permissions/{_part(vhost)}/{_part(user)}", body)


def _part(name: str) -> str:
    return quote(name, safe="")


def _send(client: httpx2.Client, method: str, path: str, body: Mapping[str, str] | None) -> None:
    try:
        answer = client.request(method, path, json=body)
    except httpx2.HTTPError as exc:
        raise ManagementError(f"{method} {path}: {type(exc).__name__}") from exc
    if answer.is_error:
        raise ManagementError(f"{method} {path}: HTTP {answer.status_code} {answer.text[:200]}")
