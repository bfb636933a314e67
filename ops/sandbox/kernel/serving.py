"""Serves one simulated system on a loopback port, and its admin port beside it.

The admin port speaks plain HTTP and never leaves loopback:
`GET /health`, `GET /offences`, `GET|POST|DELETE /faults`, `GET /log`, `GET /dump`, `POST /seed`,
and whatever routes the system adds.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import ssl
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ops.sandbox.kernel.faults import App, FaultMiddleware, Faults, Message, Receive, Scope, Send
from ops.sandbox.kernel.offences import Offences
from ops.sandbox.kernel.store import Store
from ops.sandbox.kernel.tls import Certificate

LOG_LENGTH = 5000


@dataclass
class System:
    """One simulated system: its protocol as an ASGI app, and what the admin port can reach."""

    name: str
    app: App
    store: Store
    offences: Offences
    dump: Callable[[], Any]
    seed: Callable[[Any], None]
    faults: Faults = field(default_factory=Faults)
    admin_routes: list[Route] = field(default_factory=list)
    log: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=LOG_LENGTH))


class _Logging:
    def __init__(self, app: App, log: deque[dict[str, Any]]) -> None:
        self._app = app
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        entry: dict[str, Any] = {
            "method": scope["method"],
            "path": scope["path"],
            "query": scope.get("query_string", b"").decode("latin-1"),
            "status": None,
        }
        self._log.append(entry)

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry["status"] = message["status"]
            await send(message)

        await self._app(scope, receive, noting)


def protocol_app(system: System) -> App:
    """The system's app as the world sees it: faults outermost, then the request log."""
    return FaultMiddleware(_Logging(system.app, system.log), system.faults)


def _seed_route(system: System) -> Callable[[Request], Awaitable[Response]]:
    async def seed(request: Request) -> Response:
        content = await request.json()
        try:
            with system.store.transaction():
                system.seed(content)
        except (ValueError, KeyError, TypeError) as error:
            return JSONResponse({"error": f"{type(error).__name__}: {error}"}, status_code=400)
        return JSONResponse({"ok": True})

    return seed


def admin_app(system: System) -> Starlette:
    """The admin routes of a system."""

    async def health(_: Request) -> Response:
        return JSONResponse({"name": system.name, "ok": True})

    async def offences(_: Request) -> Response:
        return JSONResponse(system.offences.all())

    async def faults(request: Request) -> Response:
        if request.method == "POST":
            try:
                system.faults.arm(**await request.json())
            except (ValueError, TypeError) as error:
                return JSONResponse({"error": str(error)}, status_code=400)
        if request.method == "DELETE":
            system.faults.clear()
        return JSONResponse([asdict(f) for f in system.faults.armed()])

    async def log(_: Request) -> Response:
        return JSONResponse(list(system.log))

    async def dump(_: Request) -> Response:
        return JSONResponse(system.dump())

    return Starlette(
        routes=[
            Route("/health", health),
            Route("/offences", offences),
            Route("/faults", faults, methods=["GET", "POST", "DELETE"]),
            Route("/log", log),
            Route("/dump", dump),
            Route("/seed", _seed_route(system), methods=["POST"]),
            *system.admin_routes,
        ]
    )


class _Server(uvicorn.Server):
    """Signals belong to the process that runs several of us."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ends at once what is idle: over TLS, a client that keeps its connection open would be
        waited for, and its transport left open when the loop ends."""
        self._abort(idle_only=True)
        await super().shutdown(sockets)
        self._abort(idle_only=False)
        await asyncio.sleep(0)  # lets the transports run their last callback

    def _abort(self, *, idle_only: bool) -> None:
        for connection in list(self.server_state.connections):
            cycle = getattr(connection, "cycle", None)
            transport = getattr(connection, "transport", None)
            if transport and not (idle_only and cycle and not cycle.response_complete):
                transport.abort()


def _server(app: Any, certificate: Certificate | None) -> _Server:
    config = uvicorn.Config(
        app,
        http="h11",
        h11_max_incomplete_event_size=128 * 1024,  # a URL of 32 KB is a legal question
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=1,
        ssl_certfile=str(certificate.chain) if certificate else None,
        ssl_keyfile=str(certificate.key) if certificate else None,
        ssl_version=ssl.PROTOCOL_TLS_SERVER,
    )
    return _Server(config)


def listen(port: int = 0) -> socket.socket:
    """A listening loopback socket; port 0 takes any free one."""
    # The protocol is named, or asyncio (base_events._set_nodelay) leaves TCP_NODELAY off, and each
    # answer of two segments waits 40 ms for the client's delayed acknowledgement.
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", port))
    sock.listen(128)
    return sock


@dataclass
class Served:
    """A running system: where it listens, and how to stop it."""

    system: System
    port: int
    admin_port: int
    servers: list[_Server]
    tls: bool

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://localhost:{self.port}"

    @property
    def admin_url(self) -> str:
        return f"http://127.0.0.1:{self.admin_port}"


async def _all_started(served: list[Served]) -> None:
    while not all(s.started for one in served for s in one.servers):  # noqa: ASYNC110 — uvicorn offers a flag, no event
        await asyncio.sleep(0.005)


async def serve_async(
    system: System, sock: socket.socket, admin: socket.socket, certificate: Certificate | None
) -> tuple[Served, asyncio.Task[None]]:
    """Starts both servers on the running loop; the task ends when they do."""
    servers = [
        _server(protocol_app(system), certificate),
        _server(admin_app(system), None),
    ]
    task = asyncio.gather(
        servers[0].serve(sockets=[sock]), servers[1].serve(sockets=[admin]), return_exceptions=False
    )
    served = Served(
        system, sock.getsockname()[1], admin.getsockname()[1], servers, certificate is not None
    )
    return served, task  # type: ignore[return-value]  # a gathering future is awaited the same way


@contextlib.contextmanager
def running(
    system: System, *, port: int = 0, admin_port: int = 0, certificate: Certificate | None = None
) -> Iterator[Served]:
    """Runs a system in a thread of this process, for tests. Yields `Served`."""
    started = threading.Event()
    box: list[Served] = []
    sock, admin = listen(port), listen(admin_port)

    async def main() -> None:
        served, task = await serve_async(system, sock, admin, certificate)
        box.append(served)
        await _all_started([served])
        started.set()
        await task

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    if not started.wait(20):
        raise RuntimeError(f"the sandbox {system.name} did not start")
    try:
        yield box[0]
    finally:
        for server in box[0].servers:
            server.should_exit = True
        thread.join(20)


def serve_forever(
    systems: list[tuple[System, int, int, Certificate | None]],
    on_ready: Callable[[list[Served]], None] | None = None,
) -> None:
    """Serves systems — (system, port, admin port, certificate) — until SIGTERM or SIGINT."""

    async def main() -> None:
        served: list[Served] = []
        tasks: list[Any] = []
        for system, port, admin_port, certificate in systems:
            one, task = await serve_async(system, listen(port), listen(admin_port), certificate)
            served.append(one)
            tasks.append(task)
        loop = asyncio.get_running_loop()

        def stop() -> None:
            for one in served:
                for server in one.servers:
                    server.should_exit = True

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop)
        await _all_started(served)
        if on_ready:
            on_ready(served)
        await asyncio.gather(*tasks)

    asyncio.run(main())
