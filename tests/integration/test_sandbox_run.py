"""The sandbox process: what it writes, and that kill -9 costs it nothing."""

from __future__ import annotations

import contextlib
import json
import signal
import ssl
import stat
import subprocess
import sys
import time
import tomllib
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from ops.sandbox.kernel.store import Store
from ops.sandbox.membri import membri_system
from ops.sandbox.quickbooks_online import quickbooks_system
from ops.sandbox.run import (
    differences,
    offences,
    read_sandbox,
    seed_once,
    serve,
    write_configuration,
)
from ops.sandbox.world import build, chapters
from ops.sandbox.world.live import registrations
from ops.settings import load

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60.0


def wait_until(condition: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < give_up_at, "nothing happened"
        time.sleep(0.02)


def answers(folder: Path) -> bool:
    try:
        sandbox = read_sandbox(folder)
        return all(
            httpx2.get(f"{sandbox[name]['admin_url']}/health").status_code == 200
            for name in ("membri", "quickbooks_online")
        )
    except (OSError, httpx2.TransportError):
        return False


@contextlib.contextmanager
def sandbox(folder: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "ops.sandbox.run",
            "--folder",
            str(folder),
            "--world",
            "tiny",
            *options,
        ],
        cwd=ROOT,
    )
    try:

        def ready() -> bool:
            assert process.poll() is None, "the sandbox ended"
            return answers(folder)

        wait_until(ready)
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def dumps(folder: Path) -> list[Any]:
    described = read_sandbox(folder)
    return [
        httpx2.get(f"{described[name]['admin_url']}/dump").json()
        for name in ("membri", "quickbooks_online")
    ]


def test_a_killed_sandbox_comes_back_on_the_same_ports_with_the_same_data(tmp_path: Path) -> None:
    with sandbox(tmp_path) as process:
        before = (read_sandbox(tmp_path), dumps(tmp_path))
        described = before[0]
        tokens = {p.name: p.read_text() for p in tmp_path.glob("qbo-token-*.json")}
        account = next(iter(before[1][0]["account"]))
        order = {"table": "account", "id": account["accountid"], "set": {"name": "Changé"}}
        told = httpx2.post(f"{described['membri']['admin_url']}/person", json=order)
        assert told.status_code == 200, told.text
        changed = dumps(tmp_path)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not answers(tmp_path)

    with sandbox(tmp_path):
        assert read_sandbox(tmp_path) == described
        assert dumps(tmp_path) == changed
        assert changed != before[1]
        assert {p.name: p.read_text() for p in tmp_path.glob("qbo-token-*.json")} == tokens


def test_the_tokens_and_keys_it_writes_open_the_books_and_membri(tmp_path: Path) -> None:
    with sandbox(tmp_path):
        described = read_sandbox(tmp_path)
        books, membri = described["quickbooks_online"], described["membri"]
        trust = ssl.create_default_context(cafile=books["ca"])
        with httpx2.Client(verify=trust) as client:
            for realm, known in books["companies"].items():
                token = json.loads(Path(known["token_file"]).read_text())
                assert token["realm_id"] == realm
                assert token["refresh_expires_at"] > token["expires_at"] > time.time()
                answer = client.get(
                    f"{known['api_root']}/company/{realm}/companyinfo/{realm}?minorversion=75",
                    headers={
                        "Authorization": f"Bearer {token['access_token']}",
                        "Accept": "application/json",
                    },
                )
                assert answer.status_code == 200, answer.text
            secret = Path(membri["client_secret_file"]).read_text().strip()
            form = {
                "grant_type": "client_credentials",
                "client_id": membri["client_id"],
                "client_secret": secret,
                "scope": f"{membri['url']}/.default",
            }
            answer = client.post(
                f"{membri['authority']}/oauth2/v2.0/token",
                content=urllib.parse.urlencode(form),
                headers={"Content-Type": "application/x-www-form-urlencoded"},
            )
            assert answer.status_code == 200, answer.text
        assert offences(tmp_path) == []


def test_what_a_client_does_wrong_is_told_with_the_system_it_did_it_to(tmp_path: Path) -> None:
    with sandbox(tmp_path):
        books = read_sandbox(tmp_path)["quickbooks_online"]
        realm, known = next(iter(books["companies"].items()))
        token = json.loads(Path(known["token_file"]).read_text())["access_token"]
        httpx2.get(
            f"{known['api_root']}/company/{realm}/companyinfo/{realm}",
            headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
            verify=ssl.create_default_context(cafile=books["ca"]),
        )
        (offence,) = offences(tmp_path)

    assert (offence["system"], offence["code"]) == ("quickbooks_online", "minorversion_missing")


