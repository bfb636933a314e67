"""The configuration: what it refuses and how it says so, overrides, paths, secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops import settings as config
from ops.settings import ConfigurationError, Settings
from tests.ops_configuration import SECRET, TEXT, settings, write

QUICKBOOKS = """
[[chapters]]
name = "Laval"
slug = "laval"
system = "quickbooks_online"
[chapters.connection]
client_id = "q"
client_secret = "s3cr3t-of-quickbooks"
token_file = "state/token.json"
"""


def without(line: str) -> str:
    assert line in TEXT
    return TEXT.replace(line, "")


def instead(old: str, new: str) -> str:
    assert old in TEXT
    return TEXT.replace(old, new, 1)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (instead("https://membri", "http://membri"), "membri.url: an https:// address is expected"),
        (without('url = "https://membri.example"\n'), "membri.url: missing"),
        (without('client_id = "client"\n'), "membri.client_id: missing"),
        (instead('client_id = "client"', 'client_id = ""'), "membri.client_id: "),
        (
            without(f'client_secret = "{SECRET}"\n'),
            "membri: one of client_secret_file and client_secret is expected",
        ),
        (
            instead('client_id = "client"', 'client_id = "client"\nclient_secret_file = "f"'),
            "membri: one of client_secret_file and client_secret is expected",
        ),
        (instead("[broker]", "poll_interval_s = 0\n[broker]"), "membri.poll_interval_s: "),
        (instead("[broker]", 'language = "de"\n[broker]'), "membri.language: "),
        (instead("[broker]", "colour = 1\n[broker]"), "membri.colour: unknown key"),
        (
            instead("amqp://user:broker-password@127.0.0.1:1/", "amqp://u:p@rabbit.example/"),
            "broker.url: an amqps:// address is expected",
        ),
        (TEXT + '[state]\nurl = "mysql://x"\n', "state.url: sqlite:///path or postgresql"),
        (TEXT + "[consumer]\nbatch_max = 0\n", "consumer.batch_max: "),
        (TEXT + "[consumer]\nlease_ttl_s = 1\n", "consumer.lease_ttl_s: "),
        (TEXT + "[metrics]\nport = 70000\n", "metrics.port: "),
        (TEXT + "[nonsense]\n", "nonsense: unknown key"),
        (instead('slug = "quebec"', 'slug = "Québec"'), "chapters.1.slug: "),
        (instead('slug = "quebec"', 'slug = "montreal"'), "two chapters have the slug 'montreal'"),
        (instead('name = "Québec"', 'name = "Montréal"'), "two chapters have the name 'Montréal'"),
        (
            instead('system = "reference"', 'system = "sagesse"'),
            "chapters.0.system: unknown accounting system 'sagesse'",
        ),
        (TEXT.split("[[chapters]]")[0], "chapters: missing"),
        (TEXT + "[chapters.connection]\nrealm = 1\n", "chapters.1.connection.realm: unknown key"),
        (TEXT + "[chapters.settings]\nreview = 'x'\n", "chapters.1.settings.review: "),
        ("[membri", "not TOML"),
    ],
)
def test_a_mistake_is_told_with_file_key_and_what_is_expected(
    tmp_path: Path, text: str, told: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        settings(tmp_path, text)
    lines = str(refused.value).splitlines()
    file = f"{tmp_path}/membri-sync.toml: "
    assert [line for line in lines if line.startswith(file) and told in line], lines


def test_every_mistake_is_told_in_one_go(tmp_path: Path) -> None:
    text = instead("https://membri", "ftp://membri") + "[metrics]\nport = -1\n[other]\n"
    with pytest.raises(ConfigurationError) as refused:
        settings(tmp_path, text)
    told = str(refused.value)
    assert len(told.splitlines()) == 3
    assert all(key in told for key in ("membri.url", "metrics.port", "other"))


def test_a_missing_file_names_itself_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.toml: no such file; name one with"):
        config.load(tmp_path / "nowhere.toml", {})


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "membri-sync.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        config.load(path, {})


def test_http_and_amqp_are_taken_on_this_machine_alone(tmp_path: Path) -> None:
    text = instead("https://membri.example", "http://localhost:1/")
    assert settings(tmp_path, text).membri.url == "http://localhost:1"
    assert settings(tmp_path).broker.address().startswith("amqp://")


def test_the_environment_overrides_any_section(tmp_path: Path) -> None:
    found = settings(
        tmp_path,
        MEMBRI_SYNC__BROKER__URL="amqps://other.example/",
        MEMBRI_SYNC__MEMBRI__POLL_INTERVAL_S="2.5",
        MEMBRI_SYNC__METRICS__PORT="0",
        MEMBRI_SYNC__MEMBRI__LOGIN_HOSTS='["login.example"]',
        MEMBRI_SYNC_CONFIG="not a value of the configuration",
        PATH="/bin",
    )
    assert found.broker.address() == "amqps://other.example/"
    assert found.membri.poll_interval_s == 2.5
    assert found.metrics.port == 0
    assert found.membri.login_hosts == ("login.example",)


def test_the_environment_names_a_chapter_by_its_slug(tmp_path: Path) -> None:
    text = TEXT.replace('slug = "quebec"', 'slug = "ville-de-quebec"')
    found = settings(
        tmp_path,
        text,
        MEMBRI_SYNC__CHAPTERS__VILLE_DE_QUEBEC__CONNECTION__COMPANY="Chez nous",
        MEMBRI_SYNC__CHAPTERS__VILLE_DE_QUEBEC__SETTINGS__REVIEW="true",
    )
    assert found.chapter("ville-de-quebec").connection == {"company": "Chez nous"}
    assert found.chapter("ville-de-quebec").settings.review is True
    assert found.chapter("montreal").connection == {}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("MEMBRI_SYNC__CHAPTERS__GATINEAU__NAME", "no chapter has the slug 'gatineau'"),
        ("MEMBRI_SYNC__MEMBRI__URL__HOST", "url is no section"),
        ("MEMBRI_SYNC__MEMBRI__UNKNOWN", "membri.unknown: unknown key"),
    ],
)
def test_an_override_without_a_place_is_refused(tmp_path: Path, name: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        settings(tmp_path, **{name: "x"})


def test_relative_paths_start_where_the_file_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    text = TEXT + QUICKBOOKS + '[state]\nurl = "sqlite:///books/ledger.db"\npoller = "p.db"\n'
    found = settings(tmp_path, text)
    assert found.state.url == f"sqlite:///{tmp_path}/books/ledger.db"
    assert found.state.poller == f"{tmp_path}/p.db"
    assert found.chapter("laval").connection["token_file"] == f"{tmp_path}/state/token.json"


def test_paths_that_nobody_named_start_where_the_file_lies_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    text = TEXT.replace('[broker]\nurl = "amqp://user:broker-password@127.0.0.1:1/"', "")
    found = settings(tmp_path, text)
    assert found.broker.folder == f"{tmp_path}/state/broker"
    assert found.state.url == f"sqlite:///{tmp_path}/state/ledger.db"
    assert found.state.poller == f"{tmp_path}/state/poller.db"


def test_absolute_paths_stay(tmp_path: Path) -> None:
    text = TEXT + '[state]\nurl = "sqlite:////var/ledger.db"\n'
    assert settings(tmp_path, text).state.url == "sqlite:////var/ledger.db"


def test_secrets_are_in_no_representation(tmp_path: Path) -> None:
    found = settings(tmp_path, TEXT + QUICKBOOKS)
    for shown in (repr(found), str(found), repr(found.chapters), repr(found.broker)):
        for secret in (SECRET, "broker-password", "s3cr3t-of-quickbooks"):
            assert secret not in shown


@pytest.mark.parametrize(
    "text",
    [
        instead("amqp://user:broker-password@127.0.0.1:1/", "amqp://u:broker-password@far/"),
        instead("https://membri", "http://membri") + QUICKBOOKS.replace("token_file", "nonsense"),
        instead(f'client_secret = "{SECRET}"', f'client_secret = ["{SECRET}"]'),
        TEXT + QUICKBOOKS.replace('"s3cr3t-of-quickbooks"', '["s3cr3t-of-quickbooks"]'),
    ],
)
def test_secrets_are_in_no_refusal(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        settings(tmp_path, text)
    shown = str(refused.value) + repr(refused.value)
    assert refused.value.__cause__ is None
    for secret in (SECRET, "broker-password", "s3cr3t-of-quickbooks"):
        assert secret not in shown


def test_a_secret_is_read_from_its_file_without_the_line_end(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from the file\n")
    text = TEXT.replace(f'client_secret = "{SECRET}"', 'client_secret_file = "secret"')
    assert settings(tmp_path, text).membri.secret() == "from the file"


@pytest.mark.parametrize(("content", "told"), [(None, "FileNotFoundError"), (" \n", "is empty")])
def test_a_secret_file_that_is_missing_or_empty_is_named(
    tmp_path: Path, content: str | None, told: str
) -> None:
    if content is not None:
        (tmp_path / "secret").write_text(content)
    text = TEXT.replace(f'client_secret = "{SECRET}"', 'client_secret_file = "secret"')
    with pytest.raises(ConfigurationError, match=rf"membri\.client_secret_file: .*{told}"):
        settings(tmp_path, text).membri.secret()


def test_the_broker_address_may_lie_in_a_file_and_is_checked_there_too(tmp_path: Path) -> None:
    text = TEXT.replace('url = "amqp://user:broker-password@127.0.0.1:1/"', 'url_file = "url"')
    found = settings(tmp_path, text)
    assert found.broker.configured
    (tmp_path / "url").write_text("amqps://u:p@far.example/\n")
    assert found.broker.address() == "amqps://u:p@far.example/"
    (tmp_path / "url").write_text("amqp://u:p4ssw0rd@far.example/\n")
    with pytest.raises(ConfigurationError, match=r"broker\.url_file: an amqps://") as refused:
        found.broker.address()
    assert "p4ssw0rd" not in str(refused.value)


def test_a_chapter_is_found_by_slug_or_name_and_else_the_known_ones_are_named(
    tmp_path: Path,
) -> None:
    found = settings(tmp_path)
    assert found.chapter("Montréal") is found.chapter("montreal")
    with pytest.raises(ConfigurationError, match=r"no chapter 'laval' .* known: montreal, quebec"):
        found.chapter("laval")


def test_limits_of_the_consumer_come_from_the_configuration(tmp_path: Path) -> None:
    text = TEXT + "[consumer]\nbatch_max = 7\nretry_max = 3\ndead_letter_run_max = 5\n"
    limits = settings(tmp_path, text).consumer.limits()
    assert (limits.batch_max, limits.policy.retry_max, limits.dead_letter_run_max) == (7, 3, 5)


def test_a_started_broker_completes_the_settings(tmp_path: Path) -> None:
    found: Settings = config.complete(config.load(write(tmp_path), {}), "amqp://127.0.0.1:5/")
    assert found.broker.address() == "amqp://127.0.0.1:5/"
    assert found.chapters == settings(tmp_path).chapters


def test_a_consumer_needs_no_membri_section_and_whoever_needs_it_says_so(tmp_path: Path) -> None:
    without = TEXT[: TEXT.index("[membri]")] + TEXT[TEXT.index("[[chapters]]") :]
    found = settings(tmp_path, without)
    assert found.chapter("montreal").slug == "montreal"
    with pytest.raises(ConfigurationError, match="membri: missing"):
        _ = found.membri


def test_a_secret_of_the_environment_stands_in_for_the_file(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("of the file", encoding="utf-8")
    text = instead(f'client_secret = "{SECRET}"', f'client_secret_file = "{kept}"')
    override = {"MEMBRI_SYNC__MEMBRI__CLIENT_SECRET": "of the environment"}
    found = config.load(write(tmp_path, text), override)
    assert found.membri.secret() == "of the environment"


def test_a_mistake_in_a_chapter_is_told_alone(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        settings(tmp_path, TEXT.replace('slug = "montreal"', 'slug = "Montréal !"'))
    assert len(str(caught.value).splitlines()) == 1
