"""The same programs against another host that speaks the protocols: configuration, no code."""

from __future__ import annotations

import contextlib
import re
import socket
import socketserver
import threading
from collections.abc import Iterator

from tests.e2e_harness import ROOT, Rehearsal

OF_QUICKBOOKS = ('KNOWN_DISCOVERIES = ("production", "sandbox")', "# sandbox company on the")
"""The only uses of the word: QuickBooks' own names of its environments."""


class Door(socketserver.ThreadingTCPServer):
    """A TCP door on another port of this machine; counts who came through."""

    def __init__(self, behind: int) -> None:
        super().__init__(("127.0.0.1", 0), _Passage)
        self.behind = behind
        self.port: int = self.server_address[1]
        self.came_through = 0


class _Passage(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, Door)
        self.server.came_through += 1
        with socket.create_connection(("127.0.0.1", self.server.behind)) as far:
            back = threading.Thread(target=_pour, args=(far, self.request))
            back.start()
            _pour(self.request, far)
            back.join()


def _pour(source: socket.socket, target: socket.socket) -> None:
    """Until one side has no more to say; the other then hears that."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def door(behind: int) -> Iterator[Door]:
    with Door(behind) as one:
        serving = threading.Thread(target=one.serve_forever)
        serving.start()
        try:
            yield one
        finally:
            one.shutdown()
            serving.join()


def test_the_same_configuration_with_other_addresses_works_without_code_change(
    tiny: Rehearsal,
) -> None:
    described = tiny.described()
    ports = [
        int(described[system]["url"].rpartition(":")[2])
        for system in ("membri", "quickbooks_online")
    ]
    with door(ports[0]) as membri, door(ports[1]) as quickbooks:
        for port, other in zip(ports, (membri, quickbooks), strict=True):
            tiny.rewrite(f"localhost:{port}", f"127.0.0.1:{other.port}")
        report = tiny.run("once", "--chapter", "quebec", "--json").expect(1).json()
        assert report["entities"]["invoice"]["transferred"] > 0
        assert {one["reason"] for one in report["errors"]} == {"closed_period"}
        assert membri.came_through > 0
        assert quickbooks.came_through > 0
    assert tiny.offences() == []


def test_producers_consumers_and_schemas_know_no_sandbox() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for part in ("producers", "consumers", "schemas")
        for path in sorted((ROOT / part).rglob("*"))
        if path.suffix in (".py", ".toml")
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"sandbox|simulat", line, re.IGNORECASE)
        and not any(allowed in line for allowed in OF_QUICKBOOKS)
    ]
    assert found == []