def test_secrets_are_for_their_owner_alone(tmp_path: Path) -> None:
    with sandbox(tmp_path):
        write_configuration(tmp_path, "amqp://someone:secret@127.0.0.1:5672")
    private = [*tmp_path.glob("*secret*"), *tmp_path.glob("qbo-token*"), *tmp_path.glob("*.toml")]

    assert len(private) == 5
    for path in (*private, tmp_path / "tls" / "server.key"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_the_configuration_names_the_running_systems_and_both_chapters(tmp_path: Path) -> None:
    with sandbox(tmp_path):
        described = read_sandbox(tmp_path)
        path = write_configuration(tmp_path, "amqp://a:b@127.0.0.1:5672", metrics_port=0)

    tree = tomllib.loads(path.read_text(encoding="utf-8"))

    assert tree["membri"]["url"] == described["membri"]["url"]
    assert tree["membri"]["poll_interval_s"] == 1
    assert tree["broker"] == {"url": "amqp://a:b@127.0.0.1:5672"}
    assert tree["metrics"] == {"port": 0}
    assert [c["name"] for c in tree["chapters"]] == ["Montréal", "Québec"]
    assert [c["connection"]["realm_id"] for c in tree["chapters"]] == [
        c.company for c in chapters()
    ]
    for chapter in tree["chapters"]:
        assert Path(chapter["connection"]["token_file"]).exists()
        assert chapter["accounts"]["default_income"]


def test_membri_sync_reads_the_configuration(tmp_path: Path) -> None:
    with sandbox(tmp_path):
        path = write_configuration(tmp_path)

    settings = load(path, {})

    assert [chapter.slug for chapter in settings.chapters] == ["montreal", "quebec"]
    assert settings.chapters[0].settings.sync_memberships_when_paid
    assert settings.chapters[1].settings.review
    assert not settings.broker.configured
    assert settings.membri.language == "fr"


def test_membri_of_a_rehearsal_tells_errors_in_the_language_that_was_asked_for(
    tmp_path: Path,
) -> None:
    with sandbox(tmp_path):
        path = write_configuration(tmp_path, language="en")

    assert load(path, {}).membri.language == "en"


def test_before_anything_went_the_books_do_not_match(tmp_path: Path) -> None:
    with sandbox(tmp_path):
        found = differences(tmp_path)

    expected = build("tiny").expected
    moving = sum(expected.transferred().values()) + sum(expected.errors().values())
    assert len([line for line in found if line.startswith("Membri")]) == moving


def test_sigterm_ends_it_well(tmp_path: Path) -> None:
    with sandbox(tmp_path) as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0


def test_a_folder_of_another_world_is_refused(tmp_path: Path) -> None:
    with sandbox(tmp_path):
        pass

    with pytest.raises(ValueError, match="holds the world"):
        serve(tmp_path, world="tiny", seed=2)


def test_a_world_is_seeded_whole_or_not_at_all(tmp_path: Path) -> None:
    """As when the process dies between two rows: nothing of the transaction is on disk."""
    path = tmp_path / "membri.db"
    store = Store(path)
    membri = membri_system(store, client_id="c", client_secret="s")
    books = {"quickbooks_online": quickbooks_system(Store(), client_id="c", client_secret="s")}
    before = membri.dump()
    put, writes = store.put, 0

    def failing(kind: str, key: str, document: dict[str, Any]) -> None:
        nonlocal writes
        writes += 1
        if writes > 40:
            raise KeyboardInterrupt
        put(kind, key, document)

    store.put = failing  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        seed_once({"membri": membri, **books}, "tiny", 1)
    store.put = put  # type: ignore[method-assign]
    assert membri.dump() == before
    store.close()

    again = membri_system(Store(path), client_id="c", client_secret="s")
    assert again.dump() == before
    seed_once({"membri": again, **books}, "tiny", 1)
    whole = again.dump()
    assert len(whole["account"]) == len(build("tiny").membri_rows["accounts"])

    seed_once({"membri": again, **books}, "tiny", 1)
    assert again.dump() == whole


def test_members_go_on_registering_and_a_restart_registers_nobody_twice(tmp_path: Path) -> None:
    options = ("--live", "--live-count", "4", "--live-interval", "0.05")
    coming = list(registrations(1, 4))
    ids = {one.account_id for one in coming}
    payments = {row["membri_paymentid"] for one in coming for row in one.payments}

    def seen() -> tuple[list[str], list[str]]:
        membri, _ = dumps(tmp_path)
        accounts = [r["accountid"] for r in membri["account"] if r["accountid"] in ids]
        paid = [r["membri_paymentid"] for r in membri["membri_payment"]]
        return accounts, [one for one in paid if one in payments]

    with sandbox(tmp_path, *options) as process:
        wait_until(lambda: len(seen()[0]) >= 2)
        process.kill()
        process.wait()
    with sandbox(tmp_path, *options):
        wait_until(lambda: len(seen()[0]) == 4 and len(seen()[1]) == len(payments))
        assert len(set(seen()[0])) == 4
