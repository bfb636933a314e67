"""Runs the whole outside world in one process: Membri and the accounting systems, seeded once.

In: a folder, and which systems keep the books. Out: `sandbox.json` in the folder once everything
answers (addresses, keys' files, companies), and `membri-sync.toml` on demand. The folder keeps
ports, stores, keys and tokens, so a process killed with -9 comes back with the same addresses and
the same data. Refused: a folder that holds another world (ValueError), a port that somebody else
took (OSError).
"""

from __future__ import annotations

import argparse
import datetime as dt
import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ops.sandbox.books import compare
from ops.sandbox.kernel.books import CompanyBooks, Place
from ops.sandbox.kernel.secrets import secret_in, write_private
from ops.sandbox.kernel.serving import Served, System, listen, serve_forever
from ops.sandbox.kernel.store import Store
from ops.sandbox.kernel.tls import Certificate, loopback_certificate
from ops.sandbox.membri import membri_system
from ops.sandbox.membri.system import DEFAULT_TENANT
from ops.sandbox.simulations import names, simulation
from ops.sandbox.world import DEFAULT_SYSTEMS, Chapter, Expected, World, build, chapters
from ops.sandbox.world.live import Admin, Members

SANDBOX_FILE = "sandbox.json"
CONFIGURATION_FILE = "membri-sync.toml"
MEMBRI = "membri"
MEMBRI_CLIENT_ID = "8c5b1f0a-6f43-4b4e-9b0e-6a1c5a1d0f01"
LIVE_COUNT = 200
LIVE_INTERVAL_S = 4.0


def serve(
    folder: Path,
    *,
    world: str = "small",
    seed: int = 1,
    systems: Sequence[str] = DEFAULT_SYSTEMS,
    ports: Path | None = None,
    live: bool = False,
    configured: bool = False,
    live_count: int = LIVE_COUNT,
    live_interval_s: float = LIVE_INTERVAL_S,
) -> None:
    """Serves until SIGTERM or SIGINT. `ports` defaults to `ports.json` in the folder. With
    `configured`, `membri-sync.toml` is written too, once everything answers.

    Raises ValueError on another world in the folder or an unknown system, OSError on a taken port.
    """
    places = chapters(systems)
    folder.mkdir(parents=True, exist_ok=True)
    numbers = _ports(ports or folder / "ports.json", systems)
    certificate = loopback_certificate(folder / "tls")
    built = build_systems(folder, systems)
    seed_once(built, world, seed, systems)
    for chapter in places:
        simulation(chapter.system).prepare(built[chapter.system], folder, chapter.company)
    members: list[Members] = []

    def ready(served: list[Served]) -> None:
        by_name = dict(zip(built, served, strict=True))
        described = {"world": world, "seed": seed, "systems": list(systems)}
        described |= _described(folder, by_name, certificate, places)
        write_private(folder / SANDBOX_FILE, json.dumps(described))
        if configured:
            write_configuration(folder)
        if live:
            admin = by_name[MEMBRI].admin_url
            members.append(Members(admin, seed, live_count, live_interval_s, systems))
            members[0].start()

    served_at: list[tuple[System, int, int, Certificate | None]] = [
        (system, *numbers[name], certificate) for name, system in built.items()
    ]
    try:
        serve_forever(served_at, ready)
    finally:
        for one in members:
            one.stop.set()


def build_systems(folder: Path, systems: Sequence[str]) -> dict[str, System]:
    """Membri first, then the accounting systems, each on its store in the folder."""
    membri = membri_system(
        Store(folder / "membri.db"),
        client_id=MEMBRI_CLIENT_ID,
        client_secret=secret_in(folder / "membri-client-secret"),
    )
    built: dict[str, System] = {MEMBRI: membri}
    for name in systems:
        store = Store(folder / f"{name.replace('_', '-')}.db")
        built[name] = simulation(name).build(store, folder)
    return built


def seed_once(
    built: Mapping[str, System], world: str, seed: int, systems: Sequence[str] = DEFAULT_SYSTEMS
) -> None:
    """Puts the world into every store, each all or nothing, unless it is there already.

    Raises ValueError when a store holds another world.
    """
    wanted = {"world": world, "seed": seed, "systems": list(systems)}
    content: World | None = None
    for name, system in built.items():
        kept = system.store.get("_sandbox", "seeded")
        if kept is not None:
            if kept != wanted:
                raise ValueError(f"{system.name} holds the world {kept}, not {wanted}")
            continue
        content = content or build(world, seed, systems)
        with system.store.transaction():
            if name == MEMBRI:
                system.seed(content.membri_rows)
            else:
                companies = content.companies_of(name)
                seeds = {key: company.seed() for key, company in companies.items()}
                simulation(name).seed(system, seeds)
            system.store.put("_sandbox", "seeded", wanted)


def differences(folder: Path) -> list[str]:
    """What is not as it must be once everything that can go went; see `books.compare`.

    Reads the running sandbox of that folder. Raises OSError when it does not answer.
    """
    sandbox = read_sandbox(folder)
    books: dict[str, CompanyBooks] = {}
    for name in sandbox["systems"]:
        books |= simulation(name).books(Admin(sandbox[name]["admin_url"]).get("/dump"))
    expected = _expected(sandbox["world"], sandbox["seed"], tuple(sandbox["systems"]))
    membri = Admin(sandbox[MEMBRI]["admin_url"]).get("/dump")
    return compare(expected, membri, books, dt.datetime.now(dt.UTC).date())


