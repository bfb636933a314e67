"""`membri-sync once`, the manual's « Commencer », on the tiny world; and what it says when it
cannot: exit 3 and one line for what is unreachable, exit 2 and one line for each mistake of the
configuration.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e_harness import TO_TRANSFER, TRANSFERRED, Ran, Rehearsal, membri_sync

WORDS_OF_A_TRACE = ("Traceback", 'File "')


def test_once_moves_all_that_can_go_then_nothing_new_then_what_a_person_corrected(
    tiny: Rehearsal,
) -> None:
    montreal, quebec = (chapter.company for chapter in tiny.world.chapters)
    before = tiny.quickbooks.get("/dump")
    part = tiny.run("once", "--chapter", "Québec", "--json").expect(1).json()
    assert {one["chapter"] for one in (*part["waiting"], *part["errors"])} == {"quebec"}
    after_one_chapter = tiny.quickbooks.get("/dump")
    assert after_one_chapter[montreal] == before[montreal]
    assert after_one_chapter[quebec] != before[quebec]

    whole = tiny.run("once", "--json").expect(1).json()
    assert set(whole) == {"entities", "waiting", "errors"}
    assert all(one["reason"] for one in (*whole["waiting"], *whole["errors"]))
    assert tiny.differences() == []
    done = tiny.quickbooks.get("/dump")
    assert done[quebec] == after_one_chapter[quebec], "the second synchronisation doubled something"

    invoice = tiny.case("quebec", "closed_period")
    assert invoice in {one["id"] for one in whole["errors"]}
    tiny.person("invoice", invoice, membri_invoicedate="2026-09-15", membri_syncstatus=TO_TRANSFER)
    corrected = tiny.run("once", "--chapter", "quebec", "--json").expect(1).json()
    row = tiny.row("invoice", invoice)
    assert row["membri_syncstatus"] == TRANSFERRED
    assert row["membri_syncreference"]
    assert not row["membri_syncerror"]
    moved = (one["entities"]["invoice"]["transferred"] for one in (corrected, part))
    assert next(moved) == next(moved) + 1
    assert invoice not in {one["id"] for one in corrected["errors"]}
    assert tiny.offences() == []


def told(ran: Ran) -> list[str]:
    """What a person reads on stderr: lines without a trace, and nothing on stdout."""
    assert not any(word in ran.err for word in WORDS_OF_A_TRACE), ran.err
    assert ran.out == ""
    return ran.err.splitlines()


def nothing_failed(tiny: Rehearsal) -> bool:
    tables = ("account", "invoice", "membri_payment")
    return not [r for t in tables for r in tiny.membri.rows(t) if r["membri_syncerror"]]


@pytest.mark.parametrize("system", ["membri", "quickbooks_online"])
def test_once_says_which_system_is_unreachable_and_fails_no_record(
    tiny: Rehearsal, system: str
) -> None:
    port = tiny.described()[system]["url"].rpartition(":")[2]
    tiny.rewrite(f"localhost:{port}", "localhost:1")
    lines = told(tiny.run("once", "--json").expect(3))
    assert {"membri": "Membri", "quickbooks_online": "QuickBooks"}[system] in lines[0]
    assert nothing_failed(tiny)
    assert tiny.letters().all() == []


def test_once_says_that_the_broker_is_unreachable_and_fails_no_record(tiny: Rehearsal) -> None:
    tiny.rewrite(tiny.broker_url, "amqp://somebody:wordofpass@127.0.0.1:1/")
    [line] = told(tiny.run("once", "--json").expect(3))
    assert "RabbitMQ" in line
    assert "127.0.0.1:1" in line
    assert "wordofpass" not in line
    assert nothing_failed(tiny)


def test_once_does_not_wait_for_a_chapter_that_a_person_paused(tiny: Rehearsal) -> None:
    tiny.run("pause", "quebec", "--why", "fermeture de mois").expect(0)
    [line] = told(tiny.run("once", "--json").expect(3))
    assert "quebec is paused (fermeture de mois)" in line
    assert "membri-sync resume quebec" in line
    assert nothing_failed(tiny)


# --- a wrong configuration ----------------------------------------------------------------------

GOOD = """\
[membri]
url = "https://127.0.0.1:1"
client_id = "1b6a0f2e"
client_secret = "a-secret-of-membri"
[broker]
url = "amqp://127.0.0.1:1/"
[[chapters]]
name = "Montréal"
slug = "montreal"
system = "quickbooks_online"
[chapters.connection]
realm_id = "1"
client_id = "AB"
client_secret = "a-secret-of-intuit"
token_file = "token.json"
"""

Edit = Callable[[str], str]


def _swap(before: str, after: str) -> Edit:
    def edit(text: str) -> str:
        assert before in text
        return text.replace(before, after)

    return edit


MISTAKES: dict[str, tuple[Edit, str, str]] = {
    "not TOML": (_swap("[membri]", "[membri"), "", "not TOML"),
    "unknown key": (_swap("[broker]", "[broker]\nhost = 1"), "broker.host", "unknown key"),
    "unknown section": (_swap("[broker]", "[brokers]\n[broker]"), "brokers", "unknown key"),
    "missing key": (_swap('client_id = "1b6a0f2e"\n', ""), "membri.client_id", "missing"),
    "bad slug": (_swap('"montreal"', '"Montréal"'), "chapters.0.slug", "pattern"),
    "unknown system": (
        _swap('"quickbooks_online"', '"quickbook"'),
        "chapters.0.system",
        "quickbooks_online",
    ),
    "clear text to another machine": (
        _swap("amqp://127.0.0.1:1/", "amqp://broker.example.org/"),
        "broker.url",
        "amqps://",
    ),
    "clear text to Membri": (
        _swap("https://127.0.0.1", "http://crm.example.org"),
        "membri.url",
        "https://",
    ),
    "unknown key of the connector": (
        _swap("realm_id", "realm"),
        "chapters.0.connection.realm",
        "unknown key",
    ),
    "two secrets": (
        _swap('client_secret = "a-secret-of-m', 'client_secret_file = "x"\nclient_secret = "a-m'),
        "membri",
        "one of client_secret_file and client_secret",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_wrong_configuration_ends_with_2_and_names_file_key_and_what_is_expected(
    tmp_path: Path, mistake: str
) -> None:
    edit, key, expected = MISTAKES[mistake]
    file = tmp_path / "membri-sync.toml"
    file.write_text(edit(GOOD), encoding="utf-8")
    lines = told(membri_sync("--config", str(file), "check").expect(2))
    assert str(file) in "\n".join(lines)
    assert any(key in line and expected in line for line in lines), lines
    assert "a-secret-of" not in "\n".join(lines)


def test_a_missing_secret_file_ends_with_2_and_is_named_by_its_key(tiny: Rehearsal) -> None:
    secret = Path(tiny.described()["membri"]["client_secret_file"])
    secret.rename(secret.with_name("moved"))
    [line] = told(tiny.run("once").expect(2))
    assert "membri.client_secret_file" in line
    assert str(secret) in line
    assert nothing_failed(tiny)


def test_a_missing_configuration_ends_with_2_and_says_how_to_name_one(tmp_path: Path) -> None:
    file = tmp_path / "nothing.toml"
    [line] = told(membri_sync("once", "--config", str(file)).expect(2))
    assert str(file) in line
    assert "no such file" in line
    assert "--config" in line


@pytest.mark.parametrize(
    ("name", "value", "key", "expected"),
    [
        ("MEMBRI_SYNC__MEMBRI__POLL_INTERVAL_S", "soon", "membri.poll_interval_s", "number"),
        ("MEMBRI_SYNC__BROKER__URL", "https://x", "broker.url", "amqps://"),
        ("MEMBRI_SYNC__CHAPTERS__LAVAL__CONNECTION__REALM_ID", "9", "LAVAL", "no chapter"),
        ("MEMBRI_SYNC__NOTHING__OF_OURS", "1", "nothing", "unknown key"),
    ],
)
def test_a_wrong_override_of_the_environment_ends_with_2(
    tmp_path: Path, name: str, value: str, key: str, expected: str
) -> None:
    file = tmp_path / "membri-sync.toml"
    file.write_text(GOOD, encoding="utf-8")
    lines = told(membri_sync("--config", str(file), "once", variables={name: value}).expect(2))
    assert any(key in line and expected in line for line in lines), lines
