"""Runs the whole outside world in one process: Membri and QuickBooks Online, seeded once.

In: a folder. Out: `sandbox.json` in it once everything answers (addresses, keys' files, realms),
and `membri-sync.toml` on demand. The folder keeps ports, stores, keys and tokens, so a
process killed with -9 comes back with the same addresses and the same data. Refused: a folder that
holds another world (ValueError), a port that somebody else took (OSError).
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import secrets
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ops.sandbox.books import compare
from ops.sandbox.kernel.serving import Served, System, listen, serve_forever
from ops.sandbox.kernel.store import Store
from ops.sandbox.kernel.tls import Certificate, loopback_certificate
from ops.sandbox.membri import membri_system
from ops.sandbox.membri.system import DEFAULT_TENANT
from ops.sandbox.quickbooks_online import QuickBooksSystem, issue_tokens, quickbooks_system
from ops.sandbox.world import CHAPTERS, Expected, World, build
from ops.sandbox.world.live import Admin, Members
from ops.sandbox.world.realms import ACCOUNTS

SANDBOX_FILE = "sandbox.json"
CONFIGURATION_FILE = "membri-sync.toml"
SYSTEMS = ("membri", "quickbooks_online")
MEMBRI_CLIENT_ID = "8c5b1f0a-6f43-4b4e-9b0e-6a1c5a1d0f01"
QBO_CLIENT_ID = "ABsandboxMembriSync0123456789"
LIVE_COUNT = 200
LIVE_INTERVAL_S = 4.0


def serve(
    folder: Path,
    *,
    world: str = "small",
    seed: int = 1,
    ports: Path | None = None,
    live: bool = False,
    configured: bool = False,
    live_count: int = LIVE_COUNT,
    live_interval_s: float = LIVE_INTERVAL_S,
) -> None:
    """Serves until SIGTERM or SIGINT. `ports` defaults to `ports.json` in the folder. With
    `configured`, `membri-sync.toml` is written too, once everything answers.

    Raises ValueError on another world in the folder, OSError on a taken port.
    """
    folder.mkdir(parents=True, exist_ok=True)
    numbers = _ports(ports or folder / "ports.json")
    certificate = loopback_certificate(folder / "tls")
    membri = membri_system(
        Store(folder / "membri.db"),
        client_id=MEMBRI_CLIENT_ID,
        client_secret=_secret(folder / "membri-client-secret"),
    )
    quickbooks = quickbooks_system(
        Store(folder / "quickbooks-online.db"),
        client_id=QBO_CLIENT_ID,
        client_secret=_secret(folder / "quickbooks-online-client-secret"),
    )
    seed_once(membri, quickbooks, world, seed)
    for chapter in CHAPTERS:
        _token_file(folder / _token_name(chapter.slug), quickbooks, chapter.realm_id)
    members: list[Members] = []

    def ready(served: list[Served]) -> None:
        _write_private(
            folder / SANDBOX_FILE, json.dumps(_described(folder, served, certificate, world, seed))
        )
        if configured:
            write_configuration(folder)
        if live:
            members.append(Members(served[0].admin_url, seed, live_count, live_interval_s))
            members[0].start()

    systems: list[tuple[System, int, int, Certificate | None]] = [
        (system, *numbers[name], certificate)
        for name, system in (("membri", membri), ("quickbooks_online", quickbooks))
    ]
    try:
        serve_forever(systems, ready)
    finally:
        for one in members:
            one.stop.set()


def seed_once(membri: System, quickbooks: System, world: str, seed: int) -> None:
    """Puts the world into both stores, each all or nothing, unless it is there already.

    Raises ValueError when a store holds another world.
    """
    wanted = {"world": world, "seed": seed}
    content: World | None = None
    for system in (membri, quickbooks):
        kept = system.store.get("_sandbox", "seeded")
        if kept is not None:
            if kept != wanted:
                raise ValueError(f"{system.name} holds the world {kept}, not {wanted}")
            continue
        content = content or build(world, seed)
        with system.store.transaction():
            system.seed(content.membri_rows if system is membri else {"realms": content.realms})
            system.store.put("_sandbox", "seeded", wanted)


def differences(folder: Path) -> list[str]:
    """What is not as it must be once everything that can go went; see `books.compare`.

    Reads the running sandbox of that folder. Raises OSError when it does not answer.
    """
    sandbox = read_sandbox(folder)
    dumps = [Admin(sandbox[name]["admin_url"]).get("/dump") for name in SYSTEMS]
    return compare(_expected(sandbox["world"], sandbox["seed"]), *dumps)


@functools.lru_cache(maxsize=4)
def _expected(world: str, seed: int) -> Expected:
    """Kept: whoever waits for the end asks again and again."""
    return build(world, seed).expected


def offences(folder: Path) -> list[dict[str, Any]]:
    """What clients of the running sandbox did that the real systems forbid."""
    sandbox = read_sandbox(folder)
    return [
        {"system": name, **one}
        for name in SYSTEMS
        for one in Admin(sandbox[name]["admin_url"]).get("/offences")
    ]


def read_sandbox(folder: Path) -> dict[str, Any]:
    """What a running sandbox says of itself. Raises OSError when it was never ready."""
    found: dict[str, Any] = json.loads((folder / SANDBOX_FILE).read_text(encoding="utf-8"))
    return found


def write_configuration(
    folder: Path, broker_url: str | None = None, *, metrics_port: int | None = None
) -> Path:
    """Writes the `membri-sync.toml` that points at the sandbox of that folder; returns its path.

    `broker_url` None leaves the broker to membri-sync's own node. Mode 0600: a broker's address
    holds its password. Raises OSError when the sandbox was never ready.
    """
    sandbox = read_sandbox(folder)
    membri, quickbooks = sandbox["membri"], sandbox["quickbooks_online"]
    keys = ("url", "client_id", "client_secret_file", "authority")
    sections: list[tuple[str, Mapping[str, Any]]] = [
        (
            "[membri]",
            {key: membri[key] for key in keys}
            | {"ca_bundle": membri["ca"], "poll_interval_s": 1, "sweep_interval_s": 60},
        ),
        ("[state]", {"url": "sqlite:///state/ledger.db", "poller": "state/poller.db"}),
    ]
    if broker_url:
        sections.append(("[broker]", {"url": broker_url}))
    if metrics_port is not None:
        sections.append(("[metrics]", {"port": metrics_port}))
    for chapter in CHAPTERS:
        realm = quickbooks["realms"][chapter.realm_id]
        connection = {
            "api_root": quickbooks["api_root"],
            "discovery_url": quickbooks["discovery_url"],
            "realm_id": chapter.realm_id,
            "client_id": quickbooks["client_id"],
            "client_secret_file": quickbooks["client_secret_file"],
            "token_file": realm["token_file"],
            "ca_bundle": quickbooks["ca"],
            # On this machine an answer takes milliseconds; whoever must be sure that a call of a
            # killed predecessor is over waits several times this long.
            "timeout_s": 5,
        }
        named = {"name": chapter.name, "slug": chapter.slug, "system": chapter.system}
        sections += [
            ("[[chapters]]", named),
            ("[chapters.settings]", chapter.settings),
            ("[chapters.connection]", connection),
            ("[chapters.accounts]", ACCOUNTS),
        ]
    path = folder / CONFIGURATION_FILE
    _write_private(path, "\n".join(_section(title, values) for title, values in sections))
    return path


def _section(title: str, values: Mapping[str, Any]) -> str:
    lines = [f"{key} = {_toml(value)}" for key, value in values.items()]
    return "\n".join([title, *lines, ""])


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }"
    # A TOML basic string, integer or boolean is written as in JSON (toml.io, v1.0.0).
    return json.dumps(value, ensure_ascii=False)


def _described(
    folder: Path, served: list[Served], certificate: Certificate, world: str, seed: int
) -> dict[str, Any]:
    membri, quickbooks = served
    return {
        "world": world,
        "seed": seed,
        "membri": {
            "url": membri.url,
            "admin_url": membri.admin_url,
            "authority": f"{membri.url}/{DEFAULT_TENANT}",
            "tenant": DEFAULT_TENANT,
            "ca": str(certificate.ca.resolve()),
            "client_id": MEMBRI_CLIENT_ID,
            "client_secret_file": str((folder / "membri-client-secret").resolve()),
        },
        "quickbooks_online": {
            "url": quickbooks.url,
            "admin_url": quickbooks.admin_url,
            "api_root": f"{quickbooks.url}/v3",
            "discovery_url": f"{quickbooks.url}/.well-known/openid_configuration",
            "ca": str(certificate.ca.resolve()),
            "client_id": QBO_CLIENT_ID,
            "client_secret_file": str((folder / "quickbooks-online-client-secret").resolve()),
            "realms": {
                chapter.realm_id: {
                    "chapter": chapter.slug,
                    "token_file": str((folder / _token_name(chapter.slug)).resolve()),
                }
                for chapter in CHAPTERS
            },
        },
    }


def _ports(path: Path) -> dict[str, tuple[int, int]]:
    """(port, admin port) of each system, the same at every start."""
    if path.exists():
        kept = json.loads(path.read_text(encoding="utf-8"))
        return {name: (port, admin) for name, (port, admin) in kept.items()}
    # All are open at once, so that no number comes twice.
    held = {name: (listen(), listen()) for name in SYSTEMS}
    chosen = {
        name: (sock.getsockname()[1], admin.getsockname()[1])
        for name, (sock, admin) in held.items()
    }
    for sock, admin in held.values():
        sock.close()
        admin.close()
    _write_private(path, json.dumps(chosen))
    return chosen


def _secret(path: Path) -> str:
    if not path.exists():
        _write_private(path, secrets.token_urlsafe(32))
    return path.read_text(encoding="utf-8").strip()


def _token_name(slug: str) -> str:
    return f"qbo-token-{slug}.json"


def _token_file(path: Path, quickbooks: QuickBooksSystem, realm_id: str) -> None:
    """As `membri-sync authorize` writes it; never again once it is there: tokens rotate."""
    if path.exists():
        return
    answer = issue_tokens(quickbooks, realm_id)
    now = int(time.time())
    token = {
        "access_token": answer["access_token"],
        "refresh_token": answer["refresh_token"],
        "expires_at": now + int(answer["expires_in"]),
        "refresh_expires_at": now + int(answer["x_refresh_token_expires_in"]),
        "realm_id": realm_id,
    }
    _write_private(path, json.dumps(token))


def _write_private(path: Path, text: str) -> None:
    """Whole or not at all, mode 0600."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)


def main(arguments: Sequence[str] | None = None) -> None:
    """`python -m ops.sandbox.run --folder DIR`: for a supervisor; ends on SIGTERM."""
    parser = argparse.ArgumentParser(prog="ops.sandbox.run", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where everything is kept")
    parser.add_argument("--world", default="small", help="small, tiny or large:N")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--ports", type=Path, help="the file of the ports, default ports.json")
    parser.add_argument("--live", action="store_true", help="members go on registering")
    parser.add_argument("--live-count", type=int, default=LIVE_COUNT)
    parser.add_argument("--live-interval", type=float, default=LIVE_INTERVAL_S, metavar="SECONDS")
    given = parser.parse_args(arguments)
    serve(
        given.folder,
        world=given.world,
        seed=given.seed,
        ports=given.ports,
        live=given.live,
        live_count=given.live_count,
        live_interval_s=given.live_interval,
    )


if __name__ == "__main__":
    main()