@functools.lru_cache(maxsize=4)
def _expected(world: str, seed: int, systems: tuple[str, ...]) -> Expected:
    """Kept: whoever waits for the end asks again and again."""
    return build(world, seed, systems).expected


def offences(folder: Path) -> list[dict[str, Any]]:
    """What clients of the running sandbox did that the real systems forbid."""
    sandbox = read_sandbox(folder)
    return [
        {"system": name, **one}
        for name in (MEMBRI, *sandbox["systems"])
        for one in Admin(sandbox[name]["admin_url"]).get("/offences")
    ]


def read_sandbox(folder: Path) -> dict[str, Any]:
    """What a running sandbox says of itself. Raises OSError when it was never ready."""
    found: dict[str, Any] = json.loads((folder / SANDBOX_FILE).read_text(encoding="utf-8"))
    return found


def write_configuration(
    folder: Path,
    broker_url: str | None = None,
    *,
    metrics_port: int | None = None,
    language: str = "fr",
) -> Path:
    """Writes the `membri-sync.toml` that points at the sandbox of that folder; returns its path.

    `broker_url` None leaves the broker to membri-sync's own node. `language`: of the error texts
    in Membri. Mode 0600: a broker's address
    holds its password. Raises OSError when the sandbox was never ready.
    """
    sandbox = read_sandbox(folder)
    membri = sandbox[MEMBRI]
    keys = ("url", "client_id", "client_secret_file", "authority")
    sections: list[tuple[str, Mapping[str, Any]]] = [
        (
            "[membri]",
            {key: membri[key] for key in keys}
            | {"ca_bundle": membri["ca"], "poll_interval_s": 1, "sweep_interval_s": 60}
            | {"language": language},
        ),
        ("[state]", {"url": "sqlite:///state/ledger.db", "poller": "state/poller.db"}),
    ]
    if broker_url:
        sections.append(("[broker]", {"url": broker_url}))
    if metrics_port is not None:
        sections.append(("[metrics]", {"port": metrics_port}))
    for chapter in chapters(sandbox["systems"]):
        named = {"name": chapter.name, "slug": chapter.slug, "system": chapter.system}
        sections += [
            ("[[chapters]]", named),
            ("[chapters.settings]", chapter.settings),
            ("[chapters.connection]", sandbox[chapter.system]["companies"][chapter.company]),
            ("[chapters.accounts]", simulation(chapter.system).accounts),
        ]
    path = folder / CONFIGURATION_FILE
    write_private(path, "\n".join(_section(title, values) for title, values in sections))
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
    folder: Path,
    served: Mapping[str, Served],
    certificate: Certificate,
    places: Sequence[Chapter],
) -> dict[str, Any]:
    ca = certificate.ca.resolve()
    membri = served[MEMBRI]
    found: dict[str, Any] = {
        MEMBRI: {
            "url": membri.url,
            "admin_url": membri.admin_url,
            "authority": f"{membri.url}/{DEFAULT_TENANT}",
            "tenant": DEFAULT_TENANT,
            "ca": str(ca),
            "client_id": MEMBRI_CLIENT_ID,
            "client_secret_file": str((folder / "membri-client-secret").resolve()),
        }
    }
    for name in dict.fromkeys(chapter.system for chapter in places):
        place = Place(served[name], ca, folder)
        found[name] = {
            "url": served[name].url,
            "admin_url": served[name].admin_url,
            "ca": str(ca),
            "companies": {
                chapter.company: simulation(name).connection(place, chapter.company)
                for chapter in places
                if chapter.system == name
            },
        }
    return found


def _ports(path: Path, systems: Sequence[str]) -> dict[str, tuple[int, int]]:
    """(port, admin port) of each system, the same at every start."""
    if path.exists():
        kept = json.loads(path.read_text(encoding="utf-8"))
        return {name: (port, admin) for name, (port, admin) in kept.items()}
    # All are open at once, so that no number comes twice.
    held = {name: (listen(), listen()) for name in (MEMBRI, *systems)}
    chosen = {
        name: (sock.getsockname()[1], admin.getsockname()[1])
        for name, (sock, admin) in held.items()
    }
    for sock, admin in held.values():
        sock.close()
        admin.close()
    write_private(path, json.dumps(chosen))
    return chosen


def main(arguments: Sequence[str] | None = None) -> None:
    """`python -m ops.sandbox.run --folder DIR`: for a supervisor; ends on SIGTERM."""
    parser = argparse.ArgumentParser(prog="ops.sandbox.run", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where everything is kept")
    parser.add_argument("--world", default="small", help="small, tiny or large:N")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--system", action="append", choices=names(), help="who keeps the books; may be repeated"
    )
    parser.add_argument("--ports", type=Path, help="the file of the ports, default ports.json")
    parser.add_argument("--live", action="store_true", help="members go on registering")
    parser.add_argument("--live-count", type=int, default=LIVE_COUNT)
    parser.add_argument("--live-interval", type=float, default=LIVE_INTERVAL_S, metavar="SECONDS")
    given = parser.parse_args(arguments)
    serve(
        given.folder,
        world=given.world,
        seed=given.seed,
        systems=tuple(given.system or DEFAULT_SYSTEMS),
        ports=given.ports,
        live=given.live,
        live_count=given.live_count,
        live_interval_s=given.live_interval,
    )


if __name__ == "__main__":
    main()
