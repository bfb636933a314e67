"""A broker's address, from its URL.

What comes in: `amqps://user:password@host:port/vhost?cacertfile=…&certfile=…&keyfile=…` (the query
names of RabbitMQ's URI specification), or `amqp://` to this machine. What goes out: an address
whose text never holds the password. Refused with BrokerAddressError: passwords over an open
network, unknown schemes and options.
"""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

_PORTS = {"amqp": 5672, "amqps": 5671}
_OPTIONS = frozenset({"cacertfile", "certfile", "keyfile", "server_name_indication"})


class BrokerAddressError(ValueError):
    """The URL cannot be used; the text says why, without the password."""


@dataclass(frozen=True)
class BrokerAddress:
    host: str
    port: int
    vhost: str
    user: str
    password: str = field(repr=False)
    tls: bool
    server_name: str = ""
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""

    def __str__(self) -> str:
        return f"{self.host}:{self.port} (vhost {self.vhost}, user {self.user})"

    def ssl_context(self) -> ssl.SSLContext | None:
        """None without TLS. Raises BrokerAddressError when a file cannot be used."""
        if not self.tls:
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca_file or None)
            if self.cert_file:
                context.load_cert_chain(self.cert_file, self.key_file or None)
        except OSError as problem:  # ssl.SSLError is one
            files = ", ".join(f for f in (self.ca_file, self.cert_file, self.key_file) if f)
            raise BrokerAddressError(f"broker url: {files}: {problem}") from problem
        return context


def broker_address(url: str) -> BrokerAddress:
    """Raises BrokerAddressError."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # its text holds parts of the URL
        raise BrokerAddressError("broker url: not a URL that can be read") from None
    if parts.scheme not in _PORTS:
        raise BrokerAddressError("broker url: must start with amqps:// (or amqp:// on loopback)")
    if not parts.hostname:
        raise BrokerAddressError("broker url: names no host")
    tls = parts.scheme == "amqps"
    if not tls and not is_loopback(parts.hostname):
        raise BrokerAddressError(
            f"broker url: amqp:// to {parts.hostname} would send the password and the invoices "
            "unencrypted; use amqps:// (amqp:// is for this machine only)"
        )
    options = _options(parts.query)
    return BrokerAddress(
        host=parts.hostname,
        port=port or _PORTS[parts.scheme],
        vhost=unquote(parts.path[1:]) or "/",
        user=unquote(parts.username or "guest"),
        password=unquote(parts.password or "guest"),
        tls=tls,
        server_name=options.get("server_name_indication", parts.hostname),
        ca_file=options.get("cacertfile", ""),
        cert_file=options.get("certfile", ""),
        key_file=options.get("keyfile", ""),
    )


def is_loopback(host: str) -> bool:
    """Whether `host` can only be this machine; names other than localhost are not trusted."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _options(query: str) -> dict[str, str]:
    given = {name: values[-1] for name, values in parse_qs(query).items()}
    unknown = sorted(set(given) - _OPTIONS)
    if unknown:
        raise BrokerAddressError(
            f"broker url: unknown option {unknown[0]!r}; known: {', '.join(sorted(_OPTIONS))}"
        )
    for name in ("cacertfile", "certfile", "keyfile"):
        if name in given and not Path(given[name]).is_file():
            raise BrokerAddressError(f"broker url: {name}: no file {given[name]}")
    return given
